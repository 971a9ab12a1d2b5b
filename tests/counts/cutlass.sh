#!/bin/bash
# cutlass.sh NVCC EMULATOR-FOLDER SCRATCH-FOLDER: counts warp instructions of CUTLASS's implicit GEMM with two tile
# sizes, on the emulated device as an A100. Installs CUTLASS's headers from PyPI into the scratch folder.
set -euo pipefail
nvcc=$1 emulator=$2 scratch=$3
cd "$(dirname "$0")"
[ -d "$scratch/venv" ] || python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" -q install --no-deps nvidia-cutlass
headers=$(echo "$scratch"/venv/lib/python3*/site-packages/cutlass_library/source/include)
"$nvcc" -std=c++17 -O3 --expt-relaxed-constexpr -isystem "$headers" --cudart shared \
  -gencode arch=compute_80,code=compute_80 -w -o "$scratch/cutlass" cutlass.cu
export LD_LIBRARY_PATH=$emulator EMU_CC=8.0 EMU_SMS=108 EMU_STATS=$scratch/stats.json
printf '| convolution | 128x64x32 | 64x64x64 |\n|---|---|---|\n'
while read -r side c k kernel; do
  counts=()
  for tile in 0 1; do
    "$scratch/cutlass" $tile "$side" "$side" "$c" "$k" "$kernel"
    counts+=("$(grep -oE '"warp_insts": *[0-9]+' "$EMU_STATS" | awk '{ sum += $2 } END { print sum }')")
  done
  echo "| ${side}x$side C$c-$k ${kernel}x$kernel/1 | ${counts[0]} | ${counts[1]} |"
done <<'SHAPES'
160 32 32 1
80 64 64 3
40 128 64 3
20 256 256 1
20 128 128 3
SHAPES
