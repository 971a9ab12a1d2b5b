# cudet's build. `make help` lists the targets. Source files are found, not listed.
VERSION := 0.1.0
SONAME := libcudet.so.0

PREFIX ?= /usr/local
DEPS ?= yes
FUZZ_SECONDS ?= 20
# Calls of each kind that `make faults` makes fail in each program (0: all), and images of `make soak`.
POINTS ?= 0
IMAGES ?= 100000
# The duration of `make torture`, and its Python: one with torch, ultralytics, safetensors, PyYAML and OpenCV compares more.
TORTURE_SECONDS ?= 3600
TORTURE_PYTHON ?= python3
# The number of processes that run the tests in parallel.
SHARDS ?= $(shell nproc)
# For boards. STATIC=yes links the programs statically, for a system with an older C library than the build machine's.
# HIGHWAY=FOLDER uses Highway's source folder, if the system has a version older than 1.0.3; HIGHWAY=headers uses the
# system's headers without its library. Both compile the kernels for the baseline instruction set of the target only; on
# aarch64 that is NEON.
STATIC ?= no
HIGHWAY ?= $(if $(filter yes,$(STATIC)),headers)
# The CUDA executor is built if nvcc of CUDA 12 or later is installed (CUDA=no: never). CUDA_ARCHS lists the compute
# capabilities (75 for 7.5; native: those of the GPUs in this machine); PTX covers later ones. CUDART=static links the
# CUDA runtime statically. PROFILE=yes adds source lines to the kernels, for profilers. Cross builds with CUDA need
# CUDA=yes and CUDA_LIB, the folder of the target's libcudart.
CUDART ?= $(if $(CROSS),static,shared)
NVCC ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
# make prints the sizes of detect and libcudet.so if they contain CUDA. With CI=true it fails if one has more megabytes than
# this: 10, and one per compute capability or PTX. nvcc compresses kernels well enough from CUDA 13 on.
SIZE_LIMIT ?= $(if $(filter yes,$(PROFILE)),,$(if $(call nvcc_from,13),$(shell expr 10 + $(words $(CUDA_ARCHS) $(CUDA_PTX)))))
# WebP and TIFF are read if their libraries are installed (no: never).
PKG_CONFIG = $(if $(SYSROOT),PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(CROSS:-=)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig )pkg-config
WEBP ?= $(if $(CROSS),yes,$(shell pkg-config --exists libwebp libwebpdemux && echo yes))
TIFF ?= $(if $(CROSS),yes,$(shell pkg-config --exists 'libtiff-4 >= 4.5' && echo yes))
# Linked into the programs, which draw the labels of boxes with it.
FONT ?= /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

# Debian packages for the build and its tests; for the CUDA device on fibers (tests/simt); for the other checks (fuzz,
# tidy, format); for CROSS=aarch64-linux-gnu-.
LIBRARIES := nlohmann-json3-dev libstb-dev libcli11-dev libhwy-dev libzip-dev libyaml-cpp-dev libgtest-dev \
  libjpeg-dev libpng-dev libwebp-dev libtiff-dev
SIMT_PACKAGES := libboost-context-dev
PACKAGES := g++ pkg-config fonts-dejavu-core $(LIBRARIES)
CHECK_PACKAGES := clang libclang-rt-dev clang-tidy clang-format
CROSS_PACKAGES := g++-aarch64-linux-gnu qemu-user
# For training images: photographs, cut-outs, and fonts for printed labels.
SAMPLES_PACKAGES := python3-venv tuxpaint-stamps-default mate-backgrounds gnome-backgrounds openarena-081-textures \
  fonts-liberation2 fonts-freefont-ttf fonts-lato fonts-roboto fonts-open-sans fonts-crosextra-carlito fonts-inconsolata \
  fonts-hack fonts-cantarell fonts-linuxlibertine fonts-noto-core fonts-comic-neue
VENV := build/train/venv

MAKEFLAGS += -rR --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
Q := $(if $V,,@)
, := ,

# ---- Configurations: objects are in build/obj/$(CONFIG), programs in build/$(CONFIG); those of release and demo are in
# build/
CONFIG ?= $(if $(CROSS),$(firstword $(subst -, ,$(CROSS))),release)
O := build/obj/$(CONFIG)
D := $(if $(filter release demo,$(CONFIG)),build,build/$(CONFIG))

AR := $(CROSS)ar
ifneq ($(CROSS),)
CXX := $(CROSS)g++
else ifeq ($(CONFIG),fuzz)
CXX := clang++
else ifneq ($(filter default undefined,$(origin CXX)),)
CXX := g++
endif

