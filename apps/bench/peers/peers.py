"""Compares cudet with other engines on the CPU. Times the network alone, including the decoding of boxes.

    make bench-peers [MODELS="best.json ..."] [PEERS_OPTIONS="--rounds 30 --threads 4,1"]

Without MODELS: YOLOv8n and YOLOv8n-DySample with 80 classes and random weights. Writes table.md, result.json and
plot.svg. All engines compute the same network from the same weights, with batch norm folded and constants precomputed.
An engine whose output differs from cudet's is not timed. The engines take turns, each in its own process, in a new
random order for each round. --threads, --batch and --int8 add contestants to the same rounds.

    --size 320,640,1280 --scales n,s,m,x     sizes and scales, one after another
    --batch 8                                also batches of 8 images
    --int8 weights/demo                      also int8, by each engine's own quantizer, calibrated on these images

Exit status: 0 success, also if a peer failed, which the table shows; 2 error.
"""
import argparse
import importlib.metadata
import json
import pathlib
import re
import sys

try:
    import numpy as np
    from safetensors.numpy import save_file

    import measure
    import report
    from engines import ENGINES
    from formats import Formats, as_input, run_detect
    from network import RandomWeights, Refused, build
    from onnx_graph import OnnxGraph
except ImportError as missing:
    sys.exit(print(f"bench-peers: {missing}: `make bench-peers` installs it", file=sys.stderr) or 2)

TOP = pathlib.Path(__file__).resolve().parents[3]
SHIPPED = {"YOLOv8{}": "yolov8.json", "YOLOv8{}-DySample": "yolov8-dysample.json"}
# Maximum difference of an output from cudet's in fp32. Boxes are in pixels at an input size of 640; the limit is scaled
# for other sizes. With real weights MNN differs by 0.15 px. The limits for int8 only detect a network that is
# completely broken: OpenVINO and ONNX Runtime differ by 3 px and 0.2.
BOXES_PX, SCORES = {"fp32": 0.5, "int8": 16}, {"fp32": 1e-3, "int8": 0.3}


def with_random_weights(name, table, scale, folder):
    """Write a description with random weights. Return the path of its JSON."""
    description, weights = json.loads((TOP / "weights" / table).read_text()) | {"scale": scale}, RandomWeights()
    build(description, weights, OnnxGraph(), 640)
    save_file(weights.tensors, folder / f"{name}.safetensors")
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**description, "weights": f"{name}.safetensors"}))
    return path


def model_names(models):
    """Return the file names of models, each with as many parent folders as are needed to distinguish them."""
    parts = [model.resolve().parts for model in models]
    count = 1
    while count < max(map(len, parts)) and len({p[-count:] for p in parts}) < len(set(parts)):
        count += 1
    return ["/".join(p[-count:]).removesuffix(".json") for p in parts]


def contestants(batches, int8):
    """Yield all contestants of a block."""
    kinds = [("fp32", batch) for batch in batches] + [("int8", 1)] * int8
    for precision, batch in kinds:
        for engine in ["cudet", *(name for name, engine in ENGINES.items() if precision in engine.files)]:
            yield report.Contestant(engine, precision, batch)


