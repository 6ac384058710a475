"""A study from end to end at the debug scale: resumable, failures isolated, everything it promises on the disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TINY = [
    "scale=debug",
    "evaluation.episodes=4",
    "~rows.gru",
    "~rows.window",
    "~rows.window_k",
    "~rows.twin",
]


def loci(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loci.agents.cli", *words], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("study")
    done = loci("compare", "experiment=fast_mapping", *TINY, "seeds=[0,1]", f"folder={folder}")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_two_experiments_on_one_task_have_folders_of_their_own() -> None:
    printed = loci("compare", "experiment=fast_mapping_ppo", "--cfg", "job", "--resolve").stdout
    assert "folder: runs/compare-fast_mapping_ppo\n" in printed


def test_a_study_leaves_results_report_and_runs(study: tuple[Path, str]) -> None:
    folder, printed = study
    results = json.loads((folder / "results.json").read_text())
    assert list(results["rows"]) == ["none", "dual_coding"]
    assert results["seeds"] == [0, 1]
    for row in results["rows"].values():
        for cell in row["cells"].values():
            assert len(cell["per_seed"]) == 2
            assert cell["low"] <= cell["mean"] <= cell["high"]
    assert (folder / "report.html").stat().st_size > 10_000
    assert "3 objects (without memory at most 0.333)" in printed
    assert f"{folder}/report.html" in printed


def test_a_finished_study_is_not_run_again(study: tuple[Path, str]) -> None:
    folder, _ = study
    stamps = {p: p.stat().st_mtime_ns for p in folder.glob("*/checkpoint.pt")}
    scores = {p: p.stat().st_mtime_ns for p in folder.glob("*/evaluation.json")}
    assert len(stamps) == len(scores) == 4
    assert loci("compare", "experiment=fast_mapping", *TINY, "seeds=[0,1]", f"folder={folder}").returncode == 0
    assert stamps == {p: p.stat().st_mtime_ns for p in folder.glob("*/checkpoint.pt")}
    assert scores == {p: p.stat().st_mtime_ns for p in folder.glob("*/evaluation.json")}


def test_both_rows_play_the_same_episodes(study: tuple[Path, str]) -> None:
    folder, _ = study
    grids = [json.loads(p.read_text())["grid"] for p in folder.glob("*/evaluation.json")]
    assert all(grid == grids[0] for grid in grids)


def test_a_failing_job_is_listed_and_the_others_finish(tmp_path: Path) -> None:
    rows = ["~rows.dual_coding", "+rows.broken=['memory=dual_coding','memory.k=0']"]
    done = loci("compare", "experiment=fast_mapping", *TINY, *rows, "seeds=[0]", f"folder={tmp_path}")
    assert done.returncode == 1
    assert "FAILED" in done.stderr
    assert "k must be at least 1, got 0" in done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results["rows"]) == ["none"]
    assert results["failed"] == ["broken"]
    assert "k must be at least 1" in (tmp_path / "broken-s0" / "error.txt").read_text()


def test_a_mistyped_memory_lists_the_memories() -> None:
    done = loci("train", "memory=dual_codin")
    assert done.returncode != 0
    assert "dual_coding" in done.stderr
    assert "gru" in done.stderr
