"""Training and evaluation jobs of a study: every one resumable, its failure its own, one bar over all of them."""

import json
import math
import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from loci.agents.progress import progress

SHARES = ("right", "success")
"""What a learner's curve shows: of imitation the right choices, of reinforcement the episodes that succeeded."""


@dataclass(frozen=True)
class Job:
    """One row of a table and one seed, with the overrides that make its training config."""

    row: str
    seed: int
    folder: str
    overrides: tuple[str, ...]

    def config(self) -> DictConfig:
        """The composed config of `loci train` for this job; Hydra must be initialised."""
        return compose("train", overrides=list(self.overrides))


def plan(rows: Mapping[str, Sequence[str]], seeds: Sequence[int], folder: Path, overrides: Sequence[str]) -> list[Job]:
    """Rows x seeds, seeds outermost, so that an interrupted study has whole seeds."""
    jobs = []
    for seed in seeds:
        for row, own in rows.items():
            place = folder / f"{row}-s{seed}"
            jobs.append(Job(row, seed, str(place), (*overrides, *own, f"seed={seed}", f"folder={place}")))
    return jobs


def run(jobs: list[Job], workers: int) -> list[str]:
    """Run every job, `workers` at a time; the reports of those that failed."""
    configs = [OmegaConf.to_yaml(job.config(), resolve=True) for job in jobs]
    total = sum(OmegaConf.create(config).learner.updates for config in configs)
    context = multiprocessing.get_context("spawn")
    os.environ["TQDM_DISABLE"] = "1"  # read by the workers when they import tqdm; this process has done so
    with ProcessPoolExecutor(workers, context, leave_with, (os.getpid(),)) as pool:
        futures = [pool.submit(perform, config) for config in configs]
        _watch(jobs, futures, total, workers)
    return [failed for failed in (future.result() for future in futures) if failed]


def leave_with(study: int) -> None:
    """End this worker soon after the process that began it, however that one ended: a killed study leaves nothing
    behind, and its jobs resume from their checkpoints."""

    def watch() -> None:
        while os.getppid() == study:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def perform(config: str) -> str:
    """Train and evaluate one job unless that is done; "" or what went wrong, also kept in error.txt."""
    from loci.agents.build import pick_device
    from loci.agents.evaluate import evaluate
    from loci.agents.train import train

    options = OmegaConf.create(config)
    assert isinstance(options, DictConfig)
    folder = Path(options.folder)
    try:
        fresh = options.fresh
        train(options)
        if fresh or not _scored(folder, options):
            evaluate(folder, options.evaluation, pick_device(options.device))
        (folder / "error.txt").unlink(missing_ok=True)
        return ""
    except Exception:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "error.txt").write_text(traceback.format_exc())
        return f"{folder}: {traceback.format_exc(limit=-1).strip()}"


def _scored(folder: Path, options: DictConfig) -> bool:
    """Whether the folder's evaluation belongs to this checkpoint and this grid."""
    path = folder / "evaluation.json"
    if not path.exists() or path.stat().st_mtime < (folder / "checkpoint.pt").stat().st_mtime:
        return False
    return bool(json.loads(path.read_text())["grid"] == OmegaConf.to_container(options.evaluation, resolve=True))


def _watch(jobs: list[Job], futures: list["Future[str]"], total: int, workers: int) -> None:
    """One bar over the updates of all jobs, read from the lines of their logs."""
    done = 0
    with progress(total=total, desc=f"{len(jobs)} jobs", unit="update", smoothing=0.02) as bar:
        while not all(future.done() for future in futures):
            time.sleep(0.5)
            now = sum(_lines(Path(job.folder) / "metrics.jsonl") for job in jobs)
            bar.update(now - done)
            done = now
            finished = sum(future.done() for future in futures)
            active = [f"{job.row}-s{job.seed}" for job, f in zip(jobs, futures, strict=True) if f.running()]
            bar.set_postfix_str(f"{finished} finished, now {' '.join(active[:workers])}", refresh=False)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def summary(job: Job) -> dict[str, Any]:
    """What a finished job left: its summary, evaluation and learning curve."""
    folder = Path(job.folder)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "summary": json.loads((folder / "summary.json").read_text()),
        "evaluation": json.loads((folder / "evaluation.json").read_text()),
        "curve": _curve(rows),
    }


def _curve(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Over updates and CPU seconds the `share` of what was learnt, `of` what: the first of SHARES that was logged."""
    of = next((name for name in SHARES if any(name in row for row in rows)), SHARES[0])
    known = [row for row in rows if row.get(of) is not None and math.isfinite(row[of])]
    return {"update": [r["update"] for r in known], "cpu_seconds": [r["cpu_seconds"] for r in known],
            "share": [r[of] for r in known], "of": of}  # fmt: skip
