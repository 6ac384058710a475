"""Furnished houses: rooms that tile a rectangle, doorways, furniture that opens, and small things kept in and on it.

`House(...).world(rng)` draws one. Everything is made of primitives; docs/worlds/house.md lists what there is.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from loci.sim.world import Body, Light, Pose, Room, World
from loci.sim.worlds.draws import below, between, pick
from loci.sim.worlds.floorplan import Area, Plan, floorplan
from loci.sim.worlds.furnish import furnish
from loci.sim.worlds.meshes import PybulletObjects
from loci.sim.worlds.plot import Plot, Rect
from loci.sim.worlds.scatter import Store, scatter
from loci.sim.worlds.shell import HEIGHT, LEAF, floor_and_walls, front_door, gaps, leaf, outer, window, window_span
from loci.sim.worlds.things import states

BRIGHTNESS = Light((-0.3, -0.2, -0.93), 0.74, 0.34)


@dataclass(frozen=True)
class House:
    """Settings of a family of houses.

    `bedrooms`: fewest and most; a house has a living room, a kitchen, a hallway and a bathroom besides, and a second
    bathroom with three bedrooms. `study`: the chance of a study. `things`: fewest and most small things. `doors`: the
    share of bedrooms, bathrooms and studies with a door leaf, `closed` the share of leaves that start closed. `meshes`
    adds so many of pybullet's object meshes (extra: meshes). `ceiling` is left out by default, so that a camera above
    sees the rooms.
    """

    bedrooms: tuple[int, int] = (1, 3)
    study: float = 0.4
    things: tuple[int, int] = (30, 45)
    doors: float = 0.5
    closed: float = 0.0
    meshes: int = 0
    ceiling: bool = False

    def __post_init__(self) -> None:
        for name in ("bedrooms", "things"):
            low, high = getattr(self, name)
            if not 0 <= low <= high or (name == "bedrooms" and not 1 <= low <= high <= 3):
                expected = "1 <= fewest <= most <= 3" if name == "bedrooms" else "0 <= fewest <= most"
                raise ValueError(f"House.{name} must be (fewest, most) with {expected}, got {(low, high)}")
            object.__setattr__(self, name, (int(low), int(high)))
        for name in ("study", "doors", "closed"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"House.{name} must lie in [0, 1], got {getattr(self, name)}")
        if self.meshes < 0:
            raise ValueError(f"House.meshes must be 0 or more, got {self.meshes}")

    def plan(self, rng: np.random.Generator) -> Plan:
        """The floor plan with which `world` begins."""
        low, high = self.bedrooms
        return floorplan(rng, low + below(rng, high - low + 1), rng.random() < self.study)

    def world(self, rng: np.random.Generator, name: str = "house") -> World:
        """A house around the origin, its floor at height 0; the agent starts at a free place in the hallway."""
        plan = self.plan(rng)
        counts: Counter[str] = Counter()
        bodies: list[Body] = []
        stores: list[Store] = []
        for area in plan.areas:
            bodies += floor_and_walls(area, plan, rng, self.ceiling)
        plots = [self._plot(rng, area, plan, bodies, counts) for area in plan.areas]
        for plot in plots:
            furnish(rng, plot)
            bodies += _furniture(rng, plot, counts, stores)
        low, high = self.things
        bodies += scatter(rng, stores, low + below(rng, high - low + 1), counts)
        if self.meshes:
            bodies += scatter(rng, stores, self.meshes, counts, PybulletObjects(width=0.16))
        rooms = tuple(Room(a.name, (*a.lower, 0.0), (*a.upper, HEIGHT)) for a in plan.areas)
        return World(tuple(bodies), rooms, (BRIGHTNESS,), (_spawn(rng, plots[-1]),), name)

    def _plot(self, rng: np.random.Generator, area: Area, plan: Plan, bodies: list[Body], counts: Counter[str]) -> Plot:
        """An empty room with its windows and door leaves, which are added to `bodies`."""
        doors = gaps(area, plan.doorways)
        windows = {side: window_span(area, side, rng) for side in outer(area, plan) if not doors[side]}
        if area.kind == "hallway":
            windows = {}
        for side, span in windows.items():
            counts["window"] += 1
            bodies.append(window(area, side, span, f"window_{counts['window']}"))
        leaves: list[Rect] = []
        for door in plan.doorways:
            if door.second == "" and door.first == area.name:
                bodies.append(front_door(area, door, rng))
            if door.first == area.name and area.kind in ("bedroom", "bathroom", "study") and rng.random() < self.doors:
                opening = 0.0 if rng.random() < self.closed else 1.0
                body = leaf(area, door, rng, opening, f"{area.name}_door")
                bodies.append(body)
                leaves.append(_shadow(body))
        return Plot(area, doors, windows, leaves)


def _shadow(body: Body) -> Rect:
    """Footprint of an open leaf."""
    assert body.joint is not None
    half = body.parts[0].size[1]
    _, edge, _ = body.joint.anchor
    sign = math.copysign(1.0, edge)
    ends = (body.pose.point((0.0, edge - sign * LEAF, 0.0)), body.pose.point((LEAF + 2 * half, edge, 0.0)))
    (ax, ay, _), (bx, by, _) = ends
    return (min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))


def _furniture(rng: np.random.Generator, plot: Plot, counts: Counter[str], stores: list[Store]) -> list[Body]:
    """Bodies of a furnished room with their names; where things can be kept is added to `stores`."""
    bodies = []
    for placed in plot.placed:
        category = placed.piece.category
        counts[category] += 1
        name = f"{category}_{counts[category]}"
        for member in placed.piece.members:
            body = member.body(name, placed.pose, states(member.category, rng))
            bodies.append(body)
            stores += [Store.of(body, space, placed, plot.placed) for space in body.receptacles]
    return bodies


def _spawn(rng: np.random.Generator, plot: Plot) -> Pose:
    """In the middle of the hallway before one of its doorways."""
    (x0, y0), (x1, y1) = plot.area.lower, plot.area.upper
    side, low, high = pick(rng, [(s, a, b) for s, spans in plot.doors.items() for a, b in spans])
    along, across = (low + high) / 2.0, between(rng, 0.45, 0.6)
    x, y = ((x0 + across, along), (along, y0 + across), (x1 - across, along), (along, y1 - across))[side]
    return Pose.at(x, y, 0.0, between(rng, -math.pi, math.pi))
