"""Encoder, memory and policy as one agent: acts step by step, and is trained on whole windows."""

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.agents.allocator import Allocator, Choice, Held
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
    choice: Choice | None = None
    """Of the allocator, where there is one."""


class Agent(nn.Module):
    """`think` looks at a window; `act` is a window of one step and a draw from the policy. With an allocator the state
    is `Held` around the memory's, and `control` ends with the rule that was chosen."""

    def __init__(
        self,
        encoder: Encoder,
        memory: Memory[Any],
        width: int = 128,
        allocator: Allocator | None = None,
        direct: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.memory, self.allocator = encoder, memory, allocator
        self.policy = Policy(encoder.embed_dim, encoder.vision_dim, memory.feature_dim, encoder.actions, width, direct)

    def initial(self, batch: int) -> Any:
        """State of agents that have seen nothing."""
        state = self.memory.initial(batch)
        return state if self.allocator is None else self.allocator.initial(state, batch)

    def think(self, state: Any, obs: Observation, reset: Bool[Tensor, "B T"]) -> Thought[Any]:
        """The policy at every step of a window that starts in `state`, which is spent."""
        percept, held, choice = self.perceive(state, obs, reset)
        state, recall = self.memory.unroll(state if held is None else state.memory, percept, reset)
        logits, value = self.policy(percept.embed, percept.vision, recall.feature)
        return Thought(logits, value, percept, recall, around(held, state), choice)

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
        percept, held, choice = self.perceive(state, obs, reset[:, None], generator)
        state, recall = self.memory.step(state if held is None else state.memory, percept.at(0), reset)
        logits, value = self.policy(percept.embed[:, 0], percept.vision[:, 0], recall.feature)
        if temperature > 0.0:
            chances = torch.softmax(logits / temperature, dim=-1)
            actions = torch.multinomial(chances.cpu(), 1, generator=generator)[:, 0]
        else:
            actions = logits.argmax(dim=-1)
        state = around(held, state)
        return state, actions, Thought(logits[:, None], value[:, None], percept, recall, state, choice)

    def perceive(
        self, state: Any, obs: Observation, reset: Bool[Tensor, "B T"], generator: torch.Generator | None = None
    ) -> tuple[Any, Held | None, Choice | None]:
        """The percept of a window, and of the allocator, where there is one, what it holds and chose."""
        percept, held, choice = self.encoder(obs), None, None
        if self.allocator is not None:
            chosen, choice, held = self.allocator(state, percept.goal, reset, generator)
            percept = replace(percept, control=torch.cat([percept.control, chosen], dim=-1))
        self.memory.check(percept)
        return percept, held, choice


def around(held: Held | None, memory: Any) -> Any:
    """The agent's state."""
    return memory if held is None else replace(held, memory=memory)
