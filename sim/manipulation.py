"""Picking up, putting on and in, opening and closing, as one-step actions: the same rules on every backend.

A rule looks at geometry alone: what is near, in front and not shut away. Where there is physics, the backend then
checks that a hand gets there, and gravity says where things end up. Whether something *is* on or in something else is
one definition, `rests`, everywhere.
"""

import math
from collections.abc import Iterable, Iterator

from loci.sim.backend import Place
from loci.sim.joints import Receptacle, Relation
from loci.sim.pose import Pose, Vector
from loci.sim.world import Body

REACH = 1.1
"""Metres in the ground plane from the agent's middle to the nearest point of what it handles."""
FACING = math.radians(50.0)
OPEN = 0.8
"""Opening from which on a hand gets in."""
CLEARANCE = 0.01
"""Metres kept between things."""
DROP = 0.001
"""Metres above a receptacle's floor at which a thing is let go."""
SETTLED = 0.05
"""Metres by which the middle of a thing may lie outside the receptacle it rests on or in."""
GRID = 7


def reachable(place: Place, name: str) -> bool:
    """Whether the nearest point of a body's box is within REACH of the agent and in front of it."""
    return _distance(place, name) <= REACH


def nearest(place: Place, names: Iterable[str]) -> str:
    """The reachable one among these bodies that is nearest to the agent, "" if there is none."""
    distances = {name: _distance(place, name) for name in names}
    within = {name: d for name, d in distances.items() if d <= REACH}
    return min(within, key=lambda name: within[name]) if within else ""


def movable(body: Body) -> bool:
    """Whether an agent can carry it."""
    return body.mass > 0.0 and body.joint is None


def pick_up(place: Place, name: str) -> bool:
    """Take a thing ("" for none) into the empty hand; whether that was done."""
    free = name != "" and place.held() is None and movable(place.world.body(name))
    return free and reachable(place, name) and not shut_away(place, name) and place.hold(name)


def put(place: Place, holder: str, relation: Relation | None = None) -> bool:
    """Put what is carried on or in a body (None: whichever has room first); whether that was done."""
    thing, pose = place.held(), room_for(place, holder, relation)
    if thing is None or pose is None:
        return False
    place.hold(None)
    place.place(thing, pose)
    return True


def room_for(place: Place, holder: str, relation: Relation | None = None) -> Pose | None:
    """Where what is carried would stand on or in a body within reach, None where it cannot."""
    thing = place.held()
    if thing is None or thing == holder or not reachable(place, holder):
        return None
    spaces = place.world.body(holder).receptacles
    open_ = (space for space in spaces if relation in (None, space.relation) and is_open(place, space))
    return next((pose for space in open_ if (pose := spot(place, thing, holder, space))), None)


def put_down(place: Place) -> bool:
    """Put what is carried on the floor ahead; whether there was something."""
    thing = place.held()
    if thing is None:
        return False
    x, y, yaw = place.agent()
    lower, distance = place.world.body(thing).extent[0], 0.6 * REACH
    place.hold(None)
    place.place(thing, Pose.at(x + distance * math.cos(yaw), y + distance * math.sin(yaw), DROP - lower[2], yaw))
    return True


def swing(place: Place, name: str, opening: float) -> bool:
    """Open (1) or close (0) a door, drawer or lid ("" for none) with an empty hand; whether that was begun."""
    if not name or place.held() is not None or place.world.body(name).joint is None or not reachable(place, name):
        return False
    place.drive(name, opening)
    return True


def is_open(place: Place, space: Receptacle) -> bool:
    """Whether a hand gets into a receptacle."""
    return not space.behind or place.opening(space.behind) >= OPEN


def rests(place: Place, thing: str, holder: str, relation: Relation | None = None) -> bool:
    """Whether a thing that nobody carries is on or in a body: its middle lies in one of the body's receptacles."""
    if place.held() == thing:
        return False
    spaces = place.world.body(holder).receptacles
    middle = place.pose(holder).inverse().point(_middle(place, thing))
    return any(relation in (None, space.relation) and space.contains(middle, SETTLED) for space in spaces)


def shut_away(place: Place, thing: str) -> bool:
    """Whether a thing is in a receptacle whose door is closed."""
    shut = ((body.name, s) for body in place.world.bodies for s in body.receptacles if not is_open(place, s))
    middle = _middle(place, thing)
    return any(space.contains(place.pose(holder).inverse().point(middle)) for holder, space in shut)


def spot(place: Place, thing: str, holder: str, space: Receptacle) -> Pose | None:
    """A free pose for a thing in a receptacle, the most central one within REACH, turned like the holder; None where
    there is none."""
    body, frame = place.world.body(thing), place.pose(holder)
    ax, ay, _ = frame.inverse().point((*place.agent()[:2], frame.position[2]))
    (x0, y0, z0), (x1, y1, z1) = body.extent
    half = (x1 - x0) / 2, (y1 - y0) / 2
    if space.relation == "in" and z1 - z0 + DROP > space.upper[2] - space.lower[2]:
        return None
    taken = list(_taken(place, thing, holder, space))
    for x, y in _centres(space, half):
        if math.hypot(x - ax, y - ay) > REACH:
            continue
        gaps = ((abs(x - ox) - half[0] - oh, abs(y - oy) - half[1] - oh) for ox, oy, oh in taken)
        if all(max(gap) > CLEARANCE for gap in gaps):
            mx, my, _ = body.middle
            return frame @ Pose((x - mx, y - my, space.lower[2] - z0 + DROP))
    return None


def _centres(space: Receptacle, half: tuple[float, float]) -> Iterator[tuple[float, float]]:
    """Middles at which a thing of these half lengths stands inside, from the centre outwards."""
    room = [(space.upper[i] - space.lower[i]) / 2 - half[i] for i in range(2)]
    if min(room) < 0.0:
        return
    steps = [2.0 * k / (GRID - 1) - 1.0 for k in range(GRID)]
    offsets = sorted(((a * room[0], b * room[1]) for a in steps for b in steps), key=lambda p: (math.hypot(*p), p))
    cx, cy = ((space.lower[i] + space.upper[i]) / 2 for i in range(2))
    yield from ((cx + dx, cy + dy) for dx, dy in offsets)


def _taken(place: Place, thing: str, holder: str, space: Receptacle) -> Iterator[tuple[float, float, float]]:
    """Middle (x, y) and half width of every other thing in a receptacle, in the holder's frame."""
    inside = place.pose(holder).inverse()
    for body in place.world.bodies:
        if movable(body) and body.name not in (thing, holder):
            x, y, z = inside.point(_middle(place, body.name))
            if space.contains((x, y, z), SETTLED):
                (x0, y0, _), (x1, y1, _) = body.extent
                yield x, y, math.hypot(x1 - x0, y1 - y0) / 2


def _middle(place: Place, name: str) -> Vector:
    return place.pose(name).point(place.world.body(name).middle)


def _distance(place: Place, name: str) -> float:
    """Metres to the nearest point of a body's box in the ground plane, infinite when that is not in front."""
    x, y, yaw = place.agent()
    pose, ((x0, y0, _), (x1, y1, _)) = place.pose(name), place.world.body(name).extent
    lx, ly, lz = pose.inverse().point((x, y, pose.position[2]))
    near = pose.point((min(max(lx, x0), x1), min(max(ly, y0), y1), lz))
    dx, dy = near[0] - x, near[1] - y
    distance = math.hypot(dx, dy)
    aside = abs(math.remainder(math.atan2(dy, dx) - yaw, 2.0 * math.pi))
    return distance if distance < 1e-9 or aside <= FACING else math.inf
