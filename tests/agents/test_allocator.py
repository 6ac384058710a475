"""The allocator: one choice an episode, held over windows, learnt from the answers, and nothing else touched."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module

from loci.agents.agent import Agent
from loci.agents.allocator import Allocator, Chosen
from loci.agents.build import build_agent, build_env
from loci.agents.encoder import Decoder
from loci.agents.imitation import Imitation, losses
from loci.agents.rollout import Demonstrations, play
from loci.memories.places import RULES
from loci.memories.state import nbytes
from loci.sim.tasks.room_ballet import RoomBallet
from loci.sim.tasks.write_rules import kept

B, T, U = 64, 12, 5
EPISODE = 20
"""Moments of a room ballet of whole solos: 18, the question, and the last look."""


def allocator(**settings: object) -> Allocator:
    torch.manual_seed(0)
    return Allocator(U, **settings)  # type: ignore[arg-type]


def world(seed: int = 0, steps: int = T) -> tuple[torch.Tensor, torch.Tensor]:
    """Goals and resets of a window; episodes of 3 to 6 steps."""
    draw = torch.Generator().manual_seed(seed)
    reset = torch.rand(B, steps, generator=draw) < 0.25
    reset[:, 0] = True
    return torch.randn(B, steps, U, generator=draw), reset


def test_a_choice_is_made_when_an_episode_begins_and_held_until_it_ends() -> None:
    for allot in (allocator(), allocator(uniform=True), allocator().eval()):
        goal, reset = world()
        control, choice, held = allot(allot.initial(B), goal, reset)
        assert choice.rule.min() >= 0
        changed = choice.rule[:, 1:] != choice.rule[:, :-1]
        assert changed.any()
        assert not (changed & ~reset[:, 1:]).any()
        assert not control[reset].any()
        before = torch.nn.functional.one_hot(choice.rule[:, :-1], 4) * ~reset[:, 1:, None]
        assert torch.equal(control[:, 1:], before.float())
        assert torch.equal(held.rule, choice.rule[:, -1])


def test_a_window_can_be_cut_anywhere() -> None:
    allot, (goal, reset) = allocator().eval(), world()
    whole, choice, _ = allot(allot.initial(B), goal, reset)
    for cut in (1, 5, T - 1):
        one, first, held = allot(allot.initial(B), goal[:, :cut], reset[:, :cut])
        other, second, _ = allot(held, goal[:, cut:], reset[:, cut:])
        assert torch.equal(torch.cat([one, other], dim=1), whole)
        assert torch.equal(torch.cat([first.rule, second.rule], dim=1), choice.rule)
        torch.testing.assert_close(torch.cat([first.worth, second.worth], dim=1), choice.worth)


def test_the_greedy_choice_is_the_best_by_the_first_goal() -> None:
    allot, (goal, reset) = allocator().eval(), world()
    reset[:, 1:] = False
    _, choice, _ = allot(allot.initial(B), goal, reset)
    worth = allot.worth(goal[:, 0])
    assert torch.equal(choice.rule, worth.argmax(1)[:, None].expand(B, T))
    torch.testing.assert_close(choice.worth, worth.amax(1)[:, None].expand(B, T))
    assert len(set(choice.rule[:, 0].tolist())) > 1


def test_exploring_falls_with_the_episodes_begun_and_stops_in_evaluation() -> None:
    allot = allocator(epsilon=0.2, episodes=1000)
    assert allot.epsilon == 1.0
    goal, reset = world()
    allot(allot.initial(B), goal, reset)
    begun = int(reset.sum())
    assert int(allot.begun) == begun
    assert allot.epsilon == pytest.approx(1 - 0.8 * begun / 1000)
    allot.begun.fill_(5000)
    assert allot.epsilon == 0.2
    assert allot.eval().epsilon == 0.0
    assert allocator(uniform=True).eval().epsilon == 1.0
    drawn = allocator(epsilon=1.0)(allot.initial(B), *world(1))[1].rule[world(1)[1]]
    assert abs(np.bincount(drawn) - len(drawn) / 4).max() < 5 * np.sqrt(len(drawn) / 4)


def test_the_loss_is_the_squared_error_of_the_worth_and_reaches_q_alone() -> None:
    allot, (goal, reset) = allocator(), world()
    goal.requires_grad_()
    surprise = torch.rand(B, T, requires_grad=True)
    weight = torch.zeros(B, T)
    weight[:, 7] = 1.0
    _, choice, _ = allot(allot.initial(B), goal, reset)
    loss = choice.loss(surprise, weight)
    assert loss.item() == pytest.approx(0.1 * ((-surprise[:, 7] - choice.worth[:, 7]) ** 2).mean().item(), rel=1e-5)
    loss.backward()
    assert goal.grad is None
    assert surprise.grad is None
    assert all(part.grad is not None and part.grad.any() for part in allot.worth.parameters())
    nothing = allot(Chosen(torch.full((B,), -1), torch.zeros(B, U)), goal, torch.zeros_like(reset))[1]
    assert nothing.loss(surprise, weight).item() == 0.0


def test_it_learns_which_rule_is_worth_most() -> None:
    """A bandit of 4 goals: the right rule costs 0.5 nats, the others 1.5."""
    allot, goals = allocator(episodes=20_000), torch.randn(4, U, generator=torch.Generator().manual_seed(3))
    optimiser, reset = torch.optim.Adam(allot.parameters(), 3e-3), torch.ones(B, 1, dtype=torch.bool)
    kind = torch.arange(B) % 4
    for _ in range(400):
        choice = allot(allot.initial(B), goals[kind][:, None], reset)[1]
        surprise = 1.5 - (choice.rule == kind[:, None]).float()
        optimiser.zero_grad()
        choice.loss(surprise, torch.ones(B, 1)).backward()
        optimiser.step()
    choice = allot.eval()(allot.initial(B), goals[kind][:, None], reset)[1]
    assert torch.equal(choice.rule[:, 0], kind)
    torch.testing.assert_close(choice.worth, torch.full((B, 1), -0.5), atol=0.05, rtol=0)


def built(*overrides: str, batch: int = 8) -> tuple[Agent, RoomBallet]:
    settings = ["task=room_ballet", "task.rest=0", "task.frames=16", "encoder=cells", "memory=spatial_transformer"]
    sizes = ["memory.rows=9", "memory.queue=9", "memory.read=flat", "memory.rule=learned", "memory.actions=8"]
    with initialize_config_module("loci.conf", version_base="1.3"):
        config = compose("train", overrides=["folder=unused", "name=unused", *settings, *sizes, *overrides])
    env = build_env(config, batch)
    assert isinstance(env, RoomBallet)
    return build_agent(config, env), env


def test_only_a_memory_that_is_told_gets_one() -> None:
    agent, _ = built()
    assert agent.allocator is not None
    assert nbytes(agent.initial(2)) == 2 * nbytes(agent.initial(1)) > nbytes(agent.memory.initial(2))
    assert built("memory.rule=lvfo")[0].allocator is None
    with initialize_config_module("loci.conf", version_base="1.3"):
        config = compose(
            "train", overrides=["folder=unused", "name=unused", "task=room_ballet", "encoder=cells", "memory=gru"]
        )
    assert build_agent(config, build_env(config, 1)).allocator is None


@torch.no_grad()
def test_the_memory_keeps_what_the_choice_says() -> None:
    """A whole window of demonstrations, all four rules: what is stored is what a count of solos says."""
    agent, env = built("allocator.uniform=true", batch=16)
    teacher = Demonstrations(env, agent.encoder, 0.5, 0)
    window = teacher.window(EPISODE - 2)
    thought = agent.think(agent.initial(16), window.obs, window.reset)
    assert thought.choice is not None
    for row, rule in enumerate(thought.choice.rule[:, -1].tolist()):
        stored = sorted(thought.state.memory.time[row].tolist())
        assert stored == np.flatnonzero(kept(env.room[[row]], RULES[rule])[0]).tolist()
    assert len(set(thought.choice.rule[:, -1].tolist())) == len(RULES)


def test_acting_step_by_step_equals_thinking_of_the_window() -> None:
    agent, env = built()
    agent.eval()
    window = Demonstrations(env, agent.encoder, 0.5, 0).window(2 * EPISODE)
    with torch.no_grad():
        whole = agent.think(agent.initial(8), window.obs, window.reset)
    state, generator = agent.initial(8), torch.Generator()
    for step in range(2 * EPISODE):
        every = {name: getattr(window.obs, name) for name in ("rgb", "heard", "told", "action", "position", "heading")}
        obs = replace(window.obs, **{name: part[:, step : step + 1] for name, part in every.items()})
        state, _, thought = agent.act(state, obs, window.reset[:, step], generator)
        torch.testing.assert_close(thought.logits[:, 0], whole.logits[:, step], atol=1e-5, rtol=1e-4)
    assert play(agent, env, 8, 0)["success"].shape == (8,)


def test_imitation_teaches_it_the_worth_and_leaves_the_rest_alone() -> None:
    agent, env = built()
    assert agent.allocator is not None
    learner = Imitation(batch=8, window=EPISODE, image=0.0, sentence=0.0, contrast=0.0)
    window = Demonstrations(env, agent.encoder, 0.5, 0).window(EPISODE)
    terms, state = losses(agent, Decoder(agent.encoder), learner, window, agent.initial(8), torch.Generator())
    terms["allocator"].backward(retain_graph=True)
    others = [part for name, part in agent.named_parameters() if not name.startswith("allocator")]
    assert all(part.grad is None or not part.grad.any() for part in others)
    assert all(part.grad is not None for part in agent.allocator.parameters())
    agent.zero_grad()
    terms["choice"].backward()
    assert all(part.grad is None for part in agent.allocator.parameters())
    assert isinstance(state.allocator, Chosen)


def test_arguments_are_checked() -> None:
    for settings, message in (
        ({"epsilon": 1.5}, "epsilon must lie in"),
        ({"episodes": 0}, "episodes must be at least"),
    ):
        with pytest.raises(ValueError, match=message):
            Allocator(U, **settings)  # type: ignore[arg-type]
