#!/bin/bash
# gpu-check.sh: all that only a GPU can prove: every test on it, compute-sanitizer over the tests of kernels, and the
# network's time. Builds for that GPU alone, in build/. Goes on after a part that failed; exits with 2 where there is no
# GPU. CUDET_SHARED: where real weights and golden values are; without them, tests say what is not proved.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
unset MAKEFLAGS MFLAGS MAKELEVEL  # as in emulator.sh
export CUDET_SHARED=${CUDET_SHARED:-../shared}

gpu=$(nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader 2>/dev/null | head -n 1) || gpu=
capability=${gpu##*, }
if [[ ! $capability =~ ^[0-9]+\.[0-9]$ ]]; then
  echo "gpu-check: there is no GPU here (nvidia-smi names none)"
  exit 2
fi
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
if [ ! -x "$nvcc" ]; then
  echo "gpu-check: there is a GPU ($gpu), but no nvcc to build for it"
  exit 2
fi
export NVCC=$nvcc CUDA=yes CUDA_ARCHS=${capability/./}
echo "gpu-check: $gpu"

table="" status=0
line() { table+=$(printf '%-22s %-8s %6s  %s' "$@")$'\n'; }
# What goes into the table of what a program says: counts of tests, or the network's times.
summary() {
  awk '/^[0-9]+ passed, [0-9]+ failed/ { said = $0 }
    /^fp(32|16) / { said = said (said ? "; " : "") ($3 + 0 > 0 ? $1 " p50 " $4 ", p90 " $5 " ms" : $0) }
    END { print said }' "$1"
}
part() {  # NAME COMMAND...
  local name=$1 start=$SECONDS verdict=passed log
  shift
  log=$(mktemp)
  echo "== $name"
  "$@" 2>&1 | tee "$log" || { verdict=FAILED status=1; }
  line "$name" $verdict "$((SECONDS - start)) s" "$(summary "$log")"
  rm -f "$log"
}
not_run() { echo "NOT RUN: $1: $2" && line "$1" "NOT RUN" "" "$2"; }

build() { make deps && make all build/tests build/tests-of-cuda build/network-time; }
part build build
if [ $status != 0 ]; then
  printf '\n%s' "$table"
  exit 1
fi
part cuda build/tests-of-cuda --gtest_brief=1
part tests build/tests --gtest_brief=1

sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$(realpath "$nvcc")")/compute-sanitizer")
for tool in memcheck racecheck initcheck synccheck; do
  if [ -x "$sanitizer" ]; then
    part $tool "$sanitizer" --tool $tool --error-exitcode 9 \
      build/tests-of-cuda --gtest_brief=1 --gtest_filter='-*WholeNetwork*'
  else
    not_run $tool "compute-sanitizer is not there"
  fi
done

models=("")
for network in yolov8n yolov8n-dysample; do
  [ -f "$CUDET_SHARED/weights/$network.pt" ] || continue
  mkdir -p build/gpu-check
  build/convert --quiet "$CUDET_SHARED/weights/$network.pt" -o build/gpu-check/$network.json || { status=1; continue; }
  models+=("build/gpu-check/$network.json")
done
[ ${#models[@]} = 1 ] || models=("${models[@]:1}")
for model in "${models[@]}"; do
  part "time $(basename "${model:-YOLOv8n, random}" .json)" build/network-time ${model:+"$model"}
done

printf '\n%s\n%s' "$gpu" $'\n'"$table"
exit $status
