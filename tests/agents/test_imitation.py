"""The objective against arithmetic written out, and what it must not do."""

import itertools
import math
from functools import partial

import pytest
import torch

from loci.agents.agent import Agent
from loci.agents.encoder import Decoder, Encoder, Observation
from loci.agents.imitation import Imitation, contrast, descend, losses, objective, straight_walks, vary
from loci.agents.policy import Perceptron
from loci.agents.rollout import Window
from loci.memories.none import NoMemory


def window(batch: int = 2, steps: int = 6, seed: int = 0) -> Window:
    """Random pictures and words; the agent stands still."""
    draw = torch.Generator().manual_seed(seed)
    reset = torch.zeros(batch, steps, dtype=torch.bool)
    reset[:, 0] = True
    obs = Observation(
        rgb=torch.randint(0, 256, (batch, steps, 16, 16, 3), dtype=torch.uint8, generator=draw),
        sentences=torch.tensor([[0] * 24, [3, 4, 5] + [0] * 21]),
        heard=torch.randint(0, 2, (batch, steps), generator=draw),
        told=torch.zeros(batch, steps, dtype=torch.int64),
        action=torch.full((batch, steps), -1),
        position=torch.zeros(batch, steps, 3),
        heading=torch.zeros(batch, steps, 1),
    )
    action = torch.randint(0, 5, (batch, steps), generator=draw)
    return Window(obs, action, torch.rand(batch, steps, generator=draw), reset, 0)


def parts(seed: int = 0) -> tuple[Agent, Decoder]:
    torch.manual_seed(seed)
    encoder = Encoder(16, 16, 5, vision_dim=8, language_dim=8, embed_dim=8, channels=4, word_dim=8)
    return Agent(encoder, NoMemory(8, 8), partial(Perceptron, width=16)), Decoder(encoder)


