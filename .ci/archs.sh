#!/bin/bash
# archs.sh NVCC FILE.cu...: compiles device code, with warnings as errors, for every compute capability from 7.5 on that
# nvcc supports, and prints one line per capability. Links nothing and keeps nothing.
set -euo pipefail
nvcc=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export nvcc flags="-std=c++17 -O3 -I. -Werror all-warnings"
for_each() {  # COMMAND FILE...: runs COMMAND once per file, $1 the file, $2 the prefix of its outputs; one process per core
  local command=$1 file
  shift
  for file; do printf '%s\0%s\0' "$file" "$work/${file//\//-}"; done |
    xargs -0 -n 2 -P "$(nproc)" bash -c "$command" for_each
}

status=0 have=0
for arch in $("$nvcc" --list-gpu-code | sed -n 's/^sm_//p' | sort -n); do
  ((arch >= 75)) || continue
  start=$SECONDS verdict=passed
  # As in the Makefile: the PTX is the same for 80 to 90, and for all from 100 on.
  export arch compute=$((arch >= 100 ? 100 : arch >= 80 ? 80 : 75))
  if ((compute != have)); then
    have=$compute
    for_each '"$nvcc" $flags -arch=compute_$compute -ptx "$1" -o "$2.ptx"' "$@" || have=0 verdict=FAILED
  fi
  [ $verdict = FAILED ] ||
    for_each '"$nvcc" $flags -arch=sm_$arch -cubin "$2.ptx" -o "$2.cubin"' "$@" || verdict=FAILED
  [ $verdict = passed ] || status=1
  printf 'sm_%-4s %s %4d s\n' "$arch" $verdict $((SECONDS - start))
done
exit $status
