"""The standard interface: Gymnasium's own checker, seeding, and errors that say what to do."""

import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.env import Env
from loci.sim.sensors import Camera
from loci.sim.tasks.fast_mapping import FastMapping
from loci.sim.worlds.objects import Compounds
from tests.fakes import Counting


def make(task: str = "fast_mapping") -> Env:
    camera = Camera(16, 16, kinds=("rgb", "depth", "instance"))
    return Env(KinematicBackend(1), FastMapping(Compounds(), camera) if task == "fast_mapping" else Counting())


@pytest.mark.parametrize("task", ["fast_mapping", "counting"])
def test_gymnasium_accepts_the_environment(task: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(infinity|spec|render_mode).*")
        check_env(make(task))


def test_the_same_seed_gives_the_same_episode() -> None:
    traces = []
    for _ in range(2):
        env, trace = make(), []
        obs, _ = env.reset(seed=11)
        for action in [2, 2, 0, 1, 2, 2, 0, 4]:
            trace.append((obs["rgb"].tobytes(), obs["depth"].tobytes(), obs["words"]))
            obs, *_ = env.step(action)
        traces.append(trace)
    assert traces[0] == traces[1]


def test_resets_without_a_seed_go_on_with_new_episodes() -> None:
    env = make()
    first = env.reset(seed=1)[0]["rgb"]
    assert not np.array_equal(first, env.reset()[0]["rgb"])


def test_every_observation_lies_in_its_space() -> None:
    env = make()
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(200):
        obs, reward, terminated, truncated, info = env.step(int(rng.integers(5)))
        assert env.observation_space.contains(obs)
        assert np.isfinite(reward)
        assert set(info) == {"success", "choice", "introduced"}
        if terminated or truncated:
            env.reset()


def test_a_wrong_action_is_refused() -> None:
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action must lie in Discrete\(5\), got 9"):
        env.step(9)


def test_a_step_without_an_episode_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"call reset\(\) before step\(\)"):
        make().step(0)


def test_a_picture_before_the_first_reset_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no picture yet"):
        make().render()
