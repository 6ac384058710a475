"""A scene graph: a building, its floors, their areas and the things in them, kept up to date from what a detector says.

After the long-term memory of KARMA (arXiv 2409.14908), G = (V, E) with floors, areas and things. One observation, in
this order: detections are told apart or recognised (association.py); things change by what was seen of them, things
whose place was found free are doubted and at last gone (things.py); doubles are joined; what stands on or in what is
derived from the boxes (relations.py); and every change of a known thing is filed as facts (facts.py).

A thing becomes *known* when it is believed in with `Senses.confirmed`; before, it is not offered to anyone and leaves
no facts. A known thing that is gone keeps its key, its history and the place where it was, and is the same again when
it comes back. Whatever stands on or in a thing that moves moves with it, unless it was seen elsewhere.

Predicates are `label`, `position`, `area`, `on`, `in`, `is <state>` of things (keys as values of `area`, `on`, `in`),
`connects` of areas, and `same as` of a key that stood for a thing that has another one.

Two things of one category are one where a detection that could be both is taken for one of them and the other goes
unseen; but never when they were once seen near each other in one picture.

Capacity is finite: to make room, unconfirmed things are forgotten first, then those that are gone, then the others,
each time the one seen longest ago, with its facts.

*Differs from the paper:* things that can be moved are held too; there is evidence that things are not there, a
history, and a way to correct; areas are not made by this class but given to it (areas.py makes them from cells).
Positions are metres in the world frame, times seconds.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

import numpy as np

from loci.memories.maps import association, filing, relations
from loci.memories.maps.facts import ADDED, RANKS, TEXT, Facts, Value
from loci.memories.maps.floorplan import WAYS, Floorplan, Node
from loci.memories.maps.things import (
    STATES,
    Detection,
    Point,
    Senses,
    State,
    Thing,
    absorb,
    check_words,
    logit,
    meet,
    met,
    miss,
)

Free = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From middles (N, 3) and widths (N, 3) of boxes to (N,) bool, which of them were seen to be free. See rays.py."""
HOLD = max(STATES + 6, WAYS) + 2
"""Facts that may hold of one thing or area, and a little."""
BESIDE = 1.0
"""Metres within which things of one category are remembered to be two."""
SAID = 2.0
"""Votes of an operator for a category: three reports of another overrule it."""
THING = 3 * 24 + 10 * 8 + 4 * (TEXT + 8)
"""Bytes of a thing with four categories of the longest name."""


