"""The robot's own navigation in a house: a map of what is free, the shortest way, and making way for doors.

It knows the fixed furniture and how far every door is open, as a robot with a good map and a laser does. Small things
never stand on the floor and are not on the map.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from loci.sim.backend import Place
from loci.sim.manipulation import OPEN, REACH
from loci.sim.pose import Vector
from loci.sim.world import Body, Pose, World
from loci.sim.worlds.navigation import Grid, Point, distances, length, occupancy, path, sees

ASIDE = 2.0
"""Metres that the robot walks at most to make way for a door."""
CELL = 0.05
CHOICES = 1000
"""Free cells nearest to a point that are tried as the end of a way."""
SLIM = 0.005
"""Metres: half of the thickness of a line of sight."""
SWEEP = 6
"""Places of a swinging door at which the robot must be clear of it."""
SHORT = 0.04
"""Metres before the point at which a line of sight may end: small things stand close to walls."""
HEAD = 1.0
"""Metres above the floor, inside every room."""
FAR = 2.0
"""Metres from the point that a way may end at most."""
LEAST = 1e-3


class Walk:
    """Walks at most `stride` metres a step in one house."""

    def __init__(self, place: Place, stride: float) -> None:
        self.stride = stride
        fixed = tuple(replace(b, receptacles=()) for b in place.world.bodies if b.mass == 0.0 or b.joint is not None)
        self._world = replace(place.world, bodies=fixed)
        self._doors = tuple(b.name for b in fixed if b.joint is not None)
        self._grids: dict[tuple[float, ...], Grid] = {}
        self._clear: dict[tuple[str, float], np.ndarray] = {}
        self._swung: tuple[str, float] | None = None
        self._way: list[Point] = []
        self._sought: object = None

    def grid(self, place: Place, **openings: float) -> Grid:
        """What is free now, or would be if some doors were open so far."""
        now = tuple(openings.get(name, round(place.opening(name), 1)) for name in self._doors)
        if now not in self._grids:
            if len(self._grids) > 64:
                self._grids.clear()
            self._grids[now] = occupancy(self._opened(dict(zip(self._doors, now, strict=True))), cell=CELL)
        return self._grids[now]

    def go(self, place: Place, point: Sequence[float]) -> tuple[float, float] | None:
        """Walk towards a point, at most `stride`: metres walked and metres left; None without a way.

        The way ends at a free place in the point's room: at the nearest one from which nothing fixed hides the point at
        its height, or where there is none just at the nearest. There the robot turns to the point.
        """
        x, y, yaw = place.agent()
        grid = self.grid(place)
        sought = (tuple(point), id(grid), round(x, 6), round(y, 6))
        if sought != self._sought:
            self._way = self._plan(place, grid, (x, y), point)
        if not self._way:
            return None
        walked, rest = _along((x, y), self._way, self.stride)
        last = rest[0] if len(rest) == 1 else None
        there = rest[0]
        if length(rest) > LEAST:
            ahead = rest[1]
            yaw = math.atan2(ahead[1] - there[1], ahead[0] - there[0])
        elif math.dist(there, point[:2]) > LEAST:
            yaw = math.atan2(point[1] - there[1], point[0] - there[0])
        if not stand(place, there, yaw):
            self._sought = None
            return None
        self._way, (x, y, _) = rest, place.agent()
        self._sought = (tuple(point), id(grid), round(x, 6), round(y, 6))
        return walked, 0.0 if last else length(rest)

    def visit(self, place: Place, point: Sequence[float]) -> bool:
        """Be where the way to a point ends, at once; whether there is one."""
        x, y, _ = place.agent()
        way = self._plan(place, self.grid(place), (x, y), point)
        if not way:
            return False
        return stand(place, way[-1], math.atan2(point[1] - way[-1][1], point[0] - way[-1][0]))

    def make_way(self, place: Place, door: str, opening: float) -> float | None:
        """Step to the nearest place from which a door is in reach and where it can swing; metres walked, None without
        such a place."""
        x, y, yaw = place.agent()
        now = self.grid(place)
        shares = np.linspace(place.opening(door), opening, SWEEP + 1)[1:].tolist()
        free = now.free & np.logical_and.reduce([self._clear_of(door, share) for share in shares])
        start = now.snap((x, y))
        low, high = _footprint(place, door)
        near = free & now.near(low, high, REACH - CELL)
        field = np.where(near, distances(now, start), np.inf)
        best = np.unravel_index(int(np.argmin(field)), field.shape)
        if field[best] > ASIDE:
            return None
        target = start if near[now.index(start)] else now.centre(int(best[0]), int(best[1]))
        self._swung = (door, opening)
        return float(field[best]) if stand(place, target, yaw) else None

    def stuck(self, place: Place) -> bool:
        """Whether the door that was last made way for has not got where it was to go; asked once."""
        swung, self._swung = self._swung, None
        return swung is not None and abs(place.opening(swung[0]) - swung[1]) > 1.0 - OPEN

    def _clear_of(self, door: str, share: float) -> np.ndarray:
        """Cells (columns, rows) where the robot would not touch a door that is open so far."""
        if (door, share) not in self._clear:
            body = self._world.body(door)
            assert body.joint is not None
            alone = replace(body, joint=replace(body.joint, opening=share))
            self._clear[door, share] = occupancy(World((alone,), self._world.rooms), cell=CELL).free
        return self._clear[door, share]

    def near(self, place: Place, name: str, door: str = "") -> bool:
        """Whether the robot can walk to where a body is in reach, and with a door open also in sight, nothing but
        fixed bodies counted."""
        openings = {door: 1.0} if door else {}
        grid, (x, y, _) = self.grid(place, **openings), place.agent()
        field = distances(grid, grid.snap((x, y)))
        point = place.pose(name).point(place.world.body(name).middle)
        around = grid.near(*_footprint(place, name), REACH - CELL) & self._beside(grid, point)
        i, j = np.nonzero(around & np.isfinite(field))
        if not door or not len(i):
            return len(i) > 0
        level = self._level(place, point, **openings)
        return any(_looks(level, grid.centre(int(a), int(b)), point) for a, b in zip(i[::3], j[::3], strict=True))

    def _opened(self, openings: dict[str, float]) -> World:
        bodies = tuple(
            replace(b, joint=replace(b.joint, opening=openings[b.name])) if b.joint is not None else b
            for b in self._world.bodies
        )
        return replace(self._world, bodies=bodies)

    def _plan(self, place: Place, grid: Grid, start: Point, point: Sequence[float]) -> list[Point]:
        here = grid.snap(start)
        field = distances(grid, here)
        i, j = np.nonzero(np.isfinite(field))
        x, y = grid.origin[0] + (i + 0.5) * grid.cell, grid.origin[1] + (j + 0.5) * grid.cell
        inside = self._beside(grid, point)[i, j]
        cost = np.hypot(x - point[0], y - point[1]) + 1e-3 * field[i, j] + 1e6 * (~inside if inside.any() else 0)
        order = np.argsort(cost, kind="stable")[:CHOICES]
        stands = [(float(x[k]), float(y[k])) for k in order]
        if math.dist(stands[0], point[:2]) > FAR:
            return []
        level = self._level(place, point)
        seeing = (s for s in stands if math.dist(s, point[:2]) < REACH - CELL and _looks(level, s, point))
        way = path(grid, here, next(seeing, stands[0])) or []
        return way if math.dist(start, here) < LEAST else [start, *way]

    def _beside(self, grid: Grid, point: Sequence[float]) -> np.ndarray:
        """Cells (columns, rows) in the room of a point."""
        mask = np.zeros_like(grid.free)
        for room in self._world.rooms:
            if room.contains((point[0], point[1], HEAD)):
                low, high = ([(c - o) / grid.cell for c, o in zip(corner, grid.origin, strict=False)]
                             for corner in (room.lower, room.upper))  # fmt: skip
                mask[round(low[0]) : round(high[0]), round(low[1]) : round(high[1])] = True
        return mask

    def _level(self, place: Place, point: Sequence[float], **openings: float) -> Grid | None:
        """What is free at a point's height in its room, for a look along the floor: between the boards of a shelf,
        through open doors. None outside all rooms."""
        room = next((r for r in self._world.rooms if r.contains((point[0], point[1], HEAD))), None)
        if room is None:
            return None
        low, high = point[2] - SLIM, point[2] + SLIM
        bodies = []
        for body in self._world.bodies:
            if not room.contains(body.pose.position, 0.2):
                continue
            if body.joint is not None:
                opening = openings.get(body.name, place.opening(body.name))
                body = replace(body, joint=replace(body.joint, opening=opening))
            corners = [body.start.point((x, y, z))[2] for x, y, z in _corners(body)]
            if min(corners) <= high and max(corners) >= low:
                bodies.append(body)
        return occupancy(World(tuple(bodies), (room,)), SLIM, CELL, low, high)

    def step_until(self, place: Place, name: str, suits: Callable[[], bool]) -> bool:
        """Step along a body to the nearest place where something holds; whether there is one, else nothing is done."""
        x, y, yaw = place.agent()
        if suits():
            return True
        grid = self.grid(place)
        field = distances(grid, grid.snap((x, y)))
        near = grid.near(*_footprint(place, name), REACH - CELL) & (field <= ASIDE)
        near[1::4], near[2::4], near[3::4], near[:, 1::2] = False, False, False, False
        i, j = np.nonzero(near)
        for k in np.argsort(field[i, j], kind="stable"):
            if stand(place, grid.centre(int(i[k]), int(j[k])), yaw):
                face(place, name)
                if suits():
                    return True
        stand(place, (x, y), yaw)
        return False


def _looks(level: Grid | None, start: Sequence[float], point: Sequence[float]) -> bool:
    """Whether nothing at a level hides a point from a place."""
    if level is None:
        return False
    share = max(1.0 - SHORT / max(math.dist(start, point[:2]), LEAST), 0.0)
    ends = [start[:2], [a + share * (b - a) for a, b in zip(start, point, strict=False)]]
    columns, rows = level.free.shape
    cells = [[(p - o) / level.cell for p, o in zip(end, level.origin, strict=True)] for end in ends]
    within = all(0 <= i < columns and 0 <= j < rows for i, j in cells)
    return within and sees(level, ends[0], ends[1])


def stand(place: Place, point: Sequence[float], yaw: float) -> bool:
    """Put the robot there; whether there was room."""
    try:
        place.put_agent(Pose.at(float(point[0]), float(point[1]), 0.0, yaw))
    except ValueError:
        return False
    return True


def turn(place: Place, point: Sequence[float]) -> None:
    """Turn on the spot towards a point."""
    x, y, _ = place.agent()
    if math.hypot(point[0] - x, point[1] - y) > LEAST:
        stand(place, (x, y), math.atan2(point[1] - y, point[0] - x))


def face(place: Place, name: str) -> None:
    """Turn on the spot towards the nearest point of a body's box."""
    x, y, _ = place.agent()
    pose, ((x0, y0, _), (x1, y1, _)) = place.pose(name), place.world.body(name).extent
    lx, ly, lz = pose.inverse().point((x, y, pose.position[2]))
    turn(place, pose.point((min(max(lx, x0), x1), min(max(ly, y0), y1), lz)))


def _footprint(place: Place, name: str) -> tuple[Point, Point]:
    """Lower and upper corner of a body's box seen from above."""
    pose = place.pose(name)
    corners = [pose.point(corner) for corner in _corners(place.world.body(name))]
    xs, ys = [c[0] for c in corners], [c[1] for c in corners]
    return (min(xs), min(ys)), (max(xs), max(ys))


def _corners(body: Body) -> Iterator[Vector]:
    """Corners of a body's box in its frame."""
    low, high = body.extent
    return ((x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2]))


def _along(start: Point, way: list[Point], most: float) -> tuple[float, list[Point]]:
    """Metres walked along waypoints, at most so many, and what is left of them, beginning where one stands."""
    here, rest, walked = start, [p for p in way if p != start] or [start], 0.0
    while True:
        step = math.dist(here, rest[0])
        if walked + step > most:
            share = (most - walked) / step
            point = here[0] + share * (rest[0][0] - here[0]), here[1] + share * (rest[0][1] - here[1])
            return most, [point, *rest]
        walked, here = walked + step, rest[0]
        if len(rest) == 1:
            return walked, [here]
        rest = rest[1:]
