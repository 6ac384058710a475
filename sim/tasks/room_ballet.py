"""Room ballet: 18 solos in 8 rooms, a memory for 9 of them, and a question whose kind says which 9 to keep.

Cho et al. 2024, "Spatially-Aware Transformers for Embodied Agents" (arXiv 2402.15160), the multi-task setting, after
the rules of their public generator. One solo follows another, each by a dancer of another colour; one room is visited 8
times, others 3, 2, 1, 1, 1, 1 and 1 times. In the end one dancer is shown at rest: which dance was his? The kind of
the episode, known from the beginning, says where the question comes from:

| kind | a solo of | what always keeps it, of 9 (write_rules.py) |
|---|---|---|
| late | the last 9 | dropping the oldest |
| early | the first 9 | refusing the new |
| often | the room visited 8 times | dropping from the least visited room |
| latest | any room, its last one | dropping from the most visited room |

All B episodes are held in arrays and stepped together (array_env.py). A moment shows `frames` frames of a solo in one
picture: 1 as published, or 16, the whole dance.

Action, Discrete(8): the dance, by its number among the first 8. Ignored until the question.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB: 5 x 5 cells of `pixels` pixels, with 16 frames 14 x 14 cells (solos.py) |
| position, heading | float32 (3,), (1,) | metres: room i is the square metre from x = i on; always 0 |
| words | text | always "" |
| instruction | text | the kind, then "which dance" |

Reward: 1 for the right dance. The answer ends the episode. Metrics: `success`.

`kinds` are the kinds that occur: they take turns, row after row and episode after episode, or are drawn with
`turns: false`. `rest` frames without a move precede each dance. `naming` is what the teacher gives for the name of each
dance when its solo ends: it teaches to see dances, not to keep them. `twin` adds the answer to the question.

Differs from the paper: dances are 18 independent draws, so that dances that are still known say nothing about others
(`published: true` deals them out as they did); the question is one moment, not 16 equal ones, and is asked in the last
room; the kind is a word.
"""

from collections.abc import Sequence

import numpy as np

from loci.sim.array_env import ArrayEnv, Turn
from loci.sim.tasks.dances import COLOURS, MOVES, SHAPES
from loci.sim.tasks.solos import ANSWERS, MIXTURES, QUESTIONS, check_naming, dancers, moves_at, picture, shown
from loci.sim.vector import Step

KINDS = ("late", "early", "often", "latest")
ROOMS = np.repeat(np.arange(8), (8, 3, 2, 1, 1, 1, 1, 1))
"""Room (18,) of each solo before the rooms are shuffled; 0 is the one visited 8 times."""
SOLOS, KEPT = len(ROOMS), 9
DEALT = np.array([*range(8), 2, 3, 4, 0, 1, 0, 2, 3, 5, 6])
"""Which of an episode's 8 shuffled dances each solo has in the published generator."""
SENTENCES = np.array([*KINDS, *QUESTIONS])
DRAWS = (SOLOS - 4, 8, 8, SOLOS, len(MIXTURES), len(SHAPES), 3)
"""Uniform numbers for: order after the fourth, order of the first 8, rooms, dances, colours, shapes, question."""


