"""Goals as KARMA writes them, "STATE(apple, sliced): 1, INSIDE(apple, trash): 1", as conditions in order.

The published strings (arXiv 2409.14908, ALFRED-L) need repairs. Each that is made is named, so that nothing is mended
in silence; REPAIRS lists them. A word that stands for several classes, such as "table", becomes all of them.

A condition is `once` where a later one of the same goal undoes it (another place of the thing, off after on, empty
after filled), or where it fades by itself (heated); all others are `end`. To meet the goal, conditions must become true
one after the other, each at the same time as the one before or later, and those that are `end` must be true at the end.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

Predicate = Literal["on", "in", "near", "is"]
Mode = Literal["once", "end"]

REPAIRS = {
    "no value": "a predicate without ': 1' counts as wanted",
    "letters": "a word in other letters is a class of AI2-THOR",
    "other word": "another word for a class",
    "several classes": "a word that stands for a set of classes",
    "surface": "INSIDE of what things can only lie on is ON",
    "container": "ON of what things can only lie in is INSIDE",
    "place as state": "STATE(x, place) is ON",
    "light": "ON(lamp, x) is x near the lamp",
    "other state": "another word for a state",
    "one argument": "ON(x) is that x is switched on",
}

ALIASES: dict[str, tuple[str, ...]] = {
    "trash": ("GarbageCan",),
    "table": ("DiningTable", "CoffeeTable", "SideTable", "Desk"),
    "shelf": ("Shelf", "ShelvingUnit"),
    "sink": ("Sink", "SinkBasin"),
    "lamp": ("DeskLamp", "FloorLamp"),
    "dish": ("Plate", "Bowl"),
    "toilet paper": ("ToiletPaper", "ToiletPaperRoll"),
    "counter": ("CounterTop",),
    "kitchen counter": ("CounterTop",),
    "countertop": ("CounterTop",),
    "refrigerator": ("Fridge",),
    "card": ("CreditCard",),
    "cellphone": ("CellPhone",),
    "cd": ("CD",),
    "toast": ("BreadSliced",),
    "oven": ("Oven", "StoveBurner", "Microwave"),
    "turner": ("Spatula",),
}
LAMPS, PLACES = ("DeskLamp", "FloorLamp"), ("Sofa", "ArmChair", "Bed", "Desk", "Shelf")
SURFACES = {"Plate", "Shelf", "ShelvingUnit", "DiningTable", "CoffeeTable", "SideTable", "Desk", "CounterTop"}
CONTAINERS = {"Fridge", "Microwave", "Cabinet", "Drawer", "GarbageCan", "Safe"}
STATES = {"washed": "cleaned", "clean": "cleaned", "melted": "heated"}
KNOWN = ("sliced", "cooked", "filled", "empty", "cleaned", "dirty", "heated", "opened", "closed", "on", "off")
SWITCHES = {"TOGGLEON": "on", "SWITCHON": "on", "TOGGLEOFF": "off", "SWITCHOFF": "off"}
OPPOSED = (("on", "off"), ("filled", "empty"), ("cleaned", "dirty"), ("opened", "closed"))
FADING = ("heated",)

PREDICATE = re.compile(r"\s*([A-Za-z]+)\(\s*([^(),]+?)\s*(?:,\s*([^(),]+?)\s*)?\)\s*(:\s*1)?\s*(?:,|$)")


@dataclass(frozen=True)
class Condition:
    """That something of the classes `things` is on, in or near something of the classes `places`, or is `state`."""

    predicate: Predicate
    things: tuple[str, ...]
    places: tuple[str, ...]
    state: str
    mode: Mode = "end"

    @property
    def about(self) -> tuple[str, tuple[str, ...] | str]:
        """Which thing it tells of, slices as the whole, and what of it: of two alike, the later holds at the end."""
        group = next((pair for pair in OPPOSED if self.state in pair), self.state) if self.predicate == "is" else "at"
        return self.things[0].removesuffix("Sliced"), group


class Parsed(NamedTuple):
    """Conditions in their order; `repairs`: (name, what was mended), in the order of the text."""

    conditions: tuple[Condition, ...]
    repairs: tuple[tuple[str, str], ...]


def parse(goal: str) -> Parsed:
    """A goal from its text. Raises ValueError with the part that cannot be read."""
    found: list[Condition] = []
    repairs: list[tuple[str, str]] = []
    at = 0
    while at < len(goal.rstrip()):
        match = PREDICATE.match(goal, at)
        if match is None:
            raise ValueError(f"expected PREDICATE(thing, place or state): 1, got {goal[at:][:60]!r}")
        condition, mended = _condition(match)
        found.append(condition)
        repairs += [(name, match[0].strip(" ,")) for name in dict.fromkeys(mended)]
        at = match.end()
    if not found:
        raise ValueError("a goal must have one condition at least, got an empty text")
    return Parsed(tuple(_mode(number, found) for number in range(len(found))), tuple(repairs))


def classes(word: str) -> tuple[str, ...]:
    """Of a word: "toilet paper" and "Mug" have one class or more, each as AI2-THOR writes it."""
    if word.lower() in ALIASES:
        return ALIASES[word.lower()]
    return ("".join(part[0].upper() + part[1:] for part in word.split()),)


def _condition(match: re.Match[str]) -> tuple[Condition, list[str]]:
    name, thing, other = match[1].upper(), match[2], match[3] or ""
    mended = [] if match[4] else ["no value"]
    for word in (thing, other) if name in ("ON", "INSIDE") else (thing,):
        mended += _renamed(word)
    if name in SWITCHES and not other:
        return Condition("is", classes(thing), (), SWITCHES[name]), mended
    if name == "ON" and not other:
        return Condition("is", classes(thing), (), "on"), [*mended, "one argument"]
    if name in ("ON", "INSIDE") and other:
        return _placed(name, classes(thing), classes(other), mended)
    if name == "STATE" and classes(other or " x")[0] in PLACES:
        return Condition("on", classes(thing), classes(other), ""), [*mended, *_renamed(other), "place as state"]
    state = STATES.get(other.lower(), other.lower())
    if name != "STATE" or state not in KNOWN:
        raise ValueError(
            f"expected ON, INSIDE, STATE, TOGGLEON or TOGGLEOFF of what is known, got {match[0].strip()!r}"
        )
    return Condition("is", classes(thing), (), state), mended + ["other state"] * (state != other.lower())


def _placed(
    name: str, things: tuple[str, ...], places: tuple[str, ...], mended: list[str]
) -> tuple[Condition, list[str]]:
    if things == LAMPS and name == "ON":
        return Condition("near", places, things, ""), [*mended, "light"]
    if name == "INSIDE" and set(places) <= SURFACES:
        return Condition("on", things, places, ""), [*mended, "surface"]
    if name == "ON" and set(places) <= CONTAINERS:
        return Condition("in", things, places, ""), [*mended, "container"]
    return Condition("on" if name == "ON" else "in", things, places, ""), mended


def _renamed(word: str) -> list[str]:
    found = classes(word) if word else (word,)
    if len(found) > 1:
        return ["several classes"]
    return [] if found[0] == word else ["letters" if found[0].lower() == word.lower() else "other word"]


def _mode(number: int, found: list[Condition]) -> Condition:
    one = found[number]
    later = any(other.about == one.about for other in found[number + 1 :])
    mode: Mode = "once" if later or one.state in FADING else "end"
    return Condition(one.predicate, one.things, one.places, one.state, mode)
