"""Reachable cells of a floor divided into areas, and which areas one can go between.

The middles of areas are taken one after the other, each the reachable cell that is farthest by walking from those
before, until no cell is farther than `radius` (farthest-point sampling, Gonzalez 1985). A cell belongs to the middle
that is nearest by walking, not in a straight line, so no area leaks through a wall. Two areas are joined where cells of
theirs touch; the cost is the length of the shortest walk between their middles that stays in the two.

KARMA (arXiv 2409.14908) spreads its areas evenly over the reachable region. *Differs from the paper's published code:*
there the middles are those of a 3 x 3 grid over the bounding box, reachable or not, without edges.

A walk steps to one of eight neighbours, to the four at corners only where both cells beside the step are reachable.
Letters: N cells, A areas, E edges.
"""

import math
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

Steps = list[list[tuple[int, float]]]
"""Of each cell those one step away, and metres."""


class Areas(NamedTuple):
    """A division of N cells."""

    middle: Int[np.ndarray, " A"]
    """Cells that are middles, in the order in which they were taken."""
    owner: Int[np.ndarray, " N"]
    """The area (a number below A) of each cell."""
    walk: Float[np.ndarray, " N"]
    """Metres from each cell to its middle."""
    edges: Int[np.ndarray, "E 2"]
    """Pairs of areas, the lower number first, in ascending order."""
    cost: Float[np.ndarray, " E"]
    """Metres."""


def divide(cells: Float[np.ndarray, "N 3"], step: float, radius: float) -> Areas:
    """Areas of the reachable cells of one floor: middles of squares `step` metres wide on one grid. ValueError for
    cells that are none, lie off the grid or coincide."""
    steps = neighbours(cells, step)
    walk, owner = np.full(len(cells), np.inf), np.full(len(cells), -1)
    start = int(np.linalg.norm(cells - cells.mean(0), axis=1).argmin())
    middle: list[int] = []
    while walk.max() > radius:
        middle.append(start)
        _spread(steps, walk, owner, start, len(middle) - 1)
        start = int(walk.argmax())
    edges = _joined(steps, walk, owner)
    pairs = np.array(sorted(edges), int).reshape(-1, 2)
    return Areas(np.array(middle), owner, walk, pairs, np.array([edges[pair] for pair in sorted(edges)], float))


def neighbours(cells: Float[np.ndarray, "N 3"], step: float) -> Steps:
    """The cells one step from each."""
    if not len(cells) or not step > 0.0:
        raise ValueError(f"cells must be one or more and step above 0 m, got {len(cells)} and {step}")
    grid = (cells[:, :2] - cells[0, :2]) / step
    if np.abs(grid - grid.round()).max() > 0.01:
        raise ValueError(
            f"cells must lie on one grid {step} m wide, one is {np.abs(grid - grid.round()).max():.2f} off"
        )
    place = {(x, y): number for number, (x, y) in enumerate(grid.round().astype(int).tolist())}
    if len(place) < len(cells):
        raise ValueError(f"cells must differ, got {len(cells)} of which {len(place)} differ")
    return [_around(place, x, y, step) for x, y in place]


def _around(place: dict[tuple[int, int], int], x: int, y: int, step: float) -> list[tuple[int, float]]:
    straight = [(dx, dy) for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1)) if (x + dx, y + dy) in place]
    corners = [
        (dx, dy)
        for dx in (1, -1)
        for dy in (1, -1)
        if (dx, 0) in straight and (0, dy) in straight and (x + dx, y + dy) in place
    ]
    return [(place[x + dx, y + dy], step * math.hypot(dx, dy)) for dx, dy in straight + corners]


def _spread(steps: Steps, walk: np.ndarray, owner: np.ndarray, start: int, area: int) -> None:
    """Give to an area the cells that are nearer to its middle than to any before (Dijkstra 1959)."""
    walk[start], owner[start] = 0.0, area
    heap = [(0.0, start)]
    while heap:
        metres, here = heappop(heap)
        if metres > walk[here]:
            continue
        for there, length in steps[here]:
            if metres + length < walk[there]:
                walk[there], owner[there] = metres + length, area
                heappush(heap, (metres + length, there))


def _joined(steps: Steps, walk: np.ndarray, owner: np.ndarray) -> dict[tuple[int, int], float]:
    """Pairs of areas whose cells touch, and metres between their middles."""
    edges: dict[tuple[int, int], float] = {}
    for here, around in enumerate(steps):
        for there, length in around:
            pair = int(owner[here]), int(owner[there])
            if pair[0] < pair[1]:
                edges[pair] = min(edges.get(pair, math.inf), float(walk[here] + length + walk[there]))
    return edges
