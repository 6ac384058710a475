"""How many areas of a house are entered before what a task needs has been seen."""

from collections.abc import Collection, Sequence

from loci.sim.world import World

WIDE = 2.5
"""Metres: a room is cut into equal areas of about this width."""


def area_of(world: World, x: float, y: float) -> tuple[int, int, int]:
    """The area at a point: number of the room (-1 outside all of them), column and row in it."""
    for number, room in enumerate(world.rooms):
        if room.contains((x, y, (room.lower[2] + room.upper[2]) / 2.0)):
            sizes = [high - low for low, high in zip(room.lower, room.upper, strict=True)]
            cells = [max(1, round(size / WIDE)) for size in sizes[:2]]
            place = [
                min(int((p - low) / size * n), n - 1)
                for p, low, size, n in zip((x, y), room.lower, sizes, cells, strict=False)
            ]
            return number, place[0], place[1]
    return -1, 0, 0


class Search:
    """`needed` are groups of names, each with how many of them have to be seen."""

    def __init__(self, world: World, needed: Sequence[tuple[Collection[str], int]]) -> None:
        self._world, self._needed = world, needed
        self._seen: set[str] = set()
        self._entered: list[tuple[int, int, int]] = []
        self.found = False

    def look(self, x: float, y: float, seen: Collection[str]) -> None:
        """One step: where the robot is, and what it sees or holds."""
        if self.found:
            return
        here = area_of(self._world, x, y)
        if here not in self._entered:
            self._entered.append(here)
        self._seen.update(seen)
        self.found = all(len(self._seen.intersection(names)) >= count for names, count in self._needed)

    @property
    def areas(self) -> int:
        """Areas entered until all was seen, the one where the task began and that of the find included."""
        return len(self._entered)

    @property
    def areas_left(self) -> int:
        """Areas entered in vain: without that of the find."""
        return len(self._entered) - int(self.found)
