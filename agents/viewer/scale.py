"""How wide a world is, and how much larger marks are drawn in it: in a town a ball of 5 cm could not be seen."""

import numpy as np
from jaxtyping import Float

from loci.sim.world import World

STREET = 8.0
"""Metres across of an open world in which marks have the size that they have in rooms."""
LIFT = 0.08
"""Metres by which marks are raised for each time that they are larger, so that they lie above what is cut."""


def corners(world: World) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Lower and upper corner of the rooms, or of where the bodies stand in a world without rooms."""
    ends = [corner for room in world.rooms for corner in (room.lower, room.upper)]
    points = np.asarray(ends or [body.pose.position for body in world.bodies] or [(0.0, 0.0, 0.0)])
    return points.min(axis=0), points.max(axis=0)


def magnified(world: World) -> float:
    """How many times larger marks are than in a room: 1 in all worlds with rooms."""
    low, high = corners(world)
    return 1.0 if world.rooms else max(1.0, float((high - low)[:2].max()) / STREET)


def lifted(points: np.ndarray, scale: float) -> np.ndarray:
    """Points (…, 3) of marks, raised above what they would be hidden in."""
    return points + np.array([0.0, 0.0, LIFT * (scale - 1.0)])
