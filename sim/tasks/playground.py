"""Playground: fast mapping without a timetable, for people who teach and ask.

A room with objects, as in the discovery phase of `fast_mapping`, and an agent that somebody drives, teaches and sends:
`say` is heard with the next observation ("this is a dax" while an object is faced binds that name to it), `instruct` is
in force until it was obeyed ("pick up the dax"), `rearrange` moves everything to other stations. Nothing ends an
episode.
Actions and observations are those of fast mapping, so that its agents feel at home.

Reward: 1 when the object that bears the name in the instruction is picked up; any object picked up is put back, and
ends the instruction. Metrics: `success`, of the last instruction that was obeyed.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from loci.sim.backend import Place
from loci.sim.task import Advice, Outcome, Said
from loci.sim.tasks.fast_mapping import BACK, FORWARD, GRASP, LEFT, RIGHT, STRIDE, FastMapping
from loci.sim.world import Pose

NAMING = re.compile(r"^this is an? (?P<name>[a-z]+)$")
ASKING = re.compile(r"\bthe (?P<name>[a-z]+)\b")
ENDLESS = 1_000_000


class Playground(FastMapping):
    """`names` are bound by whoever speaks; `faced` is what an introduction would name now."""

    ceiling = 1.0

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.max_steps, self.ceiling = ENDLESS, 1.0

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        super().begin(place, rng)
        self.phase, self.names, self.sentence, self.words = "playground", {}, "", ""
        self.success = 0.0
        return Said()

    def faced(self, place: Place) -> str:
        """Name of the body that is near and in front, "" if none."""
        return self._faced(*place.agent())

    def say(self, words: str, place: Place) -> str:
        """Let words be heard with the next observation; the body that they name, "" when they name none."""
        self.words, self._reward = words, 0.0
        naming, faced = NAMING.match(words), self.faced(place)
        if naming and faced:
            self.names = {body: name for body, name in self.names.items() if name != naming["name"]}
            self.names[faced] = naming["name"]
            return faced
        return ""

    def instruct(self, sentence: str) -> str:
        """Put an instruction in force, "" takes it back; the body that it is about, "" when no name in it is known."""
        self.sentence, self._reward = sentence, 0.0
        asked = {match["name"] for match in ASKING.finditer(sentence)}
        self.target = next((body for body, name in self.names.items() if name in asked), "")
        return self.target

    def rearrange(self, place: Place) -> None:
        """Everything to other stations, the agent to the middle; names and instruction stay."""
        place.load(self._arrange(self._bodies, self._rng, self._look))
        self._locate(place)

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        self._reward, self._clock = 0.0, self._clock + 1
        self._locate(place)
        if action == GRASP:
            self._try(place)
        speed = {FORWARD: STRIDE, BACK: -STRIDE}.get(int(action), 0.0) / self.seconds
        turn = {LEFT: self._turn, RIGHT: -self._turn}.get(int(action), 0.0) / self.seconds
        return {"velocity": (speed, 0.0), "turn": turn}

    def outcome(self, place: Place) -> Outcome:
        words, self.words = self.words, ""
        return Outcome(self._reward, False, Said(words, self.sentence), {"success": self.success})

    def expert(self, place: Place) -> Advice | None:
        """The way to the object that was asked for, None when nobody asked for a known one."""
        self._locate(place)
        return Advice(self._steer(place, {self.target}, GRASP), 1.0) if self.sentence and self.target else None

    def _try(self, place: Place) -> None:
        """Pick up what is faced, judge it when there is an instruction, and put it back."""
        faced = self.faced(place)
        before = place.pose(faced) if faced else Pose()
        if not faced or not place.hold(faced):
            return
        place.hold(None)
        place.place(faced, before)
        if self.sentence:
            self.success = self._reward = float(faced == self.target)
            self.sentence = ""