class Network:
    """A model at one input size: its files, and cudet's output for the test image, which the others must reproduce."""

    def __init__(self, name, model, size, options, folder):
        self.name, self.size, self.options, self.folder = name, size, options, folder
        self.formats = Formats(model, size, options.programs, options.int8, folder)
        self.pixels, output = run_detect(model, size, options.programs, [options.picture], folder / "raw.safetensors")
        self.reference = output[0]

    def start(self, contestant, threads, folder):
        """Return an engine that can take turns, and its difference from cudet in fp32. Raises Failed, Refused."""
        precision, batch, options = contestant.precision, contestant.batch, self.options
        if contestant.engine == "cudet":
            model = self.formats.model if precision == "fp32" else self.formats.path("int8.json")
            engine = measure.Cudet(options.programs, model, threads, self.size, batch, precision)
            if precision == "fp32":
                return engine, None
            raw = self.folder / "raw.safetensors"
            output = run_detect(model, self.size, options.programs, [options.picture], raw)[1]
        else:
            file = self.formats.path(ENGINES[contestant.engine].files[precision], batch)
            images = self.folder / f"input{batch}.npy"
            np.save(images, np.repeat(as_input(self.pixels), batch, axis=0))
            engine = measure.Peer(contestant, file, threads, images, folder)
            output = engine.output()
        difference = measure.difference(output, self.reference, precision)
        boxes_px = BOXES_PX[precision] * self.size / 640
        if not (difference["boxes_px"] <= boxes_px and difference["scores"] <= SCORES[precision]):
            engine.close()
            raise measure.Failed("its output differs by {boxes_px:.2g} px, {scores:.2g}".format(**difference))
        return engine, difference

    def measure_blocks(self):
        """Start, check and time all contestants in the same rounds.

        Returns a list of (block, its cudet in fp32), one for each number of threads.
        """
        options, running, rows = self.options, {}, {}
        try:
            for threads in options.threads:
                folder = self.folder / f"threads{threads}"
                folder.mkdir(exist_ok=True)
                for contestant in contestants(options.batch, options.int8 is not None):
                    row = rows[threads, contestant] = report.Row(contestant)
                    try:
                        running[threads, contestant], row.difference = self.start(contestant, threads, folder)
                    except (measure.Failed, Refused) as failure:
                        row.failure = str(failure)
            samples, failures = measure.rounds(running, options.rounds, options.warmup, options.runs)
            for key, row in rows.items():
                if key in running:
                    row.samples, row.facts = samples[key] / row.contestant.batch, running[key].facts
                row.failure = row.failure or failures.get(key, "")
        finally:
            for engine in running.values():
                engine.close()
        blocks = []
        for threads in options.threads:
            block_rows = [row for (n, _), row in rows.items() if n == threads]
            for row in block_rows:
                if row.failure:
                    print(f"bench-peers: {row.contestant}, threads {threads}: {row.failure}", file=sys.stderr)
            cudet = threads, report.Contestant("cudet")
            if cudet not in running:
                raise Refused(rows[cudet].failure)
            blocks.append((report.Block(self.name, self.size, threads, block_rows), running[cudet]))
        return blocks


def parse_numbers(option, text, low, high, step=1):
    """Parse a list like "4,1" and remove duplicates."""
    found = list(dict.fromkeys(int(n) for n in text.split(","))) if re.fullmatch(r"\d{1,5}(,\d{1,5})*", text) else []
    if not found or any(not low <= n <= high or n % step for n in found):
        multiples = f"multiples of {step}" if step > 1 else "numbers"
        raise Refused(f"{option} {text}: needs {multiples} from {low} to {high}, like {2 * step},{step}")
    return found


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.json", type=pathlib.Path)
    parser.add_argument("--threads", default=f"{measure.cores()},1", help="numbers of threads (all cores, and 1)")
    parser.add_argument("--rounds", default=15, type=int, help="rounds (15)")
    parser.add_argument("--runs", default=8, type=int, help="measured runs per engine and round (8)")
    parser.add_argument("--warmup", default=5, type=int, help="runs before the measured ones (5)")
    parser.add_argument("--size", default="640", help="sides of the network's square input: one or more (640)")
    parser.add_argument("--batch", default="", help="batch sizes in addition to 1: one or more")
    parser.add_argument("--scales", default="n", help="without MODELS: scales of YOLOv8, of n,s,m,l,x (n)")
    parser.add_argument("--int8", metavar="FOLDER", type=pathlib.Path, help="also int8, calibrated on these images")
    parser.add_argument("--picture", default=TOP / "weights/demo/conveyor.jpg", type=pathlib.Path, help="test image")
    parser.add_argument("--programs", default=TOP / "build", type=pathlib.Path, help="folder of bench, detect, convert")
    parser.add_argument("--out", default=TOP / "build/peers", type=pathlib.Path, help="output folder (build/peers)")
    parser.error = lambda message: sys.exit(print(f"bench-peers: {message}", file=sys.stderr) or 2)
    options = parser.parse_args()
    options.threads = parse_numbers("--threads", options.threads, 1, 999)
    options.size = parse_numbers("--size", options.size, 32, 4096, 32)
    options.batch = [1] + [n for n in parse_numbers("--batch", options.batch or "1", 1, 256) if n != 1]
    if not re.fullmatch("[nsmlx](,[nsmlx])*", options.scales):
        parser.error(f"--scales {options.scales}: needs a list of n, s, m, l, x, like n,s")
    if options.rounds < 2 or options.runs < 1 or options.warmup < 0:
        parser.error("--rounds must be at least 2, --runs at least 1 and --warmup at least 0")
    if options.int8 and not options.int8.is_dir():
        parser.error(f"--int8 {options.int8}: needs a folder of images")
    options.models = list(dict.fromkeys(options.models))
    return options


