"""What every way of learning offers to a training run, and the step of the optimiser that all of them share."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from loci.agents.agent import Agent
from loci.agents.encoder import Decoder
from loci.sim.vector import VectorEnv


@dataclass
class Student:
    """Who learns: the agent, the decoder that helps its codes, their optimiser, and where they live."""

    agent: Agent
    decoder: nn.Module
    optimiser: torch.optim.Optimizer
    device: torch.device

    @property
    def model(self) -> nn.ModuleList:
        """All that is trained."""
        return nn.ModuleList([self.agent, self.decoder])

    @property
    def clipped(self) -> nn.ModuleList:
        """That of it whose gradient is bounded as one: all but the allocator, whose loss has a scale of its own."""
        return nn.ModuleList([self.agent.encoder, self.agent.memory, self.agent.policy, self.decoder])


def check_pictures(learner: Any, student: Student) -> None:
    """ValueError where a learner reconstructs or compares pictures, and the encoder takes none."""
    asked = [name for name in ("image", "sentence", "contrast") if getattr(learner, name) > 0.0]
    if asked and not isinstance(student.decoder, Decoder):
        named = ", ".join(f"learner.{name}" for name in asked)
        raise ValueError(f"{named} must be 0 with {type(student.agent.encoder).__name__}, which takes no pictures")


@runtime_checkable
class Course(Protocol):
    """Learning from episodes that follow one another. `finished` counts those that have ended."""

    finished: int

    def update(self, number: int) -> dict[str, float]:
        """Experience and learn once; what there is to say about it, by name."""
        ...


@runtime_checkable
class Learner(Protocol):
    """Settings of a way of learning: `batch` environments, `updates` in all, a checkpoint after every `segment`, which
    begins with fresh episodes, so that resuming repeats the same numbers. `headline` names the number to watch; `clip`
    bounds the gradient's norm."""

    @property
    def batch(self) -> int: ...

    @property
    def updates(self) -> int: ...

    @property
    def segment(self) -> int: ...

    @property
    def clip(self) -> float: ...

    @property
    def headline(self) -> str: ...

    def optimiser(self, parameters: Any) -> torch.optim.Optimizer: ...

    def rate_at(self, update: int) -> float:
        """The learning rate."""
        ...

    def begin(self, student: Student, env: VectorEnv, seed: int) -> Course: ...


@dataclass(frozen=True)
class Untaught:
    """No updates: for agents that are written, such as a planner."""

    batch: int = 1
    updates: int = 0
    segment: int = 1
    clip: float = 1.0
    headline: str = "nothing"

    def optimiser(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters)

    def rate_at(self, update: int) -> float:
        return 0.0

    def begin(self, student: Student, env: VectorEnv, seed: int) -> Course:
        raise ValueError("learner=none learns nothing")


def warm_cosine(rate: float, warmup: int, update: int, updates: int, hold: float = 0.0) -> float:
    """Linear warm-up, the full rate for the share `hold` of all updates, then a cosine down to a hundredth."""
    rise = min(1.0, (update + 1) / warmup)
    held = hold * updates
    fall = 0.505 + 0.495 * math.cos(math.pi * max(0.0, update - held) / (updates - held))
    return rate * rise * fall


def descend(total: Tensor, model: nn.Module, optimiser: torch.optim.Optimizer, learner: Learner, update: int) -> float:
    """One step of the optimiser; returns the gradient's norm before clipping, FloatingPointError if not finite."""
    for group in optimiser.param_groups:
        group["lr"] = learner.rate_at(update)
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    norm = float(nn.utils.clip_grad_norm_(model.parameters(), learner.clip))
    if not torch.isfinite(torch.tensor(norm)):
        raise FloatingPointError(f"the gradient is not finite at update {update}: loss {total.item():.4g}, norm {norm}")
    optimiser.step()
    return norm
