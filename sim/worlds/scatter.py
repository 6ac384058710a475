"""Small things put where they are likely to be kept, without touching each other."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from loci.sim.joints import Receptacle
from loci.sim.world import Body, Pose
from loci.sim.worlds.draws import below, between, pick, shuffled
from loci.sim.worlds.meshes import PybulletObjects
from loci.sim.worlds.plot import Placed
from loci.sim.worlds.things import CATEGORIES, PLACES, VARIANTS, Thing, states, thing

MARGIN = 0.005
"""Metres between things, and from the edges of what they stand on or in."""
TRIES = 8
ORNAMENTS = {"shelf": 3.0, "table": 1.0, "desk": 1.0, "dresser": 1.0, "tv_stand": 1.0, "coffee_table": 1.0}


@dataclass
class Store:
    """A receptacle of a body, with the discs (x, y, radius in the body's frame) that are taken."""

    body: Body
    space: Receptacle
    kinds: tuple[str, ...]
    discs: list[tuple[float, float, float]] = field(default_factory=list)

    @staticmethod
    def of(body: Body, space: Receptacle, placed: Placed, others: Sequence[Placed]) -> "Store":
        """A receptacle of a piece's body; pieces that stand on it take their part of it."""
        drawer = (f"{placed.piece.category}_drawer", "drawer") if body.category == "drawer" else (body.category,)
        store = Store(body, space, drawer)
        for other in others if space.relation == "on" else ():
            if other.on is placed:
                x, y, _ = body.pose.inverse().point(other.pose.position)
                store.discs.append((x, y, math.hypot(*other.piece.size[:2]) / 2.0))
        return store

    def put(self, rng: np.random.Generator, item: Thing, name: str) -> Body | None:
        """The thing at a free place of the receptacle; None if none was found."""
        (x0, y0, z), (x1, y1, high) = self.space.lower, self.space.upper
        edge = item.radius + MARGIN
        if x1 - x0 < 2 * edge or y1 - y0 < 2 * edge or high - z < item.height:
            return None
        for _ in range(TRIES):
            x, y = between(rng, x0 + edge, x1 - edge), between(rng, y0 + edge, y1 - edge)
            if all((x - a) ** 2 + (y - b) ** 2 > (edge + r) ** 2 for a, b, r in self.discs):
                self.discs.append((x, y, item.radius))
                start, yaw = self.body.start, between(rng, -math.pi, math.pi)
                pose = Pose.at(*start.point((x, y, z)), start.yaw + yaw)
                return Body(name, item.category, item.parts, pose, item.mass, states=states(item.category, rng))
        return None


def scatter(
    rng: np.random.Generator,
    stores: Sequence[Store],
    count: int,
    counts: Counter[str],
    meshes: PybulletObjects | None = None,
) -> list[Body]:
    """`count` things, each category once before any comes twice; fewer where there is no room for one."""
    homes: dict[str, list[Store]] = {}
    for store in stores:
        for kind in store.kinds:
            homes.setdefault(kind, []).append(store)
    bodies: list[Body] = []
    order: list[str] = []
    for _ in range(count):
        order = order or shuffled(rng, CATEGORIES)
        if meshes is None:
            category = order.pop()
            item, places = thing(category, below(rng, VARIANTS)), PLACES[category]
        else:
            item, places = _ornament(meshes, below(rng, meshes.count)), ORNAMENTS
        body = _place(rng, item, places, homes, f"{item.category}_{counts[item.category] + 1}")
        if body is not None:
            counts[item.category] += 1
            bodies.append(body)
    return bodies


def _place(
    rng: np.random.Generator, item: Thing, places: dict[str, float], homes: dict[str, list[Store]], name: str
) -> Body | None:
    """Try likely places first drawn by their weights."""
    there = [kind for kind in places if kind in homes]
    while there:
        kind = _weighted(rng, there, places)
        there.remove(kind)
        for _ in range(2):
            body = pick(rng, homes[kind]).put(rng, item, name)
            if body is not None:
                return body
    return None


def _weighted(rng: np.random.Generator, kinds: list[str], weights: dict[str, float]) -> str:
    mark = rng.random() * sum(weights[kind] for kind in kinds)
    for kind in kinds:
        mark -= weights[kind]
        if mark < 0.0:
            return kind
    return kinds[-1]


def _ornament(meshes: PybulletObjects, number: int) -> Thing:
    """One of pybullet's meshes to stand on a shelf."""
    members = meshes.split("train")
    shape = meshes.body(members[number % len(members)], "ornament").parts[0]
    return Thing("ornament", (shape,), math.hypot(shape.size[0], shape.size[1]), 2.0 * shape.size[2], 0.3)
