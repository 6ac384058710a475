"""What every encoder offers to an agent: from an environment's observations to percepts.

Letters: B environments, T steps, S sentences.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Int
from torch import Tensor, nn

from loci.memories.memory import Percept

S = TypeVar("S", bound="Sensed")


@dataclass
class Sensed:
    """A window of what was sensed, as tensors. Sentences are stored once: `heard[b, t]` is the row of an encoder's own
    `sentences` that was heard, `told` the instruction's; `action` is the one before each moment, -1 at the first of an
    episode. `STORED` names the fields that hold sentences instead of moments."""

    STORED: ClassVar[tuple[str, ...]] = ("sentences",)

    heard: Int[Tensor, "B T"]
    told: Int[Tensor, "B T"]
    action: Int[Tensor, "B T"]

    def to(self: S, device: torch.device) -> S:
        """The same on another device."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: part.to(device) for k, part in parts.items() if isinstance(part, Tensor)})

    def rows(self: S, chosen: Int[Tensor, " N"]) -> S:
        """These rows of the window."""
        names = [field.name for field in fields(self) if field.name not in self.STORED]
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})


def stored_once(obs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """The sentences (S,) of a window's `words` and `instruction`, (B, T) each, and their rows: heard, told."""
    texts = np.stack([obs["words"], obs["instruction"]])
    unique, rows = np.unique(texts, return_inverse=True)
    heard, told = torch.from_numpy(rows.reshape(texts.shape).astype(np.int64))
    return unique, heard, told


class Senses(nn.Module, ABC):
    """A yaml of conf/encoder names one. `sees` is what it takes of an environment's observations, `made` the arguments
    of `sizes` that it has; the widths are those of the percept's embed, vision and language."""

    sees: ClassVar[tuple[str, ...]]
    made: Mapping[str, int]
    actions: int
    embed_dim: int
    vision_dim: int
    language_dim: int

    @staticmethod
    @abstractmethod
    def sizes(seen: Mapping[str, spaces.Space[Any]]) -> dict[str, int]:
        """The arguments of the encoder that follow from what a task shows; ValueError where it shows too little."""

    @abstractmethod
    def observe(self, obs: Mapping[str, np.ndarray], action: np.ndarray) -> Any:
        """A window (B, T, …) of observations and of the actions (B, T) before them, -1 at the first of an episode, as
        a `Sensed`, which `forward` takes."""

    @abstractmethod
    def forward(self, obs: Any) -> Percept:
        """What is made of a window."""

    def place(self, name: str) -> Tensor:
        """`vision` (V,) of a place that is called so; ValueError for an encoder whose pictures no words can name."""
        raise ValueError(
            f"{type(self).__name__} cannot tell what a place called {name!r} looks like: planners need one "
            "that does, such as encoder=streets"
        )

    @abstractmethod
    def check_sentence(self, sentence: str) -> None:
        """ValueError for a sentence that it cannot read."""

    def check_task(self, seen: Mapping[str, spaces.Space[Any]], actions: int) -> None:
        """ValueError for a task that shows other sizes than those it was made for, or has other actions."""
        shown = self.sizes(seen)
        if (dict(self.made), self.actions) != (shown, actions):
            raise ValueError(
                f"the agent was trained on {_listed(self.made)} and {self.actions} actions, the task has "
                f"{_listed(shown)} and {actions}: choose a task like its own"
            )

    @abstractmethod
    def decoder(self) -> nn.Module:
        """What helps the codes to be worth storing in training; an empty module where nothing does."""


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items())
