# cudet's build. `make help` lists what there is to make; sources are found, not listed here.
VERSION := 0.1.0
SONAME := libcudet.so.0

PREFIX ?= /usr/local
DEPS ?= yes
FUZZ_SECONDS ?= 20
# For boards. STATIC=yes: programs that use nothing of the system they run on, whose C library may be older than ours.
# HIGHWAY=FOLDER of its sources, where the system's is older than 1.0.3; HIGHWAY=headers: the system's, not its library.
# With headers alone, kernels are for the least processor of the target's kind; on aarch64 that means NEON.
STATIC ?= no
HIGHWAY ?= $(if $(filter yes,$(STATIC)),headers)
# The CUDA executor is built where nvcc of CUDA 12 or later is (CUDA=no: never), for those of its list of compute
# capabilities that nvcc knows (CUDA_ARCHS: for these) and, by PTX, all later ones. CUDART=static: programs that need no
# CUDA runtime library beside them. With CROSS: CUDA=yes, CUDA_LIB=the folder of the board's libcudart.
CUDART ?= $(if $(CROSS),static,shared)
NVCC ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
# A part of the programs, which label boxes with it.
FONT ?= /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

# Debian packages: of the build and its tests; of the CUDA device out of fibers; of other checks (fuzz, tidy, format);
# of CROSS=aarch64-linux-gnu-.
LIBRARIES := nlohmann-json3-dev libstb-dev libcli11-dev libhwy-dev libzip-dev libyaml-cpp-dev libgtest-dev
SIMT_PACKAGES := libboost-context-dev
PACKAGES := g++ pkg-config fonts-dejavu-core $(LIBRARIES)
CHECK_PACKAGES := clang libclang-rt-dev clang-tidy clang-format
CROSS_PACKAGES := g++-aarch64-linux-gnu qemu-user
# Of training pictures: photos and cut-outs, and fonts to print with.
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

# ---- Configurations: objects in build/obj/$(CONFIG); programs in build/$(CONFIG), the release's in build/
CONFIG ?= $(if $(CROSS),$(firstword $(subst -, ,$(CROSS))),release)
O := build/obj/$(CONFIG)
D := $(if $(filter release,$(CONFIG)),build,build/$(CONFIG))

AR := $(CROSS)ar
ifneq ($(CROSS),)
CXX := $(CROSS)g++
else ifeq ($(CONFIG),fuzz)
CXX := clang++
else ifneq ($(filter default undefined,$(origin CXX)),)
CXX := g++
endif

OPTIMIZE := -O3
# g++ 12 warns of restrict within std::string where nothing is wrong (its bug 105651).
WARNINGS := -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wno-restrict -Werror
ifeq ($(CONFIG),asan)
OPTIMIZE := -O1
# AddressSanitizer finds what object-size would, whose checks take a sixth of the time to compile.
INSTRUMENT := -fsanitize=address,undefined -fno-sanitize=object-size -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(CONFIG),tsan)
OPTIMIZE := -O1
INSTRUMENT := -fsanitize=thread
# A randomized address space may lie where ThreadSanitizer wants its shadow; some containers forbid the remedy.
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
# Not under emulation: some tests start their own program, and qemu takes minutes to refuse terabytes.
TESTFLAGS ?= --gtest_filter=-*DeathTest.*:*EachInstructionSet*:Detector.GoesOnAfterAnArenaThatCannotBeHad
endif

ifneq ($(filter asan tsan simt fuzz,$(CONFIG)),)
# Kernels for this machine's instruction set alone take a fifth of the time. The release's tests run the others, without
# sanitizers.
HIGHWAY := $(or $(HIGHWAY),headers)
NATIVE := -march=native
endif

ifneq ($(filter asan tsan,$(CONFIG)),)
# g++ takes more of the standard library's variables for uninitialized where it instruments.
WARNINGS += -Wno-maybe-uninitialized
# Reports go to files, because tests of programs capture what these print.
export ASAN_OPTIONS := log_path=$D/report:exitcode=99
export TSAN_OPTIONS := log_path=$D/report:exitcode=99
export UBSAN_OPTIONS := log_path=$D/report:print_stacktrace=1
endif

# CPPFLAGS, CXXFLAGS, LDFLAGS and LDLIBS are the user's. No -march but NATIVE's: kernels pick their instruction set at
# run time.
FLAGS := -I. -DCUDET_VERSION='"$(VERSION)"' $(CROSS_INCLUDES) -std=c++20 $(OPTIMIZE) -g1 -ffp-contract=off -fPIC -fvisibility=hidden \
  -pthread $(WARNINGS) $(INSTRUMENT) $(NATIVE) \
  $(if $(HIGHWAY),-DHWY_COMPILE_ONLY_STATIC $(patsubst %,-isystem %,$(filter-out headers,$(HIGHWAY))))
