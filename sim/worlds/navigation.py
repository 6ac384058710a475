"""Where an agent can stand in a world, how far it is to walk, and which way: a grid, shortest paths, waypoints.

A cell is free if a disc with its centre anywhere in the cell overlaps nothing, so a straight walk through free cells
meets nothing. Steps go to the eight neighbours; a diagonal one needs both cells beside it. Metres, seen from above.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit

from loci.sim.backends.kinematic.collision import COLUMNS, footprints, penetration
from loci.sim.pose import Pose
from loci.sim.render.pack import EMPTY, Scene
from loci.sim.world import World

Point = tuple[float, float]
PULLS = 4
"""Times a way is pulled straight and turned round; even, so that it ends where it began."""
STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)])


@dataclass(frozen=True)
class Grid:
    """`free` (columns along x, rows along y) bool; cell (i, j) begins at `origin` + `cell` * (i, j)."""

    free: np.ndarray
    origin: Point
    cell: float

    def index(self, point: Sequence[float]) -> tuple[int, int]:
        """The cell that holds a point; ValueError outside the grid."""
        i, j = (math.floor((p - o) / self.cell) for p, o in zip(point, self.origin, strict=False))
        columns, rows = self.free.shape
        if not (0 <= i < columns and 0 <= j < rows):
            raise ValueError(f"point {tuple(point)} lies outside the grid of {columns} x {rows} cells at {self.origin}")
        return i, j

    def centre(self, i: int, j: int) -> Point:
        """Middle of a cell."""
        return self.origin[0] + (i + 0.5) * self.cell, self.origin[1] + (j + 0.5) * self.cell

    def snap(self, point: Sequence[float], among: np.ndarray | None = None) -> Point:
        """Middle of the free cell nearest to a point; only of those where `among` (columns, rows) is true, if given."""
        chosen = self.free if among is None else self.free & among
        if not chosen.any():
            raise ValueError("no free cell to snap to")
        i, j = np.nonzero(chosen)
        x, y = self.origin[0] + (i + 0.5) * self.cell - point[0], self.origin[1] + (j + 0.5) * self.cell - point[1]
        best = int(np.argmin(x * x + y * y))
        return self.centre(int(i[best]), int(j[best]))

    def near(self, lower: Sequence[float], upper: Sequence[float], reach: float) -> np.ndarray:
        """Free cells whose middle is at most `reach` metres from a rectangle, (columns, rows) bool."""
        low, high = (np.array(corner[:2]) - np.array(self.origin) for corner in (lower, upper))
        first = np.maximum(np.floor((low - reach) / self.cell).astype(int), 0)
        last = np.maximum(np.ceil((high + reach) / self.cell).astype(int), 0)
        window = (slice(first[0], last[0]), slice(first[1], last[1]))
        mask = np.zeros_like(self.free)
        i, j = ((np.arange(n)[part] + 0.5) * self.cell for n, part in zip(self.free.shape, window, strict=True))
        x, y = (np.maximum(np.maximum(a - v, v - b), 0.0) for a, b, v in zip(low, high, (i, j), strict=True))
        mask[window] = self.free[window] & (x[:, None] ** 2 + y[None] ** 2 <= reach**2)
        return mask


def occupancy(
    world: World,
    radius: float = 0.2,
    cell: float = 0.1,
    knee: float = 0.05,
    height: float = 1.2,
    without: Collection[str] = (),
) -> Grid:
    """The grid of a world as it begins, for an agent like that of the kinematic backend; bodies named in `without`,
    such as doors it will open, block nothing. Outside all rooms nothing is free."""
    if not world.rooms:
        raise ValueError(f"world {world.name!r} has no rooms: they bound the grid")
    if not (cell > 0.0 and radius > 0.0):
        raise ValueError(f"occupancy needs radius > 0 and cell > 0, got {radius=}, {cell=}")
    scene = Scene(1, max(1, sum(len(body.parts) for body in world.bodies)))
    scene.load(0, world)
    hidden = [world.index(name) for name in without]
    kind = np.where(np.isin(scene.body[0], hidden), EMPTY, scene.kind[0])
    rows = np.zeros((scene.slots, COLUMNS))
    count = footprints(rows, kind, scene.size[0], scene.position[0], scene.rotation[0], scene.body[0], -1, knee, height)
    bounds = np.array([(*room.lower[:2], *room.upper[:2]) for room in world.rooms])
    origin = (float(bounds[:, 0].min()), float(bounds[:, 1].min()))
    shape = [math.ceil((bounds[:, 2 + k].max() - origin[k]) / cell - 1e-9) for k in (0, 1)]
    free = np.zeros(shape, np.bool_)
    _free(free, origin[0], origin[1], cell, bounds, rows[:count], radius + cell * math.sqrt(0.5))
    return Grid(free, origin, cell)


def distances(grid: Grid, point: Sequence[float]) -> np.ndarray:
    """Length of the shortest way along the grid from a point's cell to every cell, (columns, rows) metres, inf where
    there is none. ValueError for a point in a cell that is not free."""
    return _dijkstra(grid.free, *_free_cell(grid, point), -1, -1)[0] * grid.cell


def path(grid: Grid, start: Sequence[float], goal: Sequence[float]) -> list[Point] | None:
    """Waypoints from a start to a goal, both included, joined by straight lines through free cells; None without a way.

    It is the shortest way along the grid, pulled straight where cells allow. ValueError for a start or goal that is not
    free: `Grid.snap` finds the nearest point that is.
    """
    first, last = _free_cell(grid, start), _free_cell(grid, goal)
    steps, before = _dijkstra(grid.free, *last, *first)
    if not math.isfinite(steps[first]):
        return None
    cells = _walked(before, *first)
    points = np.array([start[:2], *(grid.centre(i, j) for i, j in cells[1:-1].tolist()), goal[:2]], dtype=np.float64)
    points = _taut(grid.free, (points - np.array(grid.origin)) / grid.cell) * grid.cell + np.array(grid.origin)
    inner = [(float(x), float(y)) for x, y in points[1:-1]]
    return [(float(start[0]), float(start[1])), *inner, (float(goal[0]), float(goal[1]))]


def sees(grid: Grid, start: Sequence[float], goal: Sequence[float]) -> bool:
    """Whether the straight line between two points crosses free cells only; ValueError outside the grid."""
    ends = [(np.array(point[:2], np.float64) - np.array(grid.origin)) / grid.cell for point in (start, goal)]
    for point in (start, goal):
        grid.index(point)
    return bool(_seen(grid.free, *ends))


def length(points: Sequence[Point]) -> float:
    """Metres along waypoints."""
    return sum(math.dist(a, b) for a, b in pairwise(points))


def random_pose(grid: Grid, rng: np.random.Generator, among: np.ndarray | None = None) -> Pose:
    """A uniform position in the free cells, or in those where `among` (columns, rows) is true too, with any heading."""
    i, j = np.nonzero(grid.free if among is None else grid.free & among)
    if len(i) == 0:
        raise ValueError("no free cell to draw a pose from")
    n = int(rng.integers(len(i)))
    x, y = (np.array([i[n], j[n]]) + rng.random(2)) * grid.cell + np.array(grid.origin)
    return Pose.at(float(x), float(y), 0.0, float(rng.uniform(-math.pi, math.pi)))


def _free_cell(grid: Grid, point: Sequence[float]) -> tuple[int, int]:
    cell = grid.index(point)
    if not grid.free[cell]:
        raise ValueError(f"point {tuple(point)} is not free. Nearest free point: {grid.snap(point)}")
    return cell


@njit(cache=True, nogil=True)
def _free(free, x0, y0, cell, rooms, rows, radius):  # type: ignore[no-untyped-def]
    """Mark the cells in a room (M, 4) whose middle a disc can take without overlapping a footprint."""
    columns, lines = free.shape
    for i in range(columns):
        for j in range(lines):
            x, y = x0 + (i + 0.5) * cell, y0 + (j + 0.5) * cell
            for k in range(len(rooms)):
                if rooms[k, 0] <= x <= rooms[k, 2] and rooms[k, 1] <= y <= rooms[k, 3]:
                    free[i, j] = True
    for k in range(len(rows)):
        row = rows[k]
        reach = radius + (row[4] if row[5] < 0.0 else math.sqrt(row[4] ** 2 + row[5] ** 2))
        for i in range(max(0, int((row[0] - reach - x0) / cell)), min(columns, int((row[0] + reach - x0) / cell) + 1)):
            for j in range(
                max(0, int((row[1] - reach - y0) / cell)), min(lines, int((row[1] + reach - y0) / cell) + 1)
            ):
                if free[i, j] and penetration(x0 + (i + 0.5) * cell, y0 + (j + 0.5) * cell, row, radius)[2] > 0.0:
                    free[i, j] = False


@njit(cache=True, nogil=True)
def _dijkstra(free, i, j, stop_i, stop_j):  # type: ignore[no-untyped-def]
    """Distances in cells from (i, j) until (stop_i, stop_j) is reached, and for each cell the number of the one before
    it on the way, -1 for none. A binary heap of (distance, cell)."""
    columns, lines = free.shape
    best = np.full((columns, lines), np.inf)
    before = np.full((columns, lines), -1, np.int64)
    done = np.zeros((columns, lines), np.bool_)
    best[i, j] = 0.0
    heap = [(0.0, i * lines + j)]
    while len(heap) > 0:
        distance, cell = heap[0]
        _sink(heap)
        a, b = cell // lines, cell % lines
        if done[a, b]:
            continue
        done[a, b] = True
        if a == stop_i and b == stop_j:
            break
        for k in range(8):
            da, db = STEPS[k]
            u, v = a + da, b + db
            if not (0 <= u < columns and 0 <= v < lines) or not free[u, v] or not (free[u, b] and free[a, v]):
                continue
            longer = distance + (1.0 if k < 4 else math.sqrt(2.0))
            if longer < best[u, v]:
                best[u, v], before[u, v] = longer, cell
                heap.append((longer, u * lines + v))
                _rise(heap)
    return best, before


@njit(cache=True, nogil=True)
def _rise(heap):  # type: ignore[no-untyped-def]
    """Move the last entry up to its place."""
    n = len(heap) - 1
    while n > 0 and heap[n] < heap[(n - 1) // 2]:
        heap[n], heap[(n - 1) // 2] = heap[(n - 1) // 2], heap[n]
        n = (n - 1) // 2


@njit(cache=True, nogil=True)
def _sink(heap):  # type: ignore[no-untyped-def]
    """Take the first entry out."""
    last = heap.pop()
    if len(heap) == 0:
        return
    n, size = 0, len(heap)
    heap[0] = last
    while 2 * n + 1 < size:
        child = 2 * n + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if not heap[child] < heap[n]:
            return
        heap[n], heap[child] = heap[child], heap[n]
        n = child


@njit(cache=True, nogil=True)
def _walked(before, i, j):  # type: ignore[no-untyped-def]
    """The cells (n, 2) from (i, j) back to where the search began."""
    lines = before.shape[1]
    cells = [(i, j)]
    while before[i, j] >= 0:
        cell = before[i, j]
        i, j = cell // lines, cell % lines
        cells.append((i, j))
    return np.array(cells)


def _taut(free: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Waypoints (n, 2), in cells, pulled straight from both ends in turn, each time with points in between."""
    for _ in range(PULLS):
        points = points[_pulled(free, points)]
        steps = np.maximum(np.ceil(2.0 * np.linalg.norm(np.diff(points, axis=0), axis=1)).astype(int), 1)
        dense = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(points[:-1], points[1:], steps, strict=True)]
        points = np.concatenate([*dense, points[-1:]])[::-1]
    return points[_pulled(free, points)]


