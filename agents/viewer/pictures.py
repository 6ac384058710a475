"""Layers of a memory's drawing as pictures: a line of time with a lane for each layer, and the moments read, as cards.

Time runs from left to right. The larger
a weight, the more it stands out from the ground; signals follow cividis. Lengths and places are pixels, (column, row).
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageColor, ImageDraw

from loci.agents.frames import fitted, font
from loci.memories.layers import Drawing, Groups, Moments, Signals

Theme = Literal["light", "dark"]
Spot = tuple[int, int, int, int]
"""Left, top, right, bottom."""
Pixels = int | float
EDGE, HEAD, FOOT, LEFT = 12, 20, 34, 54
"""Margins: around, above each lane for its title, below all lanes for the axis, and left of them for their scale."""
THUMB, PITCH, TALL = 96, 108, 178
"""Side of a card's picture, columns from card to card, rows of a card."""
HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Okabe and Ito's colours for kinds of things, readable for people with every kind of colour vision."""
LEAST = 40
"""Rows of a lane with its title, at least."""
FEW = 20
"""Steps the axis has at least, so that the first ones are not drawn as wide as the page."""
SHARES = {Moments: 3.0, Groups: 1.6, Signals: 2.0}
"""How tall the lanes are, relative to each other."""


@dataclass(frozen=True)
class Look:
    """Colours of a theme; `strong` is that of a weight of 1 in a block."""

    paper: str
    ink: str
    muted: str
    rule: str
    panel: str
    accent: str
    strong: str


LOOKS: dict[Theme, Look] = {
    "light": Look("#fbfaf7", "#1f2430", "#626876", "#cfcabf", "#f0ede5", "#b3261e", "#123a7a"),
    "dark": Look("#16181d", "#eceae4", "#9aa0ac", "#3d424d", "#22252c", "#ff8a75", "#ffd866"),
}


def timeline(
    history: Sequence[Drawing], now: int, width: int, height: int, theme: Theme = "light"
) -> UInt8[np.ndarray, "H W 3"]:
    """A lane for each Moments, Groups and Signals layer of `history[now]`; `history[n]` is the drawing of step n.

    Raises IndexError for a step outside the history, and ValueError for a picture too small to draw in.
    """
    look = _look(theme)
    if width < 160 or height < 90:
        raise ValueError(f"a line of time needs at least 160 x 90 pixels, got {width} x {height}")
    page = Image.new("RGB", (width, height), look.paper)
    draw = ImageDraw.Draw(page)
    if not history:
        _say(draw, (0, 0, width, height), "no step yet", look)
        return np.asarray(page)
    if not 0 <= now < len(history):
        raise IndexError(f"now must be a step of the history, 0..{len(history) - 1}, got {now}")
    axis = Axis(EDGE + LEFT, width - EDGE, max(len(history), FEW))
    layers = [layer for layer in history[now].layers if isinstance(layer, (Moments, Groups, Signals))]
    if not layers:
        facts = "; ".join(f"{name}: {text}" for name, text in history[now].facts.items())
        _say(draw, (0, 0, width, height), facts or "nothing to show over time", look)
        return np.asarray(page)
    if height < (least := FOOT + LEAST * len(layers)):
        raise ValueError(f"{len(layers)} layers need a height of at least {least}, got {height}")
    for layer, (top, bottom) in zip(layers, _lanes(layers, height), strict=True):
        lane = axis.left, top, axis.right, bottom
        if isinstance(layer, Moments):
            _moments(draw, lane, axis, layer, _hues(history[: now + 1], layer.title), look)
        elif isinstance(layer, Groups):
            _groups(draw, lane, axis, layer, look)
        else:
            _signals(page, draw, lane, axis, history[: now + 1], layer, look)
    _axis(draw, axis, now, height, look)
    return np.asarray(page)