HIGHWAY_LIBS := $(if $(HIGHWAY),,-lhwy)
COMPILE = $(CXX) $(FLAGS) $(OWN_FLAGS) $(CPPFLAGS) $(CXXFLAGS)
LINK = $(CXX) -pthread $(INSTRUMENT) $(CROSS_LIBRARIES) $(LDFLAGS)

ifeq ($(CONFIG),release)
CUDA ?= $(if $(NVCC),$(if $(shell $(NVCC) --version | grep -E 'release (1[2-9]|[2-9][0-9])\.'),yes,no),no)
endif
ifneq ($(filter simt asan,$(CONFIG)),)
# Before all else: it stands in for CUDA's headers and kernels/ptx.cuh.
FLAGS := -Itests/simt/include $(FLAGS) -DCUDET_CUDA
CUDA_LIBS := -lboost_context -ldl
else ifeq ($(CUDA),yes)
CUDA_HOME := $(abspath $(dir $(realpath $(NVCC)))..)
# A distribution's own lies where compilers look anyway, and must not be named.
CUDA_INCLUDES := $(if $(filter-out /usr,$(CUDA_HOME)),-isystem $(CUDA_HOME)/include)
CUDA_LIB ?= $(if $(filter-out /usr,$(CUDA_HOME)),$(CUDA_HOME)/lib64)
CUDA_ARCHS ?= $(filter $(patsubst sm_%,%,$(shell $(NVCC) --list-gpu-code)),75 80 86 87 89 90 100 110 120)
# nvcc makes the same PTX for all from 80 to 90, and for all from 100 on, so it is made once. The last is kept.
compute = $(if $(filter 75,$1),75,$(if $(filter 8% 90,$1),80,100))
CUDA_PTX ?= $(call compute,$(lastword $(CUDA_ARCHS)))
# bench compares convolutions with cuDNN's where its header is; at run time it needs none.
CUDNN ?= $(if $(wildcard $(CUDA_HOME)/include/cudnn.h /usr/include/cudnn.h /usr/include/*/cudnn.h),yes,no)
FLAGS += $(CUDA_INCLUDES) -DCUDET_CUDA $(if $(filter yes,$(CUDNN)),-DCUDET_CUDNN)
CUDA_LIBS := $(CUDA_LIB:%=-L%) $(if $(filter static,$(CUDART)),-lcudart_static -ldl -lrt,-lcudart $(CUDA_LIB:%=-Wl$(,)-rpath$(,)%))
NVCC_FLAGS := -I. $(CUDA_INCLUDES) -std=c++17 -O3 -lineinfo -ccbin $(CXX) -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra \
  -Werror all-warnings $(foreach A,$(CUDA_ARCHS),-gencode arch=compute_$(call compute,$A),code=sm_$A) \
  $(foreach A,$(CUDA_PTX),-gencode arch=compute_$A,code=compute_$A)
endif

# ---- Sources
objects = $(patsubst %,$O/%.o,$(basename $(sort $1)))
# In kernels/, .cu files need CUDA; elsewhere the folders named cuda do.
find = $(shell find $1 -name '*.cpp' $(if $(CUDA_LIBS),-o -name '*.cu',! -path '*/cuda/*' -o -path 'kernels/*.cpp'))
LIBRARY := $(call objects,$(call find,kernels layers runtime) \
  $(if $(filter simt asan,$(CONFIG)),$(wildcard tests/simt/*.cpp)))
SEEDS ?= $(if $(filter asan,$(CONFIG)),1,1 2 3)
APPS := $(call objects,$(call find,apps) $(wildcard apps/*/*.S))
# Not built where nothing runs it: threads are the detector's and detect's; fuzzers read files.
ifeq ($(CONFIG),tsan)
APPS := $(filter-out $O/apps/bench/% $O/apps/convert/% $O/apps/inspect/%,$(APPS))
else ifeq ($(CONFIG),fuzz)
APPS := $(filter-out $O/apps/bench/% $O/apps/detect/% $O/apps/inspect/%,$(APPS))
endif
MAINS := $(filter %/main.o,$(APPS))
PROGRAMS := $(MAINS:$O/apps/%/main.o=$D/%)
SHARED_APPS := $(filter-out $(foreach M,$(MAINS),$(dir $M)%),$(APPS))
# What is installed is the release, so only its tests do that.
TESTS := $(call objects,$(shell find tests -name '*.cpp' ! -path 'tests/fuzz/*' ! -path 'tests/simt/*' ! -path 'tests/counts/*' \
  ! -name '*_cuda_test.cpp' $(if $(filter-out release,$(CONFIG)),! -path 'tests/install/*')))
