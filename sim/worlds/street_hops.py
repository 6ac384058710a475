"""Hops between any two panoramas of a street graph in constant time, one-ways ignored.

Streets are chains of panoramas with two ways; only the hops between their ends, the junctions, are kept. A way from one
panorama to another leads over an end of either street, or along the street that they share. N panoramas in joined
parts, whose junctions have a square table each.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from loci.sim.worlds.street_graph import StreetGraph, breadth_first

NEVER = 65_000
"""Stands for no way, hops."""


@dataclass(frozen=True, eq=False)
class Hops:
    """`part`: (N,) of the graph. `end`: (N, 2) the junctions at the ends of its street, numbered in the part. `off`:
    (N, 2) hops to them. `street`, `place`: (N,) which one, -1 at a junction, and how far along it. `table`: the hops
    between the junctions of all parts, flat; those of part p begin at base[p] and have rows of size[p]."""

    part: np.ndarray
    end: np.ndarray
    off: np.ndarray
    street: np.ndarray
    place: np.ndarray
    table: np.ndarray
    base: np.ndarray
    size: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """What `hops_between` takes."""
        return self.part, self.end, self.off, self.street, self.place, self.table, self.base, self.size

    def between(self, path: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """(T, R) hops between panoramas, inf where there is no way: `hop_costs` of street_metrics.py."""
        found: np.ndarray = hops_between(np.asarray(path), np.asarray(reference), *self.arrays)
        return found


def tabulate_hops(graph: StreetGraph) -> Hops:
    """The tables of a graph."""
    first, near = graph.around
    junction = np.diff(first) != 2
    part = _parts(first, near)
    street, place, ends, off = _streets(first, near, junction)
    parts = int(part.max(initial=-1)) + 1
    corners = [np.flatnonzero(junction & (part == p)) for p in range(parts)]
    tables = [_table(first, near, own) for own in corners]
    number = np.zeros(graph.nodes, np.int64)
    for own in corners:
        number[own] = np.arange(len(own))
    size = np.array([len(own) for own in corners], np.int64)
    flat = np.concatenate([np.zeros(0, np.uint16), *(table.ravel() for table in tables)])
    return Hops(part, number[ends], off, street, place, flat, np.concatenate([[0], np.cumsum(size**2)[:-1]]), size)


def _table(first: np.ndarray, near: np.ndarray, corners: np.ndarray) -> np.ndarray:
    rows = [np.minimum(breadth_first(first, near, corner)[corners], NEVER) for corner in corners]
    return np.array(rows, np.uint16).reshape(len(corners), -1)


@njit(cache=True, nogil=True)
def _parts(first, near):  # type: ignore[no-untyped-def]
    """(N,) number of the joined part of each node."""
    part = np.full(len(first) - 1, -1)
    stack = np.empty(len(part), np.int64)
    count = 0
    for start in range(len(part)):
        if part[start] >= 0:
            continue
        part[start], stack[0], size = count, start, 1
        while size > 0:
            size -= 1
            node = stack[size]
            for other in near[first[node] : first[node + 1]]:
                if part[other] < 0:
                    part[other], stack[size] = count, other
                    size += 1
        count += 1
    return part


@njit(cache=True, nogil=True)
def _streets(first, near, junction):  # type: ignore[no-untyped-def]
    """Street, place along it, junctions at its ends and hops to them, of every node. A ring without a junction gets
    one, which is marked in `junction`."""
    nodes = len(first) - 1
    street, place = np.full(nodes, -1), np.zeros(nodes, np.int64)
    ends, off = np.zeros((nodes, 2), np.int64), np.zeros((nodes, 2), np.int64)
    chain = np.empty(nodes, np.int64)
    count = 0
    for ring in (False, True):
        for corner in range(nodes):
            if ring and not junction[corner] and street[corner] < 0:
                junction[corner] = True
            elif ring or not junction[corner]:
                continue
            ends[corner] = corner
            for begin in near[first[corner] : first[corner + 1]]:
                if junction[begin] or street[begin] >= 0:
                    continue
                before, node, size = corner, begin, 0
                while not junction[node]:
                    chain[size] = node
                    size += 1
                    one, other = near[first[node]], near[first[node] + 1]
                    before, node = node, other if one == before else one
                for i in range(size):
                    here = chain[i]
                    street[here], place[here] = count, i
                    ends[here, 0], ends[here, 1] = corner, node
                    off[here, 0], off[here, 1] = i + 1, size - i
                count += 1
    return street, place, ends, off


@njit(cache=True, nogil=True)
def hops_between(path, reference, part, end, off, street, place, table, base, size):  # type: ignore[no-untyped-def]
    """(T, R) hops; the tables are `Hops.arrays`."""
    costs = np.full((len(path), len(reference)), np.inf)
    for t in range(len(path)):
        a = path[t]
        for r in range(len(reference)):
            b = reference[r]
            if part[a] != part[b]:
                continue
            best = np.int64(NEVER)
            if a == b:
                best = 0
            elif street[a] >= 0 and street[a] == street[b]:
                best = abs(place[a] - place[b])
            for i in range(2):
                row = base[part[a]] + end[a, i] * size[part[a]]
                for j in range(2):
                    best = min(best, off[a, i] + table[row + end[b, j]] + off[b, j])
            if best < NEVER:
                costs[t, r] = best
    return costs
