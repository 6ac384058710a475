"""What the engine itself says a ray meets: an oracle for pictures that shares nothing with the ray caster."""

import numpy as np

from loci.sim.backends.pybullet.base import AGENT
from loci.sim.backends.pybullet.engine import bullet
from loci.sim.backends.pybullet.simulation import Simulation

FAR = 100.0
"""Metres along a direction of length 1 at which a ray ends."""
MOST = 16000
"""Rays that the engine takes at once."""


def cast(simulation: Simulation, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance (n,) in lengths of `directions` (n, 3) from `origin` (3,) to the first body, 0 for none, and its index
    (n,), -1 for none. The agent is not seen."""
    solids = {(solid.number, solid.link): index for index, solid in enumerate(simulation.solids)}
    reach = FAR / np.linalg.norm(directions, axis=1)
    ends = origin + directions * reach[:, None]
    distance, index = np.zeros(len(ends)), np.full(len(ends), -1)
    for first in range(0, len(ends), MOST):
        part = ends[first : first + MOST]
        hits = bullet.rayTestBatch(
            np.tile(origin, (len(part), 1)).tolist(), part.tolist(), collisionFilterMask=~AGENT,
            physicsClientId=simulation.client,
        )  # fmt: skip
        for i, (number, link, fraction, *_) in enumerate(hits, start=first):
            if number >= 0:
                distance[i], index[i] = fraction * reach[i], solids[number, link]
    return distance, index
