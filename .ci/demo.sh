#!/bin/sh
# demo.sh PROGRAMS: detects in the pictures of weights/demo, and says what was done and what to try next.
set -eu
"$1/detect" --agnostic --out out weights/demo  # agnostic: a code is of one class
cat <<END

The pictures: weights/demo; with their boxes: out. The model, weights/codes, finds barcodes and 2D codes.
  a picture of yours:  $1/detect photo.jpg
  a model of yours:    $1/convert best.pt -o best && $1/detect --model best.json photo.jpg
END
