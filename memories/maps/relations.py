"""How boxes stand to each other: one lies on, in or near another.

- a is *on* b: a's underside is within `touch` metres of b's top and above b's middle, and at least half of a's
  footprint lies over b's. Of several, the one with the highest top, then the smallest.
- a is *in* b: a's middle lies in b, at least 0.7 of a's volume does, and b is the larger. Of several, the smallest.
  What is in something is not said to be on something else.
- a and b are *near*: the gap between the boxes is at most `reach` metres, and neither is on or in the other.

So a thing has one parent at most, and following parents ends: a pair that would close a ring is left out.
Boxes are middles (N, 3) and widths (N, 3), metres, axes of the world. Letters: N boxes.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

TOUCH, REACH = 0.06, 0.5
FOOT, INSIDE = 0.5, 0.7
"""Shares of a footprint and of a volume."""
NONE, ON, IN = range(3)
NAMES = ("", "on", "in")


def parents(
    centres: Float[np.ndarray, "N 3"], extents: Float[np.ndarray, "N 3"], touch: float = TOUCH
) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """What each box lies on or in, -1 for nothing, and how: NONE, ON or IN."""
    count = len(centres)
    parent, how = np.full(count, -1), np.full(count, NONE)
    if not count:
        return parent, how
    volume, top = extents.prod(1), centres[:, 2] + extents[:, 2] / 2
    inside, on = _inside(centres, extents), _on(centres, extents, touch)
    for one in np.flatnonzero(inside.any(1) | on.any(1)).tolist():
        for relation, which, better in ((IN, inside[one], (volume,)), (ON, on[one], (volume, -top))):
            others = np.flatnonzero(which)
            others = others[np.lexsort(tuple(key[others] for key in better))]
            free = [other for other in others.tolist() if not _leads_to(parent, other, one)]
            if free and parent[one] < 0:
                parent[one], how[one] = free[0], relation
    return parent, how


def gaps(centres: Float[np.ndarray, "N 3"], extents: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N N"]:
    """Metres between the nearest points of two boxes, 0 where they touch or overlap."""
    apart = np.abs(centres[:, None] - centres[None]) - (extents[:, None] + extents[None]) / 2
    gap: np.ndarray = np.linalg.norm(np.maximum(apart, 0.0), axis=2)
    return gap


def near(
    centres: Float[np.ndarray, "N 3"],
    extents: Float[np.ndarray, "N 3"],
    parent: Int[np.ndarray, " N"],
    reach: float = REACH,
) -> Bool[np.ndarray, "N N"]:
    """Which pairs are near; `parent` as `parents` gives it."""
    close = gaps(centres, extents) <= reach
    np.fill_diagonal(close, False)
    child = np.flatnonzero(parent >= 0)
    close[child, parent[child]] = close[parent[child], child] = False
    return close


def _on(centres: np.ndarray, extents: np.ndarray, touch: float) -> np.ndarray:
    """(N, N): whether the row's box lies on the column's."""
    foot = centres[:, None, 2] - extents[:, None, 2] / 2
    top = centres[None, :, 2] + extents[None, :, 2] / 2
    shared = np.maximum(_overlaps(centres, extents)[..., :2], 0.0).prod(2)
    over = shared >= FOOT * extents[:, None, :2].prod(2)
    on: np.ndarray = over & (np.abs(foot - top) <= touch) & (foot > centres[None, :, 2])
    np.fill_diagonal(on, False)
    return on


def _inside(centres: np.ndarray, extents: np.ndarray) -> np.ndarray:
    """(N, N): whether the row's box lies in the column's."""
    volume = extents.prod(1)
    middle = (np.abs(centres[:, None] - centres[None]) <= extents[None] / 2).all(2)
    shared = np.maximum(_overlaps(centres, extents), 0.0).prod(2)
    inside: np.ndarray = middle & (shared >= INSIDE * volume[:, None]) & (volume[:, None] < volume[None])
    return inside


def _overlaps(centres: np.ndarray, extents: np.ndarray) -> np.ndarray:
    """(N, N, 3) metres that two boxes share along each axis, below 0 where they share none."""
    low = np.maximum((centres - extents / 2)[:, None], (centres - extents / 2)[None])
    high = np.minimum((centres + extents / 2)[:, None], (centres + extents / 2)[None])
    shared: np.ndarray = high - low
    return shared


def _leads_to(parent: np.ndarray, start: int, end: int) -> bool:
    """Whether following parents from `start` comes to `end`."""
    while start >= 0 and start != end:
        start = int(parent[start])
    return start == end
