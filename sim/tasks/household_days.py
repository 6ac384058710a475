"""What is asked for in a house, one task after another: chores of three sets, drawn when each begins.

Draws do not depend on what the robot did, as far as that is possible: a chore's stream gives an order of templates,
things and places, and the first one that makes sense now is taken. So two agents on one seed get the same chores,
unless one of them has made a chore senseless.

Sets: "simple", one thing to a place. "composite", several goals in order, or several things of a category. "complex",
the thing is named by what was asked for earlier: "the fruit you washed this morning". Such a reference is to the
earlier instruction, also where the robot failed at it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from loci.sim.backend import Place
from loci.sim.joints import Relation
from loci.sim.tasks.household_eyes import Head
from loci.sim.tasks.household_goals import Condition, Goal
from loci.sim.tasks.household_stock import Spot, Stock
from loci.sim.tasks.household_walk import Walk
from loci.sim.tasks.household_words import COOLABLE, FILLABLE, HEATABLE, KINDS, SLICEABLE, THINGS, WASHABLE, spoken
from loci.sim.worlds.draws import shuffled

Set = Literal["simple", "composite", "complex"]
SETS: tuple[Set, ...] = ("simple", "composite", "complex")
NOON = 12.0
WIDE = 0.2
"""Metres: two things that are wider hardly find room in one place."""
PAST = {"clean": "washed", "heat": "heated", "cool": "cooled", "slice": "sliced", "fill": "filled"}


@dataclass(frozen=True)
class Chore:
    """One task: what is said, what is meant, and what later chores can say of it.

    `event` is what is done to the `thing` that it is about ("" for none): "clean", "heat", … or "put"; `source` is
    where the thing was in the beginning, `target` where it goes. A complex chore names its `referent` by `reference`
    only.
    """

    kind: Set
    instruction: str
    goal: Goal
    thing: str = ""
    event: str = ""
    source: Spot | None = None
    target: Spot | None = None
    referent: str = ""
    reference: Mapping[str, Any] | None = None
    number: int = 0
    time: float = 0.0


class Days:
    """Draws the chores of one episode; `seed` fixes the streams."""

    def __init__(self, seed: int, walk: Walk, head: Head) -> None:
        exact = replace(head.detector, misses=0.0, swaps=0.0, noise=0.0)
        self.seed, self._walk, self._head = seed, walk, replace(head, detector=exact)
        self.past: list[Chore] = []

    def next(self, kind: Set, place: Place, time: float) -> Chore:
        """A chore of a set that is not fulfilled yet; a simple one where that set has none. `time` is seconds since
        the first midnight. Raises ValueError in a house where nothing can be asked for."""
        number = len(self.past)
        rng = np.random.default_rng((self.seed, number))
        stock = Stock(place, self._walk, self._head)
        makers = {"simple": _simple, "composite": _composite, "complex": _complex}
        for maker in (makers[kind], _simple):
            for chore in maker(rng, stock, self.past, time):
                conditions = chore.goal.conditions
                vessels = {name for c in conditions for name in c.places if stock.carried(name)}
                if any(condition.holds(place) for condition in conditions):
                    continue
                needed = {c.things: c.count for c in conditions if stock.carried(c.things[0])}
                enough = all(sum(map(stock.near, names)) >= count for names, count in needed.items())
                if enough and all(map(stock.near, vessels)):
                    self.past.append(replace(chore, number=number, time=time))
                    return self.past[-1]
        raise ValueError("this house has nothing that could be asked for: give it more things and furniture")


def _simple(rng: np.random.Generator, stock: Stock, past: list[Chore], time: float) -> Iterator[Chore]:
    for category in _fresh(rng, stock, past, THINGS):
        names, target = stock.things[category], _target(rng, stock, stock.things[category][0])
        if target:
            one = len(names) == 1
            text = f"put {'the' if one else _a(category)} {spoken(category)} {target.words}"
            condition = Condition(names, target.relation, stock.holders(target), mode="end")
            source = stock.where(names[0])
            yield Chore("simple", text, Goal((), (condition,)), names[0] if one else "", "put", source, target)


def _composite(rng: np.random.Generator, stock: Stock, past: list[Chore], time: float) -> Iterator[Chore]:
    makers = (_treated, _treated, _pair, _vessel, _switched)
    order = shuffled(rng, makers)
    streams = rng.spawn(len(order))
    for maker, stream in zip(order, streams, strict=True):
        yield from maker(stream, stock, past)


def _treated(rng: np.random.Generator, stock: Stock, past: list[Chore]) -> Iterator[Chore]:
    """Wash, heat, cool, slice or fill a thing, then take it somewhere, sometimes by way of a bowl or a plate."""
    for event in shuffled(rng, tuple(EVENTS)):
        able, state, verb, device = EVENTS[event]
        for category in _fresh(rng, stock, past, able):
            (name, *others), value = stock.things[category], event != "clean"
            target, vessel = _target(rng, stock, name), _vessel_for(rng, stock, name)
            if others or not target or not stock.has(device) or (state in stock.states(name)) == value:
                continue
            steps = [Condition((name,), states=((state, value),))]
            text = f"{verb} the {spoken(category)}"
            if vessel and rng.random() < 0.5:
                steps.append(Condition((name,), vessel.relation, stock.holders(vessel)))
                text += f", put it {vessel.words}"
            end = Condition((name,), target.relation, stock.holders(target), mode="end")
            goal = Goal(tuple((step,) for step in steps), (end,))
            text += f" and then put it {target.words}"
            yield Chore("composite", text, goal, name, event, stock.where(name), target)


def _pair(rng: np.random.Generator, stock: Stock, past: list[Chore]) -> Iterator[Chore]:
    for category in _fresh(rng, stock, past, THINGS):
        names = stock.things[category]
        target = _target(rng, stock, names[0])
        if len(names) >= 2 and target and stock.width(names[0]) < WIDE:
            end = Condition(names, target.relation, stock.holders(target), count=2, mode="end")
            yield Chore("composite", f"put two {_plural(category)} {target.words}", Goal((), (end,)), target=target)


def _vessel(rng: np.random.Generator, stock: Stock, past: list[Chore]) -> Iterator[Chore]:
    """A thing into a bowl, and the bowl somewhere."""
    for category in _fresh(rng, stock, past, THINGS):
        (name, *others), vessel = stock.things[category], _vessel_for(rng, stock, stock.things[category][0])
        target = _target(rng, stock, stock.holders(vessel)[0]) if vessel else None
        if others or not vessel or not target:
            continue
        there = Condition((name,), vessel.relation, stock.holders(vessel))
        end = Condition(stock.holders(vessel), target.relation, stock.holders(target), mode="end")
        text = f"put the {spoken(category)} {vessel.words} and then put the {spoken(vessel.category)} {target.words}"
        yield Chore("composite", text, Goal(((there,),), (end,)), name, "put", stock.where(name), vessel)


def _switched(rng: np.random.Generator, stock: Stock, past: list[Chore]) -> Iterator[Chore]:
    """Switch the television on or off and take a thing somewhere."""
    sets = stock.furniture.get("television", ())
    for simple in _simple(rng, stock, past, 0.0) if len(sets) == 1 else ():
        value = "on" not in stock.states(sets[0])
        switch = Condition(sets, states=(("on", value),))
        text = f"switch {'on' if value else 'off'} the television and {simple.instruction}"
        yield replace(simple, kind="composite", instruction=text, goal=Goal(((switch,),), simple.goal.end))


def _complex(rng: np.random.Generator, stock: Stock, past: list[Chore], time: float) -> Iterator[Chore]:
    """Earlier chores in random order, each named in a way that fits no other one."""
    known = [chore for chore in past if chore.thing]
    for earlier in shuffled(rng, known):
        when, since = _when(earlier.time, time)
        for words, reference in _references(rng, stock, earlier, known):
            back = reference["event"] == "take"
            target = earlier.source if back else _target(rng, stock, earlier.thing)
            named = Spot(reference["relation"], reference["place"])
            if target is None or target == stock.where(earlier.thing) or (target == named and not back):
                continue
            end = Condition((earlier.thing,), target.relation, stock.holders(target), mode="end")
            text = f"put {words} {when} {'back ' if back else ''}{target.words}"
            goal, told = Goal((), (end,)), reference | {"days_ago": since}
            yield Chore("complex", text, goal, target=target, referent=earlier.thing, reference=told)


def _references(
    rng: np.random.Generator, stock: Stock, chore: Chore, known: list[Chore]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways to name the thing of a chore, among the chores that are known."""
    ways: list[tuple[str, dict[str, Any]]] = []
    others = [c for c in known if c.thing != chore.thing]
    category = stock.category(chore.thing)
    if chore.event in PAST:
        kind = next((kind for kind, members in KINDS.items() if category in members), "")
        kinds = KINDS.get(kind, ())
        if not any(c.event == chore.event and (not kinds or stock.category(c.thing) in kinds) for c in others):
            words = f"the {kind or 'thing'} you {PAST[chore.event]}"
            ways.append((words, {"event": chore.event, "kinds": kinds, "place": "", "relation": ""}))
    for event, spot in (("put", chore.target), ("take", chore.source)):
        rivals = [c.target if event == "put" else c.source for c in others]
        if spot and not any(r and r.category == spot.category for r in rivals):
            words = (
                f"what you put {spot.words}" if event == "put" else f"what you took from the {spoken(spot.category)}"
            )
            ways.append((words, {"event": event, "kinds": (), "place": spot.category, "relation": spot.relation}))
    yield from shuffled(rng, ways)


