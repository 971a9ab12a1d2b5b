"""Printed barcodes and 2D codes: all common symbologies of the five classes, with contents of all lengths.

zxing-cpp's writer (zint's encoder) encodes the symbols. This module simulates the print: bar heights, human-readable
text, add-ons, round modules, logos, ink spread and ink loss.
"""
import functools
import string
from dataclasses import dataclass

import cv2
import numpy as np
import zxingcpp

from labels import NAMES
from photos import cutout, overlay
from texts import fonts, print_line

BARCODE, QR, DATAMATRIX, AZTEC, PDF417 = range(len(NAMES))
SHARE = [0.28, 0.17, 0.27, 0.13, 0.15]  # probability of each class

Format = zxingcpp.BarcodeFormat
DIGITS, UPPER = string.digits, string.ascii_uppercase + string.digits
PRINTABLE = string.ascii_letters + string.digits + " -./:?=&%,"


@dataclass
class Code:
    """A printed code. ink: (h,w) float32, 0 for paper to 1 for ink, including quiet zone and text. box: of the symbol,
    x1,y1,x2,y2 in pixels of `ink`. picture: overlay (h,w,4) BGRA, or None."""

    label: int
    ink: np.ndarray
    box: np.ndarray
    picture: np.ndarray | None = None


def characters(rng, alphabet, least, most):
    """Returns a random text of `least` to `most` characters."""
    return "".join(rng.choice(list(alphabet), int(rng.integers(least, most + 1))))


def bitmap(content, kind, **options):
    """Encodes a symbol, (H,W) uint8: one pixel per module, 0 dark and 255 light, without quiet zone."""
    code = zxingcpp.create_barcode(content, kind, **options)
    return np.array(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False))


def gs1(rng):
    """Returns random GS1 application identifiers with their data."""
    text = "[01]" + with_check_digit("9" + characters(rng, DIGITS, 12, 12)) if rng.random() < 0.7 else ""
    more = [f"[3103]{characters(rng, DIGITS, 6, 6)}",
            f"[15]{rng.integers(20, 40)}{rng.integers(10, 13)}{rng.integers(10, 28)}",
            f"[10]{characters(rng, UPPER, 2, 12)}"]
    rest = "".join(m for m in more if rng.random() < 0.4)
    return text + rest if text + rest else "[10]" + characters(rng, UPPER, 2, 12)


def with_check_digit(digits):
    """Appends the GS1 check digit."""
    total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


# format: weight, content; all are linear, or stacks of linear rows
LINEAR = {
    "EAN13": (22, lambda r: characters(r, DIGITS, 12, 12)),
    "ISBN": (3, lambda r: "978" + characters(r, DIGITS, 9, 9)),
    "EAN8": (6, lambda r: characters(r, DIGITS, 7, 7)),
    "UPCA": (9, lambda r: characters(r, DIGITS, 11, 11)),
    "UPCE": (9, lambda r: "0" + characters(r, DIGITS, 5, 5)),
    "Code128": (14, lambda r: characters(r, r.choice([PRINTABLE, UPPER, DIGITS]), 4, 24)),
    "Code39": (8, lambda r: characters(r, UPPER + "-. ", 3, 14)),
    "Code39Ext": (1, lambda r: characters(r, string.ascii_letters + DIGITS, 3, 9)),
    "Code93": (3, lambda r: characters(r, UPPER, 4, 16)),
    "Code32": (1, lambda r: characters(r, DIGITS, 8, 8)),
    "PZN": (1, lambda r: characters(r, DIGITS, 6, 6)),
    "Codabar": (3, lambda r: "A" + characters(r, DIGITS + "-$", 4, 14) + "B"),
    "ITF": (5, lambda r: characters(r, DIGITS, 3, 10) * 2),
    "ITF14": (3, lambda r: characters(r, DIGITS, 13, 13)),
    "TelepenAlpha": (1, lambda r: characters(r, UPPER, 3, 10)),
    "DataBarOmni": (3, lambda r: characters(r, DIGITS, 13, 13)),
    "DataBarLtd": (2, lambda r: "0" + characters(r, DIGITS, 12, 12)),
    "DataBarStk": (2, lambda r: characters(r, DIGITS, 13, 13)),
    "DataBarStkOmni": (3, lambda r: characters(r, DIGITS, 13, 13)),
    "DataBarExp": (7, gs1),
    "DataBarExpStk": (11, gs1),
}
STACKED = {"DataBarStk", "DataBarStkOmni", "DataBarExpStk"}
RETAIL = {"EAN13", "ISBN", "EAN8", "UPCA", "UPCE"}


