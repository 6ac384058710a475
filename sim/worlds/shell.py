"""What a floor plan is built of: floors, walls with gaps for doorways, windows and door leaves.

Each room has walls of its own, half as thick as a wall between two rooms, so that it has its own colour. Sides of a
room are numbered by where its wall faces: 0 the west wall facing +x, 1 the south wall facing +y, 2 east, 3 north.
"""

import math

import numpy as np

from loci.sim.joints import Joint
from loci.sim.world import Body, Pose, Shape
from loci.sim.worlds.draws import between, pick
from loci.sim.worlds.floorplan import DOOR_HEIGHT, DOOR_WIDTH, Area, Doorway, Plan
from loci.sim.worlds.pieces import Colour, Member, box

HEIGHT = 2.6
THICK = 0.06
"""Thickness of a room's own walls."""
LEAF = 0.04
"""Thickness of a door leaf."""
FLOORS: dict[str, tuple[tuple[Colour, str], ...]] = {
    "living_room": (((1.0, 0.95, 0.88), "planks"), ((0.85, 0.76, 0.68), "planks"), ((1.0, 1.0, 1.0), "planks")),
    "bedroom": (((1.0, 0.93, 0.85), "planks"), ((0.8, 0.77, 0.72), "noise"), ((0.7, 0.74, 0.84), "noise")),
    "study": (((0.9, 0.8, 0.7), "planks"), ((0.66, 0.68, 0.62), "noise")),
    "kitchen": (((0.86, 0.84, 0.8), "tiles"), ((0.8, 0.78, 0.72), "checker"), ((0.75, 0.6, 0.5), "tiles")),
    "bathroom": (((0.75, 0.84, 0.88), "tiles"), ((0.86, 0.86, 0.86), "marble"), ((0.62, 0.72, 0.72), "tiles")),
    "hallway": (((0.95, 0.85, 0.75), "planks"), ((0.8, 0.78, 0.74), "tiles")),
}
WALLS: dict[str, tuple[Colour, ...]] = {
    "living_room": ((0.9, 0.87, 0.8), (0.82, 0.84, 0.8), (0.88, 0.82, 0.74)),
    "bedroom": ((0.84, 0.86, 0.92), (0.92, 0.86, 0.84), (0.86, 0.9, 0.84), (0.9, 0.88, 0.84)),
    "study": ((0.8, 0.82, 0.78), (0.86, 0.82, 0.76)),
    "kitchen": ((0.93, 0.91, 0.84), (0.86, 0.9, 0.88), (0.93, 0.88, 0.76)),
    "bathroom": ((0.82, 0.9, 0.92), (0.92, 0.93, 0.93), (0.8, 0.88, 0.84)),
    "hallway": ((0.9, 0.89, 0.87), (0.87, 0.85, 0.8)),
}
LEAVES: tuple[Colour, ...] = ((0.92, 0.91, 0.88), (0.6, 0.42, 0.28), (0.75, 0.58, 0.4))
GLASS: Colour = (0.68, 0.85, 0.97)
FRAME: Colour = (0.95, 0.95, 0.95)
SILL, LINTEL = 0.95, 2.1
"""Heights of a window's lower and upper edge."""

Span = tuple[float, float]


def gaps(area: Area, doorways: tuple[Doorway, ...]) -> dict[int, list[Span]]:
    """Where the doorways of a room interrupt its walls: from and to, along each side's axis."""
    found: dict[int, list[Span]] = {0: [], 1: [], 2: [], 3: []}
    for door in doorways:
        if area.name in (door.first, door.second):
            low = abs(door.centre[door.axis] - area.lower[door.axis]) < 1e-6
            middle = door.centre[1 - door.axis]
            side = door.axis if low else door.axis + 2
            found[side].append((middle - DOOR_WIDTH / 2.0, middle + DOOR_WIDTH / 2.0))
    return found


def outer(area: Area, plan: Plan) -> list[int]:
    """Sides of a room that are outer walls of the house."""
    low = [min(a.lower[i] for a in plan.areas) for i in (0, 1)]
    high = [max(a.upper[i] for a in plan.areas) for i in (0, 1)]
    sides = [i for i in (0, 1) if abs(area.lower[i] - low[i]) < 1e-6]
    return sides + [i + 2 for i in (0, 1) if abs(area.upper[i] - high[i]) < 1e-6]


def floor_and_walls(area: Area, plan: Plan, rng: np.random.Generator, ceiling: bool) -> list[Body]:
    """A floor, four walls and, if asked for, a ceiling."""
    (x0, y0), (x1, y1) = area.lower, area.upper
    colour, texture = pick(rng, FLOORS[area.kind])
    paint = pick(rng, WALLS[area.kind])
    middle, half = Pose.at((x0 + x1) / 2.0, (y0 + y1) / 2.0), ((x1 - x0) / 2.0, (y1 - y0) / 2.0)
    bodies = [Body(f"{area.name}_floor", "floor", (Shape("plane", (*half, 0.0), colour, texture),), middle)]
    open_ = gaps(area, plan.doorways)
    for side in range(4):
        along = (y0, y1) if side % 2 == 0 else (x0, x1)
        bodies.append(
            Body(f"{area.name}_wall_{side}", "wall", _wall(along, open_[side], paint, side), _foot(area, side))
        )
    if ceiling:
        slab = box((-half[0], -half[1], HEIGHT), (half[0], half[1], HEIGHT + 0.05), FRAME)
        bodies.append(Body(f"{area.name}_ceiling", "ceiling", (slab,), middle))
    return bodies


