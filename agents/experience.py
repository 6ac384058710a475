"""Windows that the agent plays itself, with all that is needed to learn from them afterwards, and their advantages."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from loci.agents.agent import Agent, Thought
from loci.memories import state as states
from loci.sim.vector import Step, VectorEnv


@dataclass
class Experience:
    """T consecutive steps of B environments. `action[b, t]` was chosen at obs[b, t]; what is named after the action is
    what it led to. `state` is the memory's before the window, under the weights of that time."""

    obs: Any
    """As the encoder makes them."""
    reset: Bool[Tensor, "B T"]
    """True at the first observation of an episode."""
    action: Int[Tensor, "B T"]
    log_prob: Float[Tensor, "B T"]
    value: Float[Tensor, "B T1"]
    """Of each observation and, last, of the one after the window."""
    reward: Float[Tensor, "B T"]
    """Of the task alone."""
    bonus: Float[Tensor, "B T"]
    """What the memory grants for what the action led to; 0 from a memory that grants nothing."""
    terminated: Bool[Tensor, "B T"]
    truncated: Bool[Tensor, "B T"]
    ignored: Bool[Tensor, "B T"]
    """True at the last observation of an episode, whose action only begins the next one."""
    state: Any

    def to(self, device: torch.device) -> "Experience":
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "state"}
        return Experience(**{k: part.to(device) for k, part in parts.items()}, state=states.to(self.state, device))

    def rows(self, chosen: Int[Tensor, " N"]) -> "Experience":
        """These rows alone, with a state of their own; ValueError for a state that cannot be taken apart."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("obs", "state")}
        state = _rows_of_state(self.state, chosen, len(self.reset))
        return Experience(
            obs=self.obs.rows(chosen), state=state, **{name: part[chosen] for name, part in parts.items()}
        )


class Practice:
    """The agent acts with its present weights, drawing from its policy; windows continue one another.

    `episodes` holds, for every episode that ended since the last window began, the sum of its rewards ("return", of
    the task alone) and the task's metrics.
    """

    def __init__(self, agent: Agent, env: VectorEnv, seed: int, device: torch.device) -> None:
        self.agent, self.env, self.device = agent, env, device
        self.episodes: list[dict[str, float]] = []
        self._generator = torch.Generator().manual_seed(seed)
        self._step, self._state = env.reset(seed), states.to(agent.initial(env.batch), device)
        self._before = np.full(env.batch, -1)
        self._earned = np.zeros(env.batch)

    def window(self, steps: int) -> Experience:
        """The next `steps` moments, on the CPU but for the memory's state."""
        snapshot, self.episodes = states.clone(self._state), []
        moments, came, seen = [], [self._step], []
        for _ in range(steps):
            seen.append((*(self._step.obs[name] for name in self.agent.encoder.sees), self._before))
            moments.append(self._act())
            came.append(self._step)
        value, bonus = self._look()
        action, log_prob, values, bonuses = (torch.stack(column, dim=1) for column in zip(*moments, strict=True))
        *sensed, before = (np.stack(column, axis=1) for column in zip(*seen, strict=True))
        return Experience(
            obs=self.agent.encoder.observe(dict(zip(self.agent.encoder.sees, sensed, strict=True)), before),
            reset=_column(came[:-1], "reset"),
            action=action,
            log_prob=log_prob,
            value=torch.cat([values, value[:, None]], dim=1),
            reward=_column(came[1:], "reward").float(),
            bonus=torch.cat([bonuses[:, 1:], bonus[:, None]], dim=1),
            terminated=_column(came[1:], "terminated"),
            truncated=_column(came[1:], "truncated"),
            ignored=_column(came[1:], "reset"),
            state=snapshot,
        )

    def _act(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One step of all rows: the action, its log-probability, the value and the bonus of what was seen."""
        obs, reset = self._sense()
        self._state, action, thought = self.agent.act(self._state, obs, reset, self._generator)
        action = action.cpu()
        log_prob = torch.log_softmax(thought.logits[:, 0].cpu(), dim=-1).gather(-1, action[:, None])[:, 0]
        self._step = self.env.step(action.numpy())
        self._before = np.where(self._step.reset, -1, action.numpy())
        self._count(self._step)
        return action, log_prob, *_judged(thought)

    @torch.no_grad()
    def _look(self) -> tuple[Tensor, Tensor]:
        """Value and bonus of the present observation; the memory forgets having been asked."""
        obs, reset = self._sense()
        return _judged(self.agent.think(states.clone(self._state), obs, reset[:, None]))

    def _sense(self) -> tuple[Any, Bool[Tensor, " B"]]:
        seen = {name: self._step.obs[name][:, None] for name in self.agent.encoder.sees}
        obs = self.agent.encoder.observe(seen, self._before[:, None])
        return obs.to(self.device), torch.from_numpy(self._step.reset).to(self.device)

    def _count(self, step: Step) -> None:
        self._earned = np.where(step.reset, 0.0, self._earned) + step.reward
        for row in np.flatnonzero(step.terminated | step.truncated):
            told = {name: float(values[row]) for name, values in step.metrics.items()}
            self.episodes.append({"return": float(self._earned[row])} | told)


def advantages(
    reward: Float[Tensor, "B T"],
    value: Float[Tensor, "B T1"],
    terminated: Bool[Tensor, "B T"],
    ignored: Bool[Tensor, "B T"],
    discount: float,
    decay: float,
) -> Float[Tensor, "B T"]:
    """Generalised advantage estimation, A_t = δ_t + γ λ A_{t+1} with δ_t = r_t + γ V_{t+1} - V_t (Schulman et al. 2016,
    arXiv 1506.02438, eq. 11 and 16); `decay` is λ.

    After termination there is nothing to come and V_{t+1} counts as 0. A truncated episode would have gone on, so its
    final observation's value counts (Pardo et al. 2018, arXiv 1712.00378). The sum ends with the episode in both cases,
    at the step whose action is ignored, which has no advantage.
    """
    coming = torch.where(terminated, 0.0, value[:, 1:])
    surprise = (reward + discount * coming - value[:, :-1]).masked_fill(ignored, 0.0)
    carried = discount * decay * ~ignored
    advantage, total = torch.zeros_like(reward), torch.zeros_like(reward[:, 0])
    for step in reversed(range(reward.shape[1])):
        total = surprise[:, step] + carried[:, step] * total
        advantage[:, step] = total
    return advantage


def _judged(thought: Thought) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Value and bonus of a window of one step."""
    value, bonus = thought.value[:, 0].cpu(), thought.recall.bonus
    return value, torch.zeros_like(value) if bonus is None else bonus.flatten().cpu()


def _column(steps: list[Step], name: str) -> Tensor:
    return torch.from_numpy(np.stack([getattr(step, name) for step in steps], axis=1))


def _rows_of_state(state: Any, chosen: Tensor, batch: int) -> Any:
    if len(chosen) == batch and bool((chosen.diff() > 0).all()):
        return states.clone(state)
    taken = states.rows(state, chosen)
    if states.nbytes(taken) * batch != states.nbytes(state) * len(chosen):
        raise ValueError(
            f"the memory's state ({type(state).__name__}) cannot be split into rows: choose learner.minibatches=1"
        )
    return taken