def linear(rng):
    """Returns a linear symbol: modules (H,W), the name of its format, the human-readable text."""
    shares = np.array([share for share, _ in LINEAR.values()], float)
    kind = list(LINEAR)[rng.choice(len(LINEAR), p=shares / shares.sum())]
    content = LINEAR[kind][1](rng)
    modules = bitmap(content, getattr(Format, kind))
    return modules, kind, content.replace("[", "(").replace("]", ")")


# 2D symbols: (H,W) uint8 with a side of at most about `most` modules
def qr(rng, most):
    roll = rng.random()
    if roll < 0.06:
        return bitmap(characters(rng, UPPER, 1, 12), Format.MicroQRCode)
    if roll < 0.10:
        return bitmap(characters(rng, PRINTABLE, 1, 40), Format.RMQRCode)
    version = int(np.clip(rng.geometric(0.22), 1, 40)) if rng.random() < 0.85 else int(rng.integers(1, 41))
    version = min(version, max(1, (most - 17) // 4))
    # short content is padded to the version; long content fits because of the lowest error correction level
    return bitmap(characters(rng, PRINTABLE, 1, 4 + 6 * version), Format.QRCode, version=version,
                  ecLevel="L", dataMask=int(rng.integers(8)))


def datamatrix(rng, most):
    roll = rng.random()
    if roll < 0.68:  # square: 10 to 26 in one region, 32 to 104 in 4 or 16, 120 to 144 in 36
        sides = [10, 12, 14, 16, 18, 20, 22, 24, 26, 32, 36, 40, 44, 48, 52, 64, 72, 80, 88, 96, 104, 120, 132, 144]
        count = max(1, sum(side <= most for side in sides))
        version = int(rng.integers(1, (min(9, count) if rng.random() < 0.5 else count) + 1))
        return bitmap(characters(rng, DIGITS, 1, 6), Format.DataMatrix, version=version)
    version = int(rng.integers(25, 31 if roll < 0.85 else 49))  # rectangles; DMRE from 31 on
    return bitmap(characters(rng, DIGITS, 1, 8), Format.DataMatrix, version=version)


def aztec(rng, most):
    if rng.random() < 0.04:
        return bitmap(str(rng.integers(256)), Format.AztecRune)
    length = int(min(rng.geometric(0.03), most * most / 40))
    return bitmap(characters(rng, PRINTABLE, 1, max(1, length)), Format.Aztec)


def pdf417(rng, most):
    roll = rng.random()
    if roll < 0.12:
        return bitmap(characters(rng, PRINTABLE, 1, 40), Format.MicroPDF417)
    columns = int(min(1 + rng.geometric(0.25), 14, max(1, (most - 69) // 17)))
    rows = int(rng.integers(4, min(60, 10 + 8 * columns)))
    length = max(1, int(columns * rows * 0.9))
    kind = Format.CompactPDF417 if roll < 0.2 else Format.PDF417
    alphabet = UPPER if rng.random() < 0.5 else PRINTABLE
    return bitmap(characters(rng, alphabet, 1, min(length, 700)), kind, columns=columns)


# ---------------------------------------------------------------- ink


def written(rng, text, height):
    """Returns text as ink, about `height` pixels high, (h,w) float32."""
    image = print_line(text, fonts()[rng.integers(len(fonts()))] if fonts() else None, 28)
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return cv2.resize(image, (width, max(1, round(height))), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def spread(text, width):
    """Scales the ink of a text horizontally to `width` pixels."""
    return cv2.resize(text, (max(1, round(width)), text.shape[0]), interpolation=cv2.INTER_AREA)


def enlarge(modules, width, height):
    """Scales modules (H,W) to ink (height,width) float32 with exact area coverage, both up and down."""
    ink = (255 - modules).astype(np.float32) / 255
    up = [max(1, -(-size // have)) for size, have in zip((height, width), modules.shape)]
    if max(up) > 1:
        ink = np.repeat(np.repeat(ink, up[0], 0), up[1], 1)
    return cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)


def dotted(rng, modules, width, height):
    """Draws modules as round dots, as of dot peening, laser marking or designer codes: (height,width) float32."""
    cell = 9
    y, x = np.mgrid[:cell, :cell] - (cell - 1) / 2
    dot = np.clip(rng.uniform(3.4, 4.8) + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    ink = np.kron((255 - modules).astype(np.float32) / 255, dot)
    return cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)


def framed(ink, quiet):
    """Adds a quiet zone (top, bottom, left, right; pixels) to ink. Returns the ink and the box of the symbol in it."""
    top, bottom, left, right = (int(round(q)) for q in quiet)
    box = np.float32([left, top, left + ink.shape[1], top + ink.shape[0]])
    return cv2.copyMakeBorder(ink, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0), box


def linear_code(rng, length):
    """Returns a linear code as a list: with its text below, above or left out, and sometimes with an add-on, which is a
    separate code in the list."""
    modules, kind, text = linear(rng)
    module = length / modules.shape[1]
    width = max(8, round(length))
    if kind in STACKED:
        height = max(6, round(module * modules.shape[0] * rng.uniform(0.8, 1.4)))
        ink = enlarge(modules, width, height)
    else:
        low, high = (np.log(0.15), np.log(0.95)) if rng.random() < 0.8 else (np.log(0.06), 0.1)
        height = max(5, round(length * np.exp(rng.uniform(low, high))))
        bars, last = enlarge(modules[[modules.shape[0] // 2, -1]], width, 2)
        ink = np.repeat(bars[None], height, 0)
        if kind in RETAIL | {"ITF14"} and rng.random() < 0.7:  # long guard bars, or a frame for ITF14
            edge = max(1, min(round(5 * module), height // 5))
            ink[-edge:] = last
            if kind == "ITF14":
                ink[:edge] = last
    side = max(2.0, module * rng.uniform(2, 12))
    roll, size = rng.random(), max(5, length * rng.uniform(0.05, 0.12))
    if roll < 0.25 or length < 40:
        framed_ink, box = framed(ink, (rng.uniform(0, side), rng.uniform(0, side), side, side))
    else:
        label = written(rng, text[:28], size)
        if label.shape[1] > length or rng.random() < 0.5:
            label = spread(label, length * rng.uniform(0.5, 0.98))
        gap, over = size * rng.uniform(0.0, 0.5), roll > 0.92
        room = size + gap + 1
        top, bottom = (room, rng.uniform(0, 2)) if over else (rng.uniform(0, side), room)
        framed_ink, box = framed(ink, (top, bottom, side, side))
        y = 0 if over else int(box[3] + gap)
        x = int(box[0] + rng.uniform(0, max(0, length - label.shape[1])))
        h, w = min(label.shape[0], framed_ink.shape[0] - y), min(label.shape[1], framed_ink.shape[1] - x)
        framed_ink[y : y + h, x : x + w] = np.maximum(framed_ink[y : y + h, x : x + w], label[:h, :w])
    codes = [Code(BARCODE, framed_ink, box)]
    if kind in RETAIL and rng.random() < 0.25:
        codes.append(add_on(rng, module, height))
    return codes


def add_on(rng, module, height):
    """Returns the two- or five-digit add-on to the right of a retail code."""
    five = rng.random() < 0.7
    text = characters(rng, DIGITS, 5, 5) if five else characters(rng, DIGITS, 2, 2)
    modules = bitmap(text, Format.EAN5 if five else Format.EAN2)
    width, high = max(4, round(module * modules.shape[1])), max(4, round(height * rng.uniform(0.75, 0.95)))
    ink, box = framed(enlarge(modules[:1], width, high), (height * 0.15 + 2, 2, 2 * module, 5 * module))
    label = spread(written(rng, text, max(4, height * 0.12)), width * 0.9)
    h, w = min(label.shape[0], int(box[1])), min(label.shape[1], ink.shape[1] - int(box[0]))
    ink[:h, int(box[0]) : int(box[0]) + w] = label[:h, :w]
    return Code(BARCODE, ink, box)


def logo(rng, ink, box):
    """Returns a logo for the centre of a QR code, an overlay (h,w,4) BGRA; None if the code is too small."""
    over = np.zeros((*ink.shape, 4), np.uint8)
    side = int((box[2] - box[0]) * rng.uniform(0.15, 0.33))
    if side < 6:
        return None
    cx, cy = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
    part = over[cy - side // 2 : cy - side // 2 + side, cx - side // 2 : cx - side // 2 + side]
    if rng.random() < 0.7:
        part[:] = 255
    image = cv2.resize(cutout(rng), part.shape[1::-1], interpolation=cv2.INTER_AREA)
    overlay(part[..., :3], image)
    part[..., 3] = np.maximum(part[..., 3], image[..., 3])
    return over


def matrix_code(rng, label, length):
    """Returns a printed 2D code, sometimes with a logo or a line of text, as a list of one."""
    make = {QR: qr, DATAMATRIX: datamatrix, AZTEC: aztec, PDF417: pdf417}[label]
    # usually at least one pixel per module, since finer modules blur to grey; some codes are finer
    most = int(length * rng.uniform(0.35, 1.0)) if rng.random() < 0.9 else 200
    modules = make(rng, max(most, 10))
    stretch = rng.uniform(0.85, 1.3) if label == PDF417 else rng.uniform(0.97, 1.03)
    rows, columns = modules.shape[0] * stretch, modules.shape[1]
    scale = length / max(rows, columns)
    width, height = max(6, round(columns * scale)), max(6, round(rows * scale))
    round_modules = rng.random() < (0.1 if label == QR else 0.08 if label == DATAMATRIX else 0)
    ink = (dotted if round_modules and scale > 1.5 else lambda _, *a: enlarge(*a))(rng, modules, width, height)
    if scale > 2.5 and rng.random() < 0.12:  # ink spread or ink loss
        side = int(max(2, round(scale * rng.uniform(0.2, 0.5))))
        ink = (cv2.dilate if rng.random() < 0.5 else cv2.erode)(ink, np.ones((side, side), np.uint8))
    quiet = scale * rng.uniform(0.5, 6, 4) if rng.random() < 0.6 else np.full(4, scale * rng.uniform(1, 4))
    ink, box = framed(ink, quiet)
    if rng.random() < 0.15 and length > 50:
        size = max(6, length * rng.uniform(0.05, 0.12))
        text = written(rng, characters(rng, PRINTABLE, 4, 22), size)
        text = text[:, : ink.shape[1]]
        ink = np.pad(ink, ((0, text.shape[0] + int(size / 2)), (0, 0)))
        ink[-text.shape[0] :, : text.shape[1]] = text
    picture = logo(rng, ink, box) if label == QR and modules.shape[0] > 21 and rng.random() < 0.12 else None
    return [Code(label, ink, box, picture)]


def codes(rng, length, label=None):
    """Returns one printed code, and its add-on if it has one, as a list. length: longer side of the symbol, about,
    pixels."""
    label = int(rng.choice(len(NAMES), p=SHARE)) if label is None else label
    while True:
        try:
            return linear_code(rng, length) if label == BARCODE else matrix_code(rng, label, length)
        except ValueError:  # the content is not valid for the symbology, for example too long for the version
            continue
