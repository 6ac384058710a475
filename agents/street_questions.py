"""What a planner asks a map of streets: where a thing is that has a name, or which of a kind was passed as number n,
and the shortest way there over what is known.

A place is found by the likeness of what was seen there with the words; of a run of places from which one thing was seen
the last is meant, where it was lost from view because it was passed.
"""

import math
from heapq import heappop, heappush

from loci.agents.street_reader import Recalled
from loci.memories.memory import Entry, SpatialMap

NAMED = 0.35
"""Score from which a place is one that is named: the cosine is 0.58 for one word of three beside the place, 0.41 where
they are only seen ahead."""
TIED = 0.02
"""Scores less than this below the best are as good: a chain has many shops."""
CLUSTER = 30.0
"""Metres within which what is found is one thing, seen from several places."""
SOURCES = 4
"""Places nearest to the agent from which a way may begin."""
EVERYTHING = 10**6
GAP, STRIDE = 2, 15.0
"""Steps and metres between two sightings of one run, at most."""
Place = tuple[float, float, float]


def named(known: SpatialMap, name: str) -> list[Entry]:
    """The places that look most like a name; none where even the best does not."""
    found = known.find(name, EVERYTHING)
    return [entry for entry in found if entry.score >= max(NAMED, found[0].score - TIED)]


def recalled(known: SpatialMap, asked: Recalled) -> Entry | None:
    """Where to go back to."""
    found = [entry for entry in known.find(asked.what, EVERYTHING) if entry.score >= NAMED]
    if not asked.kind:
        return last_sight(found[0], found) if found else None
    things: list[Entry] = []
    for entry in found:
        if all(math.dist(entry.position, other.position) > CLUSTER for other in things):
            things.append(entry)
    things.sort(key=lambda entry: entry.since)
    return last_sight(things[asked.nth], found) if asked.nth < len(things) else None


def last_sight(best: Entry, found: list[Entry]) -> Entry:
    """Of the sightings that follow the best without a gap the last: a thing is lost from view when it is passed."""
    for entry in sorted(found, key=lambda entry: entry.since):
        if best.since < entry.since <= best.since + GAP and math.dist(entry.position, best.position) <= STRIDE:
            best = entry
    return best


def way(known: SpatialMap, here: Place, goal: Entry) -> list[Place]:
    """The shortest way over known places (Dijkstra 1959) from one of those nearest to `here`; straight to the goal
    where none leads there."""
    near = known.near(here, EVERYTHING)
    places, before = {entry.key: entry.position for entry in near}, {entry.key: -1 for entry in near[:SOURCES]}
    heap, done = [(entry.distance, entry.key) for entry in near[:SOURCES]], set()
    least = {entry.key: entry.distance for entry in near[:SOURCES]}
    while heap:
        spent, key = heappop(heap)
        if key == goal.key:
            return _traced(key, before, places)
        if key in done:
            continue
        done.add(key)
        for other, metres in known.neighbours(key):
            if spent + metres < least.get(other, math.inf):
                least[other], before[other] = spent + metres, key
                heappush(heap, (spent + metres, other))
    return [goal.position]


def _traced(key: int, before: dict[int, int], places: dict[int, Place]) -> list[Place]:
    route = [places[key]]
    while before[key] >= 0:
        key = before[key]
        route.append(places[key])
    return route[::-1]
