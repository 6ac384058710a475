"""Ballet in a room: the dances and the clock of the grid, on every engine, and one answer by pointing."""

from typing import Any

import numpy as np
import pytest

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.tasks.ballet_room import BalletRoom
from loci.sim.tasks.dances import DANCES, DIRECTION_WORDS, HOMES, RAYS, STEPS
from loci.sim.vector import VectorEnv


def room(batch: int, backend: Any = KinematicBackend, **settings: Any) -> VectorEnv:
    camera = Camera(8, 8, 1.06, 4.6, -np.pi / 2, ("rgb",))
    return VectorEnv(backend(batch), lambda: BalletRoom(camera, **settings))


def test_dancers_move_as_on_the_grid() -> None:
    env = room(2, dancers=3, delay=2)
    step = env.reset(0)
    for frame in range(52):
        for row, task in enumerate(env.tasks):
            assert isinstance(task, BalletRoom)
            assert step.obs["instruction"][row] == ("watch" if frame < 51 else task.names[f"dancer_{task.target}"])
            for i in range(3):
                made = min(max(frame - 17 * i + 1, 0), 16)
                name = task.names[f"dancer_{i}"]
                row_away, column = HOMES[task._homes[i]] - 5
                for move in DANCES[name][:made]:
                    row_away, column = row_away + STEPS[move][0], column + STEPS[move][1]
                assert env._places[row].pose(f"dancer_{i}").position == (0.5 * column, -0.5 * row_away, 0.0)
        assert (env.expert(7)[1] == (frame == 51)).all()
        step = env.step(env.expert(0)[0])
    assert step.reward.tolist() == [1.0, 1.0]
    assert step.terminated.all()


def pointed(env: VectorEnv, episodes: int, choose: Any) -> dict[str, np.ndarray]:
    """Metrics of episodes in which `choose` (task, teacher's action) points."""
    env.reset(0)
    found: dict[str, list[float]] = {"success": [], "choice": []}
    while len(found["success"]) < episodes:
        actions = [choose(task, action) for task, action in zip(env.tasks, env.expert(0)[0], strict=True)]
        for name, values in env.step(np.array(actions)).metrics.items():
            found[name].extend(values[np.isfinite(values)])
    return {name: np.asarray(values) for name, values in found.items()}


def test_the_teacher_succeeds_a_fixed_dancer_once_in_n_and_a_fixed_direction_once_in_eight() -> None:
    """300 episodes: five standard errors."""
    env = room(50, dancers=4, delay=1)
    teacher = pointed(env, 100, lambda task, action: action)
    first = pointed(env, 300, lambda task, action: int(RAYS[task._homes[0]]))
    blind = pointed(env, 300, lambda task, action: 0)
    assert teacher["success"].all()
    assert first["choice"].all()
    for rate, expected in ((first["success"], 1 / 4), (blind["success"], 1 / 8), (blind["choice"], 1 / 2)):
        assert abs(rate.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / 300)


def test_every_dancer_is_in_the_picture_at_every_step() -> None:
    camera = Camera(48, 48, 1.06, 4.6, -np.pi / 2, ("rgb", "instance"))
    env = VectorEnv(KinematicBackend(2), lambda: BalletRoom(camera, 8, 1))
    step = env.reset(1)
    whole = [np.bincount(view[view > 4].ravel(), minlength=13)[5:] for view in step.obs["instance"]]
    for _ in range(128):
        for view, size in zip(step.obs["instance"], whole, strict=True):
            now = np.bincount(view[view > 4].ravel(), minlength=13)[5:]
            assert (now > 0.5 * size).all()
        step = env.step(np.zeros(2, int))


@pytest.mark.parametrize("engine", ["mujoco", "pybullet"])
def test_with_physics_the_teacher_succeeds(engine: str) -> None:
    pytest.importorskip(engine)
    if engine == "mujoco":
        from loci.sim.backends.mujoco import MujocoBackend as Engine
    else:
        from loci.sim.backends.pybullet import PybulletBackend as Engine  # type: ignore[assignment]
    env = room(1, Engine, dancers=2, delay=1)
    assert pointed(env, 1, lambda task, action: action)["success"].all()
    env.reset(3)
    for _ in range(31):
        env.step([0])
    task: Any = env.tasks[0]
    for i in range(2):
        x, y, z = env._places[0].pose(f"dancer_{i}").position
        assert np.allclose((x, y, z), task._pose(i, 16).position, atol=0.02)
    env.close()


def test_the_twin_hears_where_and_the_still_stay() -> None:
    env = room(2, dancers=2, delay=1, still=True, twin=True)
    first = env.reset(0).obs["rgb"]
    for _ in range(32):
        step = env.step([0, 0])
        assert np.array_equal(step.obs["rgb"], first)
    for heard, ray in zip(step.obs["instruction"], env.expert(0)[0], strict=True):
        assert heard.endswith(f" at {DIRECTION_WORDS[ray]}")


def test_what_cannot_be_danced_is_refused() -> None:
    with pytest.raises(ValueError, match="dancers must lie in 1..8, got"):
        room(1, dancers=[2, 9])
