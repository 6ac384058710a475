"""A policy that asks the map which a memory keeps, instead of reading its feature. It is written, not learnt."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from loci.agents.policy import Policy
from loci.memories.memory import Percept, Recall, SpatialMap

CERTAIN = 50.0
"""Logit of the move that is chosen; those of the others are 0."""


Ask = Callable[[], list[SpatialMap]]


class Planner(Policy):
    """Acts moment by moment on `plan`; it has no gradient, so only learner=none goes with it."""

    def __init__(self, embed_dim: int, vision_dim: int, feature_dim: int, actions: int) -> None:
        super().__init__()
        self.actions = actions

    @abstractmethod
    def plan(self, state: Any, obs: Any, ask: Ask | None, reset: Bool[Tensor, " B"]) -> tuple[Any, Int[Tensor, " B"]]:
        """The state after a moment and the moves; `ask` gives one map a row, None where the memory keeps none."""

    def decide(
        self, state: Any, obs: Any, ask: Ask | None, reset: Bool[Tensor, "B 1"]
    ) -> tuple[Any, Float[Tensor, "B 1 A"], Float[Tensor, "B 1"]]:
        """What a policy returns of a window of one step: the state, logits, and values, which are 0."""
        state, moves = self.plan(state, obs, ask, reset[:, 0])
        logits = CERTAIN * torch.nn.functional.one_hot(moves, self.actions).float()
        return state, logits[:, None], torch.zeros(reset.shape)

    def forward(self, state: Any, obs: Any, percept: Percept, recall: Recall, reset: Bool[Tensor, "B T"]) -> Any:
        raise ValueError(f"{type(self).__name__} asks a map moment by moment and learns nothing: choose learner=none")
