"""What a policy loses on engines it was not trained on: `python -m benchmarks.transfer runs/demo/dual_coding-s*`.

Every run acts in the same episodes of held-out objects on every engine; prints one JSON line with the success of all
runs together, its interval, the difference to the engine of the training, and what the teacher reaches there.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

import loci.conf
from benchmarks.machine import machine
from loci.agents.build import build_env
from loci.agents.evaluate import load_agent
from loci.agents.rollout import play
from loci.agents.statistics import paired_test, stratified_bootstrap

FOLDER = Path(next(iter(loci.conf.__path__))) / "backend"
CELL = {"split": "held_out", "objects": 3, "distractors": 0}
BATCH = 20


def successes(run: Path, engine: str, episodes: int, seed: int) -> list[float]:
    """Outcome of every episode of one trained agent on an engine."""
    agent, config = load_agent(run, torch.device("cpu"))
    config.backend = OmegaConf.load(FOLDER / f"{engine}.yaml")
    env = build_env(config, BATCH, **CELL)
    found = play(agent, env, episodes, seed + config.seed, config.evaluation.temperature)["success"]
    env.close()
    return [float(value) for value in found]


def teacher(config: DictConfig, engine: str, episodes: int, seed: int) -> float:
    """Success of the teacher on an engine."""
    config.backend = OmegaConf.load(FOLDER / f"{engine}.yaml")
    env = build_env(config, BATCH, **CELL)
    env.reset(seed)
    solved: list[float] = []
    while len(solved) < episodes:
        step = env.step(env.expert(default=0)[0])
        solved += step.metrics["success"][step.terminated | step.truncated].tolist() if step.metrics else []
    env.close()
    return float(np.mean(solved))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of training runs, one a seed")
    parser.add_argument("--engines", nargs="+", default=["kinematic", "mujoco", "pybullet"])
    parser.add_argument("--episodes", type=int, default=300, help="of each run on each engine")
    parser.add_argument("--seed", type=int, default=1000003)
    options = parser.parse_args()
    torch.set_num_threads(1)
    _, config = load_agent(options.runs[0], torch.device("cpu"))
    home: list[list[float]] = []
    figures: dict[str, Any] = {}
    for engine in options.engines:
        found = [successes(run, engine, options.episodes, options.seed) for run in options.runs]
        home = home or found
        figures[engine] = stratified_bootstrap(found) | {
            "difference": round(float(np.mean(found) - np.mean(home)), 4),
            "p": round(paired_test(found, home), 4) if found is not home else 1.0,
            "teacher": round(teacher(config, engine, options.episodes, options.seed), 4),
        }
    named = {"runs": [run.name for run in options.runs], "episodes": options.episodes, "seed": options.seed}
    print(json.dumps(figures | named | {"machine": machine()}))


if __name__ == "__main__":
    main()
