"""One dancer alone in its room, seen from above: the pictures and the questions of room ballet and of the short stay.

Cho et al. 2024 (arXiv 2402.15160). A room has 3 x 3 cells of floor and a wall around them; the dancer rests in the
middle and dances one of the first 8 dances of ballet (dances.py), none of which leaves the floor. A picture shows one
frame, or the floors of 4 or 16 frames side by side, row by row, with one wall around them all. The question is the same
everywhere: "which dance", and actions 0 … 7 name the dances.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numba import njit

from loci.sim.tasks.ballet import BODY, PIXELS, TILES, WALL
from loci.sim.tasks.dances import DANCES, MOVES, PATHS

ANSWERS = tuple(DANCES)[:8]
FLOOR_SIDE = 3
QUESTION = "which dance"
QUESTIONS = np.array([QUESTION, *(f"{QUESTION} {name}" for name in ANSWERS)])
"""Alone, and with each answer: what the fully observed twin is asked."""
MIXTURES = np.array([(r, g, b) for r in (0, 127, 255) for g in (0, 127, 255) for b in (0, 127, 255)][1:], np.uint8)
"""26 colours apart, of none, half and full red, green and blue."""


def shown(frames: int, pixels: int) -> Mapping[str, spaces.Space[Any]]:
    """The picture of so many frames; ValueError unless they are 1, 4 or 16, with 1 or 9 pixels a cell."""
    if frames not in (1, 4, 16):
        raise ValueError(f"frames must be 1, 4 or 16, got {frames}")
    if pixels not in (1, PIXELS):
        raise ValueError(f"pixels must be 1 or {PIXELS}, got {pixels}")
    side = (FLOOR_SIDE * round(frames**0.5) + 2) * pixels
    return {"rgb": spaces.Box(0, 255, (side, side, 3), np.uint8)}


def check_naming(naming: float) -> None:
    """ValueError unless the weight of naming what is seen lies between that of nothing and that of the answer."""
    if not 0.0 <= naming <= 1.0:
        raise ValueError(f"naming must lie in [0, 1], got {naming}")


def dancers(pixels: int) -> np.ndarray:
    """Pictures (n, p, p, 3) uint8 of all dancers there are: pairs of 19 colours and 15 shapes, colour by colour. One
    pixel has no shape, and colours of ballet that are too near to tell apart; there they have the 26 of MIXTURES."""
    return TILES[BODY:] if pixels == PIXELS else MIXTURES[:, None, None]


def picture(look: np.ndarray, dance: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Frames (N, F) in one picture each, (N, H, W, 3) uint8: dancers that look like `look` (N, p, p, 3) have done so
    many of the `moves` (N, F), 0 … 16, of their `dance` (N,)."""
    pixels = look.shape[1]
    wall = TILES[WALL, :pixels, :pixels]
    return _painted(look, wall, PATHS[dance[:, None], moves] + FLOOR_SIDE // 2)


def moves_at(phase: np.ndarray, rest: int) -> np.ndarray:
    """Moves done at each phase of a solo: none in the first `rest` frames, then 1 … 16."""
    return np.clip(phase - rest + 1, 0, MOVES)


@njit(cache=True, nogil=True)
def _painted(look, wall, at):  # type: ignore[no-untyped-def]
    """Pictures of dancers at the cells (N, F, 2) of their floors."""
    count, frames, _ = at.shape
    pixels = look.shape[1]
    across = int(np.sqrt(frames))
    side = (across * FLOOR_SIDE + 2) * pixels
    rgb = np.zeros((count, side, side, 3), np.uint8)
    for n in range(count):
        for edge in (0, side - pixels):
            for i in range(0, side, pixels):
                rgb[n, edge : edge + pixels, i : i + pixels] = wall
                rgb[n, i : i + pixels, edge : edge + pixels] = wall
        for f in range(frames):
            row = (1 + f // across * FLOOR_SIDE + at[n, f, 0]) * pixels
            column = (1 + f % across * FLOOR_SIDE + at[n, f, 1]) * pixels
            rgb[n, row : row + pixels, column : column + pixels] = look[n]
    return rgb
