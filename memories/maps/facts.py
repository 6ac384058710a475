"""Facts about things, in two times: when something was so in the world, and when it was believed.

A fact is a row (subject, predicate, value) that is valid in the world from `valid_from` until before `valid_to` and
believed from `learned` until before `superseded`. Rows are never changed but for `superseded`, and never deleted to
make them untrue: what turns out otherwise is superseded by rows that say what is known now (Snodgrass 1999, Developing
Time-Oriented Database Applications, chapter 10). So "what holds at t" and "what was believed at s about t" are the same
question with another s.

Of one predicate of one subject one value is valid at a time, except for predicates named in `many`, whose values stand
side by side. A statement is valid from its time until the next one that is known to be later; a row with `holds` false
says that from then on the value is not so (of `many`), or that none is known. Statements may come late: what is known
of a later time stays. A repetition of what is believed leaves no row, so a late contradiction is valid until the next
change that was recorded, not until the next repetition.

Sources have ranks. A source of rank 1 or more, such as an operator, speaks of all times from the one it names until it
speaks: rows that begin there and are not of a higher rank are superseded, and later statements of a lower rank about
those times are filed but never believed. Evidence from after it spoke is believed again. Two statements of one rank
about one instant: the one told later is believed; told at once, the one that changes something, then the more
confident, then the one whose text is greater, so that their order does not matter.

Capacity is finite. When fewer than ADDED rows are free, history is dropped, a sixteenth of the capacity at once: first
what is no longer believed, the row superseded longest ago first; then what is over, the row whose validity ended
longest ago first; then the rows that say that something does not hold, the oldest first. A fact that holds now is never
dropped. What has been dropped is unknown, nothing else becomes untrue.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

Value = str | int | float | bool | tuple[float, ...] | None
Slot = tuple[int, str] | tuple[int, str, Value]
RANKS = {"detection": 0, "action": 0, "inferred": 0, "operator": 1}
"""Sources and their ranks."""
TEXT = 64
"""Characters that a predicate, a text as value or a source may have."""
ROW = 8 * 8 + 1 + 3 * TEXT
"""Bytes of a row with its longest texts: eight numbers, a truth value, predicate, value and source."""
ADDED = 3
"""Rows that one statement may add."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row. Times are seconds, inf where there is no end."""

    number: int
    """In the order of filing, never used again."""
    subject: int
    predicate: str
    value: Value
    holds: bool
    valid_from: float
    valid_to: float
    learned: float
    """When this row began to be believed."""
    superseded: float
    """When it ceased to be; equal to `learned` where it never was."""
    told: float
    """When its source said so. A row that only ends an older one keeps the older one's."""
    source: str
    confidence: float

    @property
    def believed(self) -> bool:
        """Whether it is believed now."""
        return self.superseded == math.inf

    def valid(self, time: float) -> bool:
        return self.valid_from <= time < self.valid_to


