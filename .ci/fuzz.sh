#!/bin/bash
# fuzz.sh PROGRAM SECONDS: runs a fuzz target and prints the result in one line. The seeds of NAME_fuzz are the files in
# tests/data whose extension is NAME or a word of NAME, or whose folder's name starts with one. The corpus, the log and
# failing inputs are kept beside the program.
set -euo pipefail
program=$1 seconds=$2
name=$(basename "$program" _fuzz)
rm -rf "$program.seeds"
mkdir -p "$program.corpus" "$program.seeds"
for word in ${name//_/ }; do
  find tests/data -type f -size -128k \( -name "*.$word" -o -path "*/$word*/*" \) -exec cp --backup=numbered -t "$program.seeds" {} +
done
# -len_control=0: short inputs first would spend a run of seconds on files that end after their first bytes.
start=$SECONDS
if ! "$program" -max_total_time="$seconds" -timeout=10 -len_control=0 -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1 \
  -artifact_prefix="$program." "$program.corpus" "$program.seeds" >"$program.log" 2>&1 </dev/null; then
  tail -n 60 "$program.log" >&2
  echo "fuzz: $name FAILED; the failing input is beside $program" >&2
  exit 1
fi
runs=$(awk '/stat::number_of_executed_units/ {print $2}' "$program.log")
coverage=$(awk '/ cov: / {for (i = 1; i < NF; ++i) if ($i == "cov:") c = $(i + 1)} END {print c + 0}' "$program.log")
seeds=$(find "$program.seeds" -type f | wc -l)
echo "fuzz: $name passed: $runs inputs from $seeds seeds in $((SECONDS - start)) s, $coverage edges"
