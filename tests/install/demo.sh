#!/bin/bash
# What `make demo` compiles in a fresh copy of the sources: for the GPU that nvidia-smi names and nothing else, or for the
# CPU alone; and nothing the second time. Compilers and nvidia-smi are scripts that note their arguments.
set -euo pipefail
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CI MAKEFLAGS MFLAGS MAKELEVEL CONFIG CUDA CUDA_ARCHS CUDA_PTX NVCC CROSS HIGHWAY PROFILE SIZE_LIMIT
mkdir "$work/bin"
cat >"$work/compiler" <<'END'
#!/bin/sh
# Writes a program that does nothing to the file after -o.
case " $* " in
  *" --version "*) echo "Cuda compilation tools, release $NVCC_RELEASE, V$NVCC_RELEASE.1" && exit ;;
  *" --list-gpu-code "*) printf 'sm_%s\n' 75 80 86 87 88 89 90 100 103 110 120 121 && exit ;;
esac
echo "${0##*/} $*" >>"$NOTES"
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\necho "detect $*" >>"$NOTES"\n' >"$2"
chmod +x "$2"
END
cat >"$work/bin/nvidia-smi" <<'END'
#!/bin/sh
[ -n "$GPU" ] || exit 9
case $1 in
  *name*) echo "Some GPU, $GPU" ;;
  *) echo "$GPU" ;;
esac
END
cp "$work/compiler" "$work/bin/g++"
cp "$work/compiler" "$work/bin/nvcc"
chmod +x "$work/bin/"*
export PATH=$work/bin:$PATH NOTES=$work/notes GPU="" NVCC_RELEASE=13.0

fail() {
  echo "make demo: $case: $*"
  cat "$work/log"
  exit 1
}
fresh() {  # CASE: a fresh copy
  case=$1
  rm -rf "$work/copy"
  mkdir "$work/copy"
  cp -r "$root"/{Makefile,.ci,apps,kernels,layers,runtime} "$work/copy"
  mkdir "$work/copy/tests"
  cd "$work/copy"
}
run() {  # [ARGUMENT...]: `make` with these arguments; its output is in log, what the scripts noted in notes
  rm -f "$NOTES"
  touch "$NOTES"
  make -s DEPS=no AR=true FONT=Makefile "$@" >"$work/log" 2>&1 || fail "make $* failed"
}
demo() { run demo "$@"; }
compiled() { grep -c "^$1 .* -c " "$NOTES" || true; }
# The compute capabilities that nvcc compiled for, each once.
archs() { { grep -o 'code=sm_[0-9]*' "$NOTES" || true; } | sort -u | tr '\n' ' '; }
expect_cpu() {
  [ "$(compiled nvcc)" = 0 ] || fail "nvcc compiled"
  ! grep -q CUDET_CUDA "$NOTES" || fail "the host's code was compiled with CUDA"
  grep -q '^detect .*--device cpu' "$NOTES" || fail "detect did not run on the CPU"
  grep -q "^The demo ran on the CPU, because $1" "$work/log" || fail "it does not say: on the CPU, because $1"
}
expect_gpu() {  # ARCHS
  [ "$(archs)" = "$1" ] || fail "nvcc compiled for '$(archs)', not for '$1'"
  grep -q '^detect .*--device cuda' "$NOTES" || fail "detect did not run on the GPU"
  grep -q '^The demo ran on Some GPU (compute capability ' "$work/log" || fail "it does not name the GPU"
}
expect_nothing() { [ "$(compiled 'g++')$(compiled nvcc)" = 00 ] || fail "the second time compiled something"; }

fresh "nvcc without a GPU"
demo
[ "$(compiled 'g++')" -gt 50 ] || fail "almost nothing was compiled"
expect_cpu "nvidia-smi names no GPU"
demo
expect_nothing
expect_cpu "nvidia-smi names no GPU"
# A GPU that is found later is used.
export GPU=9.0
demo
expect_gpu "code=sm_90 "

fresh "a release of the same folder"
export GPU=""
run CUDA=no build/detect build/convert
demo
expect_nothing
GPU=9.0 demo
expect_gpu "code=sm_90 "
run CUDA=no build/detect
expect_nothing
grep -q -- '-o build/detect' "$NOTES" || fail "the release keeps the demo's program"
export GPU=9.0

fresh "make without a target"
run
[ -x build/detect ] && [ -x build/libcudet.so ] || fail "it does not build detect and libcudet.so"
[ "$(archs | wc -w)" = 9 ] || fail "nvcc compiled for '$(archs)', not for nine capabilities"
grep -q -- '--compress-mode=size' "$NOTES" || fail "nvcc does not compress"
! grep -q -- '-lineinfo' "$NOTES" || fail "the kernels contain source lines"
grep -q '^build/detect: [0-9.]* MB' "$work/log" || fail "it does not print the size of detect"
# A demo on another GPU of the list uses that build.
GPU=8.9 demo
expect_nothing
expect_gpu ""

fresh "older nvcc"
NVCC_RELEASE=12.4 run build/obj/release/runtime/cuda/probe.o
! grep -q compress-mode "$NOTES" || fail "it was given --compress-mode"

fresh "nvcc and a GPU"
demo
expect_gpu "code=sm_90 "
demo
expect_nothing
grep -q '^detect .*--device cuda' "$NOTES" || fail "the second time ran on the CPU"

fresh "a build for two capabilities, one of them the GPU's"
run CUDA_ARCHS="80 90" build/detect build/convert
demo
expect_nothing

fresh "a build with CUDA that was interrupted, without a GPU"
export GPU=""
run build/obj/release/runtime/cuda/probe.o
demo
expect_cpu "nvidia-smi names no GPU"

export GPU=9.0
fresh "an nvcc that is too old"
NVCC_RELEASE=11.8 demo
expect_cpu "detect was built without CUDA"
fresh "a GPU that nvcc does not know"
GPU=7.0 demo
expect_cpu "detect was built without CUDA"
fresh "the user's choice"
demo CUDA=no
expect_cpu "detect was built without CUDA"
fresh "the user's capability"
demo CUDA_ARCHS=87
expect_gpu "code=sm_87 "
fresh "the native capability"
GPU=12.1 run CUDA_ARCHS=native build/obj/release/runtime/cuda/probe.o
[ "$(archs)" = "code=sm_121 " ] || fail "nvcc compiled for '$(archs)'"
if GPU="" make CUDA_ARCHS=native build/detect >"$work/log" 2>&1; then fail "it was accepted without a GPU"; fi
grep -q 'CUDA_ARCHS=native: nvidia-smi names no GPU' "$work/log" || fail "the error does not say so"
