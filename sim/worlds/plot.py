"""A room while it is furnished: what stands where along its walls, and what must stay free.

A wall has two coordinates: `across`, metres from the wall into the room, and `along`, the world's x or y. Sides are
numbered as in `shell.py`; a piece that stands at side s has the heading s * 90 degrees, away from its wall.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from loci.sim.pose import Pose, Vector
from loci.sim.worlds.draws import between, pick, shuffled
from loci.sim.worlds.floorplan import Area
from loci.sim.worlds.pieces import Piece
from loci.sim.worlds.reach import WALKER, reach
from loci.sim.worlds.shell import SILL, THICK

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1."""
Span = tuple[float, float]
SIDES = (0, 1, 2, 3)
DOOR_DEPTH, DOOR_MARGIN = 1.12, 0.1
"""How far the room before a doorway stays free: into the room from the wall's line, and beyond its edges."""
HEAD = 1.2
"""What hangs higher blocks no way."""
NEAR = 0.55
"""A piece can be reached from this far away …"""
SIDEWAYS = 0.3
"""… and what opens from so far beside it."""
REACHED = 0.7
"""Least share of the free floor that is reached: no bed or leaf cuts a room in two."""
GRIP = 0.03
"""How far the handle of a door that stands open reaches beyond its piece."""
GAP = 0.01


@dataclass(frozen=True)
class Placed:
    """A piece with the side it stands at, its heading's side, and its footprint; `on` is what it stands on."""

    piece: Piece
    side: int
    pose: Pose
    rect: Rect
    low: float = 0.0
    on: "Placed | None" = None


