#!/bin/bash
# train.sh CONVERT: trains, exports with the program CONVERT (build/convert), and generates weights/demo, the golden
# values and offsets.jpg. Environment variables: PICTURES, DEVICE, THREADS. Resumes a training that was interrupted.
set -euo pipefail
here=$(dirname "$0")
python=${PYTHON:-python3} out=build/train/run
common=(--device "${DEVICE:-cpu}" --threads "${THREADS:-$(nproc)}")
"$python" "$here/train.py" train "${common[@]}" --out $out --pictures "${PICTURES:-65000}" --decay 0.45 --resume
"$python" "$here/train.py" validate "${common[@]}" --start $out/last.pt
"$python" "$here/train.py" export --start $out/last.pt --size 320 --convert "$1"
"$python" "$here/demo.py"
"$python" "$here/shipped.py" golden
"$python" "$here/shipped.py" offsets
