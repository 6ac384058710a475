"""Hidden objects: see things come out of boxes and vanish again, then go to the box that holds the one that is named.

Object permanence after Lampinen et al. 2021 (arXiv 2105.14039). Boxes that all look alike stand at some of the PLACES
in an arc before the agent. One after another, in random order, a thing stands on its box for `show` steps and is gone
for at least `delay`. Then "go to the box with the red block" is the instruction. Which thing is in which box is drawn
anew in every episode.

Action, Discrete(6): a stride of 0.75 m towards place 0 (left) to 5 (right), without turning; ignored until the
instruction has been heard. One action lasts a second. With `gaze="free"` there are three more, at all times: 6 wait,
7 turn left, 8 turn right.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB |
| position, heading | float32 (3,), (1,) | odometry: metres and radians in the world |
| words | text | "", or the name of the thing that is out, see `named` |
| instruction | text | "watch", then the sentence |

Reward: 1 at the right box. The first place that is reached ends the episode, whether a box stands there or not, and so
do LATE steps after the instruction. Metrics: `success`, `choice` (1 when a box was reached).

`named` is the share of episodes in which a thing is named while it is out, so that words can be learnt: for training.
`hidden` lets nothing come out: then nothing beats 1 / boxes. `twin` adds " at 3", counted from the left from 1, so that
no memory is needed. `distractors` lets a thing that is in no box stand on the floor in every pause. `things` takes only
the first of the 24, of which 8 in a row have different colours.

Differs from the paper, whose levels are not public: sizes, numbers and looks are ours; an action is a stride.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim.backend import Place
from loci.sim.sensors import Camera, PoseSensor, Sensor, Words
from loci.sim.task import Advice, Outcome, Said
from loci.sim.world import Body, Light, Pose, World
from loci.sim.worlds.boxes import BOX_HEIGHT, THINGS, box, thing
from loci.sim.worlds.rooms import LOOKS, walled_room

WATCH = "watch"
GAZES = ("fixed", "free")
PLACES = 6
SPACING = math.radians(15.0)
BEARINGS = tuple(SPACING * ((PLACES - 1) / 2 - i) for i in range(PLACES))
"""Radians from the agent's first heading to each place, to the left positive."""
RADIUS = 2.0
STRIDE = 0.75
REACH = 0.55
"""Metres from the middle of a place at which it is reached: about where the agent would touch a box."""
WAIT, LEFT, RIGHT = PLACES, PLACES + 1, PLACES + 2
TURN = math.radians(30.0)
LATE = 8
ROOM, HEIGHT = 6.0, 4.0
GREY = {"wall": 0.61, "floor": 0.55}
"""Of a plain room; in this light the middle between black and white."""
CORNER = Pose.at(-2.5, 2.5)
"""Where the thing that is in no box waits, behind the agent."""
SUN = Light((0.6, 0.2, -0.75))
"""From behind the agent: what it sees is bright."""


