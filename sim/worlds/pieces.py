"""What a piece of furniture is: bodies in one frame that stand together, such as a chest of drawers and its drawers.

Frame of a piece: origin on the floor in the middle of its footprint, x to its front, y to its left, z up. Metres.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from loci.sim.joints import Joint, Receptacle
from loci.sim.pose import Pose, Vector
from loci.sim.world import Body, Shape

Colour = tuple[float, float, float]
FRONT = 0.05
"""Depth that a door with its handle takes from a case."""
BOARD = 0.02
"""Thickness of boards and doors."""


@dataclass(frozen=True)
class Member:
    """One body of a piece. `suffix` is appended to the piece's name: "" for the piece itself, which has its frame.

    `doors` holds for each receptacle the suffix of the body that has to be open, "" for none.
    """

    suffix: str
    category: str
    parts: tuple[Shape, ...]
    pose: Pose = Pose()
    joint: Joint | None = None
    receptacles: tuple[Receptacle, ...] = ()
    doors: tuple[str, ...] = ()

    def body(self, name: str, pose: Pose, states: tuple[str, ...] = ()) -> Body:
        """The member of a piece called `name` that stands at `pose`."""
        own = f"{name}_{self.suffix}" if self.suffix else name
        spaces = _behind(self.receptacles, self.doors, name) if any(self.doors) else self.receptacles
        where = pose @ self.pose if self.suffix else pose
        return Body(own, self.category, self.parts, where, 0.0, self.joint, spaces, states)


@lru_cache(maxsize=4096)
def _behind(spaces: tuple[Receptacle, ...], doors: tuple[str, ...], name: str) -> tuple[Receptacle, ...]:
    """The receptacles with the names of their doors."""
    behind = (f"{name}_{door}" if door else "" for door in doors)
    return tuple(replace(space, behind=door) for space, door in zip(spaces, behind, strict=True))


@dataclass(frozen=True)
class Piece:
    """`size` is depth, width and height of the footprint's box; `clear` metres before it must stay free of others."""

    category: str
    size: Vector
    members: tuple[Member, ...]
    clear: float = 0.6

    @cached_property
    def openings(self) -> tuple[tuple[float, float], ...]:
        """From and to, along y, of each member that opens to the front."""
        found = []
        for member in self.members:
            if member.joint is not None and member.category != "lid":
                (_, low, _), (_, high, _) = Body("member", member.category, member.parts).extent
                found.append((member.pose.position[1] + low, member.pose.position[1] + high))
        return tuple(found)

    @cached_property
    def surface(self) -> tuple[Vector, Vector]:
        """Lower and upper corner around the receptacles of the piece itself, or around its footprint without any."""
        spaces = self.members[0].receptacles
        half = (self.size[0] / 2.0, self.size[1] / 2.0)
        corners = [(s.lower, s.upper) for s in spaces] or [((-half[0], -half[1], 0.0), (half[0], half[1], 0.0))]
        lows, highs = zip(*corners, strict=True)
        (x0, y0, z0), (x1, y1, z1) = (map(min, zip(*lows, strict=True)), map(max, zip(*highs, strict=True)))
        return (x0, y0, z0), (x1, y1, z1)