@dataclass
class Plot:
    """The inside of a room, the spans of doorways and windows on its sides, and what was placed so far."""

    area: Area
    doors: dict[int, list[Span]]
    windows: dict[int, Span]
    leaves: list[Rect] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    solid: list[tuple[Rect, float, float]] = field(default_factory=list)
    kept: list[Rect] = field(default_factory=list)

    def __post_init__(self) -> None:
        (x0, y0), (x1, y1) = self.area.lower, self.area.upper
        self.inner: Rect = (x0 + THICK, y0 + THICK, x1 - THICK, y1 - THICK)
        self.clear()

    def clear(self) -> None:
        """Take all pieces out again."""
        self.placed, self.solid = [], [(rect, 0.0, 2.0) for rect in self.leaves]
        self.kept = [
            self._rect(side, -THICK, DOOR_DEPTH - THICK, low - DOOR_MARGIN, high + DOOR_MARGIN)
            for side, spans in self.doors.items()
            for low, high in spans
        ]

    def wall(
        self, rng: np.random.Generator, piece: Piece, where: str = "any", sides: Sequence[int] = SIDES
    ) -> Placed | None:
        """Put a piece against one of the sides, at "any" place, in a "corner" or near the "middle"; None if it fits
        nowhere."""
        for side in shuffled(rng, sides):
            spans = self.spans(side, piece)
            ends = self._ends(side, piece.size[1])
            if where == "corner":
                spans = [(end, end) for end in ends if any(low <= end <= high for low, high in spans)]
            if spans:
                low, high = pick(rng, spans)
                middle = (ends[0] + ends[1]) / 2.0
                place = min(max(middle, low), high) if where == "middle" else between(rng, low, high)
                return self.at(side, piece, place)
        return None

    def beside(self, piece: Piece, other: Placed, sign: int) -> Placed | None:
        """Put a piece next to another one at the same wall, on its left (+1) or right (-1)."""
        low, high = self.span(other.rect, other.side)
        step = sign if other.side in (0, 3) else -sign
        half = piece.size[1] / 2.0 + 2 * GAP
        place = high + half if step > 0 else low - half
        fits = any(a <= place <= b for a, b in self.spans(other.side, piece))
        return self.at(other.side, piece, place) if fits else None

    def aisle(self, other: Placed, sign: int, start: float, width: float = 0.7) -> bool:
        """Keep a way free along the left (+1) or right (-1) of a piece and beyond its front; False if it is taken.

        `start` is the distance from the wall at which it begins, metres.
        """
        low, high = self.span(other.rect, other.side)
        step = sign if other.side in (0, 3) else -sign
        low, high = (high, high + width) if step > 0 else (low - width, low)
        rect = self._rect(other.side, start, other.piece.size[0] + width, low, high)
        x0, y0, x1, y1 = self.inner
        inside = x0 <= rect[0] and y0 <= rect[1] and rect[2] <= x1 and rect[3] <= y1
        free = inside and not any(_meet(rect, solid) for solid, _, _ in self.solid)
        if free:
            self.kept.append(rect)
        return free

    def ahead(self, piece: Piece, other: Placed, gap: float, shift: float = 0.0, behind: bool = False) -> Placed | None:
        """Put a piece in front of another one or `behind` it, facing it, at its side or on the floor it keeps free.

        `gap` is the distance between them, `shift` how far to the left of the other's middle, metres.
        """
        distance = (other.piece.size[0] + piece.size[0]) / 2.0 + gap
        x, y, _ = other.pose.point((-distance if behind else distance, shift, 0.0))
        side = other.side if behind else (other.side + 2) % 4
        return self.free_standing(piece, x, y, side, within=self.front(other))

    def free_standing(
        self, piece: Piece, x: float, y: float, side: int, room: float = 0.0, within: Rect | None = None
    ) -> Placed | None:
        """Put a piece around a point, heading as from a side, with `room` metres free on all sides; None if taken.

        It may stand on floor that is kept free as `within`.
        """
        d, w, _ = piece.size
        dx, dy = (d / 2.0, w / 2.0) if side % 2 == 0 else (w / 2.0, d / 2.0)
        rect = (x - dx, y - dy, x + dx, y + dy)
        wide = (rect[0] - room, rect[1] - room, rect[2] + room, rect[3] + room)
        x0, y0, x1, y1 = self.inner
        if wide[0] < x0 or wide[1] < y0 or wide[2] > x1 or wide[3] > y1:
            return None
        if any(_meet(wide, solid) for solid, _, _ in self.solid) or any(
            _meet(rect, kept) for kept in self.kept if kept != within
        ):
            return None
        return self._stand(Placed(piece, side, Pose.at(x, y, 0.0, side * math.pi / 2.0), rect))

    def lay(self, piece: Piece, x: float, y: float, side: int) -> Placed | None:
        """A rug, over which everything else stands; None if the room is too small."""
        d, w = piece.size[0] / 2.0, piece.size[1] / 2.0
        dx, dy = (d, w) if side % 2 == 0 else (w, d)
        x0, y0, x1, y1 = self.inner
        if 2 * dx > x1 - x0 or 2 * dy > y1 - y0:
            return None
        x, y = min(max(x, x0 + dx), x1 - dx), min(max(y, y0 + dy), y1 - dy)
        placed = Placed(piece, side, Pose.at(x, y, 0.0, side * math.pi / 2.0), (x - dx, y - dy, x + dx, y + dy))
        self.placed.append(placed)
        return placed

    def hang(self, rng: np.random.Generator, piece: Piece, low: float, above: Placed | None = None) -> Placed | None:
        """Put a piece on a wall, its lower edge `low` metres high, over lower pieces or exactly over one."""
        d, w, _ = piece.size
        sides = SIDES if above is None else (above.side,)
        for side in shuffled(rng, sides):
            blocked = [
                self.span(r, side) for r, _, high in self.solid if high > low - GAP and self._across(r, side) < d
            ]
            blocked += [self.windows[side]] if side in self.windows else []
            blocked += [self.span(r, side) for r in self.kept if self._across(r, side) < d] if above is None else []
            spans = _free(self._ends(side, w), [*blocked, *self.doors[side]], w / 2.0)
            if above is not None:
                a, b = self.span(above.rect, side)
                spans = [((a + b) / 2.0,) * 2 for lo, hi in spans if lo <= (a + b) / 2.0 <= hi]
            if spans:
                return self.at(side, piece, between(rng, *pick(rng, spans)), low)
        return None

    def on(self, rng: np.random.Generator, piece: Piece, other: Placed, height: float) -> Placed:
        """Put a piece on another one."""
        slack = max(0.0, (other.piece.size[1] - piece.size[1]) / 2.0 - 0.02)
        x, y, _ = other.pose.point((0.0, between(rng, -slack, slack) * 0.7, 0.0))
        pose = Pose.at(x, y, height, other.side * math.pi / 2.0)
        placed = Placed(piece, other.side, pose, other.rect, height, other)
        self.placed.append(placed)
        return placed

    def spans(self, side: int, piece: Piece) -> list[Span]:
        """Where along a side the middle of a piece may be."""
        depth, width, height = piece.size
        reach = depth + piece.clear
        blocked = []
        for rect, low, _ in self.solid:
            across, (start, stop) = self._across(rect, side), self.span(rect, side)
            if low < height and across < reach:
                grip = GRIP if across >= depth else 0.0
                blocked.append((start - grip, stop + grip))
        blocked += [self.span(rect, side) for rect in self.kept if self._across(rect, side) < depth]
        if height > SILL and side in self.windows:
            blocked.append(self.windows[side])
        x0, y0, x1, y1 = self.inner
        if reach > (x1 - x0 if side % 2 == 0 else y1 - y0):
            return []
        return _free(self._ends(side, width), blocked, width / 2.0)

    def span(self, rect: Rect, side: int) -> Span:
        """From and to of a rectangle along a side."""
        return (rect[1], rect[3]) if side % 2 == 0 else (rect[0], rect[2])

    def _across(self, rect: Rect, side: int) -> float:
        """Distance of a rectangle's near edge from a side's wall."""
        x0, y0, x1, y1 = self.inner
        return (rect[0] - x0, rect[1] - y0, x1 - rect[2], y1 - rect[3])[side]

    def _ends(self, side: int, width: float) -> Span:
        low, high = self.span(self.inner, side)
        return low + width / 2.0, high - width / 2.0

    def _rect(self, side: int, near: float, far: float, low: float, high: float) -> Rect:
        x0, y0, x1, y1 = self.inner
        return (
            (x0 + near, low, x0 + far, high),
            (low, y0 + near, high, y0 + far),
            (x1 - far, low, x1 - near, high),
            (low, y1 - far, high, y1 - near),
        )[side]

    def at(self, side: int, piece: Piece, place: float, low: float = 0.0) -> Placed:
        """Put a piece against a wall with its middle at a place along it, which must be free."""
        depth, width, _ = piece.size
        rect = self._rect(side, 0.0, depth, place - width / 2.0, place + width / 2.0)
        pose = Pose.at((rect[0] + rect[2]) / 2.0, (rect[1] + rect[3]) / 2.0, low, side * math.pi / 2.0)
        return self._stand(Placed(piece, side, pose, rect, low))

    def _stand(self, placed: Placed) -> Placed:
        self.placed.append(placed)
        self.solid.append((placed.rect, placed.low, placed.low + placed.piece.size[2]))
        if placed.piece.clear > 0.0:
            self.kept.append(self.front(placed))
        return placed

    def front(self, placed: Placed) -> Rect:
        """The floor before a piece, `clear` metres deep and at least as wide as a walker needs."""
        (x0, y0, x1, y1), clear = placed.rect, placed.piece.clear
        pad = max(GRIP, WALKER + 0.1 - placed.piece.size[1] / 2.0)
        if placed.side % 2 == 0:
            return (x1, y0 - pad, x1 + clear, y1 + pad) if placed.side == 0 else (x0 - clear, y0 - pad, x0, y1 + pad)
        return (x0 - pad, y1, x1 + pad, y1 + clear) if placed.side == 1 else (x0 - pad, y0 - clear, x1 + pad, y0)

    def unreachable(self) -> list[Placed]:
        """Pieces on the floor that an agent coming through the doorways cannot get near; all of them where they cut off
        doorways or much of the floor."""
        standing = [p for p in self.placed if p.low == 0.0 and p.piece.size[2] > 0.05]
        goals = [(goal, placed) for placed in standing for goal in self._goals(placed)]
        doors = [(side, (a + b) / 2.0) for side, spans in self.doors.items() for a, b in spans]
        starts = [self._rect(side, 0.3, 0.5, middle - 0.1, middle + 0.1) for side, middle in doors]
        rects = np.array([rect for rect, low, _ in self.solid if low < HEAD]).reshape(-1, 4)
        reached, share = reach(self.inner, rects, np.array(starts + [goal for goal, _ in goals]))
        if share < REACHED or not reached[: len(starts)].all():
            return standing
        return [placed for (_, placed), there in zip(goals, reached[len(starts) :], strict=True) if not there]

    def remove(self, placed: Placed) -> None:
        """Take one piece out again, and what stands on it."""
        self.placed = [p for p in self.placed if p is not placed and p.on is not placed]
        self.solid = [entry for entry in self.solid if entry[0] != placed.rect]

    def _goals(self, placed: Placed) -> list[Rect]:
        """Where to stand: before each part that opens, or anywhere near a piece that does not open."""
        lower, upper = placed.piece.surface
        spans = [(lower[0] - NEAR, upper[0] + NEAR, lower[1] - NEAR, upper[1] + NEAR)]
        if placed.piece.openings:
            front = placed.piece.size[0] / 2.0
            spans = [(front, front + NEAR, low - SIDEWAYS, high + SIDEWAYS) for low, high in placed.piece.openings]
        return [_around(placed.pose.point((a, c, 0.0)), placed.pose.point((b, d, 0.0))) for a, b, c, d in spans]


def _around(a: Vector, b: Vector) -> Rect:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))


def _meet(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _free(ends: Span, blocked: list[Span], half: float) -> list[Span]:
    """What is left of a span of middles when things of half a width stay clear of the blocked spans."""
    free, start = [], ends[0]
    for low, high in sorted(blocked):
        if low - half - GAP >= start:
            free.append((start, min(low - half - GAP, ends[1])))
        start = max(start, high + half + GAP)
        if start > ends[1]:
            return free
    if start <= ends[1]:
        free.append((start, ends[1]))
    return free
