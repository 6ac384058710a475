"""Passive visual match: the clock, the apples, the choice, and that only the cue tells which panel is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loci.agents.language import Tokenizer
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.tasks.passive_match import (
    APPLE_WEIGHT,
    BACK,
    CHOICE,
    CUE,
    FAR,
    FORWARD,
    LEFT,
    REFILL,
    RIGHT,
    PassiveMatch,
)
from loci.sim.tasks.recall import COLOURS
from loci.sim.vector import VectorEnv

SMALL = Camera(8, 8, 1.15, 1.2, -0.35, ("rgb",))


def match(batch: int, backend: Any = KinematicBackend, camera: Camera = SMALL, **settings: Any) -> VectorEnv:
    return VectorEnv(backend(batch), lambda: PassiveMatch(camera, **settings))


def run(env: VectorEnv, episodes: int, choose: Callable[[PassiveMatch, int], int], seed: int = 0) -> dict[str, Any]:
    """Metrics and returns of episodes in which `choose` (task, the teacher's action) acts."""
    env.reset(seed)
    found: dict[str, list[float]] = {"success": [], "choice": [], "apples": [], "return": []}
    total = np.zeros(env.batch)
    while len(found["success"]) < episodes:
        actions = [choose(task, a) for task, a in zip(env.tasks, env.expert(0)[0], strict=True)]  # type: ignore[arg-type]
        step = env.step(np.array(actions))
        ended = step.terminated | step.truncated
        total += step.reward
        found["return"].extend(total[ended])
        total[ended] = 0.0
        for name, values in step.metrics.items():
            found[name].extend(values[np.isfinite(values)])
    return {name: np.asarray(values) for name, values in found.items()}


def to_column(task: PassiveMatch, goal: int, place: Any) -> int:
    """Sideways to a column, then forward."""
    east = goal - round(place.agent()[0])
    return RIGHT if east > 0 else LEFT if east < 0 else FORWARD


@pytest.mark.parametrize("delay", [0, 7, 30, 45])
def test_the_phases_follow_the_clock(delay: int) -> None:
    env = match(2, distractor=delay)
    step = env.reset(0)
    tasks: Any = env.tasks
    for frame in range(CUE + delay + CHOICE):
        phase = "look" if frame < CUE else "apples" if frame < CUE + delay else "choose"
        assert step.obs["instruction"].tolist() == [phase] * 2
        categories = {body.category for body in env.backend.world(0).bodies} - {"floor", "wall"}
        assert categories == {{"look": "panel", "apples": "apple", "choose": "panel"}[phase]}
        assert phase != "look" or np.allclose(step.obs["position"], [0.0, 1.0, 0.0])
        fresh = frame >= CUE and (frame == CUE + delay or (phase == "apples" and (frame - CUE) % REFILL == 0))
        assert not fresh or np.allclose(step.obs["position"], [0.0, -2.0, 0.0])
        weight = {"look": 0.0, "apples": APPLE_WEIGHT, "choose": 1.0}[phase]
        there = [phase != "apples" or bool(task._lying) for task in tasks]
        assert np.allclose(env.expert(BACK)[1], np.where(there, weight, 0.0))
        step = env.step([BACK, BACK])
    assert step.terminated.all()
    assert step.metrics["choice"].tolist() == [0.0, 0.0]
    assert not step.reward.any()
    assert env.tasks[0].max_steps == CUE + delay + CHOICE


def test_the_teacher_succeeds_and_gathers_apples_and_a_fixed_panel_is_right_once_in_n() -> None:
    """100 and 400 episodes; five standard errors. Of 24 places 0.3 hold an apple."""
    teacher = run(match(50), 100, lambda task, action: action)
    assert teacher["success"].mean() >= 0.98
    assert abs(teacher["apples"].mean() - 7.2) < 5 * np.sqrt(24 * 0.3 * 0.7 / 100)
    assert np.allclose(teacher["return"], 0.5 * teacher["apples"] + teacher["success"])
    env = match(50, distractor=0)
    first = run(
        env, 400, lambda task, _: to_column(task, next(iter(task._columns)), env._places[env.tasks.index(task)])
    )
    assert first["choice"].all()
    assert abs(first["success"].mean() - 1 / 4) < 5 * np.sqrt(3 / 16 / 400)
    assert np.allclose(first["return"], np.where(first["success"] == 1.0, 1.0, 0.1))
    assert env.ceiling == 1 / 4


def test_a_fixed_column_is_right_once_in_five() -> None:
    blind = run(match(50, distractor=0), 400, lambda task, action: FORWARD)
    for rate, expected in ((blind["success"], 1 / 5), (blind["choice"], 4 / 5)):
        assert abs(rate.mean() - expected) < 5 * np.sqrt(0.16 / 400)


def test_the_panel_is_reached_at_the_wall() -> None:
    env = match(5, distractor=0, panels=5)
    env.reset(0)
    for frame in range(CUE + 4):
        assert not env.step(np.full(5, FORWARD)).terminated.any() or frame == CUE + 3
    assert env._done.all()


def seen(camera: Camera, **settings: Any) -> tuple[np.ndarray, np.ndarray, list[PassiveMatch]]:
    """Pictures of the cue and of the first moment of the choice, for 20 rows of one seed."""
    env = match(20, camera=camera, distractor=0, **settings)
    cue = step = env.reset(3)
    for _ in range(CUE):
        step = env.step(np.zeros(20, int))
    return cue.obs["rgb"], step.obs["rgb"], env.tasks  # type: ignore[return-value]


def test_the_cue_shows_the_colour_and_nothing_else_does() -> None:
    """With the cue blank, what is seen later is the same, and the cue is the same for all colours."""
    camera = Camera(32, 32, 1.15, 1.2, -0.35, ("rgb",))
    cue, choice, tasks = seen(camera)
    grey, same, _ = seen(camera, blank=True)
    assert np.array_equal(choice, same)
    for row, task in enumerate(tasks):
        patch = cue[row, 14:22, 12:20].reshape(-1, 3).astype(float).mean(axis=0)
        names = list(COLOURS)
        nearest = [np.linalg.norm(patch / patch.max() - np.array(COLOURS[name]) / 255.0) for name in names]
        assert names[int(np.argmin(nearest))] == task.colours[task.target]
        assert np.ptp(grey[row, 14:22, 12:20].astype(float).mean(axis=(0, 1))) < 3.0


def test_every_panel_is_in_the_first_picture_of_the_choice() -> None:
    camera = Camera(32, 32, 1.15, 1.2, -0.35, ("rgb", "instance"))
    env = match(10, camera=camera, distractor=0, panels=5)
    env.reset(0)
    for _ in range(CUE):
        step = env.step(np.zeros(10, int))
    for view in step.obs["instance"]:
        assert (np.bincount(view[view >= 5], minlength=10)[5:] >= 8).all()


def test_an_apple_is_eaten_where_one_walks_and_the_wall_stops() -> None:
    env = match(1, apples=1.0, distractor=REFILL)
    env.reset(0)
    for _ in range(CUE):
        env.step([FORWARD])
    rewards = [env.step([action]).reward[0] for action in (FORWARD, FORWARD, BACK, LEFT, LEFT, LEFT)]
    assert rewards == [0.5, 0.5, 0.0, 0.5, 0.5, 0.0]
    assert np.allclose(env._places[0].agent()[:2], (-2.0, -1.0))
    lying = [env._places[0].pose(f"apple_{i}").position for i in range(24)]
    assert sum(y < -FAR - 0.2 for _, y, _ in lying) == 4


def test_a_row_is_the_same_whatever_the_batch() -> None:
    def trace(batch: int, seed: int) -> list[Any]:
        env = match(batch, distractor=[0, 3], panels=[2, 3])
        step, taken = env.reset(seed), []
        for t in range(40):
            taken += [step.obs["rgb"][0].tobytes(), step.obs["instruction"][0], step.reward[0]]
            step = env.step(np.full(batch, (3 * t) % 4))
        return taken

    assert trace(1, 4) == trace(3, 4) != trace(1, 5)


def test_the_twin_hears_the_colour() -> None:
    env = match(3, distractor=0, twin=True)
    env.reset(0)
    for _ in range(CUE):
        step = env.step(np.zeros(3, int))
    tasks: Any = env.tasks
    assert step.obs["instruction"].tolist() == [f"choose {task.colours[task.target]}" for task in tasks]
    assert Tokenizer().encode(["look", "apples", *(f"choose {name}" for name in COLOURS)]).shape[0] == 10


@pytest.mark.parametrize("engine", ["mujoco", "pybullet"])
def test_with_physics_the_teacher_succeeds_and_eats(engine: str) -> None:
    pytest.importorskip(engine)
    if engine == "mujoco":
        from loci.sim.backends.mujoco import MujocoBackend as Engine
    else:
        from loci.sim.backends.pybullet import PybulletBackend as Engine  # type: ignore[assignment]
    env = match(1, Engine, distractor=REFILL)
    found = run(env, 2, lambda task, action: action)
    assert found["success"].all()
    assert (found["apples"] == run(match(1), 2, lambda task, action: action)["apples"]).all()
    env.close()


def test_what_cannot_be_matched_is_refused() -> None:
    for settings, message in (
        ({"panels": 6}, "panels must lie in 1..5, got"),
        ({"distractor": [3, -1]}, "distractor must be 0 steps or more"),
        ({"apples": 1.5}, r"apples must lie in \[0, 1\], got 1.5"),
    ):
        with pytest.raises(ValueError, match=message):
            match(1, **settings)
