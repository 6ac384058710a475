"""Small things that can be carried: how they look, what they weigh, and where they are likely to be kept.

Sizes and masses are those of ordinary household things, our choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from loci.sim.world import Shape
from loci.sim.worlds.draws import pick
from loci.sim.worlds.fittings import CLOTHS
from loci.sim.worlds.pieces import Colour, ball, box, rod
from loci.sim.worlds.storage import DARK, STEEL, WHITE

BRIGHT: tuple[Colour, ...] = (
    (0.85, 0.2, 0.2),
    (0.2, 0.4, 0.8),
    (0.95, 0.8, 0.2),
    (0.25, 0.65, 0.35),
    (0.93, 0.93, 0.9),
    (0.9, 0.5, 0.2),
)
FRUIT: tuple[Colour, ...] = ((0.8, 0.12, 0.12), (0.5, 0.75, 0.2), (0.85, 0.65, 0.2))
VARIANTS = 6
"""Looks of each category."""
SURFACES = {"table": 3.0, "coffee_table": 2.0, "desk": 1.0, "counter": 1.0}


@dataclass(frozen=True)
class Thing:
    """`radius` around its upright axis and `height` in metres, `mass` in kg; it stands on the origin."""

    category: str
    parts: tuple[Shape, ...]
    radius: float
    height: float
    mass: float


@dataclass(frozen=True)
class Kind:
    """A category of things: how a look is drawn in one of the colours; size and mass as of a Thing."""

    look: Callable[[Colour], tuple[Shape, ...]]
    colours: tuple[Colour, ...]
    radius: float
    height: float
    mass: float


def _cup(colour: Colour, radius: float = 0.04, height: float = 0.095) -> tuple[Shape, ...]:
    grip = box((radius, -0.008, 0.2 * height), (radius + 0.025, 0.008, 0.8 * height), colour)
    return (rod(0, 0, 0, height, radius, colour), grip)


def _bottle(colour: Colour) -> tuple[Shape, ...]:
    return (rod(0, 0, 0, 0.18, 0.035, colour), rod(0, 0, 0.18, 0.26, 0.014, colour))


def _pan(colour: Colour) -> tuple[Shape, ...]:
    return (rod(-0.08, 0, 0, 0.05, 0.12, colour), box((0.03, -0.012, 0.025), (0.2, 0.012, 0.045), DARK))


def _pot(colour: Colour) -> tuple[Shape, ...]:
    return (rod(0, 0, 0, 0.12, 0.1, colour), box((-0.13, -0.02, 0.08), (0.13, 0.02, 0.095), DARK))


def _laptop(colour: Colour) -> tuple[Shape, ...]:
    screen = box((-0.12, -0.16, 0.015), (-0.108, 0.16, 0.22), DARK)
    return (box((-0.11, -0.16, 0), (0.11, 0.16, 0.016), colour), screen)


def _knife(colour: Colour) -> tuple[Shape, ...]:
    return (box((-0.1, -0.011, 0), (0.0, 0.011, 0.018), colour), box((0.0, -0.014, 0.006), (0.12, 0.014, 0.01), STEEL))


def _spoon(colour: Colour) -> tuple[Shape, ...]:
    return (box((-0.09, -0.006, 0), (0.04, 0.006, 0.012), colour), rod(0.06, 0, 0, 0.012, 0.02, colour))


def _book(colour: Colour) -> tuple[Shape, ...]:
    return (
        box((-0.075, -0.105, 0), (0.075, 0.105, 0.03), colour),
        box((-0.07, -0.107, 0.005), (0.077, 0.102, 0.025), WHITE),
    )


def _bowl(colour: Colour) -> tuple[Shape, ...]:
    return (rod(0, 0, 0, 0.025, 0.045, colour), rod(0, 0, 0.025, 0.065, 0.08, colour))


def _plate(colour: Colour) -> tuple[Shape, ...]:
    return (rod(0, 0, 0, 0.012, 0.075, colour), rod(0, 0, 0.012, 0.02, 0.115, colour))


def _apple(colour: Colour) -> tuple[Shape, ...]:
    return (ball(0, 0, 0.04, 0.04, colour), rod(0, 0, 0.07, 0.095, 0.004, (0.35, 0.25, 0.15)))


def _kettle(colour: Colour) -> tuple[Shape, ...]:
    grip = box((0.075, -0.012, 0.05), (0.11, 0.012, 0.2), DARK)
    return (rod(0, 0, 0, 0.2, 0.08, colour), rod(0, 0, 0.2, 0.22, 0.03, DARK), grip)


def _toaster(colour: Colour) -> tuple[Shape, ...]:
    return (box((-0.08, -0.14, 0), (0.08, 0.14, 0.19), colour), box((-0.03, -0.11, 0.185), (0.03, 0.11, 0.193), DARK))


def _toy(colour: Colour) -> tuple[Shape, ...]:
    """A bear."""
    ears = (ball(0.02, 0.045, 0.24, 0.022, colour), ball(0.02, -0.045, 0.24, 0.022, colour))
    return (ball(0, 0, 0.08, 0.08, colour), ball(0.02, 0, 0.19, 0.058, colour), *ears)


def _car(colour: Colour) -> tuple[Shape, ...]:
    return (
        box((-0.09, -0.04, 0.0), (0.09, 0.04, 0.05), colour),
        box((-0.05, -0.035, 0.05), (0.04, 0.035, 0.085), DARK),
    )


def _solid(x: float, y: float, z: float) -> Callable[[Colour], tuple[Shape, ...]]:
    return lambda colour: (box((-x, -y, 0.0), (x, y, z), colour),)


def _round(radius: float, height: float) -> Callable[[Colour], tuple[Shape, ...]]:
    return lambda colour: (rod(0.0, 0.0, 0.0, height, radius, colour),)


KINDS: dict[str, Kind] = {
    "mug": Kind(_cup, BRIGHT, 0.07, 0.1, 0.3),
    "glass": Kind(_round(0.035, 0.13), ((0.75, 0.88, 0.92),), 0.04, 0.13, 0.2),
    "plate": Kind(_plate, BRIGHT, 0.12, 0.02, 0.4),
    "bowl": Kind(_bowl, BRIGHT, 0.085, 0.065, 0.35),
    "pan": Kind(_pan, (DARK, STEEL), 0.205, 0.05, 1.2),
    "pot": Kind(_pot, (STEEL, (0.7, 0.25, 0.2)), 0.135, 0.12, 1.0),
    "knife": Kind(_knife, (DARK, (0.5, 0.3, 0.2)), 0.125, 0.018, 0.15),
    "spoon": Kind(_spoon, (STEEL,), 0.095, 0.012, 0.06),
    "kettle": Kind(_kettle, (WHITE, STEEL, (0.7, 0.2, 0.2)), 0.115, 0.22, 1.1),
    "toaster": Kind(_toaster, (STEEL, DARK, (0.75, 0.25, 0.2)), 0.165, 0.2, 1.6),
    "apple": Kind(_apple, FRUIT, 0.042, 0.1, 0.18),
    "bread": Kind(_solid(0.13, 0.055, 0.1), ((0.78, 0.55, 0.3), (0.6, 0.38, 0.2)), 0.145, 0.1, 0.5),
    "tomato": Kind(lambda c: (ball(0, 0, 0.035, 0.035, c),), ((0.85, 0.15, 0.1),), 0.036, 0.07, 0.12),
    "egg": Kind(lambda c: (ball(0, 0, 0.024, 0.024, c),), (WHITE, (0.85, 0.7, 0.55)), 0.025, 0.05, 0.06),
    "milk": Kind(_solid(0.04, 0.04, 0.2), ((0.92, 0.94, 0.98), (0.35, 0.55, 0.85)), 0.058, 0.2, 1.0),
    "bottle": Kind(_bottle, ((0.2, 0.45, 0.25), (0.25, 0.35, 0.6), (0.5, 0.3, 0.15)), 0.036, 0.26, 0.8),
    "book": Kind(_book, BRIGHT, 0.135, 0.03, 0.5),
    "laptop": Kind(_laptop, (STEEL, DARK), 0.205, 0.22, 1.8),
    "phone": Kind(_solid(0.075, 0.036, 0.012), (DARK, (0.85, 0.85, 0.88)), 0.084, 0.012, 0.18),
    "remote": Kind(_solid(0.09, 0.022, 0.018), (DARK,), 0.093, 0.018, 0.12),
    "newspaper": Kind(_solid(0.14, 0.1, 0.012), ((0.85, 0.85, 0.82),), 0.173, 0.012, 0.15),
    "vase": Kind(lambda c: (ball(0, 0, 0.08, 0.08, c), rod(0, 0, 0.14, 0.26, 0.03, c)), BRIGHT, 0.081, 0.26, 1.0),
    "candle": Kind(_round(0.03, 0.1), ((0.95, 0.9, 0.75), (0.7, 0.2, 0.2)), 0.031, 0.1, 0.2),
    "box": Kind(_solid(0.12, 0.09, 0.1), ((0.7, 0.55, 0.38),), 0.151, 0.1, 0.4),
    "pillow": Kind(_solid(0.2, 0.2, 0.11), CLOTHS, 0.284, 0.11, 0.6),
    "shirt": Kind(_solid(0.15, 0.12, 0.04), BRIGHT, 0.193, 0.04, 0.25),
    "towel": Kind(_solid(0.15, 0.1, 0.06), BRIGHT, 0.181, 0.06, 0.4),
    "soap": Kind(_solid(0.04, 0.025, 0.025), BRIGHT, 0.048, 0.025, 0.1),
    "toilet_paper": Kind(_round(0.055, 0.1), (WHITE,), 0.056, 0.1, 0.1),
    "toy": Kind(_toy, ((0.6, 0.4, 0.22), (0.85, 0.6, 0.7), (0.75, 0.75, 0.78)), 0.085, 0.27, 0.3),
    "toy_car": Kind(_car, BRIGHT, 0.1, 0.085, 0.15),
    "can": Kind(_round(0.035, 0.11), BRIGHT, 0.036, 0.11, 0.35),
    "keys": Kind(_solid(0.035, 0.015, 0.012), ((0.8, 0.7, 0.3), STEEL), 0.04, 0.012, 0.08),
}
"""Every category of small things."""

PLACES: dict[str, dict[str, float]] = {
    "mug": {**SURFACES, "cabinet": 3, "sink": 1, "nightstand": 1, "dishwasher": 1},
    "glass": {"cabinet": 3, "table": 2, "sink": 1, "counter": 1},
    "plate": {"cabinet": 3, "table": 3, "counter": 1, "dishwasher": 2, "sink": 1},
    "bowl": {"cabinet": 3, "table": 2, "counter": 1, "dishwasher": 1},
    "pan": {"oven": 3, "cabinet": 2},
    "pot": {"oven": 3, "cabinet": 2, "counter": 1},
    "knife": {"drawer": 3, "counter": 2, "table": 1},
    "spoon": {"drawer": 3, "table": 1, "sink": 1},
    "kettle": {"counter": 2, "oven": 1, "cabinet": 1},
    "toaster": {"counter": 2, "cabinet": 1},
    "apple": {"fridge": 3, "table": 2, "counter": 2, "coffee_table": 1},
    "bread": {"counter": 3, "table": 1, "cabinet": 1},
    "tomato": {"fridge": 3, "counter": 1},
    "egg": {"fridge": 1},
    "milk": {"fridge": 4, "table": 1},
    "bottle": {"fridge": 2, "cabinet": 1, "table": 1},
    "book": {"shelf": 6, "nightstand": 2, "desk": 2, "coffee_table": 2, "sofa": 1},
    "laptop": {"desk": 5, "coffee_table": 1, "table": 1, "bed": 1},
    "phone": {"nightstand": 2, "desk": 2, "sofa": 1, "coffee_table": 1, "cabinet": 1},
    "remote": {"coffee_table": 3, "sofa": 2, "tv_stand": 2},
    "newspaper": {"coffee_table": 2, "table": 1, "armchair": 1},
    "vase": {"table": 1, "shelf": 1, "dresser": 2, "tv_stand": 1},
    "candle": {"coffee_table": 1, "shelf": 1, "dresser": 1},
    "box": {"wardrobe": 3, "shelf": 2, "chest": 1},
    "pillow": {"sofa": 3, "bed": 3, "armchair": 1},
    "shirt": {"wardrobe": 5, "dresser_drawer": 2, "bed": 1, "washing_machine": 1},
    "towel": {"rack": 5, "washing_machine": 1, "wardrobe": 1},
    "soap": {"rack": 2, "sink": 2, "bathtub": 1},
    "toilet_paper": {"toilet": 3, "rack": 1},
    "toy": {"chest": 4, "bed": 2, "shelf": 1},
    "toy_car": {"chest": 4, "shelf": 1, "coffee_table": 1},
    "can": {"bin": 2, "cabinet": 2, "fridge": 1},
    "keys": {"cabinet": 1, "desk": 1, "dresser": 1, "drawer": 1},
}
"""How likely each category of furniture holds a category of things; "drawer" is any drawer, "dresser_drawer" one of a
dresser. Weights of those that the house has are scaled to add up to 1."""

CATEGORIES = tuple(KINDS)
POSSIBLE: dict[str, dict[str, float]] = {
    "lamp": {"on": 0.4},
    "television": {"on": 0.2},
    "microwave": {"on": 0.0},
    "oven": {"on": 0.0},
    "washing_machine": {"on": 0.0},
    "dishwasher": {"on": 0.0},
    "toaster": {"on": 0.0},
    "laptop": {"on": 0.3},
    "kettle": {"on": 0.0, "filled": 0.3},
    "candle": {"on": 0.0},
    "sink": {"on": 0.0, "filled": 0.1},
    "bathtub": {"filled": 0.1},
    "mug": {"dirty": 0.3, "filled": 0.2},
    "glass": {"dirty": 0.3, "filled": 0.2},
    "plate": {"dirty": 0.3},
    "bowl": {"dirty": 0.3, "filled": 0.0},
    "pan": {"dirty": 0.3},
    "pot": {"dirty": 0.2, "filled": 0.1},
    "knife": {"dirty": 0.2},
    "spoon": {"dirty": 0.3},
    "shirt": {"dirty": 0.3},
    "towel": {"dirty": 0.2},
}
"""States a category can have, and how likely each is when the world begins. "clean", "off" and "empty" are their
absence; open and closed are the opening of a joint."""


def states(category: str, rng: np.random.Generator) -> tuple[str, ...]:
    """What is true of a body of that category in the beginning."""
    possible = POSSIBLE.get(category)
    return tuple(state for state, chance in possible.items() if rng.random() < chance) if possible else ()


@lru_cache(maxsize=1024)
def thing(category: str, look: int) -> Thing:
    """One of the VARIANTS looks of a category."""
    kind = KINDS[category]
    colour = pick(np.random.default_rng((CATEGORIES.index(category), look)), kind.colours)
    return Thing(category, kind.look(colour), kind.radius, kind.height, kind.mass)
