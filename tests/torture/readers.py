"""One class per kind of file: its originals, its mutations, and what is checked for a mutated file."""
import json, pathlib

import checkpoints, images, texts
from mutate import INVALID, SAME, invalid_json

DATA = pathlib.Path("tests/data")
TINY = DATA / "tiny/plain.json"
ORACLES = {"image": "OpenCV", "checkpoint": "PyTorch with Ultralytics", "description": "PyTorch with Ultralytics and safetensors", "yaml": "PyYAML"}


class ImageReader:
    """Images: `detect` on a small model for the rules, the decoder alone for the pixels."""

    def __init__(self, tools):
        self.tools, self.originals = tools, {}
        self.seeds = sorted(p for end in self.ends for p in (DATA / "images").rglob(f"*.{end}"))

    def mutate(self, rng, seed):
        return type(self).change(rng, seed.read_bytes())

    def check(self, rng, seed, path, mutation, out):
        tools = self.tools
        run = tools.run("detect", "--device", "cpu", "--threads", "1", "--model", TINY, "--no-draw", "--quiet", "--json", out / "r.json", path)
        why = tools.broken(run, out)
        if why:
            return why
        pixels = tools.pixels(path)
        if isinstance(pixels, str) == (run.status == 0):
            return f"detect ends with {run.status}, the decoder says {pixels}"
        tools.counts[f"{self.name} read" if run.status == 0 else f"{self.name} refused"] += 1
        if run.status == 0:
            image = json.loads((out / "r.json").read_text())["images"][0]
            if (image["width"], image["height"]) != pixels[:2]:
                return f"detect reports {image['width']}x{image['height']} pixels, the decoder {pixels[:2]}"
        if mutation.expect == INVALID and run.status == 0:
            return "was read"
        if mutation.expect == SAME:
            if seed not in self.originals:
                self.originals[seed] = tools.pixels(seed)
            if isinstance(self.originals[seed], tuple) and pixels != self.originals[seed]:
                return f"other pixels than those of {seed}: {pixels}"
        return self.compare(path, mutation, run)

    def compare(self, path, mutation, run):
        answer = self.tools.compare("image", file=path, pixels=self.tools.raw_pixels)
        if answer is None:
            return ""
        if run.status:
            self.tools.counts[f"{self.name} refused, although OpenCV reads them"] += not answer["refused"]
            return ""
        if answer["refused"]:
            damaged = self.name in ("jpeg", "tiff") and "the image is damaged" in run.stderr  # which OpenCV may refuse
            return "" if damaged or self.justified(mutation.data) else "OpenCV refuses the image"
        # Versions of libjpeg-turbo smooth an image whose progressive scans are incomplete in different ways.
        smoothed = self.name == "jpeg" and b"\xff\xc2" in mutation.data and answer.get("worst", 255) <= 2
        return "" if smoothed or self.name == "webp" and self.justified(mutation.data) else answer["difference"]

    def justified(self, data):
        """Whether a file is right to be read although OpenCV refuses it, or reads it in another way."""
        return False


class Png(ImageReader):
    name, ends, change = "png", ["png"], images.png

    def justified(self, data):
        """OpenCV refuses wrong frames of an animation, of which only the image outside is read."""
        return b"acTL" in data or b"fcTL" in data


class Jpeg(ImageReader):
    name, ends, change = "jpeg", ["jpg", "mpo"], images.jpeg


class Webp(ImageReader):
    name, ends, change = "webp", ["webp"], images.webp

    def justified(self, data):
        """OpenCV takes no orientation from a file whose other chunks are in a wrong order or incomplete."""
        kinds = (b"ALPH", b"VP8X", b"VP8L", b"VP8 ", b"ANIM", b"ANMF")
        repeated = b"ANMF" not in data and sum(data.count(kind) for kind in (b"VP8L", b"VP8 ")) > 1
        return b"EXIF" in data and (repeated or data.find(b"EXIF") < max(map(data.rfind, kinds)))


class Tiff(ImageReader):
    name, ends, change = "tiff", ["tif"], images.tiff

    def justified(self, data):
        """OpenCV refuses channels of 2 or 4 bits, and strips of more rows than it can hold; their default is 2^32 - 1."""
        tags = images.tiff_tags(data)
        return tags.get(258) in (2, 4) or tags.get(278, 0) > 8192


class Bmp(ImageReader):
    name, ends, change = "bmp", ["bmp"], images.bmp

    def justified(self, data):
        """OpenCV looks for the masks of 16-bit pixels after a header that contains them, reads colours that no pixel has,
        needs the end mark of run lengths of 4 bits after the last row and nowhere else, and does not know masks with alpha.
        """
        header, colours = int.from_bytes(data[14:18], "little"), int.from_bytes(data[46:50], "little")
        return data[30] == 6 or data[28] == 4 and data[30] == 2 or header >= 52 and data[28] == 16 or data[28] < 8 and colours > 1 << data[28]


