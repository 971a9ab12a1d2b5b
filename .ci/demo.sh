#!/bin/sh
# demo.sh PROGRAMS SETTINGS: detects in the images of weights/demo, on the GPU if PROGRAMS were built for one (SETTINGS is
# the record of the build) and nvidia-smi names one. Says on which device it ran, and what to try next.
set -eu
programs=$1
gpu=$(nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | sed -n 's/, \([0-9.]*\)$/ (compute capability \1)/p') || gpu=
# --agnostic: a code has one class.
detect() { "$programs/detect" --agnostic --out out --device "$1" weights/demo; }

if [ -z "$gpu" ]; then
  detect cpu
  ran="on the CPU, because nvidia-smi names no GPU"
elif ! grep -q CUDA=yes "$2"; then
  detect cpu
  ran="on the CPU, because detect was built without CUDA; for $gpu, nvcc of CUDA 12 or later is needed"
elif detect cuda; then
  ran="on $gpu"
else
  detect cpu
  ran="on the CPU, because CUDA failed on $gpu"
fi
cat <<END

The demo ran $ran.
The images are in weights/demo, with boxes in out. The model, weights/codes.json, finds barcodes and 2D codes.
  your image:  $programs/detect photo.jpg
  your model:  $programs/detect --model best.pt photo.jpg
END
