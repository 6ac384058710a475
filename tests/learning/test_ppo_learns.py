"""PPO reaches the best return there is where that is known, and what Stable-Baselines3's PPO reaches beside it.

The tasks are spoken in a small room whose picture says nothing. A cue is one of two words.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.wrappers import FilterObservation, FlattenObservation
from torch import Tensor

from loci.agents.agent import Agent
from loci.agents.encoder import Decoder, Encoder
from loci.agents.learner import Student
from loci.agents.policy import Perceptron
from loci.agents.ppo import PPO
from loci.agents.rollout import play
from loci.memories.gru import GRU
from loci.memories.memory import Memory
from loci.memories.none import NoMemory
from loci.sim.backend import Place
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.env import Env
from loci.sim.sensors import Camera, PoseSensor, Words
from loci.sim.task import Advice, Outcome, Said
from loci.sim.vector import Step, VectorEnv
from loci.sim.world import World
from loci.sim.worlds.rooms import walled_room
from loci.sim.wrappers import TokenWords

CUES = ("red", "blue")
ROOM = walled_room()
STEPS = 6144
EPISODES = 400  # standard error of a chance of one half: 0.025


class Spoken:
    """Two actions, neither of which moves anything; a cue is drawn by each row's generator."""

    sensors = (Camera(16, 16, kinds=("rgb",)), PoseSensor(), Words(4))
    seconds, ceiling = 1.0, 0.5

    def __init__(self) -> None:
        self.action_space = spaces.Discrete(2)
        self.rng, self.cue, self.count, self.action = np.random.default_rng(0), 0, 0, 0

    def world(self, rng: np.random.Generator) -> World:
        return ROOM

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self.rng, self.count = rng, 0
        return self.draw()

    def draw(self) -> Said:
        self.cue = int(self.rng.integers(2))
        return Said(CUES[self.cue])

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        self.action = int(action)
        return {"velocity": (0.0, 0.0), "turn": 0.0}

    def expert(self, place: Place) -> Advice | None:
        return None


class Echo(Spoken):
    """A new cue at every step, to be answered at once: a return of 4 is the best, 2 is chance."""

    max_steps = 4

    def outcome(self, place: Place) -> Outcome:
        right = float(self.action == self.cue)
        return Outcome(right, said=self.draw(), metrics={"success": right})


class Recollection(Spoken):
    """The cue is said once; two silent steps later "now" asks for it: 1 is the best, 0.5 without a memory."""

    max_steps = 9

    def outcome(self, place: Place) -> Outcome:
        self.count += 1
        asked = self.count == 4
        right = float(asked and self.action == self.cue)
        return Outcome(right, asked, Said("now" if self.count == 3 else ""), {"success": right})


class Unaware(Encoder):
    """The policy does not see its previous action, which would be a memory: act as the cue says, then as before."""

    def _sometimes(self, before: Tensor) -> Tensor:
        return before * 0.0


def student(memory: Memory, learner: PPO) -> Student:
    torch.manual_seed(0)
    encoder = Unaware(16, 16, 2, vision_dim=4, language_dim=8, embed_dim=16, channels=2, word_dim=8)
    agent = Agent(encoder, memory, partial(Perceptron, width=32))
    decoder = Decoder(encoder, hidden=8)
    parameters = [*agent.parameters(), *decoder.parameters()]
    return Student(agent, decoder, learner.optimiser(parameters), torch.device("cpu"))


def learn(memory: Memory, task: type[Spoken], learner: PPO) -> Agent:
    pupil = student(memory, learner)
    course = learner.begin(pupil, VectorEnv(KinematicBackend(learner.batch), task), 0)
    for number in range(learner.updates):
        course.update(number)
    return pupil.agent


def success(agent: Agent, task: type[Spoken]) -> float:
    return float(
        play(agent, VectorEnv(KinematicBackend(20), task), EPISODES, seed=1, temperature=0.0)["success"].mean()
    )


RECALL = PPO(
    batch=16, window=20, updates=30, rate=5e-3, warmup=2, minibatches=2, image=0.0, sentence=0.0, discount=0.95
)


def test_a_cue_is_remembered_until_it_is_asked_for() -> None:
    torch.manual_seed(0)
    agent = learn(GRU(16, 16), Recollection, RECALL)
    assert success(agent, Recollection) > 0.97


def test_without_memory_half_the_cues_are_missed() -> None:
    torch.manual_seed(0)
    agent = learn(NoMemory(16, 16), Recollection, RECALL)
    assert 0.4 < success(agent, Recollection) < 0.6


def ours() -> tuple[Agent, float]:
    """The agent and its environment steps a second."""
    learner = PPO(batch=8, window=32, updates=STEPS // 256, rate=3e-3, warmup=1, image=0.0, sentence=0.0)
    torch.manual_seed(0)
    begun = time.perf_counter()
    agent = learn(NoMemory(16, 16), Echo, learner)
    return agent, STEPS / (time.perf_counter() - begun)


def theirs() -> tuple[Any, float]:
    """The same settings; its policy reads the letters and not the picture, for which its network needs 36 pixels."""
    library = pytest.importorskip("stable_baselines3", reason="pip install 'loci[test]'")
    from stable_baselines3.common.env_util import make_vec_env

    envs = make_vec_env(heard, n_envs=8, seed=0)
    policy = {"net_arch": [32, 32]}
    model = library.PPO(
        "MlpPolicy", envs, 3e-3, 32, 64, 4, ent_coef=0.01, target_kl=0.03, policy_kwargs=policy, seed=0, device="cpu"
    )
    begun = time.perf_counter()
    model.learn(STEPS)
    return model, STEPS / (time.perf_counter() - begun)


def heard() -> gymnasium.Env[Any, Any]:
    env = FilterObservation(TokenWords(Env(KinematicBackend(1), Echo())), ["words"])
    return FlattenObservation(env)


def returns(agent: Agent) -> list[float]:
    """Of greedy episodes: the rewards of each."""
    earned = [0.0] * 20
    practice, found = VectorEnv(KinematicBackend(20), Echo), list[float]()

    def watch(step: Step, *_: Any) -> None:
        for row in range(20):
            earned[row] = 0.0 if step.reset[row] else earned[row] + step.reward[row]
            if step.terminated[row] or step.truncated[row]:
                found.append(earned[row])

    play(agent, practice, EPISODES // 4, seed=1, temperature=0.0, watch=watch)
    return found


def test_it_earns_what_stable_baselines_earns() -> None:
    library = pytest.importorskip("stable_baselines3", reason="pip install 'loci[test]'")
    from stable_baselines3.common.evaluation import evaluate_policy

    (agent, our_speed), (model, their_speed) = ours(), theirs()
    our_returns = returns(agent)
    their_returns, _ = evaluate_policy(model, model.get_env(), 100, return_episode_rewards=True)
    print(
        f"\nreturn of 4 at best: {np.mean(our_returns):.2f}, stable-baselines3 {library.__version__} "
        f"{np.mean(their_returns):.2f}; steps a second: {our_speed:.0f} and {their_speed:.0f}"
    )
    assert len(our_returns) >= 80
    assert np.mean(our_returns) > 3.9
    assert np.mean(our_returns) == pytest.approx(np.mean(their_returns), abs=0.1)
