#!/usr/bin/env python3
"""Removes one check of the kernels at a time, and reports whether their tests fail: see README.md."""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
import sites

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPY = Path(tempfile.mkdtemp(prefix="mutants-"))  # of the sources, so that edits do not affect a run
SEEDS = (1, 2, 3)
COLUMNS = ("mutants", "caught", "explained", "unexplained")
BY_EMULATOR = "emulated device"  # start of the reason of a mutant that only its checks detect
FIBERS = ("-DCUDET_CUDA", "-std=c++20", "-O1", "-march=native", "-ffp-contract=off", "-fPIC", "-pthread", "-w")
LIBRARIES = ("-lgtest", "-lhwy", "-lboost_context", "-ldl")
DEVICE = ("-std=c++17", "-O3", "-w", "-gencode", "arch=compute_80,code=compute_80", "--cudart", "shared")


def kernel_files():
    patterns = ("kernels/*/**/*.cu", "kernels/*/**/*.cuh", "kernels/vector.cuh", "runtime/cuda/persistent/*.cuh")
    return sorted(str(f.relative_to(COPY)) for pattern in patterns for f in COPY.glob(pattern))


def includes(file, known={}):
    """The project's files that `file` includes, directly or not."""
    if file not in known:
        known[file] = set()
        for name in re.findall(r'^#include "([^"]+)"', (COPY / file).read_text(), re.M):
            if (COPY / name).exists():
                known[file] |= {name} | includes(name)
    return known[file]


def users(file):
    """The files to compile if `file` changes."""
    if file.endswith(".cu"):
        return [file]
    # The persistent kernel runs the operators' tiles, but their own tests catch their mutants.
    folders = ("runtime",) if file.startswith("runtime/") else ("kernels", "tests/simt")
    every = [str(f.relative_to(COPY)) for folder in folders for f in (COPY / folder).rglob("*.cu")]
    return sorted(f for f in every if file in includes(f))


def operator_tests(sources):
    """The tests of device code: those of its operators, kernels/OPERATOR/…"""
    tests = set()
    for source in sources:
        parts = Path(source).parts
        if parts[0] == "kernels":
            tests |= {str(f.relative_to(COPY)) for f in (COPY / "tests/kernels").glob(f"*{parts[1]}*_cuda_test.cpp")}
        elif parts[0] == "runtime":
            tests |= {"tests/runtime/persistent_cuda_test.cpp"}
        elif parts[0] == "tests":
            tests |= {str(Path(source).parent / "device_test.cpp")}
    return sorted(tests)


def operator_kernels(tests):
    """The device code of all operators whose headers the tests include."""
    headers = {Path(header).parts for test in tests for header in includes(test)}
    operators = {parts[1] for parts in headers if len(parts) > 2 and parts[0] == "kernels"}
    folders = [COPY / "kernels" / operator for operator in operators]
    if any(header[0] == "runtime" for header in headers):
        folders.append(COPY / "runtime/cuda")
    return {str(f.relative_to(COPY)) for folder in folders for f in folder.rglob("*.cu")}


