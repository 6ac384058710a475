"""Which things touch, asked of the shapes as they stand, so that asking changes nothing."""

import numpy as np

from loci.sim.backends.pybullet.engine import bullet
from loci.sim.backends.pybullet.simulation import Simulation

TOUCH = 1e-3
"""Metres between things that count as touching."""


def touching(simulation: Simulation) -> list[tuple[str, str]]:
    """Sorted pairs of names, of which at least one can move and that stop each other; "agent" is the base and its
    robot."""
    client = simulation.client
    things = [("agent", number, link, True) for number, link in simulation.own()]
    things += [(s.body.name, s.number, s.link, s.free or s.link >= 0) for s in simulation.solids]
    boxes = np.array([bullet.getAABB(number, link, physicsClientId=client) for _, number, link, _ in things])
    pairs = set()
    for i, (name, number, link, moves) in enumerate(things):
        near = (boxes[i, 0] <= boxes[i + 1 :, 1] + TOUCH) & (boxes[i, 1] >= boxes[i + 1 :, 0] - TOUCH)
        for j in np.flatnonzero(near.all(axis=1)) + i + 1:
            other, number_b, link_b, moves_b = things[j]
            if (
                (moves or moves_b)
                and name != other
                and bullet.getClosestPoints(number, number_b, TOUCH, link, link_b, physicsClientId=client)
            ):
                pairs.add((min(name, other), max(name, other)))
    return sorted(pairs - simulation.loose())
