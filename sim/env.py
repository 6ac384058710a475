"""One world, one backend, one task, as a gymnasium.Env."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from loci.sim.backend import Backend, Place
from loci.sim.sensors import sense
from loci.sim.task import Outcome, Said, Task


class Env(gymnasium.Env[dict[str, Any], Any]):
    """The standard interface over one row; `info` carries the task's metrics. Same seed, same trajectory.

    Raises ValueError for an action outside the space, and RuntimeError for a step without a running episode.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(self, backend: Backend, task: Task, render_mode: str | None = "rgb_array") -> None:
        self.backend, self.task, self.render_mode = backend, task, render_mode
        self.action_space = task.action_space
        parts = {name: space for sensor in task.sensors for name, space in sensor.space().items()}
        self.observation_space = spaces.Dict(parts)
        self._place = Place(backend, 0)
        self._running, self._steps = False, 0
        self._last: dict[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.backend.load(0, self.task.world(self.np_random))
        said = self.task.begin(self._place, self.np_random)
        self._running, self._steps = True, 0
        return self._observe(said), {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        if not self._running:
            raise RuntimeError("the episode is over or was never begun: call reset() before step()")
        if not self.action_space.contains(action):
            raise ValueError(f"action must lie in {self.action_space}, got {action!r}")
        command = {name: np.asarray([value]) for name, value in self.task.command(action, self._place).items()}
        self.backend.step(command, self.task.seconds)
        outcome: Outcome = self.task.outcome(self._place)
        self._steps += 1
        late = outcome.truncated or self._steps >= self.task.max_steps
        truncated = late and not outcome.terminated
        self._running = not (outcome.terminated or truncated)
        return self._observe(outcome.said), outcome.reward, outcome.terminated, truncated, dict(outcome.metrics)

    def render(self) -> np.ndarray:
        """The picture (H, W, 3) uint8 that the agent saw last."""
        if "rgb" not in self._last:
            raise RuntimeError("no picture yet: the task needs a camera with rgb, and reset() comes first")
        return np.asarray(self._last["rgb"])

    def close(self) -> None:
        self.backend.close()

    def _observe(self, said: Said) -> dict[str, Any]:
        rows = sense(self.task.sensors, self.backend, [said])
        self._last = {name: str(row[0]) if row.dtype.kind == "U" else row[0] for name, row in rows.items()}
        return self._last
