#!/bin/bash
# shards.sh N PROGRAM [ARGUMENT...]: runs a program of GoogleTest tests in N processes, each with a share of the tests.
# Prints what each process printed, one after the other. The last line counts the tests of all.
set -euo pipefail
shards=$1
shift
work=$(mktemp -d)
pids=()
clean() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

for ((shard = 0; shard < shards; ++shard)); do
  GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$shard "$@" >"$work/$shard.out" 2>"$work/$shard.err" &
  pids+=($!)
done
status=0 passed=0 failed=0 skipped=0
for ((shard = 0; shard < shards; ++shard)); do
  code=0
  wait "${pids[shard]}" || code=$?
  count=$(tail -n 1 "$work/$shard.out")
  if [[ $count =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    sed -i '$d' "$work/$shard.out"
    # A process that has no tests to run fails, which is right only if all of them have none.
    [[ $count != "0 passed, 0 failed, 0 skipped" ]] || code=0
  else
    echo "shards.sh: process $shard ended with status $code before it counted its tests" >>"$work/$shard.err"
    failed=$((failed + 1)) code=1
  fi
  ((code == 0)) || status=1
  cat "$work/$shard.out"
  cat "$work/$shard.err" >&2
done
pids=()
((passed + failed + skipped > 0)) || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit $status