def _foot(area: Area, side: int) -> Pose:
    """Frame of a wall: on its line, x into the room."""
    (x0, y0), (x1, y1) = area.lower, area.upper
    x, y = (x0, (x0 + x1) / 2.0, x1, (x0 + x1) / 2.0)[side], ((y0 + y1) / 2.0, y0, (y0 + y1) / 2.0, y1)[side]
    return Pose.at(x, y, 0.0, side * math.pi / 2.0)


def _local(place: float, along: Span, side: int) -> float:
    """A place along a wall as the y of its frame: sides 1 and 2 run the other way."""
    offset = place - (along[0] + along[1]) / 2.0
    return -offset if side in (1, 2) else offset


def _wall(along: Span, doors: list[Span], paint: Colour, side: int) -> tuple[Shape, ...]:
    """Boxes between the doorways and above them."""
    ends = sorted((_local(a, along, side), _local(b, along, side)) for a, b in doors)
    spans = [(min(pair), max(pair)) for pair in ends]
    half, parts, start = (along[1] - along[0]) / 2.0, [], -(along[1] - along[0]) / 2.0
    for low, high in sorted(spans):
        parts.append(box((0.0, start, 0.0), (THICK, low, HEIGHT), paint))
        parts.append(box((0.0, low, DOOR_HEIGHT), (THICK, high, HEIGHT), paint))
        start = high
    return (*parts, box((0.0, start, 0.0), (THICK, half, HEIGHT), paint))


def window(area: Area, side: int, span: Span, name: str) -> Body:
    """A pane in a frame before a wall; `span` is where it is along the wall."""
    along = (area.lower[1], area.upper[1]) if side % 2 == 0 else (area.lower[0], area.upper[0])
    low, high = sorted(_local(place, along, side) for place in span)
    parts = (
        box((THICK, low, SILL), (THICK + 0.015, high, LINTEL), FRAME),
        box((THICK, low + 0.05, SILL + 0.05), (THICK + 0.02, high - 0.05, LINTEL - 0.05), GLASS),
    )
    return Body(name, "window", parts, _foot(area, side))


def window_span(area: Area, side: int, rng: np.random.Generator) -> Span:
    """Where a window fits along a wall without doorways."""
    low, high = (area.lower[1], area.upper[1]) if side % 2 == 0 else (area.lower[0], area.upper[0])
    width = min(between(rng, 1.0, 1.8), 0.6 * (high - low)) * (0.5 if area.kind == "bathroom" else 1.0)
    middle = (low + high) / 2.0 + between(rng, -0.15, 0.15) * (high - low)
    return middle - width / 2.0, middle + width / 2.0


def leaf(area: Area, door: Doorway, rng: np.random.Generator, opening: float, name: str) -> Body:
    """A door leaf in a doorway of a room, hinged at the end nearer to the room's corner; it opens into the room."""
    colour, half = pick(rng, LEAVES), DOOR_WIDTH / 2.0 - 0.005
    back = abs(door.centre[door.axis] - area.lower[door.axis]) < 1e-6
    side = door.axis if back else door.axis + 2
    along = (area.lower[1 - door.axis], area.upper[1 - door.axis])
    left = _local(door.centre[1 - door.axis], along, side) > 0.0
    edge = half if left else -half
    knob = -edge + (0.08 if left else -0.08)
    panel = box((0.0, -half, 0.005), (LEAF, half, DOOR_HEIGHT - 0.005), colour)
    grips = box((-0.04, knob - 0.05, 1.0), (LEAF + 0.04, knob + 0.05, 1.02), (0.7, 0.7, 0.72))
    joint = Joint("hinge", (0.0, 0.0, 1.0), math.pi / 2.0 if left else -math.pi / 2.0, (LEAF, edge, 0.0), opening)
    pose = Pose.at(*door.centre, 0.0, side * math.pi / 2.0) @ Pose((THICK - LEAF, 0.0, 0.0))
    return Member("", "door", (panel, grips), joint=joint).body(name, pose)


def front_door(area: Area, door: Doorway, rng: np.random.Generator) -> Body:
    """A leaf that stays shut: nothing is built outside."""
    side = door.axis if abs(door.centre[door.axis] - area.lower[door.axis]) < 1e-6 else door.axis + 2
    half = DOOR_WIDTH / 2.0
    panel = box((0.0, -half, 0.0), (LEAF, half, DOOR_HEIGHT), pick(rng, ((0.45, 0.26, 0.18), (0.28, 0.4, 0.34))))
    knob = box((LEAF, half - 0.12, 1.0), (LEAF + 0.05, half - 0.08, 1.04), (0.75, 0.7, 0.4))
    return Body("front_door", "door", (panel, knob), Pose.at(*door.centre, 0.0, side * math.pi / 2.0))
