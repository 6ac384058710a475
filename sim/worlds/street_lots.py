"""Where buildings may stand along the streets of a graph: rectangles that keep their distance from every edge.

Each street, from crossing or dead end to the next, is cut into lots on both sides. A lot that comes too near to some
street is made smaller until it does not, and left out where that does not help. World frame as in `street_graph.py`.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from loci.sim.worlds.draws import between
from loci.sim.worlds.street_graph import StreetGraph

WIDTH = (9.0, 20.0)
DEPTH = (10.0, 18.0)
"""Metres along the street and away from it, smallest and largest before a lot is made smaller."""
THIN = 3.0
"""Metres that a lot measures at least either way."""
STAGGER = 0.6
"""Metres by which a front stands behind the line of the street's fronts at most."""
SHRINK = tuple((depth, left, right) for depth in (1.0, 0.6, 0.35) for left in (0.0, 0.35) for right in (0.0, 0.35))
"""What is tried, the largest that is free wins: share of the depth that stays, of the width cut off at either end."""

OPEN, CORNER = 0.75 * math.pi, 1.2 * math.pi
"""Radians between neighbouring ways of a node from which on the space between them is closed by a lot that faces the
node; CORNER where a street only bends."""


@dataclass(frozen=True)
class Lot:
    """A rectangle on the ground: centre in metres, `facing` the way its front looks, half sizes in metres."""

    x: float
    y: float
    facing: float
    half_depth: float
    half_width: float


def lots(rng: np.random.Generator, graph: StreetGraph, setback: float) -> list[Lot]:
    """Lots along all streets and across their ends, none nearer than `setback` metres to any edge."""
    ends = graph.position[street_edges(graph)]
    fronts = [front for nodes in street_chains(graph) for front in _beside(rng, graph, nodes, setback)]
    fronts += [front for node in range(graph.nodes) for front in _across(graph, node, setback)]
    box = np.ascontiguousarray(np.concatenate([ends.min(axis=1), ends.max(axis=1)], axis=1).T)
    fitted = [_fit(rng, near, far, bulge + setback, setback, ends, box) for near, far, bulge in fronts]
    return [lot for lot in fitted if lot is not None]


def street_edges(graph: StreetGraph) -> np.ndarray:
    """(U, 2) pairs of nodes joined in either direction, lower number first, rising."""
    ends = np.stack([graph.source, graph.target], axis=1)
    return np.unique(np.sort(ends, axis=1), axis=0).reshape(-1, 2)


def street_chains(graph: StreetGraph) -> list[list[int]]:
    """The nodes of every street, from crossing or dead end to the next; a ring without any ends where it begins."""
    left = {(a, b) for a, b in street_edges(graph).tolist()}
    found = []
    for start in sorted(range(graph.nodes), key=lambda node: graph.ways(node) == 2):
        for node in graph.neighbours(start).tolist():
            if (min(start, node), max(start, node)) in left:
                chain = _follow(graph, start, node)
                left -= {(min(pair), max(pair)) for pair in pairwise(chain)}
                found.append(chain)
    return found


def _follow(graph: StreetGraph, start: int, node: int) -> list[int]:
    chain = [start, node]
    while graph.ways(chain[-1]) == 2 and chain[-1] != start:
        chain.append(next(n for n in graph.neighbours(chain[-1]).tolist() if n != chain[-2]))
    return chain


Front = tuple[np.ndarray, np.ndarray, float]


def _beside(rng: np.random.Generator, graph: StreetGraph, nodes: list[int], setback: float) -> list[Front]:
    """Chords of a street, each with the building on its left, and how far the street bulges over it to that side."""
    shut = [graph.ways(node) == 1 for node in (nodes[0], nodes[-1])]
    line = _prolonged(graph.position[nodes], *(setback if end else 0.0 for end in shut))
    marks = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    low, high = (0.0 if end else setback for end in shut)
    fronts = []
    for side in (1, -1):
        for first, last in pairwise(_cuts(rng, low, marks[-1] - high)):
            near, far = np.stack([np.interp((first, last), marks, line[:, k]) for k in (0, 1)], axis=1)[::side]
            ahead = (far - near) / max(float(np.linalg.norm(far - near)), 1e-9)
            within = line[(marks > first) & (marks < last)]
            fronts.append((near, far, float(((within - near) @ _left(ahead)).max(initial=0.0))))
    return fronts


