"""How cudet stands against other engines on the CPU: the network alone, decoded boxes included.

    make bench-peers [MODELS="best.json ..."] [PEERS_OPTIONS="--rounds 30 --threads 4,1"]

Without MODELS: YOLOv8n and YOLOv8n-DySample of 80 classes, with random weights. Writes table.md, result.json and
plot.svg. All engines compute the same network from the same weights, with batch norm folded and constants precomputed;
one whose output isn't cudet's is not timed. They take turns, each in a process of its own, in an order drawn anew for
each round; --threads, --batch and --int8 have more of them take turns in the same rounds.

    --size 320,640,1280 --scales n,s,m,x     sizes and scales, one after the other
    --batch 8                                pictures a second, beside batch 1's
    --int8 weights/demo                      int8, each by its own quantizer from these pictures

Exit status: 0 done, also where a peer failed: the table tells; 2 nothing came of it.
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
    from formats import Formats, as_input, detected
    from network import RandomWeights, Refused, build
    from onnx_graph import OnnxGraph
except ImportError as missing:
    sys.exit(print(f"bench-peers: {missing}: `make bench-peers` installs it", file=sys.stderr) or 2)

TOP = pathlib.Path(__file__).resolve().parents[3]
SHIPPED = {"YOLOv8{}": "yolov8.json", "YOLOv8{}-DySample": "yolov8-dysample.json"}
# By which an output may differ from cudet's in fp32, boxes in pixels of an input of 640, whose share counts; MNN comes
# to 0.15 px with real weights. Those of int8 are to tell a network that has lost all sense; OpenVINO and ONNX Runtime
# come to 3 px and 0.2.
BOXES_PX, SCORES = {"fp32": 0.5, "int8": 16}, {"fp32": 1e-3, "int8": 0.3}


def with_random_weights(name, table, scale, folder):
    """A description with weights of our own making; the path of its JSON."""
    description, weights = json.loads((TOP / "weights" / table).read_text()) | {"scale": scale}, RandomWeights()
    build(description, weights, OnnxGraph(), 640)
    save_file(weights.tensors, folder / f"{name}.safetensors")
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**description, "weights": f"{name}.safetensors"}))
    return path


def names(models):
    """Of models' files: each's own, with as many folders before it as tell them apart."""
    parts = [model.resolve().parts for model in models]
    count = 1
    while count < max(map(len, parts)) and len({p[-count:] for p in parts}) < len(set(parts)):
        count += 1
    return ["/".join(p[-count:]).removesuffix(".json") for p in parts]


def contestants(batches, int8):
    """All of a block."""
    kinds = [("fp32", batch) for batch in batches] + [("int8", 1)] * int8
    for precision, batch in kinds:
        for engine in ["cudet", *(name for name, engine in ENGINES.items() if precision in engine.files)]:
            yield report.Contestant(engine, precision, batch)


class Network:
    """A model at a size: its files, and what cudet makes of the picture, which others must too."""

    def __init__(self, name, model, size, options, folder):
        self.name, self.size, self.options, self.folder = name, size, options, folder
        self.formats = Formats(model, size, options.programs, options.int8, folder)
        self.pixels, output = detected(model, size, options.programs, [options.picture], folder / "raw.safetensors")
        self.reference = output[0]

    def start(self, contestant, threads, folder):
        """One that can take turns, and its difference from cudet in fp32. Raises Failed, Refused."""
        precision, batch, options = contestant.precision, contestant.batch, self.options
        if contestant.engine == "cudet":
            model = self.formats.model if precision == "fp32" else self.formats.path("int8.json")
            engine = measure.Cudet(options.programs, model, threads, self.size, batch, precision)
            if precision == "fp32":
                return engine, None
            raw = self.folder / "raw.safetensors"
            output = detected(model, self.size, options.programs, [options.picture], raw)[1]
        else:
            file = self.formats.path(ENGINES[contestant.engine].files[precision], batch)
            pictures = self.folder / f"input{batch}.npy"
            np.save(pictures, np.repeat(as_input(self.pixels), batch, axis=0))
            engine = measure.Peer(contestant, file, threads, pictures, folder)
            output = engine.output()
        difference = measure.difference(output, self.reference, precision)
        boxes_px = BOXES_PX[precision] * self.size / 640
        if not (difference["boxes_px"] <= boxes_px and difference["scores"] <= SCORES[precision]):
            engine.close()
            raise measure.Failed("its output is another: {boxes_px:.2g} px, {scores:.2g}".format(**difference))
        return engine, difference

    def measured(self):
        """Everyone started, compared and timed, in the same rounds: a block for each number of threads, and its cudet."""
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
            samples, broken = measure.rounds(running, options.rounds, options.warmup, options.runs)
            for key, row in rows.items():
                if key in running:
                    row.samples, row.facts = samples[key] / row.contestant.batch, running[key].facts
                row.failure = row.failure or broken.get(key, "")
        finally:
            for engine in running.values():
                engine.close()
        blocks = []
        for threads in options.threads:
            of_block = [row for (n, _), row in rows.items() if n == threads]
            for row in of_block:
                if row.failure:
                    print(f"bench-peers: {row.contestant}, threads {threads}: {row.failure}", file=sys.stderr)
            cudet = threads, report.Contestant("cudet")
            if cudet not in running:
                raise Refused(rows[cudet].failure)
            blocks.append((report.Block(self.name, self.size, threads, of_block), running[cudet]))
        return blocks


def numbers(option, text, least, most, step=1):
    """Of "4,1", each once."""
    found = list(dict.fromkeys(int(n) for n in text.split(","))) if re.fullmatch(r"\d{1,5}(,\d{1,5})*", text) else []
    if not found or any(not least <= n <= most or n % step for n in found):
        multiple = f", multiples of {step}," * (step > 1)
        raise Refused(f"{option} {text}: numbers{multiple} from {least} to {most} are needed, like {2 * step},{step}")
    return found


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.json", type=pathlib.Path)
    parser.add_argument("--threads", default=f"{measure.cores()},1", help="numbers of threads (all cores, and 1)")
    parser.add_argument("--rounds", default=15, type=int)
    parser.add_argument("--runs", default=8, type=int, help="of each engine in a round")
    parser.add_argument("--warmup", default=5, type=int, help="runs before them that aren't counted")
    parser.add_argument("--size", default="640", help="of the network's input, a square's side: one or more")
    parser.add_argument("--batch", default="", help="pictures that run as one, besides 1: one or more")
    parser.add_argument("--scales", default="n", help="of the networks that stand in for MODELS: of n,s,m,l,x")
    parser.add_argument("--int8", metavar="PICTURES", type=pathlib.Path, help="int8 too, by this folder's pictures")
    parser.add_argument("--picture", default=TOP / "weights/demo/conveyor.jpg", type=pathlib.Path, help="of all runs")
    parser.add_argument("--programs", default=TOP / "build", type=pathlib.Path, help="folder of bench, detect, convert")
    parser.add_argument("--out", default=TOP / "build/peers", type=pathlib.Path)
    parser.error = lambda message: sys.exit(print(f"bench-peers: {message}", file=sys.stderr) or 2)
    options = parser.parse_args()
    options.threads = numbers("--threads", options.threads, 1, 999)
    options.size = numbers("--size", options.size, 32, 4096, 32)
    options.batch = [1] + [n for n in numbers("--batch", options.batch or "1", 1, 256) if n != 1]
    if not re.fullmatch("[nsmlx](,[nsmlx])*", options.scales):
        parser.error(f"--scales {options.scales}: some of n,s,m,l,x are needed")
    if options.rounds < 2 or options.runs < 1 or options.warmup < 0:
        parser.error("--rounds of at least 2, --runs of at least 1 and --warmup of at least 0 are needed")
    if options.int8 and not options.int8.is_dir():
        parser.error(f"--int8 {options.int8}: a folder of pictures is needed")
    options.models = list(dict.fromkeys(options.models))
    return options


def version(engine):
    try:
        return importlib.metadata.version(engine.package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def why_busy(block, cudet):
    """Lines, none where the machine was quiet."""
    noise = report.noise(block)
    if noise > report.NOISY:
        yield f"medians differed by {100 * noise:.0f} % from round to round"
    if cudet.busy:
        yield f"in {len(cudet.busy)} of {len(cudet.said)} rounds {cudet.busy[-1]}"
    for row in block.rows:
        if row.facts.get("idle_s", 0) > 0.1:
            yield f"{row.contestant} used {row.facts['idle_s']:.1f} s of CPU time out of its turn"


def stored(row):
    samples = None if row.samples is None else row.samples.tolist()
    return {**vars(row.contestant), **vars(row), "contestant": str(row.contestant), "samples": samples}


def write(blocks, machine, options):
    """table.md, result.json and plot.svg. Returns the first's text."""
    versions = {name: version(engine) for name, engine in ENGINES.items()}
    text = (
        f"Median milliseconds of the network alone, on {machine['processor']} ({machine['instructions']}, "
        f"{measure.cores()} cores): {options.rounds} rounds of {options.runs} runs. "
        + ", ".join(f"{name} {v}" for name, v in versions.items())
        + ("." if options.models else ". All networks are of 80 classes, with random weights.")
        + "\n\nLoad and first result count from the network's files on, memory is what the process's largest resident "
        "memory was above what it had before it read them: peers' after Python's imports, cudet's in `bench`. Times "
        "since the start of the process have Python and its imports in them. Outputs may differ from cudet's by "
        f"{BOXES_PX['fp32']} px in boxes, of 640, and {SCORES['fp32']} in scores; in int8 by {BOXES_PX['int8']} px and "
        f"{SCORES['int8']} in the mean, where something is found.\n\n"
        + "\n".join(map(report.table, blocks))
    )
    results = [
        {"network": block.network, "size": block.size, "threads": block.threads, "busy": block.busy}
        | {"rows": list(map(stored, block.rows))}
        for block in blocks
    ]
    result = {"machine": machine, "versions": versions, "results": results}
    busy = any(block.busy for block in blocks)
    title = ["The network alone, milliseconds a picture; less is better", "BUSY: times mean little" * busy]
    (options.out / "table.md").write_text(text)
    (options.out / "result.json").write_text(json.dumps(result))
    (options.out / "plot.svg").write_text(report.svg(blocks, title))
    return text


def main():
    options = parsed()
    options.out.mkdir(parents=True, exist_ok=True)
    models = options.models or [
        with_random_weights(name.format(scale), table, scale, options.out)
        for scale in options.scales.split(",")
        for name, table in SHIPPED.items()
    ]
    blocks, text = [], ""
    for i, (name, model) in enumerate(zip(names(models), models)):
        for size in options.size:
            print(f"{name}, {size}x{size}", file=sys.stderr)
            network = Network(name, model, size, options, options.out / f"{i}-{model.stem}" / str(size))
            measured = network.measured()
            for block, cudet in measured:
                block.busy += why_busy(block, cudet)
                block.fewer = [other for other, _ in measured if other.threads < block.threads]
                blocks.append(block)
            text = write(blocks, measured[0][1].machine, options)  # of what there is, should the rest be cut short
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except (Refused, OSError) as error:
        sys.exit(print(f"bench-peers: {error}", file=sys.stderr) or 2)
