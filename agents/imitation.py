"""Learning by imitation with the loss where the paper's reward is, and reconstruction beside it.

Truncated backpropagation: windows follow one another, the memory's state is handed on without its gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from loci.agents.agent import Agent
from loci.agents.encoder import Decoder, Encoder, Observation
from loci.agents.learner import Student, check_pictures, descend, warm_cosine
from loci.agents.rollout import Demonstrations, Window
from loci.memories.state import detach, to
from loci.sim.vector import VectorEnv

APART = 4
"""Steps after which the agent is taken to look at something else."""


@dataclass(frozen=True)
class Imitation:
    """Cross-entropy with the teacher's action, weighted by the reward at stake, + reconstruction of picture and words
    + a contrast between pictures, all asked of every memory alike.

    `pictures` is the share of moments whose picture is reconstructed at each update, to save time; `hold` the share of
    the updates before the rate falls.
    """

    headline: ClassVar[str] = "right"

    batch: int = 16
    window: int = 32
    updates: int = 430
    segment: int = 50
    """Updates between checkpoints; every segment begins with fresh episodes, so resuming repeats the same numbers."""
    rate: float = 5e-3
    warmup: int = 30
    hold: float = 0.0
    clip: float = 1.0
    slip: float = 0.05
    image: float = 1.0
    sentence: float = 1.0
    contrast: float = 0.4
    temperature: float = 0.1
    memory: float = 1.0
    pictures: float = 0.25
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        for name in ("batch", "window", "updates", "segment"):
            if getattr(self, name) < 1:
                raise ValueError(f"learner.{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.pictures <= 1.0:
            raise ValueError(f"learner.pictures must lie in (0, 1], got {self.pictures}")
        if not 0.0 <= self.hold < 1.0:
            raise ValueError(f"learner.hold must lie in [0, 1), got {self.hold}")

    def optimiser(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=self.rate, weight_decay=self.weight_decay)

    def rate_at(self, update: int) -> float:
        return warm_cosine(self.rate, self.warmup, update, self.updates, self.hold)

    def begin(self, student: Student, env: VectorEnv, seed: int) -> "Lessons":
        check_pictures(self, student)
        return Lessons(self, student, env, seed)


class Lessons:
    """Window after window of the teacher's demonstrations; the memory's state goes on from each to the next."""

    def __init__(self, learner: Imitation, student: Student, env: VectorEnv, seed: int) -> None:
        self.learner, self.student, self.finished = learner, student, 0
        self._generator = torch.Generator().manual_seed(seed)
        self._teacher = Demonstrations(env, student.agent.encoder, learner.slip, seed)
        self._state = to(student.agent.initial(learner.batch), student.device)

    def update(self, number: int) -> dict[str, float]:
        learner, student = self.learner, self.student
        window = self._teacher.window(learner.window)
        self.finished += window.finished
        window = window.to(student.device)
        terms, self._state = losses(student.agent, student.decoder, learner, window, self._state, self._generator)
        norm = descend(objective(terms, learner), student.clipped, student.optimiser, learner, number)
        return {name: term.item() for name, term in terms.items()} | {"gradient": norm}


def losses(
    agent: Agent, decoder: nn.Module, learner: Imitation, window: Window, state: Any, generator: torch.Generator
) -> tuple[dict[str, Tensor], Any]:
    """The terms of the objective by name ("choice" is the imitation), the share of right actions, and the new state."""
    thought = agent.think(state, window.obs, window.reset)
    weight = window.weight / window.weight.sum().clamp(min=1e-6)
    surprise = functional.cross_entropy(thought.logits.flatten(0, 1), window.action.flatten(), reduction="none")
    terms = {"choice": (surprise * weight.flatten()).sum()}
    terms |= {name: loss.mean() for name, loss in thought.recall.losses.items()}
    if thought.choice is not None:
        terms["allocator"] = thought.choice.loss(surprise.view_as(weight), weight)
    vision = thought.percept.vision
    assert vision is not None
    terms |= reconstruction(agent, decoder, learner, window.obs, vision, generator)
    if learner.contrast > 0.0:
        assert isinstance(agent.encoder, Encoder)
        terms["contrast"] = contrast(
            agent.encoder.vision, window.obs, window.reset, vision, learner.temperature, generator
        )
    right = (thought.logits.argmax(dim=-1) == window.action).float()
    terms["right"] = (right * weight).sum().detach()
    return terms, detach(thought.state)


def reconstruction(
    agent: Agent,
    decoder: nn.Module,
    learner: Any,
    obs: Any,
    vision: Float[Tensor, "B T V"],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """What the codes of a window lack of its pictures ("image") and of its sentences ("sentence"), those that the
    learner gives a weight; `learner.pictures` is the share of pictures that is looked at. Nothing without a Decoder."""
    terms: dict[str, Tensor] = {}
    if not isinstance(decoder, Decoder):
        return terms
    if learner.image > 0.0:
        terms["image"] = _image(decoder, vision, obs, learner.pictures, generator)
    if learner.sentence > 0.0:
        terms["sentence"] = _sentence(agent, decoder, obs)
    return terms


def contrast(
    encode: Callable[[Tensor], Tensor],
    obs: Observation,
    reset: Bool[Tensor, "B T"],
    vision: Float[Tensor, "B T V"],
    temperature: float,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Pictures taken before and after walking straight show the same things: their codes should find one another among
    all such pairs of the window (InfoNCE, van den Oord et al. 2018, eq. 4, on cosines).

    The picture before is varied, so that the background is no help. Pairs of one row less than `APART` steps apart may
    show the same thing and are no counterexamples of each other. `vision` holds the codes of the window's pictures.
    """
    row, step = straight_walks(obs, reset)
    if len(row) < 2:
        return vision.sum() * 0.0
    before = functional.normalize(encode(vary(obs.rgb[row, step], generator)), dim=-1)
    after = functional.normalize(vision[row, step + 1], dim=-1)
    close = (row[:, None] == row) & ((step[:, None] - step).abs() < APART) & (step[:, None] != step)
    likeness = (before @ after.T / temperature).masked_fill(close, -torch.inf)
    return functional.cross_entropy(likeness, torch.arange(len(row), device=row.device))


