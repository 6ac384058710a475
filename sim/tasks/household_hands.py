"""What the robot's hand does at a point: it works on what is seen there, or says why it cannot.

The robot turns to the point and looks; which body stands there, and of which category it is, comes from that picture's
detections. Reach and room are those of sim/manipulation.py. A door opens with a full hand too, as by an elbow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from loci.sim import manipulation as hands
from loci.sim.backend import Place
from loci.sim.joints import Relation
from loci.sim.tasks.household_eyes import Sight, carried, doors_of
from loci.sim.tasks.household_walk import Walk, face
from loci.sim.tasks.household_words import (
    APPLIES,
    CATEGORIES,
    COLD,
    COOLABLE,
    FILLABLE,
    HEATABLE,
    HOT,
    SLICEABLE,
    SWITCHES,
    WASHABLE,
    WATER,
    Skill,
    spoken,
)
from loci.sim.world import Body

NEAR = 0.5
"""Metres from the point aimed at within which a detection must lie."""
TREATED: dict[int, tuple[tuple[str, ...], tuple[str, ...], dict[str, bool], str]] = {
    Skill.CLEAN: (WATER, WASHABLE, {"dirty": False, "filled": False}, "washed"),
    Skill.HEAT: (HOT, HEATABLE, {"heated": True, "cooled": False}, "heated"),
    Skill.COOL: (COLD, COOLABLE, {"cooled": True, "heated": False}, "cooled"),
    Skill.FILL: (WATER, FILLABLE, {"filled": True}, "filled"),
}
"""Where it is done, to what, the states that follow, and the word for it."""


@dataclass(frozen=True)
class Aim:
    """A skill with a hand: the point (3,) metres, the category asked for or "" for any, and what is seen there."""

    skill: Skill
    point: Sequence[float]
    category: str
    sight: Sight

    def nearest(self, place: Place, suits: Callable[[Body], bool], any_category: bool = False) -> str:
        """The seen body within NEAR of the point that suits and was detected as the category, "" if there is none."""
        best, chosen = (math.inf, math.inf), ""
        for row, name in zip(self.sight.rows, self.sight.names, strict=False):
            named = CATEGORIES[int(row[0])]
            if (any_category or self.category in ("", named)) and suits(place.world.body(name)):
                middle, half = row[1:4], row[4:7] / 2.0
                away = np.abs(np.asarray(self.point) - middle)
                outside = float(np.linalg.norm(np.maximum(away - half, 0.0)))
                if outside <= NEAR:
                    best, chosen = min((best, chosen), ((round(outside, 2), float(np.linalg.norm(away))), name))
        return chosen

    def missing(self) -> str:
        return f"no {spoken(self.category) or 'such thing'} is seen there"


def act(aim: Aim, place: Place, walk: Walk) -> str:
    """Do what a hand can do; "" when it was done, else why it was not."""
    match aim.skill:
        case Skill.PICK:
            return _pick(aim, place)
        case Skill.PUT_ON | Skill.PUT_IN:
            return _put(aim, place, walk, "on" if aim.skill == Skill.PUT_ON else "in")
        case Skill.OPEN | Skill.CLOSE:
            return _swing(aim, place, walk, aim.skill == Skill.OPEN)
        case Skill.TOGGLE:
            return _toggle(aim, place)
        case Skill.SLICE:
            return _slice(aim, place)
        case _:
            return _treat(aim, place)


def _pick(aim: Aim, place: Place) -> str:
    held = place.held()
    if held is not None:
        return f"the hand is full: it holds the {_word(place, held)}"
    name = _closest(aim, place)
    if not name:
        return aim.missing()
    body = place.world.body(name)
    if not hands.movable(body):
        return f"the {spoken(body.category)} cannot be carried"
    face(place, name)
    if not hands.reachable(place, name):
        return f"the {spoken(body.category)} is out of reach"
    return "" if hands.pick_up(place, name) else f"the hand does not get at the {spoken(body.category)}"


def _closest(aim: Aim, place: Place) -> str:
    """The thing whose detected middle is nearest to the point, within NEAR; where no category is given, a thing that
    can be carried."""
    best, chosen = NEAR, ""
    for row, name in zip(aim.sight.rows, aim.sight.names, strict=False):
        named = CATEGORIES[int(row[0])]
        wanted = named == aim.category if aim.category else hands.movable(place.world.body(name))
        distance = float(np.linalg.norm(row[1:4] - np.asarray(aim.point)))
        if wanted and distance <= best:
            best, chosen = distance, name
    return chosen


def _put(aim: Aim, place: Place, walk: Walk, relation: Relation) -> str:
    held = place.held()
    if held is None:
        return "the hand is empty"
    name = aim.nearest(place, lambda b: b.name != held and any(s.relation == relation for s in b.receptacles))
    if not name:
        return f"nothing is seen there to put things {relation}" if not aim.category else aim.missing()
    word = _word(place, name)
    face(place, name)
    if not hands.reachable(place, name):
        return f"the {word} is out of reach"
    if not any(s.relation == relation and hands.is_open(place, s) for s in place.world.body(name).receptacles):
        return f"the {word} is closed"
    walk.step_until(place, name, lambda: hands.room_for(place, name, relation) is not None)
    return (
        ""
        if _put_with_load(place, held, name, relation)
        else f"no room for the {_word(place, held)} {relation} the {word}"
    )


def _put_with_load(place: Place, held: str, holder: str, relation: Relation) -> bool:
    """Put a thing down together with what stands on or in it; whether that was done."""
    frame = place.pose(held).inverse()
    load = {name: frame @ place.pose(name) for name in carried(place) if name != held}
    done = hands.put(place, holder, relation)
    for name, pose in load.items() if done else ():
        place.place(name, place.pose(held) @ pose)
    return done


def _swing(aim: Aim, place: Place, walk: Walk, wanted: bool) -> str:
    verb = "open" if wanted else "close"
    name = aim.nearest(place, lambda body: bool(doors_of(body)))
    if not name:
        return aim.missing() if aim.category else f"nothing is seen there to {verb}"
    doors = [door for door in doors_of(place.world.body(name)) if (place.opening(door) >= 0.5) != wanted]
    if not doors:
        return f"the {_word(place, name)} is {'open' if wanted else 'closed'} already"
    door = min(doors, key=lambda d: math.dist(place.pose(d).point(place.world.body(d).middle), aim.point))
    if walk.make_way(place, door, float(wanted)) is None:
        return f"the {_word(place, name)} is out of reach"
    face(place, door)
    if not hands.reachable(place, door):
        return f"the {_word(place, name)} is out of reach"
    place.drive(door, float(wanted))
    return ""


def _toggle(aim: Aim, place: Place) -> str:
    name = aim.nearest(place, lambda body: body.category in SWITCHES)
    if not name:
        return aim.missing() if aim.category else "nothing is seen there that can be switched"
    face(place, name)
    if not hands.reachable(place, name):
        return f"the {_word(place, name)} is out of reach"
    place.mark(name, "on", "on" not in place.states(name))
    return ""


def _slice(aim: Aim, place: Place) -> str:
    held = place.held()
    if held is None or place.world.body(held).category != "knife":
        return "slicing needs a knife in the hand"
    name = aim.nearest(place, lambda body: body.category in SLICEABLE)
    if not name:
        return aim.missing() if aim.category else "nothing is seen there that can be sliced"
    face(place, name)
    if not hands.reachable(place, name):
        return f"the {_word(place, name)} is out of reach"
    if "sliced" in place.states(name):
        return f"the {_word(place, name)} is sliced already"
    place.mark(name, "sliced", True)
    return ""


def _treat(aim: Aim, place: Place) -> str:
    """Wash, heat, cool or fill what is in the hand, or else what rests at the device."""
    devices, able, after, done = TREATED[aim.skill]
    device = aim.nearest(place, lambda body: body.category in devices, any_category=True)
    if not device:
        return f"no {' or '.join(devices)} is seen there"
    face(place, device)
    if not hands.reachable(place, device):
        return f"the {_word(place, device)} is out of reach"
    held = place.held()
    there = aim.nearest(
        place, lambda b: hands.movable(b) and hands.rests(place, b.name, device), aim.category in devices
    )
    name = held or there
    if not name:
        return f"nothing in the hand or at the {_word(place, device)} to be {done}"
    if place.world.body(name).category not in able:
        return f"the {_word(place, name)} cannot be {done}"
    for state, value in after.items():
        if place.world.body(name).category in APPLIES[state]:
            place.mark(name, state, value)
    return ""


def _word(place: Place, name: str) -> str:
    return spoken(place.world.body(name).category)
