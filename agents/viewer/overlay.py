"""The memory's layers in the scene: points, boxes, edges, labels, and where the agent stood at remembered moments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import trimesh
import viser
from PIL import ImageColor

from loci.agents.viewer.pictures import HUES
from loci.agents.viewer.scale import lifted
from loci.agents.viewer.snapshot import Snapshot
from loci.agents.viewer.stage import RED, lines
from loci.memories.layers import Boxes, Edges, Groups, Labels, Layer, Moments, Points

BOXES, POINTS, LABELS, READ = 2000, 30_000, 100, 12
"""Most boxes, points, labels and read moments that are drawn, the nearest (or heaviest) ones."""
FAULT = 0.2
"""Metres of error that have the last colour of the map."""
HEIGHT = 0.12
"""Metres above the floor at which moments are marked."""
TINTS = 6
"""Colours of a layer that its legend shows, at most."""
DRAWN = (Moments, Groups, Points, Boxes, Edges, Labels)
GREY = np.array([150, 152, 160], np.uint8)
BLUE, ORANGE = (np.array(ImageColor.getrgb(hue), np.uint8) for hue in HUES[:2])
BALL = trimesh.creation.icosphere(subdivisions=1, radius=1.0)
CUBE = trimesh.creation.box((2.0, 2.0, 2.0))
SHADE = 0.6
"""What is left of colours that the lights of the page, which add up to more than white, make brighter again."""
CROWD = 0.4
"""Metres within which one label is read, for each time that marks are larger than in a room."""
WIDTHS = (0.012, 0.03, 0.06)
"""Metres across of lines to moments that are read little, more, and most."""


@dataclass(frozen=True)
class Spots:
    """Where the agent stood at each step of the episode, and in which room: what gives moments a place."""

    places: np.ndarray
    rooms: np.ndarray
    now: int

    @staticmethod
    def of(history: Sequence[Snapshot], now: int) -> "Spots":
        places = np.array([(*snapshot.agent[:2], HEIGHT) for snapshot in history])
        return Spots(places, np.array([snapshot.room for snapshot in history]), now)

    def here(self, times: np.ndarray) -> np.ndarray:
        """Which of some times were in the room of now."""
        known = (times >= 0) & (times < len(self.rooms))
        return known & (self.rooms[np.clip(times, 0, len(self.rooms) - 1)] == self.rooms[self.now])


class Overlay:
    """`told` is called with the record of a label that was clicked; `scale` is how much larger than in a room marks are
    drawn (scale.py)."""

    def __init__(self, server: viser.ViserServer, told: Callable[[str], None]) -> None:
        self.server, self.scene, self.told, self.scale = server, server.scene, told, 1.0
        self.hidden: set[str] = set()
        self._drawn: set[str] = set()
        self._batches: dict[str, viser.BatchedMeshHandle] = {}
        self._records: dict[str, list[str]] = {}
        """Of what is drawn as copies of a mesh: the copies, and what is told when one is clicked."""
        self._read: list[np.ndarray] = []
        """Where there are labels that are read."""

    def show(self, layers: Sequence[Layer], spots: Spots) -> None:
        """Draw what can be drawn of the layers that are not hidden, in place of what was drawn before. The last ones
        come first where there is no room for all labels: they tell of this step."""
        before, self._drawn, self._read = self._drawn, set(), []
        with self.server.atomic():
            for number, layer in reversed(list(enumerate(layers))):
                if layer.title not in self.hidden:
                    self._draw(f"/memory/{number}", layer, spots)
            for name in before - self._drawn:
                self.scene.remove_by_name(name)
                self._batches.pop(name, None)

    def _draw(self, name: str, layer: Layer, spots: Spots) -> None:
        match layer:
            case Moments():
                self._moments(name, layer, spots)
            case Groups():
                self._groups(name, layer, spots)
            case Points():
                self._points(name, layer, spots)
            case Boxes():
                self._boxes(name, layer, spots)
            case Edges() if len(layer.ends):
                colours = np.repeat(layer.colours[:, None], 2, axis=1)
                self._lines(name, layer.ends, colours, 0.008 * layer.width)
            case Labels():
                self._labels(name, layer, spots)

    def _moments(self, name: str, layer: Moments, spots: Spots) -> None:
        """A small ball where the agent stood, larger the more it is read, and lines to those that are read most."""
        here = np.flatnonzero(spots.here(layer.time))
        places, weight = spots.places[layer.time[here]], layer.weight[here]
        colours = _between(GREY, RED, np.sqrt(weight))
        self._balls(name, places, 0.035 + 0.06 * np.sqrt(weight), colours)
        heaviest = np.argsort(-weight, kind="stable")[:READ]
        heaviest = heaviest[weight[heaviest] > 0.01]
        ends = np.stack([np.broadcast_to(spots.places[spots.now], places.shape), places], axis=1)[heaviest]
        thick = np.digitize(weight[heaviest], (0.1, 0.4))
        for number, width in enumerate(WIDTHS):
            self._lines(f"{name}_reads_{number}", ends[thick == number], RED, width)

    def _groups(self, name: str, layer: Groups, spots: Spots) -> None:
        """The way the agent went during the groups that were opened."""
        pieces = [np.zeros((0, 2, 3))]
        for first, last in zip(layer.first[layer.opened], layer.last[layer.opened], strict=True):
            times = np.arange(first, last + 1)
            way = spots.places[times[spots.here(times)]]
            pieces.append(np.stack([way[:-1], way[1:]], axis=1))
        self._lines(name, np.concatenate(pieces) + np.array([0.0, 0.0, 0.03]), ORANGE, 0.05)

    def _points(self, name: str, layer: Points, spots: Spots) -> None:
        order = _nearest(layer.positions, spots, POINTS)
        if not len(order):
            return
        colours = layer.colours if layer.error is None else error_colours(layer.error)
        self._keep(name)
        self.scene.add_point_cloud(
            name, layer.positions[order], colours[order], point_size=2 * layer.radius, point_shape="circle",
            precision="float32", point_shading="flat",
        )  # fmt: skip

    def _boxes(self, name: str, layer: Boxes, spots: Spots) -> None:
        """Opaque: what is less solid is paler."""
        order = _nearest(layer.centres, spots, BOXES)
        if not len(order):
            return
        weight = np.ones(len(order)) if layer.weight is None else layer.weight[order]
        colours = (235 + (layer.colours[order] - 235.0) * weight[:, None]).astype(np.uint8)
        self._copies(name, CUBE, layer.centres[order], layer.halves[order], colours)

    def _labels(self, name: str, layer: Labels, spots: Spots) -> None:
        """A ball and a text for each; what has changed is orange and marked."""
        order = _nearest(layer.positions, spots, LABELS)
        changed = np.zeros(len(layer.texts), bool) if layer.changed is None else layer.changed
        colours = np.where(changed[order, None], ORANGE, BLUE).astype(np.uint8)
        self._records[name] = [layer.records[n] for n in order] if layer.records else []
        self._balls(name, layer.positions[order], np.full(len(order), 0.05), colours)
        for place, number in enumerate(self._apart(layer.positions, order)):
            text = f"● {layer.texts[number]}" if changed[number] else layer.texts[number]
            label = f"{name}_label_{place}"
            self._keep(label)
            spot = lifted(layer.positions[number] + [0.0, 0.0, 0.07 * self.scale], self.scale)
            self.scene.add_label(label, text, position=spot, anchor="bottom-center", font_screen_scale=0.8)

    def _apart(self, positions: np.ndarray, order: np.ndarray) -> list[int]:
        """Those of some labels that are read: in a town none that stands too near to another one."""
        if self.scale == 1.0:
            return list(order.tolist())
        read = []
        for number in order.tolist():
            away = [np.linalg.norm(positions[number] - other) for other in self._read]
            if min(away, default=np.inf) >= CROWD * self.scale:
                read.append(number)
                self._read.append(positions[number])
        return read

    def _balls(self, name: str, places: np.ndarray, radii: np.ndarray, colours: np.ndarray) -> None:
        """In a town they grow by half as much as other marks, so that boxes show below them."""
        if len(places):
            sizes = np.repeat(0.5 * (1.0 + self.scale) * radii[:, None], 3, axis=1)
            self._copies(name, BALL, lifted(places, self.scale), sizes, colours)

    def _copies(
        self, name: str, mesh: trimesh.Trimesh, places: np.ndarray, sizes: np.ndarray, colours: np.ndarray
    ) -> None:
        """Copies of a mesh; those that were drawn before are changed, as new ones are slow to show."""
        self._keep(name)
        colours = (SHADE * colours).astype(np.uint8)
        turns, known = np.tile([1.0, 0.0, 0.0, 0.0], (len(places), 1)), self._batches.get(name)
        if known is not None:
            known.batched_positions, known.batched_wxyzs = places, turns
            known.batched_scales, known.batched_colors = sizes, colours
            return
        made = self.scene.add_batched_meshes_simple(
            name, mesh.vertices, mesh.faces, turns, places, batched_scales=sizes, batched_colors=colours, lod="off",
            flat_shading=mesh is CUBE, cast_shadow=False, receive_shadow=False,
        )  # fmt: skip
        self._batches[name] = made
        if self._records.get(name):
            made.on_click(lambda event: self._tell(name, event.instance_index or 0))

    def _tell(self, name: str, number: int) -> None:
        records = self._records.get(name, [])
        if number < len(records):
            self.told(records[number])

    def _lines(self, name: str, ends: np.ndarray, colours: np.ndarray, width: float) -> None:
        if len(ends):
            self._keep(name)
            lines(self.server, name, lifted(ends, self.scale), colours, width * self.scale)

    def _keep(self, name: str) -> None:
        self._drawn.add(name)


def tints(layer: Layer) -> list[tuple[int, int, int]]:
    """Some of the colours in which a layer is drawn, in the order of its members."""
    match layer:
        case Labels():
            rows = np.stack([BLUE, ORANGE] if layer.changed is not None and layer.changed.any() else [BLUE])
        case Points() | Boxes() | Edges():
            rows = layer.colours
        case _:
            return []
    places = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    kept = np.unique(np.linspace(0, len(places) - 1, min(len(places), TINTS)).round().astype(int))
    return [(int(r), int(g), int(b)) for r, g, b in rows[places[kept]]]


def error_colours(error: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 for errors in metres; FAULT and more have the last colour of the map."""
    return matplotlib.colormaps["turbo"](np.abs(error) / FAULT, bytes=True)[:, :3]


def _nearest(places: np.ndarray, spots: Spots, most: int) -> np.ndarray:
    """Numbers of the places nearest to the agent, at most so many."""
    if len(places) <= most:
        return np.arange(len(places))
    return np.argsort(((places - spots.places[spots.now]) ** 2).sum(axis=1))[:most]


def _between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    low = first.astype(float)
    return (low + (second - low) * np.clip(share, 0.0, 1.0)[:, None]).astype(np.uint8)
