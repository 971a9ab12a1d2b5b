"""Runs detect, compiled with ThreadSanitizer, on a folder of images with several threads and all outputs: once to the end,
and three times with SIGINT after some images. Fails if ThreadSanitizer reports something, if the exit status is not the
documented one, or if the JSON does not have the images that are done.
Run:  python tests/tsan/detect.py PROGRAM...   (before the program: what starts it, as `setarch -R`)
"""
import json, os, pathlib, re, shutil, signal, subprocess, sys, tempfile

IMAGES = [f"tests/data/images/{name}" for name in
          ("rgb.png", "progressive.jpg", "palette8.bmp", "interlaced.png", "decoders/restart.jpg", "decoders/rgba16.png")]
COPIES = 20
SECONDS = 120  # for one run


def run(program, images, folder, lines, options):
    """Runs detect, with SIGINT after this many lines on standard output, if any. Returns what is wrong, or nothing."""
    out, reports = folder / "out", folder / "report"
    command = [*program, "--device", "cpu", "--model", "tests/data/tiny/plain.json", "--conf", "0.001", "--max-det", "3", "--threads", "4",
               "--batch", "2", "--json", f"{out}.json", "--csv", f"{out}.csv", "--coco", f"{out}.coco", "--txt", f"{out}-txt",
               "--save-crop", f"{out}-crops", "--out", f"{out}-drawn", *(o.replace("OUT", str(out)) for o in options), images]
    environment = {**os.environ, "LC_ALL": "C", "TSAN_OPTIONS": f"log_path={reports}:exitcode=99"}
    command = ["timeout", "--foreground", str(SECONDS), *command]  # passes SIGINT on
    with open(folder / "errors", "w") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment,
                                                                  text=True) as process:
        for _ in range(lines):
            process.stdout.readline()
        if lines:
            process.send_signal(signal.SIGINT)
        process.communicate()
    errors = (folder / "errors").read_text()
    if found := sorted(folder.glob("report*")):
        return found[0].read_text()
    if process.returncode != (1 if lines else 0):
        return f"exit status {process.returncode}: {errors}"
    total = len(list(images.iterdir()))
    done = re.search(r"^detect: interrupted: (\d+) of \d+ images are done$", errors, re.M)
    if lines and not done:
        return f"no line about the interruption: {errors}"
    wanted = int(done[1]) if done else total
    written = len(json.loads(out.with_suffix(".json").read_text())["images"])
    return "" if written == wanted else f"the JSON has {written} images, not {wanted}"


def main():
    program, failed = sys.argv[1:], 0
    with tempfile.TemporaryDirectory() as root:
        images = pathlib.Path(root, "images")
        images.mkdir()
        for copy in range(COPIES):
            for image in IMAGES:
                shutil.copy(image, images / f"{copy}-{pathlib.Path(image).name}")
        for lines, options in ((0, []), (1, []), (9, ["--dump-raw", "OUT.safetensors"]), (40, ["--no-draw"])):
            folder = pathlib.Path(root, f"after-{lines}")
            folder.mkdir()
            if why := run(program, images, folder, lines, options):
                failed += 1
                print("detect under ThreadSanitizer, " + (f"SIGINT after {lines} lines" if lines else "whole run") + f": {why}", file=sys.stderr)
    print(f"detect under ThreadSanitizer: {failed or 'no'} failures")
    sys.exit(1 if failed else 0)


main()
