"""Pseudo-text as masks (H,W) uint8, in installed fonts or OpenCV's font: lines, and blocks of lines."""
import functools
import re

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from photos import sources

WORDS = ("the of and to in is for net weight best before batch lot no date total price price/kg made in keep dry cool "
         "store serial model item ref order invoice ship from recycle warning open here fresh organic milk sugar salt "
         "water voltage input output size colour qty gross tare vat cash change thank you please scan return sold by "
         "art nr typ mindestens haltbar bis zutaten enthält hergestellt poids à consommer de préférence avant peso "
         "neto lote").split()


@functools.lru_cache(1)
def fonts():
    """Returns the paths of the installed fonts with Latin letters and digits; may be empty."""
    def latin(path):
        try:
            font = face(path, 16)
            empty = bytes(font.getmask("\uffff")), bytes(font.getmask("\u0378"))
            return all(any(bytes(font.getmask(sign))) and bytes(font.getmask(sign)) not in empty for sign in "aRg7")
        except OSError:
            return False

    # leave out Noto's fonts for other scripts: they have no Latin letters, or all have the same ones
    return [p for p in sources()["fonts"] if not re.search(r"Noto(Sans|Serif)[A-Z](?!ono|isplay|JK)", p) and latin(p)]


def wording(rng, kind):
    """Returns a line of pseudo-text: words, or a number, price, date or serial number."""
    digits = lambda n: "".join(map(str, rng.integers(0, 10, n)))
    if kind == "words":
        made_up = lambda: "".join("bcdfghklmnprstvw"[rng.integers(16)] + "aeiou"[rng.integers(5)]
                                  for _ in range(rng.integers(1, 5)))
        picked = [WORDS[rng.integers(len(WORDS))] if rng.random() < 0.5 else made_up()
                  for _ in range(rng.integers(4, 9))]
        line = " ".join(picked)
        return line.upper() if rng.random() < 0.15 else line.capitalize() if rng.random() < 0.3 else line
    if kind == "short":
        word = WORDS[rng.integers(len(WORDS))]
        return (word.upper(), word.capitalize(), word)[rng.integers(3)] + (":" if rng.random() < 0.2 else "")
    return [digits(rng.integers(1, 4)) + "." + digits(2) + ("", " €", " kg", "$")[rng.integers(4)],
            digits(rng.integers(1, 14)), f"{digits(2)}.{digits(2)}.20{digits(2)}", "LOT " + digits(6),
            "SN" + digits(3) + "-" + digits(4),
            "(01) 0" + digits(13), digits(1) + " " + digits(6) + " " + digits(6), digits(2) + "%"][rng.integers(8)]


@functools.lru_cache(400)
def face(path, size):
    return ImageFont.truetype(path, size)


def print_line(text, path, size):
    """Draws a line of text as a mask (H,W) uint8 with a margin of one or two pixels. path: font; None for OpenCV's
    font."""
    if path is None:
        text = text.encode("ascii", "replace").decode()
        (w, h), low = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size / 30, 2)
        mask = np.zeros((h + low + 4, w + 4), np.uint8)
        return cv2.putText(mask, text, (2, h + 2), cv2.FONT_HERSHEY_SIMPLEX, size / 30, 255, 2, cv2.LINE_AA)
    x0, y0, x1, y1 = face(path, size).getbbox(text)
    picture = Image.new("L", (x1 - x0 + 2, y1 - y0 + 2))
    ImageDraw.Draw(picture).text((1 - x0, 1 - y0), text, 255, face(path, size))
    return np.array(picture)


@functools.lru_cache(1)
def strips():
    """Returns masks of text, {"words", "short", "number": lists of (H,W) uint8}. They are made once from a fixed seed.

    Six consecutive lines of words have the same font. Short words and numbers are larger, for large print.
    """
    rng, made = np.random.default_rng(11), {"words": [], "short": [], "number": []}
    plan = [("words", 26)] * 6 + [("short", 60)] * 3 + [("number", 60)] * 3
    for _ in range(40):
        path = fonts()[rng.integers(len(fonts()))] if fonts() else None
        for kind, size in plan:
            made[kind].append(print_line(wording(rng, kind), path, size))
    return made


@functools.lru_cache(1)
def paragraphs():
    """Returns masks of blocks of text, a list of (H,W) uint8 with lines of about 16 pixels. Made once from a fixed
    seed."""
    rng, made = np.random.default_rng(12), []
    lines = strips()["words"]
    for _ in range(70):
        wide, count = int(rng.integers(160, 420)), int(rng.integers(3, 16))
        leading, ragged = int(rng.integers(15, 22)), rng.random() < 0.5
        first = int(rng.integers(len(lines) // 6)) * 6
        block = np.zeros((count * leading, wide), np.uint8)
        for row in range(count):
            line = lines[first + rng.integers(6)]
            high = 14
            line = cv2.resize(line, (max(8, line.shape[1] * high // line.shape[0]), high), interpolation=cv2.INTER_AREA)
            end = wide if not ragged and row < count - 1 else int(wide * rng.uniform(0.5, 1))
            if line.shape[1] < end:
                line = np.hstack([line, np.zeros((high, 6), np.uint8), line[:, :end]])
            part = line[:, :end]
            block[row * leading:row * leading + high, :part.shape[1]] = part
        made.append(block)
    return made
