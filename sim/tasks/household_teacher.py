"""A teacher that knows where everything is and what is meant. It shows that chores can be done."""

import math
from collections.abc import Sequence

import numpy as np

from loci.sim import manipulation as hands
from loci.sim.backend import Place
from loci.sim.joints import Receptacle
from loci.sim.tasks.household_goals import Condition, Progress
from loci.sim.tasks.household_words import CATEGORIES, COLD, HOT, WATER, Skill
from loci.sim.world import Body

NEAR = 2.0
"""Metres within which a door that was left open is closed."""
DEVICES: dict[str, tuple[Skill, tuple[str, ...]]] = {
    "dirty": (Skill.CLEAN, WATER),
    "heated": (Skill.HEAT, HOT),
    "cooled": (Skill.COOL, COLD),
    "filled": (Skill.FILL, WATER),
}


class Teacher:
    """Advises one task; `place` is asked for the truth."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._spoilt: dict[tuple[Skill, str], int] = {}
        self._full: set[str] = set()
        self._chosen = self._holder = ""
        self._last: tuple[Skill, str] | None = None

    def advise(self, progress: Progress, failure: str, way: float) -> np.ndarray:
        """The next action, given the goal so far, how the last skill failed and how many metres are left to walk."""
        if failure and self._last is not None:
            self._spoilt[self._last] = self._spoilt.get(self._last, 0) + 1
            if self._last[0] == Skill.PUT_IN:
                spaces = self._place.world.body(self._last[1]).receptacles
                self._full |= {s.behind for s in spaces if hands.is_open(self._place, s)}
        self._way = way
        condition = progress.next
        if condition is None:
            return self._act(Skill.DONE, "")
        thing = self._thing(condition)
        now = self._place.states(thing)
        for state, value in condition.states:
            if (state in now) != value:
                return self._change(thing, state)
        return self._put(thing, condition)

    def _thing(self, condition: Condition) -> str:
        """The one to work on: what is held, else the nearest that does not fulfil the condition."""
        left = [name for name in condition.things if not condition.true_of(self._place, name)]
        held = self._place.held()
        if held in left:
            return held
        best = min(left, key=lambda n: (self._tries(Skill.PICK, n), n != self._chosen, self._away(n)))
        self._chosen = best
        return best

    def _change(self, thing: str, state: str) -> np.ndarray:
        if state == "on":
            return self._approach(Skill.TOGGLE, thing)
        if state == "sliced":
            knives = [b.name for b in self._place.world.bodies if b.category == "knife"]
            knife = min(knives, key=lambda n: (self._tries(Skill.PICK, n), self._away(n)))
            return self._fetch(knife) if self._place.held() not in knives else self._use(Skill.SLICE, thing)
        skill, devices = DEVICES[state]
        if self._place.held() != thing:
            return self._fetch(thing)
        around = [b.name for b in self._place.world.bodies if b.category in devices]
        return self._approach(skill, min(around, key=lambda n: (self._tries(skill, n), self._away(n))))

    def _put(self, thing: str, condition: Condition) -> np.ndarray:
        if self._place.held() != thing:
            return self._fetch(thing)
        skill = Skill.PUT_ON if condition.relation == "on" else Skill.PUT_IN
        holder = min(condition.places, key=lambda n: (self._tries(skill, n), n != self._holder, self._away(n)))
        self._holder = holder
        if skill == Skill.PUT_IN and condition.relation == "in":
            spaces = [s for s in self._place.world.body(holder).receptacles if s.relation == "in"]
            left = [s for s in spaces if s.behind not in self._full]
            if left and not any(hands.is_open(self._place, s) for s in left):
                return self._approach(
                    Skill.OPEN, min((s.behind for s in left), key=lambda d: self._tries(Skill.OPEN, d))
                )
        return self._use(skill, holder)

    def _fetch(self, thing: str) -> np.ndarray:
        """Take a thing, after putting down what is held."""
        held = self._place.held()
        if held is not None:
            return self._put_down(held)
        return self._use(Skill.PICK, thing)

    def _put_down(self, held: str) -> np.ndarray:
        """On the nearest piece of furniture with room."""
        skill = Skill.PUT_ON
        free = [
            b.name
            for b in self._place.world.bodies
            if b.mass == 0.0 and any(s.relation == "on" and not s.behind for s in b.receptacles)
        ]
        return self._approach(skill, min(free, key=lambda n: (self._tries(skill, n), self._away(n))))

    def _use(self, skill: Skill, name: str) -> np.ndarray:
        """Work on a thing, after opening what it is shut away in."""
        door = self._shut_in(name)
        return self._approach(Skill.OPEN, door) if door else self._approach(skill, name)

    def _approach(self, skill: Skill, name: str) -> np.ndarray:
        """Act on a body from where the way to it ends; walk there first."""
        arrived = self._last in ((Skill.GO, name), (skill, name)) and self._way == 0.0
        door = "" if arrived else self._left_open(name)
        return self._act(Skill.CLOSE, door) if door else self._act(skill if arrived else Skill.GO, name)

    def _act(self, skill: Skill, name: str) -> np.ndarray:
        if not name:
            return np.array([skill, 0.0, 0.0, 0.0, -1.0], np.float32)
        self._last = (skill, name)
        body = self._place.world.body(name)
        point = self._place.pose(name).point(body.middle)
        category = -1 if skill in (Skill.GO, *(s for s, _ in DEVICES.values())) else CATEGORIES.index(body.category)
        return np.array([skill, *point, category], np.float32)

    def _shut_in(self, name: str) -> str:
        """The closed door behind which a thing is, "" for none."""
        for body in self._place.world.bodies if self._place.world.body(name).mass > 0.0 else ():
            for space in body.receptacles:
                if not hands.is_open(self._place, space) and self._within(name, body, space):
                    return space.behind
        return ""

    def _left_open(self, name: str) -> str:
        """A door that is near and stands open for nothing when one goes to a body, "" for none."""
        inside = [(b, s) for b in self._place.world.bodies for s in b.receptacles if s.behind]
        needed = {s.behind for b, s in inside if name in (b.name, s.behind) or self._within(name, b, s)}
        open_ = sorted(
            door
            for door in {s.behind for _, s in inside} - needed
            if self._place.opening(door) >= 0.5 and not self._tries(Skill.CLOSE, door)
        )
        return next((door for door in open_ if self._away(door) < NEAR), "")

    def _within(self, thing: str, holder: Body, space: Receptacle) -> bool:
        return space.contains(self._place.pose(holder.name).inverse().point(self._middle(thing)))

    def _tries(self, skill: Skill, name: str) -> int:
        return self._spoilt.get((skill, name), 0)

    def _away(self, name: str) -> float:
        x, y, _ = self._place.agent()
        px, py, _ = self._middle(name)
        return math.hypot(px - x, py - y)

    def _middle(self, name: str) -> Sequence[float]:
        return self._place.pose(name).point(self._place.world.body(name).middle)