class SceneGraph:
    """At most `things` things, `areas` places of the upper levels, `cells` cells and `facts` facts (None for twice what
    can hold at a time). A leaf of a memory's state: it has clone and nbytes."""

    def __init__(
        self,
        things: int = 256,
        areas: int = 64,
        cells: int = 4096,
        facts: int | None = None,
        senses: Senses = Senses(),  # noqa: B008
        building: str = "home",
    ) -> None:
        least = HOLD * (things + areas) + ADDED
        if things < 1:
            raise ValueError(f"things must be 1 or more, got {things}")
        if facts is not None and facts < least:
            raise ValueError(f"facts must be {least} or more for {things} things and {areas} areas, got {facts}")
        self.capacity, self.senses = things, senses
        self.facts = Facts(2 * least if facts is None else facts, RANKS, frozenset({"connects"}))
        self.plan = Floorplan(areas, cells)
        self.things: dict[int, Thing] = {}
        self.parents: dict[int, tuple[str, int]] = {}
        """Of each known thing that is on or in another: how, and its key."""
        self.here: Point = (0.0, 0.0, 0.0)
        """Where the camera was last."""
        self.states: frozenset[str] = frozenset()
        """Names of states met so far."""
        self.time, self.clock, self.next_key = -math.inf, 0, 0
        self.building = self._place("building", building, -1, (0.0, 0.0, 0.0), np.zeros((0, 3)))

    @property
    def nbytes(self) -> int:
        """Bytes when full; they do not grow."""
        return self.capacity * THING + self.plan.nbytes + self.facts.nbytes

    def clone(self) -> "SceneGraph":
        """An independent copy."""
        twin = object.__new__(SceneGraph)
        twin.__dict__.update(self.__dict__)
        twin.facts, twin.plan, twin.parents = self.facts.clone(), self.plan.clone(), dict(self.parents)
        twin.things = {key: thing.clone() for key, thing in self.things.items()}
        return twin

    def add_floor(self, name: str, height: float = 0.0) -> int:
        """Key of a new floor, `height` metres up."""
        return self._place("floor", name, self.building, (0.0, 0.0, height), np.zeros((0, 3)))

    def add_area(self, name: str, floor: int, position: Point, cells: np.ndarray | None = None) -> int:
        """Key of a new area with its middle and its cells (N, 3); see Floorplan.add."""
        return self._place(
            "area", name, floor, position, np.zeros((0, 3)) if cells is None else np.asarray(cells, float)
        )

    def connect(self, time: float, one: int, other: int, cost: float) -> None:
        """From `time` on there is a way between two areas, `cost` metres long."""
        self._check_time(time)
        self.plan.connect(one, other, cost)
        self.time = time
        for here, there in ((one, other), (other, one)):
            self.facts.tell(here, "connects", there, time, source="inferred")

    def disconnect(self, time: float, one: int, other: int) -> None:
        """From `time` on there is none."""
        self._check_time(time)
        self.plan.disconnect(one, other)
        self.time = time
        for here, there in ((one, other), (other, one)):
            self.facts.tell(here, "connects", there, time, source="inferred", holds=False)

    def observe(self, time: float, here: Point, detections: Sequence[Detection], free: Free | None = None) -> list[int]:
        """Enter what was detected at `time` from a camera at `here`, and which places were seen to be free (None: no
        evidence). The keys of the things that the detections are, in their order; the order of detections matters in
        nothing else. ValueError for a time before that of an earlier call, for two detections with one number, for
        more detections than the graph can hold things, and for more than STATES names of states."""
        numbers = [one.instance for one in detections if one.instance is not None]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"detections of one picture must have different numbers, got {sorted(numbers)}")
        if len(detections) > self.capacity:
            raise ValueError(f"a graph of {self.capacity} things cannot hold {len(detections)} detections")
        names = {name for one in detections for name in one.states}
        self._check_states(names)
        self._check_time(time)
        self.time, self.here, self.clock, self.states = time, here, self.clock + 1, self.states | names
        order = sorted(range(len(detections)), key=lambda number: _rank(detections[number]))
        ordered = [detections[number] for number in order]
        found = self._recognise(time, ordered, free)
        alias = self._join(time, {thing.key for thing in found})
        for thing, seen in zip(found, ordered, strict=True):
            filing.states(self.facts, self.things[alias.get(thing.key, thing.key)], seen, time)
        self._settle(time)
        keys = {number: alias.get(thing.key, thing.key) for number, thing in zip(order, found, strict=True)}
        return [keys[number] for number in range(len(detections))]

    def correct(
        self,
        time: float,
        key: int,
        position: Point | None = None,
        label: str | None = None,
        states: Mapping[str, State] | None = None,
        gone: bool | None = None,
        since: float | None = None,
    ) -> None:
        """What an operator says of a thing at `time`: where it is, what it is, in which states, that it is gone or is
        not (None: nothing of that); so since `since` (None for now). A thing with a position is not gone. Only what is
        seen after that can change it. KeyError for an unknown thing."""
        thing = self.thing(key)
        begin = time if since is None else since
        said = dict(states or {})
        self._check_time(time)
        self._check_correction(time, thing, begin, position, label, said, gone)
        self.time, self.states = time, self.states | set(said)
        thing.corrected, thing.known = time, True
        back = position is not None or (gone is False and thing.gone)
        if back:
            thing.position = np.array(thing.position if position is None else position, float)
            thing.weight, thing.since, thing.arrived = 1.0, self.clock, begin
        if back or gone is not None:
            thing.gone, thing.empty = bool(gone), math.inf
            thing.odds = logit(self.senses.certain) * (-1.0 if gone else 1.0)
        told: dict[str, Value] = {f"is {name}": value for name, value in said.items()}
        if label is not None:
            thing.votes, told["label"] = {label: SAID}, label
        if back:
            told["position"] = filing.point(thing)
        for predicate, value in sorted(told.items()):
            self.facts.tell(key, predicate, value, begin, time, "operator")
        if gone:
            filing.end(self.facts, key, begin, time, "operator")
        self._settle(time)

    def thing(self, key: int) -> Thing:
        """A thing by its key. KeyError where none is held."""
        if key not in self.things:
            raise KeyError(f"no thing {key}; things are {', '.join(map(str, self.known())) or 'none yet'}")
        return self.things[key]

    def known(self) -> list[int]:
        """Keys of the things that are known and not gone, ascending."""
        return [key for key, thing in sorted(self.things.items()) if thing.known and not thing.gone]

    def boxes(self, keys: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Middles (N, 3) and widths (N, 3) of things."""
        things = [self.things[key] for key in keys]
        centres = np.array([thing.position for thing in things], float).reshape(-1, 3)
        return centres, np.array([thing.extent for thing in things], float).reshape(-1, 3)

    def _check_correction(
        self,
        time: float,
        thing: Thing,
        begin: float,
        position: Point | None,
        label: str | None,
        states: Mapping[str, State],
        gone: bool | None,
    ) -> None:
        check_words(thing.label if label is None else label, states)
        self._check_states(states)
        if not -math.inf < begin <= time:
            raise ValueError(f"since must be finite and not after time, got {begin} s and {time} s")
        if position is not None and (gone or not np.isfinite(position).all() or len(position) != 3):
            raise ValueError(f"position must be three finite metres of a thing not gone, got {position}, gone = {gone}")

    def _check_states(self, names: Iterable[str]) -> None:
        all_names = self.states | set(names)
        if len(all_names) > STATES:
            raise ValueError(f"a graph knows {STATES} states at most, got {', '.join(sorted(all_names))}")

    def _place(self, level: str, name: str, parent: int, position: Point, cells: np.ndarray) -> int:
        if not 0 < len(name) <= TEXT:
            raise ValueError(f"name of a {level} must have 1 to {TEXT} characters, got {name!r}")
        self.plan.add(Node(self.next_key, level, name, parent, position), cells)
        self.next_key += 1
        return self.next_key - 1

    def _check_time(self, time: float) -> None:
        if not self.time <= time < math.inf:
            raise ValueError(f"time must be finite and not run back, got {time} s after {self.time} s")

    def _recognise(self, time: float, seen: list[Detection], free: Free | None) -> list[Thing]:
        """The things that detections are; all things changed by what was seen of them and of their places."""
        things = [thing for _, thing in sorted(self.things.items())]
        pairs = association.associate(seen, things, self.senses)
        taken = {thing.key for thing in pairs.values()}
        unseen = [thing for thing in things if thing.key not in taken and not thing.gone]
        empty = self._empty(unseen, free) | association.displaced(seen, unseen)
        pairs |= association.moved(seen, things, pairs, empty)
        taken = {thing.key for thing in pairs.values()}
        found: list[Thing] = []
        for number, detection in enumerate(seen):
            thing = pairs.get(number) or self._new(time, detection, taken)
            taken.add(thing.key)
            found.append(thing)
        explained = set(taken)
        for number, thing in pairs.items():
            explained |= self._meet(time, thing, seen[number], taken)
        for key in sorted((empty - explained) & set(self.things)):
            if self.things[key].corrected < time:
                miss(self.things[key], self.senses, time)
        self._tell_apart(found)
        return found

    def _meet(self, time: float, thing: Thing, detection: Detection, taken: set[int]) -> set[int]:
        """Change a thing by a report of it. The keys of what it carried along."""
        before, gone = thing.position, thing.gone
        if thing.corrected >= time or not meet(thing, detection, self.senses, time, self.clock) or gone:
            return set()
        carried = self.upon(thing.key, taken)
        for child in carried:
            other = self.things[child]
            other.position = other.position + (thing.position - before)
            other.arrived, other.since = time, self.clock
        return carried

    def _new(self, time: float, detection: Detection, taken: set[int]) -> Thing:
        if len(self.things) == self.capacity:
            others = [thing for key, thing in self.things.items() if key not in taken]
            self._forget(min(others, key=lambda one: (one.known, one.known and not one.gone, one.seen, one.key)).key)
        thing = met(self.next_key, detection, self.senses, time, self.clock)
        self.things[thing.key] = thing
        self.next_key += 1
        return thing

    def _forget(self, key: int) -> None:
        self._remove(key)
        self.facts.forget(key)

    def _remove(self, key: int) -> None:
        del self.things[key]
        self.parents = {child: pair for child, pair in self.parents.items() if key not in (child, pair[1])}
        for thing in self.things.values():
            thing.beside = thing.beside - {key}

    def _empty(self, things: list[Thing], free: Free | None) -> set[int]:
        """Keys of the things whose place was seen to be free."""
        if free is None or not things:
            return set()
        keys = [thing.key for thing in things]
        answer = np.asarray(free(*self.boxes(keys)))
        if answer.shape != (len(keys),) or answer.dtype != bool:
            raise ValueError(f"free must give {(len(keys),)} truth values, got {answer.shape} {answer.dtype}")
        return {key for key, is_free in zip(keys, answer.tolist(), strict=True) if is_free}

    def upon(self, key: int, but: Set[int] = frozenset()) -> set[int]:
        """Keys of all that is on or in a thing, or on or in that; without those in `but` and what is upon them."""
        upon: set[int] = set()
        fresh = {key}
        while fresh:
            fresh = {child for child, (_, parent) in self.parents.items() if parent in fresh} - upon - but
            upon |= fresh
        return upon

    def _tell_apart(self, found: list[Thing]) -> None:
        centres, _ = self.boxes(thing.key for thing in found)
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
        for one, other in zip(*np.nonzero(apart <= BESIDE), strict=True):
            if one != other and found[one].label == found[other].label:
                found[one].beside = found[one].beside | {found[other].key}

    def _join(self, time: float, seen: set[int]) -> dict[int, int]:
        """Join doubles of what was seen. Keys that are no longer, and what stands for them."""
        alias: dict[int, int] = {}
        unseen = [thing for key, thing in sorted(self.things.items()) if key not in seen and not thing.gone]
        for thing in unseen:
            doubles = [mate for mate in sorted(seen - set(alias)) if self._double(thing, self.things[mate])]
            if doubles:
                old, new = sorted((thing.key, doubles[0]))
                alias[new] = old
                seen = (seen - {new}) | {old}
                self._absorb(time, self.things[old], self.things[new])
        return alias

    def _double(self, thing: Thing, seen: Thing) -> bool:
        near = math.dist(thing.position, seen.position) <= self.senses.gate(min(thing.weight, seen.weight))
        numbered = thing.instance is not None and seen.instance is not None
        return near and thing.label == seen.label and not numbered and thing.key not in seen.beside

    def _absorb(self, time: float, old: Thing, new: Thing) -> None:
        absorb(old, new, self.senses)
        if new.known:
            filing.end(self.facts, new.key, time, time, "inferred", keep=())
            self.facts.tell(new.key, "same as", old.key, new.first, time, "inferred")
            self.facts.tell(new.key, "same as", None, time, time, "inferred", holds=False)
        self._remove(new.key)

    def _settle(self, time: float) -> None:
        """File what has changed of places, names and relations; forget what was never known and is gone."""
        for key in [key for key, thing in self.things.items() if thing.gone and not thing.known]:
            self._forget(key)
        for key, thing in sorted(self.things.items()):
            if thing.gone and self.facts.value(key, "position") is not None:
                filing.end(self.facts, key, min(thing.empty, time), time)
        keys = self.known()
        centres, extents = self.boxes(keys)
        parent, how = relations.parents(centres, extents)
        self.parents = {
            key: (relations.NAMES[way], keys[above])
            for key, above, way in zip(keys, parent.tolist(), how.tolist(), strict=True)
            if above >= 0
        }
        for key, area in zip(keys, self.plan.area_at(centres).tolist(), strict=True):
            filing.place(self.facts, self.things[key], area, self.parents.get(key), time)


def _rank(seen: Detection) -> tuple[str, Point, Point, int, float, str]:
    """An order of detections that does not depend on how they are listed."""
    number = -1 if seen.instance is None else seen.instance
    return seen.category, seen.position, seen.extent, number, seen.confidence, repr(sorted(seen.states.items()))
