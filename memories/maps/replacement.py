"""Which entry leaves a full memory: the replacement policies of a small cache, on keys alone.

`touch(key)` asks for a key: it says whether the key was held and, if another had to leave for it, which. Afterwards the
key is held. Policies are deterministic, hold at most `capacity` keys, and can be leaves of a memory's state.

- `fifo`: who came first leaves; asking again changes nothing.
- `lru`: who was asked for longest ago leaves.
- `w_tinylfu` (Einziger, Friedman, Manes 2017, ACM TOS): what is new enters a window. Who leaves it, in order of use, is
  the candidate for the main part: there the oldest on probation makes room, but only if it was asked for less often
  lately, else the candidate leaves. Whoever is asked for while on probation is protected.
- `karma` (KARMA 2024, arXiv 2409.14908): whoever was asked for least lately leaves, out of the window and the
  elimination segment together.

The most hits that are possible on a trace: `optimum.py`.

Requests in bursts reward a wide window, requests in random order a narrow one. Half of the capacity is within .03 of
the best hit rate in recorded households, with 3 to 20 entries, whether their tasks come as recorded or shuffled: hence
WINDOW below SMALL entries. It can lose more: where each burst is about four things, five entries have .61 with it, .81
without a main part and .79 with a window that adapts (`python -m benchmarks.replacement`).

*Differs from TinyLFU:* at most 80 % of the main part are protected, rounded down; nothing is admitted at random. The
window that adapts climbs as in Caffeine (github.com/ben-manes/caffeine), by steps of at least a slot: 6.25 % of the
capacity, cut to whole slots, never move a window of less than 16 entries. *Differs from KARMA:* a key that is held is
merged at any time, not only when the memory is full; counts are halved after a sample of ten times the capacity (not
published).
"""

import copy
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any, NamedTuple

from loci.memories.maps.sketch import FrequencySketch, Key

SMALL, WINDOW, WINDOW_OF_MANY, WINDOW_OF_KARMA = 50, 0.5, 0.01, 0.9
"""Shares of the capacity: below SMALL entries, from there on (Einziger et al. 2017), and the best of KARMA."""
PROTECTED = 0.8
STEP, DECAY, RESTART, SAMPLE = 0.0625, 0.98, 0.05, 10
"""Of the climber: first step as share of the capacity, its factor per step, the change of the hit rate that restores
it, requests per entry between two steps."""


class Touch(NamedTuple):
    hit: bool
    evicted: Key | None = None
    """The key that left; of the optimum, it may be the key asked for."""


class Policy(ABC):
    """At most `capacity` keys. Raises ValueError for a capacity below 1."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity

    @abstractmethod
    def touch(self, key: Key, counted: bool = True) -> Touch:
        """Ask for a key, or write it where not `counted`: that makes it recent, but not frequent."""

    @abstractmethod
    def _segments(self) -> tuple[dict[Key, Any], ...]:
        """The parts of the memory; each keeps its own order."""

    def discard(self, key: Key) -> bool:
        """Let a key go; false if it was not held."""
        for segment in self._segments():
            if key in segment:
                del segment[key]
                return True
        return False

    def keys(self) -> list[Key]:
        """The keys held, segment after segment, the oldest of each first."""
        return [key for segment in self._segments() for key in segment]

    def __len__(self) -> int:
        return sum(map(len, self._segments()))

    def __contains__(self, key: Key) -> bool:
        return any(key in segment for segment in self._segments())

    @property
    def nbytes(self) -> int:
        """Bytes of counters and of a reference for each place; constant. The keys' own bytes are not counted."""
        return 8 * self.capacity

    def clone(self) -> "Policy":
        return copy.deepcopy(self)