def pairs(
    layer: Moments,
    pictures: Mapping[int, UInt8[np.ndarray, "_ _ 3"]],
    words: Mapping[int, str],
    width: int,
    most: int = 8,
    theme: Theme = "light",
) -> UInt8[np.ndarray, "H W 3"]:
    """The most read moments as cards, heaviest first: what was seen and heard then, keyed by step, and the weight.
    As many rows of cards as fit the width."""
    look = _look(theme)
    if width < PITCH + 2 * EDGE or most < 1:
        raise ValueError(f"cards need a width of at least {PITCH + 2 * EDGE} and most >= 1, got {width} and {most}")
    order = [int(n) for n in np.argsort(-layer.weight, kind="stable") if layer.weight[n] > 0]
    shown, across = order[:most], (width - 2 * EDGE) // PITCH
    rows = max(1, -(-len(shown) // across))
    page = Image.new("RGB", (width, HEAD + EDGE + rows * TALL), look.paper)
    draw = ImageDraw.Draw(page)
    rest = float(layer.weight[order[most:]].sum())
    more = f"; {len(order) - most} more with {rest:.0%} together" if len(order) > most else ""
    _text(draw, EDGE, HEAD / 2 + 4, f"{layer.title}: the moments read most now{more}", width - 2 * EDGE, look.muted)
    for place, number in enumerate(shown):
        corner = EDGE + place % across * PITCH, HEAD + EDGE // 2 + place // across * TALL
        _card(page, corner, layer, number, pictures, words, look)
    if not shown:
        _say(draw, (EDGE, HEAD + EDGE // 2, width - EDGE, HEAD + EDGE // 2 + THUMB), "nothing read", look)
    return np.asarray(page)


def heat(table: Float[np.ndarray, "R C"], width: int, height: int, scale: str = "cividis") -> Image.Image:
    """Numbers 0..1 as a picture, row 0 at the top; cells are enlarged without smoothing. `scale` is matplotlib's."""
    colours = matplotlib.colormaps[scale](table.clip(0, 1), bytes=True)[..., :3]
    return Image.fromarray(np.ascontiguousarray(colours)).resize((width, height), Image.Resampling.NEAREST)


@dataclass(frozen=True)
class Axis:
    """Steps 0 … steps - 1 in equal cells from the column `left` to `right`."""

    left: int
    right: int
    steps: int

    def edge(self, step: int | float) -> int:
        """The column at which a step's cell begins; half a step more is its middle."""
        return round(self.left + (self.right - self.left) * step / self.steps)

    def cell(self, first: int, last: int) -> tuple[int, int]:
        """First and last column of the cells from one step to another, with a gap where there is room for one."""
        left, right = self.edge(first), self.edge(last + 1)
        return left, max(left, right - (2 if self.edge(1) - self.left > 4 else 1))


def _moments(
    draw: ImageDraw.ImageDraw, lane: Spot, axis: Axis, layer: Moments, hues: Mapping[str, str], look: Look
) -> None:
    """Bars as high as the weight over the steps stored; below them what is held, and in which group."""
    left, top, right, bottom = lane
    band = 13 if layer.group is not None else 0
    base, foot = bottom - 10 - band, bottom - band
    peak = _rounded_up(float(layer.weight.max(initial=0.0)))
    note = f"{len(layer.time)} held; bars: share of each in what is read now"
    _frame(draw, lane, layer.title, note + ("; filled: opened" if layer.opened is not None else ""), hues, look)
    _beside(draw, left, {top + 6: f"{peak:.0%}", (base + foot) // 2: "held"}, look)
    for number in np.argsort(layer.weight, kind="stable"):
        a, b = axis.cell(int(layer.time[number]), int(layer.time[number]))
        word = layer.kept[number] if layer.kept else ""
        draw.rectangle((a, base + 2, b, foot - 1), hues.get(word, look.muted))
        if layer.weight[number] > 0:
            high = max(1, round((base - top - 2) * float(layer.weight[number]) / peak))
            draw.rectangle((a, base - high, max(b, a + 1), base), hues.get(word, look.accent))
    draw.line((left, base + 1, right, base + 1), look.rule)
    if layer.group is not None:
        _brackets(draw, (left, foot + 2, right, bottom), axis, layer, look)
        _beside(draw, left, {(foot + 2 + bottom) // 2: "group"}, look)


def _brackets(draw: ImageDraw.ImageDraw, lane: Spot, axis: Axis, layer: Moments, look: Look) -> None:
    """A box around each run of one group, filled where its moments were read in detail."""
    assert layer.group is not None
    _, top, _, bottom = lane
    order = np.argsort(layer.time, kind="stable")
    time, group = layer.time[order], layer.group[order]
    opened = np.zeros(len(time), bool) if layer.opened is None else layer.opened[order]
    new = np.ones(len(time), bool)
    new[1:] = (np.diff(group) != 0) | (np.diff(time) > 1)
    starts = np.flatnonzero(new).tolist()
    for start, end in zip(starts, [*starts[1:], len(time)], strict=True):
        a, b = axis.cell(int(time[start]), int(time[end - 1]))
        hue = HUES[int(group[start]) % len(HUES)]
        draw.rectangle((a, top, b, bottom), hue if opened[start:end].any() else look.paper, hue)


def _groups(draw: ImageDraw.ImageDraw, lane: Spot, axis: Axis, layer: Groups, look: Look) -> None:
    """A block from the first to the last step of each group, coloured by weight, outlined where it was opened."""
    _, top, _, bottom = lane
    peak = _rounded_up(float(layer.weight.max(initial=0.0)))
    _frame(
        draw,
        lane,
        layer.title,
        "weight of each in what is read now; outlined: opened",
        {},
        look,
    )
    for first, last, weight, opened in zip(layer.first, layer.last, layer.weight, layer.opened, strict=True):
        a, b = axis.cell(int(first), int(last))
        colour = _blend(look.panel, look.strong, 0.08 + 0.92 * float(weight) / peak)
        draw.rectangle((a, top + 3, b, bottom - 3), colour)
        if opened:
            draw.rectangle((a, top + 1, b, bottom - 1), None, look.ink, 2)
        text = f"{float(weight):.0%}"
        if font(11).getlength(text) < b - a - 4:
            ink = "black" if np.dot(colour, (0.3, 0.59, 0.11)) > 128 else "white"
            draw.text(((a + b) / 2, (top + bottom) / 2), text, ink, font(11), "mm")


def _signals(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    lane: Spot,
    axis: Axis,
    past: Sequence[Drawing],
    layer: Signals,
    look: Look,
) -> None:
    """A strip of heat: a column for each step until now, a row for each number; the first is at the top."""
    left, top, _, bottom = lane
    table = np.stack([_values(drawing, layer.title) for drawing in past])
    low, high = (float(table.min()), float(table.max())) if table.size else (0.0, 0.0)
    _frame(draw, lane, layer.title, f"{len(layer.values)} a step; blue {low:.2g}, yellow {high:.2g}", {}, look)
    if not table.size:
        return
    shown = (table - low) / ((high - low) or 1.0)
    page.paste(heat(shown.T, max(1, axis.edge(len(past)) - left), bottom - top), (left, top))
    tall = (bottom - top) / len(layer.values)
    for place, name in enumerate(layer.names if tall >= 8 else ()):
        _text(draw, left - 6, top + (place + 0.5) * tall, name, LEFT, look.muted, "rm")


def _values(drawing: Drawing, title: str) -> np.ndarray:
    return next(one.values for one in drawing.layers if isinstance(one, Signals) and one.title == title)


def _card(
    page: Image.Image,
    corner: tuple[int, int],
    layer: Moments,
    number: int,
    pictures: Mapping[int, np.ndarray],
    words: Mapping[int, str],
    look: Look,
) -> None:
    """Picture, bar, weight, step, and the words in at most two lines."""
    draw, (column, row) = ImageDraw.Draw(page), corner
    time, weight = int(layer.time[number]), float(layer.weight[number])
    if time in pictures:
        picture = Image.fromarray(pictures[time]).resize((THUMB, THUMB), Image.Resampling.NEAREST)
        page.paste(picture, corner)
    else:
        _say(draw, (column, row, column + THUMB, row + THUMB), "no picture", look)
    below = row + THUMB
    draw.rectangle((column, below + 4, column + THUMB - 1, below + 9), look.panel)
    word = layer.kept[number] if layer.kept else ""
    draw.rectangle((column, below + 4, column + round((THUMB - 1) * weight), below + 9), look.accent)
    draw.text((column, below + 20), f"{weight:.0%}", look.ink, font(12, "-Bold"), anchor="lm")
    draw.text((column + THUMB, below + 20), f"step {time}", look.muted, font(11), anchor="rm")
    heard = words.get(time, "")
    lines = textwrap.wrap(f"“{heard}”" if heard else "silence", 17, max_lines=2, placeholder=" …")
    for line, text in enumerate(lines):
        _text(draw, column, below + 36 + 14 * line, text, PITCH - 6, look.ink if heard else look.muted)
    _text(draw, column, below + 36 + 14 * len(lines), f"kept: {word}" if word else "", PITCH - 6, look.muted)


def _lanes(layers: Sequence[object], height: int) -> list[tuple[int, int]]:
    """First and last row of each lane, below its title."""
    if not layers:
        return []
    shares = np.array([_share(layer) for layer in layers])
    room = height - FOOT - HEAD * len(layers)
    ends = np.concatenate([[0.0], (shares / shares.sum()).cumsum() * room])
    tops = ends[:-1] + HEAD * np.arange(1, len(layers) + 1)
    return [
        (round(top), max(round(top + tall) - 8, round(top) + 8)) for top, tall in zip(tops, np.diff(ends), strict=True)
    ]


def _share(layer: object) -> float:
    if isinstance(layer, Signals) and len(layer.values) < 4:
        return SHARES[Signals] / 2
    return SHARES[type(layer)]


def _frame(draw: ImageDraw.ImageDraw, lane: Spot, title: str, note: str, hues: Mapping[str, str], look: Look) -> None:
    """The lane's ground, its title with a note, and the colours of its kinds at the right."""
    left, top, right, bottom = lane
    draw.rectangle((left, top, right, bottom), look.panel)
    edge = right
    for word, hue in reversed(list(hues.items())):
        edge -= round(font(11).getlength(word))
        draw.text((edge, top - 9), word, look.ink, font(11), "lm")
        draw.rectangle((edge - 13, top - 13, edge - 5, top - 5), hue)
        edge -= 24
    column = left + font(12, "-Bold").getlength(title) + 10
    draw.text((left, top - 9), title, look.ink, font(12, "-Bold"), "lm")
    _text(draw, column, top - 9, note, edge - column - 4, look.muted)


def _beside(draw: ImageDraw.ImageDraw, left: int, texts: Mapping[int, str], look: Look) -> None:
    """Words left of a lane, each at its row."""
    for row, text in texts.items():
        draw.text((left - 6, row), text, look.muted, font(11), "rm")


def _hues(past: Sequence[Drawing], title: str) -> dict[str, str]:
    """A colour for each word that says how moments are kept, in the order of first use: no later word changes it."""
    layers = (one for drawing in past for one in drawing.layers if isinstance(one, Moments) and one.title == title)
    kinds = dict.fromkeys(word for layer in layers for word in dict.fromkeys(layer.kept) if word)
    return {word: HUES[place % len(HUES)] for place, word in enumerate(kinds)}


def _blend(weak: str, strong: str, share: float) -> tuple[int, int, int]:
    a, b = (np.array(ImageColor.getrgb(colour)) for colour in (weak, strong))
    red, green, blue = np.rint(a + share * (b - a)).astype(int).tolist()
    return red, green, blue


def _axis(draw: ImageDraw.ImageDraw, axis: Axis, now: int, height: int, look: Look) -> None:
    """Steps below the lanes, and a line through all lanes at the step that is shown."""
    foot = height - FOOT
    here = (axis.edge(now) + axis.edge(now + 1)) // 2
    label = f"now: step {now}"
    half = font(11, "-Bold").getlength(label) / 2
    spot = min(max(here, axis.left + half), axis.right - half)
    pitch = next(p for n in range(9) for p in (10**n, 2 * 10**n, 5 * 10**n) if axis.steps / p <= 12)
    for step in range(0, axis.steps, pitch):
        column = (axis.edge(step) + axis.edge(step + 1)) // 2
        draw.line((column, foot - 2, column, foot + 2), look.muted)
        if abs(column - spot) > half + 14:
            draw.text((column, foot + 11), str(step), look.muted, font(11), "mm")
    draw.text((axis.left - 6, foot + 11), "step", look.muted, font(11), "rm")
    draw.line((here, HEAD, here, foot + 3), look.ink)
    draw.text((spot, foot + 11), label, look.ink, font(11, "-Bold"), "mm")


def _say(draw: ImageDraw.ImageDraw, spot: Spot, text: str, look: Look) -> None:
    """A sentence on a plain ground, where there is nothing else to show."""
    left, top, right, bottom = spot
    draw.rounded_rectangle((left + 1, top + 1, right - 1, bottom - 1), 6, look.panel)
    face = font(13)
    draw.text(((left + right) / 2, (top + bottom) / 2), fitted(text, right - left - 8, face), look.muted, face, "mm")


def _text(
    draw: ImageDraw.ImageDraw, column: Pixels, row: Pixels, text: str, width: Pixels, ink: str, at: str = "lm"
) -> None:
    draw.text((column, row), fitted(text, width, font(11)), ink, font(11), at)


def _rounded_up(weight: float) -> float:
    """The end of a scale that holds the weight: 0.01, 0.02, 0.05, 0.1, 0.2, 0.5 or 1."""
    return next((end for end in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if weight <= end), 1.0)


def _look(theme: Theme) -> Look:
    if theme not in LOOKS:
        raise ValueError(f"theme must be one of {sorted(LOOKS)}, got {theme!r}")
    return LOOKS[theme]
