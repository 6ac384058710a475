"""One row of an array task as a gymnasium.Env."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from loci.sim.array_env import ArrayEnv
from loci.sim.env import Env
from loci.sim.vector import Step


class SingleEnv(gymnasium.Env[dict[str, Any], Any]):
    """The standard interface over an `ArrayEnv` of one row; `info` carries the task's metrics at an episode's end.
    A task without pictures has no render mode.

    Raises ValueError for an action outside the space, and RuntimeError for a step without a running episode.
    """

    metadata = Env.metadata

    def __init__(self, rows: ArrayEnv, render_mode: str | None = "rgb_array") -> None:
        if rows.batch != 1:
            raise ValueError(f"one environment needs an array task of batch 1, got {rows.batch}")
        self.rows, self.render_mode, self.action_space = rows, render_mode, rows.action_space
        parts = {name: space for sensor in rows.sensors for name, space in sensor.space().items()}
        self.observation_space = spaces.Dict(parts)
        if "rgb" not in parts:
            self.render_mode, self.metadata = None, {**Env.metadata, "render_modes": []}
        self._running = False
        self._last: dict[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode; without a seed it is another one than the last."""
        super().reset(seed=seed)
        self._running = True
        return self._show(self.rows.reset(int(self.np_random.integers(2**31)) if seed is None else seed)), {}

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        if not self._running:
            raise RuntimeError("the episode is over or was never begun: call reset() before step()")
        if not self.action_space.contains(action):
            raise ValueError(f"action must lie in {self.action_space}, got {action!r}")
        step = self.rows.step([action])
        terminated, truncated = bool(step.terminated[0]), bool(step.truncated[0])
        self._running = not (terminated or truncated)
        info = {name: float(values[0]) for name, values in step.metrics.items()}
        return self._show(step), float(step.reward[0]), terminated, truncated, info

    def render(self) -> np.ndarray:
        """The picture (H, W, 3) uint8 that the agent saw last."""
        if "rgb" not in self._last:
            raise RuntimeError("no picture yet: the task must show one, and reset() comes first")
        return np.asarray(self._last["rgb"])

    def _show(self, step: Step) -> dict[str, Any]:
        texts = {name: str(values[0]) for name, values in step.obs.items() if values.dtype.kind == "U"}
        self._last = {name: values[0] for name, values in step.obs.items()} | texts
        return self._last
