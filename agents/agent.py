"""Encoder, memory and policy as one agent: acts step by step, and is trained on whole windows."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.agents.allocator import Allocator, Choice
from loci.agents.planner import Planner
from loci.agents.policy import Perceptron, Policy
from loci.agents.senses import Senses
from loci.memories.layers import Drawing
from loci.memories.memory import MapMemory, Memory, Percept, Recall


@dataclass
class Held:
    """What an agent carries from moment to moment: the states of its memory, its policy and its allocator; None where
    there is none."""

    memory: Any
    policy: Any = None
    allocator: Any = None


@dataclass
class Thought:
    """What the agent made of a window: action logits, values, and how it got there."""

    logits: Float[Tensor, "B T A"]
    value: Float[Tensor, "B T"]
    percept: Percept
    recall: Recall
    state: Held
    choice: Choice | None = None
    """Of the allocator, where there is one."""
    seconds: float = 0.0
    """Of its memory, reading and writing."""


class Agent(nn.Module):
    """`think` looks at a window, `step` at one moment; `act` is a step and a draw from the policy. With an allocator
    `control` ends with the rule that was chosen."""

    def __init__(
        self,
        encoder: Senses,
        memory: Memory[Any],
        policy: Callable[[int, int, int, int], Policy] = Perceptron,
        allocator: Allocator | None = None,
    ) -> None:
        """`policy` makes one from D, V, F and the number of actions."""
        super().__init__()
        self.encoder, self.memory, self.allocator = encoder, memory, allocator
        self.policy = policy(encoder.embed_dim, encoder.vision_dim, memory.feature_dim, encoder.actions)

    def initial(self, batch: int) -> Held:
        """State of agents that have seen nothing."""
        allocator = None if self.allocator is None else self.allocator.initial(batch)
        return Held(self.memory.initial(batch), self.policy.initial(batch), allocator)

    def think(self, state: Held, obs: Any, reset: Bool[Tensor, "B T"]) -> Thought:
        """The policy at every step of a window that starts in `state`, which is spent."""
        percept, allocator, choice = self._perceive(state, obs, reset, None)
        memory, recall = self.memory.unroll(state.memory, percept, reset)
        policy, logits, value = self.policy(state.policy, obs, percept, recall, reset)
        return Thought(logits, value, percept, recall, Held(memory, policy, allocator), choice)

    @torch.no_grad()
    def step(self, state: Held, obs: Any, reset: Bool[Tensor, " B"], generator: torch.Generator) -> Thought:
        """What is thought of a window of one step; the recall has no axis of time. `generator` is the allocator's."""
        percept, allocator, choice = self._perceive(state, obs, reset[:, None], generator)
        begun = time.perf_counter()
        memory, recall = self.memory.step(state.memory, percept.at(0), reset)
        spent = time.perf_counter() - begun
        policy, logits, value = self._decide(state.policy, obs, percept, recall, memory, reset[:, None])
        return Thought(logits, value, percept, recall, Held(memory, policy, allocator), choice, spent)

    def act(
        self, state: Held, obs: Any, reset: Bool[Tensor, " B"], generator: torch.Generator, temperature: float = 1.0
    ) -> tuple[Held, Int[Tensor, " B"], Thought]:
        """Actions for a window of one step, drawn from the policy sharpened by `temperature`; 0 takes the likeliest."""
        thought = self.step(state, obs, reset, generator)
        logits = thought.logits[:, 0]
        if temperature > 0.0:
            chances = torch.softmax(logits / temperature, dim=-1)
            actions = torch.multinomial(chances.cpu(), 1, generator=generator)[:, 0]
        else:
            actions = logits.argmax(dim=-1)
        return thought.state, actions, thought

    def draw(self, thought: Thought, row: int) -> Drawing:
        """What the memory of one row shows after a step, and what its policy intends."""
        memory = self.memory.draw(thought.state.memory, thought.recall, row)
        policy = self.policy.draw(thought.state.policy, row)
        return Drawing((*memory.layers, *policy.layers), policy.facts | memory.facts)

    def _decide(
        self, state: Any, obs: Any, percept: Percept, recall: Recall, memory: Any, reset: Bool[Tensor, "B 1"]
    ) -> tuple[Any, Float[Tensor, "B 1 A"], Float[Tensor, "B 1"]]:
        """The policy on a window of one step; a planner asks the maps instead of the recall."""
        if not isinstance(self.policy, Planner):
            return self.policy(state, obs, percept, Recall(recall.feature[:, None]), reset)
        keeper = self.memory if isinstance(self.memory, MapMemory) else None
        ask = None if keeper is None else partial(keeper.maps, memory, self.encoder.place)
        return self.policy.decide(state, obs, ask, reset)

    def _perceive(
        self, state: Held, obs: Any, reset: Bool[Tensor, "B T"], generator: torch.Generator | None
    ) -> tuple[Percept, Any, Choice | None]:
        """The percept of a window, and of the allocator, where there is one, its state after it and what it chose."""
        percept, allocator, choice = self.encoder(obs), None, None
        if self.allocator is not None:
            assert percept.goal is not None
            assert percept.control is not None
            chosen, choice, allocator = self.allocator(state.allocator, percept.goal, reset, generator)
            percept = replace(percept, control=torch.cat([percept.control, chosen], dim=-1))
        self.memory.check(percept)
        return percept, allocator, choice
