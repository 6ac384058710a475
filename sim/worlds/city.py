"""Generated cities: a street graph with panoramas every ten metres or so, and landmarks along the façades.

`City(...).draw(rng)` draws one. Its form follows the graph of Manhattan that Touchdown uses (Chen et al. 2019, arXiv
1811.12354): long blocks, straight streets, crossings of four and three ways, dead ends where the map ends.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from loci.sim.worlds.city_plan import CityPlan, city_plan
from loci.sim.worlds.draws import between, pick
from loci.sim.worlds.landmarks import COLOURS, Landmarks, place_landmarks, street_distance
from loci.sim.worlds.names import nonsense_names
from loci.sim.worlds.street_graph import StreetGraph

KINDS = (
    "bakery bank bar barber bookshop cafe church cinema deli florist garage gym hotel laundry library museum park "
    "pharmacy pizzeria post_office restaurant school supermarket theatre"
).split()
CHAINS = 8
"""How many names stand for shops of a chain, which a city has at several places."""
SHORTEST = 4.0
"""Metres that two panoramas are apart at least."""
BOW = 0.04
"""Most that a street bends, as a share of its length."""
ASIDE = 3.0
"""Metres that a panorama lies beside its street's line at most."""
FRONTAGE = 12.0
"""Metres between two landmarks, and between a landmark and the end of its street, at least."""


