"""On, in and near: boxes drawn by hand, and boxes of whole numbers against counted cells and lattice points."""

import itertools

import numpy as np
import pytest

from loci.memories.maps import relations
from loci.memories.maps.relations import IN, NONE, ON, gaps, near, parents


def boxes(*corners: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Middles and widths of boxes told as (x0, x1, y0, y1, z0, z1)."""
    ends = np.array(corners, float).reshape(-1, 3, 2)
    return ends.mean(2), ends[..., 1] - ends[..., 0]


TABLE = (0, 2, 0, 1, 0, 0.8)
PLATE = (0.5, 0.8, 0.5, 0.8, 0.8, 0.84)
APPLE = (0.6, 0.68, 0.6, 0.68, 0.84, 0.92)
CUPBOARD = (3, 4, 0, 1, 0, 2)
CUP = (3.4, 3.5, 0.4, 0.5, 1.0, 1.1)


def test_a_kitchen():
    parent, how = parents(*boxes(TABLE, PLATE, APPLE, CUPBOARD, CUP))
    assert parent.tolist() == [-1, 0, 1, -1, 3]
    assert how.tolist() == [NONE, ON, ON, NONE, IN]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.1, 0.2, 0.1, 0.2, 0.859, 1.0), ON),
        ((0.1, 0.2, 0.1, 0.2, 0.861, 1.0), NONE),
        ((0.1, 0.2, 0.1, 0.2, 0.741, 1.0), ON),
        ((0.1, 0.2, 0.1, 0.2, 0.739, 1.0), NONE),
        ((-0.4, 0.41, 0.1, 0.2, 0.8, 1.0), ON),
        ((-0.42, 0.4, 0.1, 0.2, 0.8, 1.0), NONE),
        ((0.1, 0.2, 0.1, 0.2, 0.1, 0.3), IN),
        ((-0.029, 0.071, 0.1, 0.2, 0.1, 0.3), IN),
        ((-0.031, 0.069, 0.1, 0.2, 0.1, 0.3), NONE),
        ((0.1, 0.2, 0.1, 0.2, 0.3, 1.4), NONE),
    ],
)
def test_the_tolerances_are_those_that_are_stated(box, expected):
    assert parents(*boxes(TABLE, box))[1].tolist() == [NONE, expected]


def test_of_several_the_highest_top_and_the_smallest_container():
    assert parents(*boxes(TABLE, (0, 1, 0, 1, 0, 0.82), (0.4, 0.5, 0.4, 0.5, 0.82, 0.9)))[0].tolist()[2] == 1
    drawer = (3.2, 3.8, 0.2, 0.8, 0.9, 1.3)
    assert parents(*boxes(CUPBOARD, drawer, CUP))[0].tolist() == [-1, 0, 1]


@pytest.mark.parametrize("seed", range(8))
def test_shares_of_boxes_of_whole_numbers_are_counted(seed):
    """Each unit cell is in a box or not."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 6, (8, 3))
    ends = np.stack([low, low + rng.integers(1, 7, (8, 3))], 2)
    cells = [set(itertools.product(*(range(a, b) for a, b in box))) for box in ends.tolist()]
    points = [set(itertools.product(*(range(a, b + 1) for a, b in box))) for box in ends.tolist()]
    centres, extents = ends.mean(2), (ends[..., 1] - ends[..., 0]).astype(float)
    parent, how = parents(centres, extents)
    gap = gaps(centres, extents)
    for one, other in itertools.permutations(range(8), 2):
        nearest = min(np.linalg.norm(np.subtract(a, b)) for a in points[one] for b in points[other]) if (
            not points[one] & points[other]
        ) else 0.0  # fmt: skip
        assert gap[one, other] == pytest.approx(nearest)
        if how[one] == IN and parent[one] == other:
            assert len(cells[one] & cells[other]) >= relations.INSIDE * len(cells[one])
        if how[one] == ON and parent[one] == other:
            foot = [{cell[:2] for cell in cells[n]} for n in (one, other)]
            assert len(foot[0] & foot[1]) >= relations.FOOT * len(foot[0])
            assert ends[one, 2, 0] == ends[other, 2, 1]


@pytest.mark.parametrize("seed", range(5))
def test_order_and_place_in_the_world_do_not_matter_and_parents_end(seed):
    rng = np.random.default_rng(seed)
    extents = np.round(rng.uniform(0.1, 2.0, (30, 3)), 3)
    centres = np.round(rng.uniform(-1, 1, (30, 3)), 3)
    centres[:15, 2] = (centres[15:, 2] + extents[15:, 2] / 2) + extents[:15, 2] / 2
    parent, how = parents(centres, extents)
    assert {ON, IN} <= set(how.tolist())
    again, same = parents(centres + np.array([64.0, -32.0, 16.0]), extents)
    assert (again.tolist(), same.tolist()) == (parent.tolist(), how.tolist())
    for start in range(30):
        steps = 0
        while start >= 0:
            start, steps = parent[start], steps + 1
        assert steps <= 30


def test_near_is_a_gap_that_is_small_and_no_other_relation():
    centres, extents = boxes(TABLE, PLATE, (2.5, 3, 0, 1, 0, 1), (3.6, 4, 0, 1, 0, 1))
    parent, _ = parents(centres, extents)
    close = near(centres, extents, parent)
    assert np.argwhere(close).tolist() == [[0, 2], [2, 0]]
    assert np.argwhere(near(centres, extents, parent, 0.61)).tolist() == [[0, 2], [2, 0], [2, 3], [3, 2]]


def test_nothing_has_no_relations():
    parent, how = parents(*boxes())
    assert (len(parent), len(how), gaps(*boxes()).shape) == (0, 0, (0, 0))