EVENTS: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "clean": (WASHABLE, "dirty", "wash", "sink"),
    "heat": (HEATABLE, "heated", "heat", "microwave"),
    "cool": (COOLABLE, "cooled", "cool", "fridge"),
    "slice": (SLICEABLE, "sliced", "slice", "knife"),
    "fill": (FILLABLE, "filled", "fill", "sink"),
}
"""To what it is done, the state that tells, the verb, and what it takes."""


def _fresh(rng: np.random.Generator, stock: Stock, past: list[Chore], among: tuple[str, ...]) -> list[str]:
    """Categories that are there and were not asked about yet, in random order."""
    asked = {stock.category(thing) for chore in past for c in chore.goal.conditions for thing in c.things}
    return [c for c in shuffled(rng, among) if c in stock.things and c not in asked and c != "knife"]


def _target(rng: np.random.Generator, stock: Stock, thing: str) -> Spot | None:
    """A kind of furniture where a thing has room and is not now."""
    now = stock.where(thing)
    spots = (spot for spot in shuffled(rng, SPOTS) if spot != now and stock.room(thing, spot))
    return next(spots, None)


def _vessel_for(rng: np.random.Generator, stock: Stock, thing: str) -> Spot | None:
    """A bowl, plate or box for a thing, of which the house has one."""
    spots = [spot for spot in VESSEL_SPOTS if len(stock.things.get(spot.category, ())) == 1]
    return next((spot for spot in shuffled(rng, spots) if stock.room(thing, spot)), None)


