"""Ballet: watch dancers perform one after another, then walk to the one whose dance is named.

Lampinen et al. 2021 (arXiv 2105.14039), after the public rules of its 11 x 11 grid; dances and clock are in dances.py.
All B episodes are held in arrays and stepped together (array_env.py).

Action, Discrete(8): one cell N, NE, E, SE, S, SW, W, NW, from 0 to 7. Ignored until the instruction has been seen.

| observation | type | unit |
|---|---|---|
| cells | int16 (11, 11) | what each cell around the agent holds: FLOOR, WALL, AGENT, or BODY + 15 colour + shape |
| rgb | uint8 (99, 99, 3) | sRGB, 9 x 9 pixels a cell (`pixels=1`: one pixel a cell, `pixels=0`: none) |
| position, heading | float32 (3,), (1,) | cells east and north of the middle, 0; always 0 |
| words | text | always "" |
| instruction | text | "watch", then the name of a dance, with blanks |

Reward: 1 for the cell of the right dancer, 0 for another's; both end the episode. Metrics: `success`, `choice` (1 when
a dancer was reached). Time is up after 320 frames where the delay is 16, else after 1024.

Differs from the paper: the pictures are uint8, and names are spelled with blanks instead of underscores. `still` keeps
the dancers at rest, so that nothing beats 1 / dancers; `twin` adds " at north east" to the instruction, so that no
memory is needed; `dances` takes only the first of the 13.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from gymnasium import spaces
from numba import njit

from loci.sim.array_env import ArrayEnv, Turn
from loci.sim.tasks.dances import (
    CENTRE,
    COLOURS,
    DANCES,
    DIRECTION_WORDS,
    HOMES,
    MOVES,
    PATHS,
    RAYS,
    SHAPES,
    SIDE,
    STEPS,
)

FLOOR, WALL, AGENT, BODY = 0, 1, 2, 3
WATCH = "watch"
PIXELS = 9
DRAWS = 3 + len(HOMES) + len(DANCES) + len(COLOURS) + len(SHAPES)
MOST_FRAMES = {16: 320}
MOST_FRAMES_ELSE = 1024
FOLLOW = 0.1
"""Weight of the teacher's steps after the first, which follow from it."""


def _tiles() -> np.ndarray:
    """Picture of every kind of cell, (288, 9, 9, 3) uint8."""
    plain = np.ones((PIXELS, PIXELS, 1), int) * np.array([(0, 0, 0), (40, 40, 40), (255, 255, 255)])[:, None, None]
    colours, masks = np.array(list(COLOURS.values())), np.array(list(SHAPES.values()))
    bodies = (masks[None, :, :, :, None] * colours[:, None, None, None]).reshape(-1, PIXELS, PIXELS, 3)
    return np.concatenate([plain, bodies]).astype(np.uint8)


TILES = _tiles()
PAINT = TILES.max(axis=(1, 2))
"""Colour (288, 3) of every kind of cell."""
SENTENCES = np.array([WATCH, *(name + end for name in DANCES for end in ("", *(f" at {w}" for w in DIRECTION_WORDS)))])


