"""Small things that hold others: bowls, plates, pans and boxes get a place on or in them.

Their shapes are solid, so what is put in a bowl stands on top of it. `fits` tells whether a thing has room at all.
"""

from dataclasses import replace

from loci.sim.joints import Receptacle, Relation
from loci.sim.manipulation import DROP
from loci.sim.world import Body, World

TOP = 0.195
"""Metres: carried at 0.55 m, nothing reaches above a table, so that no thing of others is taken along."""
VESSELS: dict[str, Receptacle] = {
    "bowl": Receptacle("in", (-0.045, -0.045, 0.065), (0.045, 0.045, TOP)),
    "plate": Receptacle("on", (-0.08, -0.08, 0.02), (0.08, 0.08, TOP)),
    "pan": Receptacle("in", (-0.165, -0.085, 0.05), (0.005, 0.085, TOP)),
    "box": Receptacle("in", (-0.11, -0.08, 0.1), (0.11, 0.08, TOP)),
}
"""What a thing of this category holds, metres in its frame."""


def with_vessels(world: World) -> World:
    """The same world, in which things of these categories can hold others."""
    bodies = (replace(b, receptacles=(VESSELS[b.category],)) if b.category in VESSELS else b for b in world.bodies)
    return replace(world, bodies=tuple(bodies))


def fits(thing: Body, holder: Body, relation: Relation) -> bool:
    """Whether an empty receptacle of a body is large enough for a thing that is turned like the body."""
    size = [high - low for low, high in zip(*thing.extent, strict=True)]
    for space in holder.receptacles:
        room = [high - low for low, high in zip(space.lower, space.upper, strict=True)]
        low_enough = (0.5 * size[2] if relation == "on" else size[2]) + DROP <= room[2]
        if space.relation == relation and low_enough and size[0] <= room[0] and size[1] <= room[1]:
            return True
    return False
