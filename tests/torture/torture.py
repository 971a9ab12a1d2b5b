"""Feeds mutated files of every format to the programs, one at a time, and checks what they do.

Each run must end by itself within a limit of time and memory, with exit status 0, 1 or 2 and no temporary file left. A
failure is told in lines on standard error that begin with the program's name. Results must be right: the readers
(READERS) compare them with those of OpenCV, PyTorch with Ultralytics, safetensors and PyYAML where the Python that runs
this has them, and with those of the original file where a mutation keeps the meaning.

A case depends on the seed and its number only. An input that breaks a rule is kept in a folder in --keep, with its outputs
and, in why.txt, the commands that repeat it. Prints a line per such input and per reader, and "N passed, N failed, N skipped": a check that
an oracle would have made, if it were installed, counts as skipped.
Run:  python tests/torture/torture.py PROGRAMS [--seconds N] [--seed N] [--only READER] [--case N]
"""
import argparse, collections, dataclasses, hashlib, json, os, pathlib, random, re, resource, shlex, shutil, signal, subprocess, sys, tempfile, threading, time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import readers  # noqa: E402
from mutate import invalid_json  # noqa: E402

SECONDS = 20  # for one run
ADDRESS_SPACE = 4 << 30
MEMORY = 1536 << 20  # what a run may use: a checkpoint's 1 GiB, and room
MESSAGE = 1000  # characters of a line on standard error


@dataclasses.dataclass
class Run:
    program: str
    status: int  # negative: minus the signal
    stdout: bytes
    stderr: str
    peak: int
    expired: bool