class Ballet(ArrayEnv):
    """`batch` episodes; `dancers` and `delay` may be lists, from which each episode draws."""

    def __init__(
        self,
        batch: int,
        dancers: int | Sequence[int] = 2,
        delay: int | Sequence[int] = 16,
        dances: int = len(DANCES),
        pixels: int = PIXELS,
        still: bool = False,
        twin: bool = False,
    ) -> None:
        self.numbers, self.delays = np.atleast_1d(dancers), np.atleast_1d(delay)
        check(self.numbers, self.delays, dances)
        if pixels not in (0, 1, PIXELS):
            raise ValueError(f"pixels must be 0, 1 or {PIXELS}, got {pixels}")
        most_steps = max(MOST_FRAMES.get(int(d), MOST_FRAMES_ELSE) for d in self.delays)
        super().__init__(batch, _shown(pixels), 8, most_steps, float(np.mean(1.0 / self.numbers)))
        self.dances, self.pixels, self.still, self.twin = dances, pixels, still, twin
        self.frame, self.target, self.dancers, self.delay = (np.zeros(batch, np.int64) for _ in range(4))
        self.agent = np.full((batch, 2), CENTRE)
        most = int(self.numbers.max())
        self.home, self.dance, self.colour, self.shape = (np.zeros((batch, most), np.int64) for _ in range(4))

    @property
    def instruction(self) -> np.ndarray:
        """The frame (B,) at which each row sees its instruction."""
        return self.dancers * (MOVES - 1 + self.delay)

    def act(self, actions: np.ndarray, idle: np.ndarray) -> Turn:
        chosen = _advance(actions, idle, self.frame, self.agent, self.instruction, self.dancers, self.home, HOMES)
        terminated, success = chosen >= 0, (chosen >= 0) & (chosen == self.target)
        late = np.where(self.delay == 16, MOST_FRAMES[16], MOST_FRAMES_ELSE)
        truncated = ~terminated & (self.frame >= late)
        return Turn(success.astype(float), terminated, truncated, {"choice": terminated, "success": success})

    def advise(self) -> tuple[np.ndarray, np.ndarray]:
        """The way to the right dancer past the others, of weight 1 at its first step, which chooses, then `FOLLOW`."""
        ways = _ways()[self.home[np.arange(self.batch), self.target], self.agent[:, 0], self.agent[:, 1]]
        return ways, (self.frame == self.instruction) + FOLLOW * (self.frame > self.instruction)

    def draw(self, rows: np.ndarray) -> None:
        """Draw everything without replacement: the order of uniform numbers is a permutation."""
        drawn = self.uniform(rows, DRAWS)
        self.frame[rows], self.agent[rows] = 0, CENTRE
        self.dancers[rows] = self.numbers[(drawn[:, 0] * len(self.numbers)).astype(int)]
        self.delay[rows] = self.delays[(drawn[:, 1] * len(self.delays)).astype(int)]
        self.target[rows] = (drawn[:, 2] * self.dancers[rows]).astype(int)
        begun, most = 3, self.home.shape[1]
        columns = (self.home, len(HOMES)), (self.dance, len(DANCES)), (self.colour, len(COLOURS)), (self.shape, 15)
        for column, count in columns:
            used = self.dances if column is self.dance else count
            column[rows] = drawn[:, begun : begun + used].argsort(axis=1)[:, :most]
            begun += count

    def observe(self) -> dict[str, np.ndarray]:
        begun = np.where(self.still, -1, self.frame)
        kinds = BODY + self.colour * len(SHAPES) + self.shape
        cells = _cells(begun, self.agent, self.dancers, self.delay, self.home, self.dance, kinds, HOMES, PATHS)
        away = self.agent - CENTRE
        position = np.stack([away[:, 1], -away[:, 0], np.zeros(self.batch)], axis=1).astype(np.float32)
        obs = {"cells": cells, "position": position, "heading": np.zeros((self.batch, 1), np.float32)}
        obs |= {"words": np.full(self.batch, ""), "instruction": self._sentence()}
        return obs | ({"rgb": self.picture(cells)} if self.pixels else {})

    def picture(self, cells: np.ndarray) -> np.ndarray:
        """Cells (B, 11, 11) as uint8 pictures (B, H, W, 3), with `pixels` pixels a cell."""
        return _paint(cells, TILES) if self.pixels == PIXELS else PAINT[cells]

    def _sentence(self) -> np.ndarray:
        rows = np.arange(self.batch)
        sentence = 1 + 9 * self.dance[rows, self.target]
        sentence += (1 + RAYS[self.home[rows, self.target]]) * self.twin
        return SENTENCES[sentence * (self.frame >= self.instruction)]


def _shown(pixels: int) -> dict[str, spaces.Space[Any]]:
    side = pixels * SIDE
    picture: dict[str, spaces.Space[Any]] = {"rgb": spaces.Box(0, 255, (side, side, 3), np.uint8)}
    return (picture if pixels else {}) | {"cells": spaces.Box(0, len(TILES) - 1, (SIDE, SIDE), np.int16)}


def check(numbers: np.ndarray, delays: np.ndarray, dances: int) -> None:
    """ValueError unless there are 1..8 dancers, pauses of a frame or more, and a dance for everyone."""
    if numbers.min() < 1 or numbers.max() > len(HOMES):
        raise ValueError(f"dancers must lie in 1..{len(HOMES)}, got {numbers.tolist()}")
    if delays.min() < 1:
        raise ValueError(f"delay must be 1 frame or more, got {delays.tolist()}")
    if not numbers.max() <= dances <= len(DANCES):
        raise ValueError(f"dances must lie in {numbers.max()}..{len(DANCES)} for so many dancers, got {dances}")


