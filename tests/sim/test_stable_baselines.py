"""Stable-Baselines3 trains on the environment as it is: the examples of docs/gymnasium.md, run as they stand there."""

import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
import torch

import loci  # noqa: F401  registers the names
from loci.sim.backend import Place
from loci.sim.task import Outcome
from loci.sim.tasks.fast_mapping import FastMapping
from loci.sim.wrappers import TokenWords

pytest.importorskip("stable_baselines3", reason="pip install 'loci[test]'")
DOCS = (Path(__file__).parents[2] / "docs" / "gymnasium.md").read_text()
STEPS = 2000


class Trained(NamedTuple):
    model: Any
    episodes: list[list[float]]
    """The sum of rewards of every finished episode, by row, as the task's outcomes have them."""


@pytest.fixture(scope="module", params=["PPO", "RecurrentPPO"])
def trained(request: pytest.FixtureRequest) -> Trained:
    if request.param == "RecurrentPPO":
        pytest.importorskip("sb3_contrib", reason="pip install 'loci[test]'")
    (block,) = (code for code in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL) if f"= {request.param}(" in code)
    sums: dict[int, list[float]] = {}
    begin, outcome = FastMapping.begin, FastMapping.outcome

    def beginning(self: FastMapping, *arguments: Any) -> Any:
        sums.setdefault(id(self), []).append(0.0)
        return begin(self, *arguments)

    def adding(self: FastMapping, place: Place) -> Outcome:
        result = outcome(self, place)
        sums[id(self)][-1] += result.reward
        return result

    namespace: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FastMapping, "begin", beginning)
        patch.setattr(FastMapping, "outcome", adding)
        exec(block, namespace)
    tasks = [env.unwrapped.task for env in namespace["envs"].envs]
    return Trained(namespace["model"], [sums[id(task)][:-1] for task in tasks])


def untrained(model: Any) -> dict[str, torch.Tensor]:
    return dict(
        type(model)(
            model.policy_class, model.get_env(), policy_kwargs=model.policy_kwargs, seed=model.seed, device="cpu"
        ).policy.named_parameters()
    )


def test_it_takes_exactly_the_steps_that_were_asked_for(trained: Trained) -> None:
    assert trained.model.num_timesteps == STEPS


def test_every_parameter_changes_and_stays_finite(trained: Trained) -> None:
    first, again = untrained(trained.model), untrained(trained.model)
    for name, value in trained.model.policy.named_parameters():
        assert torch.isfinite(value).all(), name
        assert torch.equal(first[name], again[name]), "the seed fixes what training begins with"
        assert not torch.equal(first[name], value), f"{name} was not trained"


def test_the_losses_are_finite(trained: Trained) -> None:
    losses = {name: value for name, value in trained.model.logger.name_to_value.items() if "loss" in name}
    assert {"train/value_loss", "train/policy_gradient_loss"} <= set(losses)
    assert all(np.isfinite(value) for value in losses.values()), losses


def test_the_monitor_counts_the_rewards_of_the_outcomes(trained: Trained) -> None:
    counted = trained.model.get_env().env_method("get_episode_rewards")
    assert sum(map(len, counted)) > 10
    assert any(reward > 0 for row in counted for reward in row)
    for row, expected in zip(counted, trained.episodes, strict=True):
        assert row == pytest.approx(expected)


def test_its_checker_accepts_the_wrapped_environment() -> None:
    from stable_baselines3.common.env_checker import check_env

    env = gymnasium.make("loci/FastMapping-v0", camera={"height": 36, "width": 36})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*unconventional shape.*")  # advice to flatten tables
        check_env(TokenWords(env))
