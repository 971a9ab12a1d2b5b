#!/bin/sh
# sizes.sh MEGABYTES FILE...: prints the files' sizes, and complains about files larger than MEGABYTES. With CI=true it
# fails then.
set -eu
limit=$1 status=0
shift
for file; do
  bytes=$(stat -L -c %s "$file")
  printf '%s: %d.%d MB\n' "$file" $((bytes / 1000000)) $((bytes / 100000 % 10))
  if [ "$bytes" -gt $((limit * 1000000)) ]; then
    echo "$file is larger than $limit MB (SIZE_LIMIT): are the CUDA kernels compressed?" >&2
    [ "${CI:-}" != true ] || status=1
  fi
done
exit $status
