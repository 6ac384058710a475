"""The allocator: at the start of an episode it chooses by which rule a full memory forgets, and learns from the answer.

Cho, Yoon, Ahn 2024 (arXiv 2402.15160), "adaptive memory allocator": Q(goal) is the worth of each rule of the
spatially-aware transformer (memories/places.py), by a linear map, ReLU and another. The best is chosen, with
probability ε any; the choice holds for the whole episode and returns to the memory as a part of `control`. The reward
is minus the cross-entropy of the episode's answer, and the loss 0.1 (reward - Q(goal)[choice])². Q learns from nothing
else, and nothing else from it.

Letters: B environments, T steps, U width of the goal's code.
*Differs from the paper:* Q sees the code of the first instruction, without gradient, instead of the number of the task;
ε falls with the episodes begun.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from loci.memories.places import RULES
from loci.memories.state import latest_reset

WEIGHT = 0.1


@dataclass
class Chosen:
    """What an allocator carries from window to window."""

    rule: Int[Tensor, " B"]
    """Number of the rule in force, -1 before an episode has begun."""
    goal: Float[Tensor, "B U"]
    """Code of the instruction by which it was chosen."""


@dataclass
class Choice:
    """The rule in force after each step of a window (-1 none), and what Q holds it to be worth."""

    rule: Int[Tensor, "B T"]
    worth: Float[Tensor, "B T"]

    def loss(self, surprise: Float[Tensor, "B T"], weight: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
        """Weighted mean of the squared error of the worth; `surprise` is the cross-entropy of each step's answer."""
        weight = weight * (self.rule >= 0)
        error = (self.worth + surprise.detach()).square()
        return WEIGHT * (error * weight).sum() / weight.sum().clamp(min=1e-6)


class Allocator(nn.Module):
    """ε falls from 1 to `epsilon` over the first so many `episodes` of training, and is 0 in evaluation. `uniform`
    draws every choice, in evaluation too: the control without a brain."""

    def __init__(
        self,
        goal_dim: int,
        hidden: int = 64,
        epsilon: float = 0.2,
        episodes: int = 40_000,
        uniform: bool = False,
    ) -> None:
        super().__init__()
        if not 0.0 <= epsilon <= 1.0:
            raise ValueError(f"allocator.epsilon must lie in [0, 1], got {epsilon}")
        for name, value in (("hidden", hidden), ("episodes", episodes)):
            if value < 1:
                raise ValueError(f"allocator.{name} must be at least 1, got {value}")
        self.goal_dim, self.least, self.episodes, self.uniform = goal_dim, epsilon, episodes, uniform
        self.worth = nn.Sequential(nn.Linear(goal_dim, hidden), nn.ReLU(), nn.Linear(hidden, len(RULES)))
        self.begun: Tensor
        self.register_buffer("begun", torch.zeros((), dtype=torch.int64))

    @property
    def epsilon(self) -> float:
        """Share of the choices that are drawn now."""
        if self.uniform or not self.training:
            return float(self.uniform)
        return max(self.least, 1.0 - (1.0 - self.least) * int(self.begun) / self.episodes)

    def initial(self, batch: int) -> Chosen:
        zero = self.worth[0].weight.new_zeros
        return Chosen(zero(batch, dtype=torch.int64) - 1, zero(batch, self.goal_dim))  # type: ignore[operator]

    def forward(
        self,
        held: Chosen,
        goal: Float[Tensor, "B T U"],
        reset: Bool[Tensor, "B T"],
        generator: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "B T 4"], Choice, Chosen]:
        """A choice wherever an episode begins. Returns what `control` gains, one-hot of the choice made before each
        moment (0 at the first of an episode), the choices, and what is held after the window."""
        goal, start = goal.detach(), latest_reset(reset)
        fresh = torch.full_like(start, -1)
        fresh[reset] = self._choose(goal[reset], generator)
        rule = torch.where(start < 0, held.rule[:, None], fresh.gather(1, start.clamp(min=0)))
        index = start.clamp(min=0)[..., None].expand_as(goal)
        known = torch.where(start[..., None] < 0, held.goal[:, None], goal.gather(1, index))
        worth = self.worth(known).gather(2, rule.clamp(min=0)[..., None])[..., 0]
        before = torch.cat([held.rule[:, None], rule[:, :-1]], dim=1).masked_fill(reset, -1)
        control = functional.one_hot(before + 1, len(RULES) + 1)[..., 1:].to(goal.dtype)
        return control, Choice(rule, worth), Chosen(rule[:, -1], known[:, -1])

    @torch.no_grad()
    def _choose(self, goal: Float[Tensor, "n U"], generator: torch.Generator | None) -> Int[Tensor, " n"]:
        drawn = torch.rand(len(goal), generator=generator) < self.epsilon
        any_rule = torch.randint(len(RULES), (len(goal),), generator=generator)
        if self.training:
            self.begun += len(goal)
        return torch.where(drawn.to(goal.device), any_rule.to(goal.device), self.worth(goal).argmax(-1))