def version(engine):
    try:
        return importlib.metadata.version(engine.package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def why_busy(block, cudet):
    """Yield the reasons why the times are unreliable; none on a quiet machine."""
    noise = report.noise(block)
    if noise > report.NOISY:
        yield f"medians differed by {100 * noise:.0f} % from round to round"
    if cudet.busy:
        yield f"in {len(cudet.busy)} of {len(cudet.results)} rounds {cudet.busy[-1]}"
    for row in block.rows:
        if row.facts.get("idle_s", 0) > 0.1:
            yield f"{row.contestant} used {row.facts['idle_s']:.1f} s of CPU time between its turns"


def as_json(row):
    samples = None if row.samples is None else row.samples.tolist()
    return {**vars(row.contestant), **vars(row), "contestant": str(row.contestant), "samples": samples}


def write(blocks, machine, options):
    """Write table.md, result.json and plot.svg. Return the text of table.md."""
    versions = {name: version(engine) for name, engine in ENGINES.items()}
    text = (
        f"Median milliseconds of the network alone, on {machine['processor']} ({machine['instructions']}, "
        f"{measure.cores()} cores): {options.rounds} rounds of {options.runs} runs. "
        + ", ".join(f"{name} {v}" for name, v in versions.items())
        + ("." if options.models else ". All networks have 80 classes and random weights.")
        + "\n\nLoad and first result: from reading the network's files to the first result. Memory: peak resident "
        "memory minus the resident memory before the files were read; for the peers that is after Python's imports, for "
        "cudet it is measured in `bench`. Since the start: from the start of the process, for the peers including Python and "
        "its imports. Gap: difference from cudet's output in fp32. The limits are "
        f"{BOXES_PX['fp32']} px for boxes, at an input size of 640, and {SCORES['fp32']} for scores; for int8 "
        f"{BOXES_PX['int8']} px and {SCORES['int8']}, as a mean over likely detections.\n\n"
        + "\n".join(map(report.table, blocks))
    )
    results = [
        {"network": block.network, "size": block.size, "threads": block.threads, "busy": block.busy}
        | {"rows": list(map(as_json, block.rows))}
        for block in blocks
    ]
    result = {"machine": machine, "versions": versions, "results": results}
    busy = any(block.busy for block in blocks)
    title = ["The network alone, milliseconds per image; less is better", "BUSY: times are unreliable" * busy]
    (options.out / "table.md").write_text(text)
    (options.out / "result.json").write_text(json.dumps(result))
    (options.out / "plot.svg").write_text(report.svg(blocks, title))
    return text


def main():
    options = parse_options()
    options.out.mkdir(parents=True, exist_ok=True)
    models = options.models or [
        with_random_weights(name.format(scale), table, scale, options.out)
        for scale in options.scales.split(",")
        for name, table in SHIPPED.items()
    ]
    blocks, text = [], ""
    for i, (name, model) in enumerate(zip(model_names(models), models)):
        for size in options.size:
            print(f"{name}, {size}x{size}", file=sys.stderr)
            network = Network(name, model, size, options, options.out / f"{i}-{model.stem}" / str(size))
            measured = network.measure_blocks()
            for block, cudet in measured:
                block.busy += why_busy(block, cudet)
                block.fewer = [other for other, _ in measured if other.threads < block.threads]
                blocks.append(block)
            text = write(blocks, measured[0][1].machine, options)  # so that an interrupted run leaves results
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except (Refused, OSError) as error:
        sys.exit(print(f"bench-peers: {error}", file=sys.stderr) or 2)
