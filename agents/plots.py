"""Plots as inline SVG: they take the page's colours, so they read in light and dark, and need no other file.

Lengths are pixels of the SVG's own box. Series have the CSS classes s0, s1, … in the order of the rows.
"""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

Number = int | float
SERIES = 8
"""Colours of the page; more rows than that begin again."""
POINTS = 120
"""Most points a curve is drawn with."""


class Interval(NamedTuple):
    """A mean and its 95% interval."""

    mean: Number
    low: Number
    high: Number


class Box(NamedTuple):
    """The part of a plot between its axes."""

    left: Number
    top: Number
    right: Number
    bottom: Number

    def x(self, share: Number) -> Number:
        return self.left + share * (self.right - self.left)

    def y(self, share: Number) -> Number:
        return self.bottom - share * (self.bottom - self.top)


LETTER = 7.5
"""Width of one letter of a name, at most."""


def learning_curves(curves: dict[str, list[dict[str, Any]]], width: int = 900, height: int = 300) -> str:
    """Share of what was learnt in training over updates: mean over seeds, a band from the worst to the best seed."""
    names = LETTER * max(map(len, curves), default=0)
    box = Box(52, 14, width - 34 - names, height - 44)
    most = max((seed["update"][-1] for seeds in curves.values() for seed in seeds if seed["update"]), default=1)
    parts = [_y_axis(box), _ticks(box, most), _text((box.left + box.right) / 2, height - 6, "updates", "middle")]
    ends = []
    for series, (row, seeds) in enumerate(curves.items()):
        x, lines = _shared(seeds)
        if len(x):
            columns = [box.x(value / most) for value in x]
            parts.append(_band(columns, [box.y(v) for v in lines.min(0)], [box.y(v) for v in lines.max(0)], series))
            parts.append(_line(columns, [box.y(v) for v in lines.mean(0)], series))
            ends.append((box.y(float(lines.mean(0)[-1])), row, series))
    parts += _labels(ends, box.right + 8)
    return _svg(width, height, parts, "learning curves")


def conditions(
    title: str,
    values: Sequence[str],
    rows: dict[str, list[Interval]],
    chance: Sequence[Number],
    joined: bool,
    width: int = 440,
    height: int = 260,
) -> str:
    """Success of each row under each value of a setting, with intervals; dashes are the ceilings without memory."""
    box = Box(46, 34, width - 10, height - 36)
    parts = [_text(box.left, 16, title, kind="strong"), _y_axis(box)]
    slot = 1.0 / len(values)
    for place, value in enumerate(values):
        parts.append(_text(box.x((place + 0.5) * slot), height - 18, value, "middle"))
        ends = (box.x((place + 0.04) * slot), box.x((place + 0.96) * slot))
        parts.append(_rule(ends[0], box.y(chance[place]), ends[1], box.y(chance[place]), "chance"))
    for series, intervals in enumerate(rows.values()):
        shift = (series - (len(rows) - 1) / 2) * 0.6 / max(len(rows), 2)
        columns = [box.x((place + 0.5 + shift) * slot) for place in range(len(values))]
        if joined:
            parts.append(_line(columns, [box.y(i.mean) for i in intervals], series, "thin"))
        for column, (mean, low, high) in zip(columns, intervals, strict=True):
            parts.append(_rule(column, box.y(low), column, box.y(high), f"whisker {_series(series)}"))
            parts.append(_dot(column, box.y(mean), 4.0, series))
    return _svg(width, height, parts, title)


def strip(interval: Interval, seeds: Sequence[Number], chance: Number, series: int, width: int = 190) -> str:
    """One row's success on a line from 0 to 1: interval, mean, a ring for every seed, and the ceiling as a dash."""
    box, middle = Box(8, 0, width - 8, 24), 12.0
    parts = [_rule(box.left, middle, box.right, middle, "grid"), _rule(box.x(chance), 2, box.x(chance), 22, "chance")]
    parts.append(_rule(box.x(interval.low), middle, box.x(interval.high), middle, f"whisker {_series(series)}"))
    parts += [f'<circle class="ring {_series(series)}" cx="{box.x(seed):.1f}" cy="{middle}" r="4"/>' for seed in seeds]
    parts.append(_rule(box.x(interval.mean), 5, box.x(interval.mean), 19, f"mean {_series(series)}"))
    return _svg(width, 24, parts, f"success {interval.mean:.3f}", fixed=True)


