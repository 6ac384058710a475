"""A street graph with everything that walking it needs as tables: stances, hops, and what is seen where.

L landmarks, N panoramas, S stances (street_stances.py). Several cities are one world whose parts are not joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loci.sim.worlds.landmarks import BINS, Landmarks, heading_bin
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_hops import Hops, tabulate_hops
from loci.sim.worlds.street_stances import Stances, tabulate


@dataclass(frozen=True, eq=False)
class StreetWorld:
    """`said`: (L,) what sentences call a landmark. `looks`: (L,) the words of its descriptor. `kind`: (L,) such as
    "pharmacy", "" where it is not known. The sightings of panorama n are first[n] to first[n + 1] - 1, nearest first:
    `seen` landmark numbers, `bearing` radians and `distance` metres from the panorama."""

    graph: StreetGraph
    said: tuple[str, ...]
    looks: tuple[str, ...]
    kind: tuple[str, ...]
    first: np.ndarray
    seen: np.ndarray
    bearing: np.ndarray
    distance: np.ndarray

    @cached_property
    def stances(self) -> Stances:
        return tabulate(self.graph)

    @cached_property
    def hops(self) -> Hops:
        return tabulate_hops(self.graph)

    @cached_property
    def ways(self) -> np.ndarray:
        """(N,) how many neighbours a panorama has."""
        return np.diff(self.graph.around[0])

    @cached_property
    def shown(self) -> np.ndarray:
        """(S, 5) the nearest landmark in each of BINS, -1 where there is none."""
        node = self.stances.node
        count = np.diff(self.first)[node]
        stance = np.repeat(np.arange(len(node)), count)
        begun = np.repeat(np.cumsum(count) - count, count)
        sighting = np.repeat(self.first[node], count) + np.arange(len(stance)) - begun
        bins = heading_bin(self.bearing[sighting], self.stances.heading[stance])
        kept = np.flatnonzero(bins >= 0)[::-1]
        shown = np.full((len(node), len(BINS)), -1, np.int32)
        shown[stance[kept], bins[kept]] = self.seen[sighting[kept]]
        return shown

    @cached_property
    def beside(self) -> np.ndarray:
        """(L,) the panorama on a street that is nearest to each landmark, of those that see it; -1 where none is."""
        node = np.repeat(np.arange(self.graph.nodes), np.diff(self.first))
        order = np.argsort(-self.distance, kind="stable")
        order = order[self.ways[node[order]] == 2]
        beside = np.full(len(self.said), -1)
        beside[self.seen[order]] = node[order]
        return beside


def city_world(cities: Sequence[tuple[StreetGraph, Landmarks]]) -> StreetWorld:
    """One world of some cities; names of panoramas begin with the number of their city."""
    graphs, marks = [graph for graph, _ in cities], [landmarks for _, landmarks in cities]
    nodes = np.cumsum([0, *(graph.nodes for graph in graphs)])
    counts = np.cumsum([0, *(len(landmarks.name) for landmarks in marks)])
    graph = StreetGraph.build(
        [f"{city}/{name}" for city, graph in enumerate(graphs) for name in graph.names],
        np.concatenate([graph.position for graph in graphs]),
        np.concatenate([graph.yaw for graph in graphs]),
        np.concatenate([graph.source + base for graph, base in zip(graphs, nodes, strict=False)]),
        np.concatenate([graph.target + base for graph, base in zip(graphs, nodes, strict=False)]),
        np.concatenate([graph.heading for graph in graphs]),
    )
    said = tuple(name.lower() for landmarks in marks for name in landmarks.name)
    colour = [colour for landmarks in marks for colour in landmarks.colour]
    return StreetWorld(
        graph,
        said,
        tuple(f"{tint} {name}" for tint, name in zip(colour, said, strict=True)),
        tuple(kind.replace("_", " ") for landmarks in marks for kind in landmarks.kind),
        np.concatenate([[0], np.cumsum(np.concatenate([np.diff(landmarks.first) for landmarks in marks]))]),
        np.concatenate([landmarks.seen + base for landmarks, base in zip(marks, counts, strict=False)]),
        np.concatenate([landmarks.bearing for landmarks in marks]),
        np.concatenate([landmarks.distance for landmarks in marks]),
    )
