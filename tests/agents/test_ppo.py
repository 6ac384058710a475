"""Played windows are learnt from as they were played; every number of the objective against arithmetic written out."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from torch import Tensor

from loci.agents import checkpoint
from loci.agents.agent import Agent
from loci.agents.build import build_agent
from loci.agents.encoder import Decoder, Encoder
from loci.agents.experience import Experience, Practice, advantages
from loci.agents.learner import Student
from loci.agents.ppo import PPO, losses, objective, targets
from loci.agents.train import Run, train
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.none import NoMemory
from loci.memories.state import clone
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.vector import VectorEnv
from tests.fakes import Counting

CPU = torch.device("cpu")
MEMORIES = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "memory").glob("*.yaml"))
SMALL = {"vision_dim": 8, "language_dim": 8, "embed_dim": 8, "channels": 2, "word_dim": 8}
PLAIN = PPO(batch=4, image=0.0, sentence=0.0)


def config(folder: Path, *overrides: str) -> DictConfig:
    given = [f"folder={folder}", "name=test", "scale=debug", "device=cpu", "learner=ppo", *overrides]
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose("train", overrides=given)


def opinionated(agent: Agent) -> Agent:
    """With far from even chances, so that a wrong state or a wrong step shows."""
    with torch.no_grad():
        agent.policy.logits.weight.mul_(20.0)
    return agent.eval()


def small(memory: Memory[Any] | None = None) -> Agent:
    torch.manual_seed(0)
    return opinionated(Agent(Encoder(16, 16, 3, **SMALL), memory or NoMemory(8, 8), width=16))


def built(memory: str, *overrides: str) -> Agent:
    return opinionated(build_agent(config(Path("x"), f"memory={memory}", *overrides), Counting()))


def practice(agent: Agent, batch: int = 4, seed: int = 0) -> Practice:
    return Practice(agent, VectorEnv(KinematicBackend(batch), Counting), seed, CPU)


def without_aid(agent: Agent, experience: Experience, learner: PPO = PLAIN) -> dict[str, Tensor]:
    """Losses of a window; the experience can be used again."""
    again = dataclasses.replace(experience, state=clone(experience.state))
    draw = torch.Generator().manual_seed(0)
    return losses(agent, Decoder(agent.encoder), learner, again, *targets(learner, experience), draw)


def log_probs(agent: Agent, experience: Experience, state: Any) -> Tensor:
    with torch.no_grad():
        thought = agent.think(clone(state), experience.obs, experience.reset)
    return torch.log_softmax(thought.logits, -1).gather(-1, experience.action[..., None])[..., 0]


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

    window = dataclasses.replace(practice(small()).window(2), state=[Map(), Map(), Map(), Map()])
    with pytest.raises(ValueError, match=r"cannot be split into rows: choose learner.minibatches=1"):
        window.rows(torch.tensor([0, 2]))
    assert window.rows(torch.arange(4)).state[0] is not window.state[0]


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


def bandit(advantage: tuple[float, float], log_ratio: float = 0.0) -> tuple[Agent, Tensor, Tensor]:
    """Two moments, one of each arm, with these advantages; the agent, its chances and the gradient of its logits."""
    torch.manual_seed(0)
    agent = Agent(Encoder(16, 16, 3, **SMALL), NoMemory(8, 8), width=16).eval()
    window = practice(agent, batch=2).window(1)
    window = dataclasses.replace(window, action=torch.tensor([[0], [1]]))
    window.log_prob = log_probs(agent, window, window.state) - log_ratio
    given, draw = torch.tensor(advantage)[:, None], torch.Generator()
    terms = losses(agent, Decoder(agent.encoder), PLAIN, window, torch.zeros(2, 1), given, draw)
    terms["policy"].backward()
    with torch.no_grad():
        chances = agent.think(window.state, window.obs, window.reset).logits.softmax(-1)[:, 0]
    assert agent.policy.logits.bias.grad is not None
    return agent, chances, agent.policy.logits.bias.grad


def test_the_gradient_of_a_bandit_is_that_of_reinforce() -> None:
    """∇ of the mean of A log π(a), with ∇ log π(a) = onehot(a) - π (Williams 1992)."""
    _, chances, gradient = bandit((1.0, -0.5))
    expected = -0.5 * (1.0 * (torch.eye(3)[0] - chances[0]) - 0.5 * (torch.eye(3)[1] - chances[1]))
    torch.testing.assert_close(gradient, expected)
    assert gradient[0] < 0 < gradient[1]


@pytest.mark.parametrize(("log_ratio", "sign"), [(0.5, 1.0), (-0.5, -1.0)])
def test_a_policy_out_of_bounds_is_only_drawn_back(log_ratio: float, sign: float) -> None:
    """Ratios of e^±½ lie outside 1 ± 0.2: going on that way earns nothing, coming back does."""
    assert not bandit((sign, sign), log_ratio)[2].any()
    assert bandit((-sign, -sign), log_ratio)[2].any()


def test_terms_are_arithmetic() -> None:
    agent = small()
    window = practice(agent).window(1)
    window.log_prob = window.log_prob - math.log(1.5)
    window.value = window.value - 1.0
    target, ones = window.value[:, :1] + 3.0, torch.ones(4, 1)
    draw, decoder = torch.Generator(), Decoder(agent.encoder)
    found = losses(agent, decoder, PLAIN, window, target, ones, draw)
    assert found["policy"].item() == pytest.approx(-1.2, abs=1e-5), "the ratio 1.5 counts as 1 + epsilon"
    assert found["kl"].item() == pytest.approx(0.5 - math.log(1.5), abs=1e-5)
    assert found["clipped"] == 1.0
    assert found["value"].item() == pytest.approx(0.5 * 2.0**2, abs=1e-4)
    kept = losses(agent, decoder, PPO(batch=4, value_epsilon=0.25), window, target, ones, draw)
    assert kept["value"].item() == pytest.approx(0.5 * 2.75**2, abs=1e-4)
    assert {"image", "sentence"} <= set(kept)


def test_the_objective_is_the_sum_of_terms_times_their_weights() -> None:
    terms = {name: torch.tensor(1.0) for name in ("policy", "value", "entropy", "kl", "clipped", "image", "own")}
    learner = PPO(value=0.1, entropy=0.01, image=0.001, memory=10.0)
    assert objective(terms, learner).item() == pytest.approx(1 + 0.1 - 0.01 + 0.001 + 10)


def course(learner: PPO, agent: Agent) -> Any:
    decoder = Decoder(agent.encoder)
    optimiser = learner.optimiser([*agent.parameters(), *decoder.parameters()])
    return learner.begin(Student(agent, decoder, optimiser, CPU), VectorEnv(KinematicBackend(4), Counting), 0)


def test_an_update_descends_once_a_minibatch_until_it_has_gone_far_enough() -> None:
    settings: dict[str, Any] = {"batch": 4, "window": 8, "epochs": 3, "rate": 0.01, "warmup": 1}
    assert course(PPO(**settings, minibatches=2, kl=1e9), small()).update(0)["descents"] == 6
    assert course(PPO(**settings, minibatches=1, kl=1e-5), small()).update(0)["descents"] == 1


def test_an_update_tells_what_happened() -> None:
    taught = course(PPO(batch=4, window=16), small())
    told = taught.update(0)
    assert told.keys() >= {"return", "length", "kl", "entropy", "value", "clipped", "gradient", "steps_per_second"}
    assert taught.finished > 0


def numbers(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in ("cpu_seconds", "steps_per_second")} for row in rows]


@pytest.mark.parametrize("memory", ["dual_coding", "none"])
def test_a_killed_run_resumes_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    settings = [f"memory={memory}", "learner.epochs=1", "learner.minibatches=2"]
    summary = train(config(whole, *settings))
    segment, calls = Run.segment, []

    def killed(self: Run, *args: Any) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        segment(self, *args)

    monkeypatch.setattr(Run, "segment", killed)
    with pytest.raises(KeyboardInterrupt):
        train(config(cut, *settings))
    monkeypatch.setattr(Run, "segment", segment)
    train(config(cut, *settings))
    assert numbers(cut) == numbers(whole)
    assert summary["updates"] == len(numbers(whole)) == 4
    first, second = (checkpoint.load(folder / "checkpoint.pt")["model"] for folder in (cut, whole))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 0}, "learner.batch must be at least 1, got 0"),
        ({"minibatches": 5, "batch": 4}, "at most the 4 rows of learner.batch, got 5"),
        ({"discount": 1.5}, r"learner.discount must lie in \[0, 1\], got 1.5"),
        ({"epsilon": 0.0}, "learner.epsilon must be positive, got 0.0"),
        ({"pictures": 0.0}, "learner.pictures must lie in"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PPO(**settings)


def test_what_only_imitation_teaches_is_refused(tmp_path: Path) -> None:
    for changes, message in (
        (["encoder.centre=true"], "encoder.centre=true needs learner=imitation"),
        (["memory=spatial_transformer", "memory.rule=learned", "memory.actions=5"], "teaches no allocator"),
    ):
        run = Run(config(tmp_path, *changes))
        with pytest.raises(ValueError, match=message):
            run.learner.begin(Student(run.agent, run.decoder, run.optimiser, run.device), run.env, 0)
