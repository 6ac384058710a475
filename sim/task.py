"""What an agent is asked to do in a world, one episode at a time, with the teacher that knows the answer.

A task object holds the state of one episode; an environment owns one per row. It sees its row through `Place` only,
so the same task runs on every backend.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from gymnasium import spaces

from loci.sim.backend import Place
from loci.sim.sensors import Sensor
from loci.sim.world import World


class Said(NamedTuple):
    """What is heard together with the next picture, and the instruction that is in force then; "" is silence. `shown`
    are the numbers of a task that tells some beside its sensors, by the names of its `Arrays`."""

    words: str = ""
    instruction: str = ""
    shown: Mapping[str, np.ndarray] = {}


SILENCE = Said()


@dataclass(frozen=True)
class Outcome:
    """What one step led to. `said` goes with the next picture; `metrics` hold the same names at every step of a task,
    or none before its end, and count once, at the end of an episode. `truncated`: it ends here for want of time, maybe
    before `max_steps`."""

    reward: float = 0.0
    terminated: bool = False
    said: Said = SILENCE
    metrics: Mapping[str, float] = field(default_factory=dict)
    truncated: bool = False


class Advice(NamedTuple):
    """What a privileged teacher does now, and how much of the task's reward rests on it (0 = nothing to learn)."""

    action: Any
    weight: float


@runtime_checkable
class Task(Protocol):
    """`seconds` is how long one action lasts; `max_steps` truncates an episode; `ceiling` is the success that an agent
    without memory reaches at most, 1 where none is needed. All randomness comes from `rng`."""

    seconds: float
    max_steps: int
    ceiling: float

    @property
    def sensors(self) -> tuple[Sensor, ...]: ...

    @property
    def action_space(self) -> spaces.Space[Any]: ...

    def world(self, rng: np.random.Generator) -> World: ...

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        """Start the episode in a freshly loaded world."""
        ...

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        """The action as {"velocity": (forward, left) in m/s, "turn": rad/s}, and any change of the world it makes."""
        ...

    def outcome(self, place: Place) -> Outcome: ...

    def expert(self, place: Place) -> Advice | None:
        """The teacher's advice in the current state, None when it has none."""
        ...
