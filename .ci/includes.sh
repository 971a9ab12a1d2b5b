#!/bin/bash
# includes.sh FILE...: fails unless each include of a project header is a path from the root, names an existing file, and
# keeps the order apps -> runtime -> layers -> kernels. An app may include its own folder and app folders without a
# main.cpp. detect is an example of the public API, so of the runtime it may include only that.
set -euo pipefail
status=0
complain() { echo "$1:$2: #include \"$3\" $4"; status=1; }
while IFS=: read -r file line text; do
  [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*\"([^\"]+)\" ]] || continue
  header=${BASH_REMATCH[1]}
  [[ $header != hwy/* ]] || continue  # written with quotes, as in Highway's manual
  if [[ ! -f $header ]]; then
    complain "$file" "$line" "$header" "is not the path of a file from the root"
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
    [[ $from == "$app" || ! -f apps/$app/main.cpp ]] || complain "$file" "$line" "$header" "belongs to another program"
  fi
done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$@" /dev/null)
exit $status
