"""A graph of landmarks of finite capacity: places told apart by how they look, joined by the ways that were walked.

Mem4Nav (arXiv 2506.19433), its semantic topology. What is seen at a moment, a descriptor (D,), belongs to the landmark
whose mean descriptor is nearest; when even that is farther than δ, it founds a new one. A landmark holds the running
means of its descriptors and of the positions at which it was seen. Walking from u to v makes a directed edge of weight
α ‖p_u − p_v‖ + β c, with the instruction cost c; walking it again sets the weight to the mean of the old and the new.

Descriptors are held here, (capacity, D) float32, because the test of distance needs them all; other vectors are filed
elsewhere by slot. The search is exact: it gives up on a landmark as soon as part of its distance is too long already.
When the graph is full, a new landmark takes the slot of the one seen longest ago. A landmark has at most `ways`
outgoing edges; a further one takes the place of the edge walked longest ago. `born`, the clock at which a landmark was
founded, tells it from a later one in the same slot, so that edges to what was removed are void at once.

*Differs from the paper:* capacity is finite; what looks alike `reach` metres apart are two landmarks (infinite in the
paper, where every shop of a chain is one, somewhere between them); the instruction cost is an argument (the public code
has the constant 0.1); the distance of an edge is that between the mean positions at the time of the walk. Published
values: D = 384, δ = 0.7 (0.75 for the modular agent on Touchdown, class default 0.5), α = 1.0 and β = 0.5 (0.2 and 0.25
for the modular agent).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from loci.memories.maps import search

Vector = np.ndarray | Sequence[float]
SIZE, CLOCK = range(2)
"""Where `counts` holds the number of landmarks and of observations."""


class Landmarks(NamedTuple):
    """All that a graph of capacity C with E ways and descriptors of width D holds; a slot is a row."""

    descriptor: np.ndarray
    """(C, D) float32: running mean."""
    position: np.ndarray
    """(C, 3) float64 metres: running mean."""
    visits: np.ndarray
    """(C,) int64: observations since it was founded."""
    born: np.ndarray
    """(C,) int64: the clock when it was founded, 0 in a free slot."""
    seen: np.ndarray
    """(C,) int64: the clock when it was seen last."""
    free: np.ndarray
    """(C,) int32: the free slots, from number SIZE on."""
    target: np.ndarray
    """(C, E) int32: where each way leads."""
    target_born: np.ndarray
    """(C, E) int64: `born` of the target when the way was made; the way is void where it differs now, or is 0."""
    cost: np.ndarray
    """(C, E) float64."""
    walked: np.ndarray
    """(C, E) int64: number of the walk that used the way last; 0 where there is none."""
    counts: np.ndarray
    """(2,) int64: see SIZE and CLOCK."""


class Topology:
    """At most `capacity` landmarks with descriptors of `width` numbers, founded where none is within `threshold` (δ).
    `distance_weight` is α, a metre; `instruction_weight` is β; only a landmark within `reach` metres is seen again. All
    that it holds lies in `arrays`."""

    def __init__(
        self,
        capacity: int,
        width: int,
        threshold: float = 0.7,
        distance_weight: float = 1.0,
        instruction_weight: float = 0.5,
        ways: int = 8,
        reach: float = math.inf,
    ) -> None:
        if not reach > 0.0:
            raise ValueError(f"reach must be positive, got {reach} m")
        for name, size in (("capacity", capacity), ("width", width), ("ways", ways)):
            if size < 1:
                raise ValueError(f"{name} must be 1 or more, got {size}")
        weights = {"distance_weight": distance_weight, "instruction_weight": instruction_weight}
        for name, value in ({"threshold": threshold} | weights).items():
            if not 0.0 <= value < math.inf:
                raise ValueError(f"{name} must be finite and 0 or more, got {value}")
        self.threshold, self.distance_weight, self.instruction_weight = threshold, distance_weight, instruction_weight
        self.reach = reach
        self.arrays = Landmarks(
            descriptor=np.zeros((capacity, width), np.float32),
            position=np.zeros((capacity, 3)),
            visits=np.zeros(capacity, np.int64),
            born=np.zeros(capacity, np.int64),
            seen=np.zeros(capacity, np.int64),
            free=np.arange(capacity, dtype=np.int32),
            target=np.zeros((capacity, ways), np.int32),
            target_born=np.zeros((capacity, ways), np.int64),
            cost=np.zeros((capacity, ways)),
            walked=np.zeros((capacity, ways), np.int64),
            counts=np.zeros(2, np.int64),
        )

    def __len__(self) -> int:
        return int(self.arrays.counts[SIZE])

    @property
    def capacity(self) -> int:
        return len(self.arrays.born)

    @property
    def clock(self) -> int:
        """Observations and walks since the graph was empty."""
        return int(self.arrays.counts[CLOCK])

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays; they do not grow."""
        return sum(array.nbytes for array in self.arrays)

    def slots(self) -> np.ndarray:
        """The slots in use (n,), ascending."""
        return np.flatnonzero(self.arrays.born)

    def observe(self, descriptor: Vector, position: Vector) -> int:
        """Slot of the landmark to which a descriptor (D,), seen at a position (3,) metres, belongs or which it founds.
        `arrays.visits` of the slot is 1 where it was founded."""
        descriptor, position = self._descriptor(descriptor), _finite("position", position, (3,), np.float64)
        held = self.arrays
        like = int(search.closest(held.descriptor, self._reached(position), descriptor, 1, self.threshold)[0][0])
        slot = self._found() if like < 0 else like
        held.counts[CLOCK] += 1
        held.visits[slot] += 1
        held.seen[slot] = self.clock
        if held.visits[slot] == 1:
            held.born[slot] = self.clock
        held.descriptor[slot] += (descriptor - held.descriptor[slot]) / held.visits[slot]
        held.position[slot] += (position - held.position[slot]) / held.visits[slot]
        return slot

    def walk(self, source: int, target: int, instruction_cost: float = 0.1) -> float:
        """Walk from one landmark to another: make the edge or average its weight. The weight after that. KeyError for
        a free slot, ValueError for a walk to where one is and for a negative cost."""
        self._check(source, target)
        if source == target:
            raise ValueError(f"source and target must differ, got {source} twice")
        if not 0.0 <= instruction_cost < math.inf:
            raise ValueError(f"instruction_cost must be finite and 0 or more, got {instruction_cost}")
        held, way, known = self.arrays, *self._way(source, target)
        apart = float(np.linalg.norm(held.position[source] - held.position[target]))
        weight = self.distance_weight * apart + self.instruction_weight * instruction_cost
        held.cost[source, way] = (held.cost[source, way] + weight) / 2.0 if known else weight
        held.target[source, way], held.target_born[source, way] = target, held.born[target]
        held.counts[CLOCK] += 1
        held.walked[source, way] = self.clock
        return float(held.cost[source, way])

    def nearest(self, descriptor: Vector, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Slots (n,) and distances (n,) of the k landmarks, or all if fewer, that look most like a descriptor (D,).
        Nearest first, then by slot."""
        if k < 1:
            raise ValueError(f"k must be 1 or more, got {k}")
        held, wanted = self.arrays, self._descriptor(descriptor)
        slots, far = search.closest(held.descriptor, held.born, wanted, min(k, max(len(self), 1)), math.inf)
        return slots[: len(self)], far[: len(self)]

    def neighbours(self, slot: int) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks (n,) to which an edge leads from here, and its weights (n,), the least first, then by slot."""
        self._check(slot)
        valid = self._valid(slot)
        target, cost = self.arrays.target[slot, valid].astype(np.int64), self.arrays.cost[slot, valid]
        order = np.lexsort((target, cost))
        return target[order], cost[order]

    def shortest_path(self, source: int, target: int) -> tuple[list[int], float]:
        """Landmarks from source to target, both included, and the sum of weights; [] and inf where no way leads."""
        self._check(source, target)
        cost, previous = self._spread(source, target)
        if not math.isfinite(cost[target]):
            return [], math.inf
        path = [target]
        while path[-1] != source:
            path.append(int(previous[path[-1]]))
        return path[::-1], float(cost[target])

    def costs(self, source: int) -> np.ndarray:
        """Least sum of weights (capacity,) from a landmark to every slot; inf where no way leads."""
        self._check(source)
        return self._spread(source, -1)[0]

    def remove(self, slot: int) -> None:
        """Free a slot, with all edges from it and to it. KeyError where it is free already."""
        self._check(slot)
        held = self.arrays
        held.descriptor[slot], held.position[slot], held.visits[slot], held.born[slot], held.seen[slot] = 0, 0, 0, 0, 0
        held.target_born[slot], held.cost[slot], held.walked[slot] = 0, 0, 0
        held.counts[SIZE] -= 1
        held.free[held.counts[SIZE]] = slot

    def clear(self) -> None:
        """Forget everything."""
        for array in self.arrays:
            array.fill(0)
        self.arrays.free[:] = np.arange(self.capacity)

    def clone(self) -> "Topology":
        """An independent copy."""
        copy = object.__new__(Topology)
        copy.__dict__.update(self.__dict__)
        copy.arrays = Landmarks(*(array.copy() for array in self.arrays))
        return copy

    def _reached(self, position: np.ndarray) -> np.ndarray:
        """`born` (C,), 0 also for the landmarks that are too far away."""
        held = self.arrays
        if math.isinf(self.reach):
            return held.born
        return np.where(np.linalg.norm(held.position - position, axis=1) <= self.reach, held.born, 0)

    def _found(self) -> int:
        """A slot for a new landmark."""
        held = self.arrays
        if len(self) == self.capacity:
            self.remove(int(held.seen.argmin()))
        slot = int(held.free[held.counts[SIZE]])
        held.counts[SIZE] += 1
        return slot

    def _valid(self, slot: int) -> np.ndarray:
        """Ways (E,) of a landmark that lead somewhere."""
        born = self.arrays.target_born[slot]
        return (born > 0) & (born == self.arrays.born[self.arrays.target[slot]])

    def _way(self, source: int, target: int) -> tuple[int, bool]:
        """The way from one landmark to another and true, or else the one that is to become it and false."""
        valid = self._valid(source)
        known = np.flatnonzero(valid & (self.arrays.target[source] == target))
        if len(known):
            return int(known[0]), True
        return int(np.where(valid, self.arrays.walked[source], 0).argmin()), False

    def _spread(self, source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
        held = self.arrays
        return search.dijkstra(held.target, held.target_born, held.born, held.cost, source, target)

    def _check(self, *slots: int) -> None:
        for slot in slots:
            if not 0 <= slot < self.capacity or not self.arrays.born[slot]:
                raise KeyError(f"no landmark in slot {slot}; {len(self)} of {self.capacity} slots are in use")

    def _descriptor(self, descriptor: Vector) -> np.ndarray:
        return _finite("descriptor", descriptor, self.arrays.descriptor.shape[1:], np.float32)


def _finite(name: str, vector: Vector, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    array: np.ndarray = np.ascontiguousarray(vector, dtype)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got nan or inf")
    return array
