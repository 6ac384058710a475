"""Morton keys: the numbers of a cell on three axes, 21 bits each, woven into one integer of 63 bits.

Cell i of an axis covers i leaf ≤ x < (i + 1) leaf metres, from i = -2^20 to 2^20 - 1, so that the cube lies around the
origin. Bit n of i + 2^20 is bit 3n of the key for x, 3n + 1 for y and 3n + 2 for z. A key shifted right by three bits
is the key of the cell twice as wide that holds it (Morton 1966).
"""

from collections.abc import Sequence
from typing import no_type_check

import numpy as np
from numba import njit

BITS = 21
HALF = 1 << (BITS - 1)
"""Cells on either side of the origin."""
OUTSIDE = -1
"""No key: the point lies outside the cube, or is not a number."""


def cells(position: np.ndarray | Sequence[float], leaf: float) -> np.ndarray:
    """Cell numbers (*n, 3) int64 of positions (*n, 3) metres. ValueError outside the cube of ±2^20 leaves."""
    position = np.asarray(position, float)
    if position.ndim == 0 or position.shape[-1] != 3:
        raise ValueError(f"position must have shape (..., 3), got {position.shape}")
    cell = np.floor(position / leaf)
    inside = ((cell >= -HALF) & (cell < HALF)).all(axis=-1)
    if not inside.all():
        refuse(position[~inside][0], leaf)
    return cell.astype(np.int64)


def refuse(position: np.ndarray | Sequence[float], leaf: float) -> None:
    """Raise the ValueError of a position outside the cube."""
    place = ", ".join(f"{float(x):g}" for x in position)
    raise ValueError(
        f"position must lie within ±{HALF * leaf:g} m of the origin, the cube that leaves of {leaf:g} m cover, "
        f"got ({place}); a larger leaf covers more"
    )


def encode(cell: np.ndarray) -> np.ndarray:
    """Keys (*n,) int64 of cell numbers (*n, 3). ValueError for numbers outside -2^20..2^20 - 1."""
    cell = np.asarray(cell, np.int64)
    if cell.ndim == 0 or cell.shape[-1] != 3:
        raise ValueError(f"cell must have shape (..., 3), got {cell.shape}")
    if cell.size and (cell.min() < -HALF or cell.max() >= HALF):
        raise ValueError(f"cell must lie in {-HALF}..{HALF - 1}, got {cell.min()}..{cell.max()}")
    return _encode(np.ascontiguousarray(cell.reshape(-1, 3))).reshape(cell.shape[:-1])


def decode(key: np.ndarray) -> np.ndarray:
    """Cell numbers (*n, 3) int64 of keys (*n,). ValueError for numbers that are no key."""
    key = np.asarray(key, np.int64)
    if key.size and key.min() < 0:
        raise ValueError(f"key must lie in 0..2^63 - 1, got {key.min()}")
    return _decode(np.ascontiguousarray(key.reshape(-1))).reshape(*key.shape, 3)


@njit(cache=True, nogil=True)
@no_type_check
def key_at(x, y, z, leaf):
    """Key of the cell that holds a point, OUTSIDE where there is none."""
    i, j, k = np.floor(x / leaf), np.floor(y / leaf), np.floor(z / leaf)
    if not (-HALF <= i < HALF and -HALF <= j < HALF and -HALF <= k < HALF):
        return np.int64(OUTSIDE)
    return weave(np.int64(i), np.int64(j), np.int64(k))


@njit(cache=True, nogil=True)
@no_type_check
def weave(i, j, k):
    """Key of one cell."""
    return _spread(i + HALF) | _spread(j + HALF) << 1 | _spread(k + HALF) << 2


@njit(cache=True, nogil=True)
@no_type_check
def unweave(key):
    """Cell of one key."""
    return _gather(key) - HALF, _gather(key >> 1) - HALF, _gather(key >> 2) - HALF


@njit(cache=True, nogil=True)
@no_type_check
def _spread(x):
    """Two zeros between the bits of a number of 21 bits."""
    x = (x | x << 32) & 0x001F00000000FFFF
    x = (x | x << 16) & 0x001F0000FF0000FF
    x = (x | x << 8) & 0x100F00F00F00F00F
    x = (x | x << 4) & 0x10C30C30C30C30C3
    return (x | x << 2) & 0x1249249249249249


@njit(cache=True, nogil=True)
@no_type_check
def _gather(x):
    """Every third bit: the inverse of `_spread`."""
    x &= 0x1249249249249249
    x = (x | x >> 2) & 0x10C30C30C30C30C3
    x = (x | x >> 4) & 0x100F00F00F00F00F
    x = (x | x >> 8) & 0x001F0000FF0000FF
    x = (x | x >> 16) & 0x001F00000000FFFF
    return (x | x >> 32) & 0x00000000001FFFFF


@njit(cache=True, nogil=True)
@no_type_check
def _encode(cell):
    key = np.empty(len(cell), np.int64)
    for n in range(len(cell)):
        key[n] = weave(cell[n, 0], cell[n, 1], cell[n, 2])
    return key


@njit(cache=True, nogil=True)
@no_type_check
def _decode(key):
    cell = np.empty((len(key), 3), np.int64)
    for n in range(len(key)):
        cell[n, 0], cell[n, 1], cell[n, 2] = unweave(key[n])
    return cell
