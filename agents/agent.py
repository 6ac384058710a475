"""Encoder, memory and policy as one agent: acts step by step, and is trained on whole windows."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.agents.encoder import Encoder, Observation
from loci.agents.policy import Policy
from loci.memories.memory import Memory, Percept, Recall

S = TypeVar("S")


@dataclass
class Thought(Generic[S]):
    """What the agent made of a window: action logits, values, and how it got there."""

    logits: Float[Tensor, "B T A"]
    value: Float[Tensor, "B T"]
    percept: Percept
    recall: Recall
    state: S


class Agent(nn.Module):
    """`think` looks at a window; `act` is a window of one step and a draw from the policy."""

    def __init__(self, encoder: Encoder, memory: Memory[Any], width: int = 128) -> None:
        super().__init__()
        self.encoder, self.memory = encoder, memory
        self.policy = Policy(encoder.embed_dim, encoder.vision_dim, memory.feature_dim, encoder.actions, width)

    def initial(self, batch: int) -> Any:
        """Memory state of agents that have seen nothing."""
        return self.memory.initial(batch)

    def think(self, state: Any, obs: Observation, reset: Bool[Tensor, "B T"]) -> Thought[Any]:
        """The policy at every step of a window that starts in `state`, which is spent."""
        percept = self.encoder(obs)
        self.memory.check(percept)
        state, recall = self.memory.unroll(state, percept, reset)
        logits, value = self.policy(percept.embed, percept.vision, recall.feature)
        return Thought(logits, value, percept, recall, state)

    @torch.no_grad()
    def act(
        self,
        state: Any,
        obs: Observation,
        reset: Bool[Tensor, " B"],
        generator: torch.Generator,
        temperature: float = 1.0,
    ) -> tuple[Any, Int[Tensor, " B"], Thought[Any]]:
        """Actions for a window of one step, drawn from the policy sharpened by `temperature`; 0 takes the likeliest."""
        percept = self.encoder(obs)
        self.memory.check(percept)
        state, recall = self.memory.step(state, percept.at(0), reset)
        logits, value = self.policy(percept.embed[:, 0], percept.vision[:, 0], recall.feature)
        if temperature > 0.0:
            chances = torch.softmax(logits / temperature, dim=-1)
            actions = torch.multinomial(chances.cpu(), 1, generator=generator)[:, 0]
        else:
            actions = logits.argmax(dim=-1)
        return state, actions, Thought(logits[:, None], value[:, None], percept, recall, state)
