"""The plan of a generated city: crossings on a jittered grid and which of them a street joins.

Crossing (column, row) has the number column * rows + row; dead ends of streets that leave the grid come after them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loci.sim.worlds.draws import between, shuffled

Pair = tuple[int, int]
STUB = (15.0, 130.0)
"""Metres by which a street that leads out of the grid goes on, shortest and longest."""

SLANT = 0.35
"""Least angle between a diagonal and the streets beside it, radians."""


@dataclass(frozen=True)
class CityPlan:
    """`place`: (C, 2) metres. `streets`: pairs of crossings. `one_way`: numbers of streets that lead from the first to
    the second of their pair only. Every crossing is reached from every other."""

    place: np.ndarray
    streets: tuple[Pair, ...]
    one_way: frozenset[int]


def city_plan(
    rng: np.random.Generator,
    columns: int,
    rows: int,
    width: tuple[float, float],
    height: tuple[float, float],
    jitter: float,
    missing: float,
    stubs: float,
    diagonals: float,
    one_way: float,
) -> CityPlan:
    """A plan around the origin, turned by a random angle; the arguments are those of `City`."""
    place = _crossings(rng, columns, rows, width, height, jitter)
    pairs = _thin(rng, columns * rows, _grid(columns, rows) + _diagonals(rng, place, columns, rows, diagonals), missing)
    ends, leads = _stubs(rng, place, columns, rows, stubs)
    turn = between(rng, -math.pi, math.pi)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    whole = np.concatenate([place, ends])
    streets = tuple(pair if rng.random() < 0.5 else pair[::-1] for pair in pairs + leads)
    return CityPlan((whole - place.mean(axis=0)) @ rotation, streets, _one_ways(rng, len(whole), streets, one_way))


def _crossings(
    rng: np.random.Generator,
    columns: int,
    rows: int,
    width: tuple[float, float],
    height: tuple[float, float],
    jitter: float,
) -> np.ndarray:
    """(columns * rows, 2), each moved by a normal draw."""
    x = np.concatenate([[0.0], np.cumsum(rng.uniform(*width, columns - 1))])
    y = np.concatenate([[0.0], np.cumsum(rng.uniform(*height, rows - 1))])
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid + rng.normal(0.0, jitter, grid.shape)


def _grid(columns: int, rows: int) -> list[Pair]:
    crossings = [(c, r) for c in range(columns) for r in range(rows)]
    across = [(c * rows + r, (c + 1) * rows + r) for c, r in crossings if c + 1 < columns]
    return across + [(c * rows + r, c * rows + r + 1) for c, r in crossings if r + 1 < rows]


def _diagonals(rng: np.random.Generator, place: np.ndarray, columns: int, rows: int, share: float) -> list[Pair]:
    """A street from corner to corner of some blocks, of those that are not too flat for one."""
    chosen = [c * rows + r for c in range(columns - 1) for r in range(rows - 1) if rng.random() < share]
    pairs = []
    for block in chosen:
        rising, falling = (block, block + rows + 1), (block + 1, block + rows)
        pair, others = (rising, falling) if rng.random() < 0.5 else (falling, rising)
        if all(_angle(place, end, other, corner) > SLANT for end, other in (pair, pair[::-1]) for corner in others):
            pairs.append(pair)
    return pairs


def _angle(place: np.ndarray, apex: int, first: int, second: int) -> float:
    """Between the directions from an apex to two other crossings, radians in [0, pi]."""
    (a, b), (c, d) = place[first] - place[apex], place[second] - place[apex]
    return math.atan2(abs(a * d - b * c), a * c + b * d)


def _thin(rng: np.random.Generator, count: int, pairs: list[Pair], share: float) -> list[Pair]:
    """The pairs without a share of them; none is taken out that holds the city together."""
    left, wanted = list(pairs), round(share * len(pairs))
    for pair in shuffled(rng, pairs):
        rest = [other for other in left if other != pair]
        if len(pairs) - len(left) < wanted and _joined(count, rest + [other[::-1] for other in rest]):
            left = rest
    return left


def _stubs(
    rng: np.random.Generator, place: np.ndarray, columns: int, rows: int, share: float
) -> tuple[np.ndarray, list[Pair]]:
    """Dead ends of streets that go on beyond the edge of the grid, and the streets that lead there."""
    sides = [(c * rows, (0.0, -1.0)) for c in range(columns)] + [
        (c * rows + rows - 1, (0.0, 1.0)) for c in range(columns)
    ]
    sides += [(r, (-1.0, 0.0)) for r in range(rows)] + [((columns - 1) * rows + r, (1.0, 0.0)) for r in range(rows)]
    chosen = [side for side in sides if rng.random() < share]
    ends = [place[crossing] + between(rng, *STUB) * np.array(outward) for crossing, outward in chosen]
    leads = [(crossing, len(place) + i) for i, (crossing, _) in enumerate(chosen)]
    return np.array(ends).reshape(-1, 2), leads


def _one_ways(rng: np.random.Generator, count: int, streets: Sequence[Pair], share: float) -> frozenset[int]:
    """Streets that lose one direction; none whose loss would cut a crossing off."""
    chosen: set[int] = set()
    back = {number: (b, a) for number, (a, b) in enumerate(streets)}
    for number in shuffled(rng, range(len(streets))):
        rest = {other: arrow for other, arrow in back.items() if other != number}
        if len(chosen) < round(share * len(streets)) and _joined(count, [*streets, *rest.values()]):
            chosen.add(number)
            back = rest
    return frozenset(chosen)


def _joined(count: int, arrows: Sequence[Pair]) -> bool:
    """Whether every one of the crossings can be reached from the first one, and the first from every one."""
    return _reached(arrows) == count == _reached([arrow[::-1] for arrow in arrows])


def _reached(arrows: Sequence[Pair]) -> int:
    onward: dict[int, list[int]] = {}
    for source, target in arrows:
        onward.setdefault(source, []).append(target)
    found, stack = {0}, [0]
    while stack:
        for target in onward.get(stack.pop(), []):
            if target not in found:
                found.add(target)
                stack.append(target)
    return len(found)
