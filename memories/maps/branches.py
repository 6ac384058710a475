"""The inner cells of an octree that has no cell with a single child, in arrays.

A cell of level n is 2^n leaves wide; all keys in it agree from bit 3n on. Only cells with two children or more are
kept, so n leaves need at most n - 1 of them, at any distance from each other. A child is a slot (0 and up), EMPTY, or
-2 - i for inner cell i.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from numba import njit

from loci.memories.maps.table import places

EMPTY = -1
SIZE, CELLS, CLOCK, ROOT, OLDEST, NEWEST = range(6)
"""Where `counts` holds the number of leaves, of inner cells and of insertions, the root, and the ends of the queue."""


class Arrays(NamedTuple):
    """All that an octree of capacity C holds; a slot is a row of the arrays of length C."""

    key: np.ndarray
    """(C,) int64: Morton key of the leaf in each slot, -1 where free."""
    visits: np.ndarray
    """(C,) int64: insertions since the leaf was made."""
    touched: np.ndarray
    """(C,) int64: the clock at the last insertion or touch."""
    before: np.ndarray
    """(C,) int32: the slot that leaves just before this one, -1 for the first."""
    after: np.ndarray
    """(C,) int32: the slot that leaves just after this one, -1 for the last."""
    free: np.ndarray
    """(C,) int32: the free slots, from number SIZE on."""
    table: np.ndarray
    """(2^m,) int32: hash table of the slots (table.py)."""
    child: np.ndarray
    """(C - 1, 8) int32: children of each inner cell, one in each octant."""
    corner: np.ndarray
    """(C - 1,) int64: the lowest key in the inner cell."""
    level: np.ndarray
    """(C - 1,) int64: the inner cell is 2^level leaves wide."""
    spare: np.ndarray
    """(C - 1,) int32: the inner cells not in use, from number CELLS on."""
    counts: np.ndarray
    """(6,) int64: see SIZE and its fellows."""


def arrays(capacity: int) -> Arrays:
    """Of an octree without leaves."""
    inner = max(capacity - 1, 1)
    made = Arrays(
        key=np.empty(capacity, np.int64),
        visits=np.empty(capacity, np.int64),
        touched=np.empty(capacity, np.int64),
        before=np.empty(capacity, np.int32),
        after=np.empty(capacity, np.int32),
        free=np.empty(capacity, np.int32),
        table=np.empty(places(capacity), np.int32),
        child=np.empty((inner, 8), np.int32),
        corner=np.empty(inner, np.int64),
        level=np.empty(inner, np.int64),
        spare=np.empty(inner, np.int32),
        counts=np.empty(6, np.int64),
    )
    clear(made)
    return made


def clear(tree: Arrays) -> None:
    """Forget everything, in place."""
    for array in (tree.key, tree.before, tree.after, tree.table, tree.child):
        array.fill(-1)
    for array in (tree.visits, tree.touched, tree.corner, tree.level):
        array.fill(0)
    tree.free[:], tree.spare[:] = np.arange(len(tree.free)), np.arange(len(tree.spare))
    tree.counts[:] = 0, 0, 0, EMPTY, EMPTY, EMPTY


@njit(cache=True, nogil=True)
@no_type_check
def attach(tree, slot):
    """Hang a leaf, whose key stands in its slot, into the tree."""
    key, node, parent, octant = tree.key[slot], tree.counts[ROOT], np.int64(EMPTY), np.int64(0)
    while node < EMPTY:
        inner = -2 - node
        level = tree.level[inner]
        if (key ^ tree.corner[inner]) >> 3 * level:
            break
        parent, octant = inner, key >> 3 * (level - 1) & 7
        node = np.int64(tree.child[parent, octant])
    _link(tree, parent, octant, slot if node == EMPTY else _fork(tree, node, slot))


@njit(cache=True, nogil=True)
@no_type_check
def cut(tree, slot):
    """Take a leaf out of the tree, and the inner cell above it when one child is left there."""
    key, node = tree.key[slot], tree.counts[ROOT]
    above, parent, from_above, octant = np.int64(EMPTY), np.int64(EMPTY), np.int64(0), np.int64(0)
    while node < EMPTY:
        above, from_above, parent = parent, octant, -2 - node
        octant = key >> 3 * (tree.level[parent] - 1) & 7
        node = np.int64(tree.child[parent, octant])
    _link(tree, parent, octant, EMPTY)
    if parent != EMPTY:
        only = _only_child(tree, parent)
        if only != EMPTY:
            _link(tree, above, from_above, only)
            tree.counts[CELLS] -= 1
            tree.spare[tree.counts[CELLS]] = parent


@njit(cache=True, nogil=True)
@no_type_check
def _link(tree, parent, octant, node):
    if parent == EMPTY:
        tree.counts[ROOT] = node
    else:
        tree.child[parent, octant] = node


@njit(cache=True, nogil=True)
@no_type_check
def _fork(tree, node, slot):
    """A new inner cell, the smallest that holds both a node of the tree and a leaf that is not in it."""
    key = tree.key[slot]
    other = tree.key[node] if node >= 0 else tree.corner[-2 - node]
    level = np.int64(1)
    while (key ^ other) >> 3 * level:
        level += 1
    inner = np.int64(tree.spare[tree.counts[CELLS]])
    tree.counts[CELLS] += 1
    tree.corner[inner], tree.level[inner] = key >> 3 * level << 3 * level, level
    tree.child[inner] = EMPTY
    tree.child[inner, key >> 3 * (level - 1) & 7] = slot
    tree.child[inner, other >> 3 * (level - 1) & 7] = node
    return -2 - inner


@njit(cache=True, nogil=True)
@no_type_check
def _only_child(tree, inner):
    """The child of an inner cell that has one, EMPTY when it has more."""
    found = EMPTY
    for octant in range(8):
        node = tree.child[inner, octant]
        if node != EMPTY:
            if found != EMPTY:
                return EMPTY
            found = node
    return found
