"""What ballet is made of: 13 dances of 16 moves, where dancers stand, 19 colours and 15 shapes; and its clock.

Lampinen et al. 2021 (arXiv 2105.14039), section on Ballet. Cells are (row, column), rows grow downwards: to the south.
Solo i begins at frame i (15 + delay) and shows one move a frame, so that it ends, at rest, 15 frames later.
"""

import numpy as np

DIRECTIONS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
DIRECTION_WORDS = ("north", "north east", "east", "south east", "south", "south west", "west", "north west")
STEPS = np.array([(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)])
"""Cells (8, 2) by which each direction moves."""
HOMES = np.array([(2, 2), (2, 5), (2, 8), (5, 2), (5, 8), (8, 2), (8, 5), (8, 8)])
"""Cells (8, 2) where dancers rest: the middles of the 3 x 3 blocks around the agent's, which is at CENTRE."""
CENTRE, SIDE = 5, 11
RAYS = np.array([7, 0, 1, 6, 2, 5, 4, 3])
"""The direction from the centre of each home."""
MOVES = 16


def _moves(text: str) -> tuple[int, ...]:
    """Directions of a dance; what is written is repeated until there are 16."""
    once = tuple(DIRECTIONS.index(word) for word in text.split())
    return once * (MOVES // len(once))


def _mirrored(moves: tuple[int, ...]) -> tuple[int, ...]:
    """East and west exchanged."""
    return tuple(-move % 8 for move in moves)


def _turned(moves: tuple[int, ...], eighths: int) -> tuple[int, ...]:
    """Turned clockwise by so many times 45 degrees."""
    return tuple((move + eighths) % 8 for move in moves)


_CIRCLE = _moves("N E S S W W N N E E S S W W N E")
_LINE = _moves("N S S N")
_DIAGONAL = _moves("NE SW SW NE")
_PLUS = _moves("N S E W S N W E")
_TIMES = _moves("NE SW SE NW SW NE NW SE")
_ZEE = _moves("NE W W E E SW NE SW SW E E W W NE SW NE")
_CHEVRON = _moves("NW S SE NE N SW NE SW NE S SW NW N SE NW SE")

DANCES: dict[str, tuple[int, ...]] = {
    "circle cw": _CIRCLE,
    "circle ccw": _mirrored(_CIRCLE),
    "up and down": _LINE,
    "left and right": _turned(_LINE, 2),
    "diagonal uldr": _mirrored(_DIAGONAL),
    "diagonal urdl": _DIAGONAL,
    "plus cw": _PLUS,
    "plus ccw": _mirrored(_PLUS),
    "times cw": _TIMES,
    "times ccw": _mirrored(_TIMES),
    "zee": _ZEE,
    "chevron down": _CHEVRON,
    "chevron up": _turned(_CHEVRON, 4),
}
"""Directions of the moves of each dance. The published names have underscores for blanks."""
PATHS = np.stack([np.cumsum([(0, 0), *STEPS[list(moves)]], axis=0) for moves in DANCES.values()])
"""Cells (13, 17, 2) away from home after 0 … 16 moves."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "purple": (128, 0, 128),
    "orange": (255, 165, 0),
    "yellow": (255, 255, 0),
    "brown": (128, 64, 0),
    "pink": (255, 64, 255),
    "cyan": (0, 255, 255),
    "dark green": (0, 100, 0),
    "dark red": (100, 0, 0),
    "dark blue": (0, 0, 100),
    "olive": (100, 100, 0),
    "teal": (0, 100, 100),
    "lavender": (215, 200, 255),
    "peach": (255, 210, 170),
    "rose": (255, 205, 230),
    "light green": (200, 255, 200),
    "light yellow": (255, 255, 200),
}
"""sRGB, 0..255."""

_ROW, _COLUMN = np.mgrid[0:9, 0:9]
_UPRIGHT, _LEVEL = abs(_COLUMN - 4) <= 1, abs(_ROW - 4) <= 1
_TOP, _BOTTOM, _SIDES = _ROW < 3, _ROW > 5, abs(_COLUMN - 4) > 1
_CROSS = (abs(_ROW - _COLUMN) <= 1) | (abs(8 - _ROW - _COLUMN) <= 1)
_OUTSIDE = (_ROW - 4) ** 2 + (_COLUMN - 4) ** 2 - 16

SHAPES: dict[str, np.ndarray] = {
    "triangle": 2 * abs(_COLUMN - 4) <= _ROW,
    "empty square": np.maximum(abs(_ROW - 4), abs(_COLUMN - 4)) >= 3,
    "plus": _UPRIGHT | _LEVEL,
    "inverse plus": ~(_UPRIGHT | _LEVEL),
    "ex": _CROSS,
    "inverse ex": ~_CROSS,
    "circle": _OUTSIDE <= 0,
    "empty circle": abs(_OUTSIDE) < 6,
    "tee": _UPRIGHT | _TOP,
    "upside down tee": _UPRIGHT | _BOTTOM,
    "h": _SIDES | _LEVEL,
    "u": _SIDES | _BOTTOM,
    "upside down u": _SIDES | _TOP,
    "vertical stripes": _COLUMN % 2 == 0,
    "horizontal stripes": _ROW % 2 == 0,
}
"""Masks (9, 9) of the pixels of a cell that have the dancer's colour; the others are black."""


def instruction_frame(dancers: int, delay: int) -> int:
    """The frame at which the last pause is over and the instruction is first seen."""
    return dancers * (MOVES - 1 + delay)


def solo(frame: int, delay: int) -> tuple[int, int]:
    """Which dancer's solo, or the pause after it, a frame belongs to, and how many moves are done (1..16)."""
    dancer, begun = divmod(frame, MOVES - 1 + delay)
    return dancer, min(begun + 1, MOVES)


def elimination_ceiling(dancers: int, delay: int, window: int, frames: int = 1) -> float:
    """Best success of a memory that holds the last `window` frames when the instruction comes.

    It can name the dances of which it has the last `frames` frames off rest, and guesses among the dancers that are
    left: a window over m of n solos gives (m + 1) / n. 1 frame is the strict upper bound, 3 always identify a dance,
    15 are the whole of it. A stack of L layers with windows W sees L (W - 1) + 1 frames.
    """
    named = (window - delay - 1 - frames) // (MOVES - 1 + delay) + 1
    return min(1.0, (max(0, named) + 1) / dancers)
