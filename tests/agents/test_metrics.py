"""Navigation metrics against arithmetic written out, a brute-force warping, and known values on recorded paths."""

import gzip
import json
import math
from collections.abc import Iterator

import numpy as np
import pytest

from loci.agents.metrics import (
    dtw,
    edit_distance,
    hop_costs,
    indoor_metrics,
    key_point_accuracy,
    metre_costs,
    ndtw,
    ndtw_orar,
    oracle_success,
    sdtw,
    shortest_path_distance,
    street_metrics,
    success,
    success_by_path_length,
    success_edit_distance,
    task_completion,
)
from loci.sim.worlds.street_files import read_graph, read_routes
from loci.sim.worlds.street_graph import StreetGraph
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
    path = np.random.default_rng(0).random((6, 3))
    assert dtw(metre_costs(path, path)) == 0.0
    assert dtw(metre_costs(path[:1], path)) == pytest.approx(np.linalg.norm(path - path[0], axis=1).sum())
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


def test_a_walk_of_two_legs_by_hand() -> None:
    """3 m east and 4 m north where 5 m would do; the reference is the straight line's two ends."""
    path, reference = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [3.0, 4.0]])
    found = indoor_metrics(path, [5.0, 4.0, 0.0], reference, stopped=True)
    assert found["ne"] == 0.0
    assert found["sr"] == found["osr"] == 1.0
    assert found["spl"] == pytest.approx(5 / 7)
    assert found["ndtw"] == pytest.approx(math.exp(-3 / (3 * 2)))  # (3, 0) is 3 m from the start, 4 m from the end
    assert found["sdtw"] == found["ndtw"]


def test_who_does_not_stop_or_stops_too_far_fails() -> None:
    path = np.array([[0.0, 0.0], [4.0, 0.0], [8.0, 0.0]])
    for distances, stopped, reached in [([6.0, 2.0, 2.0], False, 0.0), ([6.0, 2.0, 3.0], True, 0.0)]:
        found = indoor_metrics(path, distances, path, stopped)
        assert (found["sr"], found["spl"], found["sdtw"]) == (reached, 0.0, 0.0)
        assert found["osr"] == 1.0
        assert found["ndtw"] == 1.0
    assert not oracle_success([6.0, 3.0, 4.0])
    assert success([3.0 - 1e-9], True)


def test_one_position_and_a_goal_out_of_reach() -> None:
    here = np.zeros((1, 3))
    assert success_by_path_length(here, [0.0], True) == 1.0
    assert success_by_path_length(here, [math.inf], True) == 0.0
    found = indoor_metrics(here, [math.inf], here, stopped=True)
    assert (found["ne"], found["sr"], found["osr"], found["ndtw"]) == (math.inf, 0.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="distance at every position"):
        success([], True)
    with pytest.raises(ValueError, match="one value for each of 1 positions, got 2"):
        indoor_metrics(here, [0.0, 0.0], here, True)


def test_waiting_changes_nothing() -> None:
    path = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 1.0]])
    slow = path[[0, 0, 1, 1, 1, 2]]
    reference = path + 0.5
    swift = indoor_metrics(path, [3.0, 2.0, 1.0], reference, True)
    assert indoor_metrics(slow, [3.0, 3.0, 2.0, 2.0, 2.0, 1.0], reference, True) == swift


def test_the_forms_of_ndtw_differ_as_their_formulas_say() -> None:
    costs = np.random.default_rng(3).random((9, 16))
    assert ndtw_orar(costs, 3.0) == pytest.approx(ndtw(costs, 3.0) ** 4)  # 16 / sqrt(16)
    assert sdtw(0.7, False) == 0.0


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


def read(name: str) -> dict:
    """A file of the R2R-CE episodes v1-2, packed or not."""
    file = next((DATA / "r2rce" / "R2R_VLNCE_v1-2_preprocessed").rglob(f"{name}.json*"))
    return json.loads(gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes())


def dead_reckoning(episode: dict, actions: list[int], heights: list[float]) -> np.ndarray:
    """Positions along recorded actions (0 stop, 1 forward 0.25 m, 2 left, 3 right 15 degrees), y up, without walls; the
    recorded heights are spread over the path."""
    x, y, z = episode["start_position"]
    _, q_y, _, q_w = episode["start_rotation"]
    heading = 2 * math.atan2(q_y, q_w)
    path = [(x, y, z)]
    for action in actions:
        heading += {2: math.radians(15), 3: -math.radians(15)}.get(action, 0.0)
        if action == 1:
            x, z = x - 0.25 * math.sin(heading), z - 0.25 * math.cos(heading)
            path.append((x, y, z))
    found = np.array(path)
    found[:, 1] = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(heights)), heights)
    return found


@needs("r2rce")
@pytest.mark.parametrize(
    ("dropped", "error", "rate", "spl", "likeness"), [(0, 0.37, 1.0, 0.970, 0.998), (20, 3.94, 0.116, 0.116, 0.748)]
)
def test_recorded_actions_score_what_is_known_of_them(
    dropped: int, error: float, rate: float, spl: float, likeness: float
) -> None:
    """All 778 episodes of R2R-CE val_seen v1-2, the last actions before stop dropped; values counted by other code."""
    truth, found = read("val_seen_gt"), []
    for episode in read("val_seen")["episodes"]:
        recorded = truth[str(episode["episode_id"])]
        reference = np.array(recorded["locations"])
        actions = recorded["actions"][:-1]
        path = dead_reckoning(episode, actions[: len(actions) - dropped], reference[:, 1].tolist())
        far = np.linalg.norm(path - np.array(episode["goals"][0]["position"]), axis=1).tolist()
        if len(far) > 1:
            far[0] = episode["info"]["geodesic_distance"]
        found.append(indoor_metrics(path, far, reference, stopped=True))
    means = {name: np.mean([row[name] for row in found]) for name in found[0]}
    assert len(found) == 778
    assert means["ne"] == pytest.approx(error, abs=0.006)
    assert means["sr"] == pytest.approx(rate, abs=0.0006)
    assert means["spl"] == pytest.approx(spl, abs=0.0006)
    assert means["ndtw"] == pytest.approx(likeness, abs=0.0006)
