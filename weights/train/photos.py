"""Installed photos and cut-outs, and functions that draw them onto images.

    photo(rng, height, width)      a crop of a photo, to be printed, shown or used as a background
    cutout(rng)                    an object cut out of its background, with alpha
    sources()                      the installed photos and fonts

    python photos.py               lists them with their licences

The photos come from Debian packages and from scikit-image. Packages that are not installed are left out. All random
choices use rng, but the lists of files depend on the installed packages: a seed gives the same image only with the same
packages.
"""
import functools
import math
import pathlib
import re
import zipfile

import cv2
import numpy as np

from colours import recolour
from textures import texture

SIDE = 900  # maximum of the longer side of a cached photo, pixels
THING = 320  # the same for a cut-out

# name: (folder, file pattern, licence, where the licence is stated)
LICENCES = {
    "mate nature": ("/usr/share/backgrounds/mate/nature", "*.jpg", "GPL-2+",
                    "/usr/share/doc/mate-backgrounds/copyright"),
    "mate abstract": ("/usr/share/backgrounds/mate/abstract", "Elephants.jpg", "GPL-2+",
                      "/usr/share/doc/mate-backgrounds/copyright"),
    "gnome": ("/usr/share/backgrounds/gnome", "adwaita*.webp", "CC-BY-SA-3.0",
              "/usr/share/doc/gnome-backgrounds/copyright"),
    "tuxpaint": ("/usr/share/tuxpaint/stamps", "**/*.png", "GPL-2",
                 "/usr/share/doc/tuxpaint-stamps-default/copyright"),
    "skimage": ("skimage/data", "*.*g", "CC0, public domain or no known restrictions",
                "the docstrings of skimage/data/_fetchers.py"),
    "openarena": ("/usr/share/games/openarena/baseoa", "pak4-textures.pk3", "GPL-2+",
                  "/usr/share/doc/openarena-081-textures/copyright"),
    "fonts": ("/usr/share/fonts", "**/*.[to]tf", "OFL, Apache-2.0, GPL with the font exception, Bitstream Vera",
              "/usr/share/doc/fonts-*/copyright"),
}
# without motorcycle_* and moon: their licences are not stated
NATURAL = "astronaut brick camera cell chelsea coffee coins grass gravel hubble_deep_field retina rocket".split()
# cut-outs that are not used: grids of cells, letters and drawings
UNUSED = re.compile(r"alphabets|/math|/music/|00_symbols|/chess|cartoon/|_mirror|_flip")
NO_TEXT = re.compile(r"Math|Symbol|Emoji|Icon|Bar|Code|Initials|Keyboard|Music|_K\b")


def surfaces_in(archive):
    """Returns the names of the wall, floor, grating and cloth textures in a zip file that are neither small nor
    flat."""
    with zipfile.ZipFile(archive) as opened:
        names = sorted(n for n in opened.namelist() if re.fullmatch(r"textures/.*\.jpg", n))
        return [n for n in names if opened.getinfo(n).file_size > 15_000 and not re.search(r"sfx|light|flare|sky", n)]


@functools.lru_cache(4)
def opened(archive):
    return zipfile.ZipFile(archive)


@functools.lru_cache(1)
def sources():
    """Returns the installed files of each source, {name: sorted list of paths}; the list is empty if there are none."""
    found = {}
    for name, (folder, pattern, *_) in LICENCES.items():
        folder = pathlib.Path(folder)
        if name == "skimage":
            try:
                import skimage
            except ImportError:
                found[name] = []
                continue
            folder = pathlib.Path(skimage.__file__).parent / "data"
        paths = sorted(map(str, folder.glob(pattern)))
        if name == "skimage":
            paths = [p for p in paths if pathlib.Path(p).stem in NATURAL]
        elif name == "openarena":
            paths = [f"{path}:{member}" for path in paths for member in surfaces_in(path)]
        elif name == "fonts":
            paths = [p for p in paths if not NO_TEXT.search(pathlib.Path(p).stem)]
        found[name] = [p for p in paths if not UNUSED.search(p)]
    return found


def fit(image, side):
    """Shrinks an image so that its longer side has at most `side` pixels."""
    scale = side / max(image.shape[:2])
    return image if scale >= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@functools.lru_cache(128)
def load(path):
    """Returns a photo, (H,W,3) uint8 with a longer side of at most SIDE pixels; None if it cannot be read. A path
    ARCHIVE:MEMBER is a file in a zip archive."""
    archive, colon, member = path.partition(":")
    if colon:
        image = cv2.imdecode(np.frombuffer(opened(archive).read(member), np.uint8), cv2.IMREAD_COLOR)
        image = cv2.convertScaleAbs(image, alpha=min(4, 110 / max(image.mean(), 1)))  # these textures are dark
    else:
        image = cv2.imread(path, cv2.IMREAD_COLOR)
    return None if image is None else np.ascontiguousarray(fit(image, SIDE))


@functools.lru_cache(1024)
def load_cutout(path):
    """Returns a cut-out cropped to its opaque part, (H,W,4) uint8 with a longer side of at most THING pixels; None if
    it cannot be read or is too small."""
    image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8 or image.ndim != 3:
        return None
    if image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    x, y, w, h = cv2.boundingRect(np.uint8(image[..., 3] > 8))
    return np.ascontiguousarray(fit(image[y:y + h, x:x + w], THING)) if min(w, h) > 12 else None


