"""What a report shows of single episodes: films of the leading row and of the weakest row in the same episode."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from loci.agents.agent import Agent
from loci.agents.build import build_env
from loci.agents.evaluate import load_agent
from loci.agents.film import Film, film
from loci.agents.frames import frame, frames
from loci.agents.page import data
from loci.agents.record import episode_seed, save
from loci.agents.rollout import play
from loci.sim.backend import Unsupported
from loci.sim.compose import in_arrays
from loci.sim.vector import VectorEnv

SEARCHED = 10
"""Episodes that are looked through for one in which the two rows end differently."""
FPS = 2.0


@dataclass(frozen=True)
class Scenes:
    """Films by row, the leading row first. `missing` says why a row has none, `differ` whether the first one succeeds
    and the second does not: then the episode is the first of SEARCHED in which that is so, else number 0."""

    episode: int
    films: dict[str, Film]
    missing: tuple[str, ...]
    differ: bool


@dataclass(frozen=True)
class Player:
    """A trained agent and the task it is shown in."""

    agent: Agent
    config: DictConfig
    settings: dict[str, Any]

    def succeeds(self, episode: int) -> bool:
        found = play(self.agent, self._env(), 1, episode_seed(self.config, None, episode), self._temperature)
        return bool(found["success"][0] == 1.0)

    def film(self, episode: int) -> Film:
        return film(self.agent, self._env(), episode_seed(self.config, None, episode), self._temperature)

    @property
    def _temperature(self) -> float:
        return float(self.config.evaluation.temperature)

    def _env(self) -> VectorEnv:
        return build_env(self.config, 1, **self.settings)


def scenes(folder: Path, rows: list[str], seed: int, settings: dict[str, Any]) -> Scenes:
    """Films of the agents in folder/<row>-s<seed> under the task settings of a cell, on the CPU.

    A run that cannot be loaded or played is named in `missing` with the reason.
    """
    players, missing = {}, []
    for row in rows:
        try:
            players[row] = _player(folder / f"{row}-s{seed}", settings)
        except Exception as error:
            missing.append(f"{row}, seed {seed}: {str(error)[:300]}")
    pair = list(players.values())
    episodes = range(SEARCHED) if len(pair) == 2 else ()
    found = next((e for e in episodes if pair[0].succeeds(e) and not pair[1].succeeds(e)), None)
    films = {row: player.film(found or 0) for row, player in players.items()}
    return Scenes(found or 0, films, tuple(missing), found is not None)


def _player(run: Path, settings: dict[str, Any]) -> Player:
    agent, config = load_agent(run, torch.device("cpu"))
    if in_arrays(config):
        raise Unsupported("the task is held in arrays and has no world to film")
    return Player(agent, config, settings)


def clip(taken: Film) -> str:
    """A film as HTML that holds it: a video where imageio-ffmpeg is installed, else an animated picture."""
    with tempfile.TemporaryDirectory() as folder:
        poster = Path(folder) / "poster.webp"
        frame(taken, telling(taken)).save(poster, quality=80)
        try:
            video = save(frames(taken), Path(folder) / "clip.mp4", FPS)
        except ImportError:
            animated = save(frames(taken), Path(folder) / "clip.webp", FPS)
            return f'<img alt="film of an episode" src="{data(animated.read_bytes(), "image/webp")}">'
        still = data(poster.read_bytes(), "image/webp")
        source = data(video.read_bytes(), "video/mp4")
    return f'<video controls loop muted playsinline preload="metadata" poster="{still}" src="{source}"></video>'


def telling(taken: Film) -> int:
    """The step to show while the film stands still: the last one at which something was done."""
    return max(len(taken.moments) - 2, 0)
