"""What Mem4Nav knows of one row, for planners and people: a map that answers questions, and layers to be drawn.

The memory knows places by vectors, not by names. A place is found by its label ("landmark 3") alone, unless the view is
made with `code`, which turns words into a vector of the memory's space; then what looks most like it is found.

Keys are the slots of maps/chart.py: leaves of the octree, then landmarks. Positions are metres in the world frame, x to
the east and y to the north.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from loci.memories.layers import Boxes, Edges, Labels, Layer
from loci.memories.maps.cache import SOURCES
from loci.memories.maps.chart import Chart
from loci.memories.memory import Code, Entry

Place = tuple[float, float, float]
NEW, OLD = np.array([255.0, 170.0, 30.0]), np.array([60.0, 70.0, 220.0])
"""Colours of what was seen now and of what was seen when the episode began."""
WAY, ROUTES = (150, 90, 190), ((0, 190, 255), (60, 220, 90))
"""Colours of the ways, and of the routes that the first and the second query plan."""
COMPASS = ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east")
TOUCHING = 1.001 * math.sqrt(3.0)
"""Leaf widths between the centres of leaves that share a corner, and a little for rounding."""


@dataclass(frozen=True)
class StreetMap:
    """`held` gives (M, D), what the memory holds of each key, 0 where it holds nothing; `since` (M,) the step at which
    it was first seen, -1 where that is not kept. Leaves no farther than `stride` metres apart are neighbours, and those
    that touch."""

    chart: Chart
    held: Callable[[], np.ndarray]
    since: np.ndarray
    stride: float = 0.0
    code: Code | None = None

    def near(self, position: Place, k: int) -> list[Entry]:
        """Leaves and landmarks, nearest first."""
        entries = [self._entry(key, place, position) for key, place in self._places.items()]
        return sorted(entries, key=lambda entry: (entry.distance, entry.key))[: at_least_one(k)]

    def find(self, query: str, k: int) -> list[Entry]:
        """Best match first: with `code` the places whose vector is most like that of the query, by cosine; else those
        whose label has the query in it, with score 1. Distances are those from where the agent is."""
        places, here = self._places, self._here() or (0.0, 0.0, 0.0)
        scores = self._scores(query, list(places))
        best = sorted(scores, key=lambda key: (-scores[key], key))[: at_least_one(k)]
        return [self._entry(key, places[key], here, scores[key]) for key in best]

    def neighbours(self, key: int) -> list[tuple[int, float]]:
        """Of a landmark those to which a way leads, of a leaf those that are near, and those of the other sort that
        are; metres between them, nearest first. KeyError for a key that stands for nothing."""
        places = self._places
        if key not in places:
            raise KeyError(f"no place {key}; keys are {', '.join(map(str, places)) or 'none yet'}")
        leaf = key < self.chart.offset
        keys = self._touching(key) if leaf else self._led_to(key)
        others = [
            other
            for other, place in places.items()
            if (other < self.chart.offset) != leaf and math.dist(place, places[key]) <= self.stride
        ]
        keys = keys + others
        return sorted(((other, math.dist(places[key], places[other])) for other in keys), key=lambda pair: pair[::-1])

    def describe(self, max_entries: int) -> str:
        """Where the agent is, and the landmarks (without a graph: the leaves) nearest to it: how far, in which
        direction, and over how many landmarks the way leads."""
        here = self._here()
        if here is None:
            return "Nothing has been seen yet."
        first = 0 if self.chart.graph is None else self.chart.offset
        entries = [self._entry(key, place, here) for key, place in self._places.items() if key >= first]
        entries.sort(key=lambda entry: (entry.distance, entry.key))
        opening = f"You are at ({here[0]:.0f}, {here[1]:.0f}) m and know {len(entries)} places."
        return "\n".join([opening, *(self._line(entry, here) for entry in entries[:max_entries])])

    def _here(self) -> Place | None:
        return None if self.chart.here is None else _place(self.chart.here)

    @cached_property
    def _places(self) -> dict[int, Place]:
        """Keys and where they lie, in the order of the keys."""
        places: dict[int, Place] = {}
        if self.chart.tree is not None:
            slots = self.chart.tree.slots()
            places |= zip(slots.tolist(), map(_place, self.chart.tree.centre(slots)), strict=True)
        if self.chart.graph is not None:
            slots = self.chart.graph.slots()
            positions = self.chart.graph.arrays.position[slots]
            places |= zip((slots + self.chart.offset).tolist(), map(_place, positions), strict=True)
        return places

    def _entry(self, key: int, place: Place, seen_from: Place, score: float = 0.0) -> Entry:
        return Entry(key, self._label(key), place, math.dist(place, seen_from), score, int(self.since[key]))

    def _label(self, key: int) -> str:
        return f"leaf {key}" if key < self.chart.offset else f"landmark {key - self.chart.offset}"

    def _scores(self, query: str, keys: list[int]) -> dict[int, float]:
        if self.code is None:
            return {key: 1.0 for key in keys if query.casefold() in self._label(key)}
        return dict(zip(keys, alike(self.held()[keys], self.code(query)).tolist(), strict=True))

    def _touching(self, key: int) -> list[int]:
        tree = self.chart.tree
        assert tree is not None
        slots, _ = tree.radius(tree.centre(np.array([key]))[0], max(TOUCHING * tree.leaf, self.stride))
        return [slot for slot in slots.tolist() if slot != key]

    def _led_to(self, key: int) -> list[int]:
        assert self.chart.graph is not None
        slots, _ = self.chart.graph.neighbours(key - self.chart.offset)
        return (slots + self.chart.offset).tolist()

    def _line(self, entry: Entry, here: Place) -> str:
        told = f"{entry.label}: {entry.distance:.0f} m {_direction(here, entry.position)}"
        if self.chart.graph is None:
            return told
        way, _ = self.chart.graph.shortest_path(self.chart.node, entry.key - self.chart.offset)
        return f"{told}, {_steps(len(way) - 1)}"


def chart_drawn(chart: Chart) -> tuple[Layer, ...]:
    """Leaves coloured by age, landmarks, and the ways between them."""
    layers: list[Layer] = []
    if chart.tree is not None:
        slots = chart.tree.slots()
        age = (chart.tree.clock - chart.tree.touched[slots]) / max(chart.tree.clock, 1)
        centres = chart.tree.centre(slots)
        halves = np.full(centres.shape, chart.tree.leaf / 2)
        layers.append(Boxes("leaves", centres, halves, (NEW + (OLD - NEW) * age[:, None]).astype(np.uint8)))
    if chart.graph is not None:
        slots, held = chart.graph.slots(), chart.graph.arrays
        texts = tuple(f"landmark {slot}" for slot in slots)
        records = tuple(f"seen {held.visits[slot]} times" for slot in slots)
        layers.append(Labels("landmarks", held.position[slots], texts, records, slots == chart.node))
        pairs = [(slot, other) for slot in slots.tolist() for other in chart.graph.neighbours(slot)[0]]
        ends = held.position[np.array(pairs, int).reshape(-1, 2)]
        layers.append(Edges("ways", ends, _coloured(WAY, len(pairs)), width=2.0))
    return tuple(layers)


def answers_drawn(chart: Chart, queries: Sequence[str], trace: dict[str, np.ndarray]) -> tuple[Layer, ...]:
    """The places found, named by their query and source, and the ways planned to them; `trace` is that of one row."""
    layers: list[Layer] = []
    query, rank = np.nonzero(trace["slot"] >= 0)
    best, sources = zip(query.tolist(), rank.tolist(), strict=True), trace["source"].tolist()
    texts = tuple(f"{queries[q]} {r + 1}, {SOURCES[sources[q]]}" for q, r in best)
    fits = zip(trace["cosine"][query, rank], trace["distance"][query, rank], strict=True)
    records = tuple(f"cosine {cosine:.2f}, {distance:.1f} m away" for cosine, distance in fits)
    layers.append(Labels("found", trace["position"][query, rank].astype(float), texts, records))
    if chart.graph is not None:
        ways = [chart.graph.arrays.position[way[way >= 0]] for way in trace["way"]]
        ends = [np.stack([way[:-1], way[1:]], axis=1) for way in ways]
        colours = [_coloured(ROUTES[q], max(len(way) - 1, 0)) for q, way in enumerate(ways)]
        layers.append(Edges("routes", np.concatenate(ends), np.concatenate(colours), width=5.0))
    return tuple(layers)


def _coloured(colour: tuple[int, int, int], count: int) -> np.ndarray:
    return np.tile(np.array(colour, np.uint8), (count, 1))


def _direction(here: Place, there: Place) -> str:
    """One of the eight winds."""
    angle = math.atan2(there[1] - here[1], there[0] - here[0])
    return COMPASS[round(angle / (math.pi / 4)) % 8]


def _steps(count: int) -> str:
    if count < 0:
        return "no way known"
    return "the one you are at" if count == 0 else f"{count} landmark{'s' * (count > 1)} on"


def _place(position: np.ndarray) -> Place:
    return (float(position[0]), float(position[1]), float(position[2]))


def at_least_one(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return k


def alike(held: np.ndarray, wanted: Tensor) -> np.ndarray:
    """Cosines (N,) of vectors (N, D) with one (D,); 0 for a vector of length 0."""
    asked = wanted.detach().cpu().double().numpy()
    lengths = np.linalg.norm(held.astype(float), axis=1) * np.linalg.norm(asked)
    cosines: np.ndarray = held.astype(float) @ asked / np.maximum(lengths, 1e-12)
    return cosines
