"""Recordings of an episode: a file to open again in the viewer, a film, a page, or a log for Foxglove.

`episode.loci` is a zip of recording.json (all that is words and single numbers), arrays.npz (all arrays, equal ones
once) and one JSON file a room. Files of meshes are named in it, not held.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from loci.agents.viewer.html import html
from loci.agents.viewer.mcap import mcap
from loci.agents.viewer.packing import Table, pack, unpack
from loci.agents.viewer.pictures import Theme
from loci.agents.viewer.replacing import replacing
from loci.agents.viewer.snapshot import Snapshot
from loci.agents.viewer.video import video
from loci.sim.sensors import Camera
from loci.sim.world import World

FORMAT = 1
ENDINGS = (".loci", ".html", ".mp4", ".gif", ".mcap")
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, KeyError, IndexError, TypeError, ValueError, AttributeError, EOFError,
    RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class Replay:
    """A recorded episode. It has the methods of a session that look, and refuses those that would change it."""

    history: tuple[Snapshot, ...]
    camera: Camera
    about: dict[str, Any]

    @property
    def now(self) -> Snapshot:
        return self.history[-1]

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of the actions, () when the recording does not say."""
        return tuple(self.about.get("actions", ()))

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("a recording cannot be acted on: open the run of its agent to drive, teach or rearrange")

    reset = act = say = instruct = rearrange = move = hide = back_to = _refuse


def check_ending(path: Path) -> str:
    """The ending of a path, one of ENDINGS; ValueError for another, so that nobody plays first and fails later."""
    if path.suffix not in ENDINGS:
        raise ValueError(f"a recording must end in {', '.join(ENDINGS)}, got {path.name!r}")
    return path.suffix


def save(
    history: Sequence[Snapshot], path: Path, camera: Camera, about: dict[str, Any], theme: Theme = "light"
) -> Path:
    """Write a recording whose kind is the path's ending. `theme` is that of films; a page follows its reader's."""
    match check_ending(path):
        case ".html":
            return html(history, path, camera, about)
        case ".mcap":
            return mcap(history, path, camera, about)
        case ".mp4" | ".gif":
            return video(history, path, camera, theme, tuple(about.get("actions", ())))
    return write(history, path, camera, about)


def write(history: Sequence[Snapshot], path: Path, camera: Camera, about: dict[str, Any]) -> Path:
    """Keep an episode whole. `about` is whatever JSON can hold, such as {"memory": "GRU", "actions": ["forward"]}.

    Raises ValueError for an empty history or an `about` that JSON cannot hold, OSError when it cannot be written.
    """
    if not history:
        raise ValueError("a recording needs at least one step, got an empty history")
    worlds, table = list(dict.fromkeys(snapshot.world for snapshot in history)), Table()
    numbers = {world: number for number, world in enumerate(worlds)}
    steps = [pack(snapshot, numbers[snapshot.world], table) for snapshot in history]
    content = {"format": FORMAT, "camera": asdict(camera), "about": about, "worlds": len(worlds), "steps": steps}
    try:
        text = json.dumps(content, default=_plain)
    except TypeError as error:
        raise ValueError(f"a recording holds what JSON can hold: {error}") from error
    with replacing(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("recording.json", text)
        for number, world in enumerate(worlds):
            file.writestr(f"world-{number}.json", world.to_json())
        with file.open("arrays.npz", "w") as part:
            np.savez_compressed(part, *table.arrays)
    return path


def read(path: Path) -> Replay:
    """Open a recording. FileNotFoundError when there is none, ValueError when it is broken or no recording."""
    if not path.is_file():
        raise FileNotFoundError(f"no recording at {path}")
    try:
        with zipfile.ZipFile(path) as file:
            content = json.loads(file.read("recording.json"))
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']}, expected {FORMAT}")
            worlds = [World.from_json(file.read(f"world-{n}.json").decode()) for n in range(content["worlds"])]
            arrays = _arrays(file.read("arrays.npz"))
        if not content["steps"]:
            raise ValueError("it holds no steps")
        history = tuple(unpack(step, worlds, arrays) for step in content["steps"])
        return Replay(history, Camera(**content["camera"]), content["about"])
    except BROKEN as error:
        raise ValueError(f"{path} is broken or no recording: {error}") from error


def _arrays(content: bytes) -> list[np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return [stored[f"arr_{number}"] for number in range(len(stored.files))]


def _plain(value: Any) -> Any:
    """Numpy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")
