"""An open-addressing table from key to slot: linear probing, and no gravestones, since removal closes the gap.

The table (2^m,) holds slots and -1 where it is empty; `keys` (capacity,) holds the key of each slot. With at least two
places a slot, a look takes about one and a half probes however many slots are filled.
"""

from typing import no_type_check

import numpy as np
from numba import njit

ODD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio (Knuth, The Art of Computer Programming, volume 3, section 6.4)."""


def places(capacity: int) -> int:
    """Size of the table of `capacity` slots: a power of two, at least twice as many."""
    return 1 << (2 * capacity - 1).bit_length()


@njit(cache=True, nogil=True)
@no_type_check
def find(table, keys, key):
    """Slot of a key, -1 where it is not held."""
    place = _home(table, key)
    while table[place] >= 0 and keys[table[place]] != key:
        place = (place + 1) & (len(table) - 1)
    return table[place]


@njit(cache=True, nogil=True)
@no_type_check
def put(table, keys, slot):
    """Enter a slot whose key is not held yet."""
    place = _home(table, keys[slot])
    while table[place] >= 0:
        place = (place + 1) & (len(table) - 1)
    table[place] = slot


@njit(cache=True, nogil=True)
@no_type_check
def drop(table, keys, slot):
    """Take a slot out, and move back what was pushed away from its home."""
    last = len(table) - 1
    gap = _home(table, keys[slot])
    while table[gap] != slot:
        gap = (gap + 1) & last
    place = (gap + 1) & last
    while table[place] >= 0:
        home = _home(table, keys[table[place]])
        if (place - home) & last >= (place - gap) & last:
            table[gap] = table[place]
            gap = place
        place = (place + 1) & last
    table[gap] = -1


@njit(cache=True, nogil=True)
@no_type_check
def _home(table, key):
    mixed = np.uint64(key) * ODD
    mixed ^= mixed >> np.uint64(32)
    return np.int64(mixed * ODD >> np.uint64(32)) & (len(table) - 1)
