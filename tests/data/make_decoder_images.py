"""Writes tests/data/images/decoders: tiny images that decoders treat in different ways, and expected.safetensors with what
OpenCV reads from each: NAME is IMREAD_COLOR as RGB, NAME.grey is IMREAD_GRAYSCALE, NAME.bgra is IMREAD_UNCHANGED of
images with an alpha channel. Files without NAME are those that OpenCV does not read. Needs numpy, opencv-python, pillow,
safetensors, tifffile, and cjpeg of libjpeg-turbo. Run in this folder."""
import io
import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image
from safetensors.numpy import save_file

OUT = Path("images/decoders")
H, W = 21, 27


def scene():
    y, x = np.mgrid[0:H, 0:W]
    rgb = np.stack([x * 9, y * 12, 255 - (x + y) * 5], -1).astype(np.uint8)
    rgb[H // 3 : H // 2, W // 4 : W // 2] = (230, 40, 60)
    return rgb


RGB = scene()
PICTURE = Image.fromarray(RGB)
ALPHA = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))
RGBA = Image.fromarray(np.dstack([RGB, ALPHA]))


def write(name, data):
    (OUT / name).write_bytes(data)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def cjpeg(*options):
    return subprocess.run(["cjpeg", *options], input=saved(PICTURE, "PPM"), capture_output=True, check=True).stdout


def with_adobe_marker(jpeg, transform):
    """Replaces the transform of the Adobe marker, or removes the marker (None)."""
    start = jpeg.index(b"\xff\xee")
    end = start + 2 + struct.unpack(">H", jpeg[start + 2 : start + 4])[0]
    return jpeg[:start] + (b"" if transform is None else jpeg[start : end - 1] + bytes([transform])) + jpeg[end:]


def without_segments(jpeg, marker):
    out, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        if jpeg[at + 1] != marker:
            out += jpeg[at:end]
        at = end
    return out + jpeg[at:]


