"""Makes each call of a kind (KINDS) fail in turn, one per run, while the programs do small work, and checks what is left.
Calls that the C library makes itself, as in fread(), are not reached. Then runs the program `faults` (api.cpp), which does
the same with the allocations of the API.

A run must end by itself, with exit status 0, 1 or 2. If the status is 0, every output is the same as without the fault.
If not, there is a line on standard error that begins with the program's name. Every JSON file under its own name is
valid, and a temporary file is left only if a line names it. Prints each run that breaks a rule, and
"N passed, N failed, 0 skipped"; fails if one failed.
Run:  python tests/faults/sweep.py FAULT.so PROGRAMS [--points N] [--only KIND] [--work WORK]
      (--only and --work: without the API)
"""
import argparse, errno, json, os, pathlib, re, shutil, subprocess, sys, tempfile

IMAGES = "tests/data/images"
TINY = "tests/data/tiny/plain.json"
MEASURE = ["--device", "cpu", "--threads", "1", "--warmup", "0", "--runs", "1"]
# IN is a folder that prepare() fills, OUT an empty one.
WORK = {
    "detect": ["--device", "cpu", "--model", TINY, "--conf", "0.001", "--max-det", "3", "--threads", "1", "--json", "OUT/r.json", "--csv", "OUT/r.csv",
               "--coco", "OUT/c.json", "--txt", "OUT/txt", "--save-crop", "OUT/crops", "--out", "OUT/drawn", "--dump-raw",
               "OUT/raw.safetensors", f"{IMAGES}/rgb.png", f"{IMAGES}/decoders/restart.jpg"],
    "detect of a checkpoint": ["--device", "cpu", "--model", "tests/data/pt/plain.pt", "--conf", "0.001", "--max-det", "3", "--threads", "1", "--no-draw",
                               "--json", "OUT/r.json", f"{IMAGES}/rgb.png"],
    "convert": ["tests/data/pt/plain.pt", "-o", "OUT/m"],
    "convert of a yaml": ["tests/data/yaml/yolov8-dysample.yaml", "--scale", "n", "-o", "OUT/m"],
    "convert to int8": [TINY, "--int8", "IN/images", "-o", "OUT/m"],
    "detect in int8": ["--device", "cpu", "--model", "IN/int8.json", "--conf", "0.001", "--max-det", "3", "--threads", "1", "--no-draw",
                       "--json", "OUT/r.json", f"{IMAGES}/rgb.png"],
    "inspect": [TINY, "--json"],
    "bench": [TINY, *MEASURE, "--json", "OUT/r.json", "--csv", "OUT/r.csv"],
    "bench of an operator": ["--op", "conv2d", "--shape", "1x8x8x8 -> 8 k3x3 p1x1 silu", *MEASURE, "--json", "-"],
    "bench of a result": ["--from", "IN/bench.json", "--compare", "IN/bench.json", "--svg", "OUT/r.svg", "--json", "OUT/r.json", "--csv", "OUT/r.csv"],
}
MEASURED = {"bench", "bench of an operator"}  # the other works give the same outputs each time
# bench first measures the machine's peak, which takes half a second. So for these, a tenth of --points calls of each kind
# fail, or this many instead of all.
MEASURED_POINTS = 100
# The errors of each kind of call. Each error other than EINTR is also tried with all later calls failing too, except for
# write(), which standard error needs.
KINDS = {"malloc": [errno.ENOMEM], "read": [errno.EIO, errno.EINTR], "pread": [errno.EIO, errno.EINTR], "write": [errno.EIO],
         "pwrite": [errno.ENOSPC, errno.EINTR], "open": [errno.EMFILE, errno.EACCES], "close": [errno.EIO, errno.EINTR],
         "fsync": [errno.EIO, errno.EINTR], "ftruncate": [errno.EIO, errno.EINTR], "rename": [errno.EIO, errno.EINTR],
         "poll": [errno.EINTR, errno.ENOMEM], "fstat": [errno.EIO], "stat": [errno.EIO], "access": [errno.EACCES],
         "mkdir": [errno.ENOSPC], "unlink": [errno.EIO], "pthread_create": [errno.EAGAIN]}
COUNTS = re.compile("([0-9]+) passed, ([0-9]+) failed, ")
SECONDS = 60  # for one run


