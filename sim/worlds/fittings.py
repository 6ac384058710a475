"""Furniture to sit, lie, eat, work and wash at, and what decorates. Each function makes one piece.

All take `rng`, from which sizes and colours come.
"""

import numpy as np

from loci.sim.joints import Receptacle
from loci.sim.world import Shape
from loci.sim.worlds.draws import between, pick
from loci.sim.worlds.pieces import BOARD, Colour, Member, Piece, ball, box, drawer, legs, rod, top
from loci.sim.worlds.storage import DARK, STEEL, WHITE, WOODS

CLOTHS: tuple[Colour, ...] = (
    (0.3, 0.38, 0.52), (0.55, 0.3, 0.28), (0.42, 0.5, 0.38), (0.62, 0.58, 0.5), (0.3, 0.3, 0.33), (0.75, 0.6, 0.35),
)  # fmt: skip
GREEN: Colour = (0.2, 0.45, 0.2)


def plain(
    category: str,
    size: tuple[float, float, float],
    parts: tuple[Shape, ...],
    spaces: tuple[Receptacle, ...] = (),
    clear: float = 0.5,
) -> Piece:
    """A piece of one body that does not open."""
    return Piece(category, size, (Member("", category, parts, receptacles=spaces, doors=("",) * len(spaces)),), clear)


def bed(rng: np.random.Generator) -> Piece:
    """Its head is at the back."""
    d, w = 2.05, pick(rng, (0.95, 1.45, 1.65))
    wood, cloth, x, y = pick(rng, WOODS), pick(rng, CLOTHS), d / 2, w / 2
    parts = (
        box((-x, -y, 0.0), (x, y, 0.28), wood),
        box((-x + 0.05, -y + 0.03, 0.28), (x - 0.03, y - 0.03, 0.5), WHITE),
        box((-x + 0.6, -y + 0.01, 0.3), (x - 0.01, y - 0.01, 0.52), cloth),
        box((-x, -y, 0.0), (-x + 0.05, y, 0.95), wood),
        *(_cushion(-x + 0.3, side, 0.56, WHITE) for side in ((0.0,) if w < 1.0 else (-w / 4, w / 4))),
    )
    space = Receptacle("on", (-x + 0.6, -y + 0.05, 0.52), (x - 0.05, y - 0.05, 1.0))
    return plain("bed", (d, w, 0.95), parts, (space,), 0.55)


def _cushion(x: float, y: float, z: float, colour: Colour) -> Shape:
    return box((x - 0.18, y - 0.28, z - 0.06), (x + 0.18, y + 0.28, z + 0.06), colour)


def sofa(rng: np.random.Generator) -> Piece:
    return _seat("sofa", 0.9, between(rng, 1.7, 2.2), pick(rng, CLOTHS))


def armchair(rng: np.random.Generator) -> Piece:
    return _seat("armchair", 0.85, 0.85, pick(rng, CLOTHS))


def _seat(category: str, d: float, w: float, cloth: Colour) -> Piece:
    x, y = d / 2, w / 2
    light = (min(1.0, cloth[0] + 0.08), min(1.0, cloth[1] + 0.08), min(1.0, cloth[2] + 0.08))
    count = 1 if w < 1.2 else 2
    width = (w - 0.36) / count
    edges = [-y + 0.18 + i * width for i in range(count)]
    cushions = [box((-x + 0.22, low + 0.01, 0.3), (x, low + width - 0.01, 0.44), light) for low in edges]
    parts = (
        box((-x, -y, 0.06), (x, y, 0.3), cloth),
        box((-x, -y, 0.3), (-x + 0.22, y, 0.85), cloth),
        box((-x, y - 0.18, 0.3), (x, y, 0.62), cloth),
        box((-x, -y, 0.3), (x, -y + 0.18, 0.62), cloth),
        *cushions,
    )
    space = Receptacle("on", (-x + 0.24, -y + 0.2, 0.44), (x - 0.02, y - 0.2, 0.9))
    return plain(category, (d, w, 0.85), parts, (space,), 0.55)


