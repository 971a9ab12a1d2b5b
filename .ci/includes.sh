#!/bin/bash
# includes.sh FILE...: whether each include of ours is written from the root, names a file that is there, and points one
# way: apps -> runtime -> layers -> kernels. An app sees its own folder and those that have no main; detect, which shows
# what the public API can do, sees only that of the runtime.
set -euo pipefail
status=0
complain() { echo "$1:$2: #include \"$3\" $4"; status=1; }
while IFS=: read -r file line text; do
  [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\"([^\"]+)\" ]] || continue
  header=${BASH_REMATCH[1]}
  [[ $header != hwy/* ]] || continue  # as Highway's own manual has it
  if [[ ! -f $header ]]; then
    complain "$file" "$line" "$header" "names no file, seen from the root"
    continue
  fi
  may="" to="${header%%/*}/"
  case $file in
    kernels/*) may="kernels/" ;;
    layers/*) may="kernels/ layers/" ;;
    runtime/*) may="kernels/ layers/ runtime/" ;;
    apps/detect/*) may="apps/ runtime/cudet.h kernels/error.h kernels/frame.h" ;;
    apps/*) may="kernels/ layers/ runtime/ apps/" ;;
    tests/*) may="kernels/ layers/ runtime/ apps/ tests/" ;;
  esac
  [[ " $may " == *" $to "* || " $may " == *" $header "* ]] || complain "$file" "$line" "$header" "points the wrong way"
  if [[ $file == apps/* && $header == apps/* ]]; then
    from=$(cut -d/ -f2 <<<"$file") app=$(cut -d/ -f2 <<<"$header")
    [[ $from == "$app" || ! -f apps/$app/main.cpp ]] || complain "$file" "$line" "$header" "is another program's"
  fi
done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$@" /dev/null)
exit $status
