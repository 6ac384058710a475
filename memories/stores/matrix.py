"""Vectors by key in memory, and the most alike of them by cosine, exactly.

A scan in float32 finds the rows that can be among the k best, whatever its rounding; these are compared in float64.
The scan is `numpy.einsum`: it runs in one thread, and gives equal rows equal scores wherever they stand, which a
product by a linear-algebra library does not.

Letters: N rows, M of them, D width.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64

BLOCK = 8192
"""Rows for which room is made at a time; nothing is ever copied to grow."""


def cosines(vectors: Float32[np.ndarray, "N D"], query: Float32[np.ndarray, " D"]) -> Float64[np.ndarray, " N"]:
    """Of each row with the query, in float64, the same for equal rows."""
    wide, asked = vectors.astype(np.float64), query.astype(np.float64)
    lengths = np.sqrt((wide * wide).sum(1)) * np.sqrt((asked * asked).sum())
    return (wide * asked).sum(1) / lengths


def margin(width: int) -> float:
    """Bound of what rounding in float32 can do to the difference of two cosines: 2 γ, with γ about D half-ulps for the
    sum of D products (Higham 2002, §3.1) and 8 for the lengths and the scaling."""
    return 2 * (width + 8) * 2.0**-24


def ranked(pairs: Iterable[tuple[str, float]], k: int) -> list[tuple[str, float]]:
    """The k pairs (key, cosine) of the greatest cosine, greatest first, equal ones by key."""
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]


class Matrix:
    """Rows in no order, each with a key and a number of the caller's; a row that leaves is replaced by the last."""

    def __init__(self, width: int, block: int = BLOCK):
        self.width, self.block = width, block
        self.keys: list[str] = []
        self._rows: dict[str, int] = {}
        self._vectors: list[Float32[np.ndarray, "N D"]] = []
        self._scales: list[Float32[np.ndarray, " N"]] = []  # one over the length
        self._numbers: list[Int64[np.ndarray, " N"]] = []

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(part.nbytes for part in (*self._vectors, *self._scales, *self._numbers))

    def put(self, keys: Sequence[str], numbers: Sequence[int], vectors: Float32[np.ndarray, "N D"]) -> None:
        """Hold vectors under keys, in the place of earlier ones."""
        scales = 1.0 / np.sqrt(np.square(vectors, dtype=np.float64).sum(1))
        for key, number, vector, scale in zip(keys, numbers, vectors, scales, strict=True):
            part, place = divmod(self._row(key), self.block)
            self._vectors[part][place] = vector
            self._scales[part][place] = scale
            self._numbers[part][place] = number

    def drop(self, key: str) -> None:
        """Forget the vector of a key; nothing happens where there is none."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = self.keys.pop()
        if last != key:
            to, hole = divmod(row, self.block)
            source, place = divmod(len(self.keys), self.block)
            for blocks in (self._vectors, self._scales, self._numbers):
                blocks[to][hole] = blocks[source][place]
            self.keys[row] = last
            self._rows[last] = row

    def search(
        self, query: Float32[np.ndarray, " D"], k: int, among: Int64[np.ndarray, " M"] | None = None
    ) -> list[tuple[str, float]]:
        """The k keys of the greatest cosine with it, greatest first, equal ones by key; `among` are the numbers of the
        rows to be searched, all without."""
        unit = (query / np.sqrt(np.square(query, dtype=np.float64).sum())).astype(np.float32)
        parts = [(n, self._places(n, among)) for n in range(-(-len(self.keys) // self.block))]
        scores = [np.einsum("nd,d->n", self._vectors[n][places], unit) * self._scales[n][places] for n, places in parts]
        least = _kth(scores, k) - margin(self.width)
        best: list[tuple[str, float]] = []
        for (n, places), score in zip(parts, scores, strict=True):
            near = np.arange(self.block)[places][score >= least]
            keys = (self.keys[n * self.block + place] for place in near)
            best = ranked([*best, *zip(keys, cosines(self._vectors[n][near], query).tolist(), strict=True)], k)
        return best

    def _row(self, key: str) -> int:
        """The row of a key, a new one where it has none."""
        row = self._rows.setdefault(key, len(self.keys))
        if row == len(self.keys):
            self.keys.append(key)
        if row == self.block * len(self._vectors):
            self._vectors.append(np.empty((self.block, self.width), np.float32))
            self._scales.append(np.empty(self.block, np.float32))
            self._numbers.append(np.empty(self.block, np.int64))
        return row

    def _places(self, part: int, among: Int64[np.ndarray, " M"] | None) -> Any:
        """The rows of a block that are to be searched: a slice, or an array."""
        held = slice(min(self.block, len(self.keys) - part * self.block))
        return held if among is None else np.flatnonzero(np.isin(self._numbers[part][held], among))


def _kth(scores: list[np.ndarray], k: int) -> float:
    """The k-th greatest of all, -inf where there are not so many."""
    together = np.concatenate([*scores, np.empty(0, np.float32)])
    return float(np.partition(together, -k)[-k]) if k <= len(together) else -np.inf