def chair(rng: np.random.Generator) -> Piece:
    wood = pick(rng, WOODS)
    seat = box((-0.21, -0.21, 0.42), (0.21, 0.21, 0.46), wood)
    back = box((-0.21, -0.21, 0.46), (-0.18, 0.21, 0.9), wood)
    return plain(
        "chair", (0.42, 0.42, 0.9), (seat, back, *legs(0.42, 0.42, 0.42, wood, 0.04)), (top(0.36, 0.36, 0.46),), 0.0
    )


def office_chair(rng: np.random.Generator) -> Piece:
    cloth = pick(rng, CLOTHS)
    parts = (
        rod(0.0, 0.0, 0.0, 0.05, 0.23, DARK),
        rod(0.0, 0.0, 0.05, 0.44, 0.03, STEEL),
        box((-0.23, -0.23, 0.44), (0.23, 0.23, 0.5), cloth),
        box((-0.23, -0.2, 0.5), (-0.18, 0.2, 1.0), cloth),
    )
    return plain("chair", (0.46, 0.46, 1.0), parts, (top(0.36, 0.36, 0.5),), 0.0)


def table(rng: np.random.Generator) -> Piece:
    """A dining table; its long side runs left and right."""
    return _table("table", 0.8, pick(rng, (0.8, 1.2, 1.5)), 0.75, pick(rng, WOODS), 0.5)


def coffee_table(rng: np.random.Generator) -> Piece:
    return _table("coffee_table", 0.55, between(rng, 0.8, 1.1), 0.42, pick(rng, WOODS), 0.0)


def _table(category: str, d: float, w: float, h: float, wood: Colour, clear: float) -> Piece:
    slab = box((-d / 2, -w / 2, h - 0.04), (d / 2, w / 2, h), wood)
    return plain(category, (d, w, h), (slab, *legs(d, w, h - 0.04, wood)), (top(d, w, h),), clear)


def desk(rng: np.random.Generator) -> Piece:
    """With a drawer below its right end."""
    d, w, h = size = (0.65, between(rng, 1.1, 1.4), 0.74)
    wood, x, y = pick(rng, WOODS), 0.325, w / 2
    parts = (
        box((-x, -y, h - 0.03), (x, y, h), wood),
        box((-x, y - 0.03, 0.0), (x, y, h - 0.03), wood),
        box((-x, -y, 0.0), (x - 0.05, -y + 0.03, h - 0.03), wood),
        box((-x, -y + 0.37, 0.5), (x - 0.05, -y + 0.4, h - 0.03), wood),
    )
    tray = drawer((d, 0.4, h), wood, STEEL, (0.52, h - 0.04), "drawer", -y + 0.2)
    body = Member("", "desk", parts, receptacles=(top(d, w, h),), doors=("",))
    return Piece("desk", size, (body, tray), 0.75)


def floor_lamp(rng: np.random.Generator) -> Piece:
    shade = pick(rng, ((0.98, 0.9, 0.65), (0.95, 0.75, 0.5), WHITE))
    parts = (rod(0, 0, 0, 0.03, 0.14, DARK), rod(0, 0, 0.03, 1.4, 0.015, DARK), rod(0, 0, 1.3, 1.6, 0.18, shade))
    return plain("lamp", (0.36, 0.36, 1.6), parts, clear=0.3)


def table_lamp(rng: np.random.Generator) -> Piece:
    shade = pick(rng, ((0.98, 0.9, 0.65), (0.9, 0.6, 0.5), (0.6, 0.75, 0.85)))
    parts = (rod(0, 0, 0, 0.02, 0.07, DARK), rod(0, 0, 0.02, 0.22, 0.012, DARK), rod(0, 0, 0.2, 0.38, 0.1, shade))
    return plain("lamp", (0.2, 0.2, 0.38), parts, clear=0.0)


def television(rng: np.random.Generator) -> Piece:
    w = between(rng, 0.9, 1.15)
    parts = (
        box((-0.1, -0.2, 0.0), (0.1, 0.2, 0.02), DARK),
        box((-0.02, -0.05, 0.02), (0.02, 0.05, 0.1), DARK),
        box((-0.03, -w / 2, 0.08), (0.02, w / 2, 0.08 + 0.58 * w), DARK),
        box((0.02, -w / 2 + 0.02, 0.1), (0.025, w / 2 - 0.02, 0.06 + 0.58 * w), (0.18, 0.22, 0.3)),
    )
    return plain("television", (0.2, w, 0.08 + 0.58 * w), parts, clear=0.0)


