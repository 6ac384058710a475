"""Learning by reinforcement: proximal policy optimisation over windows, for any memory.

Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (arXiv 1707.06347): an actor plays T steps of B rows,
then the clipped objective of its eq. 7 and 9 is climbed for a few epochs. A minibatch is a set of whole rows: the
memory is unrolled again, with gradient, from the state it had when the window began, so a memory needs nothing but the
protocol. The action that only begins the next episode is no choice and has no part in the objective; an episode cut by
its time limit is worth what its last observation promises (Pardo et al. 2018, arXiv 1712.00378).

The agent acts and learns as in evaluation, without `action_dropout`: the two must be one policy.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.agents.agent import Agent
from loci.agents.encoder import Encoder
from loci.agents.experience import Experience, Practice, advantages
from loci.agents.imitation import contrast, reconstruction
from loci.agents.learner import Student, check_pictures, descend, warm_cosine
from loci.sim.vector import VectorEnv


@dataclass(frozen=True)
class PPO:
    """Sizes and weights. `epsilon` bounds the policy's ratio, `value_epsilon` (where given) the change of the value.

    Learning from a window ends before the step whose minibatch lies more than `kl` nats from the policy that acted.
    `novelty` weighs the memory's bonus, where it grants one, as a part of the reward; `contrast` the likeness of
    pictures before and after a walk, as in imitation.py.
    """

    headline: ClassVar[str] = "return"

    batch: int = 16
    window: int = 64
    updates: int = 1000
    segment: int = 50
    """Updates between checkpoints; every segment begins with fresh episodes, so resuming repeats the same numbers."""
    epochs: int = 4
    minibatches: int = 4
    rate: float = 1e-3
    warmup: int = 10
    clip: float = 0.5
    discount: float = 0.99
    decay: float = 0.95
    epsilon: float = 0.2
    value_epsilon: float | None = None
    kl: float = 0.03
    value: float = 0.5
    entropy: float = 0.01
    novelty: float = 0.01
    image: float = 1.0
    sentence: float = 1.0
    contrast: float = 0.0
    temperature: float = 0.1
    memory: float = 1.0
    pictures: float = 0.25
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("batch", "window", "updates", "segment", "epochs", "minibatches", "warmup"):
            if getattr(self, name) < 1:
                raise ValueError(f"learner.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("discount", "decay"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"learner.{name} must lie in [0, 1], got {getattr(self, name)}")
        for name in ("epsilon", "value_epsilon", "kl"):
            if getattr(self, name) is not None and not getattr(self, name) > 0.0:
                raise ValueError(f"learner.{name} must be positive, got {getattr(self, name)}")
        if not 0.0 < self.pictures <= 1.0:
            raise ValueError(f"learner.pictures must lie in (0, 1], got {self.pictures}")
        if self.minibatches > self.batch:
            raise ValueError(
                f"learner.minibatches must be at most the {self.batch} rows of learner.batch, got {self.minibatches}"
            )

    def optimiser(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=self.rate, eps=1e-5, weight_decay=self.weight_decay)

    def rate_at(self, update: int) -> float:
        return warm_cosine(self.rate, self.warmup, update, self.updates)

    def begin(self, student: Student, env: VectorEnv, seed: int) -> "Reinforcement":
        """ValueError for what only imitation teaches: an allocator, and an encoder that centres over a window."""
        if student.agent.allocator is not None:
            raise ValueError("memory.rule=learned needs learner=imitation: PPO teaches no allocator; name a rule")
        if isinstance(getattr(student.agent.encoder, "centre", None), nn.BatchNorm1d):
            raise ValueError("encoder.centre=true needs learner=imitation: PPO acts and learns on single moments alike")
        check_pictures(self, student)
        return Reinforcement(self, student, env, seed)


class Reinforcement:
    """Window after window of the agent's own play, each learnt from for some epochs."""

    def __init__(self, learner: PPO, student: Student, env: VectorEnv, seed: int) -> None:
        self.learner, self.student, self.finished = learner, student, 0
        student.agent.eval()
        self._practice = Practice(student.agent, env, seed, student.device)
        self._generator = torch.Generator().manual_seed(seed + 1)

    def update(self, number: int) -> dict[str, float]:
        """Means over the minibatches of the loss's terms and over the episodes that ended of what they came to, the
        number of descents, and environment steps a second of playing and learning."""
        begun = time.perf_counter()
        experience = self._practice.window(self.learner.window)
        self.finished += len(self._practice.episodes)
        learnt = self._learn(experience.to(self.student.device), number)
        speed = experience.action.numel() / (time.perf_counter() - begun)
        return learnt | _means(self._practice.episodes) | {"steps_per_second": round(speed, 1)}

    def _learn(self, experience: Experience, number: int) -> dict[str, float]:
        learner, student = self.learner, self.student
        target, advantage = targets(learner, experience)
        found: list[dict[str, float]] = []
        for rows in self._minibatches():
            part = experience.rows(rows.to(student.device))
            terms = losses(
                student.agent, student.decoder, learner, part, target[rows], advantage[rows], self._generator
            )
            found.append({name: term.item() for name, term in terms.items()})
            if found[-1]["kl"] > learner.kl:
                break
            norm = descend(objective(terms, learner), student.clipped, student.optimiser, learner, number)
            found[-1]["gradient"] = norm
        return _means(found) | {"descents": sum("gradient" in values for values in found)}

    def _minibatches(self) -> Iterator[Int[Tensor, " N"]]:
        """Rows of each minibatch, epoch after epoch; a single one is all rows in order."""
        batch, count = self.learner.batch, self.learner.minibatches
        for _ in range(self.learner.epochs):
            order = torch.randperm(batch, generator=self._generator) if count > 1 else torch.arange(batch)
            yield from order.tensor_split(count)


