"""`loci watch`: a page in the browser that shows the world, what the agent sees, what it remembers and why it acts."""

import logging
import time
import webbrowser
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from loci.agents.build import build_agent, build_task
from loci.agents.evaluate import load_agent
from loci.agents.viewer.recording import Replay, check_ending, read, save
from loci.agents.viewer.session import Session
from loci.sim.sensors import Camera

LOCAL = "127.0.0.1"
RECORDING = "episode.loci"
GROUPS = ("backend", "world", "task")


def session(config: DictConfig, named: Collection[str]) -> Session:
    """The agent of `config.checkpoint`, or one that has learnt nothing, in its world; of the groups of settings, those
    `named` on the command line replace the checkpoint's own."""
    if config.checkpoint is None:
        task = build_task(config)
        agent = build_agent(config, task)
        return Session(agent, _engine(config), task, config.seed, config.temperature, config.driver)
    folder = Path(config.checkpoint)
    agent, trained = load_agent(folder.parent if folder.suffix == ".pt" else folder, torch.device("cpu"))
    OmegaConf.set_struct(trained, False)
    for group in GROUPS:
        if group in named:
            trained[group] = OmegaConf.create(OmegaConf.to_container(config[group]))
    task = build_task(trained)
    shown = {name: space for sensor in task.sensors for name, space in sensor.space().items()}
    agent.encoder.check_task(shown, int(task.action_space.n))  # type: ignore[attr-defined]
    return Session(agent, _engine(trained), task, config.seed, config.temperature, config.driver)


def camera(task: Any) -> Camera:
    """The camera of a task."""
    return next(sensor for sensor in task.sensors if isinstance(sensor, Camera))


def _engine(config: DictConfig) -> Any:
    return instantiate(config.backend, batch=1)


def replay(path: Path) -> Replay:
    """The recording at a path, or the one in a folder. FileNotFoundError says how one is made."""
    file = path / RECORDING if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(f"no recording {file}: make one with loci watch checkpoint={path} record={file}")
    return read(file)


def about(shown: Session, config: DictConfig) -> dict[str, Any]:
    """What a recording says of itself."""
    return {
        "title": title(shown),
        "memory": type(shown.agent.memory).__name__,
        "task": type(shown.task).__name__,
        "seconds": float(shown.task.seconds),
        "seed": shown.seed,
        "actions": list(shown.actions),
        "checkpoint": str(config.checkpoint or "none"),
    }


def title(shown: Session | Replay) -> str:
    if isinstance(shown, Replay):
        return str(shown.about.get("title", "recording"))
    return f"{type(shown.agent.memory).__name__} · {type(shown.task).__name__}"


def serve(config: DictConfig, named: Collection[str]) -> None:
    """Show the page until it is interrupted, then keep the episode where `record` says."""
    try:
        from loci.agents.viewer.gate import Gate, free_port, is_loopback
        from loci.agents.viewer.page import Page
    except ImportError as error:
        raise ImportError("the viewer needs viser: pip install 'loci[viewer]'") from error
    if config.record:
        check_ending(Path(config.record))
    logging.getLogger("websockets").setLevel(logging.WARNING)
    shown = replay(Path(config.replay)) if config.replay else session(config, named)
    local = is_loopback(config.host)
    with ExitStack() as open_:
        page = Page(shown, config.host if local else LOCAL, _port(config, local, free_port), title(shown), config.theme)
        address = open_.enter_context(page).address
        if not local:
            gate = Gate(config.host, config.port, (LOCAL, page.server.get_port()))
            address = open_.enter_context(gate).address
        print(f"{title(shown)} -> {address}  (Ctrl-C ends)", flush=True)
        if config.open:
            webbrowser.open(address)
        _until_interrupted()
    if config.record and isinstance(shown, Session):
        path = save(shown.history, Path(config.record), camera(shown.task), about(shown, config), config.theme)
        print(f"{len(shown.history)} steps -> {path}")


def _port(config: DictConfig, local: bool, free_port: Any) -> int:
    return config.port if local and config.port else int(free_port())


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600.0)
    except KeyboardInterrupt:
        print()


@hydra.main(version_base="1.3", config_path="pkg://loci.conf", config_name="watch")
def main(config: DictConfig) -> None:
    """Entry point of `loci watch`."""
    torch.set_num_threads(config.threads)
    words = HydraConfig.get().overrides.task
    serve(config, {word.split("=")[0].lstrip("+") for word in words})


if __name__ == "__main__":
    main()
