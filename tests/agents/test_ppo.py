"""Every number of the objective against arithmetic written out; updates, runs that resume, wrong settings."""

import dataclasses
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from loci.agents import checkpoint
from loci.agents.agent import Agent
from loci.agents.encoder import Decoder, Encoder
from loci.agents.learner import Student
from loci.agents.policy import Perceptron
from loci.agents.ppo import PPO, losses, objective
from loci.agents.train import Run, train
from loci.memories.none import NoMemory
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.vector import VectorEnv
from tests.agents.played import CPU, PLAIN, SMALL, config, log_probs, practice, small
from tests.fakes import Counting


def bandit(advantage: tuple[float, float], log_ratio: float = 0.0) -> tuple[Agent, Tensor, Tensor]:
    """Two moments, one of each arm, with these advantages; the agent, its chances and the gradient of its logits."""
    torch.manual_seed(0)
    agent = Agent(Encoder(16, 16, 3, **SMALL), NoMemory(8, 8), partial(Perceptron, width=16)).eval()
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
