"""What a memory that is a list of moments knows of one row: a map that answers planners as street_map.py does.

It is what a language agent keeps in its prompt, one line a moment with where it was and what was seen, as in VELMA
(Schumann et al. 2024, arXiv 2307.06082). Keys are the moments; one can go to the moment before and to the one after,
and to another at which the agent stood at the same place. Positions are metres in the world frame.
"""

import math
from dataclasses import dataclass

import numpy as np

from loci.memories.maps.cache import Cache
from loci.memories.memory import Code, Entry
from loci.memories.street_map import Place, alike, at_least_one

SAME = 1.0
"""Metres within which two moments were spent at one place."""


@dataclass(frozen=True)
class StreetLog:
    """`time` (N,) ascending, `position` (N, 3) and `vectors` (N, D) of the moments held."""

    time: np.ndarray
    position: np.ndarray
    vectors: np.ndarray
    code: Code | None = None

    def near(self, position: Place, k: int) -> list[Entry]:
        """Nearest first, then the newest."""
        away = np.linalg.norm(self.position - position, axis=1)
        return [self._entry(i, float(away[i])) for i in np.lexsort((-self.time, away))[: at_least_one(k)].tolist()]

    def find(self, query: str, k: int) -> list[Entry]:
        """Best match first, by cosine, then the newest; nothing without `code`. Distances are from the newest
        moment."""
        if self.code is None or not len(self.time):
            return []
        scores = alike(self.vectors, self.code(query))
        away = np.linalg.norm(self.position - self.position[-1], axis=1)
        return [
            self._entry(i, float(away[i]), float(scores[i]))
            for i in np.lexsort((-self.time, -scores))[: at_least_one(k)].tolist()
        ]

    def neighbours(self, key: int) -> list[tuple[int, float]]:
        """The moments before and after, and those at the same place, nearest first. KeyError for one not held."""
        held = np.flatnonzero(self.time == key)
        if not len(held):
            raise KeyError(f"no moment {key}; {len(self.time)} are held")
        here, away = int(held[0]), np.linalg.norm(self.position - self.position[held[0]], axis=1)
        near = np.flatnonzero((away <= SAME) | (np.abs(np.arange(len(away)) - here) == 1))
        return sorted(((int(self.time[i]), float(away[i])) for i in near if i != here), key=lambda pair: pair[::-1])

    def describe(self, max_entries: int) -> str:
        """The newest moments, oldest of them first."""
        if not len(self.time):
            return "Nothing has been seen yet."
        last = self.position[-1]
        lines = [
            f"{self.time[-1] - self.time[i]} steps ago: {math.dist(self.position[i], last):.0f} m from here"
            for i in range(max(len(self.time) - max_entries, 0), len(self.time))
        ]
        return "\n".join([f"{len(self.time)} moments are remembered.", *lines])

    def _entry(self, i: int, distance: float, score: float = 0.0) -> Entry:
        x, y, z = self.position[i].tolist()
        time = int(self.time[i])
        return Entry(time, f"moment {time}", (x, y, z), distance, score, time)


def log(cache: Cache, row: int, code: Code | None = None) -> StreetLog:
    """Of one row of a cache."""
    time = cache.time[row].cpu().numpy()
    order = np.argsort(time, kind="stable")[int((time < 0).sum()) :]
    return StreetLog(
        time[order], cache.position[row].double().cpu().numpy()[order], cache.vector[row].cpu().numpy()[order], code
    )
