"""`loci watch`: a page in the browser that shows the world, what the agent sees, what it remembers and why it acts."""

import threading
import webbrowser
from collections.abc import Collection
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from loci.agents.build import build_agent, build_task
from loci.agents.evaluate import load_agent
from loci.agents.viewer.session import Session
from loci.sim.sensors import Camera

GROUPS = ("backend", "world", "task")
LARGE = 256
"""Pixels along the longer side of the agent's view on the page."""


def session(config: DictConfig, named: Collection[str]) -> Session:
    """The agent of `config.checkpoint`, or one that has learnt nothing, in its world; of the groups of settings, those
    `named` on the command line replace the checkpoint's own."""
    if config.checkpoint is None:
        task = build_task(config)
        agent = build_agent(config, int(task.action_space.n))  # type: ignore[attr-defined]
        return Session(agent, _engine(config), task, config.seed, config.temperature, config.driver)
    folder = Path(config.checkpoint)
    agent, trained = load_agent(folder.parent if folder.suffix == ".pt" else folder, torch.device("cpu"))
    OmegaConf.set_struct(trained, False)
    for group in GROUPS:
        if group in named:
            trained[group] = OmegaConf.create(OmegaConf.to_container(config[group]))
    task = build_task(trained)
    _check(agent.encoder.size, camera(task), int(task.action_space.n), agent.encoder.actions)  # type: ignore[attr-defined]
    return Session(agent, _engine(trained), task, config.seed, config.temperature, config.driver)


def camera(task: Any) -> Camera:
    """The camera of a task."""
    return next(sensor for sensor in task.sensors if isinstance(sensor, Camera))


def enlarged(small: Camera) -> Camera:
    """The same view with LARGE pixels along its longer side."""
    scale = LARGE / max(small.height, small.width)
    height, width = round(small.height * scale), round(small.width * scale)
    return Camera(height, width, small.fov, small.eye, small.pitch, ("rgb", "depth", "instance"), 1, small.shadows)


def _engine(config: DictConfig) -> Any:
    return instantiate(config.backend, batch=1)


def _check(learnt: tuple[int, int], view: Camera, actions: int, known: int) -> None:
    if learnt != (view.height, view.width) or actions != known:
        raise ValueError(
            f"the checkpoint was trained on {learnt[0]} x {learnt[1]} pictures and {known} actions, the task has "
            f"{view.height} x {view.width} and {actions}: choose a task like its own"
        )
