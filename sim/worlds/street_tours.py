"""Legs and tours: ways through a street world with words for them, one after another in one neighbourhood.

A tour is what one agent is asked in a row; where a leg ends the next one begins. Some legs only refer back to what the
tour has passed: a landmark that was seen from its panorama (`StreetWorld.beside`) or from one next to it.
"""

from dataclasses import dataclass, field

import numpy as np

from loci.sim.worlds.draws import below, pick, shuffled
from loci.sim.worlds.street_graph import breadth_first
from loci.sim.worlds.street_stances import nearest_facing
from loci.sim.worlds.street_words import ORDINALS, Walked, describe, recall_kind, recall_name
from loci.sim.worlds.street_world import StreetWorld

TRIES = 24
"""Goals tried for a leg before its tour is given up."""


@dataclass(frozen=True)
class Leg:
    """`start`: the stance at its beginning. `route`: node numbers, both ends included. `refers_back`: whether the
    instruction tells no way but something of the tour before."""

    start: int
    route: tuple[int, ...]
    instruction: str
    refers_back: bool = False


@dataclass(frozen=True)
class TourStyle:
    """Settings of tours. `legs`: how many. `panoramas`: fewest and most of a leg. `radius`: metres around the start
    within which goals lie. `recall`: share of legs that refer back, where there is something to refer to.
    `first_pass`: landmarks are seen only the first time a panorama is passed."""

    legs: int = 1
    panoramas: tuple[int, int] = (8, 40)
    radius: float = 400.0
    recall: float = 0.0
    first_pass: bool = False

    def __post_init__(self) -> None:
        if self.legs < 1:
            raise ValueError(f"tour must be 1 leg or more, got {self.legs}")
        if not 2 <= self.panoramas[0] <= self.panoramas[1]:
            raise ValueError(f"panoramas must be (fewest, most) with 2 at least, got {self.panoramas}")
        if not 0.0 <= self.recall <= 1.0:
            raise ValueError(f"recall must lie in [0, 1], got {self.recall}")
        if self.radius <= 0.0:
            raise ValueError(f"radius must be positive, got {self.radius} m")


@dataclass
class Past:
    """What a tour has met so far: landmarks that were `seen`, those that were `passed`, in their order with the moment,
    and panoramas that were `visited`. `here`: where it is, `fresh` unless it has left that place before."""

    moment: int = 0
    here: int = -1
    fresh: bool = True
    seen: set[int] = field(default_factory=set)
    passed: dict[int, int] = field(default_factory=dict)
    visited: set[int] = field(default_factory=set)

    def add(self, world: StreetWorld, stances: list[int], first_pass: bool) -> None:
        """The stances of a leg, from its start to its goal."""
        for stance in stances:
            node = int(world.stances.node[stance])
            if node != self.here:
                self.here, self.fresh = node, node not in self.visited
                self.visited.add(node)
            for mark in world.shown[stance].tolist() if self.fresh or not first_pass else ():
                if mark >= 0:
                    self.seen.add(mark)
                    beside = int(world.beside[mark])
                    if beside == node or (beside >= 0 and beside in world.graph.neighbours(node)):
                        self.passed.setdefault(mark, self.moment)
            self.moment += 1

    def known(self, world: StreetWorld, mark: int) -> bool:
        """Whether a landmark was passed, or will be seen on the first visit to its panorama."""
        return mark in self.passed or int(world.beside[mark]) not in self.visited


def draw_tour(world: StreetWorld, nodes: np.ndarray, style: TourStyle, rng: np.random.Generator) -> list[Leg]:
    """A tour among the nodes. Raises ValueError where so many legs are not to be found in many tries."""
    streets = nodes[world.ways[nodes] == 2]
    for _ in range(10 * TRIES):
        tour = _tour(world, streets, style, rng)
        if tour:
            return tour
    raise ValueError(
        f"no tour of {style.legs} legs with {style.panoramas} panoramas was found within {style.radius} m: "
        "ask for fewer legs, another length or a larger radius"
    )