class Helper:
    """A process that answers one line per line; starts again after it ended or took too long."""

    def __init__(self, command, seconds=60):
        self.command, self.seconds, self.process = command, seconds, None

    def ask(self, line):
        """Returns the answer, or nothing if there is none."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        timer = threading.Timer(self.seconds, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        timer.cancel()
        if not answer:
            self.process.kill()
            self.process.wait()
        return answer.rstrip("\n")


class Tools:
    """Runs the programs and asks the oracles; the readers use it."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self.raw_pixels = folder / "pixels"
        self.decoder = Helper([f"{programs}/pixels", str(self.raw_pixels)], SECONDS)
        self.oracle = Helper([sys.executable, "-B", str(pathlib.Path(__file__).parent / "oracle.py")])
        self.oracles = set(json.loads(self.oracle.ask("{}"))["oracles"])
        self.commands = []  # of the current case
        self.counts = collections.Counter()

    def fresh(self):
        """Empties the folder for the outputs and returns it."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        self.commands.clear()
        return out

    def run(self, program, *arguments):
        command = [f"{self.programs}/{program}", *map(str, arguments)]
        self.commands.append(command)
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, preexec_fn=limit)
            expired = threading.Event()
            timer = threading.Timer(SECONDS, lambda: (expired.set(), process.kill()))
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            return Run(program, process.returncode, out.read(), err.read().decode(errors="replace"), usage.ru_maxrss * 1024, expired.is_set())

    def broken(self, run, out):
        """Returns which of the rules for every run this one breaks, or nothing."""
        if run.expired:
            return f"did not end within {SECONDS} s"
        if run.status < 0:
            return f"ended by {signal.Signals(-run.status).name}: {run.stderr.strip()[-200:]}"
        if run.status not in (0, 1, 2):
            return f"exit status {run.status}: {run.stderr.strip()[-200:]}"
        lines = run.stderr.splitlines()
        if run.status and not any(re.match(rf"{run.program}: .", line) for line in lines):
            return f"exit status {run.status} without a line on standard error: {run.stderr.strip()[-200:]}"
        for line in lines:
            if len(line) > MESSAGE + len(f"{run.program}: "):
                return f"a line of {len(line)} characters on standard error: {line[:200]}"
            if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line):
                return f"control characters on standard error: {line[:200]!r}"
        if run.peak > MEMORY:
            return f"used {run.peak >> 20} MB"
        for file in out.rglob("*"):
            if re.search(r"\.part\d+-\d+$", file.name):
                return f"left {file.name}"
            if file.suffix == ".json":
                why = invalid_json(file.read_bytes())
                if why:
                    return f"{file.name} is not JSON: {why}"
        return ""

    def pixels(self, path):
        """Decodes an image; returns (width, height, hash of the pixels), or the error."""
        answer = self.decoder.ask(str(path))
        if not answer.startswith("ok "):
            return answer or "the decoder ended"
        return (*map(int, answer.split()[1:]), hashlib.sha256(self.raw_pixels.read_bytes()).hexdigest())

    def compare(self, oracle, **question):
        """Asks an oracle; returns its answer, or nothing if it is not installed or ended."""
        if oracle not in self.oracles:
            self.counts[f"skipped: {readers.ORACLES[oracle]} is not installed"] += 1
            return None
        answer = self.oracle.ask(json.dumps({"oracle": oracle, **{k: str(v) for k, v in question.items()}}))
        if not answer:
            self.counts[f"skipped: {readers.ORACLES[oracle]} ended"] += 1
            return None
        return json.loads(answer)


def keep(folder, tools, reader, seed, number, mutation, path, why):
    """Copies the files of a case to a folder of its own, with the commands that repeat it, and prints why it failed."""
    kept = folder.absolute() / f"{reader.name}-{seed}-{number}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(tools.folder, kept, ignore=shutil.ignore_patterns("pixels", "original"))
    case = [sys.executable, "-B", __file__, tools.programs, "--seed", str(seed), "--only", reader.name, "--case", str(number)]
    moved = [[argument.replace(str(tools.folder), str(kept)) for argument in command] for command in tools.commands]
    what = f"{mutation.what} ({mutation.expect}): {' '.join(why.split())}"
    (kept / "why.txt").write_text(f"{what}\n\n" + "".join(shlex.join(command) + "\n" for command in [case, *moved]))
    print(f"{reader.name} case {number}: {what}\n  {kept / path.name}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", action="append", choices=readers.READERS, help="readers")
    parser.add_argument("--case", type=int, help="run only this case, once per reader")
    parser.add_argument("--keep", default="build/torture", type=pathlib.Path, help="folder of the inputs that break a rule")
    a = parser.parse_args()
    print(f"seed {a.seed}", flush=True)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(os.path.abspath(a.programs), pathlib.Path(folder))
        for missing in sorted(readers.ORACLES.keys() - tools.oracles):
            print(f"{readers.ORACLES[missing]} is not installed for {sys.executable}: {missing} results are NOT COMPARED with it", flush=True)
        chosen = [readers.READERS[name](tools) for name in a.only or readers.READERS]
        cases, failures = collections.Counter(), collections.Counter()
        number, end = a.case or 0, time.monotonic() + a.seconds
        while time.monotonic() < end:
            for reader in chosen:
                rng = random.Random(f"{a.seed} {reader.name} {number}")
                seed = rng.choice(reader.seeds)
                mutation = reader.mutate(rng, seed)
                path = tools.folder / ("case" + seed.suffix)
                path.write_bytes(mutation.data)
                why = reader.check(rng, seed, path, mutation, tools.fresh())
                cases[reader.name] += 1
                passed += not why
                failed += bool(why)
                failures[reader.name] += bool(why)
                if why:
                    keep(a.keep, tools, reader, a.seed, number, mutation, path, why)
            number += 1
            if a.case is not None:
                break
        for name in cases:
            details = ", ".join(f"{key.removeprefix(name + ' ')} {n}" for key, n in sorted(tools.counts.items()) if key.startswith(name + " "))
            print(f"{name}: {cases[name]} cases, {failures[name]} failed; {details}")
    skipped = 0
    for key, n in sorted(tools.counts.items()):
        if key.startswith("skipped: "):
            print(f"{key}: {n} comparisons")
            skipped += n
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


main()
