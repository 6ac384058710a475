"""Passive visual match: see a coloured panel, gather apples for a while, then go to the panel of that colour.

After Hung et al. 2018 (arXiv 1810.06721) and Lampinen et al. 2021 (arXiv 2105.14039). **Cue**: for 5 steps the agent
stands before a panel; what it does is ignored. **Distraction**: in another room an apple lies with probability `apples`
in every square metre; every 30 steps there is a new room with new apples. **Choice**: panels of different colours hang
on the wall ahead, and the first one that is reached ends the episode.

Action, Discrete(4): 0 forward, 1 back, 2 left, 3 right by a metre, without turning: the agent always looks north. One
action lasts a second. Steps into a wall are not made.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB |
| position, heading | float32 (3,), (1,) | odometry: metres and radians in the world |
| words | text | always "" |
| instruction | text | "look", then "apples", then "choose" |

Reward, a tenth of the published: 1 for the right panel, 0.1 for a wrong one, `apple_reward` for an apple (0.5). So a
step's reward lies in [0, 1]; an episode's sum may not, which is the point: apples hide what the choice is worth.
The choice has 12 steps. Metrics: `success` (the right panel), `choice` (any panel), `apples` (how many were gathered).

`blank` shows a grey panel as the cue: then nothing beats 1 / panels. `twin` adds the colour to the instruction, "choose
red", so that no memory is needed.

Differs from the paper: steps of a metre and a second instead of 15 frames a second, no turning; panels of eight fixed
colours; apples are gathered by walking there.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim.backend import Place
from loci.sim.sensors import Camera, PoseSensor, Sensor, Words
from loci.sim.task import Advice, Outcome, Said
from loci.sim.tasks.recall import COLOURS
from loci.sim.world import Body, Pose, Shape, World
from loci.sim.worlds.rooms import LOOKS, walled_room

FORWARD, BACK, LEFT, RIGHT = range(4)
STEPS = ((0, 1), (0, -1), (-1, 0), (1, 0))
"""Metres east and north of each action."""
CUE, REFILL, CHOICE = 5, 30, 12
"""Steps before the first panel, in one room of apples, and at most before the choice."""
WRONG_REWARD = 0.1
APPLE_WEIGHT = 0.1
"""Of the teacher's advice on the way to an apple: there are many, and one choice."""
FAR, ROOM, NORTH = 2, 5.0, math.pi / 2
"""Metres from the middle to the outermost places, and along the room."""
START = (0, -FAR)
WALL = ROOM / 2
APPLE, PANEL = 0.1, 0.42
"""Radius of an apple and half a panel's side in metres."""
GREY = (128, 128, 128)


