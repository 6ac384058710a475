"""A graph of streets as arrays: panoramas with positions, joined by directed edges with headings.

World frame: x east, y north, metres around the graph's own origin. Headings and yaws are radians counter-clockwise
from east in [-pi, pi). N panoramas (nodes), E edges; the edges of node n are first[n] to first[n + 1] - 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from loci.sim.geometry import wrap_angle

APART = 1e-6
"""Two edges of a node must differ by more than this in heading, radians."""


@dataclass(frozen=True, eq=False)
class StreetGraph:
    """Panoramas and the ways between them; `build` makes one from a list of edges.

    `names`: ids of the panoramas, unique. `position`: (N, 2) metres. `yaw`: (N,) which way a panorama faces.
    `first`: (N + 1,) and `target`: (E,) node numbers, the edges in CSR form. `heading`: (E,) of an edge at its source,
    which may differ from the bearing between the positions.
    """

    names: tuple[str, ...]
    position: np.ndarray
    yaw: np.ndarray
    first: np.ndarray
    target: np.ndarray
    heading: np.ndarray

    def __post_init__(self) -> None:
        nodes, edges = len(self.names), len(self.target)
        shapes = {"position": (nodes, 2), "yaw": (nodes,), "first": (nodes + 1,), "heading": (edges,)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(f"StreetGraph.{name} must be finite with shape {shape}, got shape {array.shape}")
        if len(set(self.names)) < nodes:
            raise ValueError(f"StreetGraph.names must be unique, got {nodes - len(set(self.names))} repeated")
        if self.first[0] != 0 or self.first[-1] != edges or (np.diff(self.first) < 0).any():
            raise ValueError(f"StreetGraph.first must rise from 0 to {edges}, got {self.first[0]} to {self.first[-1]}")
        self._check_edges()
        for name in (*shapes, "target"):
            getattr(self, name).setflags(write=False)

    def _check_edges(self) -> None:
        nodes = len(self.names)
        if ((self.target < 0) | (self.target >= nodes)).any():
            raise ValueError(f"StreetGraph.target must lie in 0..{nodes - 1}")
        if (self.source == self.target).any():
            node = self.names[int(self.source[self.source == self.target][0])]
            raise ValueError(f"StreetGraph: an edge leads from {node!r} to itself")
        order = np.lexsort((self.heading, self.source))
        same = np.diff(self.source[order]) == 0
        twins = same & (np.diff(self.heading[order]) < APART)
        if twins.any():
            node = self.names[int(self.source[order][1:][twins][0])]
            raise ValueError(f"StreetGraph: two edges leave {node!r} with the same heading, none can be told to go")

    @staticmethod
    def build(
        names: Sequence[str],
        position: np.ndarray,
        yaw: np.ndarray,
        source: np.ndarray,
        target: np.ndarray,
        heading: np.ndarray,
    ) -> "StreetGraph":
        """From E edges in any order; those of one node keep their order. Arrays are copied."""
        source = np.asarray(source, np.int64)
        if source.size and not 0 <= source.min() <= source.max() < len(names):
            raise ValueError(f"source must lie in 0..{len(names) - 1}, got {source.min()} to {source.max()}")
        order = np.argsort(source, kind="stable")
        first = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=len(names)))])
        return StreetGraph(
            tuple(names),
            np.array(position, np.float64),
            wrap_angle(np.asarray(yaw, np.float64)),
            first,
            np.asarray(target, np.int64)[order],
            wrap_angle(np.asarray(heading, np.float64)[order]),
        )

    @property
    def nodes(self) -> int:
        """N."""
        return len(self.names)

    @cached_property
    def source(self) -> np.ndarray:
        """(E,) node at which each edge begins."""
        return np.repeat(np.arange(self.nodes), np.diff(self.first))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """Node number of a panorama; KeyError where there is none of that name."""
        if name not in self._numbers:
            raise KeyError(f"no panorama {name!r} among the {self.nodes} of this street graph")
        return self._numbers[name]

    def edges(self, node: int) -> range:
        """Numbers of the edges that leave a node."""
        return range(int(self.first[node]), int(self.first[node + 1]))

    def edge(self, source: int, target: int) -> int | None:
        """Number of the edge between two nodes, None where there is none."""
        return next((e for e in self.edges(source) if self.target[e] == target), None)

    @cached_property
    def around(self) -> tuple[np.ndarray, np.ndarray]:
        """CSR of the nodes joined to each node by an edge in either direction."""
        ends = np.concatenate([np.stack([self.source, self.target]), np.stack([self.target, self.source])], axis=1)
        pairs = np.unique(ends, axis=1)
        first = np.concatenate([[0], np.cumsum(np.bincount(pairs[0], minlength=self.nodes))])
        return first, pairs[1]

    @cached_property
    def _back(self) -> tuple[np.ndarray, np.ndarray]:
        """CSR of the nodes from which an edge leads to each node."""
        order = np.argsort(self.target, kind="stable")
        first = np.concatenate([[0], np.cumsum(np.bincount(self.target, minlength=self.nodes))])
        return first, self.source[order]

    def neighbours(self, node: int) -> np.ndarray:
        """Nodes joined to a node by an edge in either direction, rising."""
        first, around = self.around
        return around[first[node] : first[node + 1]]

    def ways(self, node: int) -> int:
        """How many neighbours a node has: 1 at a dead end, 2 along a street, k at a k-way intersection."""
        first, _ = self.around
        return int(first[node + 1] - first[node])

    def hops(self, goal: int, directed: bool = True) -> np.ndarray:
        """(N,) fewest edges from every node to the goal, inf where none leads there; `directed` obeys one-ways."""
        first, near = self._back if directed else self.around
        return breadth_first(first, near, goal)

    def shortest_path(self, start: int, goal: int) -> list[int]:
        """Nodes of a path with fewest edges, both ends included; the first edge of a node wins ties.

        Raises ValueError where no path leads from start to goal.
        """
        hops = self.hops(goal)
        if math.isinf(hops[start]):
            raise ValueError(f"no path leads from {self.names[start]!r} to {self.names[goal]!r}")
        path = [start]
        while path[-1] != goal:
            targets = self.target[self.first[path[-1]] : self.first[path[-1] + 1]]
            path.append(int(targets[np.argmin(hops[targets])]))
        return path

    def part(self, keep: np.ndarray) -> "StreetGraph":
        """The nodes where `keep` (N,) is true and the edges between them, numbered anew in the same order."""
        number = np.cumsum(keep) - 1
        inside = keep[self.source] & keep[self.target]
        names = tuple(name for name, kept in zip(self.names, keep, strict=True) if kept)
        source, target = number[self.source[inside]], number[self.target[inside]]
        return StreetGraph.build(names, self.position[keep], self.yaw[keep], source, target, self.heading[inside])


@njit(cache=True, nogil=True)
def breadth_first(first, near, start):  # type: ignore[no-untyped-def]
    """Fewest edges from a start to every node of a CSR graph, inf where there is no way."""
    hops = np.full(len(first) - 1, np.inf)
    queue = np.empty(len(first) - 1, np.int64)
    hops[start], queue[0] = 0.0, start
    done, size = 0, 1
    while done < size:
        node = queue[done]
        done += 1
        for other in near[first[node] : first[node + 1]]:
            if hops[other] == np.inf:
                hops[other] = hops[node] + 1.0
                queue[size] = other
                size += 1
    return hops
