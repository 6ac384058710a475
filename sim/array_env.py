"""Tasks without a world: B episodes held in arrays and stepped together, millions of steps a second.

They stand wherever a `VectorEnv` does, with neither backend nor tasks behind them; a yaml of `conf/task` names the
class, and `batch` comes from whoever makes it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from loci.sim.sensors import Arrays, Sensor, Words
from loci.sim.vector import Step, VectorEnv


class Turn(NamedTuple):
    """What one step led to in every row (B,), and the metrics of rows whose episode ends with it."""

    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    metrics: Mapping[str, np.ndarray]


class ArrayEnv(VectorEnv, ABC):
    """Row b of `seed` s is the same episode after episode, whatever `batch` is. A subclass draws episodes, acts in
    them, shows them and knows their teacher; actions are 0 … `actions` - 1."""

    def __init__(
        self, batch: int, parts: Mapping[str, spaces.Space[Any]], actions: int, max_steps: int, ceiling: float
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch must be 1 or more, got {batch}")
        self.batch, self.max_steps, self.ceiling = batch, max_steps, ceiling
        self.sensors: tuple[Sensor, ...] = (Arrays(parts), Words())
        self.action_space = spaces.Discrete(actions)
        self._rng: list[np.random.Generator] = []
        self._done = np.zeros(batch, bool)

    @abstractmethod
    def draw(self, rows: np.ndarray) -> None:
        """Begin a fresh episode in each of the rows (N,), N >= 1."""

    @abstractmethod
    def act(self, actions: np.ndarray, idle: np.ndarray) -> Turn:
        """One step of every row that is not idle (B,); idle ones have just begun and stay at their first moment."""

    @abstractmethod
    def observe(self) -> dict[str, np.ndarray]:
        """What every row shows now."""

    @abstractmethod
    def advise(self) -> tuple[np.ndarray, np.ndarray]:
        """The teacher's actions (B,) and their weights (B,), 0 where it has none."""

    def reset(self, seed: int) -> Step:
        """Begin B fresh episodes; the same seed gives the same episodes, bit for bit."""
        return self.begin([np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(self.batch)])

    def begin(self, rngs: Sequence[np.random.Generator]) -> Step:
        """Begin B fresh episodes, each with a generator of its own."""
        self._rng = list(rngs)
        self._done = np.zeros(self.batch, bool)
        every = np.ones(self.batch, bool)
        self.draw(np.arange(self.batch))
        return Step(self.observe(), np.zeros(self.batch), ~every, ~every, every, {})

    def step(self, actions: Any) -> Step:
        """Act in every row; a row whose episode has ended begins a new one instead."""
        if not self._rng:
            raise RuntimeError("call reset(seed) before step")
        actions, most = np.asarray(actions, np.int64), int(self.action_space.n) - 1  # type: ignore[attr-defined]
        if actions.shape != (self.batch,) or actions.min() < 0 or actions.max() > most:
            raise ValueError(f"actions must be {self.batch} numbers in 0..{most}, got {actions}")
        reset = self._done
        if reset.any():
            self.draw(np.flatnonzero(reset))
        turn = self.act(actions, reset)
        self._done = turn.terminated | turn.truncated
        metrics = turn.metrics if self._done.any() else {}
        table = {name: np.where(self._done, value, np.nan) for name, value in metrics.items()}
        return Step(self.observe(), turn.reward, turn.terminated, turn.truncated, reset, table)

    def expert(self, default: Any) -> tuple[np.ndarray, np.ndarray]:
        """The teacher's actions (B,) and their weights (B,); `default` and 0 where it has no advice."""
        actions, weight = self.advise()
        weight = np.where(self._done, 0.0, weight)
        return np.where(weight > 0.0, actions, default), weight.astype(np.float32)

    def uniform(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Numbers (N, count) in [0, 1), each row's from its own generator."""
        drawn = np.empty((len(rows), count))
        for i, row in enumerate(rows):
            self._rng[row].random(out=drawn[i])
        return drawn

    def close(self) -> None:
        pass
