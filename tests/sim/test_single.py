"""One row of an array task in Gymnasium: the same episode as in the batch, and what is refused."""

import gymnasium
import numpy as np
import pytest

import loci  # noqa: F401  registers the names
from loci.agents.build import build_task
from loci.sim.compose import composed
from loci.sim.single import SingleEnv
from loci.sim.tasks.ballet import Ballet


def test_it_is_the_first_row_of_the_batch() -> None:
    env, rows = gymnasium.make("loci/Ballet-v0", dancers=2, delay=1), Ballet(1, 2, 1, pixels=1)
    obs, _ = env.reset(seed=5)
    step = rows.reset(5)
    done = False
    while not done:
        assert np.array_equal(obs["rgb"], step.obs["rgb"][0])
        assert obs["instruction"] == step.obs["instruction"][0]
        action = int(rows.expert(0)[0][0])
        obs, reward, terminated, truncated, info = env.step(action)
        step = rows.step([action])
        done = terminated or truncated
        assert (reward, terminated, truncated) == (step.reward[0], step.terminated[0], step.truncated[0])
    assert info["success"] == 1.0
    assert np.array_equal(env.render(), step.obs["rgb"][0])


def test_episodes_go_on_without_a_seed() -> None:
    env = gymnasium.make("loci/Ballet-v0")
    first, second = (env.reset(seed=seed)[0]["rgb"] for seed in (3, None))
    again, next_ = (env.reset(seed=seed)[0]["rgb"] for seed in (3, None))
    assert np.array_equal(first, again)
    assert np.array_equal(second, next_)
    assert not np.array_equal(first, second)


def test_what_cannot_be_done_is_refused() -> None:
    env = SingleEnv(Ballet(1, pixels=1))
    with pytest.raises(RuntimeError, match="never begun"):
        env.step(0)
    with pytest.raises(RuntimeError, match="no picture yet"):
        env.render()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="must lie in Discrete"):
        env.step(8)
    with pytest.raises(ValueError, match="batch 1, got 2"):
        SingleEnv(Ballet(2))
    with pytest.raises(ValueError, match="Ballet is held in arrays and has no world"):
        build_task(composed("ballet", "kinematic", "compounds", {}))