@njit(cache=True, nogil=True)
def _pulled(free, points):  # type: ignore[no-untyped-def]
    """Which points (n, 2), in cells, to keep: from each the last one that is seen, not looking past a hidden one."""
    kept, n = [0], 0
    while n < len(points) - 1:
        far = n + 1
        while far + 1 < len(points) and _seen(free, points[n], points[far + 1]):
            far += 1
        kept.append(far)
        n = far
    return np.array(kept)


@njit(cache=True, nogil=True)
def _seen(free, a, b):  # type: ignore[no-untyped-def]
    """Whether all cells that the line from a to b, in cells, crosses are free; at a corner both neighbours count."""
    i, j, u, v = math.floor(a[0]), math.floor(a[1]), math.floor(b[0]), math.floor(b[1])
    dx, dy = b[0] - a[0], b[1] - a[1]
    si, sj = (1 if dx > 0 else -1), (1 if dy > 0 else -1)
    tx = np.inf if dx == 0 else ((i + (si > 0)) - a[0]) / dx
    ty = np.inf if dy == 0 else ((j + (sj > 0)) - a[1]) / dy
    for _ in range(abs(u - i) + abs(v - j) + 1):
        if not free[i, j]:
            return False
        if i == u and j == v:
            return True
        if abs(tx - ty) < 1e-9:
            if not (free[i + si, j] and free[i, j + sj]):
                return False
            i, j, tx, ty = i + si, j + sj, tx + abs(1.0 / dx), ty + abs(1.0 / dy)
        elif tx < ty:
            i, tx = i + si, tx + abs(1.0 / dx)
        else:
            j, ty = j + sj, ty + abs(1.0 / dy)
    return bool(free[u, v])
