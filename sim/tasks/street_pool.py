"""The tours that street navigation draws from, packed in arrays: drawn once for some settings, then only looked up.

P legs, Q tours of L legs, N panoramas.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from loci.sim.worlds.city import City
from loci.sim.worlds.draws import below, shuffled
from loci.sim.worlds.street_files import Route
from loci.sim.worlds.street_manhattan import manhattan
from loci.sim.worlds.street_stances import nearest_facing
from loci.sim.worlds.street_tours import Leg, TourStyle, draw_tour, walk_route
from loci.sim.worlds.street_world import StreetWorld, city_world

GENERATED = ("train", "develop")
WRITTEN = ("train", "unseen")
"""Splits of recorded streets that have generated tours."""
"""Splits of generated cities: none of one is in the other."""


@dataclass(frozen=True, eq=False)
class Pool:
    """`start`: (P,) stances. The route of leg p is nodes[first[p]] to nodes[first[p + 1] - 1]. `text`: (P,)
    instructions. `refers_back`: (P,) bool. `moves`: (P,) that the teacher makes, its stop included. `tours`: (Q, L)
    numbers of legs. `local`: (N,) number of each panorama in its part of the graph, of `most` at most."""

    world: StreetWorld
    start: np.ndarray
    first: np.ndarray
    nodes: np.ndarray
    text: np.ndarray
    refers_back: np.ndarray
    moves: np.ndarray
    tours: np.ndarray
    local: np.ndarray
    most: int

    def route(self, leg: int) -> np.ndarray:
        """Node numbers from the start to the goal of a leg."""
        return self.nodes[self.first[leg] : self.first[leg + 1]]


@lru_cache(maxsize=8)
def city_pool(split: str, city: City, cities: int, tours: int, style: TourStyle, seed: int) -> Pool:
    """As many tours in each generated city, or one more. ValueError for another split."""
    if split not in GENERATED:
        raise ValueError(f"split must be one of {', '.join(GENERATED)} without data_dir, got {split!r}")
    if not 1 <= cities <= tours:
        raise ValueError(f"cities must lie in 1..tours = {tours}, got {cities}")
    seeds = [[GENERATED.index(split), seed, number] for number in range(cities)]
    world = city_world([city.draw(np.random.default_rng([*own, 0])) for own in seeds])
    rngs = [np.random.default_rng([*own, 1]) for own in seeds]
    parts = [np.flatnonzero(world.hops.part == part) for part in range(cities)]
    drawn = [draw_tour(world, parts[i % cities], style, rngs[i % cities]) for i in range(tours)]
    return pack(world, drawn)


@lru_cache(maxsize=3)
def recorded_pool(folder: str, split: str, tours: int, style: TourStyle, seed: int) -> Pool:
    """Tours of recorded routes. Single legs are all of a split; `train` has `tours` generated ones beside them, and
    `unseen` generated ones alone. Longer tours put the agent at the start of the next route, the nearest that has not
    been walked."""
    world, routes = manhattan(folder, split)
    if split not in WRITTEN and style.recall:
        raise ValueError(f"recall must be 0 with the recorded routes of split {split!r}, got {style.recall}")
    rng = np.random.default_rng([seed, style.legs])
    legs = [Leg(nearest_facing(world.graph, r.nodes[0], r.heading), r.nodes, r.instruction) for r in routes]
    if style.legs == 1 or not legs:
        drawn = [[leg] for leg in legs]
    else:
        drawn = [_chain(world, legs, routes, style, rng) for _ in range(tours)]
    if split in WRITTEN:
        every = np.arange(world.graph.nodes)
        drawn += [draw_tour(world, every, style, rng) for _ in range(tours)]
    return pack(world, drawn)


def pack(world: StreetWorld, drawn: Sequence[Sequence[Leg]]) -> Pool:
    """Tours as arrays. A leg that is part of several tours is kept once."""
    legs = list(dict.fromkeys(leg for tour in drawn for leg in tour))
    number = {leg: i for i, leg in enumerate(legs)}
    part = world.hops.part
    size = np.bincount(part)
    order = np.argsort(part, kind="stable")
    local = np.empty(len(part), np.int64)
    local[order] = np.arange(len(part)) - np.repeat(np.cumsum(size) - size, size)
    return Pool(
        world,
        np.array([leg.start for leg in legs]),
        np.cumsum([0, *(len(leg.route) for leg in legs)]),
        np.concatenate([leg.route for leg in legs]),
        np.array([leg.instruction for leg in legs]),
        np.array([leg.refers_back for leg in legs]),
        np.array([len(walk_route(world, leg.start, leg.route)) + 1 for leg in legs]),
        np.array([[number[leg] for leg in tour] for tour in drawn]),
        local,
        int(size.max()),
    )


def _chain(
    world: StreetWorld, legs: list[Leg], routes: Sequence[Route], style: TourStyle, rng: np.random.Generator
) -> list[Leg]:
    """A recorded route, then again and again the one that begins nearest to where the last one ends, all within the
    radius around the first start. ValueError where no neighbourhood has so many."""
    begin = world.graph.position[[route.nodes[0] for route in routes]]
    end = world.graph.position[[route.nodes[-1] for route in routes]]
    for first in shuffled(rng, range(len(legs))) if len(legs) > 1 else [below(rng, 1)]:
        away = np.maximum(np.linalg.norm(begin - begin[first], axis=1), np.linalg.norm(end - begin[first], axis=1))
        free = away <= style.radius
        free[first], tour = False, [first]
        while len(tour) < style.legs and free.any():
            far = np.where(free, np.linalg.norm(begin - end[tour[-1]], axis=1), np.inf)
            tour.append(int(far.argmin()))
            free[tour[-1]] = False
        if len(tour) == style.legs:
            return [legs[i] for i in tour]
    raise ValueError(f"no {style.legs} recorded routes lie within {style.radius} m: ask for fewer, or a larger radius")