def _across(graph: StreetGraph, node: int, setback: float) -> list[Front]:
    """Chords through a node that face a dead end, the foot of a T or the outside of a corner."""
    way = graph.position[graph.neighbours(node)] - graph.position[node]
    arms = np.sort(np.arctan2(way[:, 1], way[:, 0]))
    gaps = np.diff(arms, append=arms[:1] + 2.0 * math.pi)
    wide = gaps > (CORNER if len(arms) == 2 else OPEN)
    middles = (arms + gaps / 2.0)[wide].tolist()
    out = [np.array([math.cos(middle), math.sin(middle)]) for middle in middles]
    return [(graph.position[node] + setback * _left(n), graph.position[node] - setback * _left(n), 0.0) for n in out]


def _prolonged(line: np.ndarray, before: float, after: float) -> np.ndarray:
    """The line with its ends moved outwards by so many metres."""
    first, last = line[0] - line[1], line[-1] - line[-2]
    longer = line.copy()
    longer[0] += before * first / np.linalg.norm(first)
    longer[-1] += after * last / np.linalg.norm(last)
    return longer


def _cuts(rng: np.random.Generator, low: float, high: float) -> list[float]:
    cuts = [low]
    while high - cuts[-1] > WIDTH[0]:
        cut = cuts[-1] + between(rng, *WIDTH)
        cuts.append(cut if high - cut > WIDTH[0] else high)
    return cuts


def _left(ahead: np.ndarray) -> np.ndarray:
    return np.array([-ahead[1], ahead[0]])


def _fit(
    rng: np.random.Generator,
    near: np.ndarray,
    far: np.ndarray,
    front: float,
    setback: float,
    ends: np.ndarray,
    box: np.ndarray,
) -> Lot | None:
    """The largest lot on the left of a chord that keeps the setback from all edges, None where none does.

    `ends` (U, 2, 2) of the edges and `box` (4, U) around each, west, south, east, north."""
    width, depth, front = float(np.linalg.norm(far - near)), between(rng, *DEPTH), front + between(rng, 0.0, STAGGER)
    if width < THIN:
        return None
    ahead = (far - near) / width
    axes = np.stack([ahead, _left(ahead)], axis=1)
    share, left, right = np.array(SHRINK).T
    lower = np.stack([left * width, np.full(len(SHRINK), front)], axis=1)
    upper = np.stack([(1.0 - right) * width, front + share * depth], axis=1)
    reach = width + front + depth + setback
    x, y = near.tolist()
    west, south, east, north = box
    close = (west < x + reach) & (east > x - reach) & (south < y + reach) & (north > y - reach)
    start, end = ((ends[close] - near) @ axes).transpose(1, 0, 2)
    free = clearance(lower, upper, start, end) >= setback
    area = np.prod(upper - lower, axis=1) * (free & ((upper - lower).min(axis=1) >= THIN))
    best = int(np.argmax(area))
    if area[best] == 0.0:
        return None
    x, y = near + axes @ (lower[best] + upper[best]) / 2.0
    along, away = (upper[best] - lower[best]) / 2.0
    return Lot(float(x), float(y), math.atan2(-axes[1, 1], -axes[0, 1]), float(away), float(along))


def clearance(lower: np.ndarray, upper: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(K,) metres from upright rectangles (K, 2) to the nearest of S segments (S, 2); 0 where one meets it."""
    if len(start) == 0:
        return np.full(len(lower), np.inf)
    low, high = lower[:, None], upper[:, None]
    ends = [np.linalg.norm(np.maximum(np.maximum(low - p, p - high), 0.0), axis=2) for p in (start, end)]
    way = end - start
    length = np.maximum((way * way).sum(axis=1), 1e-12)
    nearest = np.minimum(*ends)
    for x, y in ((low, low), (low, high), (high, low), (high, high)):
        corner = np.stack([x[..., 0], y[..., 1]], axis=-1) - start
        along = np.clip((corner * way).sum(axis=2) / length, 0.0, 1.0)
        nearest = np.minimum(nearest, np.linalg.norm(corner - along[..., None] * way, axis=2))
    return np.where(_meets(low, high, start, way), 0.0, nearest).min(axis=1)


def _meets(low: np.ndarray, high: np.ndarray, start: np.ndarray, way: np.ndarray) -> np.ndarray:
    """(K, S) bool: the segment from `start` along `way` passes the rectangle, by the slabs of its two axes."""
    step = np.where(np.abs(way) < 1e-12, 1e-12, way)
    one, other = (low - start) / step, (high - start) / step
    enter = np.minimum(one, other).max(axis=2)
    leave = np.maximum(one, other).min(axis=2)
    return np.maximum(enter, 0.0) <= np.minimum(leave, 1.0)
