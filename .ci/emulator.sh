#!/bin/bash
# emulator.sh: runs the kernels compiled by nvcc on the emulated CUDA device of the shared folder, which interprets PTX and
# reports races between warps and between blocks, and reads of uninitialized memory. Compute capability 8.0, and 7.5,
# whose kernels do not use cp.async.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${CUDET_SHARED:-../shared}
not_run() { echo "NOT RUN: $*"; }
# Do not share the jobs of the make that calls this. Variables from its command line are in the environment.
unset MAKEFLAGS MFLAGS MAKELEVEL

nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
if [ ! -f "$shared/emulator/Makefile" ]; then
  not_run "the kernels on the emulated device: $shared/emulator does not exist (CUDET_SHARED)"
  exit
fi
if [ ! -x "$nvcc" ]; then
  not_run "the kernels on the emulated device: nvcc is not installed"
  exit
fi

start=$SECONDS
took() { printf '%-40s %4d s\n' "emulator: $1" $((SECONDS - start)) && start=$SECONDS; }
device=$PWD/build/emulator
mkdir -p "$device"
if ! make -s -j"$(nproc)" -C "$shared/emulator" NVCC="$nvcc" B="$device" >"$device/log" 2>&1; then
  cat "$device/log" >&2
  exit 1
fi
took "the device is built"
# A separate configuration with PTX only, without machine code, and with less optimized host code, to compile faster.
# EMULATED=build: use the release, which is already built with this PTX.
programs=${EMULATED:-build/emulated}
export CUDA_PTX="75 80" CUDART=shared
if [ "$programs" = build ]; then
  make CUDA=yes NVCC="$nvcc" build/tests-of-cuda build/detect build/bench build/convolutions
else
  make CONFIG=emulated CUDA=yes CUDA_ARCHS= NVCC="$nvcc" OPTIMIZE=-O1 \
    $programs/tests-of-cuda $programs/detect $programs/bench $programs/convolutions
fi
took "the programs are built"

export LD_LIBRARY_PATH=$device${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} EMU_CC=8.0 EMU_THREADS
EMU_THREADS=$(nproc)
EMU_CHECK=race,init,grace $programs/tests-of-cuda --gtest_brief=1 --gtest_filter='-*WholeNetwork*'
took "tests, every check"
# Quietly, because all tests of fp16 are skipped there.
if ! EMU_CC=7.5 $programs/tests-of-cuda --gtest_brief=1 --gtest_filter='-*WholeNetwork*' >"$device/log" 2>&1; then
  cat "$device/log" >&2
  exit 1
fi
tail -n 1 "$device/log"
took "tests, capability 7.5"

# near CPU CUDA PIXELS SCORE: succeeds if two tables of detections have the same boxes within PIXELS and SCORE. A box with a
# score below 0.28 may be missing in one of them, since the threshold is 0.25.
near() {
  awk -F, -v pixels="$3" -v score="$4" '
    function apart(a, b) { return a > b ? a - b : b - a }
    FNR == 1 { file++; next }
    { count[file]++ }
    { for (f = 2; f <= 8; f++) value[file, count[file], f] = $f }
    { for (f = 4; f <= 8; f++) broken += $f !~ /^-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/ }
    function unmatched(of, among,  i, j, f, found, many) {
      for (i = 1; i <= count[of]; i++) {
        found = value[of, i, 4] < 0.28
        for (j = 1; j <= count[among] && !found; j++) {
          found = value[of, i, 2] == value[among, j, 2] && apart(value[of, i, 4], value[among, j, 4]) <= score
          for (f = 5; f <= 8; f++) found = found && apart(value[of, i, f], value[among, j, f]) <= pixels
        }
        many += !found
      }
      return many + 0
    }
    END { exit !(count[1] >= 5 && !broken && unmatched(1, 2) + unmatched(2, 1) == 0) }' "$1" "$2"
}
tables=build/emulator/tables
mkdir -p $tables
boxes() { $programs/detect --no-draw --quiet --csv - weights/demo/conveyor.jpg "$@"; }
boxes --device cpu >$tables/cpu.csv
for how in "8.0 fp32 0.01 0.0001" "7.5 fp32 0.01 0.0001" "8.0 fp16 1.5 0.02"; do
  read -r capability precision pixels score <<<"$how"
  EMU_CC=$capability boxes --device cuda --precision "$precision" >$tables/cuda.csv
  if ! near $tables/cpu.csv $tables/cuda.csv "$pixels" "$score"; then
    echo "emulator: detect finds other boxes in $precision at compute capability $capability than on the CPU:" >&2
    cat $tables/cpu.csv $tables/cuda.csv >&2
    exit 1
  fi
  took "detect, $precision, capability $capability"
done
$programs/tests-of-cuda --gtest_brief=1 --gtest_filter='WholeNetworkCudaOwn.*'
took "the bundled network's golden values"
if ! $programs/bench --device cuda --precision fp16 --imgsz 64 --layers >"$device/log" 2>&1 ||
  ! grep -q '`make counts` tells' "$device/log"; then
  cat "$device/log" >&2
  exit 1
fi
took "bench"

if [ -f "$shared/weights/yolov8n.pt" ]; then
  $programs/tests-of-cuda --gtest_brief=1 --gtest_filter='*WholeNetworkCuda.RawOutput/0:*WholeNetworkCuda.HalfPrecision/1'
  took "real networks"
else
  not_run "real networks on the emulated device: $shared/weights does not exist (CUDET_SHARED)"
fi
