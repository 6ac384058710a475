"""Goals: conditions on things that must be held at some time, in order, or at the end.

A goal is a list of groups of conditions. Group i must hold at a step t_i with t_i >= t_(i-1): taking the earliest step
for each is exact, as a later one never leaves more choice to the next (tests compare it with every choice). Conditions
of mode "end" are of no group: they must hold at the last step. A condition that is true in the beginning counts only
once it was false, so nobody reaches a goal by doing nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from loci.sim import manipulation as hands
from loci.sim.backend import Place
from loci.sim.joints import Relation
from loci.sim.tasks.household_words import STATES
from loci.sim.world import World

Mode = Literal["once", "end"]


@dataclass(frozen=True)
class Condition:
    """At least `count` of the bodies `things` each rest `relation` one of the bodies `places` (none: anywhere), with
    all of `states`, at the same time. A thing in the hand rests nowhere."""

    things: tuple[str, ...]
    relation: Relation = "on"
    places: tuple[str, ...] = ()
    states: tuple[tuple[str, bool], ...] = ()
    count: int = 1
    mode: Mode = "once"

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.things):
            raise ValueError(f"Condition.count must lie in 1..{len(self.things)}, got {self.count}")
        unknown = sorted({state for state, _ in self.states} - set(STATES))
        if unknown:
            raise ValueError(f"Condition.states must be some of {', '.join(STATES)}, got {', '.join(unknown)}")
        if not (self.places or self.states):
            raise ValueError("Condition needs places or states")

    def holds(self, place: Place) -> bool:
        found = 0
        for thing in self.things:
            found += self.true_of(place, thing)
            if found >= self.count:
                return True
        return False

    def true_of(self, place: Place, thing: str) -> bool:
        """Whether one thing is there and as it should be."""
        now = place.states(thing)
        if any((state in now) != value for state, value in self.states):
            return False
        return not self.places or any(hands.rests(place, thing, holder, self.relation) for holder in self.places)


@dataclass(frozen=True)
class Goal:
    """`groups` in the order in which they must come true, and what must hold at the end."""

    groups: tuple[tuple[Condition, ...], ...]
    end: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        wrong = [c for group in self.groups for c in group if c.mode != "once"] + [
            c for c in self.end if c.mode != "end"
        ]
        if wrong or not self.conditions or not all(self.groups):
            raise ValueError("Goal needs conditions: of mode once in groups that are not empty, of mode end in `end`")

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (*(condition for group in self.groups for condition in group), *self.end)


@dataclass
class Progress:
    """How far a goal has come, told of every step from the first."""

    goal: Goal
    reached: int = 0
    """Groups that have come true in order."""
    _armed: list[bool] = field(default_factory=list)
    _now: list[bool] = field(default_factory=list)

    def see(self, truth: Sequence[bool]) -> None:
        """One step: what holds now, in the order of `goal.conditions`."""
        armed = self._armed or [False] * len(truth)
        self._armed = [before or not true for before, true in zip(armed, truth, strict=True)]
        self._now = [true and ready for true, ready in zip(truth, self._armed, strict=True)]
        while self.reached < len(self.goal.groups) and all(self._part(self.reached)):
            self.reached += 1

    def look(self, place: Place) -> None:
        """One step of a row of a backend."""
        self.see([condition.holds(place) for condition in self.goal.conditions])

    @property
    def complete(self) -> bool:
        """Whether the goal is reached if this is the last step."""
        return self.reached == len(self.goal.groups) and all(self._ending())

    @property
    def next(self) -> Condition | None:
        """The first condition that is to be met now, None when all are."""
        group = self.goal.groups[self.reached] if self.reached < len(self.goal.groups) else self.goal.end
        truth = self._part(self.reached) if self.reached < len(self.goal.groups) else self._ending()
        return next((c for c, true in zip(group, truth, strict=True) if not true), None)

    @property
    def share(self) -> float:
        """Part of the conditions that are met, in order, if this is the last step."""
        met = sum(len(group) for group in self.goal.groups[: self.reached])
        if self.reached < len(self.goal.groups):
            met += sum(self._part(self.reached))
        return (met + sum(self._ending())) / len(self.goal.conditions)

    def _part(self, group: int) -> list[bool]:
        first = sum(len(part) for part in self.goal.groups[:group])
        return self._now[first : first + len(self.goal.groups[group])]

    def _ending(self) -> list[bool]:
        return self._now[len(self._now) - len(self.goal.end) :]


def told(goal: Goal, world: World, referent: str = "", reference: Mapping[str, Any] | None = None) -> str:
    """The goal as JSON, for a planner without a parser: a list of groups, the conditions at the end last.

    Things and places are lists of categories. Where a condition is about the `referent` of an instruction that only
    refers to it, what is known of it stands instead: "reference", and the categories it may have.
    """
    groups = [*goal.groups, goal.end] if goal.end else goal.groups
    return json.dumps([[_plain(c, world, referent, reference) for c in group] for group in groups])


def _plain(c: Condition, world: World, referent: str, reference: Mapping[str, Any] | None) -> dict[str, Any]:
    def words(names: Sequence[str]) -> list[str]:
        return sorted({world.body(name).category for name in names})

    hint = {"reference": dict(reference)} if reference and c.things == (referent,) else {}
    return {
        "things": list(reference["kinds"]) if reference and hint else words(c.things),
        "relation": c.relation if c.places else "",
        "places": words(c.places),
        "states": dict(c.states),
        "count": c.count,
        "mode": c.mode,
        **hint,
    }
