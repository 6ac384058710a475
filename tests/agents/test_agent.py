"""Acting step by step and thinking over a window are the same policy, for every memory."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_module

from loci.agents.build import build_agent, build_env
from loci.agents.rollout import Demonstrations
from loci.memories.state import clone

MEMORIES = sorted(p.stem for p in (Path(__file__).parents[2] / "conf" / "memory").glob("*.yaml"))


@pytest.mark.parametrize("memory", MEMORIES)
def test_acting_step_by_step_equals_thinking_over_the_window(memory: str) -> None:
    with initialize_config_module("loci.conf", version_base="1.3"):
        config = compose("train", overrides=["folder=x", "name=x", "scale=debug", f"memory={memory}"])
    env = build_env(config, 3)
    agent = build_agent(config, env).eval()
    window = Demonstrations(env, agent.encoder, 0.2, 0).window(18)
    whole = torch.log_softmax(agent.think(agent.initial(3), window.obs, window.reset).logits, dim=-1)
    state, generator = agent.initial(3), torch.Generator().manual_seed(0)
    obs = window.obs
    for step in range(18):
        moment = type(obs)(**{k: v if k == "sentences" else v[:, step : step + 1] for k, v in vars(obs).items()})
        kept = clone(state)
        state, likeliest, thought = agent.act(state, moment, window.reset[:, step], generator, temperature=0.0)
        torch.testing.assert_close(
            torch.log_softmax(thought.logits[:, 0], dim=-1), whole[:, step], atol=1e-4, rtol=1e-3
        )
        assert torch.equal(likeliest, thought.logits[:, 0].argmax(dim=-1))
        _, drawn, _ = agent.act(kept, moment, window.reset[:, step], generator)
        assert ((drawn >= 0) & (drawn < 5)).all()


def test_draws_follow_the_policy() -> None:
    """4,000 draws from one policy: every share within four standard errors of its chance."""
    with initialize_config_module("loci.conf", version_base="1.3"):
        config = compose("train", overrides=["folder=x", "name=x", "scale=debug", "memory=none"])
    env = build_env(config, 1)
    agent = build_agent(config, env)
    step = env.reset(0)
    seen = {k: v[:, None].repeat(4000, axis=0) for k, v in step.obs.items()}
    obs = agent.encoder.observe(seen, step.reset[:, None].repeat(4000, axis=0) * 0 - 1)
    reset = torch.ones(4000, dtype=torch.bool)
    _, drawn, thought = agent.act(agent.initial(4000), obs, reset, torch.Generator().manual_seed(0))
    chances = torch.softmax(thought.logits[0, 0], dim=-1)
    for action, chance in enumerate(chances.tolist()):
        share = (drawn == action).float().mean().item()
        assert abs(share - chance) < 4 * (chance * (1 - chance) / 4000) ** 0.5
