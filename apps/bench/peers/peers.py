"""How cudet stands against other engines on the CPU: fp32, batch 1, the network alone, decoded boxes included.

    make bench-peers [MODELS="best.json ..."] [PEERS_OPTIONS="--rounds 30 --threads 4,1"]

Without MODELS: YOLOv8n and YOLOv8n-DySample of 80 classes, with random weights. Writes table.md, result.json and
plot.svg. All engines compute the same network from the same weights, with batch norm folded and constants precomputed;
one whose output isn't cudet's is not timed. They take turns, each in a process of its own, in an order drawn anew for
each round.

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
    from safetensors.numpy import load_file, save_file

    import measure
    import report
    from engines import ENGINES
    from ncnn_graph import NcnnGraph
    from network import RandomWeights, Refused, build, read
    from onnx_graph import OnnxGraph
except ImportError as missing:
    sys.exit(print(f"bench-peers: {missing}: `make bench-peers` installs it", file=sys.stderr) or 2)

TOP = pathlib.Path(__file__).resolve().parents[3]
SHIPPED = {"YOLOv8n": "yolov8.json", "YOLOv8n-DySample": "yolov8-dysample.json"}
BOXES_PX, SCORES = 0.5, 1e-3  # by which an output may differ from cudet's; MNN comes to 0.15 with real weights


def with_random_weights(name, table, folder):
    """A description with weights of our own making; the path of its JSON."""
    description, weights = json.loads((TOP / "weights" / table).read_text()), RandomWeights()
    build(description, weights, OnnxGraph(), 640)
    save_file(weights.tensors, folder / f"{name}.safetensors")
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**description, "weights": f"{name}.safetensors"}))
    return path


def write_formats(model, size, folder):
    """Files of the network by their format, and why one could not be made."""
    description, weights = read(model)
    files, failed = {}, {}
    for form, graph in (("onnx", OnnxGraph()), ("param", NcnnGraph())):
        files[form] = folder / f"{model.stem}.{form}"
        build(description, weights, graph, size)
        graph.save(files[form])
    try:
        files["mnn"] = folder / f"{model.stem}.mnn"
        measure.converted_to_mnn(files["onnx"], files["mnn"])
    except measure.Failed as failure:
        failed["mnn"] = str(failure)
    return files, failed


def cudets_output(model, options):
    """What cudet makes of the picture, (4+nc, anchors); stores the network's input for the others."""
    raw = options.out / f"{model.stem}.raw.safetensors"
    how = ["--device", "cpu", "--imgsz", options.size, "--square", "--no-draw", "--quiet", "--dump-raw", raw]
    measure.program([options.programs / "detect", "--model", model, *how, options.picture])
    tensors = load_file(raw)
    pixels = next(t for name, t in tensors.items() if name.endswith(".input_u8"))
    picture = options.out / f"{model.stem}.input.npy"
    np.save(picture, np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255))
    return next(t for name, t in tensors.items() if name.endswith(".output0")), picture


