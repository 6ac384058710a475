"""`loci evaluate`: a trained agent acts by itself in every cell of an evaluation grid; evaluation.json in its folder.

A cell is a set of task settings (held-out objects, more of them, idle time, names never said). No weight is changed.
Memories trained from the same seed meet the same episodes; every seed has episodes of its own.
"""

import json
import time
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig, OmegaConf

from loci.agents import checkpoint
from loci.agents.agent import Agent
from loci.agents.build import build_agent, build_env, pick_device
from loci.agents.progress import progress
from loci.agents.rollout import play
from loci.agents.statistics import bootstrap


def load_agent(folder: Path, device: torch.device) -> tuple[Agent, DictConfig]:
    """The agent of a run's last checkpoint and the config it was trained with."""
    content = checkpoint.load(folder / "checkpoint.pt", str(device))
    config = OmegaConf.create(content["config"])
    assert isinstance(config, DictConfig)
    agent = build_agent(config, build_env(config, 1))
    model = torch.nn.ModuleList([agent, agent.encoder.decoder()]).to(device)
    model.load_state_dict(content["model"])
    return agent, config


def evaluate(folder: Path, grid: Any, device: torch.device, backend: DictConfig | None = None) -> dict[str, Any]:
    """Metrics of every cell: {cell: {metric: {mean, low, high, count}, values, chance, ms_per_step}}.

    `backend` replaces the engine the agent was trained with; the result is then kept under that engine's name.
    """
    agent, config = load_agent(folder, device)
    config.backend = config.backend if backend is None else backend
    cells = {}
    with progress(grid.cells.items(), desc=f"{type(agent.memory).__name__} evaluation", unit="cell") as bar:
        for name, settings in bar:
            bar.set_postfix_str(str(name), refresh=False)
            changes = OmegaConf.to_container(settings) if settings is not None else {}
            assert isinstance(changes, dict)
            cells[str(name)] = _cell(agent, config, grid, {str(k): v for k, v in changes.items()}, device)
    settings = OmegaConf.to_container(grid, resolve=True)
    result = {"run": str(folder), "seed": config.seed, "grid": settings, "cells": cells}
    results_file(folder, backend).write_text(json.dumps(result))
    return result


def results_file(folder: Path, backend: DictConfig | None) -> Path:
    """evaluation.json, or evaluation-NAME.json for an engine other than the one of the training."""
    engine = "" if backend is None else f"-{backend._target_.split('.')[-2]}"
    return folder / f"evaluation{engine}.json"


def _cell(agent: Agent, config: DictConfig, grid: Any, changes: dict[str, Any], device: torch.device) -> dict[str, Any]:
    env = build_env(config, grid.batch, **changes)
    begun, steps = time.process_time(), 0

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1

    metrics = play(agent, env, grid.episodes, grid.seed + config.seed, grid.temperature, count, device)
    spent = time.process_time() - begun
    summary: dict[str, Any] = {name: bootstrap(values) for name, values in metrics.items()}
    summary |= {
        "values": metrics["success"].tolist(),
        "measures": {name: metrics[name].tolist() for name in grid.get("measures", [])},
        "chance": env.ceiling,
        "ms_per_step": 1e3 * spent / (steps * env.batch),
    }
    return summary


def table(result: dict[str, Any]) -> str:
    """One line a cell: success with its 95 % interval beside the ceiling without memory."""
    first = next(iter(result["cells"].values()))
    names = [name for name, value in first.items() if isinstance(value, dict) and name not in ("success", "measures")]
    others = list(first["measures"]) or names
    lines = [
        f"{'cell':34} {'success':>8} {'95 % interval':>16} {'no memory':>10}" + "".join(f" {n:>10}" for n in others)
    ]
    for name, cell in result["cells"].items():
        s = cell["success"]
        interval = f"{s['low']:.3f}..{s['high']:.3f}"
        rest = "".join(f" {cell[other]['mean']:10.2f}" for other in others)
        lines.append(f"{name:34} {s['mean']:8.3f} {interval:>16} {cell['chance']:10.3f}{rest}")
    return "\n".join(lines)


@hydra.main(version_base="1.3", config_path="pkg://loci.conf", config_name="evaluate")
def main(config: DictConfig) -> None:
    """Entry point of `loci evaluate`."""
    torch.set_num_threads(config.threads)
    folder = Path(config.run)
    grid = config.evaluation or OmegaConf.load(folder / "config.yaml").evaluation
    changes = {name: config[name] for name in ("episodes", "temperature") if config[name] is not None}
    grid = OmegaConf.merge(grid, changes)
    print(table(evaluate(folder, grid, pick_device(config.device), config.get("backend"))))
    print(f"-> {results_file(folder, config.get('backend'))}")


if __name__ == "__main__":
    main()
