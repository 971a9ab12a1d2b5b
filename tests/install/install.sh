#!/bin/bash
# Installs into a temporary folder, then compiles the first C++ program of runtime/README.md against that, with the shared
# and with the static library, as pkg-config says, and runs it on a small model called best.json.
set -euo pipefail
root=$PWD
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make DESTDIR="$stage" PREFIX=/opt/cudet install >"$stage/log" 2>&1 || { cat "$stage/log"; exit 1; }

prefix=$stage/opt/cudet
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$stage
mkdir "$stage/user"
cd "$stage/user"
awk '/^```/ {if (inside) exit; inside = $0 == "```cpp"; next} inside' "$root/runtime/README.md" >program.cpp
grep -q 'int main' program.cpp || { echo "runtime/README.md: its first C++ block is not a program"; exit 1; }
cp "$root/tests/data/tiny/plain.json" best.json
cp "$root/tests/data/tiny/plain.safetensors" .

read -ra shared <<<"$(pkg-config --cflags --libs cudet)"
read -ra static <<<"$(pkg-config --static --cflags --libs cudet)"
"${CXX:-g++}" -std=c++20 -Wall -Werror program.cpp -o shared "${shared[@]}"
"${CXX:-g++}" -std=c++20 -Wall -Werror program.cpp -o static "${static[@]/#-lcudet/-l:libcudet.a}"
LD_LIBRARY_PATH=$prefix/lib ./shared best.json >shared.txt
./static best.json >static.txt
cmp shared.txt static.txt

for program in convert detect inspect; do "$prefix/bin/$program" --help >/dev/null; done
"$prefix/bin/inspect" best.json >/dev/null
# The bundled model is found from wherever the program is called.
(cd / && "$prefix/bin/detect" --no-draw --json - "$root"/weights/demo/*.jpg) >found.json
grep -q '"name": "qr"' found.json || { echo "the installed detect finds no QR code in weights/demo"; exit 1; }
cp "$prefix/bin/detect" alone
if ./alone --no-draw "$root/weights/demo/can.jpg" 2>error; then echo "detect without a model succeeds"; exit 1; fi
grep -q '^detect: --model: .*' error

cd "$root"
make DESTDIR="$stage" PREFIX=/opt/cudet uninstall >"$stage/log" 2>&1 || { cat "$stage/log"; exit 1; }
left=$(find "$prefix" ! -type d)
[ -z "$left" ] || { echo "make uninstall left $left"; exit 1; }
