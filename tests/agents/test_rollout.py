"""Plumbing proved without learning: a counting agent in a counting world, windows that follow one another."""

import numpy as np
import pytest
import torch

from loci.agents.encoder import Encoder
from loci.agents.rollout import Demonstrations, play
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.vector import VectorEnv
from tests.fakes import Counting, CountingAgent

ENCODER = Encoder(16, 16, 3, channels=2)


def counting(batch: int = 5) -> VectorEnv:
    return VectorEnv(KinematicBackend(batch), Counting)


def said(window: object) -> np.ndarray:
    """The counts that were heard, (B, T)."""
    counts = np.array([int(ENCODER.tokenizer.decode(s) or -1) for s in window.obs.sentences])  # type: ignore[attr-defined]
    return counts[window.obs.heard.numpy()]  # type: ignore[attr-defined]


def test_an_agent_that_counts_agrees_with_a_world_that_counts() -> None:
    agent = CountingAgent()
    metrics = play(agent, counting(), episodes=23, seed=0)
    assert len(metrics["length"]) == 25, "5 rows of 5 episodes"
    for own, heard in agent.seen:
        assert own == heard


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_windows_continue_one_another_and_mark_every_beginning(steps: int) -> None:
    teacher = Demonstrations(counting(), ENCODER, slip=0.0, seed=0)
    windows = [teacher.window(steps) for _ in range(12)]
    counts = np.concatenate([said(w) for w in windows], axis=1)
    reset = np.concatenate([w.reset.numpy() for w in windows], axis=1)
    before = np.concatenate([w.obs.action.numpy() for w in windows], axis=1)
    taught = np.concatenate([w.action.numpy() for w in windows], axis=1)
    assert np.array_equal(reset, counts == 0)
    rises = counts[:, 1:] == counts[:, :-1] + 1
    assert (rises | reset[:, 1:]).all()
    assert np.array_equal(before == -1, reset)
    inside = ~reset[:, 1:]
    assert np.array_equal(before[:, 1:][inside], taught[:, :-1][inside]), "the action before is the one taken"


def test_the_teacher_teaches_nothing_after_an_episode_ended() -> None:
    window = Demonstrations(counting(), ENCODER, slip=0.0, seed=0).window(40)
    weight, reset = window.weight.numpy(), window.reset.numpy()
    final = np.zeros_like(reset)
    final[:, :-1] = reset[:, 1:]
    assert (weight[:, :-1][final[:, :-1]] == 0).all()
    assert (weight[:, :-1][~final[:, :-1]] == 1).all()


def test_slips_change_what_is_done_and_not_what_is_taught() -> None:
    """Of 2,400 actions a quarter slip and two thirds of these differ: 400 expected, standard deviation 18."""
    window = Demonstrations(counting(60), ENCODER, slip=0.25, seed=0).window(41)
    inside = ~window.reset[:, 1:] & (window.weight[:, :-1] > 0)
    differ = (window.obs.action[:, 1:] != window.action[:, :-1]) & inside
    share = differ.sum().item() / inside.sum().item()
    assert share == pytest.approx(0.25 * 2 / 3, abs=0.04)
    counts = said(window)
    assert torch.equal(window.action[window.weight > 0], torch.from_numpy(counts % 3)[window.weight > 0])


def test_the_same_seed_gives_the_same_windows() -> None:
    a, b = (Demonstrations(counting(), ENCODER, slip=0.3, seed=4).window(20) for _ in range(2))
    assert torch.equal(a.obs.rgb, b.obs.rgb)
    assert torch.equal(a.action, b.action)
    assert torch.equal(a.reset, b.reset)


def test_a_slip_share_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"slip must lie in \[0, 1\), got 1.0"):
        Demonstrations(counting(), ENCODER, slip=1.0, seed=0)


def test_outcomes_are_listed_row_by_row_so_that_two_agents_can_be_paired() -> None:
    env, lengths = counting(4), [[] for _ in range(4)]
    env.reset(9)
    while min(len(row) for row in lengths) < 3:
        metrics = env.step(np.zeros(4, int)).metrics
        for row, value in enumerate(metrics.get("length", np.full(4, np.nan))):
            if np.isfinite(value):
                lengths[row].append(value)
    expected = [value for row in lengths for value in row[:3]]
    assert play(CountingAgent(), counting(4), episodes=12, seed=9)["length"].tolist() == expected
