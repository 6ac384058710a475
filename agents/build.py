"""From a composed config to the objects it names, in the order the data flow: backend, task, encoder, memory, agent."""

from functools import partial
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from loci.agents.agent import Agent
from loci.agents.encoder import Decoder, Encoder
from loci.agents.learner import Learner
from loci.memories.memory import Memory
from loci.sim.task import Task
from loci.sim.vector import VectorEnv


def build_env(config: DictConfig, batch: int, **task: Any) -> VectorEnv:
    """B environments; keyword arguments replace settings of the task."""
    return VectorEnv(instantiate(config.backend, batch=batch), partial(build_task, config, **task))


def build_task(config: DictConfig, **changes: Any) -> Task:
    """The config's task with some settings changed; KeyError for one it does not have."""
    unknown = sorted(set(changes) - set(config.task))
    if unknown:
        raise KeyError(
            f"task has no setting {', '.join(unknown)}. Settings: {', '.join(sorted(map(str, config.task)))}"
        )
    section = OmegaConf.merge(config, {"task": changes}).task
    return instantiate(section, _convert_="object")


def build_agent(config: DictConfig, actions: int) -> Agent:
    """Encoder, memory and policy with weights drawn from the config's seed."""
    torch.manual_seed(config.seed)
    encoder: Encoder = instantiate(config.encoder, actions=actions)
    memory: Memory[Any] = instantiate(config.memory)
    return Agent(encoder, memory, config.policy_width)


def build_decoder(config: DictConfig, agent: Agent) -> Decoder:
    return Decoder(agent.encoder, config.task.camera.height, config.task.camera.width)


def build_learner(config: DictConfig) -> Learner:
    return instantiate(config.learner)


def pick_device(name: str) -> torch.device:
    """`auto` takes a GPU where there is one."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda, but torch finds no GPU; use device=cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
