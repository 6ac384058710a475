"""Every task of conf/task that holds its episodes in arrays: rows of their own, the spaces it states, and speed."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loci.conf
from loci.sim.array_env import ArrayEnv
from loci.sim.compose import build_arrays, composed, in_arrays
from loci.sim.gymnasium_vector import GymnasiumVectorEnv

FOLDER = Path(next(iter(loci.conf.__path__))) / "task"


def config(name: str) -> Any:
    return composed(name, "kinematic", "compounds", {})


NAMES = [path.stem for path in sorted(FOLDER.glob("*.yaml")) if in_arrays(config(path.stem))]


def rows(name: str, batch: int) -> ArrayEnv:
    return build_arrays(config(name), batch)


def trace(name: str, batch: int, seed: int) -> list[np.ndarray]:
    """What the first two rows show and earn in 200 steps of the teacher."""
    env = rows(name, batch)
    step, taken = env.reset(seed), []
    for _ in range(200):
        taken += [step.obs[part][:2].copy() for part in sorted(step.obs)] + [step.reward[:2]]
        step = env.step(env.expert(0)[0])
    return taken


def test_there_are_some() -> None:
    assert {"ballet", "recall", "rewriting", "room_ballet", "short_stay", "street_nav", "street_tours"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_the_same_whatever_the_batch_and_differ_from_seed_to_seed(name: str) -> None:
    first, same, wide, other = trace(name, 2, 5), trace(name, 2, 5), trace(name, 9, 5), trace(name, 2, 6)
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, same, wide, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert not all(np.array_equal(part[0], part[1]) for part in first)


@pytest.mark.parametrize("name", NAMES)
def test_gymnasium_sees_what_it_says(name: str) -> None:
    env = GymnasiumVectorEnv(rows(name, 3))
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    assert env.observation_space.contains(env.step(np.zeros(3, int))[0])


@pytest.mark.parametrize("name", NAMES)
def test_an_action_that_there_is_not_is_refused(name: str) -> None:
    env = rows(name, 2)
    with pytest.raises(RuntimeError, match=r"call reset\(seed\) before step"):
        env.step(np.zeros(2, int))
    env.reset(0)
    for wrong in (np.full(2, env.action_space.n), np.full(2, -1), np.zeros(3, int)):  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match=r"actions must be 2 numbers in 0\.\."):
            env.step(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_fast(name: str) -> None:
    """Low enough for a busy machine; figures are for benchmarks."""
    env = rows(name, 512)
    env.reset(0)
    env.step(np.zeros(512, int))
    begun = time.process_time()
    for _ in range(200):
        env.step(np.zeros(512, int))
    assert 200 * 512 / (time.process_time() - begun) > 300_000
