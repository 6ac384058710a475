"""The panel on the left: what the memory holds and reads, its layers, and curves over the episode."""

from collections.abc import Sequence

import numpy as np
import viser
from viser import uplot

from loci.agents.viewer import snippets
from loci.agents.viewer.desk import Desk
from loci.agents.viewer.overlay import DRAWN, Overlay, Spots, tints
from loci.agents.viewer.pictures import LOOKS, pairs, timeline
from loci.agents.viewer.player import Shown
from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import Layer, Moments

WIDTH, LANE, AXIS, CARDS = 380, 84, 50, 6
"""Width of the pictures, height of a lane of the line of time and of its axis, pixels; cards of a layer."""
CURVE = 600
"""Most points of a curve."""


class MemoryPanel:
    """Shows the drawing of a step; layers that have a place are drawn in the scene."""

    def __init__(self, desk: Desk, overlay: Overlay, title: str) -> None:
        self.desk, self.overlay = desk, overlay
        self.window = desk.gui.add_panel()
        self.tab = self.window.add_tab("Memory")
        with self.tab:
            desk.gui.add_markdown(f"**{title}**")
            self.facts = desk.gui.add_html("")
            self.time = desk.gui.add_image(np.zeros((90, WIDTH, 3), np.uint8), format="jpeg", jpeg_quality=90)
            self.record = desk.gui.add_html("")
            self.folder = desk.gui.add_folder("drawn in the scene", visible=False)
            self.legend = desk.gui.add_html("")
        self._cards: dict[str, viser.GuiImageHandle] = {}
        self._boxes: dict[str, viser.GuiCheckboxHandle] = {}
        self._curves()

    def show(self, shown: Shown) -> None:
        """The step that is shown, among those before it."""
        drawing, theme = shown.now.drawing, self.desk.theme
        self.facts.content = snippets.facts(shown.now, theme)
        lanes = sum(1 for layer in drawing.layers if isinstance(layer, Moments) or not isinstance(layer, DRAWN))
        lanes = max(lanes, 1)
        past = [snapshot.drawing for snapshot in shown.history]
        self.time.image = timeline(past, shown.at, WIDTH, AXIS + LANE * lanes, theme)
        for layer in drawing.layers:
            self._layer(layer, shown.history)
        colours = {layer.title: tints(layer) for layer in drawing.layers}
        self.legend.content = snippets.legend(colours, theme)
        self.overlay.show(drawing.layers, Spots.of(shown.history, shown.at))

    def tell(self, record: str) -> None:
        """The record of a label that was clicked."""
        self.record.content = snippets.note(record, self.desk.theme)

    def plot(self, history: Sequence[Snapshot]) -> None:
        """The curves."""
        chosen = history[:: -(-len(history) // CURVE)]
        steps = np.array([snapshot.step for snapshot in chosen], float)
        for handle, values in zip(self.curves, _values(chosen), strict=True):
            handle.data = (steps, values)

    def _layer(self, layer: Layer, history: Sequence[Snapshot]) -> None:
        """A checkbox for what is drawn in the scene, and cards for moments."""
        if isinstance(layer, DRAWN) and layer.title not in self._boxes:
            self.folder.visible = True
            with self.folder:
                box = self.desk.gui.add_checkbox(layer.title, True)
            box.on_update(self.desk.when(lambda target: self._switch(layer.title, target.value)))
            self._boxes[layer.title] = box
        if isinstance(layer, Moments):
            self._pairs(layer, history)

    def _pairs(self, layer: Moments, history: Sequence[Snapshot]) -> None:
        times = [time for time in layer.time.tolist() if time < len(history)]
        seen = {time: history[time].seen for time in times}
        words = {time: history[time].words for time in times}
        cards = pairs(layer, seen, words, WIDTH, CARDS, self.desk.theme)
        if layer.title in self._cards:
            self._cards[layer.title].image = cards
            return
        with self.tab:
            self._cards[layer.title] = self.desk.gui.add_image(cards, format="jpeg", jpeg_quality=90)

    def _switch(self, title: str, on: bool) -> None:
        (self.overlay.hidden.discard if on else self.overlay.hidden.add)(title)

    def _curves(self) -> None:
        look, none = LOOKS[self.desk.theme], (np.zeros(1), np.zeros(1))
        axis = uplot.Axis(stroke=look.muted, grid=uplot.Axis_Grid(stroke=look.rule))
        self.curves = []
        with self.window.add_tab("Plots"):
            for title in ("reward, total", "memory, ms a step", "memory, kB"):
                series = uplot.Series(label="step"), uplot.Series(label=title, stroke=look.accent, width=2)
                scales = {"x": uplot.Scale(time=False)}
                curve = self.desk.gui.add_uplot(none, series, title=title, axes=(axis, axis), scales=scales, height=190)
                self.curves.append(curve)


def _values(history: Sequence[Snapshot]) -> list[np.ndarray]:
    totals = [snapshot.total for snapshot in history]
    return [np.array(values, float) for values in (
        totals, [snapshot.memory_ms for snapshot in history], [snapshot.memory_bytes / 1e3 for snapshot in history]
    )]  # fmt: skip
