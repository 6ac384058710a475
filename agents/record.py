"""`loci record`: a film of one episode of a trained agent, as mp4, gif or webp."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from omegaconf import DictConfig
from PIL import Image

from loci.agents.build import build_env, pick_device
from loci.agents.evaluate import load_agent
from loci.agents.film import Film, film
from loci.agents.frames import frames

FORMATS = ("mp4", "gif", "webp")
LAST = 3
"""How many frames' time the last picture of a film stays."""
SETTINGS = ("split", "objects", "distractors")
"""Settings of the task that `loci record` can change by name."""


def save(pictures: Sequence[Image.Image], path: Path, fps: int | float) -> Path:
    """Write pictures of one size as a film whose format is the path's ending; the last one stays LAST times as long.

    Raises ImportError with the install line when the ending is .mp4 and imageio-ffmpeg is missing.
    """
    kind = check_format(path.suffix.lstrip("."))
    if not fps > 0.0:
        raise ValueError(f"fps must be positive, got {fps}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "mp4":
        _save_video([*pictures, *[pictures[-1]] * (LAST - 1)], path, fps)
    else:
        times = [round(1000 / fps)] * (len(pictures) - 1) + [round(LAST * 1000 / fps)]
        first, *others = (_reduced(picture) for picture in pictures) if kind == "gif" else pictures
        first.save(path, save_all=True, append_images=others, duration=times, loop=0, quality=80, method=4)
    return path


def check_format(name: str) -> str:
    """The name itself; ValueError when films cannot be written so."""
    if name not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
    return name


def shoot(run: Path, seed: int | None, episode: int, temperature: float, device: torch.device, **task: Any) -> Film:
    """The film of a run's agent in episode number `episode` of `seed` (None: that of the run's evaluation).

    An episode is the same whoever plays it. Keyword arguments replace settings of the task.
    """
    if episode < 0:
        raise ValueError(f"episode must be 0 or more, got {episode}")
    agent, config = load_agent(run, device)
    return film(agent, build_env(config, 1, **task), episode_seed(config, seed, episode), temperature, device)


def episode_seed(config: DictConfig, seed: int | None, episode: int) -> int:
    """The seed of an environment whose first episode is the one asked for."""
    base = int(config.evaluation.seed) if seed is None else seed
    return int(np.random.SeedSequence((base, episode)).generate_state(1)[0])


def _reduced(picture: Image.Image) -> Image.Image:
    """256 colours chosen for this picture, without dithering: flat areas stay flat and files small."""
    return picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _save_video(pictures: Sequence[Image.Image], path: Path, fps: int | float) -> None:
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("mp4 needs imageio-ffmpeg: pip install 'loci[video]', or use format=gif") from error
    options = {"codec": "libx264", "output_params": ["-crf", "20", "-movflags", "+faststart"]}
    writer = imageio_ffmpeg.write_frames(str(path), pictures[0].size, fps=fps, **options)
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture))
    writer.close()


def record(config: DictConfig) -> tuple[Path, Film]:
    """Make the film that `conf/record.yaml` describes; where it lies, and what it shows."""
    kind, run = check_format(config.format), Path(config.run)
    path = Path(config.output) if config.output else run / f"episode-{config.episode}.{kind}"
    if path.suffix != f".{kind}":
        raise ValueError(f"output must end in .{kind} for format={kind}, got {path}")
    changes = {name: config[name] for name in SETTINGS if config[name] is not None}
    if "split" in load_agent(run, pick_device(config.device))[1].task:
        changes.setdefault("split", "held_out")
    taken = shoot(run, config.seed, config.episode, config.temperature, pick_device(config.device), **changes)
    return save(frames(taken), path, config.fps), taken


@hydra.main(version_base="1.3", config_path="pkg://loci.conf", config_name="record")
def main(config: DictConfig) -> None:
    """Entry point of `loci record`."""
    torch.set_num_threads(config.threads)
    path, taken = record(config)
    end = "success" if taken.success else "no success"
    print(f"{taken.memory}, episode {config.episode}: {len(taken.moments)} frames, {end} -> {path}")


if __name__ == "__main__":
    main()