.DEFAULT_GOAL := all
OPTIMIZE := -O3
DEBUG := -g1
# g++ 12 reports false -Wrestrict warnings in std::string (GCC bug 105651).
WARNINGS := -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wno-restrict -Werror
ifeq ($(CONFIG),asan)
OPTIMIZE := -O1
# AddressSanitizer also finds the errors of -fsanitize=object-size, which would add a sixth to the compile time.
INSTRUMENT := -fsanitize=address,undefined -fno-sanitize=object-size -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(CONFIG),demo)
# To compile fast: kernels for this machine only, the rest not optimized, without debug information and warnings.
OPTIMIZE := -O2
WARNINGS :=
DEBUG :=
else ifeq ($(CONFIG),tsan)
OPTIMIZE := -O1
INSTRUMENT := -fsanitize=thread
# Address space randomization can overlap ThreadSanitizer's shadow memory; some containers forbid setarch.
RUN ?= $(shell setarch -R true 2>/dev/null && echo setarch -R)
else ifeq ($(CONFIG),fuzz)
OPTIMIZE := -O1
INSTRUMENT := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
WARNINGS :=
else ifneq ($(CROSS),)
SYSROOT := build/$(CONFIG)/sysroot
CROSS_INCLUDES := -idirafter $(SYSROOT)/usr/include -idirafter $(SYSROOT)/usr/include/$(CROSS:-=)
CROSS_LIBRARIES := $(foreach L,$(SYSROOT)/usr/lib $(SYSROOT)/lib,-L$L/$(CROSS:-=) -Wl,-rpath-link,$L/$(CROSS:-=))
RUN ?= qemu-$(CONFIG) -L $(SYSROOT)
# Not run under qemu: tests that start their own program, and one that allocates terabytes, which takes qemu minutes.
TESTFLAGS ?= --gtest_filter=-*DeathTest.*:*EachInstructionSet*:Detector.GoesOnAfterAnArenaThatCannotBeHad
endif

ifneq ($(filter asan tsan simt fuzz demo,$(CONFIG)),)
# Compile kernels for this machine's instruction set only, which takes a fraction of the time. The tests of release run
# all instruction sets, without sanitizers.
HIGHWAY := $(or $(HIGHWAY),headers)
NATIVE := -march=native
endif

ifneq ($(filter asan tsan,$(CONFIG)),)
# Instrumentation makes g++ report false -Wmaybe-uninitialized warnings in the standard library.
WARNINGS += -Wno-maybe-uninitialized
# Reports go to files, because tests of programs capture their output.
export ASAN_OPTIONS := log_path=$D/report:exitcode=99
export TSAN_OPTIONS := log_path=$D/report:exitcode=99
export UBSAN_OPTIONS := log_path=$D/report:print_stacktrace=1
endif

# Highway compiles each kernel for several instruction sets, and kernels choose at run time: on x86-64 scalar code, SSE4,
# AVX2 and AVX-512. SSSE3 is left out: processors with SSSE3 but without SSE4 date from before 2008. SVE is left out because
# kernels keep vectors in arrays, and SVE's vectors have no fixed size; NEON serves those processors.
TARGETS := -DHWY_DISABLED_TARGETS='(HWY_SSSE3|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)'

# CPPFLAGS, CXXFLAGS, LDFLAGS and LDLIBS are reserved for the user.
FLAGS := -I. -DCUDET_VERSION='"$(VERSION)"' $(TARGETS) $(CROSS_INCLUDES) -std=c++20 $(OPTIMIZE) $(DEBUG) -ffp-contract=off -fPIC -fvisibility=hidden \
  -pthread $(WARNINGS) $(INSTRUMENT) $(NATIVE) \
  $(if $(HIGHWAY),-DHWY_COMPILE_ONLY_STATIC $(patsubst %,-isystem %,$(filter-out headers,$(HIGHWAY))))
HIGHWAY_LIBS := $(if $(HIGHWAY),,-lhwy)
FLAGS += $(if $(filter yes,$(WEBP)),-DCUDET_WEBP) $(if $(filter yes,$(TIFF)),-DCUDET_TIFF)
NOT_READ := $(if $(filter yes,$(WEBP)),, WebP (libwebp-dev)$(if $(filter yes,$(TIFF)),,$(,)))$(if $(filter yes,$(TIFF)),, TIFF (libtiff-dev))
# Static libraries need those that they use themselves, in the sysroot of a cross build.
STATIC_TIFF = $(filter -l%,$(shell $(PKG_CONFIG) --static --libs libtiff-4))
IMAGE_LIBS = $(if $(filter yes,$(TIFF)),-ltiff $(if $(filter yes,$(STATIC)),$(STATIC_TIFF))) $(if $(filter yes,$(WEBP)),-lwebpdemux -lwebp) \
  -ljpeg -lpng $(if $(filter yes,$(STATIC)),-lz -lm)
COMPILE = $(CXX) $(FLAGS) $(OWN_FLAGS) $(CPPFLAGS) $(CXXFLAGS)
# -gz compresses debug information, which is 8 of the 11 MB of detect without CUDA.
LINK = $(CXX) -pthread -gz $(INSTRUMENT) $(CROSS_LIBRARIES) $(LDFLAGS)

