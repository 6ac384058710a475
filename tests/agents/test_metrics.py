"""Indoor metrics against arithmetic written out and known values on recorded paths."""

import gzip
import json
import math

import numpy as np
import pytest

from loci.agents.metrics import indoor_metrics, metre_costs, oracle_success, sdtw, success, success_by_path_length
from loci.sim.worlds.street_metrics import dtw
from tests.real_data import DATA, needs


def test_costs_are_metres_and_a_failure_has_no_sdtw() -> None:
    path = np.random.default_rng(0).random((6, 3))
    assert dtw(metre_costs(path[:1], path)) == pytest.approx(np.linalg.norm(path - path[0], axis=1).sum())
    assert (sdtw(0.7, False), sdtw(0.7, True)) == (0.0, 0.7)


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
