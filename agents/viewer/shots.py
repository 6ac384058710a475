"""A step as pictures for films and pages: the large view in three ways, and the room from above with the way taken.

What a memory knows of places is drawn on the map. Letters: S side of the pictures in pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from loci.agents.film import Overhead, overhead
from loci.agents.frames import ACCENT, INK, arrow, font
from loci.agents.viewer.eye import Eye
from loci.agents.viewer.pictures import HUES
from loci.agents.viewer.scale import magnified
from loci.agents.viewer.snapshot import Snapshot
from loci.agents.viewer.views import coloured
from loci.memories.layers import Boxes, Edges, Labels, Layer, Moments, Points
from loci.sim.sensors import Camera

SIDE = 384
FINER = 2
"""The map is drawn so many times larger, and then reduced."""
VIEWS = {"rgb": "rgb", "depth": "depth", "ids": "instance"}
"""What the large view can show, and the kind of the camera's image it is made of."""
CROWD = 56.0
"""Pixels of the map between two names that are read, in a town."""
LEAST = 0.02
"""Weight above which a moment that is read is marked on the map."""


class Shots:
    """Pictures of the steps of one episode; the room is drawn again only when something in it moved."""

    def __init__(self, history: Sequence[Snapshot], camera: Camera) -> None:
        if not history:
            raise ValueError("a recording needs at least one step, got an empty history")
        self.history, self.camera, self.eye = history, large(camera), Eye()
        self._room: tuple[int, bytes] | None = None
        self._looks: dict[int, Overhead] = {}
        self._above = np.zeros((SIDE, SIDE, 3), np.uint8)

    def views(self, step: int) -> dict[str, UInt8[np.ndarray, "H W 3"]]:
        """The agent's view as in VIEWS, in the colours of the live viewer."""
        images = self.eye.look(self.history[step], self.camera)
        return {name: coloured(kind, images[kind]) for name, kind in VIEWS.items()}

    def above(self, step: int) -> Image.Image:
        """The map, S x S: the top is the world's +y."""
        snapshot = self.history[step]
        look = self._overhead(snapshot)
        picture = Image.fromarray(self._empty(snapshot, look)).resize((FINER * SIDE, FINER * SIDE))
        draw = ImageDraw.Draw(picture, "RGBA")
        for layer in snapshot.drawing.layers:
            _overlay(draw, look, layer)
        _names(draw, look, snapshot.drawing.layers, CROWD if magnified(snapshot.world) > 1.0 else 0.0)
        here = [(*s.agent[:2], 0.0) for s in self.history[: step + 1] if s.room == snapshot.room]
        way = _spots(look, np.array(here))
        if len(way) > 1:
            draw.line(way, "white", 4 * FINER, joint="curve")
            draw.line(way, ACCENT, 3 * FINER, joint="curve")
        for spot, weight in self._read(step, look):
            reach = FINER * (13 + 7 * weight)
            edges = (spot[0] - reach, spot[1] - reach, spot[0] + reach, spot[1] + reach)
            draw.ellipse(edges, f"{HUES[1]}99", "white", FINER)
        arrow(draw, way[-1], snapshot.agent[2], 11.0 * FINER)
        return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)

    def _read(self, step: int, look: Overhead) -> list[tuple[tuple[float, float], float]]:
        """Where the agent stood in this room at the moments that are read, and their weights."""
        layers = [layer for layer in self.history[step].drawing.layers if isinstance(layer, Moments)]
        read = [(t, w) for layer in layers for t, w in zip(layer.time.tolist(), layer.weight.tolist(), strict=True)]
        past = {s.step: (*s.agent[:2], 0.0) for s in self.history[: step + 1] if s.room == self.history[step].room}
        here = [(past[time], weight) for time, weight in read if weight > LEAST and time in past]
        places = np.array([place for place, _ in here]).reshape(-1, 3)
        return list(zip(_spots(look, places), [weight for _, weight in here], strict=True))

    def _overhead(self, snapshot: Snapshot) -> Overhead:
        """The camera of the map, which stays where it is as long as the room is the same."""
        if snapshot.room not in self._looks:
            places = np.array([(*s.agent[:2], 0.0) for s in self.history if s.room == snapshot.room])
            self._looks[snapshot.room] = overhead(snapshot.world, SIDE, places)
        return self._looks[snapshot.room]

    def _empty(self, snapshot: Snapshot, look: Overhead) -> UInt8[np.ndarray, "S S 3"]:
        room = (id(snapshot.world), snapshot.poses.tobytes())
        if room != self._room:
            self._room = room
            self._above = self.eye.view(snapshot, look.eye, look.axes, look.camera, ("rgb",))["rgb"]
        return self._above


def large(camera: Camera) -> Camera:
    """The same camera with SIDE pixels from top to bottom."""
    width = round(SIDE * camera.width / camera.height)
    return replace(camera, height=SIDE, width=width, supersample=2, kinds=("rgb", "depth", "instance"))


def _overlay(draw: ImageDraw.ImageDraw, look: Overhead, layer: Layer) -> None:
    match layer:
        case Points():
            for (x, y), colour in zip(_spots(look, layer.positions), layer.colours.tolist(), strict=True):
                draw.ellipse((x - FINER, y - FINER, x + FINER, y + FINER), (*colour, 200))
        case Boxes():
            low, high = (_spots(look, layer.centres + sign * layer.halves) for sign in (-1, 1))
            for (x0, y0), (x1, y1), colour in zip(low, high, layer.colours.tolist(), strict=True):
                draw.rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), (*colour, 90), (*colour, 220))
        case Edges():
            starts, ends = (_spots(look, layer.ends[:, end]) for end in (0, 1))
            for start, end, colour in zip(starts, ends, layer.colours.tolist(), strict=True):
                draw.line((start, end), (*colour, 230), round(layer.width * FINER))


def _names(draw: ImageDraw.ImageDraw, look: Overhead, layers: Sequence[Layer], apart: float) -> None:
    """The texts of labels, those of the last layers first; none nearer to another one than so many pixels."""
    read: list[tuple[float, float]] = []
    for layer in reversed([layer for layer in layers if isinstance(layer, Labels)]):
        for spot, text in zip(_spots(look, layer.positions), layer.texts, strict=True):
            if all(math.dist(spot, other) >= FINER * apart for other in read):
                read.append(spot)
                face = font(11 * FINER, "-Bold")
                draw.text(spot, text, "white", face, "mm", stroke_width=2 * FINER, stroke_fill=INK)


def _spots(look: Overhead, points: Float[np.ndarray, "P 3"]) -> list[tuple[float, float]]:
    """Columns and rows on the enlarged map."""
    return [(FINER * column, FINER * row) for column, row in look.pixels(np.asarray(points, float)).tolist()]
