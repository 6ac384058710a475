"""What a house holds now: its things and furniture by category, and where everything is. Privileged."""

from dataclasses import dataclass

import numpy as np

from loci.sim import manipulation as hands
from loci.sim.backend import Place
from loci.sim.joints import Relation
from loci.sim.tasks.household_eyes import Head
from loci.sim.tasks.household_people import free_pose, laden
from loci.sim.tasks.household_walk import Walk, face, stand
from loci.sim.tasks.household_words import FURNITURE, THINGS, spoken
from loci.sim.world import Body
from loci.sim.worlds.vessels import fits


@dataclass(frozen=True)
class Spot:
    """On or in any body of a category."""

    relation: Relation
    category: str

    @property
    def words(self) -> str:
        return f"{self.relation} the {spoken(self.category)}"


class Stock:
    """Names of bodies by category, in the order of the world: `things` that are carried, `furniture` that is not."""

    def __init__(self, place: Place, walk: Walk, head: Head) -> None:
        self._place, self._walk, self._head = place, walk, head
        self.things = _by_category(place, THINGS)
        self.furniture = _by_category(place, FURNITURE)

    def category(self, name: str) -> str:
        return self._place.world.body(name).category

    def states(self, name: str) -> frozenset[str]:
        return self._place.states(name)

    def has(self, category: str) -> bool:
        return category in self.things or category in self.furniture

    def holders(self, spot: Spot) -> tuple[str, ...]:
        """Bodies of the category with such a receptacle."""
        names = self.furniture.get(spot.category) or self.things.get(spot.category, ())
        return tuple(
            n for n in names if any(s.relation == spot.relation for s in self._place.world.body(n).receptacles)
        )

    def carried(self, name: str) -> bool:
        """Whether it is a thing and not furniture."""
        return self._place.world.body(name).mass > 0.0

    def width(self, thing: str) -> float:
        """Metres across."""
        (x0, y0, _), (x1, y1, _) = self._place.world.body(thing).extent
        return max(x1 - x0, y1 - y0)

    def near(self, thing: str) -> bool:
        """Whether the robot can get at a thing and see it there, after opening what it is in. It is tried out, and all
        is as before; not on engines where doors take time: there it is enough that a way leads near the thing."""
        place, door = self._place, self._door(thing)
        if place.held() == thing or "dynamics" in place.backend.provides:
            return place.held() == thing or self._walk.near(place, thing, door)
        before, opening = place.agent(), place.opening(door) if door else 0.0
        if door:
            place.drive(door, 1.0)
        point = place.pose(thing).point(place.world.body(thing).middle)
        found = self._walk.visit(place, point)
        if found:
            sight = self._head.around(place, point, np.random.default_rng(0))
            face(place, thing)
            found = thing in sight.names and hands.reachable(place, thing) and not hands.shut_away(place, thing)
        if door:
            place.drive(door, opening)
        stand(place, before[:2], before[2])
        return found

    def _door(self, thing: str) -> str:
        """What has to be opened to get at a thing, "" for nothing."""
        middle = self._place.pose(thing).point(self._place.world.body(thing).middle)
        return next(
            (
                space.behind
                for body in self._place.world.bodies
                for space in body.receptacles
                if space.behind and space.contains(self._place.pose(body.name).inverse().point(middle))
            ),
            "",
        )

    def room(self, thing: str, spot: Spot) -> bool:
        """Whether one of the bodies of a spot has room for a thing now."""
        body = self._place.world.body(thing)
        holders = (self._place.world.body(name) for name in self.holders(spot) if name != thing)
        return any(self._free(body, holder, spot.relation) for holder in holders)

    def _free(self, thing: Body, holder: Body, relation: Relation) -> bool:
        if not fits(thing, holder, relation):
            return False
        if holder.mass > 0.0:
            return not laden(self._place, holder)
        rng = np.random.default_rng(0)
        spaces = (space for space in holder.receptacles if space.relation == relation)
        return any(free_pose(self._place, rng, thing, holder, space) is not None for space in spaces)

    def where(self, thing: str) -> Spot | None:
        """On or in what a thing is, the smallest that holds it; None in the hand or elsewhere."""
        found = [
            (_volume(body), Spot(space.relation, body.category))
            for body in self._place.world.bodies
            for space in body.receptacles[:1] if body.name != thing
            for space in body.receptacles
            if hands.rests(self._place, thing, body.name, space.relation)
        ]  # fmt: skip
        return min(found, key=lambda pair: pair[0])[1] if found else None


def _by_category(place: Place, among: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for body in place.world.bodies:
        if body.category in among:
            groups.setdefault(body.category, []).append(body.name)
    return {category: tuple(names) for category, names in groups.items()}


def _volume(body: Body) -> float:
    (x0, y0, z0), (x1, y1, z1) = body.extent
    return (x1 - x0) * (y1 - y0) * (z1 - z0)
