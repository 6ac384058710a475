"""Cells divided into areas: walks against scipy, walls do not leak."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from loci.memories.maps.areas import divide, neighbours


def cells(picture: str, step: float = 0.25, height: float = 0.0) -> np.ndarray:
    """Reachable cells of a plan drawn with dots."""
    rows = [row.strip() for row in picture.strip().splitlines()]
    return np.array([(x * step, y * step, height) for y, row in enumerate(rows) for x, c in enumerate(row) if c == "."])


HOUSE = """
..........#..........
..........#..........
..........#..........
..........#..........
..........#..........
..........#..........
..........#..........
.....................
"""


def lengths(plan: np.ndarray, step: float) -> np.ndarray:
    """Metres (N, N) by walking, from the pairs of cells by scipy."""
    apart = np.abs(plan[:, None, :2] - plan[None, :, :2]).round(6)
    straight = apart.sum(2) == round(step, 6)
    here = {tuple(place) for place in plan[:, :2].round(6).tolist()}
    corner = (apart == round(step, 6)).all(2)
    for one, other in np.argwhere(corner).tolist():
        (a, b), (c, d) = plan[one, :2].round(6).tolist(), plan[other, :2].round(6).tolist()
        corner[one, other] = (a, d) in here and (c, b) in here
    return dijkstra(csr_array(straight * step + corner * step * np.sqrt(2)))


@pytest.mark.parametrize("seed", range(5))
def test_each_cell_belongs_to_the_middle_that_is_nearest_by_walking(seed):
    rng = np.random.default_rng(seed)
    plan = cells("\n".join("".join(rng.choice([".", "#"], p=[0.75, 0.25], size=16)) for _ in range(12)))
    areas, walk = divide(plan, 0.25, 1.0), lengths(plan, 0.25)
    to_middles = walk[:, areas.middle]
    np.testing.assert_allclose(areas.walk, to_middles.min(1))
    np.testing.assert_allclose(to_middles[np.arange(len(plan)), areas.owner], areas.walk)
    assert areas.walk.max() <= 1.0
    assert len(areas.middle) > 4
    for number in range(1, len(areas.middle)):
        before = walk[:, areas.middle[:number]].min(1)
        assert before[areas.middle[number]] == pytest.approx(before.max())


def test_areas_are_joined_where_their_cells_touch_at_the_length_of_the_walk():
    plan = cells(HOUSE)
    areas, walk = divide(plan, 0.25, 1.2), lengths(plan, 0.25)
    steps = neighbours(plan, 0.25)
    owner = areas.owner.tolist()
    touching = {(owner[one], owner[other]) for one in range(len(plan)) for other, _ in steps[one]}
    assert {tuple(pair) for pair in areas.edges.tolist()} == {pair for pair in touching if pair[0] < pair[1]}
    assert areas.edges.tolist() == sorted(areas.edges.tolist())
    for (one, other), cost in zip(areas.edges.tolist(), areas.cost.tolist(), strict=True):
        inside = np.isin(areas.owner, (one, other))
        within = dijkstra(csr_array(np.where(inside[:, None] & inside, _adjacent(steps), 0.0)))
        assert cost == pytest.approx(within[areas.middle[one], areas.middle[other]])
        assert cost >= walk[areas.middle[one], areas.middle[other]] - 1e-9


def _adjacent(steps) -> np.ndarray:
    matrix = np.zeros((len(steps), len(steps)))
    for one, around in enumerate(steps):
        for other, length in around:
            matrix[one, other] = length
    return matrix


def test_no_area_leaks_through_a_wall():
    plan = cells(HOUSE)
    areas = divide(plan, 0.25, 1.2)
    left, right = ({areas.owner[n] for n in np.flatnonzero(side & (plan[:, 1] < 0.9))} for side in (
        plan[:, 0] < 2.4, plan[:, 0] > 2.6,
    ))  # fmt: skip
    assert left
    assert right
    assert not left & right


def test_what_cannot_be_reached_has_areas_of_its_own():
    areas = divide(cells("..#..\n..#.."), 0.25, 9.0)
    assert (len(areas.middle), areas.edges.tolist(), areas.cost.tolist()) == (2, [], [])


def test_one_cell_is_one_area_and_wrong_cells_are_refused():
    assert divide(cells("."), 0.25, 1.0).owner.tolist() == [0]
    for plan, text in (
        (np.zeros((0, 3)), "cells must be one or more"),
        (np.array([[0.0, 0, 0], [0.3, 0, 0]]), "cells must lie on one grid 0.25 m wide, one is 0.20 off"),
        (np.zeros((2, 3)), "cells must differ, got 2 of which 1 differ"),
    ):
        with pytest.raises(ValueError, match=text):
            divide(plan, 0.25, 1.0)