class Fifo(Policy):
    """First in, first out, each key once."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.queue: OrderedDict[Key, None] = OrderedDict()

    def touch(self, key: Key, counted: bool = True) -> Touch:
        if key in self.queue:
            self._again(key)
            return Touch(hit=True)
        evicted = self.queue.popitem(last=False)[0] if len(self.queue) == self.capacity else None
        self.queue[key] = None
        return Touch(hit=False, evicted=evicted)

    def _segments(self) -> tuple[dict[Key, Any], ...]:
        return (self.queue,)

    def _again(self, key: Key) -> None:
        """In place."""


class Lru(Fifo):
    """Least recently used."""

    def _again(self, key: Key) -> None:
        self.queue.move_to_end(key)


class Segmented(Policy):
    """A window for what is new and a main part of probation and protected keys, all in order of use, with counts.

    The window has the share `window` (0 … 1) of the capacity, at least a slot. Raises ValueError for other shares.
    """

    def __init__(self, capacity: int, window: float, doorkeeper: bool) -> None:
        super().__init__(capacity)
        if not 0.0 <= window <= 1.0:
            raise ValueError(f"window must be a share of the capacity, 0 … 1, got {window}")
        self.sketch = FrequencySketch(capacity, doorkeeper)
        self.window: OrderedDict[Key, None] = OrderedDict()
        self.probation: OrderedDict[Key, None] = OrderedDict()
        self.protected: OrderedDict[Key, None] = OrderedDict()
        self.window_slots = max(1, round(capacity * window))

    @property
    def protected_slots(self) -> int:
        return int(PROTECTED * (self.capacity - self.window_slots))

    def touch(self, key: Key, counted: bool = True) -> Touch:
        if counted:
            self.sketch.add(key)
        if key in self.probation and counted:
            self.protected[key] = self.probation.pop(key)
            self._demote()
            return Touch(hit=True)
        for segment in (self.window, self.protected, self.probation):
            if key in segment:
                segment.move_to_end(key)
                return Touch(hit=True)
        return Touch(hit=False, evicted=self._enter(key))

    @property
    def nbytes(self) -> int:
        return super().nbytes + self.sketch.nbytes

    @abstractmethod
    def _enter(self, key: Key) -> Key | None:
        """Put a new key into the window. The key that leaves for it."""

    def _segments(self) -> tuple[dict[Key, Any], ...]:
        return self.probation, self.window, self.protected

    def _demote(self) -> None:
        """What is protected beyond its slots is on probation again."""
        while len(self.protected) > self.protected_slots:
            self.probation[self.protected.popitem(last=False)[0]] = None


class WTinyLfu(Segmented):
    """Window and main part, between them a comparison of counts. Without `window` it is WINDOW below SMALL entries and
    WINDOW_OF_MANY from there on. An `adaptive` window starts so and then follows the hit rate."""

    def __init__(
        self, capacity: int, window: float | None = None, adaptive: bool = False, doorkeeper: bool = True
    ) -> None:
        usual = WINDOW if capacity < SMALL else WINDOW_OF_MANY
        super().__init__(capacity, usual if window is None else window, doorkeeper)
        self.climber = Climber(capacity, self.window_slots) if adaptive else None

    def touch(self, key: Key, counted: bool = True) -> Touch:
        touched = super().touch(key, counted)
        if self.climber is not None and counted:
            self._resize(self.climber.observe(touched.hit))
        return touched

    def _enter(self, key: Key) -> Key | None:
        self.window[key] = None
        if len(self.window) <= self.window_slots:
            return None
        candidate = self.window.popitem(last=False)[0]
        if len(self) < self.capacity:
            self.probation[candidate] = None
            return None
        main = self.probation or self.protected
        victim = next(iter(main), None)
        if victim is None or self.sketch.estimate(candidate) <= self.sketch.estimate(victim):
            return candidate
        del main[victim]
        self.probation[candidate] = None
        return victim

    def _resize(self, slots: int) -> None:
        """Another size of the window; the oldest move between it and the main part, none leaves."""
        self.window_slots = slots
        self._demote()
        while len(self.probation) + len(self.protected) > self.capacity - slots:
            self.window[(self.probation or self.protected).popitem(last=False)[0]] = None
        while len(self.window) > slots:
            self.probation[self.window.popitem(last=False)[0]] = None


class Karma(Segmented):
    """The least counted of window and elimination segment (`probation`) leaves, of equal ones the oldest, first of the
    elimination segment; never the key that arrives."""

    def __init__(self, capacity: int, window: float = WINDOW_OF_KARMA, doorkeeper: bool = False) -> None:
        super().__init__(capacity, window, doorkeeper)

    def _enter(self, key: Key) -> Key | None:
        evicted = None
        if len(self) == self.capacity:
            evicted = min([*self.probation, *self.window], key=self.sketch.estimate)
            self.discard(evicted)
        self.window[key] = None
        if len(self.window) > self.window_slots:
            self.probation[self.window.popitem(last=False)[0]] = None
        return evicted


class Climber:
    """Climbs to the window with the best hit rate: goes on while the rate does not fall, else turns round."""

    def __init__(self, capacity: int, slots: int) -> None:
        self.capacity, self.place = capacity, float(slots)
        self.step = self.full = max(1.0, STEP * capacity)
        self.requests = self.hits = 0
        self.rate = 0.0

    def observe(self, hit: bool) -> int:
        """Slots of the window after one more request."""
        self.requests, self.hits = self.requests + 1, self.hits + hit
        if self.requests == SAMPLE * self.capacity:
            self._climb(self.hits / self.requests)
        return round(self.place)

    def _climb(self, rate: float) -> None:
        change, self.rate = rate - self.rate, rate
        self.requests = self.hits = 0
        way = self.step if change >= 0 else -self.step
        self.place = min(max(self.place + way, 1.0), float(self.capacity))
        size = self.full if abs(change) >= RESTART else DECAY * abs(way)
        self.step = size if way > 0 else -size


ONLINE = {"fifo": Fifo, "lru": Lru, "w_tinylfu": WTinyLfu, "karma": Karma}


def policy(name: str, capacity: int, window: float | None = None, adaptive: bool = False) -> Policy:
    """An online policy by its name; `window` for w_tinylfu and karma, `adaptive` for w_tinylfu. Raises ValueError for
    another name and for an option that the policy does not have."""
    if name not in ONLINE:
        raise ValueError(f"no replacement policy {name!r}. Policies: {', '.join(ONLINE)}")
    if name == "w_tinylfu":
        return WTinyLfu(capacity, window, adaptive)
    if adaptive:
        raise ValueError(f"adaptive belongs to w_tinylfu, got {name} with adaptive={adaptive}")
    if name == "karma":
        return Karma(capacity) if window is None else Karma(capacity, window)
    if window is not None:
        raise ValueError(f"window belongs to w_tinylfu and karma, got {name} with window={window}")
    return ONLINE[name](capacity)
