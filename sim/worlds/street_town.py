"""A part of a street world as a place that cameras see, for agents that walk its graph.

A `StreetWorld` says from where a landmark is seen, how far and in which direction; where it stands follows, and it
faces the street nearest to it. Built with the rules of streets.py, once for each city.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from zlib import crc32

import numpy as np

from loci.sim.world import World
from loci.sim.worlds.landmarks import COLOURS, Landmarks
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_world import StreetWorld
from loci.sim.worlds.streets import Streets, spread

WHOLE = 3000
"""Panoramas that hang together up to which they are built as a whole."""
MAST = 0.5
"""Metres from a panorama within which no sign may stand, or an agent would stand in it."""


@dataclass(frozen=True, eq=False)
class Town:
    """`world` holds the panoramas at most `reach` metres from `centre` (2,); `signs` are the bodies of landmarks by
    their numbers in the street world, `places` (N, 2) where each body stands."""

    world: World
    centre: np.ndarray
    reach: float
    signs: dict[int, str]
    places: np.ndarray

    def holds(self, position: np.ndarray, around: float) -> bool:
        """Whether it was built as far as so many metres around a position (2,)."""
        return math.dist(position, self.centre) + around <= self.reach

    def near(self, spots: np.ndarray, radius: float) -> World:
        """The ground and the bodies whose middle is at most so many metres from one of some places (P, 2)."""
        away = self.places[:, None] - spots
        close = ((away**2).sum(axis=2) <= radius**2).any(axis=1)
        bodies = zip(self.world.bodies, close.tolist(), strict=True)
        return replace(self.world, bodies=tuple(body for body, kept in bodies if kept or body.category == "ground"))


def town(world: StreetWorld, node: int, radius: float, streets: Streets) -> Town:
    """All that hangs together with a panorama; where that is more than WHOLE, what is at most `radius` metres away.

    Houses are the same at every call; those of a part are others than those of another part.
    """
    mates = world.hops.part == world.hops.part[node]
    if mates.sum() <= WHOLE:
        return _built(world, int(mates.argmax()), math.inf, streets)
    return _built(world, node, radius, streets)


@lru_cache(maxsize=16)
def _built(world: StreetWorld, node: int, reach: float, streets: Streets) -> Town:
    graph, part, rng = world.graph, world.hops.part, np.random.default_rng(node)
    centre = graph.position[node]
    keep = (part == part[node]) & (np.linalg.norm(graph.position - centre, axis=1) <= reach)
    rest = graph.part(keep)
    marks, numbers = furnished(world, rest, keep)
    built = streets.world(rng, spread(rng, rest), marks)
    signs = {int(number): f"landmark_{place}" for place, number in enumerate(numbers)}
    places = np.array([body.pose.position[:2] for body in built.bodies])
    return Town(built, centre, reach, signs, places)


def furnished(world: StreetWorld, rest: StreetGraph, keep: np.ndarray) -> tuple[Landmarks, np.ndarray]:
    """The landmarks that are seen from the panoramas `keep` (N,), of which `rest` is the graph, and their numbers.

    Where no colour or kind is known they follow from the name. Those that would stand on a panorama are left out.
    """
    node, number = np.repeat(np.arange(len(keep)), np.diff(world.first)), np.cumsum(keep) - 1
    seen, bearing, distance = world.seen, world.bearing, world.distance
    way = distance[:, None] * np.stack([np.cos(bearing), np.sin(bearing)], axis=1)
    marks, first = np.unique(np.where(keep[node], seen, -1), return_index=True)
    marks, first = marks[marks >= 0], first[marks >= 0]
    position = world.graph.position[node[first]] + way[first]
    free = [bool((np.linalg.norm(rest.position - place, axis=1) > MAST).all()) for place in position]
    marks, position = marks[free], position[free]
    inside = keep[node] & np.isin(seen, marks)
    begun = np.concatenate([[0], np.cumsum(np.bincount(number[node[inside]], minlength=rest.nodes))])
    said, looks = [world.said[mark] for mark in marks], [world.looks[mark] for mark in marks]
    kinds = [world.kind[mark].replace(" ", "_") or world.said[mark] for mark in marks]
    colours = [look.removesuffix(name).strip() or _colour(name) for look, name in zip(looks, said, strict=True)]
    facing = np.array([_towards_street(rest, place) for place in position])
    sightings = np.searchsorted(marks, seen[inside]), bearing[inside], distance[inside]
    texts = tuple(kinds), tuple(said), tuple(colours)
    return Landmarks(*texts, position, facing, begun, *sightings), marks


def _colour(name: str) -> str:
    return list(COLOURS)[crc32(name.encode()) % len(COLOURS)]


def _towards_street(graph: StreetGraph, place: np.ndarray) -> float:
    """Bearing of the nearest point of any edge."""
    start, way = graph.position[graph.source], graph.position[graph.target] - graph.position[graph.source]
    length = np.maximum((way**2).sum(axis=1), 1e-12)
    share = np.clip(((place - start) * way).sum(axis=1) / length, 0.0, 1.0)
    to = start + share[:, None] * way - place
    east, north = to[(to**2).sum(axis=1).argmin()]
    return math.atan2(north, east)
