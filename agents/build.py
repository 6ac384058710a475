"""From a composed config to the objects it names, in the order the data flow: backend, task, encoder, memory, agent."""

from typing import Any

import torch
from gymnasium import spaces
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from loci.agents.agent import Agent
from loci.agents.learner import Learner
from loci.agents.senses import Senses
from loci.memories.memory import Memory
from loci.sim import compose
from loci.sim.task import Task
from loci.sim.vector import VectorEnv


def build_env(config: DictConfig, batch: int, **task: Any) -> VectorEnv:
    """B environments; keyword arguments replace settings of the task, KeyError for one it does not have."""
    return compose.build_rows(_changed(config, task), batch)


def build_task(config: DictConfig, **changes: Any) -> Task:
    """The config's task with some settings changed; errors as in `build_env`, ValueError for a task in arrays."""
    return compose.build_task(_changed(config, changes))


def _changed(config: DictConfig, changes: dict[str, Any]) -> DictConfig:
    unknown = sorted(set(changes) - set(config.task))
    if unknown:
        raise KeyError(
            f"task has no setting {', '.join(unknown)}. Settings: {', '.join(sorted(map(str, config.task)))}"
        )
    changed = OmegaConf.merge(config, {"task": changes})
    assert isinstance(changed, DictConfig)
    return changed


def build_agent(config: DictConfig, env: VectorEnv | Task) -> Agent:
    """Encoder, memory and policy for what `env` shows and lets do, with weights drawn from the config's seed."""
    shown = {name: space for sensor in env.sensors for name, space in sensor.space().items()}
    torch.manual_seed(config.seed)
    if not isinstance(env.action_space, spaces.Discrete):
        raise ValueError(f"an agent chooses among numbered actions, but the task takes {env.action_space}")
    actions = int(env.action_space.n)
    kind: Any = get_class(config.encoder._target_)
    encoder: Senses = instantiate(config.encoder, actions=actions, **kind.sizes(shown))
    memory: Memory[Any] = instantiate(config.memory)
    learned = getattr(memory, "learned", False)
    allocator = instantiate(config.allocator, goal_dim=encoder.language_dim) if learned else None
    return Agent(encoder, memory, instantiate(config.policy), allocator)


def build_learner(config: DictConfig) -> Learner:
    return instantiate(config.learner)


def pick_device(name: str) -> torch.device:
    """`auto` takes a GPU where there is one."""
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device=cuda, but torch finds no GPU; use device=cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
