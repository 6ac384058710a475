"""Where a camera saw that nothing is: the rays from it to the surfaces that it saw, asked about boxes.

All along a ray there is nothing until its end. A box is looked through where enough rays pass through its inner part
and end behind it, and hardly any ends in it. A box out of view is met by no ray, a hidden one by rays that end before
it: neither is looked through. So a thing that was believed to fill a box is not there when the box is looked through,
and nothing follows when it is not.

Letters: P rays, N boxes. Metres, world frame.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

INNER = 0.5
"""Share of the widths of a box that belongs to its inner part: things are rounder than their boxes."""


@dataclass(frozen=True)
class Rays:
    """From `origin` (3,) to `points` (P, 3). A ray that met nothing ends where the camera's range does. A box is free
    where at least `least` rays look through it, and at most a share `blocked` of those that reach it end in it."""

    origin: Float[np.ndarray, " 3"]
    points: Float[np.ndarray, "P 3"]
    least: int = 4
    blocked: float = 0.1

    def __post_init__(self) -> None:
        if not (np.isfinite(self.origin).all() and np.isfinite(self.points).all()):
            raise ValueError("origin and points must be finite, got nan or inf; leave out rays without an end")
        if self.least < 1 or not 0.0 <= self.blocked < 1.0:
            raise ValueError(f"least must be 1 or more and blocked 0..1, got {self.least} and {self.blocked}")

    def free(self, centres: Float[np.ndarray, "N 3"], extents: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        """Which boxes were looked through."""
        through, ended = self.count(centres, extents)
        return (through >= self.least) & (ended <= self.blocked * (through + ended))

    def count(
        self, centres: Float[np.ndarray, "N 3"], extents: Float[np.ndarray, "N 3"]
    ) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
        """Rays that pass through the inner part of each box and leave it, and rays that end in it (Kay and Kajiya 1986:
        a ray is in a box while it is between all three pairs of planes). A box that holds the origin counts none."""
        return _count(self.points - self.origin, centres - self.origin, extents * INNER / 2)


@njit(cache=True, nogil=True)
@no_type_check
def _count(ways, centres, halves):
    """The same from the origin; `halves` of the inner parts."""
    through, ended = np.zeros(len(centres), np.int64), np.zeros(len(centres), np.int64)
    for n in range(len(centres)):
        for ray in range(len(ways)):
            enter, leave = _between(ways[ray], centres[n], halves[n])
            if 0.0 < enter < min(leave, 1.0):
                if leave < 1.0:
                    through[n] += 1
                else:
                    ended[n] += 1
    return through, ended


@njit(cache=True, nogil=True)
@no_type_check
def _between(way, centre, half):
    """The shares of a ray at which it enters a box and leaves it; it misses the box where it leaves before."""
    enter, leave = -np.inf, np.inf
    for axis in range(3):
        low, high = centre[axis] - half[axis], centre[axis] + half[axis]
        if way[axis] == 0.0:
            if low > 0.0 or high < 0.0:
                return np.inf, -np.inf
            continue
        one, other = low / way[axis], high / way[axis]
        enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
        if enter >= leave:
            return np.inf, -np.inf
    return enter, leave