def box(lower: Vector, upper: Vector, colour: Colour, texture: str = "") -> Shape:
    """The box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = lower, upper
    half = ((x1 - x0) / 2.0, (y1 - y0) / 2.0, (z1 - z0) / 2.0)
    return Shape("box", half, colour, texture, pose=Pose(((x0 + x1) / 2.0, (y0 + y1) / 2.0, (z0 + z1) / 2.0)))


def rod(x: float, y: float, low: float, high: float, radius: float, colour: Colour) -> Shape:
    """An upright cylinder."""
    half = (high - low) / 2.0
    return Shape("cylinder", (radius, radius, half), colour, pose=Pose((x, y, low + half)))


def ball(x: float, y: float, z: float, radius: float, colour: Colour) -> Shape:
    """A sphere around a point."""
    return Shape("sphere", (radius, radius, radius), colour, pose=Pose((x, y, z)))


def legs(depth: float, width: float, height: float, colour: Colour, thick: float = 0.05) -> tuple[Shape, ...]:
    """Four square legs at the corners of a footprint."""
    x, y = depth / 2.0 - thick, width / 2.0 - thick
    corners = [(x, y), (x, -y - thick), (-x - thick, y), (-x - thick, -y - thick)]
    return tuple(box((cx, cy, 0.0), (cx + thick, cy + thick, height), colour) for cx, cy in corners)


def top(depth: float, width: float, height: float, room: float = 0.5) -> Receptacle:
    """Space on a level top of a footprint."""
    x, y = depth / 2.0, width / 2.0
    return Receptacle("on", (-x, -y, height), (x, y, height + room))


def case(
    size: Vector,
    colour: Colour,
    boards: Sequence[float] = (),
    low: float = 0.0,
    texture: str = "",
    front: float = FRONT,
) -> tuple[tuple[Shape, ...], tuple[Receptacle, ...]]:
    """A hollow case that is open in front from height `low` up, with further boards at some heights, and the spaces
    between its boards; `front` metres of its depth are left to doors."""
    d, w, h = size
    x0, x1, y = -d / 2.0, d / 2.0 - front, w / 2.0
    levels = [low, *boards]
    shapes = [
        box((x0, -y, low), (x0 + BOARD, y, h), colour, texture),
        box((x0, y - BOARD, low), (x1, y, h), colour, texture),
        box((x0, -y, low), (x1, -y + BOARD, h), colour, texture),
        box((x0, -y, h - BOARD), (x1, y, h), colour, texture),
        *(box((x0, -y, z), (x1, y, z + BOARD), colour, texture) for z in levels),
    ]
    ceilings = [*boards, h - BOARD]
    spaces = tuple(
        Receptacle("in", (x0 + BOARD, -y + BOARD, z + BOARD), (x1, y - BOARD, upper))
        for z, upper in zip(levels, ceilings, strict=True)
    )
    return tuple(shapes), spaces


def door(
    size: Vector,
    colour: Colour,
    handle: Colour,
    span: tuple[float, float] | None = None,
    heights: tuple[float, float] | None = None,
    right: bool = False,
    suffix: str = "door",
    texture: str = "",
) -> Member:
    """A hinged door in the front of a piece; `span` (from y to y) and `heights` say which part of it, all by default.

    It is hinged on the piece's left, or on its `right`, and opens by a quarter turn.
    """
    d, w, h = size
    y0, y1 = span or (-w / 2.0, w / 2.0)
    z0, z1 = heights or (0.0, h)
    back, face = d / 2.0 - FRONT, d / 2.0 - FRONT + BOARD
    free, middle = (y1 - 0.05, (z0 + z1) / 2.0) if right else (y0 + 0.05, (z0 + z1) / 2.0)
    reach = min(0.15, (z1 - z0) / 3.0)
    grip = box((face, free - 0.01, middle - reach), (d / 2.0, free + 0.01, middle + reach), handle)
    leaf = box((back, y0, z0), (face, y1, z1), colour, texture)
    hinge = (face, y0 if right else y1, z0)
    joint = Joint("hinge", (0.0, 0.0, 1.0), -math.pi / 2.0 if right else math.pi / 2.0, hinge)
    return centred(Member(suffix, "door", (leaf, grip), joint=joint))


def flap(size: Vector, colour: Colour, handle: Colour, heights: tuple[float, float]) -> Member:
    """A door hinged at its lower edge, as of an oven."""
    d, w, _ = size
    z0, z1 = heights
    back, face = d / 2.0 - FRONT, d / 2.0 - FRONT + BOARD
    leaf = box((back, -w / 2.0, z0), (face, w / 2.0, z1), colour)
    grip = box((face, -w / 3.0, z1 - 0.06), (d / 2.0, w / 3.0, z1 - 0.04), handle)
    joint = Joint("hinge", (0.0, 1.0, 0.0), math.pi / 2.0, (face, 0.0, z0))
    return centred(Member("door", "door", (leaf, grip), joint=joint))


def drawer(
    size: Vector, colour: Colour, handle: Colour, heights: tuple[float, float], suffix: str, middle: float = 0.0
) -> Member:
    """A drawer in the front of a case of `size`, between two heights; it slides out three quarters of its depth.

    `middle` is where its middle is, to the left of the piece's.
    """
    d, w, _ = size
    (z0, z1), y, wall = heights, w / 2.0 - BOARD - 0.01, 0.012
    x0, back, face = -d / 2.0 + 2.0 * BOARD, d / 2.0 - FRONT, d / 2.0 - FRONT + BOARD
    rim = z0 + 0.7 * (z1 - z0)
    parts = (
        box((back, -w / 2.0, z0), (face, w / 2.0, z1), colour),
        box((x0, -y, z0), (back, y, z0 + wall), colour),
        box((x0, -y, z0), (x0 + wall, y, rim), colour),
        box((x0, y - wall, z0), (back, y, rim), colour),
        box((x0, -y, z0), (back, -y + wall, rim), colour),
        box((face, -0.08, (z0 + z1) / 2.0 - 0.01), (d / 2.0, 0.08, (z0 + z1) / 2.0 + 0.01), handle),
    )
    space = Receptacle("in", (x0 + wall, -y + wall, z0 + wall), (back, y - wall, z1 - 0.005))
    joint = Joint("slide", (1.0, 0.0, 0.0), 0.75 * d)
    member = centred(Member(suffix, "drawer", parts, joint=joint, receptacles=(space,), doors=(suffix,)))
    return replace(member, pose=Pose((0.0, middle, 0.0)) @ member.pose)


def centred(member: Member) -> Member:
    """The same member with the origin of its body below its middle, at its lowest point."""
    (x0, y0, z0), (x1, y1, _) = Body("member", member.category, member.parts).extent
    origin = ((x0 + x1) / 2.0, (y0 + y1) / 2.0, z0)

    def shift(point: Vector) -> Vector:
        return (point[0] - origin[0], point[1] - origin[1], point[2] - origin[2])

    parts = tuple(replace(part, pose=replace(part.pose, position=shift(part.pose.position))) for part in member.parts)
    spaces = tuple(replace(s, lower=shift(s.lower), upper=shift(s.upper)) for s in member.receptacles)
    joint = member.joint and replace(member.joint, anchor=shift(member.joint.anchor))
    return replace(member, parts=parts, pose=Pose(origin), joint=joint, receptacles=spaces)
