"""Household: chores in a furnished house, one after another over days, while people move things.

Action, float32 (5,): number of the skill, a point x, y, z in the world in metres, and the number of a category in
`household_words.CATEGORIES`, -1 for any. Skills 0 to 13: look, go, pick, put_on, put_in, open, close, toggle, slice,
clean, heat, cool, fill, done. Every skill but done is aimed at the point: the robot turns to it, looks, and works on
what it sees there; "go" walks at most `stride` metres along the shortest free way to it.

| observation | type | unit |
|---|---|---|
| rgb, depth | uint8 (H, W, 3), float32 (H, W) | sRGB; metres along the camera's z |
| camera_position, camera_wxyz | float32 (3,), (4,) | metres in the world; the OpenCV axes in the world |
| position, heading | float32 (3,), (1,) | of the robot: metres and radians in the world |
| objects | float32 (`detector.rows`, 9 + 7) | what the detector says of the picture (sim/detector.py) |
| held | float32 (1,) | category number of what is carried, -1 for nothing |
| way | float32 (1,) | metres left to walk after "go", else 0 |
| time | float64 (1,) | seconds since the first midnight |
| number | int64 (1,) | of the task, from 0 |
| instruction, goal, failure | text | the goal as JSON (household_goals.told); "" when the last skill worked |

Reward: 1 for a "done" with the goal reached (household_goals.py). It ends the task, as does any "done" and the
`steps`-th step; the next instruction is then in force. The episode ends with its last task. Metrics, means over tasks:
`success`, `share` (of conditions), `steps`, `seconds`, `metres`, `areas` and `areas_left` (household_search.py); of
each set `success_simple` and so on; `moved`, things that people moved. `records` has the tasks one by one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim.backend import Place
from loci.sim.detector import Detector, doors
from loci.sim.sensors import Camera, Sensor
from loci.sim.task import Advice, Outcome, Said
from loci.sim.tasks.household_days import SETS, Chore, Days, Set
from loci.sim.tasks.household_eyes import Head, Sight
from loci.sim.tasks.household_goals import Progress, told
from loci.sim.tasks.household_hands import Aim, act
from loci.sim.tasks.household_people import DAY, MORNING, later, live
from loci.sim.tasks.household_record import Record, averages
from loci.sim.tasks.household_search import Search
from loci.sim.tasks.household_shown import Shown, shown
from loci.sim.tasks.household_teacher import Teacher
from loci.sim.tasks.household_walk import Walk, turn
from loci.sim.tasks.household_words import CATEGORIES, SKILLS, STATES, Skill
from loci.sim.world import World
from loci.sim.worlds.house import House
from loci.sim.worlds.vessels import with_vessels

SPEED = 0.5
"""Metres a second."""
LASTS = {Skill.LOOK: 1.0, Skill.CLEAN: 20.0, Skill.HEAT: 60.0, Skill.COOL: 60.0, Skill.FILL: 10.0, Skill.SLICE: 10.0}
"""Seconds that a skill takes; others take 4."""
UNWASHED = ("apple", "tomato")
"""Food that may be dirty in the beginning, as dishes and clothes are."""
FADING = ("heated", "cooled")


class Household:
    """`tasks` of the sets in `order`, which is repeated; `steps` a task at most. `pause`: hours between tasks on
    average; `rate`: things that people move in an hour; `fade`: minutes until what was heated or cooled is as before.
    `misses`, `swaps`, `noise`, `ids` and `box` are those of the detector."""

    seconds, ceiling = 1.0, 1.0
    action_names = SKILLS

    def __init__(
        self,
        camera: Camera,
        house: House | None = None,
        tasks: int = 6,
        order: Sequence[Set] = SETS,
        steps: int = 250,
        pause: float = 2.0,
        rate: float = 1.0,
        stride: float = 1.0,
        fade: float = 30.0,
        lifts: Sequence[float] = (1.4, 1.1, 0.8, 0.5),
        detections: int = 64,
        least: int = 4,
        misses: float = 0.0,
        swaps: float = 0.0,
        noise: float = 0.0,
        ids: bool = True,
        box: Any = "true",
    ) -> None:
        if min(tasks, steps) < 1 or not order or set(order) - set(SETS):
            raise ValueError(f"Household needs tasks, steps >= 1 and order of {SETS}, got {tasks}, {steps}, {order}")
        if min(pause, rate, fade) < 0.0 or not stride > 0.0 or not lifts:
            raise ValueError(
                f"pause, rate, fade must be 0 or more, stride above 0, got {pause}, {rate}, {fade}, {stride}"
            )
        self.house = house or House(things=(40, 50))
        self.tasks, self.order, self.steps, self.max_steps = tasks, tuple(order), steps, tasks * steps
        self.pause, self.rate, self.stride, self.fade = pause, rate, stride, 60.0 * fade
        detector = Detector(CATEGORIES, STATES, detections, least, 8.0, misses, swaps, noise, ids, box)
        self.head = Head(camera, detector, tuple(float(lift) for lift in lifts))
        self.sensors: tuple[Sensor, ...] = (Shown(camera, detections),)
        low = np.array([0, *[-np.inf] * 3, -1], np.float32)
        high = np.array([len(SKILLS) - 1, *[np.inf] * 3, len(CATEGORIES) - 1], np.float32)
        self.action_space = spaces.Box(low, high, dtype=np.float32)

    def world(self, rng: np.random.Generator) -> World:
        """A house in which bowls hold things and some food needs washing."""
        world = with_vessels(self.house.world(rng))
        dirty = (
            replace(b, states=(*b.states, "dirty")) if b.category in UNWASHED and rng.random() < 0.5 else b
            for b in world.bodies
        )
        return replace(world, bodies=tuple(dirty))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        chores, people, noise = (int(seed) for seed in rng.integers(2**62, size=3))
        self.head = replace(self.head, parts=doors(place.world))
        self._walk = Walk(place, self.stride)
        self.records: list[Record] = []
        self._days, self._people, self._noise = (
            Days(chores, self._walk, self.head),
            people,
            np.random.default_rng(noise),
        )
        self._time, self._warm = 3600.0 * MORNING, dict[tuple[str, str], float]()
        self._way, self._failure = 0.0, ""
        self._gaze: tuple[float, float, float] | None = None
        self._finished = False
        self._start(place, 0)
        return self._said(place)

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        skill, point, category = self._read(action)
        self._failure, self._way, self._finished = "", 0.0, skill == Skill.DONE
        lasts = LASTS.get(skill, 4.0)
        if skill == Skill.GO:
            lasts = self._go(place, point) / SPEED
        elif skill == Skill.DONE:
            lasts = 0.0
        else:
            self._work(place, skill, point, category)
        self._time += lasts
        self.record.seconds += lasts
        self.record.steps += 1
        return {"velocity": (0.0, 0.0), "turn": 0.0}

    def outcome(self, place: Place) -> Outcome:
        self._cool_down(place)
        self.progress.look(place)
        if self._walk.stuck(place):
            self._failure = "something is in the way of the door"
        reward = float(self._finished and self.progress.complete)
        over = self._finished or self.record.steps >= self.steps
        said = None if over else self._said(place)
        if over:
            self.record.close(self.progress, self._search, reward)
            if len(self.records) == self.tasks:
                return Outcome(reward, self._finished, self._said(place), averages(self.records), not self._finished)
            self._start(place, len(self.records))
            said = self._said(place)
        assert said is not None
        return Outcome(reward, False, said)

    def expert(self, place: Place) -> Advice | None:
        return Advice(self.teacher.advise(self.progress, self._failure, self._way), 1.0)

    @property
    def record(self) -> Record:
        """Of the task in hand."""
        return self.records[-1]

    def _start(self, place: Place, number: int) -> None:
        """Let time pass before a task that is not the first, and ask for the next chore."""
        moved: list[str] = []
        if number:
            rng = np.random.default_rng((self._people, number))
            before, self._time = self._time, later(rng, self._time, self.pause)
            awake = min(self._time - before, DAY / 2.0) / 3600.0
            moved = live(place, rng, awake, self.rate)
            self._cool_down(place)
        self.chore: Chore = self._days.next(self.order[number % len(self.order)], place, self._time)
        self.progress, self.teacher = Progress(self.chore.goal), Teacher(place)
        self.progress.look(place)
        self._search = Search(place.world, [(c.things, c.count) for c in self.chore.goal.conditions])
        self.records.append(Record(self.chore.kind, self.chore.instruction, tuple(moved)))
        self._goal = told(self.chore.goal, place.world, self.chore.referent, self.chore.reference)

    def _read(self, action: Any) -> tuple[Skill, tuple[float, float, float], str]:
        """The parts of an action; ValueError for numbers outside the space."""
        number, x, y, z, category = (float(value) for value in np.asarray(action, np.float64).reshape(5))
        if not (0 <= number < len(SKILLS) and -1 <= category < len(CATEGORIES) and math.isfinite(x + y + z)):
            raise ValueError(f"action must be [skill, x, y, z, category] in {self.action_space}, got {action}")
        return Skill(round(number)), (x, y, z), CATEGORIES[round(category)] if round(category) >= 0 else ""

    def _go(self, place: Place, point: tuple[float, float, float]) -> float:
        """Metres walked."""
        found = self._walk.go(place, point)
        if found is None:
            self._failure = "there is no way to that place"
            return 0.0
        walked, self._way = found
        self._gaze = None if self._way else point
        self.record.metres += walked
        return walked

    def _work(self, place: Place, skill: Skill, point: tuple[float, float, float], category: str) -> None:
        turn(place, point)
        self._gaze = point
        if skill != Skill.LOOK:
            sight = self.head.around(place, point, self._noise)
            self._failure = act(Aim(skill, point, category, sight), place, self._walk)
            turn(place, point)

    def _cool_down(self, place: Place) -> None:
        """Forget warmth and cold that are over."""
        for body in place.world.bodies:
            for state in FADING if body.mass > 0.0 else ():
                key = body.name, state
                if state not in place.states(body.name):
                    self._warm.pop(key, None)
                elif self._time - self._warm.setdefault(key, self._time) > self.fade:
                    place.mark(body.name, state, False)

    def _sight(self, place: Place) -> Sight:
        return self.head.at(place, self._gaze, self._noise) if self._gaze else self.head.ahead(place, self._noise)

    def _said(self, place: Place) -> Said:
        """The picture now, and all that is told with it."""
        sight, held = self._sight(place), place.held()
        x, y, _ = place.agent()
        self._search.look(x, y, [*sight.names, *([held] if held else [])])
        texts = {"instruction": self.chore.instruction, "goal": self._goal, "failure": self._failure}
        numbers = {"way": self._way, "time": self._time, "number": len(self.records) - 1}
        return Said("", self.chore.instruction, shown(place, sight, numbers, texts))
