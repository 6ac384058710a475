"""A film's moments as pictures: view, map from above, policy, what was read, and a line of time (Pillow only).

Lengths and places are in pixels of the finished frame, (column, row) from its upper left corner.
"""

import math
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from loci.agents.film import FINE, Film, Moment, Recalled

WIDTH, HEIGHT, EDGE = 1024, 608, 20
"""Multiples of 16, as video coders like them."""
THUMB, PITCH, CARDS = 96, 126, 8
"""Side of a recalled picture, columns from one to the next, and how many are shown."""
VIEW, ABOVE, EYE, POLICY = (20, 86), (292, 86), (564, 86), (840, 86)
"""Upper left corners of the four panels of the upper half."""
READ, TIME = 388, 560
"""Rows at which the pictures that were read, and the line of time, begin."""
PAPER, INK, MUTED, RULE, ACCENT = "#fbfaf7", "#1f2430", "#6c7280", "#dcd8cf", "#d1495b"
PHASES = ("#3d8b7d", "#b99b5f", "#4a6fa5", "#8d6a9f", "#7a8a4f")
GOOD, BAD = "#2e7d4f", "#b23a48"


def frames(film: Film) -> list[Image.Image]:
    """All moments as pictures of WIDTH x HEIGHT; the last one says how the episode ended."""
    return [frame(film, step) for step in range(len(film.moments))]


def frame(film: Film, step: int) -> Image.Image:
    """The moment `step` of a film."""
    moment = film.moments[step]
    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(page)
    _title(draw, film, step)
    _panel(page, draw, VIEW, Image.fromarray(moment.view).resize((FINE, FINE)), "what stands before the agent")
    _panel(page, draw, ABOVE, _map(film, step), "from above")
    height, width = moment.rgb.shape[:2]
    _panel(page, draw, EYE, thumbnail(moment, FINE), f"what it sees: {width} × {height}")
    _policy(draw, film, moment)
    _reading(page, draw, film, step)
    _timeline(draw, film, step)
    return page


def thumbnail(moment: Moment, side: int = THUMB) -> Image.Image:
    """The agent's own picture, its pixels enlarged without smoothing."""
    return Image.fromarray(moment.rgb).resize((side, side), Image.Resampling.NEAREST)


def marker(moment: Moment) -> tuple[float, float]:
    """Where the agent stands on the map, pixels."""
    column, row = moment.overhead.pixels(moment.position[None])[0].tolist()
    return column, row


def colour(film: Film, phase: str) -> str:
    """Phases take the colours of PHASES in the order in which they first appear."""
    order = list(dict.fromkeys(moment.phase for moment in film.moments))
    return PHASES[order.index(phase) % len(PHASES)]


@lru_cache
def font(size: int, style: str = "") -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib; `style` may be "-Bold" or "-Oblique"."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"DejaVuSans{style}.ttf"), size)


def fitted(text: str, width: int | float, face: ImageFont.FreeTypeFont) -> str:
    """The text, shortened by an ellipsis where it is wider than `width`."""
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _title(draw: ImageDraw.ImageDraw, film: Film, step: int) -> None:
    moment, last = film.moments[step], len(film.moments) - 1
    if step == last:
        text, ink = ("✓  success", GOOD) if film.success else ("✗  no success", BAD)
    else:
        text, ink = (f"“{moment.words}”", INK) if moment.words else ("silence", MUTED)
    style = "-Bold" if text != "silence" else "-Oblique"
    draw.text((EDGE, 34), fitted(text, 700, font(25, style)), ink, font(25, style), anchor="lm")
    draw.text((WIDTH - EDGE, 34), f"{film.memory}   step {step} of {last}", MUTED, font(14), anchor="rm")
    draw.line((EDGE, 58, WIDTH - EDGE, 58), RULE)


def _panel(
    page: Image.Image, draw: ImageDraw.ImageDraw, corner: tuple[int, int], picture: Image.Image, title: str
) -> None:
    _heading(draw, corner[0], corner[1], title)
    page.paste(picture, corner)


