"""What a scene graph believes of its things, filed as facts whenever it changes."""

import math

from loci.memories.maps.facts import Facts, Value
from loci.memories.maps.relations import NAMES
from loci.memories.maps.things import Detection, Point, Thing

FINE = 0.05
"""Metres by which the mean position may leave the one that was filed."""


def place(facts: Facts, thing: Thing, area: int, parent: tuple[str, int] | None, time: float) -> None:
    """What a thing is, where, in which area (-1 for none), and what it is on or in, as is known at `time`.

    A mean that has become more exact is filed for all the time that the thing has been there, or else since an
    operator spoke of it, for what was seen before that does not count.
    """
    filed = facts.value(thing.key, "position")
    fresh = filed is None
    arrived = thing.arrived if thing.arrived > thing.corrected else time
    begin = arrived if fresh else time
    _tell(
        facts, thing.key, "label", thing.label, thing.first if facts.value(thing.key, "label") is None else time, time
    )
    if not isinstance(filed, tuple) or math.dist(filed, point(thing)) > FINE:
        _tell(facts, thing.key, "position", point(thing), arrived, time, confidence=thing.belief)
    _tell(facts, thing.key, "area", area if area >= 0 else None, begin, time, "inferred")
    relation, above = parent or ("", -1)
    for name in NAMES[1:]:
        _tell(facts, thing.key, name, above if name == relation else None, begin, time, "inferred")


def states(facts: Facts, thing: Thing, seen: Detection, time: float) -> None:
    """The states in which a known thing was seen at `time`."""
    if thing.known and thing.corrected < time:
        for name, value in sorted(seen.states.items()):
            _tell(facts, thing.key, f"is {name}", value, time, time, confidence=seen.confidence)


def end(
    facts: Facts, key: int, begin: float, time: float, source: str = "detection", keep: tuple[str, ...] = ("label",)
) -> None:
    """From `begin` on nothing is known of a thing but what is to be kept, as is learned at `time`. Only an operator
    ends what has begun after that."""
    for row in facts.at(facts.now, subject=key):
        if row.predicate not in keep:
            start = begin if source == "operator" else max(begin, row.valid_from)
            facts.tell(key, row.predicate, None, start, time, source, holds=False)


def point(thing: Thing) -> Point:
    """Where a thing is, as a value of a fact."""
    x, y, z = thing.position.tolist()
    return x, y, z


def _tell(
    facts: Facts,
    key: int,
    predicate: str,
    value: Value,
    begin: float,
    time: float,
    source: str = "detection",
    confidence: float = 1.0,
) -> None:
    """Tell the facts what is new."""
    if facts.value(key, predicate) != value:
        facts.tell(key, predicate, value, begin, time, source, confidence, holds=value is not None)