def plant(rng: np.random.Generator) -> Piece:
    pot = pick(rng, ((0.7, 0.4, 0.28), WHITE, (0.3, 0.35, 0.4)))
    parts = (
        rod(0, 0, 0, 0.3, 0.16, pot),
        rod(0, 0, 0.3, 0.6, 0.02, (0.35, 0.25, 0.15)),
        ball(0, 0, 0.75, 0.2, GREEN),
        ball(0.05, 0.05, 1.0, 0.14, (0.25, 0.55, 0.22)),
    )
    return plain("plant", (0.4, 0.4, 1.14), parts, clear=0.2)


def rug(rng: np.random.Generator) -> Piece:
    d, w = between(rng, 1.3, 1.7), between(rng, 1.8, 2.4)
    edge, middle = pick(rng, CLOTHS), pick(rng, CLOTHS)
    parts = (
        box((-d / 2, -w / 2, 0.0), (d / 2, w / 2, 0.008), edge),
        box((-d / 2 + 0.12, -w / 2 + 0.12, 0.0), (d / 2 - 0.12, w / 2 - 0.12, 0.012), middle, "checker"),
    )
    return plain("rug", (d, w, 0.012), parts, clear=0.0)


def painting(rng: np.random.Generator) -> Piece:
    """Its lower edge is at height 0: whoever hangs it lifts it."""
    w, h = between(rng, 0.5, 0.9), between(rng, 0.4, 0.65)
    sky, ground = pick(rng, ((0.55, 0.75, 0.9), (0.95, 0.75, 0.5), (0.85, 0.85, 0.8))), pick(rng, CLOTHS)
    parts = (
        box((-0.02, -w / 2, 0.0), (0.0, w / 2, h), pick(rng, WOODS)),
        box((0.0, -w / 2 + 0.04, 0.04), (0.006, w / 2 - 0.04, h - 0.04), sky),
        box((0.0, -w / 2 + 0.04, 0.04), (0.012, w / 2 - 0.04, 0.45 * h), ground),
    )
    return plain("painting", (0.04, w, h), parts, clear=0.0)


def mirror(rng: np.random.Generator) -> Piece:
    """Hung like a painting."""
    parts = (
        box((-0.02, -0.25, 0.0), (0.0, 0.25, 0.7), WHITE),
        box((0.0, -0.22, 0.03), (0.005, 0.22, 0.67), (0.75, 0.85, 0.9)),
    )
    return plain("mirror", (0.04, 0.5, 0.7), parts, clear=0.0)


def toilet(rng: np.random.Generator) -> Piece:
    lid = pick(rng, ((0.85, 0.87, 0.9), (0.3, 0.3, 0.32), (0.75, 0.6, 0.45)))
    parts = (
        box((-0.3, -0.19, 0.38), (-0.13, 0.19, 0.8), WHITE),
        box((-0.3, -0.1, 0.0), (0.08, 0.1, 0.36), WHITE),
        rod(0.08, 0.0, 0.0, 0.36, 0.15, WHITE),
        box((-0.13, -0.18, 0.34), (0.12, 0.18, 0.4), WHITE),
        rod(0.12, 0.0, 0.34, 0.4, 0.18, WHITE),
        rod(0.11, 0.0, 0.4, 0.415, 0.16, lid),
    )
    space = Receptacle("on", (-0.3, -0.19, 0.8), (-0.13, 0.19, 1.2))
    return plain("toilet", (0.6, 0.4, 0.8), parts, (space,), 0.5)


def bathtub(rng: np.random.Generator) -> Piece:
    """Its long side runs left and right."""
    d, w, h, rim = 0.75, between(rng, 1.5, 1.65), 0.55, 0.07
    x, y = d / 2, w / 2
    parts = (
        box((-x, -y, 0.0), (x, y, 0.12), WHITE),
        box((-x, -y, 0.12), (-x + rim, y, h), WHITE),
        box((x - rim, -y, 0.12), (x, y, h), WHITE),
        box((-x, y - rim, 0.12), (x, y, h), WHITE),
        box((-x, -y, 0.12), (x, -y + rim, h), WHITE),
        box((-x + rim, -y + rim, 0.12), (x - rim, y - rim, 0.13), (0.7, 0.85, 0.92)),
        rod(-x + 0.03, 0.0, h, h + 0.15, 0.015, STEEL),
    )
    space = Receptacle("in", (-x + rim, -y + rim, 0.13), (x - rim, y - rim, h))
    return plain("bathtub", (d, w, h), parts, (space,), 0.5)