def _heading(draw: ImageDraw.ImageDraw, column: int, row: int, text: str) -> None:
    draw.text((column, row - 13), text, MUTED, font(13), anchor="lm")


def _map(film: Film, step: int) -> Image.Image:
    """The picture from above with names, the way the agent came, and the agent as a disc with an arrow."""
    moment = film.moments[step]
    scale = 3
    picture = Image.fromarray(moment.above).resize((scale * FINE, scale * FINE), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    way = [(scale * c, scale * r) for c, r in moment.overhead.pixels(film.path(step)).tolist()]
    if len(way) > 1:
        draw.line(way, "white", 3 * scale, joint="curve")
        draw.line(way, ACCENT, 2 * scale, joint="curve")
    column, row = marker(moment)
    arrow(draw, (scale * column, scale * row), moment.heading, 9.0 * scale)
    for name, place in moment.names.items():
        column, row = (scale * moment.overhead.pixels(place[None])[0]).tolist()
        spot = (column, row + 22 * scale)
        draw.text(spot, name, "white", font(12 * scale, "-Bold"), "mm", stroke_width=2 * scale, stroke_fill=INK)
    return picture.resize((FINE, FINE), Image.Resampling.LANCZOS)


def arrow(draw: ImageDraw.ImageDraw, spot: tuple[float, float], heading: float, radius: float) -> None:
    """An agent seen from above: a disc with a tip along its heading, radians."""
    along = np.array([math.cos(heading), -math.sin(heading)])
    across, centre = np.array([-along[1], along[0]]), np.array(spot)
    sides = [centre + 0.75 * radius * (0.75 * along + side * across) for side in (-1, 1)]
    corners = [tuple(corner.tolist()) for corner in (centre + 1.9 * radius * along, *sides)]
    draw.polygon(corners, ACCENT, "white", round(radius / 9))
    column, row = spot
    draw.ellipse((column - radius, row - radius, column + radius, row + radius), ACCENT, "white", round(radius / 4.5))


def _policy(draw: ImageDraw.ImageDraw, film: Film, moment: Moment) -> None:
    """One bar an action: how probable the policy held it; the one that was taken is dark."""
    column, row = POLICY
    if moment.action is None:
        _heading(draw, column, row, "the episode is over")
        for line, (name, value) in enumerate(film.metrics.items()):
            draw.text((column, row + 16 + 26 * line), f"{name}  {value:.2g}", INK, font(13), anchor="lm")
        return
    _heading(draw, column, row, "what it does")
    pitch = min(46, FINE // len(film.actions))
    for line, (name, chance) in enumerate(zip(film.actions, moment.chances, strict=True)):
        taken, top = line == moment.action, row + pitch * line
        ink = INK if taken else MUTED
        draw.text((column, top + 8), fitted(name, 150, font(13)), ink, font(13, "-Bold" if taken else ""), anchor="lm")
        draw.text((WIDTH - EDGE, top + 8), f"{chance:.0%}", ink, font(12), anchor="rm")
        _bar(draw, (column, top + 19), WIDTH - EDGE - column, chance, ACCENT if taken else "#a9adb8")


def _bar(draw: ImageDraw.ImageDraw, corner: tuple[int, int], width: int, share: float, ink: str) -> None:
    column, row = corner
    draw.rectangle((column, row, column + width, row + 6), "#ece9e2")
    if round(width * share) > 0:
        draw.rectangle((column, row, column + round(width * min(share, 1.0)), row + 6), ink)


def _reading(page: Image.Image, draw: ImageDraw.ImageDraw, film: Film, step: int) -> None:
    """The moments that were read, heaviest first, or why there are none."""
    reads = film.moments[step].recalled
    shown = reads[:CARDS]
    rest = sum(read.weight for read in reads[CARDS:])
    more = f"; {len(reads) - CARDS} more with {rest:.0%} together" if rest else ""
    _heading(draw, EDGE, READ, f"what the memory read at this moment{more}")
    if not shown:
        draw.rounded_rectangle((EDGE, READ, WIDTH - EDGE, READ + THUMB), 6, "#f3f0e9")
        draw.text((WIDTH / 2, READ + THUMB / 2), _nothing(film, step), MUTED, font(15), anchor="mm")
    for place, read in enumerate(shown):
        _card(page, draw, film, read, EDGE + place * PITCH, place == 0)


def _nothing(film: Film, step: int) -> str:
    if film.moments[step].action is None:
        return "The episode is over; nothing is read any more."
    if film.keeps_moments:
        return "Nothing yet: no moment is stored, or none was asked for."
    if film.state_bytes == 0:
        return f"{film.memory} keeps nothing: its state has 0 bytes."
    return f"{film.memory} keeps no moments that could be shown: its state is {film.state_bytes:,} bytes of numbers."


def _card(page: Image.Image, draw: ImageDraw.ImageDraw, film: Film, read: Recalled, column: int, first: bool) -> None:
    then = film.moments[read.time]
    if first:
        draw.rectangle((column - 3, READ - 3, column + THUMB + 2, READ + THUMB + 2), ACCENT)
    page.paste(thumbnail(then), (column, READ))
    below = READ + THUMB
    _bar(draw, (column, below + 6), THUMB, read.weight, ACCENT)
    draw.text((column, below + 24), f"{read.weight:.0%}", INK, font(13, "-Bold"), anchor="lm")
    draw.text((column + THUMB, below + 24), f"step {read.time}", MUTED, font(12), anchor="rm")
    for line, text in enumerate(_wrapped(then.words or "silence", PITCH - 6)):
        draw.text((column, below + 41 + 14 * line), text, INK if then.words else MUTED, font(12), anchor="lm")


def _wrapped(text: str, width: int, lines: int = 2) -> list[str]:
    """Words in at most `lines` lines, the last one shortened where needed."""
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if font(12).getlength(longer) <= width or not rows[-1] or len(rows) == lines:
            rows[-1] = longer
        else:
            rows.append(word)
    return [fitted(row, width, font(12)) for row in rows]


def _timeline(draw: ImageDraw.ImageDraw, film: Film, step: int) -> None:
    """Phases as colours, a dot where words were heard, a tick as high as the weight where a moment was read."""
    steps = len(film.moments) - 1
    pitch = (WIDTH - 2 * EDGE) / steps
    for number, moment in enumerate(film.moments[:-1]):
        left, right = EDGE + pitch * number, EDGE + pitch * (number + 1)
        draw.rectangle((left, TIME + 16, right - (1 if pitch > 4 else 0), TIME + 30), colour(film, moment.phase))
        if moment.words:
            middle = (left + right) / 2
            draw.ellipse((middle - 2, TIME + 21, middle + 2, TIME + 25), "white")
    for read in film.moments[step].recalled:
        middle, length = EDGE + pitch * (read.time + 0.5), 2 + 15 * min(read.weight, 1.0)
        draw.rectangle((middle - 2, TIME + 15 - length, middle + 2, TIME + 15), ACCENT)
    here = EDGE + pitch * min(step + 0.5, steps)
    draw.polygon([(here - 5, TIME + 38), (here + 5, TIME + 38), (here, TIME + 31)], INK)
    _phase_names(draw, film, pitch)


def _phase_names(draw: ImageDraw.ImageDraw, film: Film, pitch: float) -> None:
    names = [moment.phase for moment in film.moments[:-1]]
    starts = [n for n, name in enumerate(names) if name and (n == 0 or names[n - 1] != name)]
    for start, end in pairwise([*starts, len(names)]):
        text = fitted(names[start], pitch * (end - start) - 4, font(12))
        draw.text((EDGE + pitch * start, TIME + 41), text, colour(film, names[start]), font(11, "-Bold"), anchor="lm")
