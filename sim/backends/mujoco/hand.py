"""Whether the agent's hand can take hold of a body: near enough, in front, and with a free way to it."""

import math

import mujoco
import numpy as np

from loci.sim.backends.mujoco.base import HIDDEN
from loci.sim.backends.mujoco.simulation import AGENT_BODY, Simulation
from loci.sim.backends.rows import CARRY, RAISED

FRONT = math.radians(60.0)
"""Greatest angle to either side of the heading at which the hand takes things."""
INSIDE = 0.1
"""Share of the way from the nearest point of a surface to the part's centre at which the hand aims."""
SHOULDERS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the agent's height at which an arm may begin, to get over edges and under tops."""
DEEP = 0.02
"""Metres by which a carried body may overlap others when it is taken."""
VISIBLE = np.array([group != HIDDEN for group in range(6)], np.uint8)


def take(simulation: Simulation, index: int, reach: float, height: float) -> bool:
    """Carry a free body if the hand gets to it and there is room in front, or above; else nothing changes."""
    if not simulation.free[index] or not reachable(simulation, index, reach, height):
        return False
    before = simulation.snapshot()
    for offset in (CARRY, RAISED):
        simulation.carry(index, offset)
        simulation.wake()
        if not any(index in pair for pair in simulation.touching(DEEP)):
            return True
        simulation.restore(before)
    return False


def reachable(simulation: Simulation, index: int, reach: float, height: float) -> bool:
    """Whether an arm of `reach` metres that begins in the agent's axis gets to some part of a body, in front: straight,
    or from above, at the agent's full `height`."""
    mujoco.mj_kinematics(simulation.model, simulation.data)
    parts = np.flatnonzero(simulation.owner == index).tolist()
    return any(_touches(simulation, index, geom, reach, height) for geom in parts)


def _touches(simulation: Simulation, index: int, geom: int, reach: float, height: float) -> bool:
    model, data = simulation.model, simulation.data
    segment, middle = np.zeros((6, 1)), data.geom_xpos[geom]
    if mujoco.mj_geomDistance(model, data, simulation.hand, geom, reach, segment) >= reach:
        return False
    goal = segment[3:, 0] * (1.0 - INSIDE) + middle * INSIDE
    x, y, floor = simulation.agent().position
    bearing = math.atan2(goal[1] - y, goal[0] - x) - float(simulation.qpos[2])
    if abs(math.remainder(bearing, 2.0 * math.pi)) > FRONT:
        return False
    top = floor + height
    heights = [min(max(float(middle[2]), floor), top), *(floor + share * height for share in SHOULDERS)]
    starts = [np.array([x, y, z]) for z in heights]
    if any(math.dist(start, goal) <= reach and _free(simulation, index, start, goal) for start in starts):
        return True
    above = np.array([goal[0], goal[1], top])
    return _free(simulation, index, starts[-1], above) and _free(simulation, index, above, goal)


def _free(simulation: Simulation, index: int, start: np.ndarray, goal: np.ndarray) -> bool:
    """Whether nothing but the body itself is between two points."""
    model, data, hit, way = simulation.model, simulation.data, np.zeros((1, 1), np.int32), goal - start
    share = mujoco.mj_ray(model, data, start[:, None], way[:, None], VISIBLE[:, None], 1, AGENT_BODY, hit)
    return not 0.0 <= share < 1.0 or simulation.owner[hit[0, 0]] == index
