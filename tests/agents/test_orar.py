"""The street encoder and the policy that reads along: words and landmarks meet, instructions do not leak."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hydra import compose, initialize_config_module
from torch.nn import functional

from loci.agents.agent import Agent
from loci.agents.orar import Orar
from loci.agents.street_encoder import StreetEncoder, StreetObservation
from loci.agents.train import train
from loci.memories.none import NoMemory
from loci.memories.state import clone
from loci.sim.worlds.word_vectors import phrase_vector, word_vector

W, ACTIONS = 16, 5
SENTENCES = ("go back to the dax bank", "turn left at the wug bar", "stop")


def seen(batch: int = 3, steps: int = 6, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    said = rng.integers(len(SENTENCES), size=(batch, 2)).repeat(steps // 2, axis=1)
    return {
        "landmarks": rng.normal(size=(batch, steps, 5, W)).astype(np.float32),
        "ways": rng.integers(1, 8, (batch, steps, 1)),
        "turn": rng.normal(size=(batch, steps, 1)).astype(np.float32),
        "leg": np.repeat([[0, 1]], batch, axis=0).repeat(steps // 2, axis=1)[..., None],
        "words": np.full((batch, steps), ""),
        "instruction": np.array(SENTENCES)[said],
        "position": np.zeros((batch, steps, 3), np.float32),
        "heading": np.zeros((batch, steps, 1), np.float32),
    }


def built() -> Agent:
    torch.manual_seed(0)
    encoder = StreetEncoder(W, ACTIONS, vision_dim=2 * W, language_dim=W, embed_dim=8)
    agent = Agent(encoder, NoMemory(8, 8), partial(Orar, word_dim=W, width=8))
    return agent.eval()


def look(agent: Agent, obs: dict[str, np.ndarray], first: int = 0, last: int = 6) -> StreetObservation:
    part = {name: values[:, first:last] for name, values in obs.items()}
    return agent.encoder.observe(part, np.full(part["instruction"].shape, -1))


def beginning(batch: int = 3, steps: int = 6) -> torch.Tensor:
    reset = torch.zeros(batch, steps, dtype=torch.bool)
    reset[:, 0] = True
    return reset


@torch.no_grad()
def test_a_window_equals_its_steps() -> None:
    agent, obs, reset = built(), seen(), beginning()
    whole = agent.think(agent.initial(3), look(agent, obs), reset)
    state, found = agent.initial(3), []
    for t in range(6):
        thought = agent.step(state, look(agent, obs, t, t + 1), reset[:, t], torch.Generator())
        state = thought.state
        found.append(thought.logits[:, 0])
    torch.testing.assert_close(torch.stack(found, 1), whole.logits)
    assert torch.equal(state.policy.leg, whole.state.policy.leg)


@torch.no_grad()
def test_every_instruction_is_read_from_its_beginning() -> None:
    """What was done before an instruction changes nothing after it began; within one it does."""
    agent, obs, other, reset = built(), seen(), seen(seed=1), beginning()
    other = {name: np.concatenate([other[name][:, :3], obs[name][:, 3:]], axis=1) for name in obs}
    one, two = (agent.think(agent.initial(3), look(agent, o), reset).logits for o in (obs, other))
    torch.testing.assert_close(one[:, 3:], two[:, 3:])
    assert not torch.allclose(one[:, 2], two[:, 2])
    state = agent.think(agent.initial(3), look(agent, obs, 0, 4), reset[:, :4]).state
    late = {name: np.concatenate([obs[name][:, :3], other[name][:, :1], obs[name][:, 4:]], axis=1) for name in obs}
    late["leg"], late["instruction"] = obs["leg"], obs["instruction"]
    changed = agent.think(agent.initial(3), look(agent, late), reset).logits
    assert not torch.allclose(changed[:, 5], one[:, 5])
    held = clone(state)
    agent.think(state, look(agent, obs, 4, 6), reset[:, 4:])
    torch.testing.assert_close(held.policy.walk[0], state.policy.walk[0])


def test_words_are_their_vectors_and_a_place_is_its_landmarks() -> None:
    agent, obs = built(), seen()
    given = look(agent, obs)
    row = given.sentences[given.told[0, 0]].numpy()
    words = str(obs["instruction"][0, 0]).split()
    assert all(np.array_equal(row[i], word_vector(word, W)) for i, word in enumerate(words))
    assert not row[len(words) :].any()
    percept = agent.encoder(given)
    beside, every = percept.vision.chunk(2, dim=-1)
    torch.testing.assert_close(every, given.landmarks.sum(-2))
    left, slightly, _, other, right = given.landmarks.unbind(-2)
    torch.testing.assert_close(beside, left + right + 0.4 * (slightly + other))
    assert percept.goal.shape == (3, 6, W)


def test_the_goal_learns_which_words_name_a_place() -> None:
    """Trained on other names, the mean of a sentence comes to look like the landmark that it names."""
    rng, width = np.random.default_rng(0), 64
    encoder = StreetEncoder(width, ACTIONS, vision_dim=2 * width, language_dim=width)
    optimiser = torch.optim.Adam(encoder.salience.parameters(), 0.05)

    def drawn(names: int) -> tuple[torch.Tensor, torch.Tensor]:
        marks = [f"{chr(97 + n)}{rng.integers(10**6)} bank" for n in range(names)]
        sentences = torch.from_numpy(encoder.vectors([f"go back to the {mark} and stop there" for mark in marks]))
        return sentences, torch.from_numpy(np.stack([phrase_vector(mark, width) for mark in marks]))

    for _ in range(60):
        sentences, marks = drawn(16)
        loss = -functional.cosine_similarity(encoder.pooled(sentences), marks).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    sentences, marks = drawn(50)
    assert functional.cosine_similarity(encoder.pooled(sentences), marks).mean() > 0.8


def test_it_learns_to_turn_to_the_side_where_the_named_landmark_stands() -> None:
    """Which of five directions holds the landmark that the sentence names; names are new in every batch."""
    torch.manual_seed(0)
    rng, width = np.random.default_rng(0), 64
    encoder = StreetEncoder(width, ACTIONS, vision_dim=2 * width, language_dim=width, embed_dim=8)
    agent = Agent(encoder, NoMemory(8, 8), partial(Orar, word_dim=width, width=16))
    optimiser, shares = torch.optim.Adam(agent.parameters(), 0.02), []
    for _ in range(150):
        names = [[f"w{rng.integers(10**6)}" for _ in range(5)] for _ in range(32)]
        side = rng.integers(5, size=32)
        obs = seen(32, 2) | {
            "landmarks": np.array([[word_vector(name, width) for name in row] for row in names])[:, None].repeat(2, 1),
            "instruction": np.array([f"find {row[s]}" for row, s in zip(names, side, strict=True)])[:, None].repeat(
                2, 1
            ),
        }
        logits = agent.think(agent.initial(32), look(agent, obs), beginning(32, 2)).logits[:, 1]
        loss = functional.cross_entropy(logits, torch.from_numpy(side))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        shares.append((logits.argmax(-1) == torch.from_numpy(side)).float().mean().item())
    assert np.mean(shares[-20:]) > 0.9


@pytest.mark.parametrize("learner", ["imitation", "ppo"])
def test_a_map_memory_on_tours_is_trained_by_both_learners(learner: str, tmp_path: Path) -> None:
    streets = ["task=street_tours", "task.cities=1", "task.tours=4", "encoder=streets", "policy=orar", "memory=mem4nav"]
    sizes = ["learner.batch=2", "learner.window=6", "learner.updates=2", "learner.segment=1"]
    sizes += ["learner.minibatches=2"] if learner == "ppo" else []
    pictures = [f"learner.{name}=0.0" for name in ("image", "sentence", "contrast")]
    with initialize_config_module("loci.conf", version_base="1.3"):
        plain = ["name=x", f"folder={tmp_path}", f"learner={learner}", *streets, *sizes]
        config = compose("train", overrides=[*plain, *pictures])
        asking = compose("train", overrides=[*plain, "fresh=true"])
    assert train(config)["updates"] == 2
    with pytest.raises(ValueError, match="learner.sentence.* must be 0 with StreetEncoder, which takes no pictures"):
        train(asking)


def test_what_does_not_fit_is_refused() -> None:
    encoder = StreetEncoder(W, ACTIONS, vision_dim=2 * W, language_dim=W, words=3)
    with pytest.raises(ValueError, match="has 4 words, the encoder takes 3: raise encoder.words"):
        encoder.vectors(["go back to dax"])
    with pytest.raises(ValueError, match="vision_dim must be 32 and encoder.language_dim 16, got 8 and 16"):
        StreetEncoder(W, ACTIONS, vision_dim=8, language_dim=W)
    with pytest.raises(ValueError, match="needs landmarks, but the task shows rgb"):
        StreetEncoder.sizes({"rgb": Box(0, 255, (8, 8, 3), np.uint8)})
    with pytest.raises(ValueError, match="multiple of 2 heads, got width=6, heads=2"):
        Orar(8, W, 8, ACTIONS, word_dim=W, width=6)
