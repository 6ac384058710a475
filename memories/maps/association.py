"""Which detection is which thing that is known already: by its number, else by what it is called and where it is.

In this order, each detection and each thing at most once:

1. a detection with a number is the thing with that number, wherever it is;
2. of detections and things of one category that are within the gate and have no different numbers, those two are one
   that are each other's nearest; then the same again with what is left (things that are gone count where they were);
3. a detection within the gate of a thing that is called otherwise, and whose box has at most twice or at least half the
   volume, is that thing under a wrong name, again the nearest first;
4. a detection of a category of which just one thing is known, whose place has been found free, is that thing, moved.

A thing that is none of the detections may be *displaced* by one of them, which is evidence that it is not there.

Taking mutual nearest again and again is taking the closest pairs first. It need not find the least sum of distances, as
the Hungarian method does (Kuhn 1955), but it never joins a pair when each has something nearer that is left.

Letters: M detections, N things.
"""

from collections.abc import Callable, Sequence

import numpy as np

from loci.memories.maps.things import Detection, Senses, Thing

ALIKE = 2.0
"""Ratio of the volumes of two boxes up to which one thing may have two names."""
Fits = Callable[[Detection, Thing, float], bool]


def associate(detections: Sequence[Detection], things: Sequence[Thing], senses: Senses) -> dict[int, Thing]:
    """Rules 1 to 3: numbers of detections and the things they are. `things` are by key; of equally near pairs the
    earlier detection comes first, then the thing of the lower key."""
    numbered = {thing.instance: thing for thing in things if thing.instance is not None}
    pairs = {number: numbered[seen.instance] for number, seen in enumerate(detections) if seen.instance in numbered}

    def of_one_name(seen: Detection, thing: Thing, apart: float) -> bool:
        return seen.category == thing.label and apart <= senses.gate(thing.weight)

    def of_one_shape(seen: Detection, thing: Thing, apart: float) -> bool:
        ratio = float(np.prod(seen.extent) / np.prod(thing.extent))
        return not thing.gone and 1.0 / ALIKE <= ratio <= ALIKE and apart <= senses.gate(thing.weight)

    for fits in (of_one_name, of_one_shape):
        pairs |= _closest(detections, things, pairs, fits)
    return pairs


def moved(
    detections: Sequence[Detection], things: Sequence[Thing], pairs: dict[int, Thing], free: set[int]
) -> dict[int, Thing]:
    """Rule 4, for what the others left: `free` holds the keys of things whose place this look found free."""
    left = [number for number in range(len(detections)) if number not in pairs]
    names = [detections[number].category for number in left]
    found: dict[int, Thing] = {}
    for number, name in zip(left, names, strict=True):
        known = [thing for thing in things if thing.known and thing.label == name]
        if len(known) != 1 or names.count(name) != 1 or not _agree(detections[number], known[0]):
            continue
        missing = known[0].gone or known[0].empty < np.inf or known[0].key in free
        if missing and all(thing is not known[0] for thing in pairs.values()):
            found[number] = known[0]
    return found


def displaced(detections: Sequence[Detection], things: Sequence[Thing]) -> set[int]:
    """Keys of the things whose place is taken: a detection of another name fills at least half of the box, and the box
    at least half of it. Two bodies cannot do that."""
    if not detections or not things:
        return set()
    seen = np.array([(one.position, one.extent) for one in detections], float)[:, None]
    held = np.array([(thing.position, thing.extent) for thing in things], float)[None]
    wide = np.minimum(seen[..., 1, :], held[..., 1, :])
    apart = np.abs(seen[..., 0, :] - held[..., 0, :])
    shared = np.clip((seen[..., 1, :] + held[..., 1, :]) / 2 - apart, 0.0, wide).prod(2)
    filled = 2.0 * shared >= np.maximum(seen[..., 1, :].prod(2), held[..., 1, :].prod(2))
    pairs = np.argwhere(filled).tolist()
    return {things[n].key for m, n in pairs if detections[m].category != things[n].label}


def distances(detections: Sequence[Detection], things: Sequence[Thing]) -> np.ndarray:
    """Metres (M, N) between the middles of boxes."""
    seen = np.array([one.position for one in detections], float).reshape(-1, 1, 3)
    held = np.array([thing.position for thing in things], float).reshape(1, -1, 3)
    apart: np.ndarray = np.linalg.norm(seen - held, axis=2)
    return apart


def _closest(
    detections: Sequence[Detection], things: Sequence[Thing], pairs: dict[int, Thing], fits: Fits
) -> dict[int, Thing]:
    """Pairs of what is left that fit, the closest first."""
    taken = {thing.key for thing in pairs.values()}
    apart = distances(detections, things)
    near = [
        (float(apart[m, n]), m, n)
        for m, seen in enumerate(detections)
        for n, thing in enumerate(things)
        if m not in pairs and thing.key not in taken and _agree(seen, thing) and fits(seen, thing, float(apart[m, n]))
    ]
    found: dict[int, Thing] = {}
    for _, m, n in sorted(near):
        if m not in found and things[n].key not in taken:
            found[m] = things[n]
            taken.add(things[n].key)
    return found


def _agree(seen: Detection, thing: Thing) -> bool:
    """Whether they may be one, by their numbers."""
    return seen.instance is None or thing.instance is None or seen.instance == thing.instance
