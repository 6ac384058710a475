"""How often keys were asked for lately, estimated in a fixed number of bytes.

A count-min sketch (Cormode, Muthukrishnan 2005) of four rows of 4-bit counters, as TinyLFU uses it (Einziger, Friedman,
Manes 2017, ACM TOS): an addition raises one counter in each row, the estimate is the least of the four. It is never too
small before the first halving, save that counters stop at 15. After a sample of ten additions for each entry of the
memory all counters are halved, so that what was popular long ago is forgotten. The doorkeeper, a Bloom filter, takes
the first addition of each key, so that keys asked for once do not fill the counters; halving clears it. What it takes
counts towards the sample too.

Places come from BLAKE2b of the key, so they are the same in every process and on every machine. A 4-bit counter lies in
a byte of its own. KARMA (arXiv 2409.14908) counts in a counting Bloom filter without doorkeeper, whose estimate is the
same least counter; its sample size W is not published.
"""

import copy
from hashlib import blake2b
from struct import unpack

Key = int | str

DEPTH, MOST = 4, 15
COUNTERS, SAMPLE = 8, 10
"""Counters in a row, and additions until they are halved, for each entry of the memory."""
BITS = 16
"""Bits of the doorkeeper for each counter of a row: less than 1 % of new keys pass it when it has seen a sample."""


class FrequencySketch:
    """Estimates for a memory of `capacity` entries. A leaf of a memory's state: it has clone and nbytes. Raises
    ValueError for a capacity below 1."""

    def __init__(self, capacity: int, doorkeeper: bool = True) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.width = 1 << (max(2, capacity) * COUNTERS - 1).bit_length()
        self.sample = SAMPLE * capacity
        self.additions = 0
        self.rows = [bytearray(self.width) for _ in range(DEPTH)]
        """Counters, 0 … 15."""
        self.door = bytearray(BITS * self.width) if doorkeeper else None
        """Bits, each in a byte."""

    def add(self, key: Key) -> None:
        """Count one more request for a key."""
        words = _words(key)
        if self.door is None or self._passed(words):
            for row, word in zip(self.rows, words, strict=False):
                row[word % self.width] = min(row[word % self.width] + 1, MOST)
        else:
            for word in words[DEPTH:]:
                self.door[word % len(self.door)] = 1
        self.additions += 1
        if self.additions == self.sample:
            self._halve()

    def estimate(self, key: Key) -> int:
        """How often the key was added lately, 0 … 16."""
        words = _words(key)
        least = min([row[word % self.width] for row, word in zip(self.rows, words, strict=False)])
        return least + self._passed(words)

    @property
    def nbytes(self) -> int:
        """Bytes of counters and doorkeeper; they do not grow."""
        return DEPTH * self.width + len(self.door or b"")

    def clone(self) -> "FrequencySketch":
        return copy.deepcopy(self)

    def _passed(self, words: tuple[int, ...]) -> bool:
        """Whether the doorkeeper has seen the key."""
        return self.door is not None and all([self.door[word % len(self.door)] for word in words[DEPTH:]])

    def _halve(self) -> None:
        self.rows = [bytearray([count // 2 for count in row]) for row in self.rows]
        if self.door is not None:
            self.door = bytearray(len(self.door))
        self.additions //= 2


def _words(key: Key) -> tuple[int, ...]:
    """Eight numbers of 32 bits: four for counters, four for the doorkeeper."""
    return unpack(f"<{2 * DEPTH}I", blake2b(ascii(key).encode(), digest_size=8 * DEPTH).digest())