@cache
def _ways() -> np.ndarray:
    """The first step (8, 11, 11) of a shortest way to each home that leads over no other one, the straightest first."""
    wall = np.ones((SIDE, SIDE), bool)
    wall[1:-1, 1:-1] = False
    return np.stack([_way(home, wall) for home in range(len(HOMES))])


def _way(home: int, wall: np.ndarray) -> np.ndarray:
    shut = wall.copy()
    shut[tuple(np.delete(HOMES, home, axis=0).T)] = True
    far = np.full(wall.shape, np.inf)
    far[tuple(HOMES[home])] = 0.0
    for _ in range(SIDE**2):
        far = np.where(shut, np.inf, np.minimum(far, 1.0 + _around(far).min(axis=0)))
    row, column = np.indices(wall.shape)
    straight = np.hypot(row - HOMES[home, 0], column - HOMES[home, 1])
    return (_around(far) + 0.01 * _around(straight)).argmin(axis=0)


def _around(table: np.ndarray) -> np.ndarray:
    """The values (8, 11, 11) of each cell's neighbours."""
    return np.stack([np.roll(table, (-row, -column), axis=(0, 1)) for row, column in STEPS])


@njit(cache=True, nogil=True)
def _advance(actions, reset, frame, agent, instruction, dancers, home, homes):  # type: ignore[no-untyped-def]
    """One frame of every row that is not at its first; the dancer (B,) that was reached, -1 for none."""
    chosen = np.full(len(frame), -1)
    for b in range(len(frame)):
        if reset[b]:
            continue
        frame[b] += 1
        if frame[b] <= instruction[b]:
            continue
        action = actions[b]
        row, column = agent[b, 0], agent[b, 1]
        row += (3 <= action <= 5) - (action == 7 or action <= 1)
        column += (1 <= action <= 3) - (action >= 5)
        if 1 <= row <= SIDE - 2 and 1 <= column <= SIDE - 2:
            agent[b, 0], agent[b, 1] = row, column
        for i in range(dancers[b]):
            if homes[home[b, i], 0] == agent[b, 0] and homes[home[b, i], 1] == agent[b, 1]:
                chosen[b] = i
    return chosen


@njit(cache=True, nogil=True)
def _cells(frame, agent, dancers, delay, home, dance, kinds, homes, paths):  # type: ignore[no-untyped-def]
    """Cells (B, 11, 11) int16 around the agents; all dancers rest where the frame is -1."""
    cells = np.zeros((len(frame), SIDE, SIDE), np.int16)
    for b in range(len(frame)):
        up, left = agent[b, 0] - CENTRE, agent[b, 1] - CENTRE
        for i in range(SIDE):
            for row, column in ((0, i), (SIDE - 1, i), (i, 0), (i, SIDE - 1)):
                if 0 <= row - up < SIDE and 0 <= column - left < SIDE:
                    cells[b, row - up, column - left] = WALL
        cells[b, CENTRE, CENTRE] = AGENT
        period = MOVES - 1 + delay[b]
        soloist = frame[b] // period
        for i in range(dancers[b]):
            row, column = homes[home[b, i], 0] - up, homes[home[b, i], 1] - left
            if i == soloist:
                away = paths[dance[b, i], min(frame[b] % period + 1, MOVES)]
                row, column = row + away[0], column + away[1]
            if 0 <= row < SIDE and 0 <= column < SIDE:
                cells[b, row, column] = kinds[b, i]
    return cells


@njit(cache=True, nogil=True)
def _paint(cells, tiles):  # type: ignore[no-untyped-def]
    """Pictures (B, 99, 99, 3) uint8 of cells (B, 11, 11)."""
    rgb = np.empty((len(cells), SIDE * PIXELS, SIDE * PIXELS, 3), np.uint8)
    for b in range(len(cells)):
        for row in range(SIDE):
            for column in range(SIDE):
                tile = tiles[cells[b, row, column]]
                for i in range(PIXELS):
                    for j in range(PIXELS):
                        for c in range(3):
                            rgb[b, row * PIXELS + i, column * PIXELS + j, c] = tile[i, j, c]
    return rgb
