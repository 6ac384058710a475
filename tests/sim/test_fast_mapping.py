"""Fast mapping: the teacher solves it, nobody else can without the names, and the words are what the task says."""

import numpy as np
import pytest

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.tasks.fast_mapping import FORWARD, GRASP, LEFT, FastMapping
from loci.sim.vector import VectorEnv
from loci.sim.worlds.meshes import PybulletObjects
from loci.sim.worlds.names import nonsense_names
from loci.sim.worlds.objects import Compounds

CAMERA = Camera(16, 16, kinds=("rgb",))


def env(batch: int = 32, **settings: object) -> VectorEnv:
    return VectorEnv(
        KinematicBackend(batch), lambda: FastMapping(**({"family": Compounds(), "camera": CAMERA} | settings))
    )  # type: ignore[arg-type]


def taught(env: VectorEnv, episodes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Metrics of episodes in which the teacher acts."""
    env.reset(seed)
    found: dict[str, list[float]] = {}
    while len(found.get("success", [])) < episodes:
        step = env.step(env.expert(0)[0])
        for name, values in step.metrics.items():
            found.setdefault(name, []).extend(values[np.isfinite(values)])
    return {name: np.asarray(values) for name, values in found.items()}


@pytest.mark.parametrize(
    "settings",
    [
        {"objects": 3},
        {"objects": 8, "split": "held_out"},
        {"objects": [3, 5], "distractors": 20},
        {"instruction": "put"},
        {"instruction": "both", "split": "held_out"},
    ],
)
def test_the_teacher_solves_at_least_98_percent(settings: dict) -> None:
    metrics = taught(env(**settings), 200)
    assert metrics["success"].mean() >= 0.98
    assert metrics["introduced"].mean() >= 0.98


def test_the_teacher_solves_it_with_real_meshes() -> None:
    pytest.importorskip("pybullet_data")
    assert taught(env(8, family=PybulletObjects()), 40)["success"].mean() >= 0.98


def test_the_teacher_finds_its_way_back_from_anywhere() -> None:
    """Ten random steps before the teacher takes over, so that it stands in corners and between objects."""
    world = env(64)
    world.reset(4)
    rng = np.random.default_rng(0)
    results: list[float] = []
    for _ in range(140):
        astray = (world._steps < 10) & np.array([task.phase == "discovery" for task in world.tasks])
        actions = np.where(astray, rng.integers(4, size=64), world.expert(0)[0])
        metrics = world.step(actions).metrics
        results.extend(metrics["success"][np.isfinite(metrics["success"])] if metrics else [])
    assert len(results) > 200
    assert np.mean(results) >= 0.98


def test_picking_the_first_object_seen_succeeds_by_chance_only() -> None:
    """Whoever ignores the names is right once in 3 times: 900 episodes, five standard errors of 0.016."""
    world = env()
    step = world.reset(1)
    results: list[float] = []
    while len(results) < 900:
        actions = world.expert(0)[0]
        for row, task in enumerate(world.tasks):
            if task.phase == "instruction" and not world._done[row]:
                seen = task._faced(*world._places[row].agent())
                ahead = any(abs(task._bearing(n, *world._places[row].agent())) <= task._turn / 2 for n in task.names)
                actions[row] = GRASP if seen else FORWARD if ahead else LEFT
        step = world.step(actions)
        if "success" in step.metrics:
            results.extend(step.metrics["success"][np.isfinite(step.metrics["success"])])
    assert abs(np.mean(results) - 1 / 3) < 0.08


def test_each_object_is_named_and_then_one_name_is_asked_for() -> None:
    world = env(1)
    step, heard, told = world.reset(3), [], []
    while not step.terminated.any():
        heard.append((world.tasks[0].phase, str(step.obs["words"][0])))
        told.append((world.tasks[0].phase, str(step.obs["instruction"][0])))
        step = world.step(world.expert(0)[0])
    task = world.tasks[0]
    introduced = {words.removeprefix("this is a ") for phase, words in heard if words}
    assert introduced == set(task.names.values())
    assert {phase for phase, words in heard if words} == {"discovery"}
    asked = {text for phase, text in told if phase == "instruction"}
    assert asked == {f"pick up the {task.names[task.target]}"}
    assert {text for phase, text in told if phase != "instruction"} == {""}


def test_put_instructions_name_a_piece_of_furniture() -> None:
    world = env(4, instruction="put")
    step = world.reset(0)
    said: set[str] = set()
    for _ in range(60):
        said |= set(step.obs["instruction"].tolist()) - {""}
        step = world.step(world.expert(0)[0])
    assert said
    assert all(s.startswith("put the ") and s.endswith((" on the bed", " on the tray")) for s in said)


def test_distraction_is_silent_and_lasts_as_long_as_asked() -> None:
    world = env(1, distractors=20)
    step, silent = world.reset(5), 0
    while not step.terminated.any():
        if world.tasks[0].phase == "distraction":
            assert step.obs["words"][0] == ""
            silent += 1
        step = world.step(world.expert(0)[0])
    assert silent == 20


def test_the_room_is_rearranged_between_hearing_and_acting() -> None:
    world = env(1)
    world.reset(2)
    task, place = world.tasks[0], world._places[0]
    before = {n: place.pose(n).position for n in task.names}
    while task.phase == "discovery":
        world.step(world.expert(0)[0])
    after = {n: place.pose(n).position for n in task.names}
    assert all(before[n] != after[n] for n in before)


def test_mute_says_no_name_in_discovery() -> None:
    world = env(8, mute=True)
    step = world.reset(0)
    for _ in range(40):
        for row, task in enumerate(world.tasks):
            if task.phase == "discovery":
                assert step.obs["words"][row] == ""
        step = world.step(world.expert(0)[0])


def test_the_twin_says_here_exactly_while_the_right_thing_is_ahead() -> None:
    world = env(8, twin=True)
    step, here = world.reset(0), 0
    for _ in range(60):
        for row, task in enumerate(world.tasks):
            if task.phase == "instruction" and not step.terminated[row]:
                said = str(step.obs["instruction"][row]).endswith(" it is here")
                bearing = task._bearing(task.target, *world._places[row].agent()) if task.target in task._spots else 9.0
                assert said == (abs(bearing) <= task._turn / 2)
                here += said
        step = world.step(world.expert(0)[0])
    assert here > 10


def test_names_are_bound_anew_in_every_episode() -> None:
    world = env(16)
    world.reset(0)
    seen = {tuple(task.names.values()) for task in world.tasks}
    assert len(seen) == 16


def test_nonsense_names_are_distinct_words() -> None:
    names = nonsense_names(300, np.random.default_rng(0), frozenset({"dax"}))
    assert len(set(names)) == 300
    assert all(n.isalpha() and 3 <= len(n) <= 12 for n in names)
    assert "dax" not in names


def test_the_weight_of_advice_is_the_reward_at_stake() -> None:
    world = env(16)
    world.reset(0)
    for _ in range(40):
        _, weights = world.expert(0)
        for row, task in enumerate(world.tasks):
            if not world._done[row] and not task._next_phase:
                assert weights[row] == pytest.approx({"discovery": 0.1, "instruction": 1.0}[task.phase])
        world.step(world.expert(0)[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objects": 0}, "objects must be 1 or more"),
        ({"objects": 9}, "do not fit around the agent, at most 8"),
        ({"objects": 8, "instruction": "put"}, "9 things do not fit around"),
        ({"distractors": -1}, "distractors must be 0 or more"),
        ({"instruction": "lift"}, "instruction must be one of pick, put, both, got 'lift'"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        env(1, **settings)