def measured(model, threads, options, made):
    """A network with so many threads: everyone started, compared and timed."""
    files, failed, reference, picture = made
    cudet = measure.Cudet(options.programs, model, threads, options.size)
    running, rows = {"cudet": cudet}, {"cudet": report.Row("cudet")}
    try:
        for name, engine in ENGINES.items():
            row = rows[name] = report.Row(name, failure=failed.get(engine.file, ""))
            if row.failure:
                continue
            try:
                peer = running[name] = measure.Peer(name, files[engine.file], threads, picture, options.out)
                row.difference = measure.difference(peer.output(), reference)
                if not (row.difference["boxes_px"] <= BOXES_PX and row.difference["scores"] <= SCORES):
                    raise measure.Failed("its output is another")
            except measure.Failed as failure:
                row.failure = str(failure)
                if name in running:
                    running.pop(name).close()
        samples, broken = measure.rounds(running, options.rounds, options.runs, seed=threads)
        for name, row in rows.items():
            row.samples, row.failure = samples.get(name), row.failure or broken.get(name, "")
            row.facts = running[name].facts if name in running else {}
    finally:
        for engine in running.values():
            engine.close()
    for row in rows.values():
        if row.failure:
            print(f"bench-peers: {row.engine}: {row.failure}", file=sys.stderr)
    return report.Block(model.stem, threads, list(rows.values())), cudet


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.json", type=pathlib.Path)
    parser.add_argument("--threads", default=f"{measure.cores()},1", help="numbers of threads (all cores, and 1)")
    parser.add_argument("--rounds", default=15, type=int)
    parser.add_argument("--runs", default=8, type=int, help="of each engine in a round")
    parser.add_argument("--size", default=640, type=int, help="of the network's input, a square's side")
    parser.add_argument("--picture", default=TOP / "weights/demo/conveyor.jpg", type=pathlib.Path)
    parser.add_argument("--programs", default=TOP / "build", type=pathlib.Path, help="folder of bench and detect")
    parser.add_argument("--out", default=TOP / "build/peers", type=pathlib.Path)
    parser.error = lambda message: sys.exit(print(f"bench-peers: {message}", file=sys.stderr) or 2)
    options = parser.parse_args()
    if not re.fullmatch(r"[1-9]\d{0,2}(,[1-9]\d{0,2})*", options.threads):
        parser.error(f"--threads {options.threads}: numbers like 4,1 are needed")
    options.threads = list(dict.fromkeys(map(int, options.threads.split(","))))
    if options.rounds < 2 or options.runs < 1:
        parser.error("--rounds of at least 2 and --runs of at least 1 are needed")
    if not (0 < options.size <= 4096 and options.size % 32 == 0):
        parser.error(f"--size {options.size}: a multiple of 32 up to 4096 is needed")
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
            yield f"{row.engine} used {row.facts['idle_s']:.1f} s of CPU time out of its turn"


def write(blocks, machine, options):
    """table.md, result.json and plot.svg; prints the first."""
    versions = {name: version(engine) for name, engine in ENGINES.items()}
    size, busy = f"{options.size}x{options.size}", any(block.busy for block in blocks)
    text = (
        f"Median milliseconds of the network alone, fp32, batch 1, {size}, on {machine['processor']} "
        f"({machine['instructions']}, {measure.cores()} cores): {options.rounds} rounds of {options.runs} runs. "
        + ", ".join(f"{name} {v}" for name, v in versions.items())
        + ("." if options.models else ". Both networks are of 80 classes, with random weights.")
        + "\n\nOf peers, the time from the process' start to the first result has Python and imports in it, and "
        "memory is what resident memory grew by after those; of cudet it is all of the process. Outputs may differ "
        f"from cudet's by {BOXES_PX} px in boxes and {SCORES} in scores.\n\n" + "\n".join(map(report.table, blocks))
    )
    stored = lambda row: {**vars(row), "samples": None if row.samples is None else row.samples.tolist()}
    results = [{**vars(block), "rows": list(map(stored, block.rows))} for block in blocks]
    result = {"machine": machine, "versions": versions, "size": options.size, "results": results}
    title = [f"The network alone, fp32, batch 1, {size}; less is better", "BUSY: times mean little" * busy]
    (options.out / "table.md").write_text(text)
    (options.out / "result.json").write_text(json.dumps(result))
    (options.out / "plot.svg").write_text(report.svg(blocks, title))
    print(text, end="")


def main():
    options = parsed()
    options.out.mkdir(parents=True, exist_ok=True)
    models = options.models or [with_random_weights(name, table, options.out) for name, table in SHIPPED.items()]
    blocks = []
    for model in models:
        reference, picture = cudets_output(model, options)
        made = *write_formats(model, options.size, options.out), reference, picture
        for threads in options.threads:
            print(f"{model.stem}, threads {threads}", file=sys.stderr)
            block, cudet = measured(model, threads, options, made)
            block.busy += why_busy(block, cudet)
            blocks.append(block)
    write(blocks, cudet.machine, options)


if __name__ == "__main__":
    try:
        main()
    except (Refused, OSError) as error:
        sys.exit(print(f"bench-peers: {error}", file=sys.stderr) or 2)
