"""B environments stepped and rendered together.

After the last step of an episode its final observation is returned once; the next call ignores that row's action,
loads a new world and returns the first observation with `reset` true (Gymnasium's next-step autoreset).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from loci.sim.backend import Backend, Place
from loci.sim.sensors import sense
from loci.sim.task import SILENCE, Task


class Step(NamedTuple):
    """Arrays with leading axis B. `reset[b]` is true when obs[b] is the first of an episode: the action that led
    there was ignored and its reward is 0. `metrics` are those of episodes that ended with this step, NaN elsewhere."""

    obs: dict[str, np.ndarray]
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    reset: np.ndarray
    metrics: dict[str, np.ndarray]


class VectorEnv:
    """Rows are independent: row b of `seed` s is the same episode after episode, whatever B is. `ceiling` is the
    success that an agent without memory reaches at most."""

    def __init__(self, backend: Backend, task: Callable[[], Task]) -> None:
        self.backend = backend
        self.batch = backend.batch
        self.tasks = [task() for _ in range(self.batch)]
        self._places = [Place(backend, row) for row in range(self.batch)]
        self._said = [SILENCE] * self.batch
        self._done = np.zeros(self.batch, bool)
        self._steps = np.zeros(self.batch, np.int64)
        self._rng: list[np.random.Generator] = []
        self.sensors = self.tasks[0].sensors
        self.action_space = self.tasks[0].action_space
        self.ceiling = self.tasks[0].ceiling
        needed = frozenset().union(*(sensor.needs() for sensor in self.sensors))
        if needed - backend.provides:
            missing, have = sorted(needed - backend.provides), sorted(backend.provides)
            raise ValueError(f"the task's sensors need {missing}, the backend provides {have}")

    def reset(self, seed: int) -> Step:
        """Begin B fresh episodes; the same seed gives the same episodes, bit for bit."""
        self._rng = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(self.batch)]
        self._done = np.zeros(self.batch, bool)
        for row in range(self.batch):
            self._begin(row)
        every = np.ones(self.batch, bool)
        return self._step(np.zeros(self.batch), ~every, ~every, every, [{}] * self.batch)

    def step(self, actions: Any) -> Step:
        """Act in every row; a row whose episode has ended begins a new one instead."""
        if not self._rng:
            raise RuntimeError("call reset(seed) before step")
        reset, self._done = self._done, np.zeros(self.batch, bool)
        self.backend.step(self._commands(actions, reset), self.tasks[0].seconds)
        self._steps += 1
        reward, terminated, truncated = np.zeros(self.batch), self._done.copy(), self._done.copy()
        metrics: list[Any] = [{}] * self.batch
        for row, task in enumerate(self.tasks):
            if reset[row]:
                self._begin(row)
                continue
            outcome = task.outcome(self._places[row])
            reward[row], terminated[row], self._said[row] = outcome.reward, outcome.terminated, outcome.said
            late = outcome.truncated or self._steps[row] >= task.max_steps
            truncated[row] = late and not outcome.terminated
            if terminated[row] or truncated[row]:
                metrics[row] = outcome.metrics
        self._done = terminated | truncated
        return self._step(reward, terminated, truncated, reset, metrics)

    def expert(self, default: Any) -> tuple[np.ndarray, np.ndarray]:
        """The teachers' actions (B, …) and the weight (B,) of each; `default` and 0 where there is no advice."""
        advice = [None if self._done[row] else task.expert(self._places[row]) for row, task in enumerate(self.tasks)]
        actions = np.asarray([default if a is None else a.action for a in advice])
        return actions, np.asarray([0.0 if a is None else a.weight for a in advice], np.float32)

    def close(self) -> None:
        self.backend.close()

    def _begin(self, row: int) -> None:
        task, rng = self.tasks[row], self._rng[row]
        self.backend.load(row, task.world(rng))
        self._said[row] = task.begin(self._places[row], rng)
        self._steps[row] = 0

    def _commands(self, actions: Any, idle: np.ndarray) -> dict[str, np.ndarray]:
        velocity, turn = np.zeros((self.batch, 2)), np.zeros(self.batch)
        for row, task in enumerate(self.tasks):
            if not idle[row]:
                command = task.command(actions[row], self._places[row])
                velocity[row], turn[row] = command["velocity"], command["turn"]
        return {"velocity": velocity, "turn": turn}

    def _observe(self) -> dict[str, np.ndarray]:
        return sense(self.sensors, self.backend, self._said)

    def _step(self, reward: Any, terminated: Any, truncated: Any, reset: Any, metrics: list[Any]) -> Step:
        names = sorted({name for row in metrics for name in row})
        table = {name: np.asarray([row.get(name, np.nan) for row in metrics]) for name in names}
        return Step(self._observe(), reward, terminated, truncated, reset, table)