@dataclass(frozen=True)
class City:
    """Settings of a family of cities; lengths in metres.

    `columns`, `rows`: crossings of the grid. `width`, `height`: smallest and largest block. `jitter`: standard
    deviation of a crossing's place. `missing`: share of streets left out, as long as the city hangs together. `stubs`:
    chance that a street goes on beyond the edge of the grid, to a dead end. `diagonals`: chance of a street through a
    block. `one_way`: share of streets with one direction, as long as every place can be reached from every other.
    `spacing`: usual distance of panoramas. `bow`: how much streets bend, as a share of their length, at most BOW.
    `wobble`: how far panoramas lie beside the line of their street; heavy-tailed, at most ASIDE. `frontage`: metres of
    street to a landmark. `chains`: share of landmarks that carry the name of a chain. `sight`: how far a landmark is
    seen. `corridor`: from the middle of a street to the façades.
    """

    columns: int = 6
    rows: int = 9
    width: tuple[float, float] = (60.0, 250.0)
    height: tuple[float, float] = (60.0, 88.0)
    jitter: float = 7.0
    missing: float = 0.04
    stubs: float = 0.3
    diagonals: float = 0.01
    one_way: float = 0.0
    spacing: float = 10.0
    bow: float = 0.01
    wobble: float = 0.07
    frontage: float = 45.0
    chains: float = 0.3
    sight: float = 40.0
    corridor: float = 8.0

    def __post_init__(self) -> None:
        for name in ("columns", "rows"):
            if getattr(self, name) < 2:
                raise ValueError(f"City.{name} must be at least 2, got {getattr(self, name)}")
        for name in ("width", "height"):
            low, high = getattr(self, name)
            if not 4.0 * self.corridor <= low <= high:
                raise ValueError(
                    f"City.{name} must be (smallest, largest) with at least 4 corridors = {4.0 * self.corridor} m, "
                    f"got {(low, high)}"
                )
            object.__setattr__(self, name, (float(low), float(high)))
        if 6.0 * self.jitter > min(*self.width, *self.height):
            raise ValueError(f"City.jitter must be at most a sixth of the smallest block, got {self.jitter}")
        for name in ("missing", "stubs", "diagonals", "one_way", "chains"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"City.{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("sight", "jitter", "bow", "wobble"):
            if getattr(self, name) < 0.0:
                raise ValueError(f"City.{name} must not be negative, got {getattr(self, name)}")
        for name, least in {"spacing": SHORTEST, "frontage": FRONTAGE}.items():
            if getattr(self, name) < least:
                raise ValueError(f"City.{name} must be at least {least}, got {getattr(self, name)}")

    def plan(self, rng: np.random.Generator) -> CityPlan:
        """The crossings and streets with which `draw` begins."""
        return city_plan(
            rng,
            self.columns,
            self.rows,
            self.width,
            self.height,
            self.jitter,
            self.missing,
            self.stubs,
            self.diagonals,
            self.one_way,
        )

    def draw(self, rng: np.random.Generator) -> tuple[StreetGraph, Landmarks]:
        """A city around the origin; every panorama is reached from every other."""
        plan = self.plan(rng)
        lines = [self._line(rng, plan.place[a], plan.place[b]) for a, b in plan.streets]
        graph = _graph(plan, lines)
        return graph, self._landmarks(rng, graph, lines)

    def _line(self, rng: np.random.Generator, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """(K, 2) places of panoramas along a street, both crossings included."""
        length = float(np.linalg.norm(end - start))
        marks = [0.0]
        while length - marks[-1] > self.spacing + SHORTEST:
            even = rng.random() < 0.8
            gap = rng.normal(self.spacing, 0.05 * self.spacing) if even else between(rng, 0.45, 1.45) * self.spacing
            marks.append(marks[-1] + min(max(gap, SHORTEST), length - marks[-1] - SHORTEST))
        share = np.array([*marks, length])[:, None] / length
        across = np.array([start[1] - end[1], end[0] - start[0]])
        bow = min(max(rng.laplace(0.0, self.bow), -BOW), BOW)
        beside = bow * np.sin(math.pi * share)
        beside[1:-1, 0] += np.clip(self.wobble * rng.standard_t(1.2, len(marks) - 1), -ASIDE, ASIDE) / length
        return start + share * (end - start) + beside * across

    def _landmarks(self, rng: np.random.Generator, graph: StreetGraph, lines: list[np.ndarray]) -> Landmarks:
        sites = [site for line in lines for site in self._sites(rng, line)]
        places = np.array([place for place, _ in sites]).reshape(-1, 2)
        facing = np.array([normal for _, normal in sites])
        kept = street_distance(graph, places) >= self.corridor - 0.5
        words = nonsense_names(CHAINS + len(sites), rng)
        brands = [_sign(rng, word) for word in words[:CHAINS]]
        signs = [pick(rng, brands) if rng.random() < self.chains else _sign(rng, word) for word in words[CHAINS:]]
        kind, name, colour = ([sign[i] for sign, there in zip(signs, kept, strict=True) if there] for i in range(3))
        return place_landmarks(graph, kind, name, colour, places[kept], facing[kept], self.sight, self.corridor)

    def _sites(self, rng: np.random.Generator, line: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Places on the façades of a street with the way they face."""
        steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
        marks = np.concatenate([[0.0], np.cumsum(steps)])
        sites, mark = [], FRONTAGE + rng.exponential(self.frontage - FRONTAGE)
        while mark < marks[-1] - FRONTAGE:
            piece = int(np.searchsorted(marks, mark)) - 1
            ahead = (line[piece + 1] - line[piece]) / steps[piece]
            side = 1.0 if rng.random() < 0.5 else -1.0
            outward = side * np.array([-ahead[1], ahead[0]])
            place = line[piece] + (mark - marks[piece]) * ahead + self.corridor * outward
            sites.append((place, math.atan2(-outward[1], -outward[0])))
            mark += FRONTAGE + rng.exponential(self.frontage - FRONTAGE)
        return sites


def _sign(rng: np.random.Generator, word: str) -> tuple[str, str, str]:
    """Kind, name and colour of a landmark."""
    kind = pick(rng, KINDS)
    return kind, f"{word.capitalize()} {kind.replace('_', ' ')}", pick(rng, list(COLOURS))


def _graph(plan: CityPlan, lines: list[np.ndarray]) -> StreetGraph:
    """Crossings first, in the plan's order, then the panoramas of each street from its start to its end."""
    crossings, places = len(plan.place), [plan.place]
    arrows: list[tuple[int, int]] = []
    for number, (line, (start, end)) in enumerate(zip(lines, plan.streets, strict=True)):
        inner = range(sum(map(len, places)), sum(map(len, places)) + len(line) - 2)
        places.append(line[1:-1])
        chain = [start, *inner, end]
        arrows += pairwise(chain)
        arrows += [] if number in plan.one_way else pairwise(chain[::-1])
    position = np.concatenate(places)
    source, target = np.array(arrows).T
    way = position[target] - position[source]
    heading = np.arctan2(way[:, 1], way[:, 0])
    yaw = np.zeros(len(position))
    yaw[source[::-1]] = heading[::-1]
    names = [f"crossing_{i}" if i < crossings else f"street_{i}" for i in range(len(position))]
    return StreetGraph.build(names, position, yaw, source, target, heading)
