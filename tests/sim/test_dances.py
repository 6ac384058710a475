"""The 13 dances as published, what tells them apart, and the ceilings of memories with a window."""

import itertools

import numpy as np
import pytest

from loci.sim.tasks.dances import DANCES, DIRECTIONS, PATHS, elimination_ceiling

PUBLISHED = {
    "circle cw": "N E S S W W N N E E S S W W N E",
    "circle ccw": "N W S S E E N N W W S S E E N W",
    "up and down": "N S S N N S S N N S S N N S S N",
    "left and right": "E W W E E W W E E W W E E W W E",
    "diagonal uldr": " ".join(4 * ["NW SE SE NW"]),
    "diagonal urdl": " ".join(4 * ["NE SW SW NE"]),
    "plus cw": " ".join(2 * ["N S E W S N W E"]),
    "plus ccw": " ".join(2 * ["N S W E S N E W"]),
    "times cw": " ".join(2 * ["NE SW SE NW SW NE NW SE"]),
    "times ccw": " ".join(2 * ["NW SE SW NE SE NW NE SW"]),
    "zee": "NE W W E E SW NE SW SW E E W W NE SW NE",
    "chevron down": "NW S SE NE N SW NE SW NE S SW NW N SE NW SE",
    "chevron up": "SE N NW SW S NE SW NE SW N NE SE S NW SE NW",
}


def test_the_dances_are_the_published_ones() -> None:
    assert {name: " ".join(DIRECTIONS[move] for move in moves) for name, moves in DANCES.items()} == PUBLISHED
    assert list(DANCES) == list(PUBLISHED)


def test_every_dance_ends_at_rest_and_stays_in_its_block() -> None:
    assert PATHS.shape == (13, 17, 2)
    assert not PATHS[:, [0, -1]].any()
    assert abs(PATHS).max() == 1
    assert all((np.diff(path, axis=0) != 0).any(axis=1).all() for path in PATHS)


def test_three_moves_tell_the_dances_apart_and_the_bag_of_cells_does_not() -> None:
    moves = list(DANCES.values())
    assert len({m[:3] for m in moves}) == len({m[-3:] for m in moves}) == 13
    bags = {name: frozenset(map(tuple, path.tolist())) for name, path in zip(DANCES, PATHS, strict=True)}
    alike = {(a, b) for a, b in itertools.combinations(DANCES, 2) if bags[a] == bags[b]}
    turned = {(f"{kind} cw", f"{kind} ccw") for kind in ("circle", "plus", "times")}
    assert turned <= alike
    assert all(bags[a] != bags[b] for a in ("up and down", "left and right", "zee") for b in DANCES if a != b)


CEILINGS = {
    (4, 4): [0.5, 0.75, 1, 1, 1, 1, 1],
    (4, 16): [0.25, 0.5, 0.75, 0.75, 1, 1, 1],
    (4, 48): [0.25, 0.25, 0.5, 0.5, 0.75, 1, 1],
    (8, 4): [0.25, 0.375, 0.625, 0.625, 1, 1, 1],
    (8, 16): [0.125, 0.25, 0.375, 0.375, 0.625, 1, 1],
    (8, 48): [0.125, 0.125, 0.25, 0.25, 0.375, 0.625, 1],
}


@pytest.mark.parametrize(("level", "row"), CEILINGS.items())
def test_ceilings_of_windows(level: tuple[int, int], row: list[float]) -> None:
    assert [elimination_ceiling(*level, window) for window in (16, 31, 64, 77, 128, 256, 512)] == row
    assert elimination_ceiling(*level, window=1) == 1 / level[0]


@pytest.mark.parametrize(("dancers", "delay"), [(4, 4), (8, 16)])
def test_ceilings_agree_with_the_frames_in_the_window(dancers: int, delay: int) -> None:
    """Count the solos of which one, or three, of the last frames off rest are among the last frames."""
    due = dancers * (15 + delay)
    for window, frames in itertools.product(range(1, due + 2), (1, 3, 15)):
        seen = range(due - window + 1, due + 1)
        named = sum(i * (15 + delay) + 15 - frames in seen for i in range(dancers))
        assert elimination_ceiling(dancers, delay, window, frames) == min(1.0, (named + 1) / dancers)
