"""What is present follows from the log: the fold of its operations, for a whole store and for one key."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from loci.memories.stores.store import (
    Add,
    Change,
    Decay,
    Delete,
    Edge,
    Entry,
    Link,
    Merge,
    Record,
    Rollback,
    State,
    Update,
)


@dataclass
class Present:
    """Records by key as they were written, the entries of the log that hold them, how sure they are now, and the edges
    of every key."""

    records: dict[str, Record] = field(default_factory=dict)
    contents: dict[str, int] = field(default_factory=dict)
    confidences: dict[str, float] = field(default_factory=dict)
    edges: defaultdict[str, set[Edge]] = field(default_factory=lambda: defaultdict(set))

    def take(self, entry: Entry) -> None:
        """The next entry of a live log."""
        match entry.operation:
            case Add(record) | Update(record):
                self.records[record.key] = record
                self.contents[record.key] = entry.sequence
                self.confidences[record.key] = record.confidence
            case Delete(key):
                self._leave(key)
            case Link(edge, _, held):
                self._link(edge, held)
            case Merge(kept, gone):
                for edge in self._leave(gone):
                    self._link(moved(edge, gone, kept), True)
            case Decay(factor, _, where):
                for key, confidence in self.confidences.items():
                    if not where or self.records[key].has(where):
                        self.confidences[key] = confidence * factor
            case Rollback():
                raise ValueError(f"operation {entry.sequence} is a rollback, which is not part of a live log")

    def links(self) -> frozenset[Edge]:
        return frozenset().union(*self.edges.values())

    def state(self) -> State:
        sure = self.confidences
        records = {key: replace(record, confidence=sure[key]) for key, record in sorted(self.records.items())}
        return State(records, self.links())

    def _leave(self, key: str) -> set[Edge]:
        """Take the record and its edges away; these."""
        del self.records[key], self.contents[key], self.confidences[key]
        edges = self.edges.pop(key, set())
        for edge in edges:
            self.edges[edge.tail if edge.head == key else edge.head].remove(edge)
        return edges

    def _link(self, edge: Edge, held: bool) -> None:
        for end in {edge.head, edge.tail} if edge.head != edge.tail else ():
            (self.edges[end].add if held else self.edges[end].remove)(edge)


def replay(entries: Iterable[Entry]) -> Present:
    """The fold of live entries."""
    present = Present()
    for entry in entries:
        present.take(entry)
    return present


def live(rollbacks: Sequence[tuple[int, int]], last: int) -> list[tuple[int, int]]:
    """The parts of the log, (first, last) each, that make the state after operation `last`: what a rollback took back
    is passed over, and so is the rollback. `rollbacks` are (its own number, the number it returned to), rising."""
    parts = []
    for sequence, to in reversed(rollbacks):
        if sequence <= last:
            parts.append((sequence + 1, last))
            last = to
    parts.append((1, last))
    return [(first, end) for first, end in reversed(parts) if first <= end]


def story(key: str, entries: Iterable[Entry]) -> list[Change]:
    """The changes of one key, from all entries that name it, all decays and all rollbacks."""
    changes: list[Change] = []
    record: Record | None = None
    for entry in entries:
        before = record
        match entry.operation:
            case Add(new) | Update(new):
                record = new
            case Delete():
                record = None
            case Merge(_, gone):
                record = None if gone == key else record
            case Decay(factor, _, where):
                if record is not None and record.has(where):
                    record = replace(record, confidence=record.confidence * factor)
            case Rollback(to):
                record = next((change.record for change in reversed(changes) if change.sequence <= to), None)
        if record is not before or isinstance(entry.operation, Link | Merge):
            changes.append(Change(entry.sequence, entry.operation, record))
    return changes


def moved(edge: Edge, gone: str, kept: str) -> Edge:
    """The edge with its ends at `gone` moved to `kept`."""
    return Edge(kept if edge.head == gone else edge.head, edge.relation, kept if edge.tail == gone else edge.tail)
