"""Snapshots as plain values and arrays, and back again without loss.

What JSON can hold goes there; arrays go to one table, in which equal ones are kept once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import KINDS, Drawing, Layer
from loci.sim.world import World

NAMES = {kind: name for name, kind in KINDS.items()}
WHOLE = ("world", "drawing")
"""Members of a snapshot that have a form of their own."""


@dataclass
class Table:
    """Arrays by number."""

    arrays: list[np.ndarray] = field(default_factory=list)
    numbers: dict[tuple[str, tuple[int, ...], bytes], int] = field(default_factory=dict)

    def add(self, array: np.ndarray) -> int:
        """The number of an array. ValueError for one of Python objects, which cannot be kept as numbers."""
        if array.dtype.hasobject:
            raise ValueError(f"an array must hold numbers, got dtype {array.dtype}")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.numbers:
            self.numbers[key] = len(self.arrays)
            self.arrays.append(array)
        return self.numbers[key]


def pack(snapshot: Snapshot, world: int, table: Table) -> dict[str, Any]:
    """One step as JSON; `world` is the number under which its world is kept."""
    drawing = snapshot.drawing
    layers = [{"kind": NAMES[type(layer)]} | _split(layer, table) for layer in drawing.layers]
    return _split(snapshot, table) | {"world": world, "drawing": {"layers": layers, "facts": dict(drawing.facts)}}


def unpack(data: dict[str, Any], worlds: Sequence[World], arrays: Sequence[np.ndarray]) -> Snapshot:
    """The step again; KeyError, IndexError, TypeError or ValueError when something is missing or wrong."""
    drawing = data["drawing"]
    layers = tuple(_layer(layer, arrays) for layer in drawing["layers"])
    whole = {"world": worlds[data["world"]], "drawing": Drawing(layers, drawing["facts"])}
    return Snapshot(**_join(data, arrays), **whole)


def _layer(data: dict[str, Any], arrays: Sequence[np.ndarray]) -> Layer:
    if data["kind"] not in KINDS:
        raise ValueError(f"kind of a layer must be one of {', '.join(KINDS)}, got {data['kind']!r}")
    return KINDS[data["kind"]](**_join(data, arrays))


def _split(thing: Any, table: Table) -> dict[str, Any]:
    """The members of a dataclass: plain ones as they are, arrays as numbers of the table."""
    members = {part.name: getattr(thing, part.name) for part in fields(thing) if part.name not in WHOLE}
    arrays = {name: table.add(value) for name, value in members.items() if isinstance(value, np.ndarray)}
    return {"plain": {name: value for name, value in members.items() if name not in arrays}, "arrays": arrays}


def _join(data: dict[str, Any], arrays: Sequence[np.ndarray]) -> dict[str, Any]:
    """Members for a constructor; JSON knows no tuples, the dataclasses know no lists."""
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in data["plain"].items()}
    return plain | {name: arrays[number] for name, number in data["arrays"].items()}
