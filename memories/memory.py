"""The protocol of memories: a recurrence whose state is a value outside the module.

Letters: B environments, T steps, D width, F feature width, N objects, P points.

Rules: `step` first forgets the rows where `reset` is true, then reads or writes in the paper's own order, and spends
the state it was given (clone it first to keep it). Capacity is finite and stated. Given its percepts a memory is
deterministic.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from loci.memories.layers import Drawing

S = TypeVar("S")


@dataclass
class Percept:
    """What the encoder makes of one moment, (B, …), or of a window of them, (B, T, …). None where nobody reads it."""

    embed: Float[Tensor, "*n D"]
    """Everything sensed now, in one vector."""
    vision: Float[Tensor, "*n V"] | None = None
    """Code of the picture."""
    language: Float[Tensor, "*n L"] | None = None
    """Code of the words heard; silence has a code of its own."""
    goal: Float[Tensor, "*n L"] | None = None
    """Code of the instruction in force, made like `language`."""
    position: Float[Tensor, "*n 3"] | None = None
    """Agent's place, metres, world frame."""
    heading: Float[Tensor, "*n 1"] | None = None
    """Radians."""
    time: Float[Tensor, "*n 1"] | None = None
    """Seconds since the episode began."""
    objects: Any = None
    points: Float[Tensor, "*n P 3"] | None = None
    """World frame, metres."""
    control: Float[Tensor, "*n C"] | None = None
    """The agent's previous action, for memories that let the policy choose."""

    def at(self, step: int) -> "Percept":
        """The moment `step` of a window."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: part[:, step] for name, part in parts.items() if part is not None})

    def alone(self) -> "Percept":
        """This moment as a window of one step."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: part[:, None] for name, part in parts.items() if part is not None})


@dataclass
class Recall:
    """What was read: `feature` for the policy, `losses` the memory asks for, `bonus` it grants for novelty, and `trace`
    of the read (weights, rows, sources) for the viewer. Leading axes are those of the percept."""

    feature: Float[Tensor, "*n F"]
    losses: dict[str, Tensor] = field(default_factory=dict)
    bonus: Float[Tensor, "*n"] | None = None
    trace: dict[str, Tensor] = field(default_factory=dict)

    def at(self, step: int) -> "Recall":
        """The moment `step` of a window."""
        return Recall(
            feature=self.feature[:, step],
            losses={name: loss[:, step] for name, loss in self.losses.items()},
            bonus=None if self.bonus is None else self.bonus[:, step],
            trace={name: part[:, step] for name, part in self.trace.items()},
        )


class Memory(nn.Module, ABC, Generic[S]):
    """B memories side by side. `reads` names the Percept fields needed, `feature_dim` is F, `attended` the number of
    stored items whose contents enter one read (0 for a recurrent state)."""

    feature_dim: int
    reads: frozenset[str]
    attended: int = 0

    @abstractmethod
    def initial(self, batch: int) -> S:
        """The state of `batch` memories that have seen nothing."""

    @abstractmethod
    def step(self, state: S, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[S, Recall]:
        """One moment; cost does not grow with the length of the episode."""

    def unroll(self, state: S, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[S, Recall]:
        """A window of moments; equals T steps. Memories with a faster way override it."""
        recalls = []
        for moment in range(reset.shape[1]):
            state, recall = self.step(state, percept.at(moment), reset[:, moment])
            recalls.append(recall)
        return state, stack(recalls)

    @abstractmethod
    def draw(self, state: S, recall: Recall, row: int) -> Drawing:
        """What one row holds after a step that returned `state` and `recall` (fields (B, …)), and what it read then,
        for people to look at. The state is not changed."""

    def check(self, percept: Percept) -> None:
        """Raise ValueError when the percept lacks a field this memory reads."""
        missing = sorted(name for name in self.reads if getattr(percept, name) is None)
        if missing:
            raise ValueError(
                f"{type(self).__name__} reads {sorted(self.reads)}, the percept lacks {', '.join(missing)}"
            )


def stack(recalls: list[Recall]) -> Recall:
    """Recalls of single moments as the recall of a window: every tensor gains a time axis after the batch."""
    first = recalls[0]
    return Recall(
        feature=torch.stack([r.feature for r in recalls], dim=1),
        losses={name: torch.stack([r.losses[name] for r in recalls], dim=1) for name in first.losses},
        bonus=None if first.bonus is None else torch.stack([r.bonus for r in recalls if r.bonus is not None], dim=1),
        trace={name: torch.stack([r.trace[name] for r in recalls], dim=1) for name in first.trace},
    )


@dataclass(frozen=True)
class Entry:
    """One thing a map memory knows."""

    key: int
    label: str
    position: tuple[float, float, float]
    distance: float
    score: float = 0.0
    since: int = -1
    """Step of the episode at which something was first seen there; -1 where that is not kept."""


@runtime_checkable
class SpatialMap(Protocol):
    """A read-only view of one row of a map memory."""

    def near(self, position: tuple[float, float, float], k: int) -> list[Entry]:
        """Nearest first."""
        ...

    def find(self, query: str, k: int) -> list[Entry]:
        """Best match first."""
        ...

    def neighbours(self, key: int) -> list[tuple[int, float]]:
        """Keys one can go to from here, with the cost in metres."""
        ...

    def describe(self, max_entries: int) -> str:
        """In words, for a language planner."""
        ...


Code = Callable[[str], Tensor]
"""From words to `vision` (V,) of a place that is called so."""


class MapMemory(Memory[S]):
    """A memory that is a map: planners and the viewer may question it."""

    @abstractmethod
    def maps(self, state: S, code: Code | None = None) -> list[SpatialMap]:
        """One read-only view a row, valid until the next step. `code` makes places findable by words."""
