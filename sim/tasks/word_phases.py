"""Word phases: names learnt in one room are asked for after other rooms with other names, or whole lessons later.

Lampinen et al. 2021 (arXiv 2105.14039), section 3.3, upon the fast mapping of Hill et al. 2020. A **lesson**: some
objects are introduced ("this is a dax"), then in each of a number of distractor **phases** other objects are introduced
in another room, then the first ones stand rearranged in their room and "pick up the dax" is the instruction. An episode
is one lesson. With more `lessons`, which are for tests, they follow one another without a reset: each asks for a name
of its own, but the last one asks for another name of the first lesson. No object and no name comes twice in an episode.

Actions, observations and rewards are those of `fast_mapping`: 0.1 for every introduction, 1 for every right object. A
lesson's question ends with the first object picked up, or when its time is up; the last one ends the episode. Metrics:
`success` and `choice`, of the last question; `answered`, share of all the episode's questions answered rightly;
`introduced`, share of all the episode's names that were heard.

`twin` says " it is here" while the right thing is ahead; `mute` keeps every name of the episode from being said.

Differs from the paper, beside what stands in `fast_mapping`: phases end as soon as every name was heard. Its text could
not be read; that a phase asks nothing, and which name the last lesson asks for, are choices of this suite.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from loci.sim.backend import Place
from loci.sim.sensors import Camera
from loci.sim.task import Outcome, Said
from loci.sim.tasks.fast_mapping import FastMapping, choices
from loci.sim.tasks.ring import Ring
from loci.sim.world import Body, World
from loci.sim.worlds.names import nonsense_names
from loci.sim.worlds.objects import Objects, choose
from loci.sim.worlds.rooms import LOOKS


class Group(NamedTuple):
    """Objects that share a room of one look, and the name of each, by body."""

    bodies: list[Body]
    names: dict[str, str]
    look: int


class Visit(NamedTuple):
    """A stay in a group's room: to hear its names, or, with the body that is `asked` for, to find that."""

    group: Group
    asked: str


class WordPhases(FastMapping):
    """`phases` lie between names and question of every lesson; a list of them is drawn from at every episode."""

    def __init__(
        self,
        family: Objects,
        camera: Camera,
        split: str = "train",
        objects: int | Sequence[int] = 3,
        phases: int | Sequence[int] = 0,
        lessons: int = 1,
        ring: Ring | None = None,
        room_size: float = 5.0,
        twin: bool = False,
        mute: bool = False,
    ) -> None:
        super().__init__(family, camera, split, objects, ring=ring, room_size=room_size, twin=twin, mute=mute)
        if lessons < 1:
            raise ValueError(f"lessons must be 1 or more, got {lessons}")
        self.between, self.lessons = choices("phases", phases, 0), lessons
        lesson = (1 + max(self.between)) * (self._caps["discovery"] + 1) + self._caps["instruction"] + 1
        self.max_steps = lessons * lesson

    def world(self, rng: np.random.Generator) -> World:
        """Draw all objects, names and questions of the episode; the first room."""
        number, phases = int(rng.choice(self.numbers)), int(rng.choice(self.between))
        self.visits = self._timetable(number, phases, rng)
        self._visit = 0
        self._enter()
        return self._arrange(self._bodies, rng, self._look)

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self._right = self._heard = 0
        return super().begin(place, rng)

    def outcome(self, place: Place) -> Outcome:
        outcome = super().outcome(place)
        last = self._visit == len(self.visits) - 1
        self._right += int(outcome.metrics["success"])
        self._next_phase |= outcome.terminated and not last
        asked = [bool(visit.asked) for visit in self.visits]
        names = sum(len(visit.group.names) for visit in self.visits if not visit.asked)
        metrics = {
            "success": outcome.metrics["success"],
            "choice": outcome.metrics["choice"],
            "answered": self._right / sum(asked),
            "introduced": (self._heard + len(self._introduced)) / names,
        }
        return Outcome(outcome.reward, outcome.terminated and last, outcome.said, metrics)

    def _advance(self, place: Place) -> None:
        """On to the next room of the timetable."""
        self._heard += len(self._introduced)
        self._introduced.clear()
        self._next_phase, self._clock = False, 0
        self._chosen, self._held, self._over = "", "", False
        self._visit += 1
        self._enter()
        place.load(self._arrange(self._bodies, self._rng, self._look))
        self._locate(place)

    def _enter(self) -> None:
        group, self.target = self.visits[self._visit]
        self._bodies, self.names, self._look = group
        self.phase = "instruction" if self.target else "discovery"
        self.sentence = f"pick up the {self.names[self.target]}" if self.target else ""

    def _timetable(self, number: int, phases: int, rng: np.random.Generator) -> list[Visit]:
        """Names, phases and question of every lesson; the last question goes back to the first lesson's objects, and
        spares the one that was asked for then."""
        groups = self._draw(number, self.lessons * (1 + phases), rng)
        first = [body.name for body in groups[0].bodies]
        early, late = rng.permutation(first)[[0, -1]].tolist()
        visits = []
        for lesson in range(self.lessons):
            own = groups[lesson * (1 + phases) : (lesson + 1) * (1 + phases)]
            asked = early if lesson == 0 else own[0].bodies[rng.integers(number)].name
            visits += [*(Visit(group, "") for group in own), Visit(own[0], asked)]
        return [*visits[:-1], Visit(groups[0], late)]

    def _draw(self, number: int, count: int, rng: np.random.Generator) -> list[Group]:
        """`count` groups of `number` objects, all different and all named differently."""
        members = choose(self.family, self.split, number * count, rng)
        bodies = [self.family.body(member, f"object_{i}") for i, member in enumerate(members)]
        spoken = nonsense_names(number * count, rng)
        groups = []
        for first in range(0, number * count, number):
            own = bodies[first : first + number]
            names = {body.name: name for body, name in zip(own, spoken[first:], strict=False)}
            groups.append(Group(own, names, int(rng.integers(LOOKS))))
        return groups
