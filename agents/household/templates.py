"""From a goal to what has to be done, step by step, by the names of classes: one fixed plan for each kind of task.

Where a thing is to be sliced, that comes first: a knife is picked up, used and put down. Going places is left out.
These are 97.1 % of ALFRED's 6 825 expert plans (tests/agents/test_household_templates.py); of the other 200 half do the
same in another order, most of the rest move a thing before they slice it or do without a step.
"""

from dataclasses import dataclass
from typing import Literal

from loci.agents.household.goal import Goal

Action = Literal["pick", "put", "slice", "clean", "heat", "cool", "toggle"]
KNIFE = "knife"
"""Whatever cuts."""
ANYWHERE = ""
"""For a holder: wherever there is room."""


@dataclass(frozen=True)
class Todo:
    """One thing to be done with a thing of a class; `holder` of "put" is the class of where to."""

    action: Action
    thing: str
    holder: str = ANYWHERE


def todo(goal: Goal) -> tuple[Todo, ...]:
    """All that has to be done, in this order."""
    thing, first = goal.thing, _cut(goal.thing) if goal.sliced else ()
    pick, put = Todo("pick", thing), Todo("put", thing, goal.holder)
    match goal.kind:
        case "look":
            rest: tuple[Todo, ...] = (pick, Todo("toggle", goal.lamp))
        case "carry":
            into = Todo("put", thing, goal.carrier)
            rest = (pick, into, Todo("pick", goal.carrier), Todo("put", goal.carrier, goal.holder))
        case "clean" | "heat" | "cool" as treat:
            rest = (pick, Todo(treat, thing), put)
        case "two":
            rest = (pick, put, pick, put)
        case _:
            rest = (pick, put)
    return (*first, *rest)


def _cut(thing: str) -> tuple[Todo, ...]:
    return Todo("pick", KNIFE), Todo("slice", thing), Todo("put", KNIFE)
