"""A `VectorEnv` behind the interface of `gymnasium.vector.VectorEnv`, for training code that speaks it."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from loci.sim.env import Env
from loci.sim.vector import Step, VectorEnv


class GymnasiumVectorEnv(gymnasium.vector.VectorEnv[dict[str, Any], np.ndarray, np.ndarray]):
    """The same rows under other names. Texts come as a tuple of B strings, as the batched space has them.

    The call after the last step of an episode ignores that row's action and begins the next one. `info` holds the
    metrics of episodes that ended with this step, under `name`, and where that is the case, under `_name`.
    """

    metadata = {**Env.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, env: VectorEnv, render_mode: str | None = "rgb_array") -> None:
        self.env, self.num_envs, self.render_mode = env, env.batch, render_mode
        parts = {name: space for sensor in env.sensors for name, space in sensor.space().items()}
        self.single_observation_space = spaces.Dict(parts)
        self.observation_space = batch_space(self.single_observation_space, env.batch)
        self.single_action_space = env.action_space
        self.action_space = batch_space(env.action_space, env.batch)
        self._texts = [name for name, space in parts.items() if isinstance(space, spaces.Text)]
        self._last: dict[str, Any] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin B fresh episodes; without a seed they go on from the last one."""
        if seed is not None and not isinstance(seed, int | np.integer):
            raise ValueError(f"seed must be one whole number, from which every row draws its own, got {seed!r}")
        if options:
            raise ValueError(f"options must be empty: every row is reset, got {options!r}")
        super().reset(seed=seed)
        return self._observe(self.env.reset(int(self.np_random.integers(2**31)) if seed is None else int(seed))), {}

    def step(self, actions: np.ndarray) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        if not self.action_space.contains(actions):
            raise ValueError(f"actions must lie in {self.action_space}, got {actions!r}")
        step = self.env.step(actions)
        return self._observe(step), step.reward, step.terminated, step.truncated, _info(step)

    def render(self) -> tuple[np.ndarray, ...]:
        """The pictures (H, W, 3) uint8 that the agents saw last."""
        if "rgb" not in self._last:
            raise RuntimeError("no picture yet: the task needs a camera with rgb, and reset() comes first")
        return tuple(self._last["rgb"])

    def close_extras(self, **kwargs: Any) -> None:
        self.env.close()

    def _observe(self, step: Step) -> dict[str, Any]:
        self._last = step.obs | {name: tuple(step.obs[name].tolist()) for name in self._texts}
        return self._last


def _info(step: Step) -> dict[str, np.ndarray]:
    ended = step.terminated | step.truncated
    return step.metrics | {f"_{name}": ended for name in step.metrics}
