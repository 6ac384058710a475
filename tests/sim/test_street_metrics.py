"""Street metrics against arithmetic written out, a brute-force warping, and known values on recorded routes."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from loci.sim.worlds.street_files import read_graph, read_routes
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_metrics import (
    dtw,
    edit_distance,
    hop_costs,
    key_point_accuracy,
    ndtw,
    ndtw_orar,
    shortest_path_distance,
    street_metrics,
    success_edit_distance,
    task_completion,
)
from tests.real_data import DATA, needs

ROUTE = [0, 1, 2, 6, 7]
"""Along a street and left at the intersection 2."""


@pytest.fixture(scope="module")
def graph() -> StreetGraph:
    """A street 0 1 2 3 4 5 eastward, another 2 6 7 northward, a one-way 7 -> 8, and 9 10 joined to nothing else."""
    place = [(10.0 * i, 0.0) for i in range(6)] + [(20.0, 10.0), (20.0, 20.0), (20.0, 30.0), (0.0, 90.0), (9.0, 90.0)]
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (6, 7), (9, 10)]
    ends = np.array([*pairs, *[(b, a) for a, b in pairs], (7, 8)])
    position = np.array(place)
    way = position[ends[:, 1]] - position[ends[:, 0]]
    heading = np.arctan2(way[:, 1], way[:, 0])
    return StreetGraph.build([str(i) for i in range(11)], position, np.zeros(11), ends[:, 0], ends[:, 1], heading)


def warpings(t: int, r: int) -> Iterator[list[tuple[int, int]]]:
    """Every monotone way from (0, 0) to (t, r)."""
    if t == 0 and r == 0:
        yield [(0, 0)]
        return
    for a, b in ((1, 0), (0, 1), (1, 1)):
        if t >= a and r >= b:
            for way in warpings(t - a, r - b):
                yield [*way, (t, r)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (3, 4), (5, 5)])
def test_dtw_is_the_least_of_all_warpings(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0])
    for _ in range(5):
        costs = rng.random(shape)
        least = min(sum(costs[cell] for cell in way) for way in warpings(shape[0] - 1, shape[1] - 1))
        assert dtw(costs) == pytest.approx(least)


def test_dtw_of_a_path_with_itself_is_nothing_and_of_one_position_the_sum() -> None:
    costs = np.random.default_rng(0).random((6, 6))
    assert dtw(costs * (1.0 - np.eye(6))) == 0.0
    assert dtw(costs[:1]) == pytest.approx(costs[0].sum())
    with pytest.raises(ValueError, match="at least one position"):
        dtw(np.zeros((0, 4)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("kitten", "sitting", 3),
        ("abcd", "acbd", 1),
        ("ca", "abc", 3),  # 2 if swapped letters could be edited again
        ("", "abc", 3),
        ("abc", "", 3),
        ("same", "same", 0),
        ("abba", "baab", 2),
    ],
)
def test_edit_distance_by_hand(first: str, second: str, expected: int) -> None:
    assert edit_distance([ord(c) for c in first], [ord(c) for c in second]) == expected
    assert edit_distance([ord(c) for c in second], [ord(c) for c in first]) == expected


def test_the_route_itself_is_perfect(graph: StreetGraph) -> None:
    found = street_metrics(graph, ROUTE, ROUTE)
    assert found == {"tc": 1.0, "spd": 0.0, "sed": 1.0, "kpa": 1.0, "ndtw_orar": 1.0, "ndtw": 1.0}


def test_a_missed_turn_by_hand(graph: StreetGraph) -> None:
    """0 1 2 3 against 0 1 2 6 7: hops 3-2-6-7; the best warping pairs 2 with 6 (1 hop) and 3 with 7 (3 hops)."""
    found = street_metrics(graph, [0, 1, 2, 3], ROUTE)
    assert found["tc"] == 0.0
    assert found["spd"] == 3.0
    assert found["sed"] == 0.0
    assert found["kpa"] == pytest.approx(1 / 3)  # the start is right, the intersection and the stop are wrong
    assert found["ndtw_orar"] == pytest.approx(math.exp(-4 / (2 * math.sqrt(5))))
    assert found["ndtw"] == pytest.approx(math.exp(-4 / (2 * 5)))


def test_one_panorama_short_completes_the_task(graph: StreetGraph) -> None:
    path = ROUTE[:-1]
    assert task_completion(graph, path, ROUTE)
    assert shortest_path_distance(graph, path, ROUTE) == 1.0
    assert success_edit_distance(graph, path, ROUTE) == pytest.approx(1 - 1 / 5)
    assert key_point_accuracy(graph, path, ROUTE) == 1.0
    assert not task_completion(graph, ROUTE[:-2], ROUTE)


def test_a_one_way_counts_for_completion_but_not_for_the_distance_back(graph: StreetGraph) -> None:
    beyond = [*ROUTE, 8]
    assert task_completion(graph, beyond, ROUTE)
    assert shortest_path_distance(graph, beyond, ROUTE) == math.inf
    assert hop_costs(graph, beyond, ROUTE)[-1, -1] == 1.0
    assert shortest_path_distance(graph, ROUTE, beyond) == 1.0


def test_standing_still_by_hand(graph: StreetGraph) -> None:
    """Hops 0 1 2 3 4 from the start to the panoramas of the route."""
    found = street_metrics(graph, [0], ROUTE)
    assert found["ndtw"] == pytest.approx(math.exp(-10 / 10))
    assert found["kpa"] == 0.0
    assert street_metrics(graph, [0], [0])["kpa"] == 1.0
    assert street_metrics(graph, [0], [0])["ndtw_orar"] == 1.0


def test_a_goal_that_cannot_be_reached_is_infinitely_far(graph: StreetGraph) -> None:
    found = street_metrics(graph, [0, 1], [9, 10])
    assert found == {"tc": 0.0, "spd": math.inf, "sed": 0.0, "kpa": 0.0, "ndtw_orar": 0.0, "ndtw": 0.0}


def test_a_detour_that_comes_back_is_judged_by_its_first_decision(graph: StreetGraph) -> None:
    path = [0, 1, 2, 3, 2, 6, 7]
    assert key_point_accuracy(graph, path, ROUTE) == pytest.approx(2 / 3)
    assert success_edit_distance(graph, path, ROUTE) == pytest.approx(1 - 2 / 7)


def test_a_path_without_panoramas_is_refused(graph: StreetGraph) -> None:
    with pytest.raises(ValueError, match="at least one panorama, got 0"):
        street_metrics(graph, [], ROUTE)


def test_the_forms_of_ndtw_differ_as_their_formulas_say() -> None:
    costs = np.random.default_rng(3).random((9, 16))
    assert ndtw_orar(costs, 3.0) == pytest.approx(ndtw(costs, 3.0) ** 4)  # 16 / sqrt(16)


@needs("touchdown_graph", "velma")
@pytest.mark.parametrize(
    ("routes", "orar", "standard"), [("touchdown_unseen", 0.584, 0.900), ("map2seq_unseen", 0.622, 0.927)]
)
def test_stopping_three_panoramas_early_on_recorded_routes(routes: str, orar: float, standard: float) -> None:
    """The values were counted on 150 routes by other code; 40 of all agree to 0.03."""
    folder = DATA / "touchdown_graph"
    graph = read_graph(folder / "nodes.txt", folder / "links.txt")
    file = DATA / "velma" / "datasets" / routes / "data" / "dev.json.gz"
    found = [
        street_metrics(graph, route.nodes[:-3], route.nodes)
        for route in read_routes(file, graph)[:40]
        if len(route.nodes) > 3
    ]
    means = {name: np.mean([row[name] for row in found]) for name in found[0]}
    assert means["spd"] == pytest.approx(2.99, abs=0.03)
    assert means["ndtw_orar"] == pytest.approx(orar, abs=0.03)
    assert means["ndtw"] == pytest.approx(standard, abs=0.03)
    assert means["tc"] <= 0.03
