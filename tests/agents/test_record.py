"""`loci record` on an untrained checkpoint, and films read back from their files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from PIL import Image

from loci.agents import record
from loci.agents.evaluate import load_agent
from loci.agents.record import LAST, episode_seed, save
from loci.agents.scenes import scenes
from loci.agents.train import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that has learnt nothing yet."""
    folder = tmp_path_factory.mktemp("run")
    with initialize_config_module("loci.conf", version_base="1.3"):
        config = compose("train", overrides=["scale=debug", "name=record", f"folder={folder}"])
    Run(config).save()
    return folder


def _config(run: Path, *overrides: str) -> DictConfig:
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose("record", overrides=[f"run={run}", *overrides])


def _pictures(count: int = 5) -> list[Image.Image]:
    """Plain pictures whose brightness tells their number."""
    return [Image.new("RGB", (64, 48), (40 * n, 40 * n, 40 * n)) for n in range(count)]


def _brightness(picture: Image.Image) -> float:
    return float(np.asarray(picture.convert("L")).mean())


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_opens_with_every_frame_in_order(tmp_path: Path, kind: str):
    with Image.open(save(_pictures(), tmp_path / f"film.{kind}", fps=2)) as film:
        assert film.n_frames == 5
        assert film.size == (64, 48)
        for number in range(5):
            film.seek(number)
            assert _brightness(film) == pytest.approx(40 * number, abs=3)


def test_a_gif_shows_its_last_frame_longer(tmp_path: Path):
    with Image.open(save(_pictures(), tmp_path / "film.gif", fps=4)) as film:
        durations = []
        for number in range(film.n_frames):
            film.seek(number)
            durations.append(film.info["duration"])
    assert durations == [250] * 4 + [LAST * 250]


def test_a_video_reads_back_with_every_frame(tmp_path: Path):
    pytest.importorskip("imageio_ffmpeg")
    import imageio.v2

    with imageio.v2.get_reader(save(_pictures(), tmp_path / "film.mp4", fps=2)) as video:
        shown = [frame.mean() for frame in video]
        assert video.get_meta_data()["fps"] == pytest.approx(2.0)
    assert len(shown) == 5 + LAST - 1
    assert shown[:5] == pytest.approx([0, 40, 80, 120, 160], abs=6)


def test_a_video_without_its_package_names_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(ImportError, match="pip install"):
        save(_pictures(), tmp_path / "film.mp4", fps=2)


def test_record_films_the_episode_it_is_asked_for(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = _config(run, "format=gif", "episode=2", "objects=2", "fps=5", f"output={tmp_path / 'film.gif'}")
    path, taken = record.record(config)
    with Image.open(path) as film:
        assert film.n_frames == len(taken.moments)
    assert len(taken.moments[0].names) == 2


def test_every_episode_of_every_seed_has_a_seed_of_its_own(run: Path):
    config = load_agent(run, torch.device("cpu"))[1]
    seeds = [episode_seed(config, seed, episode) for seed in (None, 5, 6) for episode in range(20)]
    assert len(set(seeds)) == 60
    assert episode_seed(config, None, 3) == episode_seed(config, int(config.evaluation.seed), 3)


def test_a_missing_run_is_refused(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="loci train"):
        record.record(_config(tmp_path / "nowhere", "format=gif"))


def test_an_unknown_format_lists_the_choices(run: Path):
    with pytest.raises(ValueError, match="mp4, gif, webp"):
        record.record(_config(run, "format=avi"))


def test_a_negative_episode_is_refused(run: Path):
    with pytest.raises(ValueError, match="episode must be 0 or more, got -1"):
        record.record(_config(run, "format=gif", "episode=-1"))


def test_an_output_of_another_format_is_refused(run: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"must end in \.gif"):
        record.record(_config(run, "format=gif", f"output={tmp_path / 'film.mp4'}"))


def test_a_speed_of_zero_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="fps"):
        save(_pictures(), tmp_path / "film.gif", fps=0)


def test_a_run_in_a_task_held_in_arrays_is_missing_from_the_scenes_with_the_reason(tmp_path: Path) -> None:
    with initialize_config_module("loci.conf", version_base="1.3"):
        given = ["experiment=ballet", "memory=none", "name=arrays", f"folder={tmp_path / 'none-s0'}"]
        config = compose("train", overrides=given)
    (tmp_path / "none-s0").mkdir()
    Run(config).save()
    found = scenes(tmp_path, ["none"], 0, {})
    assert not found.films
    assert found.missing == ("none, seed 0: the task is held in arrays and has no world to film",)