class RoomBallet(ArrayEnv):
    """`batch` episodes of 18 (`rest` + 16) / `frames` moments and a question."""

    def __init__(
        self,
        batch: int,
        rest: int = 16,
        frames: int = 1,
        pixels: int = 1,
        kinds: Sequence[str] = KINDS,
        turns: bool = True,
        published: bool = False,
        naming: float = 0.0,
        twin: bool = False,
    ) -> None:
        check_naming(naming)
        strange = [kind for kind in kinds if kind not in KINDS]
        if strange or not kinds:
            raise ValueError(f"kinds must be some of {', '.join(KINDS)}, got {list(kinds)}")
        parts = shown(frames, pixels)
        if rest < 0 or rest % frames:
            raise ValueError(f"rest must be 0 or a multiple of the {frames} frames shown together, got {rest}")
        self.solo = (rest + MOVES) // frames
        super().__init__(batch, parts, len(ANSWERS), SOLOS * self.solo + 1, 1 / len(ANSWERS))
        self.rest, self.frames, self.turns, self.published = rest, frames, turns, published
        self.naming, self.twin = naming, twin
        self.kinds, self._looks = np.array([KINDS.index(kind) for kind in kinds]), dancers(pixels)
        self.moment, self.kind, self.target = (np.zeros(batch, np.int64) for _ in range(3))
        self.begun = np.full(batch, -1)
        self.order, self.room, self.dance, self.look = (np.zeros((batch, SOLOS), np.int64) for _ in range(4))

    @property
    def question(self) -> int:
        """The moment of the question; solo i begins at moment i `solo`."""
        return SOLOS * self.solo

    def reset(self, seed: int) -> Step:
        self.begun[:] = -1
        return super().reset(seed)

    def draw(self, rows: np.ndarray) -> None:
        drawn = np.split(self.uniform(rows, sum(DRAWS)), np.cumsum(DRAWS)[:-1], axis=1)
        late, first, rooms, dances, colours, shapes, question = drawn
        which, room, kind = question.T
        self.begun[rows] += 1
        self.moment[rows] = 0
        self.order[rows] = _shuffled(late, first)
        self.room[rows] = np.take_along_axis(rooms.argsort(axis=1), ROOMS[self.order[rows]], axis=1)
        self.dance[rows] = self._dances(dances, self.order[rows])
        self.look[rows] = self._dressed(colours, shapes)
        turn = (rows + self.begun[rows]) % len(self.kinds) if self.turns else (kind * len(self.kinds)).astype(int)
        self.kind[rows] = self.kinds[turn]
        self.target[rows] = _asked(self.kind[rows], ROOMS[self.order[rows]], which, room)

    def act(self, actions: np.ndarray, idle: np.ndarray) -> Turn:
        answered = ~idle & (self.moment == self.question)
        self.moment += ~idle & ~answered
        success = answered & (actions == self.answer)
        return Turn(success.astype(float), answered, np.zeros(self.batch, bool), {"success": success})

    def advise(self) -> tuple[np.ndarray, np.ndarray]:
        """The right dance, of weight 1 at the question; of weight `naming` the one just seen when a solo ends."""
        asked, over = self.moment == self.question, self.moment % self.solo == self.solo - 1
        shown = self.dance[np.arange(self.batch), np.minimum(self.moment // self.solo, SOLOS - 1)]
        return np.where(asked, self.answer, shown), np.where(asked, 1.0, self.naming * over)

    def observe(self) -> dict[str, np.ndarray]:
        rows, asked = np.arange(self.batch), self.moment == self.question
        here = np.minimum(self.moment // self.solo, SOLOS - 1)
        solo = np.where(asked, self.target, here)
        phase = (self.moment % self.solo)[:, None] * self.frames + np.arange(self.frames)
        moves = np.where(asked[:, None], 0, moves_at(phase, self.rest))
        position = np.zeros((self.batch, 3), np.float32)
        position[:, :2] = 0.5
        position[:, 0] += self.room[rows, here]
        question = len(KINDS) + (1 + self.answer) * self.twin
        return {
            "rgb": picture(self._looks[self.look[rows, solo]], self.dance[rows, solo], moves),
            "position": position,
            "heading": np.zeros((self.batch, 1), np.float32),
            "words": np.full(self.batch, ""),
            "instruction": SENTENCES[np.where(asked, question, self.kind)],
        }

    @property
    def answer(self) -> np.ndarray:
        """The target's dance (B,)."""
        return self.dance[np.arange(self.batch), self.target]

    def _dressed(self, colours: np.ndarray, shapes: np.ndarray) -> np.ndarray:
        """Colours all different; shapes too, but for 3 that come twice."""
        if len(self._looks) == len(MIXTURES):
            return colours.argsort(axis=1)[:, :SOLOS]
        shape = shapes.argsort(axis=1)[:, np.arange(SOLOS) % len(SHAPES)]
        return colours[:, : len(COLOURS)].argsort(axis=1)[:, :SOLOS] * len(SHAPES) + shape

    def _dances(self, drawn: np.ndarray, order: np.ndarray) -> np.ndarray:
        if not self.published:
            return (drawn * len(ANSWERS)).astype(int)
        return np.take_along_axis(drawn[:, : len(ANSWERS)].argsort(axis=1), DEALT[order], axis=1)


def _shuffled(late: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Orders (N, 18) of the solos: those after the fourth are shuffled, then the first 8."""
    order = np.concatenate([np.tile(np.arange(4), (len(late), 1)), 4 + late.argsort(axis=1)], axis=1)
    order[:, :8] = np.take_along_axis(order[:, :8], first.argsort(axis=1), axis=1)
    return order


def _asked(kind: np.ndarray, room: np.ndarray, which: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Solo (N,) that is asked for, from the rooms (N, 18) and two uniform numbers."""
    often = (room == 0).argsort(axis=1, kind="stable")[:, -8:]
    latest = SOLOS - 1 - (room[:, ::-1] == (drawn * 8).astype(int)[:, None]).argmax(axis=1)
    ninth, eighth = (which * KEPT).astype(int), (which * 8).astype(int)
    return np.choose(kind, [SOLOS - KEPT + ninth, ninth, often[np.arange(len(kind)), eighth], latest])
