"""Landmarks beside a street graph, and from which panoramas they are seen, on which side of the heading.

World frame as in `street_graph.py`: metres, radians counter-clockwise from east. L landmarks, N panoramas, S sightings.
"""

import math
from dataclasses import dataclass

import numpy as np

from loci.sim.geometry import wrap_angle
from loci.sim.worlds.street_graph import StreetGraph

BINS = ("on the left", "slightly left", "ahead", "slightly right", "on the right")
"""Where a landmark is, seen along a heading: five sectors around +90, +45, 0, -45 and -90 degrees."""
SECTOR = math.pi / 4.0
"""Width of a bin; VELMA has five bins as well, the width is our choice. What is further behind has no bin."""
COLOURS = {
    "red": (0.80, 0.15, 0.15),
    "orange": (0.95, 0.55, 0.10),
    "yellow": (0.95, 0.85, 0.20),
    "green": (0.20, 0.60, 0.25),
    "blue": (0.15, 0.35, 0.80),
    "purple": (0.55, 0.25, 0.65),
    "white": (0.95, 0.95, 0.95),
    "brown": (0.45, 0.28, 0.15),
}
"""sRGB of the colours a landmark may have."""
SAMPLE = 2.0
"""Metres between the points at which a line of sight is tested."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What can be recognised, and the sightings of it.

    `kind`, `name`, `colour`: L words each, colours from COLOURS. `position`: (L, 2) on the façade. `facing`: (L,) the
    façade's outward normal. The sightings of panorama n are first[n] to first[n + 1] - 1, nearest first: `seen` (S,)
    landmark numbers, `bearing` (S,) from the panorama, `distance` (S,).
    """

    kind: tuple[str, ...]
    name: tuple[str, ...]
    colour: tuple[str, ...]
    position: np.ndarray
    facing: np.ndarray
    first: np.ndarray
    seen: np.ndarray
    bearing: np.ndarray
    distance: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.name)
        if not len(self.kind) == len(self.colour) == len(self.position) == len(self.facing) == count:
            raise ValueError(f"Landmarks needs {count} kinds, colours, positions and facings, one for each name")
        unknown = sorted(set(self.colour) - set(COLOURS))
        if unknown:
            raise ValueError(f"no colour {unknown[0]!r} for a landmark. Colours: {', '.join(COLOURS)}")

    def visible(self, node: int, heading: float) -> list[tuple[int, int]]:
        """What an agent at a panorama sees along a heading: (landmark, bin) with bin 0..4 of BINS, nearest first."""
        span = slice(int(self.first[node]), int(self.first[node + 1]))
        bins = heading_bin(self.bearing[span], heading)
        return [(int(mark), int(place)) for mark, place in zip(self.seen[span], bins, strict=True) if place >= 0]


def heading_bin(bearing: np.ndarray, heading: np.ndarray | float) -> np.ndarray:
    """Bin 0..4 of BINS for bearings seen along a heading, -1 behind; each sector holds its right edge, not its left."""
    sector = np.ceil(wrap_angle(bearing - heading) / SECTOR - 0.5).astype(np.int64)
    return np.where(np.abs(sector) <= 2, 2 - sector, -1)


def place_landmarks(
    graph: StreetGraph,
    kind: list[str],
    name: list[str],
    colour: list[str],
    position: np.ndarray,
    facing: np.ndarray,
    sight: float = 40.0,
    corridor: float = 8.0,
) -> Landmarks:
    """Landmarks with their sightings: from panoramas in front of the façade, at most `sight` metres away, along lines
    that stay within `corridor` metres of a street, because everything else is built over."""
    sightings = []
    for mark, (place, normal) in enumerate(zip(position, facing, strict=True)):
        way = place - graph.position
        far = np.hypot(way[:, 0], way[:, 1])
        front = way @ np.array([math.cos(normal), math.sin(normal)]) < 0.0
        nodes = np.nonzero(front & (far <= sight) & (far > 0.0))[0]
        nodes = nodes[_clear(graph, nodes, place, corridor)]
        bearings = np.arctan2(way[nodes, 1], way[nodes, 0])
        sightings += list(zip(nodes.tolist(), far[nodes].tolist(), [mark] * len(nodes), bearings.tolist(), strict=True))
    node, distance, seen, bearing = np.array(sorted(sightings), np.float64).reshape(-1, 4).T
    first = np.concatenate([[0], np.cumsum(np.bincount(node.astype(np.int64), minlength=graph.nodes))])
    texts = (tuple(kind), tuple(name), tuple(colour))
    return Landmarks(*texts, np.array(position), np.array(facing), first, seen.astype(np.int64), bearing, distance)


def street_distance(graph: StreetGraph, points: np.ndarray, edges: np.ndarray | None = None) -> np.ndarray:
    """(P,) metres from points (P, 2) to the nearest edge, taken as a straight line; of those numbered, if given."""
    source, target = (graph.source, graph.target) if edges is None else (graph.source[edges], graph.target[edges])
    (x, y), (a, b) = graph.position[source].T, (graph.position[target] - graph.position[source]).T
    east, north = points[:, :1] - x, points[:, 1:] - y
    along = np.clip((east * a + north * b) / np.maximum(a * a + b * b, 1e-12), 0.0, 1.0)
    return np.sqrt(((east - along * a) ** 2 + (north - along * b) ** 2).min(axis=1, initial=np.inf))


def _clear(graph: StreetGraph, nodes: np.ndarray, place: np.ndarray, corridor: float) -> np.ndarray:
    """(nodes,) bool: the straight line to a place stays over streets."""
    if len(nodes) == 0:
        return np.zeros(0, bool)
    ends = graph.position[nodes]
    reach = np.linalg.norm(ends - place, axis=1).max()
    close = np.abs(graph.position - place).max(axis=1) <= reach + corridor
    near = np.nonzero(close[graph.source] & close[graph.target])[0]
    share = np.linspace(0.0, 1.0, math.ceil(reach / SAMPLE) + 1)[:, None, None]
    points = (ends + share * (place - ends)).reshape(-1, 2)
    over = street_distance(graph, points, near) <= corridor + 0.5
    return np.all(over.reshape(len(share), len(nodes)), axis=0)
