"""Whether the agent's hand can take hold of a body: near enough, in front, and with a free way to it."""

import math

import mujoco
import numpy as np

from loci.sim.backends.mujoco.base import HIDDEN
from loci.sim.backends.mujoco.simulation import AGENT_BODY, Simulation

FRONT = math.radians(60.0)
"""Greatest angle to either side of the heading at which the hand takes things."""
INSIDE = 0.1
"""Share of the way from the nearest point of a surface to the part's centre at which the hand aims."""
DEEP = 0.02
"""Metres by which a carried body may overlap others when it is taken."""
VISIBLE = np.array([group != HIDDEN for group in range(6)], np.uint8)


def take(simulation: Simulation, index: int, reach: float) -> bool:
    """Carry a free body if the hand gets to it and there is room where it is carried; else nothing changes."""
    if not simulation.free[index] or not reachable(simulation, index, reach):
        return False
    before = simulation.snapshot()
    simulation.carry(index)
    simulation.wake()
    if any(index in pair for pair in simulation.touching(DEEP)):
        simulation.restore(before)
        return False
    return True


def reachable(simulation: Simulation, index: int, reach: float) -> bool:
    """Whether some part of a body is within `reach` metres of the arm's beginning, in front, with nothing between."""
    mujoco.mj_kinematics(simulation.model, simulation.data)
    parts = np.flatnonzero(simulation.owner == index).tolist()
    return any(_touches(simulation, index, geom, reach) for geom in parts)


def _touches(simulation: Simulation, index: int, geom: int, reach: float) -> bool:
    model, data = simulation.model, simulation.data
    segment, hit = np.zeros((6, 1)), np.zeros((1, 1), np.int32)
    if mujoco.mj_geomDistance(model, data, simulation.hand, geom, reach, segment) >= reach:
        return False
    start = data.geom_xpos[simulation.hand]
    aim = segment[3:, 0] * (1.0 - INSIDE) + data.geom_xpos[geom] * INSIDE - start
    bearing = math.atan2(aim[1], aim[0]) - float(simulation.qpos[2])
    if abs(math.remainder(bearing, 2.0 * math.pi)) > FRONT:
        return False
    mujoco.mj_ray(model, data, start[:, None].copy(), aim[:, None], VISIBLE[:, None], 1, AGENT_BODY, hit)
    return bool(hit[0, 0] >= 0 and simulation.owner[hit[0, 0]] == index)
