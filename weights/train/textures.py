"""Procedural textures for the training images: cloth, carpets, tiles, bricks, wood, blinds and similar.

A texture is generated in grey: either as a small repeating tile (tiles.py, textiles.py), which tiling.lay() draws over
the image turned, scaled and tilted, or as a field of the size of the image (fields.py). Then colours.paint() maps the
grey levels to a table of 256 colours. Only this last step processes three channels, so a texture takes one or two
milliseconds at 416x416.
"""
import numpy as np

import fields
import textiles
import tiles
from colours import paint
from tiling import lay

BROWN, RED, GREY, GREEN, SAND = (40, 80, 130), (50, 65, 150), (140, 140, 140), (60, 110, 70), (150, 185, 205)

# function: weight, tone. Cloth, carpets and mosaics caused false detections in earlier trials and have the highest
# weights.
TILES = {
    textiles.weave: (9, None), textiles.carpet: (3.5, None), textiles.knit: (1.5, None),
    textiles.cords: (8, SAND), textiles.strands: (3, SAND),
    tiles.mosaic: (3, None), tiles.bricks: (1.5, RED), tiles.floor: (1.5, GREY), tiles.chevron: (1.5, BROWN),
    tiles.bars: (2, None), tiles.louvre: (1.5, None), tiles.fence: (1.5, GREY), tiles.windows: (1, SAND),
    tiles.arabesque: (2.5, None), tiles.checks: (1, None), tiles.dots: (1, None),
    tiles.books: (1, None), tiles.papers: (3, GREY),
    tiles.crossword: (1.5, GREY), tiles.keyboard: (1, GREY), tiles.ruler: (1, SAND), tiles.piano: (0.5, GREY),
}
FIELDS = {
    fields.crackle: (4, None), fields.wood: (2, BROWN), fields.ramp: (2, None), fields.crumpled: (1.5, SAND),
    fields.cloudy: (1.5, GREEN), fields.plain: (1.5, None), fields.board: (1.5, BROWN), fields.zebra: (1, GREY),
    fields.brushed: (1, GREY), fields.halftone: (1, None),
}
MAKERS = {make.__name__: make for make in [*TILES, *FIELDS]}
WEIGHTS = np.array([weight for weight, _ in [*TILES.values(), *FIELDS.values()]])


def texture(rng, height, width, kind=None):
    """Returns a random procedural texture, (H,W,3) uint8. kind: name of a function of TILES or FIELDS; random if
    None."""
    make = MAKERS[kind or rng.choice(list(MAKERS), p=WEIGHTS / WEIGHTS.sum())]
    if make in FIELDS:
        return paint(rng, make(rng, height, width), FIELDS[make][1])
    return paint(rng, lay(rng, make(rng), height, width), TILES[make][1])
