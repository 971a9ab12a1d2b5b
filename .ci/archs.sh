#!/bin/bash
# archs.sh NVCC FILE.cu...: compiles device code, without a warning, for every compute capability from 7.5 on that this
# nvcc knows; a line each. Nothing is linked, and nothing is kept.
set -euo pipefail
nvcc=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export nvcc flags="-std=c++17 -O3 -lineinfo -I. -Werror all-warnings"
for_each() {  # COMMAND FILE...: runs it with $1 a file and $2 what names its results; as many at once as there are cores
  local command=$1 file
  shift
  for file; do printf '%s\0%s\0' "$file" "$work/${file//\//-}"; done |
    xargs -0 -n 2 -P "$(nproc)" bash -c "$command" for_each
}

status=0 have=0
for arch in $("$nvcc" --list-gpu-code | sed -n 's/^sm_//p' | sort -n); do
  ((arch >= 75)) || continue
  start=$SECONDS verdict=passed
  # As in the Makefile: PTX is the same for all from 80 to 90, and for all from 100 on.
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
