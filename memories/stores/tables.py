"""A store in SQL: the log in a table, and the present in tables that every operation changes in the same transaction.

    log        every operation, in order; its number is the sequence
    vector     the vectors of ADD and UPDATE, by sequence
    record     what is present: the key, the log entry with its content, its confidence now
    attribute  attributes of what is present, for filters
    link       edges between what is present

Nothing is ever taken out of `log` and `vector`; the other three can be made from them (`replay.py`), and a rollback
does so. The dialect (sqlite.py, postgres.py) gives connections, transactions, vectors and the search.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from loci.memories.stores.replay import Present, live, moved, replay, story
from loci.memories.stores.rows import Row, content, decode, encode
from loci.memories.stores.store import (
    Add,
    Change,
    Decay,
    Delete,
    Edge,
    Entry,
    Hit,
    Link,
    Merge,
    Operation,
    Record,
    Rollback,
    State,
    Update,
)
from loci.memories.stores.values import finite, json_only, own_vector, token

Where = Mapping[str, Any] | None
FULL = "log.sequence, log.at, log.kind, log.key, log.other, log.body"
NEAR = 3
"""Keys that an error shows."""


class Tables(ABC):
    width: int
    blob_in: str
    """SQL that makes a value of the column `vector.data` of a parameter."""
    blob_out: str
    """SQL that reads it."""

    @abstractmethod
    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement, whose places for values are question marks."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[object]:
        """A transaction that sees one state throughout. Raises Closed."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[object]:
        """A transaction that is on the disk when it ends well, and never was when it ends with an error. Raises
        Closed, also for a store opened for reading."""

    @abstractmethod
    def _to_blob(self, vector: np.ndarray) -> Any:
        """A vector (D,) as a parameter."""

    @abstractmethod
    def _from_blob(self, blob: Any) -> np.ndarray | None:
        """And back."""

    @abstractmethod
    def _nearest(self, vector: np.ndarray, k: int, where: Where, valid_at: float | None) -> list[tuple[str, float]]:
        """Keys and cosines of the k most alike, greatest first, equal ones by key."""

    @abstractmethod
    def close(self) -> None:
        """Any later call raises Closed, except this one."""

    def __exit__(self, *_: object) -> None:
        self.close()

    def apply(self, *operations: Operation) -> int:
        with self._writing():
            sequence, before = self._head()
            for operation in operations:
                finite("at", operation.at)
                if operation.at < before:
                    raise ValueError(f"at must not be before the last operation's {before}, got {operation.at}")
                sequence, before = sequence + 1, operation.at
                self._take(sequence, operation)
        return sequence

    def last(self) -> int:
        with self._reading():
            return self._head()[0]

    def get(self, key: str) -> Record:
        with self._reading():
            return self._record(key)

    def records(self, where: Where = None, valid_at: float | None = None) -> list[Record]:
        chosen, values = self._chosen(where, valid_at)
        with self._reading():
            return self._contents(f"WHERE record.content IN ({chosen}) ORDER BY record.key", *values)

    def links(self, key: str | None = None) -> list[Edge]:
        with self._reading():
            if key is None:
                return sorted(Edge(*row) for row in self._run("SELECT head, relation, tail FROM link"))
            self._content_of(key)
            return self._edges(key)

    def search(self, vector: np.ndarray, k: int, where: Where = None, valid_at: float | None = None) -> list[Hit]:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        query = self._fitting(own_vector(vector))
        with self._reading():
            return [Hit(self._record(key), cosine) for key, cosine in self._nearest(query, k, where, valid_at)]

    def history(self, key: str) -> list[Change]:
        with self._reading():
            changes = story(key, self._entries("log.key = ? OR log.other = ? OR log.key IS NULL", key, key))
            if not changes:
                raise self._missing(key)
            return changes

    def log(self, first: int = 1, last: int | None = None) -> list[Entry]:
        with self._reading():
            end = self._head()[0] if last is None else last
            return self._entries("log.sequence BETWEEN ? AND ?", first, end)

    def as_of(self, sequence: int) -> State:
        with self._reading():
            return self._replayed(sequence).state()

    def sequence_at(self, time: float) -> int:
        with self._reading():
            sql = "SELECT sequence FROM log WHERE at <= ? ORDER BY at DESC, sequence DESC LIMIT 1"
            return next((int(sequence) for (sequence,) in self._run(sql, time)), 0)

    def _take(self, sequence: int, operation: Operation) -> None:
        """One more entry of the log, and what it does to the present."""
        match operation:
            case Add(record):
                self._absent(record.key)
            case Update(record):
                self._release(self._content_of(record.key))
            case Delete(key):
                self._release(self._content_of(key))
                self._unlink(key)
            case Link(edge, _, held):
                self._link(edge, held)
            case Merge(kept, gone):
                self._merge(kept, gone)
            case Decay(factor, _, where):
                chosen, values = self._chosen(where, None)
                self._run(f"UPDATE record SET confidence = confidence * ? WHERE content IN ({chosen})", factor, *values)
            case Rollback(to):
                self._restore(to, sequence)
        row = encode(operation)
        self._run("INSERT INTO log (sequence, at, kind, key, other, body) VALUES (?, ?, ?, ?, ?, ?)", sequence, *row)
        if isinstance(operation, Add | Update):
            self._write_vector(sequence, operation.record.vector)
            self._hold(sequence, operation.record)

    def _write_vector(self, sequence: int, vector: np.ndarray | None) -> None:
        if vector is not None:
            blob = self._to_blob(self._fitting(vector))
            self._run(f"INSERT INTO vector (sequence, data) VALUES (?, {self.blob_in})", sequence, blob)

    def _fitting(self, vector: np.ndarray) -> np.ndarray:
        if len(vector) != self.width:
            raise ValueError(f"vector must have the width {self.width} of this store, got {len(vector)}")
        return vector

    def _hold(self, sequence: int, record: Record) -> None:
        """The record is present, with the content of a log entry."""
        values = (sequence, record.key, record.confidence, record.valid_from, record.valid_to)
        self._run("INSERT INTO record (content, key, confidence, valid_from, valid_to) VALUES (?, ?, ?, ?, ?)", *values)
        for name, value in record.attributes.items():
            self._run("INSERT INTO attribute (name, value, content) VALUES (?, ?, ?)", name, token(value), sequence)

    def _release(self, sequence: int) -> None:
        """The content of a log entry is no longer present."""
        ((body,),) = self._run("SELECT body FROM log WHERE sequence = ?", sequence)
        for name, value in json.loads(body)["attributes"].items():
            sql = "DELETE FROM attribute WHERE name = ? AND value = ? AND content = ?"
            self._run(sql, name, token(value), sequence)
        self._run("DELETE FROM record WHERE content = ?", sequence)

    def _edges(self, key: str) -> list[Edge]:
        sql = "SELECT head, relation, tail FROM link WHERE head = ? OR tail = ?"
        return sorted(Edge(*row) for row in self._run(sql, key, key))

    def _link(self, edge: Edge, held: bool) -> None:
        for key in (edge.head, edge.tail):
            self._content_of(key)
        if (edge in self._edges(edge.head)) == held:
            raise ValueError(f"the link {tuple(edge)} is {'there already' if held else 'not there'}")
        sql = (
            "INSERT INTO link (head, relation, tail) VALUES (?, ?, ?)"
            if held
            else "DELETE FROM link WHERE head = ? AND relation = ? AND tail = ?"
        )
        self._run(sql, *edge)

    def _unlink(self, key: str) -> None:
        self._run("DELETE FROM link WHERE head = ? OR tail = ?", key, key)

    def _merge(self, kept: str, gone: str) -> None:
        self._content_of(kept)
        self._release(self._content_of(gone))
        edges = [moved(edge, gone, kept) for edge in self._edges(gone)]
        self._unlink(gone)
        for edge in edges:
            if edge.head != edge.tail:
                sql = "INSERT INTO link (head, relation, tail) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
                self._run(sql, *edge)

    def _restore(self, to: int, sequence: int) -> None:
        """The present tables of another state."""
        if not 0 <= to < sequence:
            raise ValueError(f"to must be an earlier operation, 0 … {sequence - 1}, got {to}")
        present = self._replayed(to, vectors=False)
        for table in ("record", "attribute", "link"):
            self._run(f"DELETE FROM {table}")
        for key, record in present.state().records.items():
            self._hold(present.contents[key], record)
        for edge in sorted(present.links()):
            self._run("INSERT INTO link (head, relation, tail) VALUES (?, ?, ?)", *edge)

    def _replayed(self, sequence: int, vectors: bool = True) -> Present:
        """The present after an operation, from the log alone."""
        last = self._head()[0]
        if not 0 <= sequence <= last:
            raise ValueError(f"sequence must be within 0 … {last}, got {sequence}")
        rollbacks = self._run("SELECT sequence, body FROM log WHERE kind = 'ROLLBACK' ORDER BY sequence")
        parts = live([(number, json.loads(body)["to"]) for number, body in rollbacks], sequence)
        between = "log.sequence BETWEEN ? AND ?"
        return replay(entry for part in parts for entry in self._entries(between, *part, vectors=vectors))

    def _head(self) -> tuple[int, float]:
        """The last sequence number and its time."""
        rows = self._run("SELECT sequence, at FROM log ORDER BY sequence DESC LIMIT 1")
        return rows[0] if rows else (0, -math.inf)

    def _entries(self, condition: str, *values: Any, vectors: bool = True) -> list[Entry]:
        blob = self.blob_out if vectors else "NULL"
        sql = f"SELECT {blob}, {FULL} FROM log LEFT JOIN vector ON vector.sequence = log.sequence WHERE {condition}"
        rows = self._run(f"{sql} ORDER BY log.sequence", *values)
        return [Entry(number, decode(Row(*row), self._from_blob(blob))) for blob, number, *row in rows]

    def _chosen(self, where: Where, valid_at: float | None) -> tuple[str, list[Any]]:
        """A query for the contents of the present records that fit, and its values."""
        json_only("where", where or {})
        parts = ["SELECT content FROM attribute WHERE name = ? AND value = ?"] * len(where or {})
        values: list[Any] = [part for name, value in (where or {}).items() for part in (name, token(value))]
        if valid_at is not None:
            finite("valid_at", valid_at)
            parts.append("SELECT content FROM record WHERE valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)")
            values += [valid_at, valid_at]
        return " INTERSECT ".join(parts) or "SELECT content FROM record", values

    def _contents(self, tail: str, *values: Any) -> list[Record]:
        """Present records; `tail` says which, and in what order."""
        rows = self._run(
            f"SELECT record.key, record.confidence, log.at, log.body, {self.blob_out} FROM record "
            "JOIN log ON log.sequence = record.content "
            f"LEFT JOIN vector ON vector.sequence = record.content {tail}",
            *values,
        )
        return [
            content(key, at, json.loads(body) | {"confidence": confidence}, self._from_blob(blob))
            for key, confidence, at, body, blob in rows
        ]

    def _record(self, key: str) -> Record:
        found = self._contents("WHERE record.key = ?", key)
        if not found:
            raise self._missing(key)
        return found[0]

    def _content_of(self, key: str) -> int:
        """The log entry with the content of a present record."""
        found = self._run("SELECT content FROM record WHERE key = ?", key)
        if not found:
            raise self._missing(key)
        return int(found[0][0])

    def _absent(self, key: str) -> None:
        if self._run("SELECT 1 FROM record WHERE key = ?", key):
            raise ValueError(f"a record {key!r} is there already; Update replaces it")

    def _missing(self, key: str) -> KeyError:
        """What became of a key, or the keys that follow it."""
        sql = (
            "SELECT sequence, kind, key FROM log WHERE (key = ? AND kind = 'DELETE') OR (other = ? AND kind = 'MERGE')"
        )
        ends = self._run(f"{sql} ORDER BY sequence DESC LIMIT 1", key, key)
        if ends:
            sequence, kind, kept = ends[0]
            became = "deleted" if kind == "DELETE" else f"merged into {kept!r}"
            return KeyError(f"no record {key!r}: it was {became} by operation {sequence}")
        after = self._run("SELECT key FROM record WHERE key > ? ORDER BY key LIMIT ?", key, NEAR)
        before = self._run("SELECT key FROM record WHERE key < ? ORDER BY key DESC LIMIT ?", key, NEAR)
        near = ", ".join(row[0] for row in before[::-1] + after)
        return KeyError(f"no record {key!r}. Keys near it: {near or 'none, the store is empty'}")