class Sweep:
    def __init__(self, library, programs):
        self.library, self.programs = os.path.abspath(library), os.path.abspath(programs)
        self.passed = self.failed = 0
        self.calls = dict.fromkeys(KINDS, 0)

    def prepare(self, folder):
        self.inputs = folder
        folder.joinpath("images").mkdir()
        for image in ("rgb.png", "decoders/restart.jpg"):
            shutil.copy(f"{IMAGES}/{image}", folder / "images")
        for program, *arguments in (["convert", TINY, "--int8", folder / "images", "-o", folder / "int8"],
                                    ["bench", TINY, "--layers", *MEASURE, "--json", folder / "bench.json"]):
            subprocess.run([f"{self.programs}/{program}", *arguments], check=True, stdout=subprocess.DEVNULL)

    def sweep_api(self, points):
        """Counts the last line of `faults`, or one failure if there is none."""
        models = [TINY, "tests/data/tiny/dysample.json", self.inputs / "int8.json"]
        with subprocess.Popen([f"{self.programs}/faults", str(points), *models], stdout=subprocess.PIPE, text=True) as run:
            line = ""
            for line in run.stdout:
                if not COUNTS.match(line):
                    print(line, end="", flush=True)
        counts = COUNTS.match(line)
        self.passed += int(counts[1]) if counts else 0
        self.failed += int(counts[2]) if counts else 1

    def run(self, work, fault, folder):
        program = work.split()[0]
        command = [f"{self.programs}/{program}", *(a.replace("OUT", str(folder)).replace("IN/", f"{self.inputs}/") for a in WORK[work])]
        environment = {**os.environ, "LC_ALL": "C"}
        if fault:
            environment.update(LD_PRELOAD=self.library, FAULT=fault, FAULT_COUNT=str(folder) + ".count")
        try:
            return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def check(self, work, fault, folder, expected):
        """Returns why a run breaks a rule, or nothing."""
        done = self.run(work, fault, folder)
        if done is None:
            return f"did not end within {SECONDS} s"
        error = done.stderr.decode(errors="replace")
        if done.returncode not in (0, 1, 2):
            return f"exit status {done.returncode}: {error.strip()[-200:]}"
        if done.returncode and not re.search(rf"^{work.split()[0]}: .", error, re.M):
            return f"exit status {done.returncode} without a line: {error.strip()[-200:]}"
        if done.returncode == 0 and outputs(work, folder, done.stdout) != expected:
            return f"exit status 0, but other outputs: {error.strip()[-200:]}"
        for file in files(folder):
            if is_part(file):
                if str(file) not in error:
                    return f"left {file.name}, and no line names it"
            elif file.suffix == ".json":
                try:
                    json.loads(file.read_text())
                except ValueError:
                    return f"{file.name} is not JSON"
        return ""

    def sweep(self, work, kind, points):
        with tempfile.TemporaryDirectory() as root:
            folder = lambda name: pathlib.Path(root, name)
            folder("plain").mkdir()
            plain = self.run(work, None, folder("plain"))
            if plain is None or plain.returncode:
                sys.exit(f"{work} fails without a fault: {plain and plain.stderr.decode()}")
            expected = outputs(work, folder("plain"), plain.stdout)
            folder("count").mkdir()
            self.run(work, f"{kind}:0:0", folder("count"))
            calls = int(folder("count.count").read_text())
            self.calls[kind] += calls
            if work in MEASURED:
                points = -(-points // 10) or MEASURED_POINTS
            step = max(1, -(-calls // points)) if points else 1
            for call in range(1, calls + 1, step):
                for error in KINDS[kind]:
                    for later in ("", ":on") if error != errno.EINTR and kind != "write" else ("",):
                        folder("out").mkdir()
                        why = self.check(work, f"{kind}:{call}:{error}{later}", folder("out"), expected)
                        self.passed += not why
                        self.failed += bool(why)
                        if why:
                            print(f"{work}, {kind} {call} of {calls}, {errno.errorcode[error]}{later}: {why}", flush=True)
                        shutil.rmtree(folder("out"))
            print(f"{work}: {kind}: {calls} calls", flush=True)


def files(folder):
    return sorted(f for f in folder.rglob("*") if f.is_file())


def is_part(file):
    return re.search(r"\.part\d+-\d+$", file.name)


def outputs(work, folder, stdout):
    """The content of all files but temporary ones, and standard output, without times and the name of the folder."""
    found = {}
    for name, content in [*((str(f.relative_to(folder)), f.read_bytes()) for f in files(folder) if not is_part(f)), ("", stdout)]:
        content = content.replace(str(folder).encode(), b"OUT")
        if work in MEASURED:
            content = re.sub(rb'^BUSY.*\n|^machine.*|"(busy|processor|bound)":"[^"]*"|%| +', b"", content, flags=re.M)
            content = re.sub(rb"[0-9.]+(e-[0-9]+)?", b"0", content)
        elif work.startswith("detect"):
            content = re.sub(rb'"ms": \{[^}]*\}|[0-9.]+ ms', b"", content)
        found[name] = content
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("programs")
    parser.add_argument("--points", type=int, default=0, help="calls of each kind and work to make fail (0: all)")
    parser.add_argument("--only", choices=KINDS, action="append", help="kinds of calls")
    parser.add_argument("--work", choices=WORK, action="append", help="what the programs do")
    a = parser.parse_args()
    sweep = Sweep(a.library, a.programs)
    with tempfile.TemporaryDirectory() as inputs:
        sweep.prepare(pathlib.Path(inputs))
        for work in a.work or WORK:
            for kind in a.only or KINDS:
                sweep.sweep(work, kind, a.points)
        if not a.only and not a.work:
            sweep.sweep_api(a.points)
    for kind in a.only or KINDS:
        if sweep.calls[kind] == 0 and not a.work:
            print(f"no program calls {kind}: the sweep does not reach it")
            sweep.failed += 1
    print(f"{sweep.passed} passed, {sweep.failed} failed, 0 skipped")
    sys.exit(1 if sweep.failed else 0)


main()
