"""Furniture that holds things behind doors, in drawers and on shelves. Each function makes one piece.

All take `rng`, from which sizes and colours come.
"""

import math
from dataclasses import replace

import numpy as np

from loci.sim.joints import Joint, Receptacle
from loci.sim.world import Shape
from loci.sim.worlds.draws import between, pick
from loci.sim.worlds.pieces import BOARD, FRONT, Colour, Member, Piece, box, case, centred, door, drawer, flap, rod, top

WOODS: tuple[Colour, ...] = (
    (0.72, 0.52, 0.33),
    (0.5, 0.33, 0.2),
    (0.85, 0.7, 0.5),
    (0.6, 0.42, 0.28),
    (0.9, 0.88, 0.84),
)
FRONTS: tuple[Colour, ...] = (
    (0.93, 0.92, 0.88),
    (0.55, 0.66, 0.62),
    (0.45, 0.55, 0.68),
    (0.8, 0.72, 0.58),
    (0.4, 0.42, 0.44),
)
WHITE: Colour = (0.95, 0.95, 0.95)
STEEL: Colour = (0.7, 0.72, 0.74)
DARK: Colour = (0.14, 0.14, 0.16)
STONES: tuple[Colour, ...] = ((0.35, 0.34, 0.33), (0.82, 0.78, 0.7), (0.6, 0.6, 0.6))
UNIT = (0.62, 0.6, 0.9)
"""Depth, width and height of a kitchen unit."""
SLAB = 0.04
"""Thickness of a worktop."""
PLINTH = 0.1


def fridge(rng: np.random.Generator) -> Piece:
    size, colour = (0.68, between(rng, 0.6, 0.7), between(rng, 1.6, 1.85)), pick(rng, (WHITE, STEEL, (0.75, 0.2, 0.18)))
    shapes, spaces = case(size, colour, (0.55, 1.0, 1.35))
    body = Member("", "fridge", shapes, receptacles=spaces, doors=("door",) * 4)
    return Piece("fridge", size, (body, door(size, colour, STEEL, heights=(0.05, size[2]))), 0.75)


def _unit(
    category: str,
    shapes: tuple[Shape, ...],
    spaces: tuple[Receptacle, ...],
    doors: tuple[str, ...],
    others: tuple[Member, ...],
    stone: Colour,
) -> Piece:
    """A kitchen unit with a worktop and a plinth."""
    d, w, h = UNIT
    slab = box((-d / 2, -w / 2, h - SLAB), (d / 2, w / 2, h), stone)
    plinth = box((-d / 2, -w / 2, 0.0), (d / 2 - 0.1, w / 2, PLINTH), DARK)
    body = Member("", category, (slab, plinth, *shapes), receptacles=(top(d, w, h), *spaces), doors=("", *doors))
    return Piece(category, UNIT, (body, *others), 0.75)


def cabinet(rng: np.random.Generator, style: int = 0) -> Piece:
    d, w, h = UNIT
    front, stone = FRONTS[style % len(FRONTS)], STONES[style % len(STONES)]
    shapes, spaces = case((d, w, h - SLAB), front, (0.48,), PLINTH)
    leaf = door(UNIT, front, STEEL, (-w / 2 + 0.005, w / 2 - 0.005), (PLINTH, h - SLAB), right=rng.random() < 0.5)
    return _unit("cabinet", shapes, spaces, ("door", "door"), (leaf,), stone)


def counter(rng: np.random.Generator, style: int = 0) -> Piece:
    """A worktop over two drawers."""
    d, w, h = UNIT
    front, stone = FRONTS[style % len(FRONTS)], STONES[style % len(STONES)]
    shapes, _ = case((d, w, h - SLAB), front, low=PLINTH)
    heights = ((PLINTH + 0.03, 0.47), (0.48, h - SLAB - 0.03))
    drawers = tuple(drawer(UNIT, front, STEEL, span, f"drawer_{i + 1}") for i, span in enumerate(heights))
    return _unit("counter", shapes, (), (), drawers, stone)