def targets(learner: PPO, experience: Experience) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """What each value should have been, A + V, and the advantages, of mean 0 and deviation 1 over the choices."""
    e = experience
    reward = e.reward + learner.novelty * e.bonus
    advantage = advantages(reward, e.value, e.terminated, e.ignored, learner.discount, learner.decay)
    chosen = advantage[~e.ignored]
    normal = (advantage - chosen.mean()) / (chosen.std(correction=0) + 1e-8)
    return advantage + e.value[:, :-1], normal


def losses(
    agent: Agent,
    decoder: nn.Module,
    learner: PPO,
    experience: Experience,
    target: Float[Tensor, "B T"],
    advantage: Float[Tensor, "B T"],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """The terms of the objective by name, each a mean over the choices made; the memory's state is spent.

    "kl" estimates the divergence of the policy from the one that acted, E[r - 1 - log r] with r the ratio of chances,
    never negative (Schulman 2020, "Approximating KL divergence"); "clipped" is the share of ratios out of bounds.
    """
    e = experience
    thought = agent.think(e.state, e.obs, e.reset)
    log_chances = torch.log_softmax(thought.logits, dim=-1)
    change = log_chances.gather(-1, e.action[..., None])[..., 0] - e.log_prob
    ratio = change.exp()
    bounded = ratio.clamp(1.0 - learner.epsilon, 1.0 + learner.epsilon)
    each = {
        "policy": -torch.minimum(ratio * advantage, bounded * advantage),
        "value": _value_loss(thought.value, e.value[:, :-1], target, learner.value_epsilon),
        "entropy": -(log_chances.exp() * log_chances).sum(dim=-1),
        "kl": (ratio - 1.0 - change).detach(),
        "clipped": (ratio != bounded).float(),
    }
    terms = {name: _mean(values, ~e.ignored) for name, values in each.items()}
    terms |= {name: loss.mean() for name, loss in thought.recall.losses.items()}
    vision = thought.percept.vision
    assert vision is not None
    if learner.contrast > 0.0:
        assert isinstance(agent.encoder, Encoder)
        terms["contrast"] = contrast(agent.encoder.vision, e.obs, e.reset, vision, learner.temperature, generator)
    return terms | reconstruction(agent, decoder, learner, e.obs, vision, generator)


def objective(terms: dict[str, Tensor], learner: PPO) -> Tensor:
    """One number to minimise."""
    weights = {name: getattr(learner, name) for name in ("value", "image", "sentence", "contrast")} | {"policy": 1.0}
    weights |= {"entropy": -learner.entropy, "kl": 0.0, "clipped": 0.0}
    total = sum(weights.get(name, learner.memory) * term for name, term in terms.items())
    assert isinstance(total, Tensor)
    return total


def _value_loss(value: Tensor, before: Tensor, target: Tensor, epsilon: float | None) -> Float[Tensor, "B T"]:
    """Half the squared error; with `epsilon` the worse of it and that of a value so near the one before."""
    error = (value - target).square()
    if epsilon is not None:
        error = torch.maximum(error, (before + (value - before).clamp(-epsilon, epsilon) - target).square())
    return 0.5 * error


def _mean(values: Float[Tensor, "B T"], chosen: Bool[Tensor, "B T"]) -> Float[Tensor, ""]:
    return torch.where(chosen, values, 0.0).sum() / chosen.sum().clamp(min=1)


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    """Name by name, over those that have it."""
    names = dict.fromkeys(name for values in found for name in values)
    return {name: float(np.mean([values[name] for values in found if name in values])) for name in names}