@functools.lru_cache(1)
def albums():
    """Returns the installed sources of photos (a list of lists of paths) and the probability of each."""
    weight = {"mate nature": 5.0, "mate abstract": 0.7, "gnome": 0.3, "skimage": 5.0, "openarena": 6.0}
    found = [name for name in weight if sources()[name]]
    return [sources()[name] for name in found], [weight[name] / sum(weight[n] for n in found) for name in found]


def crop(rng, image, height, width):
    """Returns a random part of a photo, scaled to (H,W,3), sometimes mirrored or turned by a multiple of 90 degrees."""
    if rng.random() < 0.25:
        image = cv2.rotate(image, int(rng.integers(3)))
    have_y, have_x = image.shape[:2]
    most = min(have_y / height, have_x / width)  # the largest scale at which the crop fits into the photo
    scale = max(min(rng.uniform(0.35, 1.0) * most, most), 0.25 * min(1, most))
    h, w = (min(have, max(8, int(n * scale))) for have, n in ((have_y, height), (have_x, width)))
    y, x = int(rng.integers(have_y - h + 1)), int(rng.integers(have_x - w + 1))
    method = cv2.INTER_AREA if scale > 1.4 else cv2.INTER_LINEAR
    part = cv2.resize(image[y:y + h, x:x + w], (width, height), interpolation=method)
    return cv2.flip(part, 1) if rng.random() < 0.5 else part


def cutout(rng):
    """Returns an object with alpha, (H,W,4) BGRA uint8, at most THING pixels: a photo of Tux Paint, or a random
    shape."""
    paths = sources()["tuxpaint"]
    for _ in range(4):
        thing = load_cutout(paths[rng.integers(len(paths))]) if paths else None
        if thing is not None:
            return cv2.flip(thing, 1) if rng.random() < 0.5 else thing.copy()
    h, w = rng.integers(60, 240, 2).tolist()
    corners = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    far = 0.75 + 0.25 * np.sin(corners * rng.integers(2, 6) + rng.uniform(0, 6)) * rng.random()
    mask = np.zeros((h, w), np.uint8)
    outline = np.stack([w / 2 + far * np.cos(corners) * w * 0.48, h / 2 + far * np.sin(corners) * h * 0.48], 1)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.dstack([texture(rng, h, w), mask])


def blend(image, mask, x, y, paint):
    """Paints a colour or an image through a mask (h,w) uint8 at (x, y), clipped to the image, in place."""
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + mask.shape[1], image.shape[1]), min(y + mask.shape[0], image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    alpha = mask[y0 - y:y1 - y, x0 - x:x1 - x, None] * np.float32(1 / 255)
    paint = np.asarray(paint, np.float32) if np.ndim(paint) == 1 else paint[y0 - y:y1 - y, x0 - x:x1 - x]
    part = image[y0:y1, x0:x1]
    part[:] = part + (paint - part.astype(np.float32)) * alpha + 0.5


def overlay(part, picture):
    """Blends an image with alpha (h,w,4) uint8 over `part` (h,w,3) uint8, in place."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    part[:] = part * (1 - alpha) + picture[..., :3] * alpha


def place(rng, image, thing, size, x=None, y=None, turn=True):
    """Draws a cut-out onto an image, in place. size: longer side of the cut-out, pixels. x, y: random if None."""
    scale = size / max(thing.shape[:2])
    method = cv2.INTER_AREA if scale < 0.7 else cv2.INTER_LINEAR
    thing = cv2.resize(thing, tuple(max(2, round(n * scale)) for n in thing.shape[1::-1]), interpolation=method)
    if turn and rng.random() < 0.5:
        thing = cv2.rotate(thing, int(rng.integers(3)))
    height, width = image.shape[:2]
    x = int(rng.integers(-thing.shape[1] // 3, width - thing.shape[1] // 2 + 1)) if x is None else x
    y = int(rng.integers(-thing.shape[0] // 3, height - thing.shape[0] // 2 + 1)) if y is None else y
    blend(image, thing[..., 3], x, y, thing[..., :3])


def photo(rng, height, width):
    """Returns a photo to be printed or shown, (H,W,3) uint8: a crop of a photo, or cut-outs on a soft background."""
    lists, weights = albums()
    if lists and rng.random() < 0.75:
        paths = lists[rng.choice(len(lists), p=weights)]
        image = load(paths[rng.integers(len(paths))])
        if image is not None:
            return recolour(rng, crop(rng, image, height, width))
    soft = rng.choice(["ramp", "cloudy", "crumpled", "wood"], p=[0.4, 0.4, 0.1, 0.1])
    image = texture(rng, height, width, soft)
    if sources()["tuxpaint"]:
        for _ in range(rng.integers(1, 4)):
            place(rng, image, cutout(rng), rng.uniform(0.35, 1.0) * min(height, width), turn=False)
    return image


if __name__ == "__main__":
    for name, paths in sources().items():
        print(f"{name}: {len(paths)} files, {LICENCES[name][2]} ({LICENCES[name][3]})")