def washbasin(rng: np.random.Generator) -> Piece:
    d, w, h, rim = 0.48, 0.6, 0.85, 0.06
    x, y, floor = d / 2, w / 2, 0.72
    parts = (
        box((-x, -y + 0.05, 0.0), (x - 0.1, y - 0.05, floor - 0.02), pick(rng, WOODS)),
        box((-x, -y, floor - 0.02), (x, y, floor), WHITE),
        box((-x, -y, floor), (-x + 0.12, y, h), WHITE),
        box((x - rim, -y, floor), (x, y, h), WHITE),
        box((-x, y - rim, floor), (x, y, h), WHITE),
        box((-x, -y, floor), (x, -y + rim, h), WHITE),
        rod(-x + 0.07, 0.0, h, h + 0.14, 0.015, STEEL),
        box((-x + 0.07, -0.012, h + 0.12), (-x + 0.2, 0.012, h + 0.14), STEEL),
    )
    space = Receptacle("in", (-x + 0.12, -y + rim, floor), (x - rim, y - rim, h + 0.08))
    return plain("sink", (d, w, h), parts, (space,), 0.5)


def rack(rng: np.random.Generator) -> Piece:
    """Open shelves of steel, for bathrooms."""
    d, w, h = 0.3, 0.45, 1.1
    boards = tuple(box((-d / 2, -w / 2, z), (d / 2, w / 2, z + BOARD), WHITE) for z in (0.2, 0.6, h - BOARD))
    posts = legs(d, w, h - BOARD, STEEL, 0.02)
    spaces = tuple(
        Receptacle("on", (-d / 2 + 0.02, -w / 2 + 0.02, z + BOARD), (d / 2, w / 2 - 0.02, z + 0.4)) for z in (0.2, 0.6)
    )
    return plain("rack", (d, w, h), (*boards, *posts), (*spaces, top(d, w, h)), 0.5)


def bin_(rng: np.random.Generator) -> Piece:
    """A waste bin, open at the top."""
    colour, x, h = pick(rng, ((0.3, 0.32, 0.35), (0.7, 0.72, 0.72), (0.25, 0.4, 0.3))), 0.14, 0.36
    parts = (
        box((-x, -x, 0.0), (x, x, 0.01), colour),
        box((-x, -x, 0.0), (-x + 0.01, x, h), colour),
        box((x - 0.01, -x, 0.0), (x, x, h), colour),
        box((-x, -x, 0.0), (x, -x + 0.01, h), colour),
        box((-x, x - 0.01, 0.0), (x, x, h), colour),
    )
    space = Receptacle("in", (-x + 0.01, -x + 0.01, 0.01), (x - 0.01, x - 0.01, h))
    return plain("bin", (2 * x, 2 * x, h), parts, (space,), 0.3)


def coat_rack(rng: np.random.Generator) -> Piece:
    coat = pick(rng, CLOTHS)
    wood = pick(rng, WOODS)
    parts = (
        rod(0, 0, 0, 0.03, 0.15, wood),
        rod(0, 0, 0.03, 1.7, 0.02, wood),
        box((-0.15, -0.015, 1.6), (0.15, 0.015, 1.63), wood),
        box((0.03, -0.07, 0.8), (0.15, 0.07, 1.58), coat),
    )
    return plain("coat_rack", (0.32, 0.32, 1.7), parts, clear=0.2)


def hood(rng: np.random.Generator) -> Piece:
    """An extractor; its lower edge is at height 0."""
    parts = (box((-0.25, -0.3, 0.0), (0.22, 0.3, 0.08), STEEL), box((-0.25, -0.12, 0.08), (0.0, 0.12, 0.8), STEEL))
    return plain("hood", (0.5, 0.6, 0.8), parts, clear=0.0)
