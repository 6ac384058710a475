"""Put away: carry a thing to where it belongs, opening what is shut.

A drawer, a chest with a lid, a cabinet with a door and a table stand around the agent, with some coloured things on the
floor or on, or in, the furniture. The instruction names one of them and a place: "put the red ball in the drawer".

Action, Discrete(9): 0 forward 0.4 m, 1 back 0.4 m, 2 turn left and 3 turn right by 45 degrees, 4 pick up, 5 put on,
6 put in, 7 open, 8 close. The hands act on the nearest thing that they reach (manipulation.py); "put on" with no
furniture in reach puts the thing on the floor. One action lasts a second.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB |
| position, heading | float32 (3,), (1,) | odometry: metres and radians in the world |
| words, instruction | text | "" and the instruction |

Reward: 1 when the thing rests on, or in, the place that was named, which ends the episode. Metrics: `success`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim import manipulation as hands
from loci.sim.backend import Place
from loci.sim.joints import Receptacle, Relation
from loci.sim.sensors import Camera, PoseSensor, Sensor, Words
from loci.sim.task import Advice, Outcome, Said
from loci.sim.world import Body, Kind, Pose, Shape, World
from loci.sim.worlds.fittings import coffee_table
from loci.sim.worlds.pieces import Piece
from loci.sim.worlds.rooms import LOOKS, walled_room
from loci.sim.worlds.storage import cabinet, chest, nightstand

FORWARD, BACK, LEFT, RIGHT, PICK, PUT_ON, PUT_IN, OPEN, CLOSE = range(9)
STRIDE, TURN = 0.4, math.radians(45.0)
STATIONS = 8
FRONT = 1.45
"""Metres from the middle of the room to the front of the furniture, and to things on the floor."""
ASTRAY = 0.3
"""Metres from the middle at which the teacher goes back there."""
PIECES: dict[str, Callable[[np.random.Generator], Piece]] = {
    "nightstand": nightstand,
    "chest": chest,
    "cabinet": cabinet,
    "table": coffee_table,
}
GOALS: dict[str, tuple[str, Relation]] = {
    "drawer": ("nightstand_drawer", "in"),
    "chest": ("chest", "in"),
    "cabinet": ("cabinet", "in"),
    "table": ("table", "on"),
}
COLOURS = {
    "red": (0.85, 0.1, 0.1),
    "green": (0.1, 0.6, 0.15),
    "blue": (0.1, 0.25, 0.85),
    "yellow": (0.95, 0.85, 0.1),
    "purple": (0.55, 0.15, 0.6),
}
FORMS: dict[str, tuple[Kind, tuple[float, float, float]]] = {
    "ball": ("sphere", (0.05, 0.05, 0.05)),
    "box": ("box", (0.05, 0.06, 0.04)),
    "can": ("cylinder", (0.04, 0.04, 0.06)),
}


class PutAway:
    """One episode; each of the `things` starts with probability `stowed` on or in furniture, else on the floor."""

    seconds, max_steps, ceiling = 1.0, 120, 1.0
    action_names = ("forward", "back", "turn left", "turn right", "pick up", "put on", "put in", "open", "close")

    def __init__(self, camera: Camera, things: int = 3, stowed: float = 0.5) -> None:
        if not 1 <= things <= STATIONS - len(PIECES):
            raise ValueError(f"things must lie in 1..{STATIONS - len(PIECES)}, got {things}")
        if not 0.0 <= stowed <= 1.0:
            raise ValueError(f"stowed must lie in [0, 1], got {stowed}")
        self.things, self.stowed = things, stowed
        self.sensors: tuple[Sensor, ...] = (camera, PoseSensor(), Words())
        self.action_space = spaces.Discrete(9)
        self.target, self.goal, self.sentence = "", "", ""
        self.relation: Relation = "on"

    def world(self, rng: np.random.Generator) -> World:
        """Furniture and things around the middle, and what is to be done with which of them."""
        stations = rng.permutation(STATIONS)
        phase = float(rng.uniform(-math.pi, math.pi))
        angles = [phase + TURN * int(k) for k in stations]
        furniture = [
            b for (name, make), a in zip(PIECES.items(), angles, strict=False) for b in _stand(name, make(rng), a)
        ]
        names = [str(name) for name in rng.permutation(list(COLOURS))[: self.things]]
        bodies = [_thing(name, list(FORMS)[rng.integers(len(FORMS))]) for name in names]
        body = bodies[rng.integers(len(bodies))]
        place = list(GOALS)[rng.integers(len(GOALS))]
        self.target, (self.goal, self.relation) = body.name, GOALS[place]
        self.sentence = f"put the {body.name.replace('_', ' ')} {self.relation} the {place}"
        placed = self._scatter(bodies, furniture, angles[len(PIECES) :], rng)
        x, y = rng.uniform(-0.03, 0.03, 2).tolist()
        spawn = Pose.at(x, y, 0.0, phase + TURN * int(rng.integers(STATIONS)))
        look = int(rng.integers(LOOKS))
        return walled_room(look, bodies=(*furniture, *placed), spawns=(spawn,))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        return Said(instruction=self.sentence)

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        if action in (PUT_ON, PUT_IN):
            self._put(place, "on" if action == PUT_ON else "in")
        elif action == PICK:
            hands.pick_up(place, hands.nearest(place, self._loose(place)))
        elif action in (OPEN, CLOSE):
            hands.swing(place, hands.nearest(place, self._hinged(place, action == CLOSE)), float(action == OPEN))
        speed = {FORWARD: STRIDE, BACK: -STRIDE}.get(int(action), 0.0) / self.seconds
        turn = {LEFT: TURN, RIGHT: -TURN}.get(int(action), 0.0) / self.seconds
        return {"velocity": (speed, 0.0), "turn": turn}

    def outcome(self, place: Place) -> Outcome:
        done = hands.rests(place, self.target, self.goal, self.relation)
        return Outcome(float(done), done, Said(instruction=self.sentence), {"success": float(done)})

    def expert(self, place: Place) -> Advice | None:
        """Open the place, open what the thing is in, fetch it, put it; back to the middle in between."""
        return Advice(self._advise(place), 1.0)

    def _advise(self, place: Place) -> int:
        held, door = place.held(), self._door(place)
        if held is not None:
            if held != self.target or door:
                return PUT_ON
            there = hands.room_for(place, self.goal, self.relation) is not None
            return self._steer(place, self.goal, there, PUT_ON if self.relation == "on" else PUT_IN)
        if door or self._lid(place):
            hinged = door or self._lid(place)
            return self._steer(place, hinged, hands.reachable(place, hinged), OPEN)
        return self._steer(place, self.target, hands.reachable(place, self.target), PICK)

    def _door(self, place: Place) -> str:
        """What has to be opened before something can be put where it is to go."""
        return _shut(place, (s for s in place.world.body(self.goal).receptacles if s.relation == self.relation))

    def _lid(self, place: Place) -> str:
        """What has to be opened before the thing can be had."""
        middle = place.pose(self.target).point(place.world.body(self.target).middle)
        around = ((b.name, s) for b in place.world.bodies for s in b.receptacles)
        return _shut(place, (s for name, s in around if s.contains(place.pose(name).inverse().point(middle))))

    def _steer(self, place: Place, name: str, arrived: bool, act: int) -> int:
        """Act where the thing is in reach and ahead; else walk to it, from the middle."""
        x, y, yaw = place.agent()
        bearing = abs(_bearing(place, name))
        if arrived and bearing <= TURN:
            return act
        if bearing <= TURN / 2:
            return FORWARD
        if math.hypot(x, y) > ASTRAY:
            towards = -(x * math.cos(yaw) + y * math.sin(yaw)) / math.hypot(x, y)
            return LEFT if abs(towards) < 0.5 else FORWARD if towards > 0.0 else BACK
        return LEFT

    def _put(self, place: Place, relation: Relation) -> None:
        holders = (body.name for body in place.world.bodies if any(s.relation == relation for s in body.receptacles))
        holder = hands.nearest(place, holders)
        if holder:
            hands.put(place, holder, relation)
        elif relation == "on":
            hands.put_down(place)

    def _loose(self, place: Place) -> list[str]:
        bodies = place.world.bodies
        return [b.name for b in bodies if hands.movable(b) and not hands.shut_away(place, b.name)]

    def _hinged(self, place: Place, opened: bool) -> list[str]:
        joints = (body.name for body in place.world.bodies if body.joint is not None)
        return [name for name in joints if (place.opening(name) > 0.5) == opened]

    def _scatter(
        self, things: list[Body], furniture: list[Body], free: list[float], rng: np.random.Generator
    ) -> list[Body]:
        """Each thing in a piece of furniture of its own that is not its goal, or at a free station on the floor."""
        holders = [body for body in furniture if body.receptacles and body.name != self.goal]
        order, placed = rng.permutation(len(holders)), []
        for i, (thing, angle) in enumerate(zip(things, free, strict=False)):
            pose = Pose.at(FRONT * math.cos(angle), FRONT * math.sin(angle), 0.0, angle)
            if rng.random() < self.stowed and i < len(holders):
                holder = holders[int(order[i])]
                pose = holder.start @ _middle(holder.receptacles[0])
            placed.append(replace(thing, pose=pose))
        return placed


def _stand(name: str, piece: Piece, angle: float) -> list[Body]:
    """The bodies of a piece whose front looks at the middle of the room."""
    radius = FRONT + piece.size[0] / 2
    pose = Pose.at(radius * math.cos(angle), radius * math.sin(angle), 0.0, angle + math.pi)
    return [member.body(name, pose) for member in piece.members]


def _thing(colour: str, form: str) -> Body:
    kind, size = FORMS[form]
    shape = Shape(kind, size, COLOURS[colour], pose=Pose((0.0, 0.0, size[2])))
    return Body(f"{colour}_{form}", form, (shape,), mass=0.2)


def _middle(space: Receptacle) -> Pose:
    return Pose(
        ((space.lower[0] + space.upper[0]) / 2, (space.lower[1] + space.upper[1]) / 2, space.lower[2] + hands.DROP)
    )


def _shut(place: Place, spaces: Iterable[Receptacle]) -> str:
    """The door of the first receptacle, "" when one of them can be reached into."""
    doors = [space.behind for space in spaces if not hands.is_open(place, space)]
    return doors[0] if doors else ""


def _bearing(place: Place, name: str) -> float:
    x, y, yaw = place.agent()
    bx, by, _ = place.pose(name).point(place.world.body(name).middle)
    return math.remainder(math.atan2(by - y, bx - x) - yaw, 2.0 * math.pi)
