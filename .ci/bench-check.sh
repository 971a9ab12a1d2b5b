#!/bin/bash
# bench-check.sh baseline|check BENCH [MODEL]: stores how fast the network and its steps are, or compares with that.
#
# Five runs of the program before and five after: what a process happens to get (pages, caches, a neighbour's traffic)
# lasts as long as it, so that one process is often a few per cent slower throughout than the next of the same program,
# which no number of samples within it tells. Slower is what is slower in each of the five than in each of the others,
# which chance alone makes of a step once in 252 times; and by more than SLOWER=5 per cent, which is more than moving
# code about does to a step, and less than a lost optimisation.
#
# Exit status: 0 nothing is slower; 1 something is; 2 not judged, and why: no baseline, another machine's, a busy machine.
set -euo pipefail
mode=$1 bench=$2
model=("${@:3}")
folder=$(dirname "$bench")/bench-results
runs=5 attempts=3

# Results of this program, none on a busy machine: as comparing a result with itself tells.
measure() {  # NAME
  mkdir -p "$folder"
  for run in $(seq $runs); do
    local result="$folder/$1-$run.json" attempt=1
    until { "$bench" --layers "${model[@]}" --json "$result" >/dev/null || exit 2; } &&
      "$bench" --from "$result" --compare "$result" --fail-if-slower 0 >/dev/null; do
      [ $attempt -lt $attempts ] || exit 2
      attempt=$((attempt + 1))
      sleep 5
    done
    echo "bench-check: run $run of $runs" >&2
  done
}

if [ "$mode" = baseline ]; then
  measure new
  for run in $(seq $runs); do mv "$folder/new-$run.json" "$folder/baseline-$run.json"; done
  echo "the baseline is in $folder"
  exit
fi

results=()
for run in $(seq $runs); do
  if [ ! -f "$folder/baseline-$run.json" ]; then
    echo "bench-check: there is no baseline in $folder: run make bench-baseline on what to compare with" >&2
    exit 2
  fi
  results+=(--compare "$folder/baseline-$run.json" --from "$folder/now-$run.json")
done
measure now
"$bench" "${results[@]}" --fail-if-slower "${SLOWER:-5}"
