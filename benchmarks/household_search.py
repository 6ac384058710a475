"""In which order to look through a room: areas visited until a thing of the wanted class is found, in ALFRED's rooms.

A room is 3 x 3 areas of the box around its reachable cells, as in KARMA. The trajectories of a room come in the order
of recording; each asks for one class, wherever one of it lies at its start, and the first of each room only teaches.
The area where it is found counts as visited. Orders break ties at random; the mean is exact, not sampled.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import comb
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loci.sim.worlds.alfred import Point, Trajectory
from loci.sim.worlds.alfred_rooms import Layout, read_layout

SIDE = 3
AREAS = SIDE * SIDE
FIRST = 1e6
"""More than any count."""
ORDERS = {
    "random": "any order",
    "static": "areas with a receptacle first",
    "receptacles": "most receptacles first",
    "history": "where the class was most often in earlier trajectories",
    "last seen": "where the class was in the trajectory before, then by history",
    "exact": "an area where it is",
}


class Visits(NamedTuple):
    """Of an order: mean, 95th percentile, and how many searches."""

    mean: float
    p95: int
    searches: int


def area(layout: Layout, place: Point) -> int:
    """0 ... 8; of what lies outside the box, the nearest."""
    low, high = layout.cells[:, :2].min(0), layout.cells[:, :2].max(0)
    column, row = np.clip((np.array(place[:2]) - low) / (high - low) * SIDE, 0, SIDE - 1).astype(int).tolist()
    return int(column * SIDE + row)


def distribution(score: np.ndarray, targets: set[int]) -> np.ndarray:
    """(10,) probability of 0 ... 9 visits until one of the targets, areas by falling score, at random where equal."""
    chance, before = np.zeros(AREAS + 1), 0
    for level in sorted(set(score.tolist()), reverse=True):
        group = set(np.flatnonzero(score == level).tolist())
        hits = len(group & targets)
        if hits:
            for visit in range(1, len(group) - hits + 2):
                chance[before + visit] = comb(len(group) - visit, hits - 1) / comb(len(group), hits)
            return chance
        before += len(group)
    raise ValueError(f"targets must be areas 0..{AREAS - 1}, got {sorted(targets)}")


def scores(trajectories: Iterable[Trajectory], layout: Layout) -> Iterable[tuple[dict[str, np.ndarray], set[int]]]:
    """Of each search in one room the scores of areas by order, and the areas where the thing is."""
    held = np.bincount([area(layout, one.place) for one in layout.receptacles], minlength=AREAS)
    history: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(AREAS))
    last: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(AREAS))
    for number, one in enumerate(trajectories):
        now: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(AREAS))
        for thing in one.things:
            now[thing.kind][area(layout, thing.place)] += 1
        if number and one.goal is not None:
            kind = one.goal.thing
            yield (
                {
                    "random": np.zeros(AREAS),
                    "static": (held > 0).astype(float),
                    "receptacles": held.astype(float),
                    "history": history[kind].copy(),
                    "last seen": FIRST * (last[kind] > 0) + history[kind],
                    "exact": now[kind],
                },
                set(np.flatnonzero(now[kind]).tolist()),
            )
        for kind, counts in now.items():
            history[kind] += counts
            last[kind] = counts


def search(rooms: dict[str, list[Trajectory]], layouts: Path) -> dict[str, Visits]:
    """Over all rooms; `rooms`: trajectories by floor plan, in their order."""
    summed: dict[str, list[np.ndarray]] = {order: [] for order in ORDERS}
    for floor_plan, trajectories in rooms.items():
        for score, targets in scores(trajectories, read_layout(layouts, floor_plan)):
            for order in ORDERS:
                summed[order].append(distribution(score[order], targets))
    found = {}
    for order, rows in summed.items():
        chance = np.mean(rows, axis=0)
        mean = float(chance @ np.arange(AREAS + 1))
        found[order] = Visits(round(mean, 3), int((chance.cumsum() >= 0.95).argmax()), len(rows))
    return found
