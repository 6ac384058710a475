"""A sparse octree of finite capacity: which leaf a point lies in, and which leaves are near it. It holds slots only.

Mem4Nav (arXiv 2506.19433), its sparse octree. A leaf is a cube `leaf` metres wide with a slot from 0 to capacity - 1,
by which its owner files vectors elsewhere. Looking up a place is one look into a hash table over Morton keys
(morton.py, table.py); near leaves are found through the inner cells (branches.py, near.py). The place of a leaf is its
centre, so what is near depends on which leaves are held, not on how they came there.

When the octree is full, a new leaf takes the slot of another: with `lru` that of the leaf inserted or touched longest
ago, with `fifo` that of the leaf made longest ago. `clock` counts the calls that insert; `touched` (capacity,) holds
the clock at a leaf's last insertion or touch, `visits` (capacity,) its insertions since it was made, 1 when it is new.

*Differs from the paper:* leaves have a width in metres (5 m outdoors and 0.5 m indoors are sensible; a cube of 100 m at
depth 16, as published, makes leaves of 1.5 mm); points outside the cube are refused, not clipped; inner cells exist, so
that a radius query does not scan all leaves; capacity is finite; negative coordinates are covered.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, no_type_check

import numpy as np
from numba import njit

from loci.memories.maps import branches, morton, near, table
from loci.memories.maps.branches import CLOCK, EMPTY, NEWEST, OLDEST, SIZE

POLICIES = ("lru", "fifo")
Point = np.ndarray | Sequence[float]


class Level(NamedTuple):
    """The occupied cells of one width, in the order of their keys."""

    centre: np.ndarray
    """(n, 3) metres."""
    size: float
    """Width of a cell, metres."""
    leaves: np.ndarray
    """(n,) number of leaves in the cell."""
    newest: np.ndarray
    """(n,) the greatest `touched` of a leaf in the cell."""


class Octree:
    """At most `capacity` leaves, `leaf` metres wide; `policy` is one of POLICIES. All that it holds lies in `arrays`,
    which may be stored and put back into an octree made alike."""

    def __init__(self, capacity: int, leaf: float, policy: str = "lru") -> None:
        if not 1 <= capacity < 2**30:
            raise ValueError(f"capacity must lie in 1..2^30 - 1 leaves, got {capacity}")
        if not 0.0 < leaf < math.inf:
            raise ValueError(f"leaf must be a width in metres above 0, got {leaf}")
        if policy not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
        self.capacity, self.leaf, self.policy = capacity, float(leaf), policy
        self.arrays = branches.arrays(capacity)

    def __len__(self) -> int:
        return int(self.arrays.counts[SIZE])

    @property
    def clock(self) -> int:
        """Calls that inserted, since the octree was empty."""
        return int(self.arrays.counts[CLOCK])

    @property
    def visits(self) -> np.ndarray:
        return self.arrays.visits

    @property
    def touched(self) -> np.ndarray:
        return self.arrays.touched

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays; they do not grow."""
        return sum(array.nbytes for array in self.arrays)

    def slots(self) -> np.ndarray:
        """The slots in use (n,), ascending."""
        return np.flatnonzero(self.arrays.key >= 0)

    def centre(self, slots: np.ndarray) -> np.ndarray:
        """Centres (n, 3) of the leaves in some slots (n,), metres. KeyError for a free slot."""
        key = self.arrays.key[slots]
        if (key < 0).any():
            raise KeyError(f"no leaf in slot {np.asarray(slots)[key < 0].tolist()[:5]}")
        return (morton.decode(key) + 0.5) * self.leaf

    def insert(self, position: Point) -> int:
        """Slot of the leaf that holds a position (3,) metres, made if need be. ValueError outside the cube."""
        key = self._key(position)
        return int(_insert(self.arrays, key, self.policy == "lru"))

    def insert_all(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Insert positions (N, 3) in turn, as one tick of the clock. Slots (N,), and whether each position made its
        leaf (N,). When more leaves are made than there is room for, early ones may have left again. ValueError, and
        nothing is inserted, when one lies outside the cube."""
        return _insert_all(self.arrays, self._keys(positions), self.policy == "lru")

    def lookup(self, position: Point) -> int:
        """Slot of the leaf that holds a position (3,) metres, -1 where there is none. ValueError outside the cube."""
        return int(table.find(self.arrays.table, self.arrays.key, self._key(position)))

    def lookup_all(self, positions: np.ndarray) -> np.ndarray:
        """Slots (N,) of the leaves that hold positions (N, 3), -1 where there is none."""
        return _lookup_all(self.arrays.table, self.arrays.key, self._keys(positions))

    def nearest(self, position: Point, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Slots (n,) and distances (n,) in metres of the k leaves, or all if fewer, with the nearest centres. Nearest
        first, then by slot. The position (3,) may lie outside the cube."""
        slots, far = self.nearest_all(_points(position, 1), min(k, max(len(self), 1)))
        return slots[0, : len(self)], far[0, : len(self)]

    def nearest_all(self, positions: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The same for positions (N, 3): slots and distances (N, k), -1 and inf where there are fewer leaves."""
        if k < 1:
            raise ValueError(f"k must be 1 or more, got {k}")
        return near.nearest(self.arrays, _points(positions, 2), self.leaf, k)

    def radius(self, position: Point, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Slots (n,) and distances (n,) in metres of all leaves whose centre is no farther than `radius` metres from a
        position (3,). Nearest first, then by slot. The position may lie outside the cube."""
        return self._within(_points(position, 1), radius)[1:]

    def radius_all(self, positions: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same for positions (N, 3): starts (N + 1,), slots and distances. Those of position n stand in
        `starts[n]:starts[n + 1]`."""
        return self._within(_points(positions, 2), radius)

    def level(self, number: int) -> Level:
        """The occupied cells 2^number leaves wide; 0 gives the leaves themselves."""
        if not 0 <= number <= morton.BITS:
            raise ValueError(f"number must lie in 0..{morton.BITS}, got {number}")
        slots = self.slots()
        key, cell, leaves = np.unique(self.arrays.key[slots] >> 3 * number, return_inverse=True, return_counts=True)
        newest = np.zeros(len(key), np.int64)
        np.maximum.at(newest, cell, self.touched[slots])
        corner = morton.decode(key << 3 * number)
        return Level((corner + 0.5 * 2**number) * self.leaf, self.leaf * 2**number, leaves, newest)

    def touch(self, slots: np.ndarray | Sequence[int]) -> None:
        """Mark leaves as in use now, in turn, so that `lru` keeps them. KeyError for a free slot."""
        slots = np.asarray(slots, np.int64).reshape(-1)
        self.centre(slots)
        self.touched[slots] = self.clock
        if self.policy == "lru":
            for slot in slots:
                _renew(self.arrays, slot)

    def remove(self, slot: int) -> None:
        """Free a slot. KeyError where it is free already."""
        if not 0 <= slot < self.capacity or self.arrays.key[slot] < 0:
            raise KeyError(f"no leaf in slot {slot}; {len(self)} of {self.capacity} slots are in use")
        _remove(self.arrays, slot)

    def clear(self) -> None:
        """Forget everything."""
        branches.clear(self.arrays)

    def clone(self) -> "Octree":
        """An independent copy."""
        copy = object.__new__(Octree)
        copy.capacity, copy.leaf, copy.policy = self.capacity, self.leaf, self.policy
        copy.arrays = branches.Arrays(*(array.copy() for array in self.arrays))
        return copy

    def _key(self, position: Point) -> int:
        x, y, z = _coordinates(position)
        key = int(morton.key_at(x, y, z, self.leaf))
        if key == morton.OUTSIDE:
            morton.refuse((x, y, z), self.leaf)
        return key

    def _keys(self, positions: np.ndarray) -> np.ndarray:
        return morton.encode(morton.cells(_points(positions, 2, finite=False), self.leaf))

    def _within(self, points: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not radius >= 0.0:
            raise ValueError(f"radius must be 0 m or more, got {radius}")
        return near.within(self.arrays, points, self.leaf, float(radius))


def _coordinates(position: Point) -> tuple[float, float, float]:
    if len(position) != 3:
        raise ValueError(f"position must have shape (3,), got {np.shape(position)}")
    return float(position[0]), float(position[1]), float(position[2])


def _points(position: Point, axes: int, finite: bool = True) -> np.ndarray:
    """Positions (N, 3) as the kernels want them; `axes` is 1 for a single (3,)."""
    points = np.ascontiguousarray(position, np.float64)
    if points.ndim != axes or points.shape[-1] != 3:
        raise ValueError(f"position must have shape {('(3,)', '(N, 3)')[axes - 1]}, got {points.shape}")
    if finite and not np.isfinite(points).all():
        raise ValueError("position must be finite, got nan or inf")
    return points.reshape(-1, 3)


@njit(cache=True, nogil=True)
@no_type_check
def _insert(tree, key, renew):
    """One insertion as a tick of the clock; `renew` is true where it counts as a touch of a leaf that is there."""
    tree.counts[CLOCK] += 1
    return _enter(tree, key, renew)


@njit(cache=True, nogil=True)
@no_type_check
def _insert_all(tree, keys, renew):
    slots, fresh = np.empty(len(keys), np.int64), np.empty(len(keys), np.bool_)
    tree.counts[CLOCK] += 1
    for n in range(len(keys)):
        slots[n] = _enter(tree, keys[n], renew)
        fresh[n] = tree.visits[slots[n]] == 1
    return slots, fresh


@njit(cache=True, nogil=True)
@no_type_check
def _enter(tree, key, renew):
    """Slot of a key, taken from the oldest leaf when the key is new and no slot is free."""
    slot = np.int64(table.find(tree.table, tree.key, key))
    if slot < 0:
        slot = _make(tree, key)
    elif renew:
        _renew(tree, slot)
    tree.visits[slot] += 1
    tree.touched[slot] = tree.counts[CLOCK]
    return slot


@njit(cache=True, nogil=True)
@no_type_check
def _make(tree, key):
    if tree.counts[SIZE] == len(tree.key):
        _remove(tree, tree.counts[OLDEST])
    slot = np.int64(tree.free[tree.counts[SIZE]])
    tree.counts[SIZE] += 1
    tree.key[slot], tree.visits[slot] = key, 0
    table.put(tree.table, tree.key, slot)
    branches.attach(tree, slot)
    _queue(tree, slot)
    return slot


@njit(cache=True, nogil=True)
@no_type_check
def _remove(tree, slot):
    table.drop(tree.table, tree.key, slot)
    branches.cut(tree, slot)
    _unqueue(tree, slot)
    tree.key[slot] = -1
    tree.counts[SIZE] -= 1
    tree.free[tree.counts[SIZE]] = slot


@njit(cache=True, nogil=True)
@no_type_check
def _renew(tree, slot):
    """Make a leaf the last to leave."""
    _unqueue(tree, slot)
    _queue(tree, slot)


@njit(cache=True, nogil=True)
@no_type_check
def _queue(tree, slot):
    last = tree.counts[NEWEST]
    tree.before[slot], tree.after[slot] = last, EMPTY
    if last == EMPTY:
        tree.counts[OLDEST] = slot
    else:
        tree.after[last] = slot
    tree.counts[NEWEST] = slot


@njit(cache=True, nogil=True)
@no_type_check
def _unqueue(tree, slot):
    before, after = tree.before[slot], tree.after[slot]
    if before == EMPTY:
        tree.counts[OLDEST] = after
    else:
        tree.after[before] = after
    if after == EMPTY:
        tree.counts[NEWEST] = before
    else:
        tree.before[after] = before


@njit(cache=True, nogil=True)
@no_type_check
def _lookup_all(places, held, keys):
    slots = np.empty(len(keys), np.int64)
    for n in range(len(keys)):
        slots[n] = table.find(places, held, keys[n])
    return slots
