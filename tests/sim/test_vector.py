"""Many environments at once: what begins an episode, what ends one, and that rows are worlds of their own."""

from itertools import pairwise

import numpy as np
import pytest

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera, Words
from loci.sim.tasks.fast_mapping import FastMapping
from loci.sim.vector import Step, VectorEnv
from loci.sim.worlds.objects import Compounds
from tests.fakes import Counting


def fast_mapping(batch: int) -> VectorEnv:
    camera = Camera(16, 16, kinds=("rgb", "depth", "instance"))
    return VectorEnv(KinematicBackend(batch), lambda: FastMapping(Compounds(), camera, distractors=[0, 3]))


def run(env: VectorEnv, seed: int, steps: int) -> list[Step]:
    """A trajectory under random actions that are the same for a row whatever the batch."""
    trace = [env.reset(seed)]
    draws = [np.random.default_rng((seed, row)) for row in range(env.batch)]
    for _ in range(steps):
        trace.append(env.step(np.array([rng.integers(5) for rng in draws])))
    return trace


def same(a: Step, b: Step, rows: slice = slice(None)) -> bool:
    pairs = [(a.obs[k][rows], b.obs[k][rows]) for k in a.obs] + [
        (x[rows], y[rows]) for x, y in zip(a[1:5], b[1:5], strict=True)
    ]
    return all(np.array_equal(x, y) for x, y in pairs)


def test_the_count_said_is_the_count_of_steps_since_reset() -> None:
    env = VectorEnv(KinematicBackend(4), Counting)
    step = env.reset(0)
    counts, ended = np.zeros(4, int), np.zeros(4, bool)
    for _ in range(60):
        assert np.array_equal(step.obs["words"].astype(int), counts)
        assert np.array_equal(step.reset, counts == 0)
        ended = step.terminated | step.truncated
        step = env.step(np.zeros(4, int))
        counts = np.where(ended, 0, counts + 1)
        assert np.array_equal(step.reset, ended), "the first observation follows the final one"
        assert (step.reward[step.reset] == 0).all()


def test_an_episode_that_is_too_long_is_truncated_and_not_terminated() -> None:
    env = VectorEnv(KinematicBackend(16), Counting)
    trace = [env.reset(3)] + [env.step(np.zeros(16, int)) for _ in range(80)]
    assert any(s.truncated.any() for s in trace)
    for s in trace:
        assert not (s.terminated & s.truncated).any()
        for row in np.flatnonzero(s.terminated | s.truncated):
            assert (
                s.metrics["length"][row] == s.reward[row] if s.terminated[row] else s.reward[row] == Counting.max_steps
            )


def test_metrics_appear_exactly_where_an_episode_ends() -> None:
    env = VectorEnv(KinematicBackend(8), Counting)
    env.reset(1)
    for _ in range(30):
        step = env.step(np.zeros(8, int))
        ended = step.terminated | step.truncated
        if ended.any():
            assert np.array_equal(np.isfinite(step.metrics["length"]), ended)


def test_the_same_seed_gives_the_same_trajectory_bit_for_bit() -> None:
    first, second = run(fast_mapping(3), 7, 60), run(fast_mapping(3), 7, 60)
    assert all(same(a, b) for a, b in zip(first, second, strict=True))


def test_another_seed_gives_another_trajectory() -> None:
    assert not same(run(fast_mapping(3), 7, 0)[0], run(fast_mapping(3), 8, 0)[0])


def test_a_row_does_not_depend_on_how_many_there_are() -> None:
    alone, among = run(fast_mapping(1), 5, 60), run(fast_mapping(4), 5, 60)
    assert all(same(a, b, slice(0, 1)) for a, b in zip(alone, among, strict=True))


def test_rows_differ() -> None:
    step = run(fast_mapping(4), 5, 0)[0]
    assert len({step.obs["rgb"][row].tobytes() for row in range(4)}) == 4


def test_observations_of_consecutive_steps_share_no_memory() -> None:
    trace = run(fast_mapping(2), 1, 5)
    for a, b in pairwise(trace):
        assert not any(np.shares_memory(a.obs[k], b.obs[k]) for k in a.obs)


def test_stepping_before_reset_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"call reset\(seed\)"):
        fast_mapping(1).step(np.zeros(1, int))


def test_a_sensor_that_the_backend_cannot_serve_is_refused_at_the_door() -> None:
    class Blind(KinematicBackend):
        provides = frozenset({"depth", "pose"})

    with pytest.raises(ValueError, match=r"sensors need \['rgb'\], the backend provides \['depth', 'pose'\]"):
        VectorEnv(Blind(1), lambda: FastMapping(Compounds(), Camera(16, 16, kinds=("rgb",))))


def test_words_are_an_array_of_strings() -> None:
    step = run(fast_mapping(2), 0, 10)[-1]
    assert step.obs["words"].dtype.kind == "U"
    assert Words().space()["words"].contains(str(step.obs["words"][0]))
