"""The most hits that a memory can have on one trace (Belady 1966): the bar for replacement policies."""

from collections.abc import Sequence
from typing import Any

from loci.memories.maps.replacement import Policy, Touch
from loci.memories.maps.sketch import Key


class Optimum(Policy):
    """The most hits that are possible on one trace. Who is asked for again last leaves, even if it is the key just
    asked for: no policy is better, whether it holds every arrival, as the online ones here do, or not."""

    def __init__(self, capacity: int, trace: Sequence[Key]) -> None:
        super().__init__(capacity)
        self.trace = tuple(trace)
        self.clock = 0
        self.next = _next_uses(self.trace)
        self.due: dict[Key, int] = {}
        """When each key that is held is asked for again."""

    def touch(self, key: Key, counted: bool = True) -> Touch:
        """Raises ValueError for a key that is not the next of the trace."""
        expected = self.trace[self.clock] if self.clock < len(self.trace) else "nothing more"
        if self.clock == len(self.trace) or key != expected:
            raise ValueError(f"the optimum follows its trace: request {self.clock} is {expected!r}, got {key!r}")
        hit, evicted = key in self.due, None
        self.due[key] = self.next[self.clock]
        if len(self.due) > self.capacity:
            evicted = max(self.due, key=self.due.__getitem__)
            del self.due[evicted]
        self.clock += 1
        return Touch(hit, evicted)

    def _segments(self) -> tuple[dict[Key, Any], ...]:
        return (self.due,)


def _next_uses(trace: Sequence[Key]) -> list[int]:
    """For each request the number of the next one for the same key; len(trace) if there is none."""
    uses, seen = [len(trace)] * len(trace), dict[Key, int]()
    for at in range(len(trace) - 1, -1, -1):
        uses[at] = seen.get(trace[at], len(trace))
        seen[trace[at]] = at
    return uses
