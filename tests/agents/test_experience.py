"""Played windows are learnt from as they were played; advantages against returns written out."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from loci.agents.agent import Agent
from loci.agents.build import build_agent
from loci.agents.encoder import Decoder
from loci.agents.experience import Experience, advantages
from loci.agents.ppo import PPO, losses, objective, targets
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.none import NoMemory
from loci.memories.state import clone
from tests.agents.played import PLAIN, config, log_probs, opinionated, practice, small
from tests.fakes import Counting

MEMORIES = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "memory").glob("*.yaml"))


def built(memory: str, *overrides: str) -> Agent:
    return opinionated(build_agent(config(Path("x"), f"memory={memory}", *overrides), Counting()))


def without_aid(agent: Agent, experience: Experience, learner: PPO = PLAIN) -> dict[str, Tensor]:
    """Losses of a window; the experience can be used again."""
    again = dataclasses.replace(experience, state=clone(experience.state))
    draw = torch.Generator().manual_seed(0)
    return losses(agent, Decoder(agent.encoder), learner, again, *targets(learner, experience), draw)


def test_a_window_holds_what_the_world_did() -> None:
    """The counting world rewards with the count; its episodes end by themselves before 10 steps, or are cut at 9."""
    agent, ended = small(), []
    playing = practice(agent)
    windows = []
    for _ in range(6):
        windows.append(playing.window(7))
        ended += playing.episodes
    joined = {
        name: torch.cat([getattr(w, name) for w in windows], 1)
        for name in ("reset", "action", "reward", "terminated", "truncated", "ignored")
    }
    reset, done = joined["reset"], joined["terminated"] | joined["truncated"]
    before = torch.cat([w.obs.action for w in windows], 1)
    assert joined["terminated"].any()
    assert joined["truncated"].any()
    assert torch.equal(joined["ignored"][:, :-1], reset[:, 1:])
    assert torch.equal(joined["ignored"][:, 1:], done[:, :-1])
    assert torch.equal(before == -1, reset)
    inside = ~reset[:, 1:]
    assert torch.equal(before[:, 1:][inside], joined["action"][:, :-1][inside])
    for row in range(4):
        count = 0
        for reward, ignored in zip(joined["reward"][row], joined["ignored"][row], strict=True):
            count = 0 if ignored else count + 1
            assert reward == count
    for episode in ended:
        steps = min(episode["length"], 9)
        assert episode["return"] == steps * (steps + 1) / 2
    assert len(ended) == done.sum()


@pytest.mark.parametrize("memory", MEMORIES)
def test_what_was_played_is_thought_again(memory: str) -> None:
    """The ratio of the first epoch is 1: with snapshots in mid-episode, ends inside the window, and new weights."""
    agent = built(memory)
    playing = practice(agent)
    playing.window(10)
    for change in (0.0, 0.02):
        with torch.no_grad():
            for parameter in agent.memory.parameters():
                parameter.add_(change * torch.randn_like(parameter))
        window = playing.window(10)
        assert window.ignored[:, :-1].any()
        assert not window.reset[:, 0].all()
        torch.testing.assert_close(log_probs(agent, window, window.state), window.log_prob, atol=1e-5, rtol=1e-5)
        terms = without_aid(agent, window)
        assert abs(terms["kl"].item()) < 1e-6
        assert terms["clipped"] == 0.0
    if memory != "none":
        forgetful = log_probs(agent, window, agent.initial(4))
        assert (forgetful - window.log_prob).abs().max() > 1e-3, "the state matters"


@pytest.mark.parametrize("memory", MEMORIES)
def test_rows_are_learnt_from_apart(memory: str) -> None:
    agent = built(memory)
    playing = practice(agent)
    playing.window(5)
    window = playing.window(8)
    part = window.rows(torch.tensor([3, 1]))
    torch.testing.assert_close(log_probs(agent, part, part.state), window.log_prob[[3, 1]], atol=1e-5, rtol=1e-5)


class Spending(NoMemory):
    """Counts its steps in the state it was given, as a memory may."""

    def initial(self, batch: int) -> Any:
        return torch.zeros(batch, 1)

    def step(self, state: Any, percept: Percept, reset: Tensor) -> Any:
        state[reset] = 0.0
        return state.add_(1.0), Recall(feature=self.layers(percept.embed) + state * torch.linspace(-1, 1, 8))

    def unroll(self, state: Any, percept: Percept, reset: Tensor) -> Any:
        return Memory.unroll(self, state, percept, reset)


@pytest.mark.parametrize("build", [lambda: built("gru"), lambda: small(Spending(8, 8))], ids=["gru", "spending"])
def test_the_value_after_the_window_is_the_first_of_the_next(build: Callable[[], Agent]) -> None:
    """So looking ahead changes nothing."""
    playing = practice(build())
    first, second = playing.window(6), playing.window(6)
    torch.testing.assert_close(first.value[:, -1], second.value[:, 0], atol=1e-6, rtol=1e-5)


def test_the_bonus_belongs_to_the_action_that_led_to_it() -> None:
    agent = built("dual_coding", "memory.novelty=language")
    window = practice(agent).window(12)
    with torch.no_grad():
        granted = agent.think(clone(window.state), window.obs, window.reset).recall.bonus
    assert granted is not None
    torch.testing.assert_close(window.bonus[:, :-1], granted[:, 1:], atol=1e-4, rtol=1e-4)
    assert (window.bonus > 0).any()
    without, with_it = (targets(PPO(batch=4, novelty=n, decay=0.0), window)[0] for n in (0.0, 0.5))
    torch.testing.assert_close(
        (with_it - without)[~window.ignored], 0.5 * window.bonus[~window.ignored], atol=1e-4, rtol=1e-4
    )


def test_a_state_that_cannot_be_split_is_refused_in_parts_and_taken_whole() -> None:
    class Map:
        nbytes = 8

        def clone(self) -> "Map":
            return Map()

    window = dataclasses.replace(practice(small()).window(2), state=(Map(),))
    with pytest.raises(ValueError, match=r"cannot be split into rows: choose learner.minibatches=1"):
        window.rows(torch.tensor([0, 2]))
    assert window.rows(torch.arange(4)).state[0] is not window.state[0]
    one_a_row = dataclasses.replace(window, state=[Map(), Map(), Map(), Map()])
    assert len(one_a_row.rows(torch.tensor([0, 2])).state) == 2


def returns_mixed(e: dict[str, np.ndarray], row: int, step: int, discount: float, decay: float) -> float:
    """The λ-return of one step as the weighted mean of its n-step returns, less the value."""
    found, earned = [], 0.0
    for n, t in enumerate(range(step, e["reward"].shape[1])):
        earned += discount**n * e["reward"][row, t]
        coming = 0.0 if e["terminated"][row, t] else discount ** (n + 1) * e["value"][row, t + 1]
        found.append(earned + coming)
        if e["terminated"][row, t] or e["truncated"][row, t]:
            break
    weights = [(1 - decay) * decay**n for n in range(len(found) - 1)] + [decay ** (len(found) - 1)]
    return float(np.dot(weights, found) - e["value"][row, step])


@pytest.mark.parametrize(("discount", "decay"), [(0.97, 0.9), (0.9, 0.0), (0.9, 1.0)])
def test_advantages_are_mixtures_of_n_step_returns(discount: float, decay: float) -> None:
    rng, shape = np.random.default_rng(0), (20, 15)
    terminated, truncated, ignored = (np.zeros(shape, bool) for _ in range(3))
    ignored[:, 0] = rng.random(20) < 0.3
    for t in range(shape[1]):
        if t > 0:
            ignored[:, t] = terminated[:, t - 1] | truncated[:, t - 1]
        kind = rng.random(20)
        terminated[:, t] = (kind < 0.15) & ~ignored[:, t]
        truncated[:, t] = (kind > 0.85) & ~ignored[:, t]
    e = {"reward": rng.normal(size=shape), "value": rng.normal(size=(20, 16))}
    e |= {"terminated": terminated, "truncated": truncated}
    e["reward"][ignored] = 0.0
    tensors = {name: torch.from_numpy(array) for name, array in e.items()}
    found = advantages(
        tensors["reward"].float(),
        tensors["value"].float(),
        tensors["terminated"],
        torch.from_numpy(ignored),
        discount,
        decay,
    ).numpy()
    assert (found[ignored] == 0).all()
    for row, t in zip(*np.nonzero(~ignored), strict=True):
        assert found[row, t] == pytest.approx(returns_mixed(e, row, t, discount, decay), abs=1e-5)


def test_the_normal_advantages_count_choices_alone() -> None:
    window = practice(small()).window(20)
    _, normal = targets(PLAIN, window)
    chosen = normal[~window.ignored]
    assert chosen.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert chosen.std(correction=0).item() == pytest.approx(1.0, abs=1e-4)


def test_what_is_recorded_where_the_action_was_ignored_changes_nothing() -> None:
    agent, playing = small(), practice(small())
    window = playing.window(24)
    ended = window.ignored.clone()
    ended[:, 1:] &= window.terminated[:, :-1]
    assert ended[:, 1:].any()
    noise = torch.randn(window.reward.shape, generator=torch.Generator().manual_seed(0))
    changed = dataclasses.replace(
        window,
        action=torch.where(window.ignored, (window.action + 1) % 3, window.action),
        log_prob=torch.where(window.ignored, window.log_prob + noise, window.log_prob),
        reward=torch.where(window.ignored, noise, window.reward),
        bonus=torch.where(window.ignored, noise, window.bonus),
        value=torch.cat([torch.where(ended, noise, window.value[:, :-1]), window.value[:, -1:]], 1),
    )
    assert not torch.equal(changed.reward, window.reward)
    gradients = []
    for experience in (window, changed):
        agent.zero_grad()
        terms = without_aid(agent, experience)
        objective(terms, PLAIN).backward()
        gradients.append([p.grad.clone() for p in agent.policy.parameters() if p.grad is not None])
        gradients.append(list(terms.values()))
    for first, second in zip(gradients[0] + gradients[1], gradients[2] + gradients[3], strict=True):
        assert torch.equal(first, second)


def test_the_last_value_counts_where_an_episode_was_cut_and_not_where_it_ended() -> None:
    window = practice(small(), batch=8).window(30)
    for ends, counts in ((window.truncated, True), (window.terminated, False)):
        value = window.value.clone()
        value[:, 1:][ends] += 1.0
        before, after = (targets(PPO(batch=8), dataclasses.replace(window, value=v))[0] for v in (window.value, value))
        assert ends.any()
        difference = (after - before)[ends]
        expected = torch.full_like(difference, 0.99 if counts else 0.0)
        torch.testing.assert_close(difference, expected, atol=1e-5, rtol=0)
