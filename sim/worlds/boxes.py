"""Boxes that hide things, and things with names that never change: what "go to the box with the red block" needs."""

from loci.sim.world import Body, Kind, Pose, Shape

HALF, BOARD, BOX_HEIGHT = 0.23, 0.02, 0.65
"""Half the width of a box, thickness of its sides and its height, metres."""
CARDBOARD = (0.7, 0.6, 0.5)
MASS = 1.0
Vector = tuple[float, float, float]
COLOURS: dict[str, Vector] = {
    "red": (0.9, 0.05, 0.05),
    "green": (0.05, 0.65, 0.1),
    "blue": (0.05, 0.15, 0.95),
    "yellow": (1.0, 0.9, 0.0),
    "white": (1.0, 1.0, 1.0),
    "black": (0.03, 0.03, 0.03),
    "purple": (0.6, 0.05, 0.75),
    "orange": (1.0, 0.45, 0.0),
}
FORMS: dict[str, tuple[tuple[Kind, Vector], ...]] = {
    "block": (("box", (0.2, 0.2, 0.3)),),
    "drum": (("cylinder", (0.2, 0.2, 0.14)),),
    "tower": (("box", (0.2, 0.2, 0.1)), ("cylinder", (0.11, 0.11, 0.2))),
}
"""Parts of each form with their half extents in metres, one on the other."""
_LOOKS = [(colour, list(FORMS)[(i + turn) % 3]) for turn in range(3) for i, colour in enumerate(COLOURS)]
THINGS = tuple(f"{colour} {form}" for colour, form in _LOOKS)
"""Names; any 8 in a row have different colours."""


def box(name: str, pose: Pose) -> Body:
    """A closed box without a bottom, open to nothing: a thing stands inside it on the floor, or on its lid."""
    high, side = BOX_HEIGHT - BOARD, HALF - BOARD / 2
    sizes = {(side, 0.0): (BOARD / 2, HALF), (0.0, side): (HALF - BOARD, BOARD / 2)}
    walls = [
        Shape("box", (sx, sy, high / 2), CARDBOARD, pose=Pose((sign * x, sign * y, high / 2)))
        for (x, y), (sx, sy) in sizes.items()
        for sign in (1.0, -1.0)
    ]
    lid = Shape("box", (HALF, HALF, BOARD / 2), CARDBOARD, pose=Pose((0.0, 0.0, high + BOARD / 2)))
    return Body(name, "box", (*walls, lid), pose)


def thing(number: int, name: str, pose: Pose) -> Body:
    """The thing of that number in THINGS; it fits into a box."""
    colour, form = _LOOKS[number]
    parts, floor = [], 0.0
    for kind, size in FORMS[form]:
        parts.append(Shape(kind, size, COLOURS[colour], pose=Pose((0.0, 0.0, floor + size[2]))))
        floor += 2.0 * size[2]
    return Body(name, THINGS[number], tuple(parts), pose, MASS)
