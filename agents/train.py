"""`loci train`: one memory learns one task from one seed; the run's folder holds all that is needed to go on.

The folder: config.yaml (composed), versions.json, metrics.jsonl (one line an update), TensorBoard events,
checkpoint.pt (after every segment) and summary.json once finished. A killed run continues with the same command to the
same numbers, because every segment begins with fresh episodes.
"""

import json
import platform
import time
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn
from tqdm import tqdm

from loci.agents import checkpoint
from loci.agents.build import build_agent, build_env, build_learner, pick_device
from loci.agents.learner import Student
from loci.agents.progress import progress
from loci.memories.state import nbytes

MUTABLE = ("folder", "fresh", "device", "threads", "evaluation", "rows", "seeds", "controls", "reference", "name")
"""Settings that may change between the first and a later start of the same run."""


class Run:
    """A training run: model, optimiser and the number of updates done, saved together."""

    def __init__(self, config: DictConfig) -> None:
        torch.set_num_threads(config.threads)
        self.config, self.folder = config, Path(config.folder)
        self.learner, self.device = build_learner(config), pick_device(config.device)
        self.env = build_env(config, self.learner.batch)
        self.agent = build_agent(config, self.env)
        self.decoder = self.agent.encoder.decoder()
        self.model = nn.ModuleList([self.agent, self.decoder]).to(self.device)
        self.optimiser = self.learner.optimiser(self.model.parameters())
        self.update, self.cpu_seconds, self.episodes = 0, 0.0, 0

    def save(self) -> None:
        parts = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        counts = {"update": self.update, "cpu_seconds": self.cpu_seconds, "episodes": self.episodes}
        config = OmegaConf.to_yaml(self.config, resolve=True)
        checkpoint.save(self.folder / "checkpoint.pt", parts | counts | {"config": config})

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, if there is one; ValueError when it belongs to another config."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        content = checkpoint.load(path, str(self.device))
        changed = _differences(OmegaConf.create(content["config"]), self.config)
        if changed:
            raise ValueError(
                f"{self.folder} holds a run with other settings ({', '.join(changed)}): "
                "choose another folder or say fresh=true"
            )
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.update, self.cpu_seconds, self.episodes = content["update"], content["cpu_seconds"], content["episodes"]
        return True

    def segment(self, log: "Log", bar: "tqdm[Any]") -> None:
        """Updates up to the next multiple of the segment's length, from fresh episodes, then a checkpoint."""
        number = self.update // self.learner.segment
        seed = int(np.random.SeedSequence((self.config.seed, number)).generate_state(1)[0])
        torch.manual_seed(seed)
        student = Student(self.agent, self.decoder, self.optimiser, self.device)
        course = self.learner.begin(student, self.env, seed)
        before, end = self.episodes, min(self.learner.updates, (number + 1) * self.learner.segment)
        while self.update < end:
            begun = time.process_time()
            values = course.update(self.update)
            self.episodes = before + course.finished
            self.update += 1
            self.cpu_seconds += time.process_time() - begun
            log.write(self, values)
            bar.update()
            bar.set_postfix({k: f"{v:.2f}" for k, v in values.items() if k == self.learner.headline}, refresh=False)
        self.save()


class Log:
    """metrics.jsonl, cut back to the checkpoint when a run is resumed, and TensorBoard events where it is installed."""

    def __init__(self, folder: Path, update: int) -> None:
        path = folder / "metrics.jsonl"
        lines = path.read_text().splitlines()[:update] if path.exists() else []
        path.write_text("".join(line + "\n" for line in lines))
        self.file = open(path, "a", buffering=1)  # noqa: SIM115
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.board: Any = SummaryWriter(str(folder), purge_step=update + 1)
        except ImportError:
            self.board = None

    def write(self, run: Run, values: dict[str, float]) -> None:
        row = {"update": run.update, "episodes": run.episodes, "cpu_seconds": round(run.cpu_seconds, 3)} | values
        self.file.write(json.dumps(row) + "\n")
        for name, value in values.items() if self.board is not None else ():
            self.board.add_scalar(name, value, run.update)

    def close(self) -> None:
        self.file.close()
        if self.board is not None:
            self.board.close()


def train(config: DictConfig) -> dict[str, Any]:
    """Train or resume the run that `config` describes; its summary, which is also written to summary.json."""
    run = Run(config)
    run.folder.mkdir(parents=True, exist_ok=True)
    resumed = not config.fresh and run.resume()
    if not resumed:
        (run.folder / "summary.json").unlink(missing_ok=True)
        OmegaConf.save(config, run.folder / "config.yaml", resolve=True)
        (run.folder / "versions.json").write_text(json.dumps(versions(), indent=1))
    log = Log(run.folder, run.update)
    title = f"{type(run.agent.memory).__name__} seed {config.seed}"
    with progress(total=run.learner.updates, initial=run.update, desc=title, unit="update", smoothing=0.05) as bar:
        while run.update < run.learner.updates:
            run.segment(log, bar)
    if not run.learner.updates:
        run.save()
    log.close()
    return _summarise(run)


def _summarise(run: Run) -> dict[str, Any]:
    memory = run.agent.memory
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    headline = run.learner.headline
    recent = [row[headline] for row in rows[-50:] if headline in row]
    summary = {
        "memory": type(memory).__name__,
        "seed": run.config.seed,
        "updates": run.update,
        "episodes": run.episodes,
        "cpu_seconds": round(run.cpu_seconds, 2),
        headline: float(np.mean(recent)) if recent else None,
        "bytes": nbytes(memory.initial(1)),
        "attended": memory.attended,
        "parameters": sum(p.numel() for p in run.agent.parameters()),
        "memory_parameters": sum(p.numel() for p in memory.parameters()),
    }
    (run.folder / "summary.json").write_text(json.dumps(summary, indent=1))
    return summary


def versions() -> dict[str, str]:
    import loci

    return {
        "loci": loci.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "system": platform.platform(),
    }


def _differences(old: Any, new: DictConfig) -> list[str]:
    """Names of the settings that differ, those that may change left out."""

    def flat(node: Any, path: str = "") -> dict[str, Any]:
        if not isinstance(node, dict):
            return {path: node}
        return {key: v for name, part in node.items() for key, v in flat(part, f"{path}.{name}".strip(".")).items()}

    a, b = (flat(OmegaConf.to_container(c, resolve=True)) for c in (old, new))
    names = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
    return [name for name in names if name.split(".")[0] not in MUTABLE]


@hydra.main(version_base="1.3", config_path="pkg://loci.conf", config_name="train")
def main(config: DictConfig) -> None:
    """Entry point of `loci train`."""
    summary = train(config)
    headline = build_learner(config).headline
    learnt = "no episode ended" if summary[headline] is None else f"{headline} {summary[headline]:.2f} in training"
    print(
        f"{summary['memory']}: {summary['updates']} updates, {summary['episodes']} episodes, "
        f"{summary['cpu_seconds']:.0f} CPU s, {learnt} -> {config.folder}"
    )


if __name__ == "__main__":
    main()