def reading(weights: Float[np.ndarray, "T T"], words: Sequence[str], phases: Sequence[str]) -> str:
    """What was read over an episode: a line for every step, downwards, and a column for every moment stored so far."""
    steps = len(words)
    side = max(4.0, min(20.0, 560 / max(steps, 1)))
    left, top = 190.0, 26.0
    size = side * steps
    scale = max(float(weights.max(initial=0.0)), 1e-9)
    parts = [_text(left, 12, "stored at step →  (words that were heard then, below)"), _upper(left, top, side, steps)]
    for now, then in zip(*np.nonzero(weights > 0.004 * scale), strict=True):
        share = float(weights[now, then])
        place = f'x="{left + side * then:.1f}" y="{top + side * now:.1f}" width="{side:.1f}" height="{side:.1f}"'
        note = f"step {now} reads step {then}: {share:.1%}"
        parts.append(f'<rect class="read" {place} opacity="{share / scale:.3f}"><title>{note}</title></rect>')
    parts += _phase_bars(phases, left, top, side)
    for step, text in _changes(words):
        middle = side * (step + 0.5)
        parts.append(_text(left - 16, top + middle + 4, text, "end"))
        parts.append(_text(left + middle, top + size + 22, text, turn=40.0))
    return _svg(round(left + size + 140), round(top + size + 150), parts, "what the memory read")


def _shared(seeds: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Updates (N,) and the seeds' shares (S, N), averaged over stretches of updates they all have."""
    count = min((len(seed["share"]) for seed in seeds), default=0)
    if count == 0:
        return np.empty(0), np.empty((0, 0))
    stretches = np.array_split(np.arange(count), min(POINTS, count))
    x = np.asarray([np.mean(np.asarray(seeds[0]["update"])[part]) for part in stretches])
    return x, np.asarray([[np.mean(np.asarray(seed["share"])[part]) for part in stretches] for seed in seeds])


def _labels(ends: list[tuple[Number, str, int]], column: Number, apart: Number = 16.0) -> list[str]:
    """Names at the ends of lines, moved down where they would overlap."""
    parts, lowest = [], -apart
    for row, name, series in sorted(ends):
        lowest = max(row, lowest + apart)
        parts.append(_dot(column + 4, lowest, 4.0, series) + _text(column + 14, lowest + 4, name))
    return parts


def _phase_bars(phases: Sequence[str], left: Number, top: Number, side: Number) -> list[str]:
    """The phases along both axes, named on the right."""
    order, parts = list(dict.fromkeys(phases)), []
    for start, phase in _changes(phases):
        end = next((n for n in range(start, len(phases)) if phases[n] != phase), len(phases))
        kind, size = f"phase p{order.index(phase) % 5}", side * len(phases)
        along, across, length = left + side * start, top + side * start, side * (end - start)
        parts.append(_block(along, top + size + 3, length, 6, kind) + _block(left - 10, across, 6, length, kind))
        parts.append(_text(left + size + 8, across + 12, phase, kind=kind))
    return parts


def _changes(values: Sequence[str]) -> list[tuple[int, str]]:
    """Where a value that is not empty begins anew."""
    return [(n, value) for n, value in enumerate(values) if value and (n == 0 or values[n - 1] != value)]


def _upper(left: Number, top: Number, side: Number, steps: int) -> str:
    """The staircase of what can be read: moments before now."""
    path = f"M{left:.1f} {top:.1f}" + "".join(f"v{side:.1f}h{side:.1f}" for _ in range(steps))
    return f'<path class="frame" d="{path}V{top + side * steps:.1f}H{left:.1f}Z"/>'


def _y_axis(box: Box) -> str:
    marks = [_rule(box.left, box.y(v), box.right, box.y(v), "grid") for v in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return "".join(marks + [_text(box.left - 8, box.y(v) + 4, f"{v:.0%}", "end") for v in (0.0, 0.5, 1.0)])


def _ticks(box: Box, most: Number) -> str:
    return "".join(_text(box.x(share), box.bottom + 18, f"{most * share:.0f}", "middle") for share in (0.0, 0.5, 1.0))


def _series(number: int) -> str:
    return f"s{number % SERIES}"


def _block(x: Number, y: Number, width: Number, height: Number, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(x: Number, y: Number, text: str, anchor: str = "start", kind: str = "", turn: Number = 0.0) -> str:
    """Text turned clockwise by `turn` degrees about its own beginning."""
    turned = f' transform="rotate({turn:g} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turned}>{escape(text)}</text>'


def _rule(x1: Number, y1: Number, x2: Number, y2: Number, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _dot(x: Number, y: Number, radius: Number, series: int) -> str:
    return f'<circle class="dot {_series(series)}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'


def _line(columns: Sequence[Number], rows: Sequence[Number], series: int, kind: str = "curve") -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(columns, rows, strict=True))
    return f'<polyline class="{kind} {_series(series)}" points="{points}"/>'


def _band(columns: Sequence[Number], low: Sequence[Number], high: Sequence[Number], series: int) -> str:
    pairs = [*zip(columns, low, strict=True), *reversed(list(zip(columns, high, strict=True)))]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
    return f'<polygon class="band {_series(series)}" points="{points}"/>'


def _svg(width: int, height: int, parts: Sequence[str], label: str, fixed: bool = False) -> str:
    size = f'width="{width}" height="{height}"' if fixed else f'style="max-width:{width}px"'
    body = "".join(parts)
    return f'<svg viewBox="0 0 {width} {height}" {size} role="img" aria-label="{escape(label)}">{body}</svg>'
