#!/bin/bash
# gpu-check.sh: the checks that need a GPU: all tests, compute-sanitizer on the tests of kernels, and the time of each
# network and convolution, with cuDNN's for comparison if it is installed. Builds for this GPU only, in build/. Continues
# after a failed part; exits with 2 if there is no GPU. CUDET_SHARED is the folder of real weights and golden values;
# without it, the tests that need them are skipped and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
unset MAKEFLAGS MFLAGS MAKELEVEL  # as in emulator.sh
export CUDET_SHARED=${CUDET_SHARED:-../shared}

gpu=$(nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader 2>/dev/null | head -n 1) || gpu=
capability=${gpu##*, }
if [[ ! $capability =~ ^[0-9]+\.[0-9]$ ]]; then
  echo "gpu-check: no GPU found (nvidia-smi names none)"
  exit 2
fi
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
if [ ! -x "$nvcc" ]; then
  echo "gpu-check: found a GPU ($gpu), but no nvcc"
  exit 2
fi
export NVCC=$nvcc CUDA=yes CUDA_ARCHS=${capability/./}
echo "gpu-check: $gpu"

table="" status=0
line() { table+=$(printf '%-22s %-8s %6s  %s' "$@")$'\n'; }
# The part of a program's output that goes into the table: counts of tests, or the network's times.
summary() {
  awk '/^[0-9]+ passed, [0-9]+ failed/ { said = $0 }
    /^network +[0-9.]+ ms/ { said = "p50 " $2 ", p90 " $7 " ms" }
    /^as a graph +[0-9.]+ ms/ { said = said "; as a graph p50 " $4 " ms" }
    /^without a graph +[0-9.]+ ms/ { said = said "; without a graph p50 " $4 " ms" }
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

build() { make deps && make all build/tests build/tests-of-cuda; }
part build build
if [ $status != 0 ]; then
  printf '\n%s' "$table"
  exit 1
fi
part cuda build/tests-of-cuda --gtest_brief=1
part launches env PERSISTENT_LAUNCHES=20000 build/tests-of-cuda --gtest_brief=1 --gtest_filter='PersistentCudaLaunches.*'
part tests build/tests --gtest_brief=1

sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$(realpath "$nvcc")")/compute-sanitizer")
for tool in memcheck racecheck initcheck synccheck; do
  if [ -x "$sanitizer" ]; then
    part $tool "$sanitizer" --tool $tool --error-exitcode 9 \
      build/tests-of-cuda --gtest_brief=1 --gtest_filter='-*WholeNetwork*'
  else
    not_run $tool "compute-sanitizer is not installed"
  fi
done

models=(weights/codes.json)
for network in yolov8n yolov8n-dysample; do
  [ -f "$CUDET_SHARED/weights/$network.pt" ] || continue
  mkdir -p build/gpu-check
  build/convert --quiet "$CUDET_SHARED/weights/$network.pt" -o build/gpu-check/$network.json || { status=1; continue; }
  models+=("build/gpu-check/$network.json")
done
for model in "${models[@]}"; do
  for precision in fp32 fp16; do
    name="time $(basename "$model" .json) $precision"
    if [ $precision = fp16 ] && ((${capability/./} < 80)); then
      not_run "$name" "it needs compute capability 8.0"
    else
      part "$name" build/bench "$model" --device cuda --precision $precision --layers --runs 200
    fi
  done
done

printf '\n%s\n%s' "$gpu" $'\n'"$table"
exit $status
