"""Ballet in a room: watch dancers perform one after another, then point at the one whose dance is named.

After Lampinen et al. 2021 (arXiv 2105.14039). The agent stands in the middle and sees the room from above its head,
with north, where it looks, at the top. Dancers stand on the 8 compass rays around it and move half a metre a step, with
the dances and the clock of the grid (dances.py). Only their colours and forms tell them apart, which say nothing about
the answer.

Action, Discrete(8): point N, NE, E, SE, S, SW, W, NW, from 0 to 7; ignored until the instruction has been heard. One
action lasts half a second.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB |
| position, heading | float32 (3,), (1,) | odometry: metres and radians in the world |
| words | text | always "" |
| instruction | text | "watch", then the name of a dance |

Reward: 1 for pointing at the right dancer. Pointing ends the episode. Metrics: `success`, `choice` (1 when a dancer
stands where the agent pointed).

`still` keeps the dancers at rest: then nothing beats 1 / dancers. `twin` adds " at north east" to the instruction, so
that no memory is needed. `dances` takes only the first of the 13.

Differs from the paper: one action answers, where there the agent walks three cells; an empty direction is a wrong
answer. Bodies have forms and perspective instead of 9 x 9 pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim.backend import Place
from loci.sim.sensors import Camera, PoseSensor, Sensor, Words
from loci.sim.task import Advice, Outcome, Said
from loci.sim.tasks.ballet import WATCH, check
from loci.sim.tasks.dances import (
    CENTRE,
    COLOURS,
    DANCES,
    DIRECTION_WORDS,
    HOMES,
    PATHS,
    RAYS,
    instruction_frame,
    solo,
)
from loci.sim.world import Body, Kind, Pose, Shape, World
from loci.sim.worlds.rooms import LOOKS, walled_room

CELL = 0.5
"""Metres a dancer moves in a step."""
ROOM = 5.0
NORTH = np.pi / 2
MASS = 5.0
FORMS: tuple[tuple[tuple[Kind, tuple[float, float, float]], ...], ...] = (
    (("box", (0.2, 0.2, 0.2)),),
    (("cylinder", (0.22, 0.22, 0.2)),),
    (("box", (0.22, 0.1, 0.2)),),
    (("box", (0.1, 0.22, 0.2)),),
    (("cylinder", (0.22, 0.22, 0.06)), ("box", (0.09, 0.09, 0.2))),
    (("box", (0.22, 0.22, 0.06)), ("cylinder", (0.09, 0.09, 0.2))),
    (("box", (0.22, 0.08, 0.1)), ("box", (0.08, 0.22, 0.1))),
)
"""Parts of each dancer's body with their half extents in metres, one on the other."""


class BalletRoom:
    """One episode; `dancers` and `delay` may be lists, from which each episode draws."""

    seconds = 0.5
    action_names = tuple(f"point {word}" for word in DIRECTION_WORDS)

    def __init__(
        self,
        camera: Camera,
        dancers: int | Sequence[int] = 4,
        delay: int | Sequence[int] = 4,
        dances: int = len(DANCES),
        still: bool = False,
        twin: bool = False,
    ) -> None:
        self.numbers, self.delays = np.atleast_1d(dancers), np.atleast_1d(delay)
        check(self.numbers, self.delays, dances)
        self.dances, self.still, self.twin = dances, still, twin
        self.ceiling = float(np.mean(1.0 / self.numbers))
        self.max_steps = instruction_frame(int(self.numbers.max()), int(self.delays.max())) + 1
        self.sensors: tuple[Sensor, ...] = (camera, PoseSensor(), Words())
        self.action_space = spaces.Discrete(8)
        self.names: dict[str, str] = {}

    def world(self, rng: np.random.Generator) -> World:
        """Draw the dancers, where they stand, their dances and which of them will be named."""
        number, self.delay = int(rng.choice(self.numbers)), int(rng.choice(self.delays))
        self.target = int(rng.integers(number))
        self._homes = rng.permutation(len(HOMES))[:number]
        self._dances = rng.permutation(self.dances)[:number]
        self._due = instruction_frame(number, self.delay)
        colours = rng.permutation(list(COLOURS))[:number]
        forms = rng.permutation(len(FORMS))[np.arange(number) % len(FORMS)]
        bodies = [_body(f"dancer_{i}", str(colours[i]), int(forms[i]), self._pose(i, 0)) for i in range(number)]
        self.names = {body.name: list(DANCES)[dance] for body, dance in zip(bodies, self._dances, strict=True)}
        middle = Pose.at(0.0, 0.0, 0.0, NORTH)
        return walled_room(int(rng.integers(LOOKS)), ROOM, 1.0, bodies=tuple(bodies), spawns=(middle,))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self._frame, self._pointed = 0, -1
        self._dance(place)
        return self._said()

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        if self._frame >= self._due:
            self._pointed = int(action)
        return {"velocity": (0.0, 0.0), "turn": 0.0}

    def outcome(self, place: Place) -> Outcome:
        self._frame += 1
        if self._frame < self._due:
            self._dance(place)
        success = float(self._pointed == self._ray(self.target))
        metrics = {"success": success, "choice": float(self._pointed in RAYS[self._homes])}
        return Outcome(success, self._pointed >= 0, self._said(), metrics)

    def expert(self, place: Place) -> Advice | None:
        """Point at the right dancer; of weight 1 once the instruction is heard, 0 before."""
        return Advice(self._ray(self.target), 1.0) if self._frame >= self._due else Advice(0, 0.0)

    def _said(self) -> Said:
        if self._frame < self._due:
            return Said(instruction=WATCH)
        where = f" at {DIRECTION_WORDS[self._ray(self.target)]}" if self.twin else ""
        return Said(instruction=self.names[f"dancer_{self.target}"] + where)

    def _dance(self, place: Place) -> None:
        """The soloist's move; in the pauses everyone rests."""
        dancer, made = solo(self._frame, self.delay)
        if not self.still:
            place.place(f"dancer_{dancer}", self._pose(dancer, made))

    def _pose(self, dancer: int, made: int) -> Pose:
        """Where a dancer stands after so many moves, metres."""
        row, column = HOMES[self._homes[dancer]] + PATHS[self._dances[dancer], made] - CENTRE
        return Pose.at(CELL * float(column), -CELL * float(row))

    def _ray(self, dancer: int) -> int:
        return int(RAYS[self._homes[dancer]])


def _body(name: str, colour: str, form: int, pose: Pose) -> Body:
    red, green, blue = (value / 255.0 for value in COLOURS[colour])
    parts, floor = [], 0.0
    for kind, size in FORMS[form]:
        parts.append(Shape(kind, size, (red, green, blue), pose=Pose((0.0, 0.0, floor + size[2]))))
        floor += 2.0 * size[2]
    return Body(name, f"{colour} dancer", tuple(parts), pose, MASS)
