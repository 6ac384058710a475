"""Nothing is lost: a crash, a full disk or a broken file never costs the checkpoint before."""

import errno
import os
from pathlib import Path

import pytest
import torch

from loci.agents import checkpoint


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"update": 7, "model": {"w": torch.arange(3.0)}})
    content = checkpoint.load(path)
    assert content["update"] == 7
    assert torch.equal(content["model"]["w"], torch.arange(3.0))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_checkpoint_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"update": 1})
    monkeypatch.setattr(os, moment, full_disk)
    with pytest.raises(OSError, match=r"could not save .*No space left.*previous checkpoint is untouched"):
        checkpoint.save(path, {"update": 2})
    assert checkpoint.load(path)["update"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is absent")
def test_a_disk_that_is_really_full_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    (tmp_path / "checkpoint.pt.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="there was no earlier one"):
        checkpoint.save(path, {"model": torch.zeros(100_000)})


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_broken_file_is_named_with_the_cure(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"model": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"checkpoint .* is broken .*delete it to begin again"):
        checkpoint.load(path)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"weights": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="has format None, expected 1"):
        checkpoint.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        checkpoint.load(tmp_path / "checkpoint.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import pickle

    class Sly:
        def __reduce__(self) -> tuple:
            return (os.system, ("true",))

    path = tmp_path / "checkpoint.pt"
    path.write_bytes(pickle.dumps(Sly()))
    with pytest.raises(ValueError, match="is broken"):
        checkpoint.load(path)
