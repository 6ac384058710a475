"""The upper levels of a scene graph: a building, its floors, their areas, and the ways between areas.

A place is in the area whose cell is nearest; without cells, whose middle is. Ways can be gone in both directions at the
same cost, metres. Capacity is finite and refuses what does not fit: areas are founded by whoever maps the building, and
none of them may vanish under the things in it.
"""

import math
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int
from numba import njit

LEVELS = ("building", "floor", "area")
WAYS = 8
"""Ways that an area may have."""
NODE = 3 * 8 + 64 + WAYS * 16
"""Bytes of an area with all its ways and the longest name."""


@dataclass(frozen=True, slots=True)
class Node:
    """A building, a floor or an area. The building is in nothing, -1."""

    key: int
    level: str
    name: str
    parent: int
    position: tuple[float, float, float]


class Floorplan:
    """At most `areas` places of all levels and `cells` cells."""

    def __init__(self, areas: int, cells: int) -> None:
        if areas < 1 or cells < 0:
            raise ValueError(f"areas must be 1 or more and cells 0 or more, got {areas} and {cells}")
        self.areas, self.room = areas, cells
        self.nodes: dict[int, Node] = {}
        self.ways: dict[int, dict[int, float]] = {}
        self.cells: np.ndarray = np.zeros((0, 3))
        """(N, 3) metres."""
        self.owner: np.ndarray = np.zeros(0, np.int64)
        """(N,) key of the area of each cell."""

    @property
    def nbytes(self) -> int:
        """Bytes when full."""
        return self.areas * NODE + self.room * 4 * 8

    def clone(self) -> "Floorplan":
        """An independent copy."""
        twin = Floorplan(self.areas, self.room)
        twin.nodes, twin.ways = dict(self.nodes), {key: dict(ways) for key, ways in self.ways.items()}
        twin.cells, twin.owner = self.cells.copy(), self.owner.copy()
        return twin

    def add(self, node: Node, cells: Float[np.ndarray, "N 3"]) -> None:
        """Found a place. `cells` are those of an area; without any it has one, at its position. ValueError where the
        parent is not one level above or nothing more fits."""
        above = LEVELS[LEVELS.index(node.level) - 1] if node.level != LEVELS[0] else None
        parent = self.nodes.get(node.parent)
        if (parent.level if parent else None) != above:
            found = parent.level if parent else "nothing"
            raise ValueError(f"parent of {node.level} {node.name!r} must be a {above}, got {found} ({node.parent})")
        held = np.array([node.position]) if node.level == LEVELS[-1] and not len(cells) else cells
        if len(self.nodes) == self.areas or len(self.cells) + len(held) > self.room:
            raise ValueError(
                f"a floorplan of {self.areas} places and {self.room} cells is full: it has {len(self.nodes)} and "
                f"{len(self.cells)}, and {node.name!r} brings {len(held)} cells more"
            )
        self.nodes[node.key] = node
        if node.level == LEVELS[-1]:
            self.ways[node.key] = {}
            self.cells = np.concatenate([self.cells, held])
            self.owner = np.concatenate([self.owner, np.full(len(held), node.key, np.int64)])

    def connect(self, one: int, other: int, cost: float) -> None:
        """Make or change a way between two areas."""
        self.check(one, other)
        if one == other or not 0.0 <= cost < math.inf:
            raise ValueError(f"a way needs two areas and a cost of 0 m or more, got {one}, {other} and {cost}")
        for here, there in ((one, other), (other, one)):
            if there not in self.ways[here] and len(self.ways[here]) == WAYS:
                raise ValueError(f"an area has at most {WAYS} ways, {self.nodes[here].name!r} has them")
        self.ways[one][other] = self.ways[other][one] = float(cost)

    def disconnect(self, one: int, other: int) -> None:
        """Close a way. KeyError where there is none."""
        self.check(one, other)
        if other not in self.ways[one]:
            raise KeyError(f"no way between areas {one} and {other}; from {one} one leads to {sorted(self.ways[one])}")
        del self.ways[one][other], self.ways[other][one]

    def area_at(self, positions: Float[np.ndarray, "N 3"]) -> Int[np.ndarray, " N"]:
        """Keys of the areas that hold positions; -1 where there are no areas."""
        if not len(self.cells):
            return np.full(len(positions), -1)
        return self.owner[_nearest(self.cells, positions)]

    def above(self, key: int) -> list[int]:
        """The places a place is in, from the innermost out."""
        chain: list[int] = []
        while (key := self.nodes[key].parent) >= 0:
            chain.append(key)
        return chain

    def shortest_path(self, source: int, target: int) -> tuple[list[int], float]:
        """Areas from source to target, both included, and metres; [] and inf where no way leads (Dijkstra 1959)."""
        self.check(source, target)
        least, before = {source: 0.0}, {source: source}
        heap = [(0.0, source)]
        while heap:
            spent, here = heappop(heap)
            if here == target:
                break
            if spent > least[here]:
                continue
            for there, cost in sorted(self.ways[here].items()):
                if spent + cost < least.get(there, math.inf):
                    least[there], before[there] = spent + cost, here
                    heappush(heap, (spent + cost, there))
        return (_back(before, target), least[target]) if target in least else ([], math.inf)

    def check(self, *keys: int) -> None:
        """KeyError for what is no area."""
        for key in keys:
            if key not in self.ways:
                raise KeyError(f"no area {key}; areas are {', '.join(map(str, self.ways)) or 'none yet'}")


def _back(before: dict[int, int], target: int) -> list[int]:
    path = [target]
    while before[path[-1]] != path[-1]:
        path.append(before[path[-1]])
    return path[::-1]


@njit(cache=True, nogil=True)
@no_type_check
def _nearest(cells, positions):
    """The cell (N,) nearest to each position, of equally near ones the first."""
    nearest = np.zeros(len(positions), np.int64)
    for n in range(len(positions)):
        least = np.inf
        for cell in range(len(cells)):
            apart = 0.0
            for axis in range(3):
                apart += (cells[cell, axis] - positions[n, axis]) ** 2
            if apart < least:
                nearest[n], least = cell, apart
    return nearest
