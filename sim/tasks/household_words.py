"""The words of the household: skills, categories, states, and which things can be washed, cooked, cooled or cut."""

from enum import IntEnum

from loci.sim.worlds.things import CATEGORIES as THINGS
from loci.sim.worlds.things import POSSIBLE
from loci.sim.worlds.vessels import VESSELS

Skill = IntEnum(
    "Skill",
    "LOOK GO PICK PUT_ON PUT_IN OPEN CLOSE TOGGLE SLICE CLEAN HEAT COOL FILL DONE",
    start=0,
)
SKILLS = tuple(skill.name.lower() for skill in Skill)
STATES = ("opened", "on", "dirty", "filled", "sliced", "heated", "cooled")
"""Closed, off, clean and empty are their absence."""
FURNITURE = (
    "armchair", "bathtub", "bed", "bin", "cabinet", "chair", "chest", "coat_rack", "coffee_table", "counter", "desk",
    "dishwasher", "door", "drawer", "dresser", "fridge", "lamp", "lid", "microwave", "nightstand", "oven", "plant",
    "rack", "shelf", "sink", "sofa", "table", "television", "toilet", "tv_stand", "wardrobe", "washing_machine",
)  # fmt: skip
CATEGORIES = (*THINGS, *FURNITURE)
"""The published vocabulary: a category's number is its place here."""

WATER, HOT, COLD = ("sink", "bathtub"), ("microwave", "oven"), ("fridge",)
"""Furniture at which things are washed and filled, heated and cooled."""
FOOD = ("apple", "bread", "tomato", "egg")
SLICEABLE = ("apple", "bread", "tomato")
FILLABLE = ("mug", "glass", "bowl", "pot", "bottle", "kettle", "vase")
WASHABLE = (*SLICEABLE[::2], *(category for category, states in POSSIBLE.items() if "dirty" in states))
HEATABLE = (*FOOD, "milk", "mug", "glass", "plate", "bowl", "pan", "pot")
COOLABLE = (*HEATABLE, "bottle", "can")
SWITCHES = tuple(category for category, states in POSSIBLE.items() if "on" in states)
KINDS: dict[str, tuple[str, ...]] = {
    "fruit": ("apple", "tomato"),
    "food": FOOD,
    "dish": ("mug", "glass", "plate", "bowl", "pan", "pot"),
    "toy": ("toy", "toy_car"),
}
"""Words for several categories at once."""
APPLIES = {
    "on": SWITCHES,
    "dirty": WASHABLE,
    "filled": (*FILLABLE, "sink", "bathtub"),
    "sliced": SLICEABLE,
    "heated": HEATABLE,
    "cooled": COOLABLE,
}
"""Categories of which a state is known; "opened" is known of what has a door."""
HOLDERS = tuple(VESSELS)


def spoken(category: str) -> str:
    """The word of a category in a sentence."""
    return category.replace("_", " ")
