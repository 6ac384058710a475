"""A run that is killed continues to the same numbers; what does not fit is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from loci.agents import checkpoint
from loci.agents.evaluate import evaluate, table
from loci.agents.train import Run, train

CPU = torch.device("cpu")


def config(folder: Path, *overrides: str) -> DictConfig:
    given = [f"folder={folder}", "name=test", "scale=debug", "device=cpu", *overrides]
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose("train", overrides=given)


def numbers(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "cpu_seconds"} for row in rows]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / "checkpoint.pt")["model"]


@pytest.mark.parametrize("memory", ["dual_coding", "gru"])
def test_a_killed_run_resumes_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(config(whole, f"memory={memory}"))
    segment, calls = Run.segment, []

    def killed(self: Run, *args: Any) -> None:
        if calls:
            self.model.train()
            raise KeyboardInterrupt
        calls.append(1)
        segment(self, *args)

    monkeypatch.setattr(Run, "segment", killed)
    with pytest.raises(KeyboardInterrupt):
        train(config(cut, f"memory={memory}"))
    with open(cut / "metrics.jsonl", "a") as file:
        file.write('{"update": 3, "half": tr')  # the line that was being written
    monkeypatch.setattr(Run, "segment", segment)
    train(config(cut, f"memory={memory}"))
    assert numbers(cut) == numbers(whole)
    a, b = weights(cut), weights(whole)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(config(tmp_path / name, f"seed={seed}"))
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")
    assert numbers(tmp_path / "a") != numbers(tmp_path / "c")


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = train(config(tmp_path))
    stamp = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
    again = train(config(tmp_path))
    assert again == first
    assert (tmp_path / "checkpoint.pt").stat().st_mtime_ns == stamp


def test_a_folder_of_another_run_is_not_overwritten(tmp_path: Path) -> None:
    train(config(tmp_path))
    with pytest.raises(ValueError, match=r"other settings \(learner.rate\).*fresh=true"):
        train(config(tmp_path, "learner.rate=0.01"))
    train(config(tmp_path, "learner.rate=0.01", "fresh=true"))


def test_the_folder_says_what_was_run(tmp_path: Path) -> None:
    summary = train(config(tmp_path))
    assert {p.name for p in tmp_path.iterdir()} >= {
        "config.yaml",
        "versions.json",
        "metrics.jsonl",
        "checkpoint.pt",
        "summary.json",
    }
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert summary["updates"] == len(numbers(tmp_path)) == 4
    assert any(p.name.startswith("events.out") for p in tmp_path.iterdir())


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_config = config(tmp_path, "learner.updates=6")
    segment = Run.segment

    def poisoned(self: Run, *args: Any) -> None:
        if self.update >= 2:
            with torch.no_grad():
                next(iter(self.agent.policy.parameters())).fill_(float("nan"))
        segment(self, *args)

    monkeypatch.setattr(Run, "segment", poisoned)
    with pytest.raises(FloatingPointError, match="gradient is not finite at update 2"):
        train(run_config)
    kept = weights(tmp_path)
    assert all(torch.isfinite(w).all() for w in kept.values())


def test_evaluation_fills_every_cell_with_the_metrics_and_its_ceiling(tmp_path: Path) -> None:
    cfg = config(tmp_path)
    train(cfg)
    result = evaluate(tmp_path, cfg.evaluation, CPU)
    assert list(result["cells"]) == list(cfg.evaluation.cells)
    for name, cell in result["cells"].items():
        assert len(cell["values"]) == cfg.evaluation.episodes
        assert cell["success"]["mean"] == pytest.approx(sum(cell["values"]) / len(cell["values"]))
        assert cell["chance"] == pytest.approx(1 / cfg.evaluation.cells[name].objects)
        assert name in table(result)
    again = evaluate(tmp_path, cfg.evaluation, CPU)["cells"]
    assert {k: v["values"] for k, v in again.items()} == {k: v["values"] for k, v in result["cells"].items()}
