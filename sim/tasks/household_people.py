"""The people of a house: while the robot waits they shut what stands open, and carry things from place to place."""

import math

import numpy as np

from loci.sim.backend import Place
from loci.sim.joints import Receptacle
from loci.sim.manipulation import DROP, SETTLED, movable
from loci.sim.tasks.household_eyes import carried
from loci.sim.world import Body, Pose
from loci.sim.worlds.draws import between, pick
from loci.sim.worlds.things import PLACES

DAY = 86400.0
MORNING, EVENING = 8.0, 20.0
"""Hours between which people are up and ask for something."""
TRIES = 12
MARGIN = 0.01


def later(rng: np.random.Generator, now: float, pause: float) -> float:
    """When the next task is asked for, seconds since the first midnight: after a pause of `pause` hours on average, or
    the next morning where that is in the night."""
    then = now + 3600.0 * float(rng.exponential(pause))
    return then if then % DAY < 3600.0 * EVENING and then // DAY == now // DAY else morning_after(now)


def morning_after(now: float) -> float:
    return (now // DAY + 1.0) * DAY + 3600.0 * MORNING


def live(place: Place, rng: np.random.Generator, hours: float, rate: float) -> list[str]:
    """Shut all furniture and move `rate` things an hour, on average; the names of the things that were moved.

    People move nothing that the robot holds, nor a thing with something on or in it. Where there is physics they use
    open places only.
    """
    shut(place)
    moved = []
    for _ in range(int(rng.poisson(rate * hours))):
        kept = carried(place)
        loose = [b for b in place.world.bodies if movable(b) and b.name not in kept and not laden(place, b)]
        body = pick(rng, loose)
        if _move(place, rng, body):
            moved.append(body.name)
    return moved


def shut(place: Place) -> None:
    """Close the doors, drawers and lids of furniture; the doors of rooms stay as they are."""
    for name in {space.behind for body in place.world.bodies for space in body.receptacles if space.behind}:
        if place.opening(name) > 0.0:
            place.drive(name, 0.0)


def _move(place: Place, rng: np.random.Generator, body: Body) -> bool:
    """Carry a thing to a likely place that has room; whether one was found."""
    physics = "dynamics" in place.backend.provides
    likely = PLACES.get(body.category, {})
    spaces = [
        (likely[b.category], b, space)
        for b in place.world.bodies if b.category in likely
        for space in b.receptacles if not (physics and space.behind)
    ]  # fmt: skip
    if not spaces:
        return False
    weights = np.array([weight for weight, _, _ in spaces])
    for _ in range(3):
        _, holder, space = spaces[int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum()))]
        pose = free_pose(place, rng, body, holder, space)
        if pose is not None:
            place.place(body.name, pose)
            return True
    return False


def free_pose(place: Place, rng: np.random.Generator, thing: Body, holder: Body, space: Receptacle) -> Pose | None:
    """A random pose of a thing in a receptacle where it touches no other thing; None where none was found."""
    (x0, y0, z0), (x1, y1, z1) = thing.extent
    radius = math.hypot(max(-x0, x1), max(-y0, y1)) + MARGIN
    (left, back, low), (right, front, high) = space.lower, space.upper
    if min(right - left, front - back) < 2.0 * radius or high - low < z1 - z0 + DROP:
        return None
    frame = place.pose(holder.name)
    discs = _discs(place, thing, frame, space)
    for _ in range(TRIES):
        x, y = between(rng, left + radius, right - radius), between(rng, back + radius, front - radius)
        if all(math.hypot(x - a, y - b) > radius + r for a, b, r in discs):
            return frame @ Pose.at(x, y, low - z0 + DROP, between(rng, -math.pi, math.pi))
    return None


def _discs(place: Place, thing: Body, frame: Pose, space: Receptacle) -> list[tuple[float, float, float]]:
    """Middle (x, y) and radius of what stands in a receptacle already, in the holder's frame."""
    inside, discs = frame.inverse(), []
    for body in place.world.bodies:
        if body.name != thing.name and body.joint is None and (movable(body) or space.relation == "on"):
            middle = inside.point(place.pose(body.name).point(body.middle))
            if space.contains(middle, SETTLED):
                (x0, y0, _), (x1, y1, _) = body.extent
                discs.append((middle[0], middle[1], math.hypot(x1 - x0, y1 - y0) / 2.0))
    return discs


def laden(place: Place, body: Body) -> bool:
    """Whether something stands on or in a thing."""
    inside = place.pose(body.name).inverse()
    return any(
        space.contains(inside.point(place.pose(b.name).point(b.middle)))
        for space in body.receptacles
        for b in place.world.bodies if movable(b) and b.name != body.name
    )  # fmt: skip