def test_the_choice_is_the_weighted_mean_of_the_teachers_surprise() -> None:
    agent, decoder = parts()
    given = window()
    terms, _ = losses(agent, decoder, Imitation(), given, agent.initial(2), torch.Generator())
    chances = torch.softmax(agent.think(agent.initial(2), given.obs, given.reset).logits, dim=-1)
    taught = chances.gather(-1, given.action[..., None])[..., 0]
    expected = (-taught.log() * given.weight).sum() / given.weight.sum()
    assert terms["choice"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_what_nothing_rests_on_teaches_nothing() -> None:
    agent, decoder = parts()
    given = window()
    given.weight[:, 2:] = 0.0
    learner = Imitation(image=0.0, sentence=0.0, contrast=0.0)
    first, _ = losses(agent, decoder, learner, given, agent.initial(2), torch.Generator())
    given.action[:, 2:] = (given.action[:, 2:] + 1) % 5
    second, _ = losses(agent, decoder, learner, given, agent.initial(2), torch.Generator())
    assert first["choice"] == second["choice"]


def test_a_window_without_any_advice_costs_nothing() -> None:
    agent, decoder = parts()
    given = window()
    given.weight.zero_()
    terms, _ = losses(agent, decoder, Imitation(), given, agent.initial(2), torch.Generator())
    assert terms["choice"] == 0.0


def test_the_objective_is_the_sum_of_terms_times_their_weights() -> None:
    terms = {"choice": torch.tensor(1.0), "image": torch.tensor(2.0), "sentence": torch.tensor(3.0)}
    terms |= {"contrast": torch.tensor(4.0), "own": torch.tensor(5.0), "right": torch.tensor(100.0)}
    learner = Imitation(image=0.1, sentence=0.01, contrast=0.001, memory=10.0)
    assert objective(terms, learner).item() == pytest.approx(1 + 0.2 + 0.03 + 0.004 + 50)


def test_straight_walks_are_moves_without_a_turn_inside_an_episode() -> None:
    given = window(1, 6)
    given.obs.position[0, :, 0] = torch.tensor([0.0, 0.7, 0.7, 1.4, 2.1, 2.8])
    given.obs.heading[0, :, 0] = torch.tensor([0.0, 0.0, 0.0, 0.5, 0.5, 0.5])
    given.reset[0, 5] = True
    row, step = straight_walks(given.obs, given.reset)
    assert (row.tolist(), step.tolist()) == ([0, 0], [0, 3])


def ones(pictures: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(pictures), 4)


def test_varied_pictures_are_mirrored_rolled_and_dimmed() -> None:
    rgb = torch.randint(0, 256, (50, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    varied = vary(rgb, torch.Generator().manual_seed(1)).float()
    dims, shifts = [], []
    for before, after in zip(rgb.float(), varied, strict=True):
        candidates = [before.flip(1).roll(-shift, 1) for shift in range(-2, 3)]
        shares = [after.sum() / c.sum() for c in candidates]
        gaps = [(after - c * share).abs().max().item() for c, share in zip(candidates, shares, strict=True)]
        shifts.append(min(range(5), key=gaps.__getitem__))
        dims.append(shares[0].item())
        assert min(gaps) <= 2.0, "one of the five shifts, up to rounding"
    assert set(shifts) == set(range(5))
    assert 0.68 < min(dims) < 0.8 < 0.9 < max(dims) <= 1.0


def test_the_contrast_of_codes_that_are_all_alike_is_the_log_of_their_number() -> None:
    given = window(7, 2)
    given.obs.position[:, 1, 0] = 1.0
    codes = torch.ones(7, 2, 4)
    assert contrast(ones, given.obs, given.reset, codes, 0.1, torch.Generator()).item() == pytest.approx(math.log(7))


def test_the_contrast_of_codes_that_find_one_another_is_near_zero() -> None:
    given = window(4, 2)
    given.obs.position[:, 1, 0] = 1.0
    codes = torch.eye(4)[:, None].expand(4, 2, 4)
    expected = math.log(1 + 3 * math.exp(-10.0))  # cosines 1 and 0 at temperature 0.1
    found = contrast(lambda pictures: torch.eye(4), given.obs, given.reset, codes, 0.1, torch.Generator())
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_steps_close_in_time_are_no_counterexamples() -> None:
    given = window(1, 3)
    given.obs.position[0, :, 0] = torch.tensor([0.0, 1.0, 0.0])
    found = contrast(ones, given.obs, given.reset, torch.randn(1, 3, 4), 0.1, torch.Generator())
    assert found.item() == pytest.approx(0.0, abs=1e-6)


def test_a_window_without_a_walk_has_no_contrast_and_a_gradient_of_zero() -> None:
    vision = torch.randn(2, 6, 4, requires_grad=True)
    given = window()
    loss = contrast(ones, given.obs, given.reset, vision, 0.1, torch.Generator())
    loss.backward()
    assert loss.item() == 0.0
    assert vision.grad is not None
    assert not vision.grad.any()


def test_one_window_can_be_learnt_by_heart() -> None:
    agent, decoder = parts()
    learner = Imitation(updates=150, warmup=5, rate=0.01)
    model = torch.nn.ModuleList([agent, decoder])
    optimiser, given = learner.optimiser(model.parameters()), window()
    for update in range(150):
        terms, _ = losses(agent, decoder, learner, given, agent.initial(2), torch.Generator())
        descend(objective(terms, learner), model, optimiser, learner, update)
    assert terms["choice"].item() < 0.05


def test_the_rate_rises_and_falls_to_a_hundredth() -> None:
    learner = Imitation(rate=1.0, warmup=10, updates=100)
    rates = [learner.rate_at(update) for update in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) < 1.0
    assert rates[-1] == pytest.approx(0.01, abs=0.002)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_the_rate_is_held_before_it_falls() -> None:
    learner = Imitation(rate=1.0, warmup=10, updates=100, hold=0.7)
    rates = [learner.rate_at(update) for update in range(100)]
    assert rates[9:71] == [1.0] * 62
    assert rates[71] < 1.0
    assert rates[-1] == pytest.approx(0.01, abs=0.005)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch": 0}, "learner.batch must be at least 1, got 0"),
        ({"pictures": 0.0}, r"learner.pictures must lie in"),
        ({"hold": 1.0}, r"learner.hold must lie in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Imitation(**settings)
