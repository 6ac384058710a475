"""Searches in a graph of landmarks: the most alike by descriptor, and the shortest paths.

Letters: C slots, E ways from each, D width of a descriptor. A landmark is held where `born` (C,) is not 0; a way leads
to its target where `target_born` (C, E) is not 0 and equals the target's `born` (topology.py).
"""

from heapq import heappop, heappush
from typing import no_type_check

import numpy as np
from numba import njit

PART = 16
"""After so many numbers of a descriptor it is asked whether it is too far already."""


@njit(cache=True, nogil=True)
@no_type_check
def closest(descriptors, born, descriptor, k, limit):
    """Slots and distances (k,) of the landmarks with the nearest descriptors that are not farther than `limit`, nearest
    first, then by slot; -1 and inf where there are fewer."""
    slots, far = np.full(k, -1, np.int64), np.full(k, np.inf)
    for slot in range(len(born)):
        if born[slot] == 0:
            continue
        distance = _squared(descriptors[slot], descriptor, min(far[-1], limit * limit))
        if distance > limit * limit:
            continue
        place = k
        while place > 0 and distance < far[place - 1]:
            place -= 1
        for behind in range(k - 1, place, -1):
            slots[behind], far[behind] = slots[behind - 1], far[behind - 1]
        if place < k:
            slots[place], far[place] = slot, distance
    return slots, np.sqrt(far)


@njit(cache=True, nogil=True)
@no_type_check
def _squared(one, other, limit):
    """Squared distance of two vectors, or a part of it that exceeds the limit. Four sums run side by side, in an order
    that is the same on every machine."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = len(one) - len(one) % 4
    for n in range(0, whole, 4):
        a += (np.float64(one[n]) - np.float64(other[n])) ** 2
        b += (np.float64(one[n + 1]) - np.float64(other[n + 1])) ** 2
        c += (np.float64(one[n + 2]) - np.float64(other[n + 2])) ** 2
        d += (np.float64(one[n + 3]) - np.float64(other[n + 3])) ** 2
        if n % PART == 0 and a + b + c + d > limit:
            return a + b + c + d
    for n in range(whole, len(one)):
        a += (np.float64(one[n]) - np.float64(other[n])) ** 2
    return a + b + c + d


@njit(cache=True, nogil=True)
@no_type_check
def dijkstra(target, target_born, born, cost, source, last):
    """Least cost (C,) from `source` to each slot and the slot before it (C,), inf and -1 where there is none. If
    `last` is not -1, slots farther than it may be unfinished (Dijkstra 1959)."""
    least, previous = np.full(len(born), np.inf), np.full(len(born), -1, np.int64)
    least[source] = 0.0
    heap = [(0.0, np.int64(source))]
    while heap:
        spent, here = heappop(heap)
        if here == last:
            break
        if spent > least[here]:
            continue
        for way in range(target.shape[1]):
            there = np.int64(target[here, way])
            if target_born[here, way] == 0 or target_born[here, way] != born[there]:
                continue
            if spent + cost[here, way] < least[there]:
                least[there], previous[there] = spent + cost[here, way], here
                heappush(heap, (least[there], there))
    return least, previous
