"""A store without cleverness: a whole copy of the state after every operation, and searches by exact sums."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from loci.memories.stores.store import (
    Add,
    Decay,
    Delete,
    Edge,
    Link,
    Merge,
    Operation,
    Record,
    Rollback,
    Update,
)

Moment = tuple[dict[str, Record], set[Edge]]


def equal(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return json.dumps(one) == json.dumps(other)


class SlowStore:
    def __init__(self, width: int):
        self.width = width
        self.states: list[Moment] = [({}, set())]
        self.operations: list[Operation] = []

    def apply(self, *operations: Operation) -> int:
        states, done = list(self.states), list(self.operations)
        try:
            for operation in operations:
                self._one(operation)
        except (KeyError, ValueError):
            self.states, self.operations = states, done
            raise
        return len(self.operations)

    def _one(self, operation: Operation) -> None:
        if self.operations and operation.at < self.operations[-1].at:
            raise ValueError("at")
        records, links = dict(self.states[-1][0]), set(self.states[-1][1])
        match operation:
            case Add(record) | Update(record):
                if isinstance(operation, Add) and record.key in records:
                    raise ValueError("there")
                if isinstance(operation, Update):
                    records[record.key]
                if record.vector is not None and len(record.vector) != self.width:
                    raise ValueError("width")
                records[record.key] = record
            case Delete(key):
                del records[key]
                links = {edge for edge in links if edge.head != key and edge.tail != key}
            case Link(edge, _, held):
                for end in (edge.head, edge.tail):
                    records[end]
                if (edge in links) == held:
                    raise ValueError("link")
                links ^= {edge}
            case Merge(kept, gone):
                records[kept]
                del records[gone]
                ends = [[kept if end == gone else end for end in (edge.head, edge.tail)] for edge in links]
                moved = [Edge(head, edge.relation, tail) for (head, tail), edge in zip(ends, links, strict=True)]
                links = {edge for edge in moved if edge.head != edge.tail}
            case Decay(factor, _, where):
                for key, record in records.items():
                    if all(name in record.attributes and equal(record.attributes[name], where[name]) for name in where):
                        records[key] = replace(record, confidence=record.confidence * factor)
            case Rollback(to):
                if not 0 <= to <= len(self.operations):
                    raise ValueError("to")
                records, links = self.states[to]
        self.states.append((records, links))
        self.operations.append(operation)

    def records(self, where: Mapping[str, Any] | None = None, valid_at: float | None = None) -> list[Record]:
        chosen = []
        for key in sorted(self.states[-1][0]):
            record = self.states[-1][0][key]
            fits = all(n in record.attributes and equal(record.attributes[n], v) for n, v in (where or {}).items())
            end = math.inf if record.valid_to is None else record.valid_to
            if fits and (valid_at is None or record.valid_from <= valid_at < end):
                chosen.append(record)
        return chosen

    def search(
        self, vector: np.ndarray, k: int, where: Mapping[str, Any] | None = None, valid_at: float | None = None
    ) -> list[tuple[str, float]]:
        pairs = [(r.key, cosine(r.vector, vector)) for r in self.records(where, valid_at) if r.vector is not None]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """With exactly rounded sums."""
    a, b = one.astype(float).tolist(), other.astype(float).tolist()
    dot, aa, bb = (math.fsum(x * y for x, y in zip(p, q, strict=True)) for p, q in ((a, b), (a, a), (b, b)))
    return dot / math.sqrt(aa * bb)
