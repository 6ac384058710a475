"""What every encoder offers to an agent: from an environment's observations to percepts."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from torch import nn

from loci.memories.memory import Percept


class Senses(nn.Module, ABC):
    """A yaml of conf/encoder names one. `sees` is what it takes of an environment's observations; the widths are those
    of the percept's embed, vision and language."""

    sees: ClassVar[tuple[str, ...]]
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
        """A window (B, T, …) of observations and of the actions (B, T) before them, -1 at the first of an episode, as a
        dataclass of tensors, which `forward` takes."""

    @abstractmethod
    def forward(self, obs: Any) -> Percept:
        """What is made of a window."""

    @abstractmethod
    def decoder(self) -> nn.Module:
        """What helps the codes to be worth storing in training; an empty module where nothing does."""