def _when(then: float, now: float) -> tuple[str, int]:
    """How an earlier time is spoken of, and how many days ago it was."""
    day, today = int(then // 86400.0), int(now // 86400.0)
    if day == today:
        morning = (then % 86400.0) / 3600.0 < NOON <= (now % 86400.0) / 3600.0
        return ("this morning" if morning else "before"), 0
    return ("yesterday", 1) if today - day == 1 else ("before", today - day)


MASSES = {
    "milk": "cartons of milk",
    "bread": "loaves of bread",
    "soap": "bars of soap",
    "toilet_paper": "rolls of toilet paper",
    "keys": "bunches of keys",
}
"""What is not counted, and how two of it are spoken of."""


def _spots(relation: Relation, *categories: str) -> list[Spot]:
    return [Spot(relation, category) for category in categories]


SPOTS = (
    *_spots("on", "table", "coffee_table", "counter", "desk", "sofa", "bed", "dresser", "nightstand", "armchair"),
    *_spots("on", "shelf"),
    *_spots("in", "fridge", "cabinet", "sink", "microwave", "wardrobe", "chest", "bin", "bathtub", "dishwasher"),
)  # fmt: skip
VESSEL_SPOTS = (*_spots("in", "bowl", "box", "pan"), *_spots("on", "plate"))


def _a(category: str) -> str:
    if category in MASSES:
        return "some"
    return "an" if category[0] in "aeiou" else "a"


def _plural(category: str) -> str:
    word = spoken(category)
    return MASSES.get(category) or word + ("es" if word.endswith(("s", "x", "o")) else "s")
