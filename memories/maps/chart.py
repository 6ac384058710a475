"""An octree and a graph of landmarks of one walker, written together: where it is, and which way leads where.

Mem4Nav 2025 (arXiv 2506.19433). Either map may be left out. A place has a slot: leaf s of the octree has s, landmark s
of the graph has `offset` + s, so that no two places share one. Positions are metres in the world frame.

A view that shows nothing, 0 in all numbers, is no landmark: the one seen last stays the current one.

*Differs from the paper:* a way may be entered in both directions, since a graph of the walked ones alone leads nowhere
but on.
"""

import copy
from typing import NamedTuple

import numpy as np

from loci.memories.maps.octree import Octree
from loci.memories.maps.topology import Topology


class Spot(NamedTuple):
    """A place that has been written."""

    slot: int
    """-1 where the view shows nothing that could be a landmark."""
    fresh: bool
    """Whether this was the first time since the slot came to stand for this place."""
    position: np.ndarray
    """(3,): of a leaf where the walker is, of a landmark its mean."""


class Chart:
    """`here` (3,) is where the walker was last, `node` the landmark that is current, -1 before the first and without a
    graph. A leaf of a memory's state: it has clone and nbytes."""

    def __init__(self, tree: Octree | None, graph: Topology | None, two_way: bool = True) -> None:
        self.tree, self.graph, self.two_way = tree, graph, two_way
        self.offset = 0 if tree is None else tree.capacity
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        for part in (self.tree, self.graph):
            if part is not None:
                part.clear()
        self.here: np.ndarray | None = None
        self.node = -1

    @property
    def nbytes(self) -> int:
        """Of both maps, a position and a number."""
        return sum(part.nbytes for part in (self.tree, self.graph) if part is not None) + 3 * 8 + 8

    def clone(self) -> "Chart":
        """An independent copy."""
        twin = copy.copy(self)
        twin.tree = None if self.tree is None else self.tree.clone()
        twin.graph = None if self.graph is None else self.graph.clone()
        return twin

    def write(self, look: np.ndarray, here: np.ndarray, instruction_cost: float) -> list[Spot]:
        """Enter the leaf at `here` (3,), the landmark that looks like `look` (D,) and the way to it; in this order."""
        spots = []
        if self.tree is not None:
            leaf = self.tree.insert(here)
            spots.append(Spot(leaf, bool(self.tree.visits[leaf] == 1), here))
        if self.graph is not None and not look.any():
            spots.append(Spot(-1, False, here))
        elif self.graph is not None:
            node = self.graph.observe(look, here)
            if self.node not in (-1, node):
                self._walk(node, instruction_cost)
            held = self.graph.arrays
            spots.append(Spot(self.offset + node, bool(held.visits[node] == 1), held.position[node].copy()))
            self.node = node
        self.here = here.copy()
        return spots

    def way(self, place: np.ndarray) -> list[int]:
        """Landmarks from the current one to the one whose mean position is nearest to a place (3,), of equally near
        ones the lower; [] where no way leads there, or without a graph."""
        if self.graph is None or self.node < 0:
            return []
        slots = self.graph.slots()
        apart = np.linalg.norm(self.graph.arrays.position[slots] - place, axis=1)
        return self.graph.shortest_path(self.node, int(slots[apart.argmin()]))[0]

    def waypoint(self, way: list[int], here: np.ndarray, place: np.ndarray, arrived: float) -> np.ndarray:
        """Where to go next (3,) from `here` on a way that is not empty and ends at a place (3,).

        The walker is taken to be at the landmark of the way that is nearest to it. The next waypoint is the first from
        there on that is farther than `arrived` metres, so that one that is reached is passed; behind the last, the
        place itself.
        """
        assert self.graph is not None
        positions = self.graph.arrays.position[way]
        far = np.linalg.norm(positions - here, axis=1)
        nearest = int(far.argmin())
        ahead = np.flatnonzero(far[nearest:] > arrived)
        return positions[nearest + ahead[0]] if len(ahead) else place

    def _walk(self, node: int, instruction_cost: float) -> None:
        assert self.graph is not None
        self.graph.walk(self.node, node, instruction_cost)
        if self.two_way:
            self.graph.walk(node, self.node, instruction_cost)
