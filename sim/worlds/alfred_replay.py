"""A trajectory of ALFRED as it happens: one event after the other, and where everything is by then.

The files tell what the expert did and where things were at the start, not where exactly they were put. So a thing that
is put somewhere is at its holder's place, or above it by `above` metres; what lies in something that is carried goes
with it; what is held is where the robot stands. Cutting a thing leaves its slices, one thing of the class
"<kind>Sliced" that stays at its place; each slice that is picked is another, so that a cut loaf can be in two places.

Things are numbered as in the trajectory; slices get the next numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from loci.sim.worlds.alfred import Named, Point, Stand, Step, Trajectory

What = Literal["went", "picked", "put", "sliced", "cleaned", "heated", "cooled", "toggled"]

DONE: dict[str, What] = {
    "go": "went",
    "pick": "picked",
    "put": "put",
    "slice": "sliced",
    "clean": "cleaned",
    "heat": "heated",
    "cool": "cooled",
    "toggle": "toggled",
}
OPPOSED = {"heated": "cooled", "cooled": "heated"}


@dataclass(frozen=True)
class Event:
    """What happened. `thing` is its number, None of "went" and of furniture, `kind` its class.

    `place`: of the thing afterwards, of "picked" before; of "went", of the robot. `holder`: class of what it is now in
    or on, or was picked from, or is treated by; `holder_thing` its number if it can be moved itself.
    """

    step: int
    what: What
    thing: int | None
    kind: str
    place: Point
    holder: str = ""
    holder_thing: int | None = None


@dataclass
class Item:
    """A thing now. `place` holds while `within` is None; `within` is the number of what it lies in or on."""

    kind: str
    place: Point
    within: int | None = None
    holder: str = ""
    states: frozenset[str] = frozenset()


class Replay:
    """The course of a trajectory: `items` is all there is now, `held` the number of what the robot holds, or None.

    Raises ValueError for a trajectory that has no steps, and for one that does what cannot be done, such as to put down
    what is not held.
    """

    def __init__(self, trajectory: Trajectory, above: float = 0.0) -> None:
        if not trajectory.steps:
            raise ValueError(f"{trajectory.name} of {trajectory.split!r} has no steps to replay")
        self.trajectory, self.above = trajectory, above
        self.items: dict[int, Item] = {n: Item(one.kind, one.place) for n, one in enumerate(trajectory.things)}
        self.held: int | None = None
        self.stand: Stand = trajectory.start
        self._slices: dict[tuple[int, str], int] = {}
        self._next = len(trajectory.things)

    def place(self, number: int) -> Point:
        """Where a thing is now. KeyError for one that is not, or no longer."""
        item = self.items[number]
        if number == self.held:
            return self.stand.x, self.stand.y, 0.0
        if item.within is None:
            return item.place
        x, y, z = self.place(item.within)
        return x, y, z + self.above

    def events(self) -> Iterator[Event]:
        """One event a step; when it comes, `items` and the like are as they are after it."""
        for number, step in enumerate(self.trajectory.steps):
            yield self._do(number, step)

    def _do(self, number: int, step: Step) -> Event:
        if step.action == "go":
            assert step.stand is not None
            self.stand = step.stand
            return Event(number, "went", None, "", (step.stand.x, step.stand.y, 0.0))
        holder = step.holder.kind if step.holder else ""
        if step.action == "toggle" and step.thing is not None:
            return Event(number, "toggled", step.thing.number, step.thing.kind, step.thing.place)
        if step.action in ("pick", "slice"):
            thing = self._reach(number, step)
            return self._pick(number, thing, holder) if step.action == "pick" else self._slice(number, thing)
        if self.held is None:
            raise self._wrong(number, f"{step.action} with empty hands")
        return self._put(number, step) if step.action == "put" else self._treat(number, step, holder)

    def _pick(self, number: int, thing: int, holder: str) -> Event:
        if self.held is not None:
            raise self._wrong(number, f"pick {self.items[thing].kind} while {self.items[self.held].kind} is held")
        item, place = self.items[thing], self.place(thing)
        known = (item.holder or holder, item.within)
        self.held, item.within, item.holder = thing, None, ""
        return Event(number, "picked", thing, item.kind, place, *known)

    def _put(self, number: int, step: Step) -> Event:
        if step.thing is None or step.holder is None or self._reach(number, step) != self.held:
            raise self._wrong(number, "put what is not held")
        thing, item = self.held, self.items[self.held]
        x, y, z = step.holder.place
        self.held, item.within, item.holder = None, step.holder.number, step.holder.kind
        item.place = (x, y, z + self.above)
        return Event(number, "put", thing, item.kind, self.place(thing), item.holder, item.within)

    def _slice(self, number: int, thing: int) -> Event:
        """The whole is no more; what was in or on it, were there such a thing, would lie where it was."""
        whole, place = self.items[thing], self.place(thing)
        rest = self._add(Item(f"{whole.kind}Sliced", place, whole.within, whole.holder, whole.states | {"sliced"}))
        self._slices[thing, ""] = rest
        del self.items[thing]
        return Event(number, "sliced", thing, whole.kind, place, whole.holder, whole.within)

    def _treat(self, number: int, step: Step, holder: str) -> Event:
        """Clean, heat or cool what is held."""
        assert self.held is not None
        what, item = DONE[step.action], self.items[self.held]
        item.states = (item.states - {OPPOSED.get(what, "")}) | {what}
        place = step.holder.place if step.holder else self.place(self.held)
        return Event(number, what, self.held, item.kind, place, holder)

    def _reach(self, number: int, step: Step) -> int:
        """The number of the thing of a step; a slice is taken off the rest when it is named for the first time."""
        named: Named | None = step.thing
        if named is None or named.number is None:
            raise self._wrong(number, f"{step.action} of a thing that is not there")
        if not named.part:
            if named.number not in self.items:
                raise self._wrong(number, f"{step.action} {named.kind}, which was cut")
            return named.number
        if (named.number, "") not in self._slices:
            raise self._wrong(number, f"{step.action} a slice of {named.kind}, which is whole")
        if (named.number, named.part) not in self._slices:
            rest = self.items[self._slices[named.number, ""]]
            slice_ = Item(rest.kind, rest.place, rest.within, rest.holder, rest.states)
            self._slices[named.number, named.part] = self._add(slice_)
        return self._slices[named.number, named.part]

    def _add(self, item: Item) -> int:
        self.items[self._next] = item
        self._next += 1
        return self._next - 1

    def _wrong(self, number: int, what: str) -> ValueError:
        return ValueError(f"{self.trajectory.name}, step {number}: {what}")
