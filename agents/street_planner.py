"""Walks generated tours by asking the map of what it has passed: a planner for task=street_nav, encoder=streets.

A told way is followed by its words (street_reader.py). Where the map knows the landmark to stop at, it also stops
beside the place remembered, so that a sign need not be seen again. A sentence that only refers back ("return to dax
pharmacy", "go back to the pharmacy you passed second") is answered by the map alone: the place that looks most like the
name, or of the places that look like the kind the one passed as number n; then the shortest way over what is known,
walked from waypoint to waypoint. Without a map such a sentence is not answered and the agent stops at once. A move that
is said (the twin's words) is done.
"""

import copy
import math
from heapq import heappop, heappush

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from loci.agents.planner import Ask, Planner
from loci.agents.street_encoder import StreetObservation
from loci.agents.street_reader import Reader, Recalled, refers_back
from loci.memories.memory import Entry, SpatialMap
from loci.sim.geometry import wrap_angle
from loci.sim.worlds.street_moves import Move

NAMED = 0.35
"""Score from which a place is one that is named: the cosine is 0.58 for one word of three beside the place, 0.41 where
they are only seen ahead."""
TIED = 0.02
"""Scores less than this below the best are as good: a chain has many shops."""
CLUSTER = 30.0
"""Metres within which what is found is one thing, seen from several places."""
ARRIVED = 8.0
"""Metres within which a waypoint is reached; panoramas are 10 m apart."""
SOURCES = 4
"""Places nearest to the agent from which a way may begin."""
EVERYTHING = 10**6
GAP, STRIDE = 2, 15.0
"""Steps and metres between two sightings of one run, at most."""
AHEAD, BEHIND = math.radians(45.0), math.radians(135.0)
TURNS = 4
"""Turns on one spot after which the agent goes on all the same."""
Place = tuple[float, float, float]


class StreetPlanner(Planner):
    """The state is a list of walkers, one a row."""

    def initial(self, batch: int) -> list["Walker"]:
        return [Walker() for _ in range(batch)]

    def plan(
        self, state: list["Walker"], obs: StreetObservation, ask: Ask | None, reset: Bool[Tensor, " B"]
    ) -> tuple[list["Walker"], Int[Tensor, " B"]]:
        names, moves = ("landmarks", "position", "heading", "ways", "leg"), []
        seen = {name: getattr(obs, name)[:, 0].cpu().numpy() for name in names}
        begins = [bool(reset[row]) or int(seen["leg"][row]) != walker.leg for row, walker in enumerate(state)]
        maps = ask() if ask is not None and any(begins) else None
        for row, walker in enumerate(state):
            now = {name: part[row] for name, part in seen.items()}
            said = obs.texts[int(obs.heard[row, 0])].upper().replace(" ", "_")
            if begins[row]:
                text = obs.texts[int(obs.told[row, 0])]
                walker.begin(int(now["leg"]), text, now["position"], None if maps is None else maps[row])
            moves.append(int(Move[said] if said in Move.__members__ else walker.step(now)))
        return state, torch.tensor(moves)


class Walker:
    """What one row is about: `leg` is the number of its sentence; it follows `reader`, or the `route` planned."""

    def __init__(self) -> None:
        self.leg = -1
        self.reader: Reader | None = None
        self.route: list[Place] = []
        self.turns = 0

    @property
    def nbytes(self) -> int:
        """Of the waypoints; what the sentence says is not counted."""
        return 3 * 8 * len(self.route)

    def clone(self) -> "Walker":
        return copy.deepcopy(self)

    def begin(self, leg: int, text: str, here: np.ndarray, known: SpatialMap | None) -> None:
        """A new sentence, heard at `here` (3,)."""
        self.leg, self.reader, self.route, self.turns = leg, None, [], 0
        asked = refers_back(text)
        if asked is None:
            self.reader = Reader(text)
            marks = [stretch.mark for stretch in self.reader.plan if not stretch.turn]
            self.reader.remembered = Beside(named(known, marks[-1]) if known is not None and marks else [])
        elif known is not None:
            goal = recalled(known, asked)
            self.route = [] if goal is None else way(known, _place(here), goal)

    def step(self, seen: dict[str, np.ndarray]) -> Move:
        """The next move; `seen` is one row's observation."""
        if self.reader is not None:
            return self.reader.step(seen | {"ways": seen["ways"][None]})
        self.route = remaining(self.route, _place(seen["position"]))
        if not self.route:
            return Move.STOP
        east, north = np.subtract(self.route[0], seen["position"])[:2]
        move = towards(float(wrap_angle(math.atan2(north, east) - float(seen["heading"][0]))), int(seen["ways"]))
        self.turns = 0 if move is Move.FORWARD else self.turns + 1
        return Move.FORWARD if self.turns > TURNS else move


class Beside:
    """Whether a place (3,) lies beside one of some entries."""

    def __init__(self, entries: list[Entry]) -> None:
        self.places = np.array([entry.position for entry in entries]).reshape(-1, 3)

    def __call__(self, place: np.ndarray) -> bool:
        return bool((np.linalg.norm(self.places - place, axis=1) <= ARRIVED).any())


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


def remaining(route: list[Place], here: Place) -> list[Place]:
    """The part of a route that is still ahead: behind its point nearest to `here`, from the first one out of reach."""
    if not route:
        return []
    away = [math.dist(place, here) for place in route]
    nearest = min(range(len(route)), key=away.__getitem__)
    ahead = (i for i in range(nearest, len(route)) if away[i] > ARRIVED)
    return route[next(ahead, len(route)) :]


def towards(bearing: float, ways: int) -> Move:
    """The move that brings the agent nearer to where a waypoint is, radians to the left; on a street ways are two."""
    if abs(bearing) > (BEHIND if ways > 2 else math.pi / 2):
        return Move.TURN_AROUND
    if abs(bearing) <= AHEAD or ways <= 2:
        return Move.FORWARD
    return Move.LEFT if bearing > 0.0 else Move.RIGHT


def _traced(key: int, before: dict[int, int], places: dict[int, Place]) -> list[Place]:
    route = [places[key]]
    while before[key] >= 0:
        key = before[key]
        route.append(places[key])
    return route[::-1]


def _place(position: np.ndarray) -> Place:
    return (float(position[0]), float(position[1]), float(position[2]))