class HiddenObjects:
    """One episode; `boxes` and `delay` may be lists, from which each episode draws."""

    seconds = 1.0

    def __init__(
        self,
        camera: Camera,
        boxes: int | Sequence[int] = 4,
        show: int = 2,
        delay: int | Sequence[int] = 2,
        things: int = 6,
        looks: int = 0,
        named: float = 0.0,
        distractors: bool = False,
        gaze: str = "fixed",
        hidden: bool = False,
        twin: bool = False,
    ) -> None:
        self.numbers, self.delays = np.atleast_1d(boxes), np.atleast_1d(delay)
        most = int(self.numbers.max())
        _check("boxes", self.numbers, 1, PLACES)
        _check("show", np.atleast_1d(show), 1, None)
        _check("delay", self.delays, 0, None)
        _check("things", np.atleast_1d(things), most + distractors, len(THINGS))
        _check("looks", np.atleast_1d(looks), 0, LOOKS)
        if not 0.0 <= named <= 1.0:
            raise ValueError(f"named must lie in [0, 1], got {named}")
        if gaze not in GAZES:
            raise ValueError(f"gaze must be one of {', '.join(GAZES)}, got {gaze!r}")
        self.show, self.things, self.looks, self.free = show, things, looks, gaze == "free"
        self.distractors, self.named, self.hidden, self.twin = distractors, named, hidden, twin
        self.ceiling = float(np.mean(1.0 / self.numbers))
        self.max_steps = most * (show + int(self.delays.max())) + LATE
        self.sensors: tuple[Sensor, ...] = (camera, PoseSensor(), Words())
        strides = tuple(f"walk to place {i + 1}" for i in range(PLACES))
        self.action_names = strides + (("wait", "turn left", "turn right") if self.free else ())
        self.action_space = spaces.Discrete(len(self.action_names))
        self.names: dict[str, str] = {}

    def world(self, rng: np.random.Generator) -> World:
        """Draw the boxes' places, the things in the order in which they come out, and which of them will be named."""
        number, self.delay = int(rng.choice(self.numbers)), int(rng.choice(self.delays))
        self.target, self._due = int(rng.integers(number)), number * (self.show + self.delay)
        self._places = rng.permutation(PLACES)[:number]
        looks = rng.permutation(self.things)[: number + self.distractors]
        self.names = {f"thing_{i}": THINGS[look] for i, look in enumerate(looks[:number])}
        boxes = [box(f"box_{i}", self._pose(i)) for i in range(number)]
        bodies = [thing(look, f"thing_{i}", self._pose(i)) for i, look in enumerate(looks[:number])]
        passer = [thing(look, "passer", CORNER) for look in looks[number:]]
        self._spots = rng.uniform([0.9, -0.5], [1.3, 0.5], (number, 2))
        look = int(rng.integers(self.looks)) if self.looks else 0
        shell = walled_room(look, ROOM, HEIGHT)
        walls = shell.bodies if self.looks else tuple(_grey(body) for body in shell.bodies)
        return replace(shell, bodies=(*walls, *boxes, *bodies, *passer), lights=(SUN,))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self._frame, self._reached, self._out = 0, -1, ""
        self._names_said = rng.random() < self.named
        self._bring_out(place)
        return self._said()

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        turn = {LEFT: TURN, RIGHT: -TURN}.get(int(action), 0.0) / self.seconds
        if self._frame < self._due or int(action) >= PLACES:
            return {"velocity": (0.0, 0.0), "turn": turn}
        x, y, yaw = place.agent()
        tx, ty = _spot(int(action))
        bearing, speed = math.atan2(ty - y, tx - x) - yaw, STRIDE / self.seconds
        return {"velocity": (speed * math.cos(bearing), speed * math.sin(bearing)), "turn": 0.0}

    def outcome(self, place: Place) -> Outcome:
        self._frame += 1
        self._bring_out(place)
        self._reached = self._near(place)
        success = float(self._reached == self._places[self.target])
        metrics = {"success": success, "choice": float(self._reached in self._places)}
        return Outcome(success, self._reached >= 0 or self._frame >= self._due + LATE, self._said(), metrics)

    def expert(self, place: Place) -> Advice | None:
        """Walk to the right box, of weight 1 once the instruction is heard; before, nothing that matters.

        With a free gaze it faces the boxes all the time, which together weighs as much as a stride.
        """
        if self._frame >= self._due:
            return Advice(int(self._places[self.target]), 1.0)
        yaw = place.agent()[2]
        away = LEFT if yaw < -TURN / 2 else RIGHT if yaw > TURN / 2 else WAIT
        return Advice(away, 1.0 / self._due) if self.free else Advice(0, 0.0)

    def _said(self) -> Said:
        if self._frame < self._due:
            return Said(self.names.get(self._out, "") if self._names_said else "", WATCH)
        where = f" at {self._places[self.target] + 1}" if self.twin else ""
        return Said(instruction=f"go to the box with the {self.names[f'thing_{self.target}']}{where}")

    def _bring_out(self, place: Place) -> None:
        """The thing whose turn it is on its box, in a pause the one that is in no box on the floor, all others away."""
        turn, step = divmod(self._frame, self.show + self.delay)
        watching = self._frame < self._due
        out = f"thing_{turn}" if watching and step < self.show and not self.hidden else ""
        out = "passer" if watching and step >= self.show and self.distractors else out
        if out == self._out:
            return
        if self._out:
            place.place(self._out, place.world.body(self._out).pose)
        if out:
            place.place(out, Pose.at(*self._spots[turn].tolist()) if out == "passer" else self._pose(turn, BOX_HEIGHT))
        self._out = out

    def _pose(self, number: int, height: float = 0.0) -> Pose:
        """Of the box of that number, or of the thing in it or on it."""
        x, y = _spot(int(self._places[number]))
        return Pose.at(x, y, height, BEARINGS[self._places[number]])

    def _near(self, place: Place) -> int:
        """The nearest place within reach, -1 if none."""
        x, y, _ = place.agent()
        distance, nearest = min((math.dist((x, y), _spot(i)), i) for i in range(PLACES))
        return nearest if distance < REACH else -1


def _grey(body: Body) -> Body:
    """A wall or a floor without colour and pattern."""
    parts = (replace(part, colour=(GREY[body.category],) * 3, texture="") for part in body.parts)
    return replace(body, parts=tuple(parts))


def _spot(place: int) -> tuple[float, float]:
    """x and y of the middle of a place, metres."""
    return RADIUS * math.cos(BEARINGS[place]), RADIUS * math.sin(BEARINGS[place])


def _check(name: str, values: np.ndarray, least: int, most: int | None) -> None:
    if values.size == 0 or values.min() < least or (most is not None and values.max() > most):
        expected = f"{least} or more" if most is None else f"in {least}..{most}"
        raise ValueError(f"{name} must be {expected}, got {values.tolist()}")