class NetworkReader:
    """Files that describe a network: `detect` computes its raw output for an image, which an oracle compares."""

    image = DATA / "images/rgb.png"

    def __init__(self, tools):
        self.tools, self.originals = tools, {}

    def detect(self, arguments, out, name="raw"):
        """Runs the network; returns the run, why it breaks a rule, and the raw output."""
        raw = out / f"{name}.safetensors"
        run = self.tools.run("detect", "--device", "cpu", "--threads", "1", *arguments, "--conf", "0.001", "--max-det", "9", "--no-draw", "--quiet",
                             "--json", out / f"{name}.json", "--dump-raw", raw, self.image)
        return run, self.tools.broken(run, out), raw.read_bytes() if run.status == 0 and raw.exists() else None

    def judge(self, seed, mutation, out, arguments, original):
        """Runs `detect` on a mutated file and checks what needs no oracle. Returns whether it was read, and why it failed."""
        run, why, raw = self.detect(arguments, out)
        self.tools.counts[f"{self.name} read" if raw else f"{self.name} refused"] += 1
        if why:
            return False, why
        if run.status == 0 and raw is None:
            return False, "no raw output, exit status 0"
        if mutation.expect == INVALID and raw:
            return True, "was read"
        if mutation.expect == SAME:
            if seed not in self.originals:
                folder = self.tools.folder / "original"
                folder.mkdir(exist_ok=True)
                self.originals[seed] = self.detect(original, folder)[2]
            if raw is None or raw != self.originals[seed]:
                return raw is not None, f"another result than that of {seed}: {run.stderr.strip()[-200:]}"
        return raw is not None, ""

    def ask(self, oracle, accepted, **question):
        """Returns how the oracle's result for a file differs; a file that was refused is not compared."""
        answer = self.tools.compare(oracle, **question) if accepted else None
        if answer and "unknown" in answer:
            self.tools.counts[f"{self.name} not comparable"] += 1
            return ""
        return answer["difference"] if answer else ""


class Checkpoint(NetworkReader):
    name, change = "checkpoint", checkpoints.archive

    def __init__(self, tools):
        super().__init__(tools)
        found = [p for folder in ("pt", "cases") for p in sorted((DATA / folder).glob("*.pt")) if p.name not in self.UNFIT]
        self.seeds = [p for p in found if (p.read_bytes()[:2] == b"PK") == (self.name == "checkpoint")]

    # Not networks, or networks that the image does not fit.
    UNFIT = {"legacy.pt", "segment.pt", "state-dict.pt", "four-channels.pt", "five-channels.pt", "dysample-no-positions.pt", "dysample-parameter.pt",
             "names-array.pt", "strides.pt", "dysample-attribute.pt", "names-gap.pt"}
    SIZES = {"masks.pt": 4, "bias-and-norm.pt": 4, "fused.pt": 4, "double.pt": 8}  # bytes of a value

    def mutate(self, rng, seed):
        return type(self).change(rng, seed.read_bytes(), self.SIZES.get(seed.name, 2))

    def check(self, rng, seed, path, mutation, out):
        options = ["--imgsz", "64x96", "--model"]
        accepted, why = self.judge(seed, mutation, out, [*options, path], [*options, seed])
        if not why and rng.random() < 0.25:
            why = self.convert(path, out, options, accepted)
        return why or self.ask("checkpoint", accepted, file=path, raw=out / "raw.safetensors", table=out / "m.json")

    def convert(self, path, out, options, accepted):
        """Checks that `convert` agrees with `detect`, and that its result computes the same."""
        run = self.tools.run("convert", path, "-o", out / "m")
        why = self.tools.broken(run, out)
        if why:
            return why
        if accepted and run.status:
            return f"detect reads it, but convert: {run.stderr.strip()[-200:]}"
        if run.status:
            return ""
        _, why, raw = self.detect([*options, out / "m.json"], out, "converted")
        if not why and accepted and raw != (out / "raw.safetensors").read_bytes():
            return "another result after convert"
        return why


class OldCheckpoint(Checkpoint):
    name, change = "old-checkpoint", checkpoints.old_format


def size_of(table):
    return "x".join(map(str, json.loads(table.read_bytes())["input"]["size"]))


