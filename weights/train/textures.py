"""Procedural textures for the pictures of the code detector: cloth, carpets, tiles, bricks, wood, blinds and the like.

A texture is made in grey: either as a small tile that repeats (tiles.py, textiles.py), which lay() spreads over the
picture turned, scaled and aslant, or as a field of the picture's size (fields.py). colours.paint() then colours the grey
by a table of 256 colours. That way no step but the last touches three channels, and a texture costs one or two
milliseconds at 416x416.
"""
import numpy as np

import fields
import textiles
import tiles
from colours import paint
from laying import lay

BROWN, RED, GREY, GREEN, SAND = (40, 80, 130), (50, 65, 150), (140, 140, 140), (60, 110, 70), (150, 185, 205)

# maker: weight, tone; what raised false alarms in earlier trials, cloth, carpets and mosaics, weighs most
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
    """A random procedural texture, or the one that a maker of this name makes, (H,W,3) uint8."""
    make = MAKERS[kind or rng.choice(list(MAKERS), p=WEIGHTS / WEIGHTS.sum())]
    if make in FIELDS:
        return paint(rng, make(rng, height, width), FIELDS[make][1])
    return paint(rng, lay(rng, make(rng), height, width), TILES[make][1])
