"""How a memory shows itself: plain layers that a viewer draws without knowing the memory.

Arrays are numpy, metres and the world frame for places, 0..255 for colours, steps since the episode began for times.
Letters: N things, E edges, P points. Each layer has a `title`; a memory returns the same titles at every step.
"""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8


@dataclass(frozen=True)
class Moments:
    """Stored moments of the episode, which the viewer shows with the picture and the words of that time.

    `weight` is how much each counts in what is read now, 0..1; `group` the chunk, node or ring it belongs to; `opened`
    whether it was read in detail; `kept` how it is held ("" or a word such as "first", "recent").
    """

    title: str
    time: Int[np.ndarray, " N"]
    weight: Float[np.ndarray, " N"]
    group: Int[np.ndarray, " N"] | None = None
    opened: Bool[np.ndarray, " N"] | None = None
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self, len(self.time), ("weight", "group", "opened", "kept"))


@dataclass(frozen=True)
class Groups:
    """Summaries of groups of moments, such as chunks: first and last step of each, and its weight in what is read."""

    title: str
    first: Int[np.ndarray, " N"]
    last: Int[np.ndarray, " N"]
    weight: Float[np.ndarray, " N"]
    opened: Bool[np.ndarray, " N"]

    def __post_init__(self) -> None:
        _check(self, len(self.first), ("last", "weight", "opened"))


@dataclass(frozen=True)
class Signals:
    """Numbers of this step, such as a recurrent state; the viewer stacks them over time."""

    title: str
    values: Float[np.ndarray, " N"]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self, len(self.values), ("names",))


@dataclass(frozen=True)
class Points:
    """Points with colours; `error` in metres colours them instead when it is given."""

    title: str
    positions: Float[np.ndarray, "P 3"]
    colours: UInt8[np.ndarray, "P 3"]
    radius: float = 0.02
    error: Float[np.ndarray, " P"] | None = None

    def __post_init__(self) -> None:
        _check(self, len(self.positions), ("colours", "error"))


@dataclass(frozen=True)
class Boxes:
    """Axis-aligned boxes, such as the leaves of an octree: middles, half sizes, colours, and how solid, 0..1."""

    title: str
    centres: Float[np.ndarray, "N 3"]
    halves: Float[np.ndarray, "N 3"]
    colours: UInt8[np.ndarray, "N 3"]
    weight: Float[np.ndarray, " N"] | None = None

    def __post_init__(self) -> None:
        _check(self, len(self.centres), ("halves", "colours", "weight"))


@dataclass(frozen=True)
class Edges:
    """Straight lines between places, such as the edges of a graph or a route."""

    title: str
    ends: Float[np.ndarray, "E 2 3"]
    colours: UInt8[np.ndarray, "E 3"]
    width: float = 2.0

    def __post_init__(self) -> None:
        _check(self, len(self.ends), ("colours",))


@dataclass(frozen=True)
class Labels:
    """Things with a place and a name, such as nodes of a graph. `records` say what is known of each; `changed` marks
    what is new or different since the last step."""

    title: str
    positions: Float[np.ndarray, "N 3"]
    texts: tuple[str, ...]
    records: tuple[str, ...] = ()
    changed: Bool[np.ndarray, " N"] | None = None

    def __post_init__(self) -> None:
        _check(self, len(self.positions), ("texts", "records", "changed"))


Layer = Moments | Groups | Signals | Points | Boxes | Edges | Labels
KINDS: dict[str, type] = {
    kind.__name__.lower(): kind for kind in (Moments, Groups, Signals, Points, Boxes, Edges, Labels)
}


@dataclass(frozen=True)
class Drawing:
    """What a memory shows at one step: its layers, and facts about it in words, such as {"rows": "12 of 128"}."""

    layers: tuple[Layer, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        titles = [layer.title for layer in self.layers]
        if len(set(titles)) < len(titles):
            raise ValueError(f"titles of layers must be unique, got {titles}")


def _check(layer: Any, count: int, names: tuple[str, ...]) -> None:
    """Every list has `count` members, or is left out; every number is finite."""
    for name in names:
        value = getattr(layer, name)
        if value is not None and len(value) != count and not (isinstance(value, tuple) and not value):
            where = f"{type(layer).__name__}.{name} of {layer.title!r}"
            raise ValueError(f"{where} must have {count} members, got {len(value)}")
    for part in fields(layer):
        value = getattr(layer, part.name)
        if isinstance(value, np.ndarray) and not np.isfinite(value).all():
            raise ValueError(f"{type(layer).__name__}.{part.name} of {layer.title!r} must be finite")
