"""Operations as rows of the log and back: a kind, up to two keys, and the rest as JSON. Vectors travel beside them."""

import json
from typing import Any, NamedTuple

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


class Row(NamedTuple):
    at: float
    kind: str
    """ADD UPDATE DELETE LINK MERGE DECAY ROLLBACK"""
    key: str | None
    """The record it is about; None where it is about all of them."""
    other: str | None
    """The tail of a link, or the record that a merge took away."""
    body: str
    """JSON."""


def encode(operation: Operation) -> Row:
    """The row, without a vector."""
    key, other, body = _fields(operation)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Row(operation.at, type(operation).__name__.upper(), key, other, text)


def _fields(operation: Operation) -> tuple[str | None, str | None, dict[str, Any]]:
    match operation:
        case Add(record) | Update(record):
            return record.key, None, _content(record)
        case Delete(key):
            return key, None, {}
        case Link(edge, _, held):
            return edge.head, edge.tail, {"relation": edge.relation, "held": held}
        case Merge(kept, gone):
            return kept, gone, {}
        case Decay(factor, _, where):
            return None, None, {"factor": factor, "where": dict(where)}
        case Rollback(to):
            return None, None, {"to": to}


def _content(record: Record) -> dict[str, Any]:
    return {
        "text": record.text,
        "attributes": dict(record.attributes),
        "valid_from": record.valid_from,
        "valid_to": record.valid_to,
        "source": record.source,
        "confidence": record.confidence,
    }


def decode(row: Row, vector: np.ndarray | None = None) -> Operation:
    """The operation of a row; `vector` is the record's."""
    body = json.loads(row.body)
    key, other = row.key or "", row.other or ""
    match row.kind:
        case "ADD":
            return Add(content(key, row.at, body, vector))
        case "UPDATE":
            return Update(content(key, row.at, body, vector))
        case "DELETE":
            return Delete(key, row.at)
        case "LINK":
            return Link(Edge(key, body["relation"], other), row.at, body["held"])
        case "MERGE":
            return Merge(key, other, row.at)
        case "DECAY":
            return Decay(body["factor"], row.at, body["where"])
        case "ROLLBACK":
            return Rollback(body["to"], row.at)
        case kind:
            raise ValueError(f"no operation is called {kind!r}: the log was written by other code")


def content(key: str, at: float, body: dict[str, Any], vector: np.ndarray | None) -> Record:
    """The record that an ADD or UPDATE brought."""
    return Record(key=key, vector=vector, learned_at=at, **body)