def jpegs():
    for sampling in "1x1", "2x1", "1x2", "2x2", "4x1", "2x2,2x1,1x2":
        write(f"sampling-{sampling.replace(',', '-')}.jpg", cjpeg("-quality", "85", "-sample", sampling))
    write("arithmetic.jpg", cjpeg("-arithmetic"))
    write("arithmetic-progressive.jpg", cjpeg("-arithmetic", "-progressive"))
    restart = cjpeg("-restart", "2B")
    write("restart.jpg", restart)
    write("rgb.jpg", cjpeg("-rgb"))
    write("no-tables.jpg", without_segments(cjpeg("-quality", "80"), 0xC4))  # as frames of motion JPEG
    inks = saved(PICTURE.convert("CMYK"), "JPEG", quality=90)
    for transform in 0, 2, None:
        write(f"cmyk-adobe-{transform}.jpg", with_adobe_marker(inks, transform))
    baseline = cjpeg("-quality", "85")
    write("cut.jpg", baseline[: len(baseline) * 4 // 5])
    write("no-end.jpg", baseline[:-2])
    damaged = bytearray(restart)
    damaged[-40] ^= 0x5A
    write("damaged.jpg", bytes(damaged))
    write("extraneous.jpg", baseline[:-2] + bytes(5) + baseline[-2:])
    write("two.mpo", saved(PICTURE, "MPO", save_all=True, append_images=[PICTURE.rotate(180)]))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pngs():
    write("rgba.png", saved(RGBA, "PNG"))
    write("grey-alpha.png", saved(RGBA.convert("LA"), "PNG"))
    write("palette-transparent.png", saved(PICTURE.quantize(13), "PNG", transparency=3))
    write("rgb-transparent.png", saved(PICTURE, "PNG", transparency=(230, 40, 60)))
    wide = np.minimum(np.asarray(RGBA).astype(np.uint32) * 257 + 100, 65535).astype(np.uint16)
    cv2.imwrite(str(OUT / "rgb16.png"), wide[..., 2::-1])
    cv2.imwrite(str(OUT / "rgba16.png"), wide)
    plain = saved(PICTURE, "PNG")
    write("gamma.png", plain[:33] + chunk(b"gAMA", struct.pack(">I", 45455)) + plain[33:])
    write("bad-text.png", plain[:33] + chunk(b"tEXt", b"a\0b")[:-1] + b"?" + plain[33:])
    write("bad-end.png", plain[:-1] + b"?")
    write("bad-checksum.png", plain[:-13] + bytes([plain[-13] ^ 1]) + plain[-12:])
    at = plain.index(b"IDAT") + 20
    write("bad-data.png", plain[:at] + bytes([plain[at] ^ 1]) + plain[at + 1 :])


def bitmap(bits, coding, data, palette, width=W, height=H):
    size = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, coding, len(data), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", size + len(data), 0, 0, size) + info + palette + data


def run_lengths(rows, bits):
    out = b""
    for row in rows:
        row = [int(v) for v in row]
        for at in range(0, W, 9):  # in turn a run of the first two values and nine literal ones
            part = row[at : at + 9]
            if bits == 8 and len(set(part)) == 1:
                out += bytes([len(part), part[0]])
                continue
            even = part + [0] * (len(part) % 2)
            data = bytes(part) if bits == 8 else bytes(a << 4 | b for a, b in zip(even[::2], even[1::2]))
            out += bytes([0, len(part)]) + data + bytes(len(data) % 2)
        out += b"\0\0"
    return out + b"\0\1"


def bmps():
    for bits in 4, 8:
        colours = PICTURE.quantize(1 << bits)
        values = np.array(colours.getpalette(), np.uint8).reshape(-1, 3)[: 1 << bits]
        palette = b"".join(bytes([b, g, r, 0]) for r, g, b in values).ljust(4 << bits, b"\0")
        runs = run_lengths(np.asarray(colours)[::-1], bits)
        write(f"runs{bits}.bmp", bitmap(bits, 3 - bits // 4, runs, palette))
        write(f"runs{bits}-cut.bmp", bitmap(bits, 3 - bits // 4, runs[:-30], palette))
    ramp = bytes(v for i in range(256) for v in (i, 255 - i, i // 2, 0))
    moves = bytes([5, 9, 0, 2, 3, 2, 4, 7, 0, 0, 2, 200, 0, 1])
    write("moves.bmp", bitmap(8, 1, moves, ramp, 20, 10))
    write("run-too-long.bmp", bitmap(8, 1, bytes([25, 9, 0, 1]), ramp, 20, 10))
    rows = np.asarray(RGBA)[::-1][..., [2, 1, 0, 3]].tobytes()
    info = struct.pack("<IiiHHIIiiII", 108, W, H, 1, 32, 3, len(rows), 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)
    write("alpha.bmp", b"BM" + struct.pack("<IHHI", 122 + len(rows), 0, 0, 122) + info + masks + rows)


def webps():
    write("lossy.webp", saved(PICTURE, "WEBP", quality=80))
    write("lossless.webp", saved(PICTURE, "WEBP", lossless=True))
    write("alpha.webp", saved(RGBA, "WEBP", lossless=True, exact=True))
    exif = Image.Exif()
    exif[0x0112] = 6
    write("exif-6.webp", saved(PICTURE, "WEBP", lossless=True, exif=exif))
    write("animated.webp", saved(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(90)]))
    write("animated-alpha.webp", saved(RGBA, "WEBP", save_all=True, append_images=[RGBA.rotate(90)], quality=80))
    write("cut.webp", saved(PICTURE, "WEBP", quality=90)[:-60])


def tiffs():
    for coding in "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg":
        write(f"{coding}.tif", saved(PICTURE, "TIFF", compression=coding))
    write("palette.tif", saved(PICTURE.quantize(13), "TIFF"))
    write("bilevel.tif", saved(PICTURE.convert("1"), "TIFF", compression="group4"))
    write("cmyk.tif", saved(PICTURE.convert("CMYK"), "TIFF"))
    write("alpha.tif", saved(RGBA, "TIFF", compression="tiff_lzw"))
    write("upside-down.tif", saved(PICTURE, "TIFF", tiffinfo={274: 3}))
    write("turned.tif", saved(PICTURE, "TIFF", tiffinfo={274: 6}))
    write("two-pages.tif", saved(PICTURE, "TIFF", save_all=True, append_images=[PICTURE.rotate(90)]))
    for name, values, options in (
        ("tiles", RGB, {"tile": (16, 16)}),
        ("strips", RGB, {"rowsperstrip": 5}),
        ("planes", np.moveaxis(RGB, 2, 0).copy(), {"planarconfig": "separate"}),
        ("big-endian", RGB, {"byteorder": ">"}),
        ("big", RGB, {"bigtiff": True}),
        ("rgb16", RGB.astype(np.uint16) * 257, {}),
        ("grey16", RGB[..., 0].astype(np.uint16) * 257, {}),
        ("float", RGB.astype(np.float32) / 255, {}),
        ("signed", RGB.astype(np.int16), {}),
    ):
        kind = "rgb" if values.ndim == 3 else "minisblack"
        tifffile.imwrite(OUT / f"{name}.tif", values, photometric=kind, metadata=None, **options)
    compressed = bytearray(saved(PICTURE, "TIFF", compression="tiff_lzw"))
    compressed[60] ^= 0x55
    write("damaged.tif", bytes(compressed))


def main():
    OUT.mkdir(exist_ok=True)
    for make in jpegs, pngs, bmps, webps, tiffs:
        make()
    expected = {}
    for path in sorted(OUT.iterdir()):
        if path.suffix == ".safetensors":
            continue
        for suffix, flag in ("", cv2.IMREAD_COLOR), (".grey", cv2.IMREAD_GRAYSCALE), (".bgra", cv2.IMREAD_UNCHANGED):
            try:
                pixels = cv2.imread(str(path), flag)
            except cv2.error:
                continue
            if pixels is None or suffix == ".bgra" and pixels.shape[2:] != (4,):
                continue
            if pixels.dtype == np.uint16:  # as Ultralytics does
                pixels = (pixels >> 8).astype(np.uint8)
            expected[path.name + suffix] = np.ascontiguousarray(pixels[..., ::-1] if suffix == "" else pixels)
    save_file(expected, str(OUT / "expected.safetensors"))


main()