class PassiveMatch:
    """One episode; `distractor` (steps) and `panels` may be lists, from which each episode draws."""

    seconds = 1.0
    action_names = ("forward", "back", "left", "right")

    def __init__(
        self,
        camera: Camera,
        distractor: int | Sequence[int] = 30,
        panels: int | Sequence[int] = 4,
        apples: float = 0.3,
        apple_reward: float = 0.5,
        blank: bool = False,
        twin: bool = False,
    ) -> None:
        self.delays, self.numbers = np.atleast_1d(distractor), np.atleast_1d(panels)
        if self.delays.min() < 0:
            raise ValueError(f"distractor must be 0 steps or more, got {self.delays.tolist()}")
        if self.numbers.min() < 1 or self.numbers.max() > 2 * FAR + 1:
            raise ValueError(f"panels must lie in 1..{2 * FAR + 1}, got {self.numbers.tolist()}")
        for name, value in {"apples": apples, "apple_reward": apple_reward}.items():
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must lie in [0, 1], got {value}")
        self.apples, self.apple_reward, self.blank, self.twin = apples, apple_reward, blank, twin
        self.ceiling = float(np.mean(1.0 / self.numbers))
        self.max_steps = CUE + int(self.delays.max()) + CHOICE
        self.sensors: tuple[Sensor, ...] = (camera, PoseSensor(), Words())
        self.action_space = spaces.Discrete(4)

    def world(self, rng: np.random.Generator) -> World:
        """Draw the panels, where they will hang and which is the right one; the room in which it is seen."""
        number, self.delay = int(rng.choice(self.numbers)), int(rng.choice(self.delays))
        self.colours = [str(name) for name in rng.permutation(list(COLOURS))[:number]]
        columns = rng.permutation(2 * FAR + 1)[:number] - FAR
        self.target = int(rng.integers(number))
        self._columns = {int(column): i for i, column in enumerate(columns)}
        self._look = int(rng.integers(LOOKS))
        cue = _panel("cue", GREY if self.blank else COLOURS[self.colours[self.target]], 0)
        return walled_room(self._look, ROOM, bodies=(cue,), spawns=(Pose.at(0.0, 1.0, 0.0, NORTH),))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self._rng, self._frame, self._eaten, self._reward, self._choosing = rng, 0, 0, 0.0, False
        self._lying: dict[tuple[int, int], str] = {}
        return self._said()

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        self._reward = 0.0
        (column, row), (east, north) = _cell(place), STEPS[int(action)]
        goal = (column + east, row + north)
        if self._frame < CUE or max(map(abs, goal)) > FAR:
            return {"velocity": (0.0, 0.0), "turn": 0.0}
        self._eat(goal, place)
        x, y, _ = place.agent()
        return {"velocity": ((goal[1] - y) / self.seconds, (x - goal[0]) / self.seconds), "turn": 0.0}

    def outcome(self, place: Place) -> Outcome:
        self._frame += 1
        chosen = self._chosen(place)
        if chosen is not None:
            self._reward = 1.0 if chosen == self.target else WRONG_REWARD
        elif self._frame == CUE + self.delay:
            self._hang(place)
        elif not self._choosing and self._frame >= CUE and (self._frame - CUE) % REFILL == 0:
            self._scatter(place)
        late = self._frame >= CUE + self.delay + CHOICE
        metrics = {"success": float(chosen == self.target), "choice": float(chosen is not None)}
        return Outcome(self._reward, chosen is not None or late, self._said(), metrics | {"apples": float(self._eaten)})

    def expert(self, place: Place) -> Advice | None:
        """Walk to the nearest apple, then to the right panel: sideways first, so that it stays in view."""
        if self._choosing:
            column = next(column for column, i in self._columns.items() if i == self.target)
            return Advice(_towards(_cell(place), (column, FAR)), 1.0)
        if not self._lying:
            return Advice(BACK, 0.0)
        here = _cell(place)
        nearest = min(self._lying, key=lambda cell: abs(cell[0] - here[0]) + abs(cell[1] - here[1]))
        return Advice(_towards(here, nearest), APPLE_WEIGHT)

    def _said(self) -> Said:
        if self._choosing:
            return Said(instruction=f"choose {self.colours[self.target]}" if self.twin else "choose")
        return Said(instruction="look" if self._frame < CUE else "apples")

    def _chosen(self, place: Place) -> int | None:
        """Number of the panel before which the agent stands."""
        column, row = _cell(place)
        return self._columns.get(column) if self._choosing and row == FAR else None

    def _scatter(self, place: Place) -> None:
        """A fresh room with apples, none where the agent stands."""
        cells = [(x, y) for y in range(-FAR, FAR + 1) for x in range(-FAR, FAR + 1)]
        lie = self._rng.random(len(cells)) < self.apples
        taken = [cell for cell, here in zip(cells, lie, strict=True) if here and cell != START]
        self._lying = {cell: f"apple_{i}" for i, cell in enumerate(taken)}
        self._enter(place, [_apple(name, cell) for cell, name in self._lying.items()], int(self._rng.integers(LOOKS)))

    def _hang(self, place: Place) -> None:
        """The room of the cue again, with all panels."""
        self._choosing, self._lying = True, {}
        panels = [_panel(f"panel_{i}", COLOURS[self.colours[i]], column) for column, i in self._columns.items()]
        self._enter(place, panels, self._look)

    def _enter(self, place: Place, bodies: list[Body], look: int) -> None:
        start = Pose.at(float(START[0]), float(START[1]), 0.0, NORTH)
        place.load(walled_room(look, ROOM, bodies=tuple(bodies), spawns=(start,)))

    def _eat(self, cell: tuple[int, int], place: Place) -> None:
        """What was eaten lies along the south wall, where the agent never looks."""
        name = self._lying.pop(cell, None)
        if name is not None:
            number = int(name.removeprefix("apple_"))
            place.place(name, Pose.at(2.0 * APPLE * (number - 11.5), 1.15 * APPLE - WALL))
            self._eaten, self._reward = self._eaten + 1, self.apple_reward


def _cell(place: Place) -> tuple[int, int]:
    """Metres east and north of the middle, rounded."""
    x, y, _ = place.agent()
    return round(x), round(y)


def _towards(here: tuple[int, int], there: tuple[int, int]) -> int:
    """The action that leads to another cell, sideways first; forward when there already."""
    east, north = there[0] - here[0], there[1] - here[1]
    if east:
        return RIGHT if east > 0 else LEFT
    return BACK if north < 0 else FORWARD


def _panel(name: str, colour: tuple[int, int, int], column: int) -> Body:
    """A square panel at the foot of the north wall."""
    square = Shape("box", (PANEL, 0.03, PANEL), _unit(colour), pose=Pose((0.0, 0.0, PANEL)))
    return Body(name, "panel", (square,), Pose.at(float(column), WALL - 0.04))


def _apple(name: str, cell: tuple[int, int]) -> Body:
    fruit = Shape("sphere", (APPLE, APPLE, APPLE), (0.95, 0.15, 0.1), pose=Pose((0.0, 0.0, APPLE)))
    return Body(name, "apple", (fruit,), Pose.at(float(cell[0]), float(cell[1])), 0.2)


def _unit(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    red, green, blue = (value / 255.0 for value in colour)
    return red, green, blue
