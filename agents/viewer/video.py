"""An episode as a film: the large view, the map, words, what was done and how sure of it, and what the memory read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from loci.agents.frames import fitted, font
from loci.agents.record import save
from loci.agents.viewer.pictures import LOOKS, Look, Theme, pairs, timeline
from loci.agents.viewer.replacing import replacing
from loci.agents.viewer.shots import SIDE, Shots
from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import Groups, Moments, Signals
from loci.sim.sensors import Camera

FPS = 2
EDGE, TOP, GAP, BARS = 20, 100, 16, 196
"""Margin, first row of the pictures, space between panels, and columns of the bars of the actions."""
LANE, LEAST = 84, 96
"""Rows of the line of time for each of its lanes, at most four, and once for its axis; and where it has none."""
CARDS = 8


def video(
    history: Sequence[Snapshot], path: Path, camera: Camera, theme: Theme = "light", actions: tuple[str, ...] = ()
) -> Path:
    """Write an mp4 or gif with a picture for every step, FPS of them a second. `actions` names the actions.

    Raises ImportError with the install line when mp4 is asked for and imageio-ffmpeg is missing.
    """
    frames = stills(history, camera, theme, actions)
    with replacing(path) as aside:
        save(frames, aside, FPS)
        if path.suffix == ".mp4":
            _check(aside, len(frames))
    return path


def _check(path: Path, least: int) -> None:
    """OSError unless the film can be played to its end: the coder does not tell when a disk is full."""
    import imageio_ffmpeg  # type: ignore[import-untyped]

    try:
        count, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    except RuntimeError as error:
        raise OSError("the film cannot be played; is the disk full?") from error
    if count < least:
        raise OSError(f"the film has {count} of {least} pictures; is the disk full?")


def stills(
    history: Sequence[Snapshot], camera: Camera, theme: Theme = "light", actions: tuple[str, ...] = ()
) -> list[Image.Image]:
    """The pictures of the film, all of one size whose sides are multiples of 16, as video coders like them."""
    shots, look = Shots(history, camera), LOOKS[theme]
    names = actions or tuple(f"action {number}" for number in range(max(len(s.chances) for s in history)))
    upper = [_upper(shots, step, names, look) for step in range(len(history))]
    lower = [_lower(history, step, upper[0].width - 2 * EDGE, theme) for step in range(len(history))]
    height = upper[0].height + max(picture.height for picture in lower) + EDGE
    return [_page(above, below, -(-height // 16) * 16, look) for above, below in zip(upper, lower, strict=True)]


def _page(upper: Image.Image, lower: Image.Image, height: int, look: Look) -> Image.Image:
    page = Image.new("RGB", (upper.width, height), look.paper)
    page.paste(upper, (0, 0))
    page.paste(lower, (EDGE, upper.height))
    return page


def _upper(shots: Shots, step: int, names: tuple[str, ...], look: Look) -> Image.Image:
    snapshot, wide = shots.history[step], shots.camera.width
    width = -(-(2 * EDGE + wide + SIDE + BARS + 2 * GAP) // 16) * 16
    page = Image.new("RGB", (width, TOP + SIDE + GAP), look.paper)
    draw = ImageDraw.Draw(page)
    _words(draw, snapshot, len(shots.history) - 1, width, look)
    page.paste(Image.fromarray(shots.views(step)["rgb"]), (EDGE, TOP))
    page.paste(shots.above(step), (EDGE + wide + GAP, TOP))
    titles = ("what stands before the agent", "from above; orange: moments of this room that are read", "what it does")
    columns = (EDGE, EDGE + wide + GAP, EDGE + wide + SIDE + 2 * GAP)
    for column, text in zip(columns, titles, strict=True):
        draw.text((column, TOP - 11), text, look.muted, font(12), anchor="lm")
    _actions(draw, (columns[2], width - EDGE), snapshot, names, look)
    return page


def _words(draw: ImageDraw.ImageDraw, snapshot: Snapshot, last: int, width: int, look: Look) -> None:
    heard, face = f"“{snapshot.words}”" if snapshot.words else "silence", font(24, "-Bold" if snapshot.words else "")
    draw.text((EDGE, 30), fitted(heard, 800, face), look.ink if snapshot.words else look.muted, face, anchor="lm")
    draw.text((width - EDGE, 30), f"step {snapshot.step} of {last}", look.muted, font(14), anchor="rm")
    if snapshot.instruction:
        text = f"instruction: {snapshot.instruction}"
        draw.text((EDGE, 60), fitted(text, 900, font(15)), look.ink, font(15), anchor="lm")
    draw.line((EDGE, 76, width - EDGE, 76), look.rule)


def _actions(
    draw: ImageDraw.ImageDraw, span: tuple[int, int], snapshot: Snapshot, names: tuple[str, ...], look: Look
) -> None:
    """A bar for each action's chance, the one that was taken in the accent's colour; then facts of the step."""
    left, right = span
    pitch = min(40, 220 // max(len(snapshot.chances), 1))
    for line, (name, chance) in enumerate(zip(names, snapshot.chances, strict=False)):
        top, taken = TOP + pitch * line, line == snapshot.action
        ink, face = (look.ink, font(13, "-Bold")) if taken else (look.muted, font(13))
        draw.text((left, top + 7), fitted(name, right - left - 44, face), ink, face, anchor="lm")
        draw.text((right, top + 7), f"{chance:.0%}", ink, font(12), anchor="rm")
        draw.rectangle((left, top + 18, right, top + 23), look.panel)
        if full := round((right - left) * min(chance, 1.0)):
            draw.rectangle((left, top + 18, left + full, top + 23), look.accent if taken else look.muted)
    for line, text in enumerate(facts(snapshot)):
        row = TOP + pitch * len(snapshot.chances) + 18 + 18 * line
        if row < TOP + SIDE:
            draw.text((left, row), fitted(text, right - left, font(12)), look.muted, font(12), anchor="lm")


def facts(snapshot: Snapshot) -> list[str]:
    """What else is to be known of a step, one short line each."""
    lines = [f"driven by: {snapshot.driver}"] if snapshot.driver else []
    lines += ["the episode is over"] if snapshot.over else []
    lines += [f"carries: {snapshot.held}"] if snapshot.held else []
    lines += [f"reward: {snapshot.reward:g}, in all {snapshot.total:g}"]
    lines += [f"{name}: {value:.3g}" for name, value in snapshot.metrics.items()]
    lines += [f"memory: {snapshot.memory_bytes:,} bytes, {snapshot.memory_ms:.1f} ms"]
    lines += [] if snapshot.memory_on else ["memory switched off"]
    return lines + [f"{name}: {text}" for name, text in snapshot.drawing.facts.items()]


def tall(history: Sequence[Snapshot]) -> int:
    """Rows of the line of time, which has a lane for each layer of a step that it shows, counted up to 4."""
    shown = (sum(isinstance(layer, Moments | Groups | Signals) for layer in s.drawing.layers) for s in history)
    return max(LANE * (1 + min(max(shown), 4)), LEAST)


def _lower(history: Sequence[Snapshot], step: int, width: int, theme: Theme) -> Image.Image:
    """The line of time, and the moments that were read, below each other."""
    drawings = [snapshot.drawing for snapshot in history]
    seen = {snapshot.step: snapshot.seen for snapshot in history}
    words = {snapshot.step: snapshot.words for snapshot in history}
    panels = [timeline(drawings, step, width, tall(history), theme)]
    layers = [layer for layer in drawings[step].layers if isinstance(layer, Moments)]
    panels += [pairs(layer, seen, words, width, CARDS, theme) for layer in layers]
    return Image.fromarray(np.concatenate(panels))
