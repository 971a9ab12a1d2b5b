#!/bin/bash
# bench-check.sh baseline|check BENCH [MODEL]: times the network and its steps and stores the times, or compares with them.
#
# Runs the program five times for the baseline and five times for the check. Page placement, caches and other processes
# affect a whole process, so one run is often a few per cent slower throughout than the next run of the same program, and
# more samples within a run do not show that. A step counts as slower if it is slower in each of the five new runs than in
# each of the old, which happens by chance once in 252 times, and by more than SLOWER=5 per cent, which is more than the
# effect of moved code and less than a lost optimisation.
#
# Exit status: 0 nothing is slower; 1 something is; 2 not judged, with the reason: no baseline, a baseline of another
# machine, or a busy machine.
set -euo pipefail
mode=$1 bench=$2
model=("${@:3}")
folder=$(dirname "$bench")/bench-results
runs=5 attempts=3

# Times the program, again if the machine was busy. Comparing a result with itself fails if it was.
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
    echo "bench-check: no baseline in $folder: run make bench-baseline on the version to compare with" >&2
    exit 2
  fi
  results+=(--compare "$folder/baseline-$run.json" --from "$folder/now-$run.json")
done
measure now
"$bench" "${results[@]}" --fail-if-slower "${SLOWER:-5}"
