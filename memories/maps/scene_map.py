"""What a scene graph knows, for planners and people: a map that answers questions.

Things and areas are found by name. A name fits a query by the words they share: 1 where they are the same, else the
shared words over all words of both. Distances of answers are from the place asked about, or from the camera. Keys are
those of the graph, metres are those of the world frame, times are seconds.
"""

import math
from dataclasses import dataclass

import numpy as np

from loci.memories.maps import relations
from loci.memories.maps.facts import Fact, Value
from loci.memories.maps.scene_graph import SceneGraph
from loci.memories.maps.things import Point
from loci.memories.memory import Entry


@dataclass(frozen=True)
class Found:
    """Where a thing is."""

    key: int
    label: str
    position: Point
    area: int
    """Key of the area, -1 where there is none."""
    relation: str
    """"on", "in", or "" where it is neither."""
    parent: int
    """Key of what it is on or in, -1 for nothing."""
    states: dict[str, Value]
    belief: float
    """Probability that it is still there, by all looks at the place."""
    seen: float
    """When it was seen last."""


@dataclass(frozen=True)
class Stale:
    """A thing that may not be where it is believed to be."""

    key: int
    label: str
    age: float
    """Seconds since it was seen last."""
    belief: float


@dataclass(frozen=True)
class SceneMap:
    """A read-only view of a graph. Only known things that are not gone are told of."""

    graph: SceneGraph

    def near(self, position: Point, k: int) -> list[Entry]:
        """Things and areas, nearest first, then by key."""
        entries = [self._entry(key, position) for key in self._keys()]
        return sorted(entries, key=lambda entry: (entry.distance, entry.key))[: _at_least_one(k)]

    def find(self, query: str, k: int) -> list[Entry]:
        """Things and areas whose name shares a word with the query: best match first, then nearest to the camera."""
        entries = [self._entry(key, self.graph.here, alike(query, self.label(key))) for key in self._keys()]
        entries = [entry for entry in entries if entry.score > 0.0]
        return sorted(entries, key=lambda entry: (-entry.score, entry.distance, entry.key))[: _at_least_one(k)]

    def neighbours(self, key: int) -> list[tuple[int, float]]:
        """Of an area those to which a way leads, with its metres; of a thing those it is on, in or near and those on or
        in it, with the metres between their middles. Least first, then by key. KeyError for what is not known."""
        if key in self.graph.plan.ways:
            pairs = list(self.graph.plan.ways[key].items())
        else:
            self._check(key)
            here = self._position(key)
            pairs = [(other, math.dist(here, self._position(other))) for other in self._beside(key)]
        return sorted(pairs, key=lambda pair: pair[::-1])

    def describe(self, max_entries: int) -> str:
        """The areas and the ways between them, then the things nearest to the camera, one a line."""
        areas = [self._area_line(key) for key in self.graph.plan.ways]
        places = [(math.dist(self._position(key), self.graph.here), key) for key in self.graph.known()]
        things = [self._thing_line(self.where(key)) for _, key in sorted(places)[: _at_least_one(max_entries)]]
        return "\n".join([f"{len(areas)} areas and {len(places)} things are known.", *areas, *things])

    def label(self, key: int) -> str:
        """Name of a thing or of a place. KeyError for what is not known."""
        self._check(key)
        node = self.graph.plan.nodes.get(key)
        return node.name if node else self.graph.things[key].label

    def where(self, key: int) -> Found:
        """Where a thing is. KeyError for what is no known thing."""
        if key not in self.graph.known():
            raise KeyError(f"no known thing {key}; known are {', '.join(map(str, self.graph.known())) or 'none yet'}")
        facts, thing = self.graph.facts, self.graph.things[key]
        relation, parent = self.graph.parents.get(key, ("", -1))
        area = facts.value(key, "area")
        states = {name: facts.value(key, f"is {name}") for name in sorted(self.graph.states)}
        known: dict[str, Value] = {name: value for name, value in states.items() if value is not None}
        return Found(
            key, thing.label, self._position(key), area if isinstance(area, int) else -1, relation, parent, known,
            thing.belief, thing.seen,
        )  # fmt: skip

    def where_is(self, label: str) -> list[Found]:
        """Where all things of a name are: the surest first, then the one seen last, then by key."""
        found = [self.where(key) for key in self.graph.known() if self.label(key) == label]
        return sorted(found, key=lambda one: (-one.belief, -one.seen, one.key))

    def contents(self, key: int) -> list[int]:
        """Keys, ascending: of a thing all that is on or in it, or on or in that; of a building, a floor or an area the
        things there."""
        self._check(key)
        if key in self.graph.things:
            return sorted(self.graph.upon(key))
        areas = {area for area in self.graph.plan.ways if key == area or key in self.graph.plan.above(area)}
        return [thing for thing in self.graph.known() if self.graph.facts.value(thing, "area") in areas]

    def changed(self, since: float) -> list[Fact]:
        """What was learned after `since` and is believed: what began or ceased to be so. In the order of learning."""
        return self.graph.facts.changed(since)

    def was(self, key: int, time: float, believed: float = math.inf) -> dict[str, Value]:
        """What held at `time` of a thing, also of one that is gone, by what was believed at `believed`, inf for now."""
        return {row.predicate: row.value for row in self.graph.facts.at(time, believed, key)}

    def stale(self, age: float) -> list[Stale]:
        """Known things not seen for more than `age` seconds, or whose place was found free since: the least believed
        first, then the oldest, then by key."""
        now, things = self.graph.time, [self.graph.things[key] for key in self.graph.known()]
        stale = [
            Stale(thing.key, thing.label, now - thing.seen, thing.belief)
            for thing in things
            if now - thing.seen > age or thing.empty < math.inf
        ]
        return sorted(stale, key=lambda one: (one.belief, -one.age, one.key))

    def near_pairs(self) -> list[tuple[int, int]]:
        """Pairs of known things that are near each other, the lower key first, ascending."""
        keys = self.graph.known()
        centres, extents = self.graph.boxes(keys)
        places = {key: place for place, key in enumerate(keys)}
        above = [self.graph.parents.get(key, ("", -1))[1] for key in keys]
        parent = np.array([places.get(key, -1) for key in above], int)
        close = np.triu(relations.near(centres, extents, parent))
        return [(keys[one], keys[other]) for one, other in np.argwhere(close).tolist()]

    def _keys(self) -> list[int]:
        return [*self.graph.plan.ways, *self.graph.known()]

    def _check(self, key: int) -> None:
        if key not in self.graph.plan.nodes and key not in self.graph.known():
            raise KeyError(f"nothing has the key {key}; keys are {', '.join(map(str, self._keys())) or 'none yet'}")

    def _position(self, key: int) -> Point:
        node = self.graph.plan.nodes.get(key)
        if node:
            return node.position
        x, y, z = self.graph.things[key].position.tolist()
        return x, y, z

    def _entry(self, key: int, seen_from: Point, score: float = 0.0) -> Entry:
        place, thing = self._position(key), self.graph.things.get(key)
        return Entry(key, self.label(key), place, math.dist(place, seen_from), score, thing.since if thing else -1)

    def _beside(self, key: int) -> list[int]:
        pairs = [*self.near_pairs(), *((child, parent) for child, (_, parent) in self.graph.parents.items())]
        return sorted({one if other == key else other for one, other in pairs if key in (one, other)})

    def _area_line(self, key: int) -> str:
        ways = ", ".join(f"{self.label(other)} ({cost:.1f} m)" for other, cost in self.neighbours(key))
        return f"Area {self.label(key)} [{key}] leads to {ways or 'nowhere'}."

    def _thing_line(self, found: Found) -> str:
        x, y, z = found.position
        parent = f" {found.relation} the {self.label(found.parent)} [{found.parent}]" if found.relation else ""
        area = f" in area {self.label(found.area)}" if found.area >= 0 else ""
        states = ", ".join(f"{name}: {value}" for name, value in found.states.items())
        told = f"{found.label} [{found.key}]{parent}{area} at ({x:.2f}, {y:.2f}, {z:.2f}) m"
        return f"{told}, {states}." if states else f"{told}."


def alike(query: str, label: str) -> float:
    """Shared words over all words of two names, 0..1."""
    one, other = set(query.casefold().split()), set(label.casefold().split())
    return len(one & other) / max(len(one | other), 1)


def _at_least_one(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return k