def vary(rgb: UInt8[Tensor, "N H W 3"], generator: torch.Generator) -> UInt8[Tensor, "N H W 3"]:
    """Each picture mirrored, rolled sideways by up to an eighth of its width, and dimmed to 70 % or more."""
    width = rgb.shape[2]
    shift = torch.randint(-(width // 8), width // 8 + 1, (len(rgb), 1), generator=generator)
    columns = ((width - 1 - torch.arange(width) + shift) % width).to(rgb.device)
    dim = (0.7 + 0.3 * torch.rand(len(rgb), 1, 1, 1, generator=generator)).to(rgb.device)
    mirrored = rgb.gather(2, columns[:, None, :, None].expand(-1, rgb.shape[1], -1, 3))
    return (mirrored * dim).to(torch.uint8)


def straight_walks(obs: Observation, reset: Bool[Tensor, "B T"]) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"]]:
    """Rows and steps after which the agent has moved without turning, within an episode."""
    position, heading = obs.position, obs.heading[..., 0]
    moved = (position[:, 1:] - position[:, :-1]).norm(dim=-1) > 0.05
    straight = (heading[:, 1:] - heading[:, :-1]).abs() < 1e-3
    row, step = torch.nonzero(moved & straight & ~reset[:, 1:], as_tuple=True)
    return row, step


def objective(terms: dict[str, Tensor], learner: Imitation) -> Tensor:
    """One number to minimise."""
    own = {"choice": 1.0, "allocator": 1.0, "right": 0.0}
    own |= {name: getattr(learner, name) for name in ("image", "sentence", "contrast")}
    total = sum(own.get(name, learner.memory) * term for name, term in terms.items())
    assert isinstance(total, Tensor)
    return total


def _image(decoder: Decoder, vision: Tensor, obs: Observation, share: float, generator: torch.Generator) -> Tensor:
    codes, pictures = vision.flatten(0, 1), obs.rgb.flatten(0, 1)
    chosen = torch.randperm(len(codes), generator=generator)[: max(1, round(share * len(codes)))].to(codes.device)
    return decoder.image_loss(codes[chosen], pictures[chosen])


def _sentence(agent: Agent, decoder: Decoder, obs: Observation) -> Tensor:
    assert isinstance(agent.encoder, Encoder)
    spoken = (obs.sentences != 0).any(dim=1).float()
    return decoder.sentence_loss(agent.encoder.language(obs.sentences), obs.sentences, spoken)
