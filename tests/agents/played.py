"""A small agent with strong opinions, and the windows that it plays in the counting world."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from torch import Tensor

from loci.agents.agent import Agent
from loci.agents.encoder import Encoder
from loci.agents.experience import Experience, Practice
from loci.agents.policy import Perceptron
from loci.agents.ppo import PPO
from loci.memories.memory import Memory
from loci.memories.none import NoMemory
from loci.memories.state import clone
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.vector import VectorEnv
from tests.fakes import Counting

CPU = torch.device("cpu")
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
    return opinionated(Agent(Encoder(16, 16, 3, **SMALL), memory or NoMemory(8, 8), partial(Perceptron, width=16)))


def practice(agent: Agent, batch: int = 4, seed: int = 0) -> Practice:
    return Practice(agent, VectorEnv(KinematicBackend(batch), Counting), seed, CPU)


def log_probs(agent: Agent, experience: Experience, state: Any) -> Tensor:
    with torch.no_grad():
        thought = agent.think(clone(state), experience.obs, experience.reset)
    return torch.log_softmax(thought.logits, -1).gather(-1, experience.action[..., None])[..., 0]
