"""The upper levels: shortest paths against scipy, and what may stand in what."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from loci.memories.maps.floorplan import WAYS, Floorplan, Node

NO_CELLS = np.zeros((0, 3))


def house(areas: int, room: int = 50) -> Floorplan:
    """A building 0 with a floor 1 and areas from 2 on, one metre apart."""
    plan = Floorplan(room, room)
    plan.add(Node(0, "building", "home", -1, (0.0, 0.0, 0.0)), NO_CELLS)
    plan.add(Node(1, "floor", "ground", 0, (0.0, 0.0, 0.0)), NO_CELLS)
    for number in range(areas):
        plan.add(Node(2 + number, "area", f"area {number}", 1, (float(number), 0.0, 0.0)), NO_CELLS)
    return plan


@pytest.mark.parametrize("seed", range(6))
def test_shortest_paths_equal_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    plan, weight = house(25), np.zeros((25, 25))
    for _ in range(26):
        one, other = rng.choice(25, 2, replace=False).tolist()
        if max(len(plan.ways[2 + one]), len(plan.ways[2 + other])) < WAYS:
            weight[one, other] = weight[other, one] = cost = float(rng.uniform(0.5, 5.0))
            plan.connect(2 + one, 2 + other, cost)
    expected = dijkstra(csr_array(weight))
    assert np.isinf(expected).any()
    for one in range(25):
        for other in range(25):
            path, metres = plan.shortest_path(2 + one, 2 + other)
            assert metres == pytest.approx(expected[one, other])
            assert bool(path) == math.isfinite(metres)
            if path:
                assert (path[0], path[-1]) == (2 + one, 2 + other)
                assert sum(weight[a - 2, b - 2] for a, b in pairwise(path)) == pytest.approx(metres)


def test_a_place_is_in_the_area_of_the_nearest_cell():
    plan = house(0)
    assert plan.area_at(np.zeros((2, 3))).tolist() == [-1, -1]
    rng = np.random.default_rng(0)
    for key in (2, 3, 4):
        plan.add(Node(key, "area", f"area {key}", 1, (0.0, 0.0, 0.0)), rng.uniform(0, 5, (7, 3)))
    places = rng.uniform(0, 5, (40, 3))
    apart = np.linalg.norm(places[:, None] - plan.cells, axis=2)
    assert plan.area_at(places).tolist() == (2 + apart.argmin(1) // 7).tolist()


def test_a_way_can_be_gone_both_ways_and_be_closed():
    plan = house(3)
    plan.connect(2, 3, 4.0)
    plan.connect(3, 4, 1.0)
    plan.connect(4, 3, 2.0)
    assert plan.shortest_path(4, 2) == ([4, 3, 2], 6.0)
    assert plan.above(4) == [1, 0]
    twin = plan.clone()
    plan.disconnect(3, 2)
    assert plan.shortest_path(4, 2) == ([], math.inf)
    assert twin.shortest_path(4, 2)[1] == 6.0
    assert plan.nbytes == twin.nbytes == house(9).nbytes


def test_what_is_wrong_is_refused():
    plan = house(10, room=12)
    for other in range(3, 3 + WAYS):
        plan.connect(2, other, 1.0)
    area = Node(99, "area", "attic", 1, (0.0, 0.0, 0.0))
    for call, error, text in (
        (lambda: house(1).add(Node(9, "area", "x", 0, (0.0, 0.0, 0.0)), NO_CELLS), ValueError,
         r"parent of area 'x' must be a floor, got building \(0\)"),
        (lambda: house(1).add(Node(9, "floor", "x", 7, (0.0, 0.0, 0.0)), NO_CELLS), ValueError,
         r"parent of floor 'x' must be a building, got nothing \(7\)"),
        (lambda: plan.add(area, NO_CELLS), ValueError, "a floorplan of 12 places and 12 cells is full"),
        (lambda: plan.connect(2, 3 + WAYS, 1.0), ValueError, "an area has at most 8 ways, 'area 0' has them"),
        (lambda: plan.connect(2, 2, 1.0), ValueError, "a way needs two areas"),
        (lambda: plan.connect(3, 4, -1.0), ValueError, "a cost of 0 m or more, got 3, 4 and -1.0"),
        (lambda: plan.connect(2, 50, 1.0), KeyError, "no area 50; areas are 2, 3"),
        (lambda: plan.disconnect(3, 4), KeyError, r"no way between areas 3 and 4; from 3 one leads to \[2\]"),
        (lambda: Floorplan(0, 1), ValueError, "areas must be 1 or more"),
    ):  # fmt: skip
        with pytest.raises(error, match=text):
            call()