def sink(rng: np.random.Generator, style: int = 0) -> Piece:
    """A basin in a kitchen unit, with a tap."""
    d, w, h = UNIT
    front, stone, rim, floor = FRONTS[style % len(FRONTS)], STONES[style % len(STONES)], 0.07, h - 0.2
    x, y = d / 2 - rim, w / 2 - rim
    parts = (
        box((-d / 2, -w / 2, 0.0), (d / 2 - FRONT, w / 2, floor), front),
        box((-x, -y, floor), (x, y, floor + 0.01), STEEL),
        box((-d / 2, -w / 2, floor), (-x, w / 2, h), stone),
        box((x, -w / 2, floor), (d / 2, w / 2, h), stone),
        box((-x, y, floor), (x, w / 2, h), stone),
        box((-x, -w / 2, floor), (x, -y, h), stone),
        rod(-x - 0.03, 0.0, h, h + 0.25, 0.015, STEEL),
        box((-x - 0.03, -0.012, h + 0.23), (-x + 0.14, 0.012, h + 0.25), STEEL),
    )
    basin = Receptacle("in", (-x, -y, floor + 0.01), (x, y, h + 0.1))
    return Piece("sink", UNIT, (Member("", "sink", parts, receptacles=(basin,), doors=("",)),), 0.6)


def oven(rng: np.random.Generator, style: int = 0) -> Piece:
    """A stove: an oven below four plates."""
    d, w, h = UNIT
    colour = pick(rng, (WHITE, STEEL, DARK))
    shapes, spaces = case((d, w, h - SLAB), colour, (), 0.3)
    skirt = box((-d / 2, -w / 2, 0.0), (d / 2 - FRONT, w / 2, 0.3), colour)
    hob = box((-d / 2, -w / 2, h - SLAB), (d / 2, w / 2, h), DARK)
    plates = tuple(rod(x, y, h, h + 0.008, 0.08, (0.45, 0.16, 0.12)) for x in (-0.14, 0.14) for y in (-0.14, 0.14))
    on = top(d, w, h + 0.008)
    body = Member("", "oven", (hob, skirt, *shapes, *plates), receptacles=(on, *spaces), doors=("", "door"))
    return Piece("oven", UNIT, (body, flap(UNIT, DARK, STEEL, (0.32, h - 0.12))), 0.75)


def dishwasher(rng: np.random.Generator, style: int = 0) -> Piece:
    _, _, h = UNIT
    shapes, spaces = case((UNIT[0], UNIT[1], h - SLAB), STEEL, (0.48,), PLINTH)
    leaf = flap(UNIT, pick(rng, (WHITE, STEEL)), DARK, (PLINTH, h - SLAB))
    return _unit("dishwasher", shapes, spaces, ("door", "door"), (leaf,), STONES[style % len(STONES)])


def microwave(rng: np.random.Generator) -> Piece:
    size, colour = (0.36, 0.48, 0.28), pick(rng, (DARK, STEEL, WHITE))
    shapes, spaces = case(size, colour)
    leaf = door(size, (0.22, 0.24, 0.27), STEEL, (-0.16, 0.24))
    panel = box((size[0] / 2 - FRONT, -0.24, 0.0), (size[0] / 2 - 0.03, -0.16, size[2]), colour)
    body = Member("", "microwave", (*shapes, panel), receptacles=spaces, doors=("door",))
    return Piece("microwave", size, (body, leaf), 0.0)


def washing_machine(rng: np.random.Generator) -> Piece:
    size = (0.6, 0.6, 0.86)
    shapes, spaces = case(size, WHITE, low=0.2)
    skirt = box((-0.3, -0.3, 0.0), (0.3 - FRONT, 0.3, 0.2), WHITE)
    plain = door(size, WHITE, DARK, heights=(0.2, size[2]))
    window = box((-0.024, -0.16, 0.17), (-0.003, 0.16, 0.49), (0.3, 0.36, 0.42))
    leaf = replace(plain, parts=(*plain.parts, window))
    receptacles = (top(size[0], size[1], size[2]), *spaces)
    body = Member("", "washing_machine", (*shapes, skirt), receptacles=receptacles, doors=("", "door"))
    return Piece("washing_machine", size, (body, leaf), 0.7)


def wardrobe(rng: np.random.Generator) -> Piece:
    """Two compartments, each with a door of its own."""
    d, w, h = size = (0.6, between(rng, 1.1, 1.5), between(rng, 1.9, 2.1))
    colour = pick(rng, WOODS)
    shapes, _ = case(size, colour)
    split = box((-d / 2, -BOARD / 2, 0.0), (d / 2 - FRONT, BOARD / 2, h), colour)
    x0, x1, y = -d / 2 + BOARD, d / 2 - FRONT, w / 2 - BOARD
    boards, spaces, doors = [], [], []
    for side, low, high in (("left", BOARD / 2, y), ("right", -y, -BOARD / 2)):
        boards.append(box((x0, low, 0.9), (x1, high, 0.9 + BOARD), colour))
        spaces += [Receptacle("in", (x0, low, BOARD), (x1, high, 0.9))]
        spaces += [Receptacle("in", (x0, low, 0.9 + BOARD), (x1, high, h - BOARD))]
        doors += [f"{side}_door"] * 2
    leaves = (
        door(size, colour, STEEL, (0.003, w / 2), None, False, "left_door"),
        door(size, colour, STEEL, (-w / 2, -0.003), None, True, "right_door"),
    )
    body = Member("", "wardrobe", (*shapes, split, *boards), receptacles=tuple(spaces), doors=tuple(doors))
    return Piece("wardrobe", size, (body, *leaves), 0.75)


