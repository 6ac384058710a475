"""Leaves near a point, exactly: whole inner cells are passed over when even their nearest centre is too far.

The distance of a leaf is that of its centre. Of a cell it is that of the box around the centres of all leaves that it
may hold, computed as a leaf's is, so that rounding never makes a cell farther than a leaf in it.
"""

import math
from typing import no_type_check

import numpy as np
from numba import njit

from loci.memories.maps.branches import EMPTY, ROOT
from loci.memories.maps.morton import BITS, unweave

PENDING = 7 * BITS + 8
"""Most nodes that wait their turn: seven of every level, and the last eight."""
ROOM = 64
"""Leaves for which there is room at first."""
SHORT = 16
"""Rows up to this length are sorted by insertion."""


@njit(cache=True, nogil=True)
@no_type_check
def within(tree, points, leaf, radius):
    """Slots and distances of the leaves not farther than `radius` of each point, in one row, and where each point's
    begin (N + 1,). Nearest first, then by slot."""
    starts = np.zeros(len(points) + 1, np.int64)
    slots, far = np.empty(ROOM, np.int64), np.empty(ROOM)
    for n in range(len(points)):
        first = starts[n]
        slots, far, count = _collect(tree, points[n], leaf, radius * radius, slots, far, first)
        starts[n + 1] = count
        _sort(slots, far, first, count - 1)
        for place in range(first, count):
            far[place] = math.sqrt(far[place])
    return starts, slots[: starts[-1]], far[: starts[-1]]


@njit(cache=True, nogil=True)
@no_type_check
def nearest(tree, points, leaf, k):
    """Slots and distances (N, k) of the leaves nearest to each point; -1 and inf where there are fewer."""
    slots, far = np.full((len(points), k), EMPTY, np.int64), np.full((len(points), k), np.inf)
    for n in range(len(points)):
        _search(tree, points[n], leaf, slots[n], far[n])
        for place in range(k):
            far[n, place] = math.sqrt(far[n, place])
    return slots, far


@njit(cache=True, nogil=True)
@no_type_check
def _collect(tree, point, leaf, limit, slots, far, count):
    """Append the leaves within the square root of `limit`, in any order; the arrays grow by doubling."""
    pending, waiting = np.empty(PENDING, np.int64), 0
    if tree.counts[ROOT] != EMPTY:
        pending[0], waiting = tree.counts[ROOT], 1
    while waiting:
        waiting -= 1
        node = pending[waiting]
        distance = _squared(tree, node, point, leaf)
        if distance > limit:
            continue
        if node < EMPTY:
            for octant in range(8):
                pending[waiting] = tree.child[-2 - node, octant]
                waiting += pending[waiting] != EMPTY
            continue
        if count == len(slots):
            slots, far = _doubled(slots), _doubled(far)
        slots[count], far[count] = node, distance
        count += 1
    return slots, far, count


@njit(cache=True, nogil=True)
@no_type_check
def _doubled(row):
    longer = np.empty(2 * len(row), row.dtype)
    for place in range(len(row)):
        longer[place] = row[place]
    return longer


@njit(cache=True, nogil=True)
@no_type_check
def _search(tree, point, leaf, slots, far):
    """Fill in the leaves nearest to a point, going into the octant of the point first."""
    pending, waiting = np.empty(PENDING, np.int64), 0
    if tree.counts[ROOT] != EMPTY:
        pending[0], waiting = tree.counts[ROOT], 1
    while waiting:
        waiting -= 1
        node = pending[waiting]
        distance = _squared(tree, node, point, leaf)
        if distance > far[-1]:
            continue
        if node >= 0:
            _enter(slots, far, node, distance)
            continue
        towards = _octant(tree, -2 - node, point, leaf)
        for turn in range(7, -1, -1):
            pending[waiting] = tree.child[-2 - node, towards ^ turn]
            waiting += pending[waiting] != EMPTY


@njit(cache=True, nogil=True)
@no_type_check
def _squared(tree, node, point, leaf):
    """Squared distance from a point to a leaf's centre, or to the box of the centres of an inner cell."""
    if node >= 0:
        key, last = tree.key[node], 0
    else:
        key, last = tree.corner[-2 - node], (1 << tree.level[-2 - node]) - 1
    i, j, k = unweave(key)
    x, y, z = _gap(point[0], i, last, leaf), _gap(point[1], j, last, leaf), _gap(point[2], k, last, leaf)
    return x * x + y * y + z * z


@njit(cache=True, nogil=True)
@no_type_check
def _gap(x, first, last, leaf):
    """How far x lies outside the centres of cells `first` to `first + last`."""
    low, high = (first + 0.5) * leaf, (first + last + 0.5) * leaf
    return max(low - x, x - high, 0.0)


@njit(cache=True, nogil=True)
@no_type_check
def _octant(tree, inner, point, leaf):
    """Child cell in which, or towards which, a point lies."""
    i, j, k = unweave(tree.corner[inner])
    half = 1 << (tree.level[inner] - 1)
    return (point[0] >= (i + half) * leaf) | (point[1] >= (j + half) * leaf) << 1 | (point[2] >= (k + half) * leaf) << 2


@njit(cache=True, nogil=True)
@no_type_check
def _enter(slots, far, slot, distance):
    """Put a leaf into its place among the nearest, if it has one."""
    place = len(slots)
    while place > 0 and _less(distance, slot, far[place - 1], slots[place - 1]):
        place -= 1
    for behind in range(len(slots) - 1, place, -1):
        slots[behind], far[behind] = slots[behind - 1], far[behind - 1]
    if place < len(slots):
        slots[place], far[place] = slot, distance


@njit(cache=True, nogil=True)
@no_type_check
def _sort(slots, far, first, last):
    """Quicksort of the places from `first` to `last`, by distance, then by slot; short rows by insertion."""
    while last - first > SHORT:
        middle = _part(slots, far, first, last)
        if middle - first < last - middle:
            _sort(slots, far, first, middle)
            first = middle + 1
        else:
            _sort(slots, far, middle + 1, last)
            last = middle
    for end in range(first + 1, last + 1):
        slot, distance, place = slots[end], far[end], end
        while place > first and _less(distance, slot, far[place - 1], slots[place - 1]):
            slots[place], far[place] = slots[place - 1], far[place - 1]
            place -= 1
        slots[place], far[place] = slot, distance


@njit(cache=True, nogil=True)
@no_type_check
def _part(slots, far, first, last):
    """Exchange until nothing up to the returned place comes after anything beyond it (Hoare 1962)."""
    slot, distance = slots[(first + last) // 2], far[(first + last) // 2]
    while True:
        while _less(far[first], slots[first], distance, slot):
            first += 1
        while _less(distance, slot, far[last], slots[last]):
            last -= 1
        if first >= last:
            return last
        slots[first], slots[last] = slots[last], slots[first]
        far[first], far[last] = far[last], far[first]
        first += 1
        last -= 1


@njit(cache=True, nogil=True)
@no_type_check
def _less(distance, slot, other_distance, other_slot):
    return distance < other_distance or (distance == other_distance and slot < other_slot)
