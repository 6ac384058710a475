"""What the engine itself says a ray meets: an oracle for pictures that shares nothing with the ray caster."""

import mujoco
import numpy as np

from loci.sim.backends.mujoco.hand import VISIBLE
from loci.sim.backends.mujoco.simulation import AGENT_BODY, Simulation

FAR = 1e3
"""Metres along a direction of length 1 at which a ray ends."""


def cast(simulation: Simulation, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance (n,) in lengths of `directions` (n, 3) from `origin` (3,) to the first body, 0 for none, and its index
    (n,), -1 for none. The agent is not seen."""
    model, data, count = simulation.model, simulation.data, len(directions)
    mujoco.mj_kinematics(model, data)
    lengths = np.linalg.norm(directions, axis=1)
    flat = (directions / lengths[:, None]).reshape(-1, 1)
    geoms, metres = np.zeros((count, 1), np.int32), np.zeros((count, 1))
    start = np.asarray(origin, np.float64).reshape(3, 1)
    mujoco.mj_multiRay(model, data, start, flat, VISIBLE[:, None], 1, AGENT_BODY, geoms, metres, None, count, FAR)
    hit = geoms[:, 0] >= 0
    return np.where(hit, metres[:, 0] / lengths, 0.0), np.where(hit, simulation.owner[geoms[:, 0]], -1)
