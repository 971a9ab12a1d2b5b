#!/bin/bash
# .ci/shards.sh with a program that stands for one of tests.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/tests" <<'END'
#!/bin/bash
# Prints COUNTS[shard] as its counts and exits with CODES[shard].
counts=($COUNTS) codes=($CODES)
echo "shard $GTEST_SHARD_INDEX of $GTEST_TOTAL_SHARDS: $*"
count=${counts[GTEST_SHARD_INDEX]}
[ "$count" = none ] || echo "${count//_/ }"
exit "${codes[GTEST_SHARD_INDEX]}"
END
chmod +x "$work/tests"
expect() {  # CODE LAST-LINE
  local code=0
  .ci/shards.sh 2 "$work/tests" --argument >"$work/out" 2>"$work/err" || code=$?
  if [ $code != "$1" ] || [ "$(tail -n 1 "$work/out")" != "$2" ] || [ "$(grep -c -- 'of 2: --argument' "$work/out")" != 2 ]; then
    echo "shards.sh with COUNTS='$COUNTS' CODES='$CODES' exits with $code, not $1, or ends in another line than '$2':"
    cat "$work/out" "$work/err"
    exit 1
  fi
}
export COUNTS CODES
COUNTS="3_passed,_0_failed,_1_skipped 4_passed,_0_failed,_0_skipped" CODES="0 0" expect 0 "7 passed, 0 failed, 1 skipped"
COUNTS="3_passed,_1_failed,_1_skipped 4_passed,_0_failed,_0_skipped" CODES="1 0" expect 1 "7 passed, 1 failed, 1 skipped"
# A report of a sanitizer.
COUNTS="3_passed,_0_failed,_0_skipped 4_passed,_0_failed,_0_skipped" CODES="0 99" expect 1 "7 passed, 0 failed, 0 skipped"
# A crash.
COUNTS="3_passed,_0_failed,_0_skipped none" CODES="0 139" expect 1 "3 passed, 1 failed, 0 skipped"
COUNTS="none 1_passed,_0_failed,_0_skipped" CODES="0 0" expect 1 "1 passed, 1 failed, 0 skipped"
# A filter that leaves one process without tests, and one that matches nothing.
COUNTS="1_passed,_0_failed,_0_skipped 0_passed,_0_failed,_0_skipped" CODES="0 1" expect 0 "1 passed, 0 failed, 0 skipped"
COUNTS="0_passed,_0_failed,_0_skipped 0_passed,_0_failed,_0_skipped" CODES="1 1" expect 1 "0 passed, 0 failed, 0 skipped"
