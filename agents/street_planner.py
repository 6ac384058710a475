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
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from loci.agents.planner import Ask, Planner
from loci.agents.street_encoder import StreetObservation
from loci.agents.street_questions import Place, named, recalled, way
from loci.agents.street_reader import Reader, refers_back
from loci.memories.layers import Drawing, Edges
from loci.memories.memory import Entry, SpatialMap
from loci.sim.geometry import wrap_angle
from loci.sim.worlds.street_moves import Move

ARRIVED = 8.0
"""Metres within which a waypoint is reached; panoramas are 10 m apart."""
AHEAD, BEHIND = math.radians(45.0), math.radians(135.0)
PLAN = (220, 60, 160)
"""Colour of the way planned."""
TURNS = 4
"""Turns on one spot after which the agent goes on all the same."""


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

    def draw(self, state: list["Walker"], row: int) -> Drawing:
        """The rest of the way planned, and what the agent goes by."""
        route = np.array(state[row].route, float).reshape(-1, 3)
        ends = np.stack([route[:-1], route[1:]], axis=1)
        plan = Edges("plan", ends, np.tile(np.array(PLAN, np.uint8), (len(ends), 1)), width=7.0)
        return Drawing((plan,), {"goes by": state[row].told})


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

    @property
    def told(self) -> str:
        """In words, what it goes by."""
        if self.reader is not None:
            return "the text"
        if not self.route:
            return "nothing: it stops"
        metres = sum(math.dist(one, other) for one, other in pairwise(self.route))
        return f"the map, waypoints left: {len(self.route)}, {metres:.0f} m"

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


def _place(position: np.ndarray) -> Place:
    return (float(position[0]), float(position[1]), float(position[2]))
