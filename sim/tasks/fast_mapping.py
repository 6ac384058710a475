"""Fast mapping: learn the name of each object from one introduction, then act on a name.

Hill et al. 2020 (arXiv 2009.01719). **Discovery**: some objects stand in a room; when the agent is near one and faces
it, it hears "this is a dax". **Distraction**: for a number of steps it is in another room with other objects and hears
nothing. **Instruction**: the room is rearranged and "pick up the dax" is the instruction (or "put the dax on the
bed", with furniture in the room). Names are nonsense words bound anew in every episode.

Action, Discrete(5): 0 forward 0.75 m, 1 back 0.75 m, 2 turn left and 3 turn right by one station, 4 pick up or put
down what is near and faced. One action lasts a second.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB |
| position, heading | float32 (3,), (1,) | odometry: metres and radians in the world |
| words | text | the sentence heard now, "" for silence |
| instruction | text | the instruction in force, "" before there is one |

Reward: 0.1 at the first introduction of each object, 1 for the right object (or for having put it where it was to go).
Episodes start in the middle of the ring of stations, facing one of them. They end with the first object picked up (or
put down), or when time is up. Metrics: `success`, `choice` (1 when any object was chosen), `introduced` (share of the
objects whose name was heard).

`twin` makes the fully observed twin: " it is here" is added to the instruction while the right thing is ahead, so that
no memory is needed. `mute` keeps the names from being said: then nothing can beat 1 / number of objects.

Differs from the paper: macro steps of a second and five discrete actions instead of nine continuous ones, objects on a
ring around the agent, so that an episode lasts about 12 steps and the whole study fits a laptop. The instruction has a
channel of its own beside the words.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim.backend import Place
from loci.sim.sensors import Camera, PoseSensor, Sensor, Words
from loci.sim.task import Advice, Outcome, Said
from loci.sim.tasks.ring import Ring
from loci.sim.world import Body, Pose, World
from loci.sim.worlds.furniture import FURNITURE, TOP
from loci.sim.worlds.names import nonsense_names
from loci.sim.worlds.objects import Objects, choose
from loci.sim.worlds.rooms import LOOKS, walled_room

FORWARD, BACK, LEFT, RIGHT, GRASP = range(5)
STRIDE = 0.75
NEAR = 1.15
ASTRAY = 0.45
"""Metres from the middle of the ring at which the teacher goes back there before it looks for anything."""
FACING = math.radians(30.0)
VISIT_REWARD = 0.1
INSTRUCTIONS = ("pick", "put", "both")
MOST = 8
"""Things that stand around the agent without hiding one another."""
DISTRACTORS_A_ROOM = 10


class FastMapping:
    """One episode of fast mapping; `objects` may be a list, from which each episode draws its number of objects."""

    seconds = 1.0
    action_names = ("forward", "back", "turn left", "turn right", "pick up")

    def __init__(
        self,
        family: Objects,
        camera: Camera,
        split: str = "train",
        objects: int | Sequence[int] = 3,
        distractors: int | Sequence[int] = 0,
        instruction: str = "pick",
        ring: Ring | None = None,
        room_size: float = 5.0,
        twin: bool = False,
        mute: bool = False,
    ) -> None:
        if instruction not in INSTRUCTIONS:
            raise ValueError(f"instruction must be one of {', '.join(INSTRUCTIONS)}, got {instruction!r}")
        self.family, self.split, self.instruction = family, split, instruction
        self.ring, self.room_size, self.twin, self.mute = ring or Ring(), room_size, twin, mute
        self.numbers = choices("objects", objects, 1)
        self.delays = choices("distractors", distractors, 0)
        self.ceiling = float(np.mean([1.0 / number for number in self.numbers]))
        most = max(self.numbers) + (instruction != "pick")
        if most > MOST:
            raise ValueError(f"{most} things do not fit around the agent, at most {MOST}: ask for fewer objects")
        self.sensors: tuple[Sensor, ...] = (camera, PoseSensor(), Words())
        self.action_space = spaces.Discrete(5)
        turns = max(self.ring.stations, most)
        self._caps = {"discovery": 2 * turns + 4 * max(self.numbers), "instruction": 12 * turns}
        self.max_steps = sum(self._caps.values()) + max(self.delays) + 2
        self.phase, self.sentence, self.target, self.goal = "discovery", "", "", ""
        self.names: dict[str, str] = {}

    def world(self, rng: np.random.Generator) -> World:
        """Draw the objects and their names; the room in which they are introduced."""
        number = int(rng.choice(self.numbers))
        self.delay = int(rng.choice(self.delays))
        numbers = choose(self.family, self.split, number, rng)
        self._bodies = [self.family.body(n, f"object_{i}") for i, n in enumerate(numbers)]
        spoken = nonsense_names(number, rng, frozenset(FURNITURE))
        self.names = {body.name: name for body, name in zip(self._bodies, spoken, strict=True)}
        self._look = int(rng.integers(LOOKS))
        return self._arrange(self._bodies, rng, self._look)

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self._rng = rng
        self.phase, self.sentence, self.target, self.goal = "discovery", "", "", ""
        self._introduced: set[str] = set()
        self._chosen, self._held, self._reward, self._over = "", "", 0.0, False
        self._next_phase = False
        self._clock = 0
        self._locate(place)
        return self._hear(place)

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        self._reward, self._clock = 0.0, self._clock + 1
        if self._next_phase:
            return {"velocity": (0.0, 0.0), "turn": 0.0}
        if action == GRASP and self.phase == "instruction":
            self._grasp(place)
        speed = {FORWARD: STRIDE, BACK: -STRIDE}.get(int(action), 0.0) / self.seconds
        turn = {LEFT: self._turn, RIGHT: -self._turn}.get(int(action), 0.0) / self.seconds
        return {"velocity": (speed, 0.0), "turn": turn}

    def outcome(self, place: Place) -> Outcome:
        if self._next_phase:
            self._advance(place)
        elif self.phase == "distraction" and self._clock % DISTRACTORS_A_ROOM == 0 and self._clock < self.delay:
            self._distract(place)
        said = self._hear(place)
        late = self.phase == "instruction" and self._clock >= self._caps["instruction"]
        success = self._over and self._reward == 1.0
        metrics = {
            "success": float(success),
            "choice": float(bool(self._chosen)),
            "introduced": len(self._introduced) / len(self.names),
        }
        return Outcome(self._reward, self._over or late, said, metrics)

    def expert(self, place: Place) -> Advice | None:
        """Turn left until what is wanted is ahead, walk up to it, act; go back to the middle in between.

        The weight is the reward at stake: 1 on the way to the choice, 0.1 while names are gathered.
        """
        if self._next_phase:
            return Advice(BACK if self.phase == "discovery" else LEFT, 0.0)
        if self.phase == "distraction":
            return Advice(LEFT, 0.0)
        if self.phase == "discovery":
            return Advice(self._steer(place, set(self.names) - self._introduced, FORWARD), VISIT_REWARD)
        return Advice(self._steer(place, {self.goal if self._held else self.target}, GRASP), 1.0)

    def _steer(self, place: Place, wanted: set[str], arrived: int) -> int:
        x, y, yaw = place.agent()
        near = self._faced(x, y, yaw)
        if near in wanted:
            return arrived
        if math.hypot(x, y) > ASTRAY:
            return self._home(x, y, yaw)
        bearings = (self._bearing(name, x, y, yaw) for name in wanted)
        return FORWARD if any(abs(b) <= self._turn / 2 for b in bearings) else LEFT

    def _home(self, x: float, y: float, yaw: float) -> int:
        """Back or forward, whichever leads to the middle of the ring; turn when neither does."""
        towards = -(x * math.cos(yaw) + y * math.sin(yaw)) / math.hypot(x, y)
        return LEFT if abs(towards) < 0.5 else FORWARD if towards > 0.0 else BACK

    def _hear(self, place: Place) -> Said:
        if self.phase == "instruction":
            return Said(instruction=self.sentence + (" it is here" if self.twin and self._ahead(place) else ""))
        faced = self._faced(*place.agent()) if self.phase == "discovery" else ""
        if faced and faced not in self._introduced:
            self._introduced.add(faced)
            self._reward += VISIT_REWARD
        late = self._clock >= (self._caps["discovery"] if self.phase == "discovery" else self.delay - 1)
        found = self.phase == "discovery" and len(self._introduced) == len(self.names)
        self._next_phase = late or found
        return Said(f"this is a {self.names[faced]}" if faced and not self.mute else "")

    def _ahead(self, place: Place) -> bool:
        """Whether what is wanted now lies within half a turn of the agent's heading."""
        wanted = self.goal if self._held else self.target
        return wanted in self._spots and abs(self._bearing(wanted, *place.agent())) <= self._turn / 2

    def _advance(self, place: Place) -> None:
        """Leave the discovery room for the distraction, if there is one, else for the rearranged room."""
        self._next_phase, leaving, self._clock = False, self.phase, 0
        if leaving == "discovery" and self.delay > 0:
            self.phase = "distraction"
            self._distract(place)
        else:
            self._instruct(place)

    def _distract(self, place: Place) -> None:
        numbers = choose(self.family, self.split, len(self.names), self._rng)
        bodies = [self.family.body(n, f"distractor_{i}") for i, n in enumerate(numbers)]
        look = int(self._rng.integers(LOOKS))
        place.backend.load(place.row, self._arrange(bodies, self._rng, look))
        self._locate(place)

    def _instruct(self, place: Place) -> None:
        self.phase = "instruction"
        self.target = list(self.names)[self._rng.integers(len(self.names))]
        put = self.instruction == "put" or (self.instruction == "both" and self._rng.random() < 0.5)
        self.goal = sorted(FURNITURE)[self._rng.integers(len(FURNITURE))] if put else ""
        extra = [FURNITURE[self.goal]()] if put else []
        name = self.names[self.target]
        self.sentence = f"put the {name} on the {self.goal}" if put else f"pick up the {name}"
        place.backend.load(place.row, self._arrange([*self._bodies, *extra], self._rng, self._look))
        self._locate(place)

    def _grasp(self, place: Place) -> None:
        faced = self._faced(*place.agent())
        if self._held and faced == self.goal:
            self._put_down(place)
        elif not self._held and faced in self.names and place.hold(faced):
            self._chosen = self._held = faced
            self._spots.pop(faced)
            right = faced == self.target
            self._over = not (right and self.goal)
            self._reward = 1.0 if right and not self.goal else 0.0

    def _put_down(self, place: Place) -> None:
        x, y, z = place.pose(self.goal).position
        place.hold(None)
        place.place(self._held, Pose.at(x, y, z + TOP[self.goal]))
        self._over, self._reward = True, 1.0

    def _arrange(self, bodies: list[Body], rng: np.random.Generator, look: int) -> World:
        placed, spawn = self.ring.stand(bodies, rng)
        return walled_room(look, self.room_size, bodies=placed, spawns=(spawn,))

    def _locate(self, place: Place) -> None:
        """Where the things one can face stand, by name."""
        bodies = (body for body in place.world.bodies if body.category not in ("floor", "wall"))
        self._spots = {body.name: place.pose(body.name).position[:2] for body in bodies}
        self._turn = self.ring.spacing(len(self._spots))

    def _faced(self, x: float, y: float, yaw: float) -> str:
        """Name of the nearest thing within reach and in front, "" if none."""
        best, nearest = "", NEAR
        for name, (bx, by) in self._spots.items():
            distance = math.hypot(bx - x, by - y)
            if distance < nearest and abs(self._bearing(name, x, y, yaw)) < FACING:
                best, nearest = name, distance
        return best

    def _bearing(self, name: str, x: float, y: float, yaw: float) -> float:
        bx, by = self._spots[name]
        return math.remainder(math.atan2(by - y, bx - x) - yaw, 2.0 * math.pi)


def choices(name: str, value: int | Sequence[int], least: int) -> tuple[int, ...]:
    """The numbers that an episode draws from: one, or a list of them; ValueError for one below `least`."""
    values = (value,) if isinstance(value, int) else tuple(value)
    if not values or min(values) < least:
        raise ValueError(f"{name} must be {least} or more, one number or a list of them, got {value!r}")
    return values