ifeq ($(CONFIG),tsan)  # those of threads
TESTS := $(call objects,tests/main.cpp $(addprefix tests/,runtime/allocations.cpp runtime/detector_test.cpp \
  runtime/thread_pool_test.cpp apps/detect/loader_test.cpp))
endif
CUDA_TESTS := $(call objects,$(shell find tests -name '*_cuda_test.cpp') tests/main.cpp \
  $(if $(filter simt asan,$(CONFIG)),$(wildcard tests/simt/library/*.cpp)))
# What need not be quick is quick to compile instead.
APP_FLAGS := $(if $(filter asan,$(CONFIG)),-O0)
TEST_FLAGS := $(if $(filter asan,$(CONFIG)),-O0,-O1 -Wno-maybe-uninitialized)
$(APPS): OWN_FLAGS := $(APP_FLAGS)
$(TESTS) $(CUDA_TESTS): OWN_FLAGS := $(TEST_FLAGS)
FUZZERS := $(patsubst tests/fuzz/%.cpp,$D/%,$(sort $(wildcard tests/fuzz/*_fuzz.cpp)))
SOURCES := $(sort $(shell find apps kernels layers runtime tests -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh'))
HEADERS := runtime/cudet.h kernels/error.h kernels/frame.h

EMULATOR := $(abspath build/emulator)

# record(FILE,TEXT): FILE holds TEXT, and is new where TEXT is, so that what depends on FILE is made again.
record = $(if $(findstring |$(strip $2)|,|$(file <$1)|),,$(shell mkdir -p $(dir $1))$(file >$1,$(strip $2)))
$(call record,$O/flags,$(COMPILE) $(APP_FLAGS) $(TEST_FLAGS) $(NVCC_FLAGS) $(LINK) $(LDLIBS) $(CUDA_LIBS) $(FONT))
$(call record,$O/sources,$(LIBRARY) $(APPS) $(TESTS) $(CUDA_TESTS))

# ---- What users want
all: $(PROGRAMS) $D/libcudet.a $D/libcudet.so  ## build what this machine can: programs and libraries, in build/

help:  ## list what there is to make
	@echo 'make [TARGET] [CROSS=aarch64-linux-gnu-] [DEPS=no] [V=1]'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile

deps:  ## install the Debian packages that are missing (DEPS=no: leave it)
	@[ $(DEPS) = no ] || .ci/deps.sh $(PACKAGES) $(if $(CROSS),$(CROSS_PACKAGES))
deps-checks: deps  ## the same for all checks
	@[ $(DEPS) = no ] || .ci/deps.sh $(CHECK_PACKAGES) $(SIMT_PACKAGES)

test: deps  ## build and run all tests; the last line counts them
	@$(MAKE) run-tests
run-tests: $(if $(filter release,$(CONFIG)),all) $(if $(filter asan,$(CONFIG)),$D/detect) $D/tests
	@rm -f $D/report.*
	@status=0; $(if $(filter asan,$(CONFIG)),SIMT_DEVICES=0 CUDET_BIN=$D) $(RUN) $D/tests --gtest_brief=1 $(TESTFLAGS) || status=1; \
	  for r in $D/report.*; do [ ! -e $$r ] || { cat $$r >&2; status=1; }; done; exit $$status
simt: deps  ## build the CUDA device out of fibers (tests/simt) and run its tests, in several orders
	@[ $(DEPS) = no ] || .ci/deps.sh $(SIMT_PACKAGES)
	@$(MAKE) CONFIG=simt run-simt
run-simt: $D/tests-of-simt $D/tests-of-cuda $D/detect
	@for seed in $(SEEDS); do for tests in $D/tests-of-simt $D/tests-of-cuda; do \
	  only=; [ $$seed = 1 ] || only=--gtest_filter=-*WholeNetwork*; \
	  ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1 SIMT_SEED=$$seed \
	    $$tests --gtest_brief=1 $$only 2>$D/log || { cat $D/log >&2; exit 1; }; \
	done; done
emulator: deps  ## run what nvcc makes of the kernels on the emulated device of ../shared, where that is
	@.ci/emulator.sh
mutants: deps  ## take out the kernels' barriers, waits and bounds checks, one at a time: does a test notice? (an hour)
	@[ $(DEPS) = no ] || .ci/deps.sh $(SIMT_PACKAGES)
	@$(MAKE) CONFIG=simt build/simt/tests-of-simt build/simt/tests-of-cuda
	@tests/mutants/mutants.py --jobs $(shell nproc) $(if $(wildcard $(EMULATOR)/*.so.13),--emulator $(EMULATOR))
counts: $D/convolutions $(EMULATOR)/libcudart.so.13  ## count what convolutions execute on the emulated device: tests/counts/table.md
	@tests/counts/counts.py $< weights/yolov8.json $(EMULATOR) >tests/counts/table.md
	@cat tests/counts/table.md
counts-cutlass: $(EMULATOR)/libcudart.so.13  ## the same of CUTLASS, whose headers are fetched
	@mkdir -p build/cutlass && tests/counts/cutlass.sh $(NVCC) $(EMULATOR) $(abspath build/cutlass)
gpu-check:  ## on a machine with a GPU: all tests, compute-sanitizer, and the network's time
	@.ci/gpu-check.sh
# What is built with CUDA stays so; else without, which is quick.
QUICK = $(if $(findstring -DCUDET_CUDA,$(shell cat $O/flags 2>/dev/null)),,CUDA=no)
demo: deps  ## build, and detect in the pictures of weights/demo: a table here, drawn pictures in out/
	@$(MAKE) $(QUICK) $D/detect $D/convert
	@.ci/demo.sh $D

bench-baseline: $D/bench  ## store how fast the network and its steps are here, for bench-check (MODEL=best.json)
	@.ci/bench-check.sh baseline $< $(MODEL)
bench-check: $D/bench  ## is the network or a step slower than at bench-baseline, beyond noise and SLOWER=5 per cent?
	@SLOWER=$(SLOWER) .ci/bench-check.sh check $< $(MODEL)
bench-peers: deps  ## time MNN, ncnn, OpenVINO, ONNX Runtime beside cudet on the CPU (MODELS=FILES.json): build/peers
	@[ $(DEPS) = no ] || .ci/deps.sh python3-venv
	@$(MAKE) $(QUICK) $D/bench $D/detect $D/convert build/peers/venv/installed
	@build/peers/venv/bin/python -B apps/bench/peers/peers.py --programs $D $(PEERS_OPTIONS) $(MODELS)
# A peer that cannot be installed is missing in the table; the next run tries again.
build/peers/venv/installed: apps/bench/peers/requirements.txt
	@mkdir -p build/peers && python3 -m venv $(@D)
	@all=yes; for package in $$(grep -v '^#' $<); do \
	  $(@D)/bin/pip install --quiet --constraint $< $$package || { echo "$$package cannot be installed" >&2; all=; }; \
	done; [ -z "$$all" ] || touch $@

# ---- The shipped model (weights/README.md)
samples: $(VENV)/samples  ## draw pictures as the shipped model is trained on: build/train/samples.jpg
	$(VENV)/bin/python weights/train/scene.py --sheet build/train/samples.jpg
train: deps  ## train weights/codes anew (hours; goes on where it was stopped)
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
test-aarch64:  ## the same, cross-compiled for aarch64 and run under qemu-user
	@$(MAKE) CROSS=aarch64-linux-gnu- test

TO = $(DESTDIR)$(PREFIX)
install: all  ## install programs, libraries, headers, the model under PREFIX=/usr/local (DESTDIR: staged)
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
uninstall:  ## remove what install put there
	rm -rf $(PROGRAMS:$D/%=$(TO)/bin/%) $(TO)/lib/libcudet.* $(TO)/lib/pkgconfig/cudet.pc $(TO)/include/cudet $(TO)/share/cudet

clean:  ## remove build/
	rm -rf build

# ---- Checks
asan: deps  ## run the tests, those of CUDA on fibers too, under AddressSanitizer and UndefinedBehaviorSanitizer
	@[ $(DEPS) = no ] || .ci/deps.sh $(SIMT_PACKAGES)
	@$(MAKE) CONFIG=asan run-tests run-simt
tsan: deps  ## run the tests of threads under ThreadSanitizer
	@$(MAKE) CONFIG=tsan run-tests
fuzz: deps-checks  ## run each fuzz target for FUZZ_SECONDS=20
	@$(MAKE) CONFIG=fuzz run-fuzzers
run-fuzzers: $(FUZZERS:%=%.run)
format: deps-checks  ## rewrite the sources as clang-format has them
	@clang-format -i $(SOURCES)
format-check: deps-checks  ## whether clang-format would change a source
	@clang-format --dry-run -Werror $(SOURCES)
tidy: deps-checks  ## clang-tidy the sources that changed since it last passed them
	@$(MAKE) $(patsubst %.cpp,$O/%.tidy,$(filter-out tests/% \
	  $(if $(CUDA_LIBS),,$(filter-out kernels/%,$(foreach S,$(SOURCES),$(if $(findstring /cuda/,$S),$S)))),$(filter %.cpp,$(SOURCES))))
archs:  ## compile the CUDA kernels for every compute capability that nvcc knows
	@.ci/archs.sh $(NVCC) $(filter %.cu,$(filter-out tests/%,$(SOURCES)))
includes-check:  ## whether includes point one way: apps, runtime, layers, kernels
	@.ci/includes.sh $(SOURCES)

# ---- Rules
# -MD, not -MMD: what Highway includes, its foreach_target.h, counts as a system header and would be left out.
$O/%.o: %.cpp $O/flags
	@mkdir -p $(@D)
	$(if $V,,@echo '  $(CONFIG) $<')
	$Q$(COMPILE) -MD -MP -c $< -o $@ || { .ci/deps.sh --missing $(PACKAGES) $(if $(CROSS),$(CROSS_PACKAGES)); false; }
$O/%.o: %.S $(FONT) $O/flags
	@mkdir -p $(@D)
	$Q$(CXX) -DCUDET_FONT='"$(FONT)"' -c $< -o $@
$(FONT):
	@echo '$(FONT) is missing: `make deps` installs it (fonts-dejavu-core), FONT=FILE.ttf names another' >&2; false

# Appended, not replaced: objects of different folders have equal names.
$D/libcudet.a: $(LIBRARY) $O/flags $O/sources
$O/libapps.a: $(SHARED_APPS) $O/flags $O/sources
$D/libcudet.a $O/libapps.a:
	@mkdir -p $(@D) && rm -f $@
	$Q$(AR) qcs $@ $(filter %.o,$^)
$D/libcudet.so: $(LIBRARY) $O/flags $O/sources
	@mkdir -p $(@D)
	$Q$(LINK) -shared -Wl,-soname,$(SONAME) $(filter %.o,$^) -o $@ $(LDLIBS) $(HIGHWAY_LIBS) $(CUDA_LIBS)

$(foreach P,$(PROGRAMS:$D/%=%),$(eval $D/$P: $(filter $O/apps/$P/%,$(APPS))))
$D/convert $D/tests $D/tests-of-cuda $(FUZZERS): LIBS := -lzip -lyaml-cpp
$(PROGRAMS): $O/libapps.a $D/libcudet.a
$D/tests: $(filter-out $(MAINS),$(APPS)) $(TESTS) $D/libcudet.a
$D/tests-of-cuda: $(CUDA_TESTS) $(filter-out $(MAINS),$(APPS)) $D/libcudet.a
$D/convolutions: $O/tests/counts/convolutions.o $D/libcudet.a
$D/tests $D/tests-of-cuda: LIBS += -lgtest
$(FUZZERS): $D/%: $O/tests/fuzz/%.o $(filter-out $(MAINS),$(APPS)) $D/libcudet.a
$(FUZZERS): LIBS += -fsanitize=fuzzer
$(PROGRAMS) $D/tests $D/tests-of-cuda $D/convolutions $(FUZZERS): $O/flags $O/sources
	@mkdir -p $(@D)
	$Q$(LINK) $(if $(filter yes,$(STATIC)),-static) $(filter %.o %.a,$^) -o $@ $(LDLIBS) $(LIBS) $(HIGHWAY_LIBS) $(CUDA_LIBS)
ifeq ($(CUDA),yes)
$O/%.o: %.cu $O/flags
	@mkdir -p $(@D)
	$(if $V,,@echo '  nvcc $<')
	$Q$(NVCC) $(NVCC_FLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
else
# Device code is for this machine: fmaf() is then one instruction, not a call.
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

# The analyzer goes through a function until it has seen so many states, a tenth of its own limit: half of tidy's time.
ANALYZER := -Xclang -analyzer-config -Xclang max-nodes=20000
$O/%.tidy: %.cpp $O/%.o .clang-tidy
	@echo '  tidy $<'
	$Qclang-tidy --quiet --warnings-as-errors='*' $< -- $(filter -I% -D% -std=%,$(FLAGS)) $(CUDA_INCLUDES) $(ANALYZER) 2>$@.log || \
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
  $O/tests/counts/*.o $O/tests/simt/tests/*.o))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help deps deps-checks test run-tests test-aarch64 install uninstall clean asan tsan fuzz run-fuzzers
.PHONY: bench-baseline bench-check bench-peers samples train archs simt run-simt emulator mutants counts counts-cutlass gpu-check demo format format-check tidy includes-check $(FUZZERS:%=%.run)
