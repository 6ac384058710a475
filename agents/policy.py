"""From what is sensed and what is remembered to an action, alike for every memory. A yaml of conf/policy names it.

Letters: B environments, T steps, D width of embed, V of the picture's code, F of the recall, A actions.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from loci.memories.layers import Drawing
from loci.memories.memory import Percept, Recall


class Policy(nn.Module, ABC):
    """Logits over discrete actions and values for a window. It may carry a state of its own, None where it carries
    nothing."""

    def initial(self, batch: int) -> Any:
        """The state before anything was seen."""
        return None

    @abstractmethod
    def forward(
        self, state: Any, obs: Any, percept: Percept, recall: Recall, reset: Bool[Tensor, "B T"]
    ) -> tuple[Any, Float[Tensor, "B T A"], Float[Tensor, "B T"]]:
        """The state after the window, logits and values; `obs` is what the encoder made the percept of."""

    def draw(self, state: Any, row: int) -> Drawing:
        """What one row intends, for people to look at beside what its memory shows; nothing by default."""
        return Drawing()


class Perceptron(Policy):
    """`expected` reads off the recall what should be in view; its product with the picture's code joins percept and
    recall, so that "is this it?" is a sum of products rather than something a perceptron has to find. With `direct` a
    linear map of the recall is added to the logits: what a memory answers is then learnt before the perceptron is.
    """

    def __init__(
        self, embed_dim: int, vision_dim: int, feature_dim: int, actions: int, width: int = 128, direct: bool = False
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(feature_dim)
        self.expected = nn.Linear(feature_dim, vision_dim)
        self.hidden = nn.Sequential(
            nn.Linear(embed_dim + feature_dim + vision_dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.logits, self.value = nn.Linear(width, actions), nn.Linear(width, 1)
        self.direct = nn.Linear(feature_dim, actions) if direct else None

    def forward(
        self, state: Any, obs: Any, percept: Percept, recall: Recall, reset: Bool[Tensor, "B T"]
    ) -> tuple[Any, Float[Tensor, "B T A"], Float[Tensor, "B T"]]:
        remembered = self.norm(recall.feature)
        assert percept.vision is not None
        joined = [percept.embed, remembered, percept.vision * self.expected(remembered)]
        hidden = self.hidden(torch.cat(joined, dim=-1))
        logits = self.logits(hidden)
        logits = logits if self.direct is None else logits + self.direct(remembered)
        return state, logits, self.value(hidden).squeeze(-1)