class Description(NetworkReader):
    name = "description"

    def __init__(self, tools):
        super().__init__(tools)
        self.seeds = sorted(p for p in (DATA / "tiny").glob("*.json"))
        calibration = tools.folder / "images"
        calibration.mkdir(exist_ok=True)
        (calibration / "rgb.png").write_bytes(self.image.read_bytes())
        run = tools.run("convert", TINY, "--int8", calibration, "-o", tools.folder / "int8", "--quiet")
        if run.status:
            raise SystemExit(f"{TINY} cannot be quantised: {run.stderr}")
        self.seeds.append(tools.folder / "int8.json")

    def mutate(self, rng, seed):
        return texts.description(rng, seed.read_bytes())

    def check(self, rng, seed, path, mutation, out):
        options = ["--imgsz", size_of(seed), "--weights", seed.with_suffix(".safetensors"), "--model"]
        accepted, why = self.judge(seed, mutation, out, [*options, path], [*options, seed])
        invalid = invalid_json(mutation.data) if accepted else ""
        if not why and invalid and not mutation.data.startswith(b"\xef\xbb\xbf"):  # RFC 8259 allows to skip a byte order mark
            why = f"was read, although it is not JSON: {invalid}"
        if not why and rng.random() < 0.25:
            run = self.tools.run("inspect", path, *rng.choice((["--json"], ["--program"], ["--shapes"], [])))
            why = self.tools.broken(run, out)
            if not why and accepted and run.status and "int8" not in seed.name:
                why = f"detect reads it, but inspect: {run.stderr.strip()[-200:]}"
        return why or self.ask("description", accepted and "int8" not in seed.name, file=path, weights=seed.with_suffix(".safetensors"), raw=out / "raw.safetensors")


class Safetensors(Description):
    name = "safetensors"

    def __init__(self, tools):
        super().__init__(tools)
        self.seeds = [s.with_suffix(".safetensors") for s in self.seeds]

    def mutate(self, rng, seed):
        return texts.safetensors(rng, seed.read_bytes())

    def check(self, rng, seed, path, mutation, out):
        table = seed.with_suffix(".json")
        options = ["--imgsz", size_of(table), "--model", table, "--weights"]
        accepted, why = self.judge(seed, mutation, out, [*options, path], [*options, seed])
        return why or self.ask("description", accepted and "int8" not in seed.name, file=table, weights=path, raw=out / "raw.safetensors")


class Yaml:
    """Network tables: `convert` writes the table that PyYAML reads."""

    name = "yaml"

    def __init__(self, tools):
        self.tools, self.seeds = tools, sorted((DATA / "yaml").glob("*.yaml"))

    def mutate(self, rng, seed):
        return texts.yaml(rng, seed.read_bytes())

    def check(self, rng, seed, path, mutation, out):
        tools = self.tools
        run = tools.run("convert", path, "-o", out / "m", "--quiet")
        why = tools.broken(run, out)
        if why:
            return why
        tools.counts[f"yaml {'refused' if run.status else 'read'}"] += 1
        if mutation.expect == SAME:
            tools.run("convert", seed, "-o", out / "original", "--quiet")
            if run.status or (out / "m.json").read_bytes() != (out / "original.json").read_bytes():
                return f"another table than that of {seed}: {run.stderr.strip()[-200:]}"
        if run.status:
            return ""
        shown = tools.run("inspect", out / "m.json", "--json")
        why = tools.broken(shown, out) or (f"inspect does not read the table: {shown.stderr.strip()[-200:]}" if shown.status else "")
        answer = None if why else tools.compare("yaml", file=path, table=out / "m.json")
        return answer.get("difference", "") if answer else why


class List:
    """Lists of images."""

    name = "list"

    def __init__(self, tools):
        self.tools, self.seeds = tools, [tools.folder / "list.txt"]
        self.seeds[0].write_text("\n".join(map(str, sorted((DATA / "images").glob("exif*")))) + "\n")

    def mutate(self, rng, seed):
        return texts.image_list(rng, seed.read_bytes())

    def check(self, rng, seed, path, mutation, out):
        run = self.tools.run("detect", "--device", "cpu", "--threads", "1", "--model", TINY, "--no-draw", "--quiet", "--json", out / "r.json", path)
        why = self.tools.broken(run, out)
        self.tools.counts[f"list {'refused' if run.status else 'read'}"] += 1
        if not why and mutation.expect == SAME:
            found = [i["file"] for i in json.loads((out / "r.json").read_text())["images"]] if run.status == 0 else []
            if found != seed.read_text().split():
                return f"other images: {found}"
        return why


READERS = {reader.name: reader for reader in (Png, Jpeg, Webp, Tiff, Bmp, Checkpoint, OldCheckpoint, Description, Safetensors, Yaml, List)}
