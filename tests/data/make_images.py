"""Writes tests/data/images: tiny images in every format that `detect` reads, and expected.safetensors with the pixels
(RGB) that OpenCV's IMREAD_COLOR reads from each. Needs numpy, opencv-python, pillow and safetensors. Run in this
folder."""
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

OUT = Path("images")
H, W = 29, 37  # odd, and not multiples of a JPEG block


def scene(height=H, width=W):
    """Smooth ramps with a few sharp edges: (height, width, 3) RGB."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 / (width - 1), y * 255 / (height - 1), (x + y) * 255 / (width + height - 2)], -1)
    rgb[height // 3 : height // 2, width // 4 : width // 2] = (230, 40, 60)
    rgb[height // 2 :, : width // 5] = (20, 200, 90)
    return rgb.astype(np.uint8)


def jpegs(rgb):
    picture = Image.fromarray(rgb)
    picture.save(OUT / "baseline.jpg", quality=92)
    picture.save(OUT / "progressive.jpg", quality=92, progressive=True)
    picture.save(OUT / "full-chroma.jpg", quality=92, subsampling=0)
    picture.convert("L").save(OUT / "grey.jpg", quality=92)
    picture.convert("CMYK").save(OUT / "cmyk.jpg", quality=92)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture.save(OUT / f"exif-{orientation}.jpg", quality=92, subsampling=0, exif=exif)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced(rgb):
    """An Adam7 PNG, which Pillow cannot write."""
    rows = b""
    passes = (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)
    for top, left, down, right in passes:
        for row in rgb[top::down, left::right]:
            rows += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pngs(rgb):
    picture = Image.fromarray(rgb)
    picture.save(OUT / "rgb.png")
    picture.convert("L").save(OUT / "grey.png")
    picture.convert("1").save(OUT / "bilevel.png")
    ramp = np.tile(np.linspace(0, 255, W).astype(np.uint8), (H, 1))
    Image.fromarray(np.dstack([rgb, ramp])).save(OUT / "rgba.png")
    Image.fromarray(np.dstack([rgb[..., 0], ramp])).save(OUT / "grey-alpha.png")
    picture.quantize(13).save(OUT / "palette.png", transparency=3)
    wide = rgb.astype(np.uint32) * 257 + np.arange(W)[None, :, None]
    wide = np.minimum(wide, 65535).astype(np.uint16)
    cv2.imwrite(str(OUT / "rgb16.png"), wide[..., ::-1])
    cv2.imwrite(str(OUT / "grey16.png"), wide[..., 1])
    (OUT / "interlaced.png").write_bytes(interlaced(rgb))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(OUT / "exif-6.png", exif=exif)


def bitmap(bits, rows, palette=b"", height=H, masks=b""):
    size = 14 + 40 + len(masks) + len(palette)
    coding = 3 if masks else 0
    info = struct.pack("<IiiHHIIiiII", 40, W, height, 1, bits, coding, len(rows), 2835, 2835, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", size + len(rows), 0, 0, size) + info + masks + palette + rows


def bmps(rgb):
    picture = Image.fromarray(rgb)
    for bits, colours in ((1, 2), (4, 11), (8, 200)):
        quantized = picture.quantize(colours)
        index = np.asarray(quantized)[::-1]
        values = np.array(quantized.getpalette()[: colours * 3], np.uint8).reshape(-1, 3)
        palette = b"".join(bytes([b, g, r, 0]) for r, g, b in values)
        spread = np.zeros((H, (W * bits + 31) // 32 * 32 // bits), np.uint8)
        spread[:, :W] = index
        digits = np.unpackbits(spread[..., None], axis=-1)[..., 8 - bits :]
        rows = np.packbits(digits.reshape(H, -1), axis=-1).tobytes()
        (OUT / f"palette{bits}.bmp").write_bytes(bitmap(bits, rows, palette))
    bgr = np.zeros((H, (W * 3 + 3) // 4 * 4), np.uint8)
    bgr[:, : W * 3] = rgb[..., ::-1].reshape(H, -1)
    (OUT / "rgb24.bmp").write_bytes(bitmap(24, bgr[::-1].tobytes()))
    (OUT / "top-down.bmp").write_bytes(bitmap(24, bgr.tobytes(), height=-H))
    bgra = np.dstack([rgb[..., ::-1], np.full((H, W), 77, np.uint8)])
    (OUT / "rgb32.bmp").write_bytes(bitmap(32, bgra[::-1].tobytes()))
    five = (rgb >> 3).astype(np.uint16)
    words = np.zeros((H, W + 1), np.uint16)
    words[:, :W] = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
    (OUT / "rgb555.bmp").write_bytes(bitmap(16, words[::-1].astype("<u2").tobytes()))
    words[:, :W] = five[..., 0] << 11 | (rgb[..., 1] >> 2).astype(np.uint16) << 5 | five[..., 2]
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    (OUT / "rgb565.bmp").write_bytes(bitmap(16, words[::-1].astype("<u2").tobytes(), masks=masks))


def cut(name):
    """Writes a file with the first two thirds of an image file."""
    data = (OUT / name).read_bytes()
    path = Path(name)
    (OUT / f"cut-{path.stem}{path.suffix}").write_bytes(data[: len(data) * 2 // 3])


def main():
    OUT.mkdir(exist_ok=True)
    rgb = scene()
    jpegs(rgb)
    pngs(rgb)
    bmps(rgb)
    expected = {}
    for path in sorted(OUT.iterdir()):
        if path.suffix in (".jpg", ".png", ".bmp") and not path.name.startswith("cut-"):
            expected[path.name] = np.ascontiguousarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1])
    save_file(expected, str(OUT / "expected.safetensors"))
    for name in ("baseline.jpg", "progressive.jpg", "rgb.png", "rgb24.bmp"):
        cut(name)


main()
