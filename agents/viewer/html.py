"""An episode as one page of HTML that plays without Python and without a network: all pictures are in it, once."""

import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from loci.agents.page import STYLE, data
from loci.agents.viewer import html_player
from loci.agents.viewer.pictures import Theme, timeline
from loci.agents.viewer.replacing import replacing
from loci.agents.viewer.shots import Shots
from loci.agents.viewer.snapshot import Snapshot
from loci.agents.viewer.video import CARDS, facts, tall
from loci.memories.layers import Moments
from loci.sim.sensors import Camera

DARK = "(prefers-color-scheme: dark)"
MEDIA = {"auto": DARK, "light": "not all", "dark": "all"}
UNSAID = ("title", "actions", "seconds")
"""What `about` says to the page, and not to its reader."""
WIDTH = 1000
"""Columns of the line of time."""


def html(history: Sequence[Snapshot], path: Path, camera: Camera, about: dict[str, Any], theme: str = "auto") -> Path:
    """Write the page; `theme` "auto" follows the reader's system. `about` heads it, its "actions" name the actions."""
    if theme not in MEDIA:
        raise ValueError(f"theme must be one of {', '.join(MEDIA)}, got {theme!r}")
    album, shots = Album(), Shots(history, camera)
    names = tuple(about.get("actions", ()))
    steps = [_step(shots, step, album) for step in range(len(history))]
    content = {"steps": steps, "pictures": album.pictures, "actions": names, "dark": MEDIA[theme]}
    with replacing(path) as aside:
        aside.write_text(_document(content, about, theme), encoding="utf-8")
    return path


class Album:
    """Pictures as data addresses by number; identical ones have one number."""

    def __init__(self) -> None:
        self.pictures: list[str] = []
        self.numbers: dict[str, int] = {}

    def add(self, picture: Image.Image | np.ndarray, kind: Literal["jpeg", "png"]) -> int:
        """Photographs as jpeg; drawings, and pictures whose pixels count, as png."""
        image, buffer = picture if isinstance(picture, Image.Image) else Image.fromarray(picture), io.BytesIO()
        image.save(buffer, kind, quality=85, optimize=True)
        address = data(buffer.getvalue(), f"image/{kind}")
        if address not in self.numbers:
            self.numbers[address] = len(self.pictures)
            self.pictures.append(address)
        return self.numbers[address]


def _step(shots: Shots, step: int, album: Album) -> dict[str, Any]:
    """What the page shows of a step; pictures are numbers of the album."""
    snapshot = shots.history[step]
    return {
        "views": {name: album.add(image, "jpeg") for name, image in shots.views(step).items()},
        "above": album.add(shots.above(step), "jpeg"),
        "seen": album.add(snapshot.seen, "png"),
        "words": snapshot.words,
        "instruction": snapshot.instruction,
        "action": snapshot.action,
        "chances": [round(chance, 4) for chance in snapshot.chances],
        "facts": facts(snapshot),
        "times": {theme: _times(shots.history, step, theme, album) for theme in ("light", "dark")},
        "reads": [_reads(layer) for layer in snapshot.drawing.layers if isinstance(layer, Moments)],
    }


def _times(history: Sequence[Snapshot], step: int, theme: Theme, album: Album) -> int:
    picture = timeline([snapshot.drawing for snapshot in history], step, WIDTH, tall(history), theme)
    return album.add(Image.fromarray(picture).quantize(64, dither=Image.Dither.NONE), "png")


def _reads(layer: Moments) -> dict[str, Any]:
    """The moments that are read most, heaviest first: step, weight, and how each is kept."""
    order = [int(n) for n in np.argsort(-layer.weight, kind="stable") if layer.weight[n] > 0]
    shown = [[int(layer.time[n]), float(layer.weight[n]), layer.kept[n] if layer.kept else ""] for n in order[:CARDS]]
    return {"title": layer.title, "moments": shown, "others": len(order) - len(shown), "held": len(layer.time)}


def _document(content: dict[str, Any], about: dict[str, Any], theme: str) -> str:
    title = str(about.get("title", "An episode in Loci"))
    line = " · ".join(f"{name} {value}" for name, value in about.items() if name not in UNSAID)
    scheme = "light dark" if theme == "auto" else theme
    style = (STYLE + html_player.STYLE).replace(DARK, MEDIA[theme])
    style = style.replace("color-scheme: light dark", f"color-scheme: {scheme}")
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return html_player.PAGE.format(
        title=escape(title), about=escape(line), style=style, content=text, script=html_player.SCRIPT,
        last=len(content["steps"]) - 1, icon=_icon(),
    )  # fmt: skip


def _icon() -> str:
    """A dot in the accent's colour, so that no browser asks for an icon."""
    dot = '<circle cx="4" cy="4" r="3" fill="#d1495b"/>'
    return data(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">{dot}</svg>'.encode(), "image/svg+xml")
