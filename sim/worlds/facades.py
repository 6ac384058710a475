"""Looks of a city's solids: buildings with rows of windows, and signs whose form tells the kind of a landmark.

A body's x axis points from the façade to the street, its origin is on the ground. Metres; all parts are boxes, balls,
cylinders and capsules, so that every engine of the suite has them.
"""

import math
from zlib import crc32

import numpy as np

from loci.sim.world import Body, Kind, Pose, Shape, Vector
from loci.sim.worlds.city import KINDS
from loci.sim.worlds.draws import below, between, pick
from loci.sim.worlds.landmarks import COLOURS

WALLS: tuple[Vector, ...] = (
    (0.62, 0.33, 0.25),
    (0.50, 0.27, 0.22),
    (0.76, 0.66, 0.52),
    (0.83, 0.79, 0.70),
    (0.66, 0.64, 0.62),
    (0.46, 0.43, 0.42),
    (0.88, 0.87, 0.84),
    (0.58, 0.49, 0.40),
)
"""Brick, brownstone, sandstone, limestone, concrete: sRGB before they are varied."""
GLASS: tuple[Vector, ...] = ((0.16, 0.20, 0.26), (0.22, 0.28, 0.36), (0.12, 0.13, 0.16))
SHOPS: tuple[Vector, ...] = ((0.20, 0.22, 0.25), (0.32, 0.30, 0.28), (0.44, 0.40, 0.35))
"""Colours of windows and of ground floors."""
STOREY, GROUND = 3.4, 3.8
LOW, HIGH = 2, 14
"""Metres of a storey and of the ground floor; fewest and most storeys above that."""
PROUD = 0.2
"""Metres by which the farthest part of a façade stands out of its wall."""
FORMS: dict[str, tuple[Kind, Vector]] = {
    "block": ("box", (0.6, 0.6, 0.6)),
    "ball": ("sphere", (0.62, 0.62, 0.62)),
    "drum": ("cylinder", (0.8, 0.8, 0.25)),
    "pole": ("capsule", (0.22, 0.22, 0.62)),
}
"""What stands on top of each other on a sign, with half extents."""
STACK, FORM, FOOT = 3, 0.65, 3.2
"""Forms of a sign, half of the height that each takes, and metres from the ground to the lowest."""


def building(rng: np.random.Generator, half_depth: float, half_width: float, storeys: int) -> tuple[Shape, ...]:
    """A house with a ground floor, so many storeys and a cornice; its windows are bands, strips, or both crossing."""
    wall = _varied(rng, pick(rng, WALLS))
    glass, height = pick(rng, GLASS), GROUND + storeys * STOREY
    half = (half_depth, half_width)
    parts = [
        _slab(half, 0.0, 0.0, height, wall),
        _slab(half, 0.12, 0.0, GROUND - 0.5, pick(rng, SHOPS)),
        _slab(half, PROUD, height - 0.5, height + 0.3, _varied(rng, wall)),
    ]
    style = below(rng, 3)
    if style != 1:
        parts += [_slab(half, 0.05, z, z + 1.7, glass) for z in GROUND + 0.9 + STOREY * np.arange(storeys)]
    if style != 0:
        parts += _uprights(half, height, wall if style == 2 else glass)
    return tuple(parts)


def storeys(rng: np.random.Generator) -> int:
    """How high the houses of a street usually are: few of them are high."""
    return LOW + int((HIGH - LOW) * between(rng, 0.0, 1.0) ** 2)


def sign(number: int, kind: str, name: str, colour: str, pose: Pose) -> Body:
    """A landmark on a mast: three forms in its colour before a board. The forms tell the kind, the board the name."""
    look = crc32(name.encode()) % 6
    tone, half = (0.12, 0.3, 0.5)[look % 3], (1.2, 1.9)[look // 3]
    grey, high, middle = (tone, tone, tone), STACK * FORM, FOOT + STACK * FORM
    parts = [
        Shape("box", (0.08, half, high + 0.2), grey, pose=Pose((-0.6, 0.0, middle))),
        Shape("box", (0.06, 0.06, FOOT / 2.0), grey, pose=Pose((-0.6, 0.0, FOOT / 2.0))),
    ]
    for place, form in enumerate(forms(kind)):
        solid, size = FORMS[form]
        where = Pose((0.2, 0.0, FOOT + (2 * place + 1) * FORM))
        parts.append(Shape(solid, size, COLOURS[colour], pose=where))
    return Body(f"landmark_{number}", kind, tuple(parts), pose)


def forms(kind: str) -> tuple[str, ...]:
    """Names in FORMS from below to above, different for all of KINDS; other kinds take theirs from their letters."""
    number = 11 * KINDS.index(kind) if kind in KINDS else crc32(kind.encode())
    names = list(FORMS)
    return tuple(names[number // len(FORMS) ** place % len(FORMS)] for place in range(STACK))


def _slab(half: tuple[float, float], out: float, low: float, high: float, colour: Vector) -> Shape:
    """A box as wide and deep as the house, `out` metres larger on all four sides, between two heights."""
    size = (half[0] + out, half[1] + out, float(high - low) / 2.0)
    return Shape("box", size, colour, pose=Pose((0.0, 0.0, float(high + low) / 2.0)))


def _uprights(half: tuple[float, float], height: float, colour: Vector) -> list[Shape]:
    """Upright strips on all four sides, four metres apart or so."""
    depth, width = half
    tall, middle = (height - GROUND) / 2.0, (height + GROUND) / 2.0
    across, along = (max(1, math.floor(2.0 * side / 4.0)) for side in half)
    places = [(-width + 2.0 * width * (i + 0.5) / along) for i in range(along)]
    parts = [Shape("box", (depth + 0.1, 0.7, tall), colour, pose=Pose((0.0, y, middle))) for y in places]
    places = [(-depth + 2.0 * depth * (i + 0.5) / across) for i in range(across)]
    return parts + [Shape("box", (0.7, width + 0.1, tall), colour, pose=Pose((x, 0.0, middle))) for x in places]


def _varied(rng: np.random.Generator, colour: Vector) -> Vector:
    tone = between(rng, 0.85, 1.1)
    red, green, blue = (min(1.0, c * tone + between(rng, -0.03, 0.03)) for c in colour)
    return red, green, blue
