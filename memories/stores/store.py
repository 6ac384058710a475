"""A persistent store of records with one append-only log: what it takes, what it gives and what it refuses.

Every change is an operation of the log: ADD, UPDATE, DELETE, LINK, MERGE, DECAY, and ROLLBACK, which returns to an
earlier state without erasing anything. The present records and links follow from the log alone (`replay.py`). Times are
seconds on the caller's clock. A record says when its fact was true in the world (`valid_from`, `valid_to`) and when it
was learned; the log is in the order of learning, so that "what was believed at t" and "what was true at t" both have
answers.

Letters: D width of a vector.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from loci.memories.stores.values import finite, json_only, name, own_vector, share, token, words


class NotAStore(ValueError):
    """What was opened is something else."""


class NewerStore(ValueError):
    """The store was written by newer code."""


class Occupied(RuntimeError):
    """Another writer has the store."""


class Closed(RuntimeError):
    """The store was closed, or was opened for reading only."""


@dataclass(frozen=True, eq=False)
class Record:
    """One fact. Refused with ValueError: an empty key, a confidence outside 0..1, `valid_to` before `valid_from`, what
    JSON would change, and vectors that are not (D,) float32 of a length within 1e-15 … 1e15."""

    key: str
    text: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What filters ask for: JSON values by name."""
    vector: np.ndarray | None = None
    """(D,) float32, for the search by likeness."""
    valid_from: float = 0.0
    valid_to: float | None = None
    """The first moment at which it was no longer true; None while it is."""
    learned_at: float = 0.0
    source: str = "observation"
    confidence: float = 1.0

    def __post_init__(self) -> None:
        name("key", self.key)
        name("source", self.source)
        words("text", self.text)
        times = {"valid_from": self.valid_from, "learned_at": self.learned_at}
        for which, moment in (times if self.valid_to is None else times | {"valid_to": self.valid_to}).items():
            finite(which, moment)
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError(f"valid_to must not be before valid_from, got {self.valid_to} and {self.valid_from}")
        share("confidence", self.confidence)
        json_only("attributes", self.attributes)
        if self.vector is not None:
            object.__setattr__(self, "vector", own_vector(self.vector))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and _parts(self) == _parts(other)

    def valid(self, moment: float) -> bool:
        """Whether it was true at that moment of the world."""
        return self.valid_from <= moment and (self.valid_to is None or moment < self.valid_to)

    def has(self, where: Mapping[str, Any]) -> bool:
        """Whether its attributes have these values, equal as JSON."""
        return all(key in self.attributes and token(self.attributes[key]) == token(where[key]) for key in where)


class Edge(NamedTuple):
    """A relation of two records, such as (cup_1, on, table_2)."""

    head: str
    relation: str
    tail: str


@dataclass(frozen=True)
class Add:
    """A record whose key is not present."""

    record: Record

    @property
    def at(self) -> float:
        return self.record.learned_at


@dataclass(frozen=True)
class Update:
    """A whole record in the place of the present one of the same key; links stay."""

    record: Record

    @property
    def at(self) -> float:
        return self.record.learned_at


@dataclass(frozen=True)
class Delete:
    """The record and its links are no longer present; the log keeps them."""

    key: str
    at: float


@dataclass(frozen=True)
class Link:
    """An edge between two present records; with `held` false the edge is taken away."""

    edge: Edge
    at: float
    held: bool = True

    def __post_init__(self) -> None:
        name("relation", self.edge.relation)
        if self.edge.head == self.edge.tail:
            raise ValueError(f"a link joins two records, got {self.edge.head!r} at both ends")


@dataclass(frozen=True)
class Merge:
    """Two records turn out to be one: `gone` leaves, its links become links of `kept`. The record of `kept` stays as it
    is; an Update in the same `apply` combines the two."""

    kept: str
    gone: str
    at: float

    def __post_init__(self) -> None:
        if self.kept == self.gone:
            raise ValueError(f"a merge takes two records, got {self.kept!r} twice")


@dataclass(frozen=True)
class Decay:
    """The confidence of every record with these attributes is multiplied by `factor`, 0..1."""

    factor: float
    at: float
    where: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        share("factor", self.factor)
        json_only("where", self.where)


@dataclass(frozen=True)
class Rollback:
    """The present becomes what it was after operation `to`; 0 is the empty store. What lies between stays in the log,
    and can be returned to."""

    to: int
    at: float


Operation = Add | Update | Delete | Link | Merge | Decay | Rollback


@dataclass(frozen=True)
class Entry:
    """One line of the log; sequence numbers are 1, 2, 3, …"""

    sequence: int
    operation: Operation


@dataclass(frozen=True)
class Change:
    """What an operation made of one record; None where it is not present afterwards."""

    sequence: int
    operation: Operation
    record: Record | None


@dataclass(frozen=True)
class Hit:
    record: Record
    cosine: float


@dataclass(frozen=True)
class State:
    """All that is present at one moment."""

    records: dict[str, Record]
    links: frozenset[Edge]


@runtime_checkable
class Store(Protocol):
    """One writer and any number of readers. Every call sees all that was acknowledged before it."""

    width: int
    """D; 0 in a store without vectors."""

    def apply(self, *operations: Operation) -> int:
        """Do all of them or none; when this returns the sequence number of the last, they are on the disk. KeyError for
        a key that is not present, ValueError for one that is (Add), a wrong vector width, or a time before the last."""
        ...

    def last(self) -> int:
        """The newest sequence number, 0 before the first."""
        ...

    def get(self, key: str) -> Record:
        """KeyError says what became of a key that is not present."""
        ...

    def records(self, where: Mapping[str, Any] | None = None, valid_at: float | None = None) -> list[Record]:
        """Those present with these attributes that are true at a moment of the world; by key."""
        ...

    def links(self, key: str | None = None) -> list[Edge]:
        """Edges of one record, or all; sorted."""
        ...

    def search(
        self, vector: np.ndarray, k: int, where: Mapping[str, Any] | None = None, valid_at: float | None = None
    ) -> list[Hit]:
        """The k most alike by cosine, exactly: greatest first, equal ones by key. Records without a vector are left
        out, so there may be fewer."""
        ...

    def history(self, key: str) -> list[Change]:
        """Every operation that named the key or changed its record, oldest first."""
        ...

    def log(self, first: int = 1, last: int | None = None) -> list[Entry]:
        """Entries by sequence number, both ends included."""
        ...

    def as_of(self, sequence: int) -> State:
        """What was present after an operation."""
        ...

    def sequence_at(self, time: float) -> int:
        """The last operation learned no later than a time, 0 if there is none: what was believed then is
        `as_of(sequence_at(time))`."""
        ...

    def close(self) -> None:
        """Any later call raises Closed, except this one."""
        ...


def _parts(record: Record) -> list[Any]:
    vector = None if record.vector is None else record.vector.tobytes()
    return [vector, *(getattr(record, f.name) for f in fields(record) if f.name != "vector")]