def dresser(rng: np.random.Generator) -> Piece:
    d, w, h = size = (0.48, between(rng, 0.8, 1.1), between(rng, 0.8, 0.95))
    colour = pick(rng, WOODS)
    shapes, _ = case(size, colour)
    step = (h - 2 * BOARD - 0.02) / 3
    heights = [(BOARD + 0.01 + i * step, BOARD + i * step + step) for i in range(3)]
    drawers = tuple(drawer(size, colour, STEEL, span, f"drawer_{i + 1}") for i, span in enumerate(heights))
    body = Member("", "dresser", shapes, receptacles=(top(d, w, h),), doors=("",))
    return Piece("dresser", size, (body, *drawers), 0.6)


def nightstand(rng: np.random.Generator) -> Piece:
    d, w, h = size = (0.4, 0.45, between(rng, 0.45, 0.55))
    colour = pick(rng, WOODS)
    shapes, spaces = case(size, colour, (h - 0.2,))
    drawers = (drawer(size, colour, STEEL, (h - 0.175, h - BOARD - 0.005), "drawer"),)
    body = Member("", "nightstand", shapes, receptacles=(top(d, w, h), spaces[0]), doors=("", ""))
    return Piece("nightstand", size, (body, *drawers), 0.5)


def shelf(rng: np.random.Generator) -> Piece:
    """A bookshelf without doors."""
    size = (0.3, between(rng, 0.7, 1.0), between(rng, 1.5, 1.9))
    shapes, spaces = case(size, pick(rng, WOODS), (0.42, 0.84, 1.22), 0.04, front=0.0)
    open_ = tuple(Receptacle("on", s.lower, s.upper) for s in spaces)
    return Piece("shelf", size, (Member("", "shelf", shapes, receptacles=open_, doors=("",) * 4),), 0.6)


def tv_stand(rng: np.random.Generator) -> Piece:
    d, w, h = size = (0.42, between(rng, 1.2, 1.6), 0.5)
    shapes, spaces = case(size, pick(rng, WOODS), (), 0.06, front=0.0)
    receptacles = (top(d, w, h), Receptacle("in", spaces[0].lower, spaces[0].upper))
    return Piece("tv_stand", size, (Member("", "tv_stand", shapes, receptacles=receptacles, doors=("", "")),), 0.6)


def chest(rng: np.random.Generator) -> Piece:
    """A box with a lid hinged at its back."""
    d, w, h = size = (0.45, between(rng, 0.7, 0.9), 0.45)
    colour, x, y, lid = pick(rng, (*WOODS, (0.75, 0.35, 0.3), (0.3, 0.5, 0.6))), d / 2, w / 2, h - 0.03
    parts = (
        box((-x, -y, 0.0), (x, y, BOARD), colour),
        box((-x, -y, 0.0), (-x + BOARD, y, lid), colour),
        box((x - BOARD, -y, 0.0), (x, y, lid), colour),
        box((-x, y - BOARD, 0.0), (x, y, lid), colour),
        box((-x, -y, 0.0), (x, -y + BOARD, lid), colour),
    )
    space = Receptacle("in", (-x + BOARD, -y + BOARD, BOARD), (x - BOARD, y - BOARD, lid))
    cover = box((-x, -y, lid), (x, y, h), colour)
    joint = Joint("hinge", (0.0, 1.0, 0.0), -math.pi / 2, (-x, 0.0, h))
    top_ = centred(Member("lid", "lid", (cover,), joint=joint))
    return Piece("chest", size, (Member("", "chest", parts, receptacles=(space,), doors=("lid",)), top_), 0.6)


def shoe_cabinet(rng: np.random.Generator) -> Piece:
    """A shallow cabinet, for hallways."""
    d, w, h = size = (0.33, between(rng, 0.5, 0.59), 0.95)
    colour = pick(rng, WOODS)
    shapes, spaces = case(size, colour, (0.48,))
    leaf = door(size, colour, STEEL)
    receptacles = (top(d, w, h), *spaces)
    body = Member("", "cabinet", shapes, receptacles=receptacles, doors=("", "door", "door"))
    return Piece("cabinet", size, (body, leaf), 0.6)