def _tour(world: StreetWorld, streets: np.ndarray, style: TourStyle, rng: np.random.Generator) -> list[Leg]:
    """Empty where it came to a dead end."""
    node = int(streets[below(rng, len(streets))])
    stance = 2 * pick(rng, world.graph.edges(node))
    centre, past, legs = world.graph.position[node], Past(), []
    near = _near(world, centre, style.radius)
    for _ in range(style.legs):
        far = breadth_first(world.graph.first, world.graph.target, int(world.stances.node[stance]))
        leg = _back(world, stance, far, style, past, rng) if rng.random() < style.recall else None
        leg = leg or _onward(world, stance, far, style, near, past, rng)
        if leg is None:
            return []
        stances = [stance, *(after for _, after in walk_route(world, leg.start, leg.route))]
        past.add(world, stances, style.first_pass)
        stance = nearest_facing(world.graph, leg.route[-1], float(world.stances.heading[stances[-1]]))
        legs.append(leg)
    return legs


def walk_route(world: StreetWorld, start: int, route: tuple[int, ...]) -> Walked:
    """The fewest moves along a route, each with the stance after it; `street_moves.route_moves` without the stop."""
    walked: list[tuple[int, int]] = []
    for node in route[1:]:
        walked += world.stances.moves(world.graph, walked[-1][1] if walked else start, node)
    return walked


def _near(world: StreetWorld, centre: np.ndarray, radius: float) -> np.ndarray:
    """Landmarks beside a street within a radius of a place."""
    away = np.linalg.norm(world.graph.position[world.beside] - centre, axis=1)
    return np.flatnonzero((world.beside >= 0) & (away <= radius))


def _onward(
    world: StreetWorld,
    stance: int,
    far: np.ndarray,
    style: TourStyle,
    near: np.ndarray,
    past: Past,
    rng: np.random.Generator,
) -> Leg | None:
    """To a landmark, with the way told; none that the tour can no longer see and has missed."""
    hops = far[world.beside[near]] + 1
    marks = near[(hops >= style.panoramas[0]) & (hops <= style.panoramas[1])]
    fair = [mark for mark in marks.tolist() if not style.first_pass or past.known(world, mark)]
    for mark in shuffled(rng, fair)[:TRIES]:
        route = _route(world, stance, int(world.beside[mark]))
        words = describe(world, stance, walk_route(world, stance, route), mark, rng)
        if words is not None:
            return Leg(stance, route, words)
    return None


def _back(
    world: StreetWorld, stance: int, far: np.ndarray, style: TourStyle, past: Past, rng: np.random.Generator
) -> Leg | None:
    """To a landmark that was passed, by its name or by its kind and when it was passed."""
    for mark in shuffled(rng, list(past.passed)):
        goal = int(world.beside[mark])
        if style.panoramas[0] <= far[goal] + 1 <= style.panoramas[1]:
            calls = shuffled(rng, [_by_name, _by_kind])
            words = calls[0](world, mark, past, rng) or calls[1](world, mark, past, rng)
            if words is not None:
                return Leg(stance, _route(world, stance, goal), words, True)
    return None


def _by_name(world: StreetWorld, mark: int, past: Past, rng: np.random.Generator) -> str | None:
    """None where two of that name have been seen."""
    unique = sum(world.said[other] == world.said[mark] for other in past.seen) == 1
    return recall_name(world.said[mark], rng) if unique else None


def _by_kind(world: StreetWorld, mark: int, past: Past, rng: np.random.Generator) -> str | None:
    """None where one of the kind has been seen but not passed, or two were passed at once."""
    kind = world.kind[mark]
    moments = {other: moment for other, moment in past.passed.items() if world.kind[other] == kind}
    alike = sum(world.kind[other] == kind for other in past.seen)
    if not kind or alike > len(set(moments.values())) or alike > len(ORDINALS):
        return None
    return recall_kind(kind, list(moments).index(mark), alike, rng)


def _route(world: StreetWorld, stance: int, goal: int) -> tuple[int, ...]:
    return tuple(world.graph.shortest_path(int(world.stances.node[stance]), goal))
