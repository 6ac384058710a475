"""Experience from worlds: windows demonstrated by the teacher, and episodes played by the agent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from loci.agents.agent import Agent, Thought
from loci.agents.senses import Senses
from loci.sim.vector import Step, VectorEnv


@dataclass
class Window:
    """T consecutive steps of B environments; `action` is the teacher's, `weight` what rests on it."""

    obs: Any
    """As the encoder makes them."""
    action: Int[Tensor, "B T"]
    weight: Float[Tensor, "B T"]
    reset: Bool[Tensor, "B T"]
    finished: int
    """Episodes that ended inside the window."""

    def to(self, device: torch.device) -> "Window":
        moved = (self.action.to(device), self.weight.to(device), self.reset.to(device))
        return Window(self.obs.to(device), *moved, self.finished)


class Demonstrations:
    """The teacher drives, and slips: with probability `slip` a random action is taken, while the label stays right.

    Windows continue one another, so a memory's state carries over from each to the next.
    """

    def __init__(self, env: VectorEnv, encoder: Senses, slip: float, seed: int) -> None:
        if not 0.0 <= slip < 1.0:
            raise ValueError(f"slip must lie in [0, 1), got {slip}")
        self.env, self.encoder, self.slip = env, encoder, slip
        self._rng = np.random.default_rng((seed, 1))
        self._step = env.reset(seed)
        self._before = np.full(env.batch, -1)

    def window(self, steps: int) -> Window:
        """The next `steps` moments."""
        rows: list[tuple[np.ndarray, ...]] = []
        finished = 0
        for _ in range(steps):
            step, taught, weight, taken = self._step, *self._teach()
            rows.append((*(step.obs[name] for name in self.encoder.sees), self._before, taught, weight, step.reset))
            self._step = self.env.step(taken)
            finished += int((self._step.terminated | self._step.truncated).sum())
            self._before = np.where(self._step.reset, -1, taken)
        *seen, before, taught, weight, reset = (np.stack(column, axis=1) for column in zip(*rows, strict=True))
        obs = self.encoder.observe(dict(zip(self.encoder.sees, seen, strict=True)), before)
        tensors = (torch.from_numpy(taught), torch.from_numpy(weight), torch.from_numpy(reset))
        return Window(obs, *tensors, finished)

    def _teach(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        taught, weight = self.env.expert(default=0)
        slips = self._rng.random(self.env.batch) < self.slip
        random = self._rng.integers(int(self.env.action_space.n), size=self.env.batch)  # type: ignore[attr-defined]
        return taught, weight, np.where(slips, random, taught)


Watcher = Callable[[Step, np.ndarray, Thought], None]


def play(
    agent: Agent,
    env: VectorEnv,
    episodes: int,
    seed: int,
    temperature: float = 1.0,
    watch: Watcher | None = None,
    device: torch.device | None = None,
) -> dict[str, np.ndarray]:
    """The agent acts until every row has finished its share of `episodes`; the task's metrics, one value an episode,
    row after row, so that the same place is the same episode for every agent.

    Every row plays the same number, so that short episodes do not count more often than long ones. `watch` is called
    at every step with what was observed, the actions and the thought behind them.
    """
    share = -(-episodes // env.batch)
    generator = torch.Generator().manual_seed(seed)
    device = device or torch.device("cpu")
    step, state = env.reset(seed), agent.initial(env.batch)
    before, done = np.full(env.batch, -1), np.zeros(env.batch, int)
    found: dict[str, list[list[float]]] = {}
    agent.eval()
    while done.min() < share:
        seen = {name: step.obs[name][:, None] for name in agent.encoder.sees}
        obs = agent.encoder.observe(seen, before[:, None])
        reset = torch.from_numpy(step.reset).to(device)
        state, drawn, thought = agent.act(state, obs.to(device), reset, generator, temperature)
        actions = drawn.cpu().numpy()
        if watch is not None:
            watch(step, actions, thought)
        step = env.step(actions)
        before = np.where(step.reset, -1, actions)
        ended = (step.terminated | step.truncated) & (done < share)
        for name, values in step.metrics.items():
            rows = found.setdefault(name, [[] for _ in range(env.batch)])
            for row in np.flatnonzero(ended):
                rows[row].append(float(values[row]))
        done += step.terminated | step.truncated
    agent.train()
    return {name: np.concatenate(rows) for name, rows in found.items()}