# The major version of nvcc, the compute capabilities that it supports, and those of them that this machine's GPUs have.
NVCC_MAJOR := $(if $(NVCC),$(shell $(NVCC) --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p'))
nvcc_from = $(if $(NVCC_MAJOR),$(shell [ $(NVCC_MAJOR) -ge $1 ] && echo yes))
NVCC_ARCHS = $(patsubst sm_%,%,$(shell $(NVCC) --list-gpu-code))
GPU_ARCHS = $(sort $(shell nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | \
  sed -n 's/^\([0-9][0-9]*\)\.\([0-9]\)$$/\1\2/p'))
NATIVE_ARCHS = $(if $(call nvcc_from,12),$(filter $(NVCC_ARCHS),$(GPU_ARCHS)))
ifneq ($(filter release demo,$(CONFIG)),)
CUDA ?= $(or $(call nvcc_from,12),no)
endif
ifneq ($(filter simt asan,$(CONFIG)),)
# First in the include path: it replaces CUDA's headers and kernels/ptx.cuh.
FLAGS := -Itests/simt/include $(FLAGS) -DCUDET_CUDA
CUDA_LIBS := -lboost_context -ldl
else ifeq ($(CUDA),yes)
CUDA_HOME := $(abspath $(dir $(realpath $(NVCC)))..)
# /usr/include is searched anyway and must not be given with -isystem.
CUDA_INCLUDES := $(if $(filter-out /usr,$(CUDA_HOME)),-isystem $(CUDA_HOME)/include)
CUDA_LIB ?= $(if $(filter-out /usr,$(CUDA_HOME)),$(CUDA_HOME)/lib64)
CUDA_ARCHS ?= $(filter $(NVCC_ARCHS),75 80 86 87 89 90 100 110 120)
ifeq ($(CUDA_ARCHS),native)
override CUDA_ARCHS := $(NATIVE_ARCHS)
ifeq ($(CUDA_ARCHS),)
$(error CUDA_ARCHS=native: nvidia-smi names no GPU that $(NVCC) can compile for)
endif
endif
# nvcc generates the same PTX for 80 to 89, and the same from 100 on, so each is generated once. The PTX of the last
# capability is kept in the programs.
compute = $(if $(filter 75 90,$1),$1,$(if $(filter 8%,$1),80,100))
CUDA_PTX ?= $(call compute,$(lastword $(CUDA_ARCHS)))
# bench times cuDNN's convolutions too if its header is installed; the programs do not need cuDNN at run time.
CUDNN ?= $(if $(wildcard $(CUDA_HOME)/include/cudnn.h /usr/include/cudnn.h /usr/include/*/cudnn.h),yes,no)
FLAGS += $(CUDA_INCLUDES) -DCUDET_CUDA $(if $(filter yes,$(CUDNN)),-DCUDET_CUDNN)
CUDA_LIBS := $(CUDA_LIB:%=-L%) $(if $(filter static,$(CUDART)),-lcudart_static -ldl -lrt,-lcudart $(CUDA_LIB:%=-Wl$(,)-rpath$(,)%))
NVCC_FLAGS := -I. $(CUDA_INCLUDES) -std=c++17 -O3 $(if $(filter yes,$(PROFILE)),-lineinfo) \
  $(if $(call nvcc_from,13),--compress-mode=size) -ccbin $(CXX) -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra \
  -Werror all-warnings $(foreach A,$(CUDA_ARCHS),-gencode arch=compute_$(call compute,$A),code=sm_$A) \
  $(foreach A,$(CUDA_PTX),-gencode arch=compute_$A,code=compute_$A)
endif

# ---- Sources
objects = $(patsubst %,$O/%.o,$(basename $(sort $1)))
# In kernels/ only .cu files need CUDA; elsewhere folders named cuda do.
find = $(shell find $1 -name '*.cpp' $(if $(CUDA_LIBS),-o -name '*.cu',! -path '*/cuda/*' -o -path 'kernels/*.cpp'))
LIBRARY := $(call objects,$(call find,kernels layers runtime) \
  $(if $(filter simt asan,$(CONFIG)),$(wildcard tests/simt/*.cpp)))
SEEDS ?= $(if $(filter asan,$(CONFIG)),1,1 2 3)
APPS := $(call objects,$(call find,apps) $(wildcard apps/*/*.S))
# Do not compile what a configuration does not run: only the library and detect have threads; fuzzers run no programs.
ifeq ($(CONFIG),tsan)
APPS := $(filter-out $O/apps/bench/% $O/apps/convert/% $O/apps/inspect/%,$(APPS))
else ifeq ($(CONFIG),fuzz)
APPS := $(filter-out $O/apps/bench/% $O/apps/detect/% $O/apps/inspect/%,$(APPS))
endif
MAINS := $(filter %/main.o,$(APPS))
PROGRAMS := $(MAINS:$O/apps/%/main.o=$D/%)
SHARED_APPS := $(filter-out $(foreach M,$(MAINS),$(dir $M)%),$(APPS))
# Only the release is installed, so only its tests include the installation.
TESTS := $(call objects,$(shell find tests -name '*.cpp' ! -path 'tests/fuzz/*' ! -path 'tests/simt/*' ! -path 'tests/counts/*' \
  ! -path 'tests/faults/*' ! -path 'tests/soak/*' ! -path 'tests/torture/*' ! -name '*_cuda_test.cpp' $(if $(filter-out release,$(CONFIG)),! -path 'tests/install/*')))
ifeq ($(CONFIG),tsan)  # tests with threads
TESTS := $(call objects,tests/main.cpp $(addprefix tests/,runtime/allocations.cpp runtime/detector_test.cpp \
  runtime/thread_pool_test.cpp apps/detect/loader_test.cpp apps/files/signals_test.cpp))
endif
CUDA_TESTS := $(call objects,$(shell find tests -name '*_cuda_test.cpp') tests/main.cpp \
  $(if $(filter simt asan,$(CONFIG)),$(wildcard tests/simt/library/*.cpp)))
# Optimize less where speed does not matter, to compile faster. In apps/ it matters only in image/ and bench/.
APP_FLAGS := $(if $(filter asan demo,$(CONFIG)),-O0,$(if $(filter -O3,$(OPTIMIZE)),-O1 -Wno-maybe-uninitialized))
# Optimized and instrumented, kernels take a third of the time to compile. Only int8_fuzz runs kernels, most of the time
# convolutions: these are optimized, and their coverage is not measured.
ifeq ($(CONFIG),fuzz)
$(filter $O/kernels/%,$(LIBRARY)): OWN_FLAGS := -O0
$(filter $O/kernels/conv2d_int8/cpu/%,$(LIBRARY)): OWN_FLAGS := -fno-sanitize=fuzzer-no-link
endif
# The tests' own code is compiled without the sanitizer's checks of pointers on each access, which take a quarter of the compile time:
# AddressSanitizer finds the same errors, except misaligned pointers.
TEST_FLAGS := $(if $(filter asan,$(CONFIG)),-O0 -fno-sanitize=null$(,)alignment$(,)vptr,-O0)
SLOW_APPS := $(if $(filter asan,$(CONFIG)),$(APPS),$(filter-out $O/apps/image/% $O/apps/bench/%,$(APPS)))
SLOW := $(SLOW_APPS) $(if $(filter demo,$(CONFIG)),$(filter $O/layers/% $O/runtime/%,$(LIBRARY)))
$(SLOW): OWN_FLAGS := $(APP_FLAGS)
# Precompiled headers, because parsing headers takes a third of the compile time: GoogleTest's for tests; in the configurations
# below also the standard library's, without warnings, because g++ 12 reports false ones in precompiled headers. The release
# compiles the same sources without them, so it finds missing includes and reports all warnings. The fibers are not part of the
# release, and convolutions take too long to wait for a header.
precompiled = -include $O/pch/$1.h -Winvalid-pch
STD := algorithm array cmath cstdint cstring filesystem functional map memory mutex numeric optional set span string string_view \
  thread variant vector
PRECOMPILED_tests := gtest/gtest.h
ifneq ($(filter demo asan tsan simt,$(CONFIG)),)
PRECOMPILED_tests += $(STD)
PRECOMPILED_apps := $(STD)
PRECOMPILED_library := $(STD)
WITH_LIBRARY := $(filter-out $(SLOW) $O/kernels/conv2d% $O/tests/simt/% $(call objects,$(shell find kernels -name '*.cu')),\
  $(LIBRARY) $(APPS))
$(filter $O/layers/% $O/runtime/%,$(WITH_LIBRARY)): OWN_FLAGS := $(if $(filter -O3,$(OPTIMIZE)),-O1)
$(WITH_LIBRARY): OWN_FLAGS += $(call precompiled,library) -w
$(WITH_LIBRARY): $O/pch/library.h.gch
$(SLOW): OWN_FLAGS += $(call precompiled,apps) -w
$(SLOW): $O/pch/apps.h.gch
endif
$(TESTS) $(CUDA_TESTS): OWN_FLAGS := $(TEST_FLAGS) $(call precompiled,tests)
$(TESTS) $(CUDA_TESTS): $O/pch/tests.h.gch
FUZZERS := $(patsubst tests/fuzz/%.cpp,$D/%,$(sort $(wildcard tests/fuzz/*_fuzz.cpp)))
SOURCES := $(sort $(shell find apps kernels layers runtime tests -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh'))
HEADERS := runtime/cudet.h kernels/error.h kernels/frame.h

EMULATOR := $(abspath build/emulator)

# Records of a build: its flags, its source files, its configuration, and the CUDA settings of detect. Objects and programs
# depend on all but the last and are rebuilt if they change. Rules write the records, so that only builds of objects write them, and only
# if the text changes.
FLAGS_RECORD := $(strip $(COMPILE) $(APP_FLAGS) $(TEST_FLAGS) $(PRECOMPILED_tests) $(NVCC_FLAGS) $(LINK) $(LDLIBS) $(CUDA_LIBS) $(FONT))
SOURCES_RECORD := $(strip $(LIBRARY) $(APPS) $(TESTS) $(CUDA_TESTS))
CUDA_RECORD := $(if $(filter yes,$(CUDA)),CUDA=yes CUDA_ARCHS="$(strip $(CUDA_ARCHS))" CUDA_PTX="$(strip $(CUDA_PTX))",CUDA=no)
# record(FILE,TEXT): write TEXT to FILE unless FILE contains it. strip also removes a newline that $(file <) can leave.
record = $(if $(findstring |$2|,|$(strip $(file <$1))|),,$(shell mkdir -p $(dir $1))$(file >$1,$2))

# ---- Targets for users
all: $(PROGRAMS) $D/libcudet.a $D/libcudet.so  ## build programs and libraries in build/, with CUDA if nvcc is installed
	@$(if $(and $(filter yes,$(CUDA)),$(SIZE_LIMIT)),.ci/sizes.sh $(SIZE_LIMIT) $D/detect $D/libcudet.so)

help:  ## list the targets
	@echo 'make [TARGET] [CROSS=aarch64-linux-gnu-] [DEPS=no] [V=1]'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile

deps:  ## install missing Debian packages (DEPS=no: install nothing)
	@[ $(DEPS) = no ] || .ci/deps.sh $(PACKAGES) $(if $(CROSS),$(CROSS_PACKAGES))
deps-checks: deps  ## install missing Debian packages, including those for all checks
	@[ $(DEPS) = no ] || .ci/deps.sh $(CHECK_PACKAGES) $(SIMT_PACKAGES)

test: deps  ## build and run all tests, with SHARDS=N processes; the last line counts them
	@$(MAKE) run-tests
run-tests: $(if $(filter release,$(CONFIG)),all) $(if $(filter asan,$(CONFIG)),$D/detect) $D/tests
	@rm -f $D/report.*
	@status=0; $(if $(filter asan,$(CONFIG)),SIMT_DEVICES=0 CUDET_BIN=$D) \
	  .ci/shards.sh $(SHARDS) $(RUN) $D/tests --gtest_brief=1 $(TESTFLAGS) || status=1; \
	  for r in $D/report.*; do [ ! -e $$r ] || { cat $$r >&2; status=1; }; done; exit $$status
simt: deps  ## build the CUDA device on fibers (tests/simt) and run its tests, in several orders of the fibers
	@[ $(DEPS) = no ] || .ci/deps.sh $(SIMT_PACKAGES)
	@$(MAKE) CONFIG=simt run-simt
run-simt: $D/tests-of-simt $D/tests-of-cuda $D/detect
	@for seed in $(SEEDS); do for tests in $D/tests-of-simt $D/tests-of-cuda; do \
	  only=--gtest_filter=-$(WITHOUT); [ $$seed = 1 ] || only=--gtest_filter=-*WholeNetwork*; \
	  ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1 SIMT_SEED=$$seed \
	    .ci/shards.sh $(SHARDS) $$tests --gtest_brief=1 $$only 2>$D/log || { cat $D/log >&2; exit 1; }; \
	done; done
emulator: deps  ## run the kernels compiled by nvcc on the emulated device in ../shared, if it exists
	@.ci/emulator.sh
mutants: deps  ## remove the kernels' barriers, waits and bounds checks in turn; a test must fail each time (an hour)
	@[ $(DEPS) = no ] || .ci/deps.sh $(SIMT_PACKAGES)
	@$(MAKE) CONFIG=simt build/simt/tests-of-simt build/simt/tests-of-cuda
	@tests/mutants/mutants.py --jobs $(shell nproc) $(if $(wildcard $(EMULATOR)/*.so.13),--emulator $(EMULATOR))
soak: $D/soak  ## detect in IMAGES=100000 random images on eight threads: results repeat, memory stays
	@$< $(IMAGES) tests/data/tiny/plain.json
faults: $(addprefix $D/,fault.so faults bench detect convert inspect)  ## make each call of a kind fail in turn, in programs and the API (POINTS=N: N of each kind)
	@python3 -B tests/faults/sweep.py $< $D --points $(POINTS)
torture: $(addprefix $D/,pixels detect convert inspect)  ## feed mutated files to the programs for TORTURE_SECONDS=3600 (SEED=N repeats a run)
	@$(TORTURE_PYTHON) -B tests/torture/torture.py $D --seconds $(TORTURE_SECONDS) $(if $(SEED),--seed $(SEED))
counts: $D/convolutions $(EMULATOR)/libcudart.so.13  ## count the instructions of convolutions on the emulated device: tests/counts/table.md
	@tests/counts/counts.py $< weights/yolov8.json $(EMULATOR) >tests/counts/table.md
	@cat tests/counts/table.md
counts-cutlass: $(EMULATOR)/libcudart.so.13  ## count the instructions of CUTLASS's convolutions; fetches its headers
	@mkdir -p build/cutlass && tests/counts/cutlass.sh $(NVCC) $(EMULATOR) $(abspath build/cutlass)
gpu-check:  ## on a machine with a GPU: run all tests and compute-sanitizer, and time the network
	@.ci/gpu-check.sh
# What demo builds: the release again, if it was built before and runs on the GPU here, if any; else CONFIG=demo, with the
# CUDA settings of the command line, for the GPU here, or without CUDA.
PREVIOUS = $(file <build/obj/release/cuda-settings)
PREVIOUS_FITS = $(if $(NATIVE_ARCHS),$(filter $(NATIVE_ARCHS),$(subst ", ,$(PREVIOUS))),\
  $(or $(call nvcc_from,12),$(filter CUDA=no,$(PREVIOUS))))
DEMO_SETTINGS = $(if $(filter command environment,$(origin CUDA) $(origin CUDA_ARCHS)),CONFIG=demo,\
  $(if $(and $(PREVIOUS),$(PREVIOUS_FITS)),CONFIG=release $(PREVIOUS),\
  CONFIG=demo $(if $(NATIVE_ARCHS),CUDA=yes CUDA_ARCHS=native,CUDA=no)))
demo: deps  ## build detect for this machine and its GPU, if any; detect in weights/demo, images in out/
	@$(MAKE) $(DEMO_SETTINGS) build/detect
	@.ci/demo.sh build build/obj/$(patsubst CONFIG=%,%,$(firstword $(DEMO_SETTINGS)))/cuda-settings

bench-baseline: $D/bench  ## time the network and its steps on this machine, for bench-check (MODEL=best.json)
	@.ci/bench-check.sh baseline $< $(MODEL)
bench-check: $D/bench  ## fail if the network or a step is slower than bench-baseline by more than noise and SLOWER=5 %
	@SLOWER=$(SLOWER) .ci/bench-check.sh check $< $(MODEL)
bench-peers: deps  ## compare with MNN, ncnn, OpenVINO, ONNX Runtime on the CPU (MODELS=FILES.json): build/peers
	@[ $(DEPS) = no ] || .ci/deps.sh python3-venv
	@$(MAKE) $(or $(if $(call nvcc_from,12),$(PREVIOUS)),CUDA=no) $D/bench $D/detect $D/convert build/peers/venv/installed
	@build/peers/venv/bin/python -B apps/bench/peers/peers.py --programs $D $(PEERS_OPTIONS) $(MODELS)
# An engine that cannot be installed is missing from the table; the next run tries to install it again.
build/peers/venv/installed: apps/bench/peers/requirements.txt
	@mkdir -p build/peers && python3 -m venv $(@D)
	@all=yes; for package in $$(grep -v '^#' $<); do \
	  $(@D)/bin/pip install --quiet --constraint $< $$package || { echo "$$package cannot be installed" >&2; all=; }; \
	done; [ -z "$$all" ] || touch $@

# ---- The shipped model (weights/README.md)
samples: $(VENV)/samples  ## draw examples of the shipped model's training images: build/train/samples.jpg
	$(VENV)/bin/python weights/train/scene.py --sheet build/train/samples.jpg
train: deps  ## train weights/codes again (hours; continues after an interruption)
	@$(MAKE) $(VENV)/train $D/convert
	PYTHON=$(VENV)/bin/python weights/train/train.sh $D/convert
$(VENV)/samples: weights/train/requirements.txt
	@[ $(DEPS) = no ] || .ci/deps.sh $(SAMPLES_PACKAGES)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -r $<
	@touch $@
$(VENV)/train: weights/train/requirements-train.txt $(VENV)/samples
	$(VENV)/bin/pip install --quiet -r $<
	@touch $@
test-aarch64:  ## build for aarch64 and run the tests under qemu-user
	@$(MAKE) CROSS=aarch64-linux-gnu- test

TO = $(DESTDIR)$(PREFIX)
install: all  ## install programs, libraries, headers and the model under PREFIX=/usr/local (staged in DESTDIR)
	install -d $(TO)/bin $(TO)/lib/pkgconfig $(TO)/include/cudet $(TO)/share/cudet
	install $(PROGRAMS) $(TO)/bin
	install -m 644 weights/codes.json weights/codes.safetensors $(TO)/share/cudet
	install -m 644 $D/libcudet.a $(TO)/lib
	install $D/libcudet.so $(TO)/lib/libcudet.so.$(VERSION)
	ln -sf libcudet.so.$(VERSION) $(TO)/lib/$(SONAME)
	ln -sf libcudet.so.$(VERSION) $(TO)/lib/libcudet.so
	for h in $(HEADERS); do \
	  sed -E 's|#include "[a-z_/]+/([a-z_]+\.h)"|#include "\1"|' $$h >$(TO)/include/cudet/$${h##*/} || exit; done
	printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib' 'includedir=$${prefix}/include' '' 'Name: cudet' \
	  'Description: YOLOv8 and YOLOv8-DySample runtime' 'Version: $(VERSION)' 'Cflags: -I$${includedir}' \
	  'Libs: -L$${libdir} -lcudet' 'Libs.private: $(HIGHWAY_LIBS) -pthread $(filter -L% -l%,$(CUDA_LIBS))' >$(TO)/lib/pkgconfig/cudet.pc
	[ -n '$(DESTDIR)' ] || ldconfig 2>/dev/null || true
uninstall:  ## remove the installed files
	rm -rf $(PROGRAMS:$D/%=$(TO)/bin/%) $(TO)/lib/libcudet.* $(TO)/lib/pkgconfig/cudet.pc $(TO)/include/cudet $(TO)/share/cudet

clean:  ## remove build/
	rm -rf build

# ---- Checks
asan: deps  ## run all tests, and those of CUDA on fibers, under AddressSanitizer and UndefinedBehaviorSanitizer
	@[ $(DEPS) = no ] || .ci/deps.sh $(SIMT_PACKAGES)
	@$(MAKE) CONFIG=asan run-tests run-simt
tsan: deps  ## run the tests with threads, and detect, under ThreadSanitizer
	@$(MAKE) CONFIG=tsan run-tests
	@$(MAKE) CONFIG=tsan run-detect
run-detect: $D/detect
	@python3 -B tests/tsan/detect.py $(RUN) $<
fuzz: deps-checks  ## run each fuzz target for FUZZ_SECONDS=20
	@$(MAKE) CONFIG=fuzz run-fuzzers
run-fuzzers: $(FUZZERS:%=%.run)
format: deps-checks  ## format the sources with clang-format
	@clang-format -i $(SOURCES)
format-check: deps-checks  ## fail if clang-format would change a source file
	@clang-format --dry-run -Werror $(SOURCES)
tidy: deps-checks  ## run clang-tidy on the sources that changed since they last passed
	@$(MAKE) $(patsubst %.cpp,$O/%.tidy,$(filter-out tests/% \
	  $(if $(CUDA_LIBS),,$(filter-out kernels/%,$(foreach S,$(SOURCES),$(if $(findstring /cuda/,$S),$S)))),$(filter %.cpp,$(SOURCES))))
archs:  ## compile the CUDA kernels for every compute capability that nvcc supports
	@.ci/archs.sh $(NVCC) $(filter %.cu,$(filter-out tests/%,$(SOURCES)))
includes-check:  ## fail if an include breaks the order apps, runtime, layers, kernels
	@.ci/includes.sh $(SOURCES)

# ---- Rules
# These rules always run, but a record is new only if its text changed. Because of the +, `make -n` runs them too and
# lists the right commands.
$O/flags: FORCE
	+@:$(call record,$@,$(FLAGS_RECORD))
$O/sources: FORCE
	+@:$(call record,$@,$(SOURCES_RECORD))
# Release and demo link programs of the same names.
$D/configuration: FORCE
	+@:$(call record,$@,$(CONFIG))

# -MD, not -MMD: sources that Highway's foreach_target.h includes count as system headers, which -MMD omits.
$O/%.o: %.cpp $O/flags
	@mkdir -p $(@D)
	$(if $V,,@echo '  $(CONFIG) $<')
	$Q$(COMPILE) -MD -MP -c $< -o $@ || { .ci/deps.sh --missing $(PACKAGES) $(if $(CROSS),$(CROSS_PACKAGES)); false; }
$O/%.o: %.S $(FONT) $O/flags
	@mkdir -p $(@D)
	$Q$(CXX) -DCUDET_FONT='"$(FONT)"' -c $< -o $@
$(FONT):
	@echo '$(FONT) is missing: `make deps` installs it (fonts-dejavu-core), FONT=FILE.ttf names another' >&2; false

$O/pch/tests.h.gch: OWN_FLAGS := $(TEST_FLAGS)
$O/pch/apps.h.gch: OWN_FLAGS := $(APP_FLAGS)
$O/pch/library.h.gch: OWN_FLAGS :=
$O/pch/%.h.gch: $O/flags
	@mkdir -p $(@D)
	@printf '#include <%s>\n' $(PRECOMPILED_$*) >$(@:.gch=)
	$Q$(COMPILE) -x c++-header $(@:.gch=) -o $@

# Append (q), because objects of different folders can have the same name.
LIBCUDET := $(if $(filter demo,$(CONFIG)),$O,$D)/libcudet.a
$(LIBCUDET): $(LIBRARY) $O/flags $O/sources
$O/libapps.a: $(SHARED_APPS) $O/flags $O/sources
$(LIBCUDET) $O/libapps.a:
	@mkdir -p $(@D) && rm -f $@
	$Q$(AR) qcs $@ $(filter %.o,$^)
$D/libcudet.so: $(LIBRARY) $O/flags $O/sources
	@mkdir -p $(@D)
	$Q$(LINK) -shared -Wl,-soname,$(SONAME) $(filter %.o,$^) -o $@ $(LDLIBS) $(HIGHWAY_LIBS) $(CUDA_LIBS)

$(foreach P,$(PROGRAMS:$D/%=%),$(eval $D/$P: $(filter $O/apps/$P/%,$(APPS))))
# Only convert needs yaml-cpp. Static programs read no checkpoints, because libzip has many static dependencies.
ifeq ($(STATIC),yes)
$O/apps/checkpoint/load_model.o: OWN_FLAGS += -DCUDET_NO_CHECKPOINTS
else
$(PROGRAMS): LIBS := -lzip
endif
$D/convert $D/tests $D/tests-of-cuda $(FUZZERS): LIBS := -lzip -lyaml-cpp
$D/detect $D/convert $D/pixels $D/tests $D/tests-of-cuda $(FUZZERS): LIBS += $(IMAGE_LIBS)
$(PROGRAMS): $O/libapps.a $(LIBCUDET) $D/configuration
$D/tests: $(filter-out $(MAINS),$(APPS)) $(TESTS) $(LIBCUDET)
$D/tests-of-cuda: $(CUDA_TESTS) $(filter-out $(MAINS),$(APPS)) $(LIBCUDET)
$D/fault.so: tests/faults/fault.cpp
	@mkdir -p $D
	@$(CXX) -std=c++20 -O1 $(WARNINGS) -shared -fPIC $< -o $@ -ldl
$D/soak: $O/tests/soak/soak.o $(LIBCUDET)
$D/faults: $O/tests/faults/api.o $(LIBCUDET)
$D/pixels: $O/tests/torture/pixels.o $(filter $O/apps/image/%,$(APPS))
$D/convolutions: $O/tests/counts/convolutions.o $(LIBCUDET)
$D/tests $D/tests-of-cuda: LIBS += -lgtest
$(FUZZERS): $D/%: $O/tests/fuzz/%.o $(filter-out $(MAINS),$(APPS)) $(LIBCUDET)
$(FUZZERS): LIBS += -fsanitize=fuzzer
$(PROGRAMS) $D/tests $D/tests-of-cuda $D/soak $D/pixels $D/faults $D/convolutions $(FUZZERS): $O/flags $O/sources
	@mkdir -p $(@D)
	$Q$(LINK) $(if $(filter yes,$(STATIC)),-static) $(filter %.o %.a,$^) -o $@ $(LDLIBS) $(LIBS) $(HIGHWAY_LIBS) $(CUDA_LIBS)
	$(if $(filter $D/detect,$@),@echo '$(CUDA_RECORD)' >$O/cuda-settings)
	$(if $(and $(filter $D/detect,$@),$(NOT_READ)),@echo 'detect reads no$(NOT_READ): `make deps` installs what is missing' >&2)
ifeq ($(CUDA),yes)
$O/%.o: %.cu $O/flags
	@mkdir -p $(@D)
	$(if $V,,@echo '  nvcc $<')
	$Q$(NVCC) $(NVCC_FLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
else
# -march=native makes fmaf() an instruction; without it, it is a call.
$O/%.o: %.cu $O/flags
	@mkdir -p $(@D)
	$(if $V,,@echo '  $(CONFIG) $<')
	$Q$(COMPILE) -march=native -Wno-unknown-pragmas -MMD -MP -x c++ -c $< -o $@
endif
$D/tests-of-simt: $(call objects,$(wildcard tests/simt/*.cpp tests/simt/tests/*.cpp tests/simt/tests/*.cu) tests/main.cpp)
	@mkdir -p $(@D)
	$Q$(LINK) $^ -o $@ $(LDLIBS) -lgtest $(CUDA_LIBS)
$(EMULATOR)/libcudart.so.13:
	@$(MAKE) MAKEFLAGS=-j$(shell nproc) -C $(or $(CUDET_SHARED),../shared)/emulator NVCC=$(NVCC) B=$(EMULATOR)
$(FUZZERS:%=%.run): %.run: %
	@.ci/fuzz.sh $< $(FUZZ_SECONDS)

# The analyzer stops on a function after max-nodes states, a tenth of its default; this halves tidy's time. Kernels are
# analyzed for one instruction set, because the source is the same for all.
TIDY_TARGET := -DHWY_COMPILE_ONLY_STATIC -march=native
ANALYZER := -Xclang -analyzer-config -Xclang max-nodes=20000
$O/%.tidy: %.cpp $O/%.o .clang-tidy
	@echo '  tidy $<'
	$Qclang-tidy --quiet --warnings-as-errors='*' $< -- $(filter -I% -D% -std=%,$(FLAGS)) $(TIDY_TARGET) $(CUDA_INCLUDES) $(ANALYZER) 2>$@.log || \
	  { cat $@.log >&2; false; }
	@touch $@

ifneq ($(SYSROOT),)
ifneq ($(DEPS),no)
$(LIBRARY) $(APPS) $(TESTS) $(PROGRAMS) $D/libcudet.so: | $(SYSROOT)/ready
endif
$(SYSROOT)/ready:
	@.ci/sysroot.sh arm64 $(@D) $(LIBRARIES)
	@touch $@
endif

-include $(patsubst %.o,%.d,$(wildcard $(LIBRARY) $(APPS) $(TESTS) $(CUDA_TESTS) $(FUZZERS:$D/%=$O/tests/fuzz/%.o) \
  $O/tests/soak/*.o $O/tests/torture/*.o $O/tests/faults/*.o $O/tests/counts/*.o $O/tests/simt/tests/*.o))

.DELETE_ON_ERROR:
.SECONDARY:
FORCE:
.PHONY: FORCE all help deps deps-checks test run-tests test-aarch64 install uninstall clean asan tsan run-detect fuzz run-fuzzers
.PHONY: faults soak torture bench-baseline bench-check bench-peers samples train archs simt run-simt emulator mutants counts counts-cutlass gpu-check demo format format-check tidy includes-check $(FUZZERS:%=%.run)