def run(command, limit=None, **environment):
    """(exit status, output); kills the process group after `limit` seconds."""
    with subprocess.Popen([str(c) for c in command], cwd=COPY, env={**os.environ, **environment},
                          start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output, _ = process.communicate()
            return "time out", output.decode(errors="replace")
        return process.returncode, output.decode(errors="replace")


def compiled(command):
    status, output = run(command)
    if status != 0:
        raise RuntimeError(output)


class Fibers:
    """Tests on tests/simt, linked with the objects of `make CONFIG=simt`."""

    def __init__(self, objects, build, cache, threads):
        self.objects, self.build, self.cache, self.threads = objects, build, cache, threads

    def size(self, source):
        return (self.objects / Path(source).with_suffix(".o")).stat().st_size

    def compile(self, scratch, source, to):
        path = scratch / source if (scratch / source).exists() else source
        compiled(["g++", "-I", scratch, "-Itests/simt/include", "-I.", f"-ffile-prefix-map={scratch}/=",
                  "-ffile-prefix-map=./=", *FIBERS, "-x", "c++", "-c", path, "-o", to])

    def program(self, scratch, sources, changed=None):
        """Links the tests of `sources`, with `changed` compiled against the changed file in `scratch`. False if the object
        is the same as without the change."""
        objects = []
        if changed is not None:
            objects.append(scratch / "changed.o")
            self.compile(scratch, changed, objects[-1])
            if objects[-1].read_bytes() == (self.cache / (changed.replace("/", "_") + ".fibers.o")).read_bytes():
                return False
        else:
            for source in sources:
                self.compile(self.cache, source, self.cache / (source.replace("/", "_") + ".fibers.o"))
        others = [s for s in sources if not s.startswith("kernels/") and s != changed]  # not in the library
        objects += [self.objects / Path(f).with_suffix(".o") for f in [*operator_tests(sources), "tests/main.cpp", *others]]
        compiled(["g++", "-pthread", *objects, self.build / "libcudet.a", "-o", scratch / "tests", *LIBRARIES])
        return True

    def test(self, scratch, limit):
        for seed in SEEDS:
            status, output = run([scratch / "tests", "--gtest_brief=1", "--gtest_fail_fast"], limit,
                                 SIMT_SEED=str(seed), SIMT_THREADS=str(self.threads))
            if status != 0:
                return reason(status, output)
        return None


class Emulator:
    """Tests on an emulated device, a libcudart.so.13 that runs PTX and detects races and missing order between blocks."""

    def __init__(self, library, build, cache, threads):
        self.library, self.build, self.cache, self.threads = library, build, cache, threads
        nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
        self.nvcc, self.cuda = nvcc, Path(nvcc).resolve().parents[1]

    def program(self, scratch, sources, changed=None):
        objects = []
        for source in sorted({*sources, *operator_kernels(operator_tests(sources))}):
            path = scratch / source if source == changed and (scratch / source).exists() else source
            objects.append((scratch if source == changed else self.cache) / (source.replace("/", "_") + ".o"))
            if not objects[-1].exists():
                first = ["-I", scratch] if source == changed else []
                compiled([self.nvcc, *first, "-I.", *DEVICE, "-c", path, "-o", objects[-1]])
        for test in [*operator_tests(sources), "tests/main.cpp"]:
            objects.append(self.cache / (test.replace("/", "_") + ".o"))
            if not objects[-1].exists():
                compiled(["g++", "-I.", "-isystem", self.cuda / "include", "-DCUDET_CUDA", "-std=c++20", "-O1", "-w",
                          "-c", test, "-o", objects[-1]])
        # libcudart first: it overrides the fibers' functions of the same names.
        compiled(["g++", "-pthread", *objects, f"-L{self.cuda}/lib64", "-lcudart", self.build / "libcudet.a", "-o",
                  scratch / "tests", *LIBRARIES])
        return True

    def test(self, scratch, limit):
        status, output = run([scratch / "tests", "--gtest_brief=1", "--gtest_fail_fast"], limit,
                             LD_LIBRARY_PATH=str(self.library), EMU_CHECK="race,init,grace",
                             EMU_THREADS=str(self.threads))
        return None if status == 0 else reason(status, output)


def reason(status, output):
    """One line of the tests' output that says why they failed."""
    if status == "time out":
        return status
    for pattern in (r"simt: (.*)", r"(?:race|emu\w*): (.*)", r"\[  FAILED  \] ([^\n(]*)"):
        found = re.search(pattern, output)
        if found:
            return found[1].strip()
    return f"ended with {status}"


class Bench:
    """Builds and tests mutants."""

    def __init__(self, devices, scratch, keep):
        self.devices, self.scratch, self.keep = devices, scratch, keep
        self.limits, self.lock = {}, threading.Lock()

    def sources(self, file):
        """The files to compile if `file` changes, the largest first: it has most of the code."""
        return tuple(sorted(users(file), key=lambda source: -self.devices[0].size(source)))

    def limit(self, device, file, sources):
        """Time limit of a mutant's tests in seconds: 10, and five times their time without a mutant."""
        with self.lock:
            if (device, sources) not in self.limits:
                if not sources or not operator_tests(sources):
                    raise SystemExit(f"{file}: no test")
                scratch = Path(tempfile.mkdtemp(dir=self.scratch))
                device.program(scratch, sources)
                start = time.monotonic()
                said = device.test(scratch, 600)
                if said is not None:
                    raise SystemExit(f"{file}: without a mutant, its tests fail on {type(device).__name__}: {said}")
                self.limits[device, sources] = 10 + 5 * (time.monotonic() - start)
                shutil.rmtree(scratch)
            return self.limits[device, sources]

    def attempt(self, mutant, devices):
        """(what caught it, "survived" or "invalid"; one line of output)."""
        sources = self.sources(mutant.file)
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            changed = scratch / mutant.file
            changed.parent.mkdir(parents=True)
            changed.write_text(mutant.apply((COPY / mutant.file).read_text()))
            for device in devices:
                limit = self.limit(device, mutant.file, sources)
                for source in sources:
                    try:
                        if not device.program(scratch, sources, source):
                            continue
                    except RuntimeError as error:
                        return "invalid", str(error)
                    said = device.test(scratch, limit)
                    if said is not None:
                        return type(device).__name__, said
            return "survived", ""
        finally:
            if not self.keep:
                shutil.rmtree(scratch)


def read_survivors():
    """The mutants known to survive, and why."""
    known = {}
    for number, line in enumerate((HERE / "survivors.txt").read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            key, _, why = line.partition(" :: ")
            if not why:
                raise SystemExit(f"survivors.txt:{number}: no reason")
            known[key] = why
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="only files whose path contains one of these")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--match", default="", help="only mutants whose key in the list contains this")
    parser.add_argument("--build", type=Path, default=ROOT / "build/simt", help="of make CONFIG=simt")
    parser.add_argument("--objects", type=Path, default=ROOT / "build/obj/simt")
    parser.add_argument("--emulator", type=Path, default=os.environ.get("EMULATOR"),
                        help="folder of an emulated device's libcudart.so.13, for mutants that survive (or $EMULATOR)")
    parser.add_argument("--list", action="store_true", help="list the mutants and try none")
    parser.add_argument("--keep", action="store_true", help="keep the build folder")
    options = parser.parse_args()

    for part in ("kernels", "tests/kernels", "tests/simt", "runtime"):
        shutil.copytree(ROOT / part, COPY / part)
    shutil.copy(ROOT / "tests/main.cpp", COPY / "tests")
    (COPY / "tests/data").symlink_to(ROOT / "tests/data")
    files = [f for f in kernel_files() if not options.paths or any(p in f for p in options.paths)]
    mutants = [(kind, m) for f in files for kind, m in sites.find(f, (COPY / f).read_text()) if options.match in m.key]
    if options.list:
        for kind, mutant in mutants:
            print(f"{mutant.line:4} {kind:10} {mutant.key}")
        return 0

    known = read_survivors()
    scratch = COPY / "build"
    scratch.mkdir()
    threads = max(1, (os.cpu_count() or 1) // options.jobs)
    devices = [Fibers(options.objects.resolve(), options.build.resolve(), scratch, threads)]
    if options.emulator:
        devices.append(Emulator(options.emulator.resolve(), options.build.resolve(), scratch, threads))
    bench = Bench(devices, scratch, options.keep)

    table, unexplained, stale, invalid = {}, [], [], []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        def attempt(found):
            why = known.get(found[1].key, BY_EMULATOR)
            return bench.attempt(found[1], devices if why.startswith(BY_EMULATOR) else devices[:1])

        tried = pool.map(attempt, mutants)
        for (kind, mutant), (fate, said) in zip(mutants, tried):
            row = table.setdefault(str(Path(mutant.file).parent), dict.fromkeys(COLUMNS, 0))
            why = known.get(mutant.key)
            if fate == "invalid":
                invalid.append(mutant.key)
                print(f"NOT COMPILED {mutant.file}:{mutant.line}: {mutant.key}\n{said}", flush=True)
                continue
            row["mutants"] += 1
            if fate == "survived":
                explained = why and not (options.emulator and why.startswith(BY_EMULATOR))
                row["explained" if explained else "unexplained"] += 1
                if not explained:
                    unexplained.append(mutant.key)
                print(f"{'explained' if explained else 'SURVIVED'}  {mutant.file}:{mutant.line}: {mutant.key}", flush=True)
            else:
                row["caught"] += 1
                if why and not (fate == "Emulator" and why.startswith(BY_EMULATOR)):
                    stale.append(mutant.key)
                change = f"{mutant.file}:{mutant.line}: {mutant.was} -> {mutant.becomes}"
                print(f"caught by {fate}  {change}: {said}", flush=True)

    print(f"\n{'kernel':24}{'mutants':>10}{'caught':>10}{'explained':>12}{'unexplained':>14}")
    for name, row in [*table.items(), ("all", {c: sum(r[c] for r in table.values()) for c in COLUMNS})]:
        print(f"{name:24}{row['mutants']:10}{row['caught']:10}{row['explained']:12}{row['unexplained']:14}")
    if not options.match:
        present = {m.key for _, m in mutants}
        stale += [k for k in known if k.split(" ", 1)[0] in files and k not in present]
    for title, keys in (("caught by no test", unexplained), ("in survivors.txt, and caught or gone", stale),
                        ("did not compile", invalid)):
        for key in keys:
            print(f"{title}: {key}")
    return 1 if unexplained or stale or invalid else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        if "--keep" not in sys.argv:
            shutil.rmtree(COPY)