class Facts:
    """At most `capacity` rows; `ranks` names the sources, `many` the predicates with several values at a time. A leaf
    of a memory's state: it has clone and nbytes. The transaction time, `learned`, never runs back."""

    def __init__(
        self, capacity: int, ranks: Mapping[str, int] | None = None, many: frozenset[str] = frozenset()
    ) -> None:
        if capacity < ADDED:
            raise ValueError(f"capacity must be {ADDED} rows or more, got {capacity}")
        self.capacity, self.ranks, self.many = capacity, dict(RANKS if ranks is None else ranks), many
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.rows: dict[int, Fact] = {}
        self.now = -math.inf
        """When something was learned last."""
        self.filed = 0
        """Rows that were ever filed."""
        self.dropped = 0
        """Rows that left for want of room."""
        self._lines: dict[Slot, list[Fact]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes when full, with the longest texts; they do not grow."""
        return self.capacity * ROW

    def clone(self) -> "Facts":
        """An independent copy."""
        twin = Facts(self.capacity, self.ranks, self.many)
        twin.rows, twin.now, twin.filed, twin.dropped = dict(self.rows), self.now, self.filed, self.dropped
        twin._lines = {slot: list(line) for slot, line in self._lines.items()}
        return twin

    def tell(
        self,
        subject: int,
        predicate: str,
        value: Value,
        time: float,
        learned: float | None = None,
        source: str = "detection",
        confidence: float = 1.0,
        holds: bool = True,
    ) -> Fact:
        """File that from `time` on the predicate of a subject has a value (or, with `holds` false, that it has not),
        learned at `learned` (None for at that time). The row that is believed, or the row filed in vain.

        ValueError for a time after `learned`, a `learned` before that of an earlier call, an unknown source, a
        confidence outside 0..1; OverflowError where all rows hold now. Nothing is filed then.
        """
        learned = time if learned is None else learned
        self._check(predicate, value, time, learned, source, confidence)
        fact = Fact(
            self.filed, subject, predicate, value, holds, float(time), math.inf, float(learned), math.inf,
            float(learned), source, float(confidence),
        )  # fmt: skip
        line = self._lines.get(self._slot(fact), [])
        place = bisect_right(line, time, key=lambda row: row.valid_from)
        before = line[place - 1] if place else None
        if before is not None and self._repeats(before, fact):
            return before
        self._make_room()
        self.now = max(self.now, fact.learned)
        if before is not None and not self._prevails(fact, before, line[: place - 1]):
            return self._file(replace(fact, superseded=fact.learned))
        return self._believe(fact)

    def at(
        self, time: float, believed: float = math.inf, subject: int | None = None, predicate: str | None = None
    ) -> list[Fact]:
        """What holds at `time` by what was believed at `believed` (inf for now), by subject, predicate and value."""
        rows = self._seen(believed, subject, predicate)
        return sorted((row for row in rows if row.holds and row.valid(time)), key=_by_slot)

    def value(self, subject: int, predicate: str, time: float | None = None, believed: float = math.inf) -> Value:
        """The value at `time` (None for now) by what was believed at `believed`, None where none is known. ValueError
        for a predicate of `many`."""
        if predicate in self.many:
            raise ValueError(f"{predicate!r} has several values at a time; ask values")
        values = self.values(subject, predicate, time, believed)
        return values[0] if values else None

    def values(
        self, subject: int, predicate: str, time: float | None = None, believed: float = math.inf
    ) -> tuple[Value, ...]:
        """All values at `time` (None for now) by what was believed at `believed`."""
        moment = self.now if time is None else time
        return tuple(row.value for row in self.at(moment, believed, subject, predicate))

    def history(self, subject: int, predicate: str | None = None, believed: float = math.inf) -> list[Fact]:
        """How things went by what was believed at `believed`: rows by predicate and the time they begin, also those
        that say that something ceased."""
        rows = self._seen(believed, subject, predicate)
        return sorted(rows, key=lambda row: (row.predicate, row.valid_from, row.number))

    def record(self, subject: int) -> list[Fact]:
        """All that was ever filed of a subject and is still held, as it was filed."""
        return [row for row in self.rows.values() if row.subject == subject]

    def changed(self, since: float) -> list[Fact]:
        """What was learned after `since` and is still believed, as it was filed. Not the rows that only end older
        ones."""
        return [row for row in self.rows.values() if row.believed and row.told > since]

    def forget(self, subject: int) -> None:
        """Give up all rows of a subject, for whoever gives up the subject itself."""
        self._drop([row for row in self.rows.values() if row.subject == subject])

    def restore(self, rows: Iterable[Fact], now: float, filed: int, dropped: int) -> None:
        """Hold just these rows, as `rows`, `now`, `filed` and `dropped` once were. ValueError where they are too many
        or not in order."""
        held = {row.number: row for row in rows}
        if len(held) > self.capacity:
            raise ValueError(f"capacity is {self.capacity} rows, got {len(held)}")
        if list(held) != sorted(held) or (held and max(held) >= filed):
            raise ValueError(f"rows must have ascending numbers below filed = {filed}, got {list(held)[:5]} …")
        self.clear()
        self.rows, self.now, self.filed, self.dropped = held, now, filed, dropped
        for row in sorted(held.values(), key=lambda row: row.valid_from):
            if row.believed:
                self._lines.setdefault(self._slot(row), []).append(row)

    def _believe(self, fact: Fact) -> Fact:
        """Let a row stand from its time until the next that it leaves standing, and cut what stood there."""
        slot, told = self._slot(fact), fact.learned
        line, rank = self._lines.get(slot, []), self.ranks[fact.source]
        stays = [row for row in line if row.valid_from > fact.valid_from and not self._covers(fact, row)]
        end = stays[0].valid_from if stays else math.inf
        if stays and _same(stays[0], fact) and self.ranks[stays[0].source] == rank == 0:
            end = stays.pop(0).valid_to
        starts = [row for row in line if row.valid_from < fact.valid_from]
        kept = set(starts[:-1] + stays) | {row for row in starts if row.valid_to <= fact.valid_from}
        for row in line:
            if row not in kept:
                self.rows[row.number] = replace(row, superseded=told)
        if starts and starts[-1] not in kept:
            cut = replace(starts[-1], number=self.filed, valid_to=fact.valid_from, learned=told)
            starts[-1] = self._file(cut)
        new = self._file(replace(fact, valid_to=end))
        self._lines[slot] = [*starts, new, *stays]
        return new

    def _covers(self, fact: Fact, row: Fact) -> bool:
        """Whether a source speaks of the time at which a row begins, and is not of a lower rank."""
        rank = self.ranks[fact.source]
        return rank > 0 and rank >= self.ranks[row.source] and row.valid_from <= fact.told

    def _repeats(self, before: Fact, fact: Fact) -> bool:
        return _same(before, fact) and fact.valid_from < before.valid_to and self.ranks[fact.source] == 0

    def _prevails(self, fact: Fact, before: Fact, earlier: list[Fact]) -> bool:
        """Whether a statement is believed against the row that is valid at its time."""
        rank, other = self.ranks[fact.source], self.ranks[before.source]
        if other > rank and fact.valid_from <= before.told:
            return False
        if fact.valid_from != before.valid_from or rank != other:
            return True
        return self._weight(fact, earlier) >= self._weight(before, earlier)

    def _weight(self, fact: Fact, earlier: list[Fact]) -> tuple[float, bool, float, str]:
        changes = not earlier or not _same(earlier[-1], fact)
        return fact.told, changes, fact.confidence, repr((fact.value, fact.holds))

    def _file(self, fact: Fact) -> Fact:
        row = replace(fact, number=self.filed)
        self.rows[row.number] = row
        self.filed += 1
        return row

    def _slot(self, fact: Fact) -> Slot:
        if fact.predicate in self.many:
            return fact.subject, fact.predicate, fact.value
        return fact.subject, fact.predicate

    def _seen(self, believed: float, subject: int | None, predicate: str | None) -> Iterable[Fact]:
        """Rows of a subject and a predicate (None for all) that were believed at a time."""
        if believed == math.inf and subject is not None and predicate is not None and predicate not in self.many:
            return self._lines.get((subject, predicate), [])
        return (
            row
            for row in self.rows.values()
            if (row.believed if believed == math.inf else row.learned <= believed < row.superseded)
            and (subject is None or row.subject == subject)
            and (predicate is None or row.predicate == predicate)
        )

    def _make_room(self) -> None:
        if len(self.rows) + ADDED <= self.capacity:
            return
        over = [row for row in self.rows.values() if not row.believed or row.valid_to <= self.now or not row.holds]
        short = len(self.rows) + ADDED - self.capacity
        if len(over) < short:
            raise OverflowError(f"all of {self.capacity} facts but {len(over)} hold now; give facts a larger capacity")
        self._drop(sorted(over, key=_by_worth)[: max(short, self.capacity // 16)])
        self.dropped += min(len(over), max(short, self.capacity // 16))

    def _drop(self, rows: list[Fact]) -> None:
        for row in rows:
            del self.rows[row.number]
        for slot in {self._slot(row) for row in rows if row.believed}:
            line = [row for row in self._lines[slot] if row.number in self.rows]
            self._lines[slot] = line
            if not line:
                del self._lines[slot]

    def _check(self, predicate: str, value: Value, time: float, learned: float, source: str, confidence: float) -> None:
        if source not in self.ranks:
            raise ValueError(f"source must be one of {', '.join(self.ranks)}, got {source!r}")
        if not 0.0 <= confidence <= 1.0:
            raise ValueError(f"confidence must lie in 0..1, got {confidence}")
        for name, text in (("predicate", predicate), ("value", value), ("source", source)):
            if isinstance(text, str) and len(text) > TEXT:
                raise ValueError(f"{name} must have at most {TEXT} characters, got {len(text)}")
        if not -math.inf < time <= learned < math.inf:
            raise ValueError(f"time must be finite and not after learned, got time = {time} s, learned = {learned} s")
        if learned < self.now:
            raise ValueError(f"learned must not run back, got {learned} s after {self.now} s")


def _same(one: Fact, other: Fact) -> bool:
    return one.holds == other.holds and type(one.value) is type(other.value) and one.value == other.value


def _by_slot(row: Fact) -> tuple[int, str, str]:
    return row.subject, row.predicate, repr(row.value)


def _by_worth(row: Fact) -> tuple[int, float, int]:
    """What is dropped first comes first."""
    if not row.believed:
        return 0, row.superseded, row.number
    if row.valid_to < math.inf:
        return 1, row.valid_to, row.number
    return 2, row.valid_from, row.number
