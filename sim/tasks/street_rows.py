"""Many agents on a street graph at once: their moves, their teacher, and the marks for the legs that have ended.

B rows. The tables are those of `StreetWorld` and `Pool`; row b walks leg[b] of the pool and has gone along
path[b, : size[b]] in it.
"""

# mypy: disable-error-code="no-untyped-def"

import numpy as np
from numba import njit

from loci.sim.worlds.street_hops import hops_between
from loci.sim.worlds.street_metrics import scores

STOP = 4
GOING, STOPPED, LATE = 0, 1, 2


@njit(cache=True, nogil=True)
def advance(actions, idle, steps, after, node, local, stance, clock, path, size, visits):
    """One move of every row that is not idle; GOING, STOPPED or LATE (B,)."""
    ended = np.zeros(len(actions), np.int8)
    for b in range(len(actions)):
        if idle[b]:
            continue
        before = node[stance[b]]
        stance[b] = after[stance[b], actions[b]]
        clock[b] += 1
        here = node[stance[b]]
        if here != before:
            path[b, size[b]] = here
            size[b] += 1
            arrive(visits[b], local[here])
        if actions[b] == STOP:
            ended[b] = STOPPED
        elif clock[b] >= steps:
            ended[b] = LATE
    return ended


@njit(cache=True, nogil=True)
def arrive(visits, place):
    """One more visit (uint8) to a place, 255 at most."""
    if visits[place] < 255:
        visits[place] += 1


@njit(cache=True, nogil=True)
def begin(rows, fresh, leg, start, first, nodes, around, near, node, local, stance, clock, path, size, visits, earlier):
    """Put rows at the start of their legs; `earlier` gets the visits so far to the goal or a panorama beside it."""
    for b in rows:
        place = node[start[leg[b]]]
        if fresh or node[stance[b]] != place:
            arrive(visits[b], local[place])
        stance[b], clock[b], size[b], path[b, 0] = start[leg[b]], 0, 1, place
        goal = nodes[first[leg[b] + 1] - 1]
        earlier[b] = visits[b, local[goal]]
        for other in near[around[goal] : around[goal + 1]]:
            earlier[b] = max(earlier[b], visits[b, local[other]])


@njit(cache=True, nogil=True)
def teach(leg, stance, first, nodes, node, edges, target, toward):
    """(B,) the next move along the route, or back to the route by the fewest hops; STOP at the goal."""
    moves = np.full(len(leg), STOP)
    nowhere = np.zeros(len(edges), np.int64)
    scratch = nowhere, nowhere.copy(), nowhere.copy(), nowhere.copy()
    for b in range(len(leg)):
        route = nodes[first[leg[b]] : first[leg[b] + 1]]
        here = node[stance[b]]
        place = _place(route, here)
        if place == len(route) - 1:
            continue
        if place >= 0:
            for slot in range(edges[here + 1] - edges[here]):
                if target[edges[here] + slot] == route[place + 1]:
                    moves[b] = toward[stance[b], slot]
                    break
        else:
            slot = _way_back(route, here, edges, target, scratch, b + 1)
            if slot >= 0:
                moves[b] = toward[stance[b], slot]
    return moves


@njit(cache=True, nogil=True)
def judge(
    rows, stopped, leg, path, size, first, nodes, ways, edges, target, part, end, off, street, at, table, base, side
):
    """(n, 6) the metrics of street_metrics.py for rows whose leg has ended; who did not stop has not completed it."""
    found = np.empty((len(rows), 6))
    mark, queue = np.zeros(len(ways), np.int64), np.empty(len(ways), np.int64)
    for i, b in enumerate(rows):
        walked, route = path[b, : size[b]], nodes[first[leg[b]] : first[leg[b] + 1]]
        costs = hops_between(walked, route, part, end, off, street, at, table, base, side)
        completed = stopped[i] and costs[-1, -1] <= 1.0
        far = _directed(walked[-1], route[-1], edges, target, mark, queue, i + 1)
        found[i] = scores(walked, route, costs, ways[route] > 2, completed, far)
    return found


@njit(cache=True, nogil=True)
def _place(route, node):
    for i in range(len(route)):
        if route[i] == node:
            return i
    return -1


@njit(cache=True, nogil=True)
def _way_back(route, start, edges, target, scratch, stamp):
    """The edge of the start, counted from its first, that leads to the nearest panorama of a route; -1 if none does."""
    mark, wanted, queue, origin = scratch
    mark[start], queue[0], done, count = stamp, start, 0, 1
    wanted[route] = stamp
    while done < count:
        here = queue[done]
        done += 1
        if wanted[here] == stamp:
            return origin[here]
        for edge in range(edges[here], edges[here + 1]):
            other = target[edge]
            if mark[other] != stamp:
                mark[other], queue[count] = stamp, other
                origin[other] = edge - edges[start] if here == start else origin[here]
                count += 1
    return -1


@njit(cache=True, nogil=True)
def _directed(start, goal, edges, target, mark, queue, stamp):
    """Fewest edges from the start to the goal, inf where none lead there."""
    mark[start], queue[0], done, count, hops = stamp, start, 0, 1, 0.0
    while done < count:
        for _ in range(count - done):
            here = queue[done]
            done += 1
            if here == goal:
                return hops
            for other in target[edges[here] : edges[here + 1]]:
                if mark[other] != stamp:
                    mark[other], queue[count] = stamp, other
                    count += 1
        hops += 1.0
    return np.inf
