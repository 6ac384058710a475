"""Everything there is to see of one step, small enough to keep thousands of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from loci.memories.layers import Drawing
from loci.sim.world import World


@dataclass(frozen=True)
class Snapshot:
    """The moment after `step` actions. Pictures of the world are drawn from it when they are asked for (eye.py)."""

    step: int
    world: World
    """As it was loaded; another one when the task loaded another room."""
    room: int
    """Counts the worlds of the episode."""
    poses: Float[np.ndarray, "N 7"]
    """Position and wxyz of the world's bodies, in their order."""
    agent: tuple[float, float, float]
    """x, y in metres and heading in radians."""
    seen: UInt8[np.ndarray, "H W 3"]
    """The picture that the agent was given."""
    words: str
    instruction: str
    action: int | None
    """What was done at this step, None while it is the last one."""
    driver: str
    """Who chose the action: "agent", "teacher" or "you"."""
    chances: tuple[float, ...]
    """Probability of each action, empty when the agent did not think."""
    reward: float
    """That came with this moment."""
    total: float
    metrics: dict[str, float]
    over: bool
    """Whether the episode has ended here."""
    drawing: Drawing
    memory_on: bool
    memory_bytes: int
    memory_ms: float
    held: str
    """Name of the body that is carried, "" for none."""
