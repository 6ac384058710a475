"""Short stay: a random walk through N x N rooms, a glimpse of the dancer of a room at each step; which dance was his?

Cho et al. 2024, "Spatially-Aware Transformers for Embodied Agents" (arXiv 2402.15160), after the rules of their public
generator. One dancer lives in each room. All dance together, over and over: `rest` frames without a move, then 16
moves, so that a visit shows only what the clock says. The environment walks, one room north, east, south or west a
step, a wall keeps it where it is. In the end one dancer is shown at rest, or `questions` different ones one after
another. What one needs was seen in many short stays: filed by place it lies together, filed by time it is mixed with
other rooms.

All B episodes are held in arrays and stepped together (array_env.py).

Action, Discrete(8): the dance, by its number among the first 8. Ignored until the question.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB: 5 x 5 cells of `pixels` pixels (solos.py) |
| position, heading | float32 (3,), (1,) | metres: rooms are square metres, east and north of (0, 0); always 0 |
| words | text | "" or, `counted`, the beat of a move: "one" to "sixteen" |
| instruction | text | "watch", then "which dance" |

Reward: 1 / `questions` for each right dance. The last answer ends the episode. Metrics: `success`, the share of right
answers.

`naming` is what the teacher gives for the name of the dance in view at each move, which earlier stays in the room tell.
`counted` says the beat that the clock shows, aloud: which move a glimpse shows is then heard, and need not be worked
out from the number of the step. `twin` adds the answer to the question. With one pixel a cell shapes cannot be seen:
the dancers have 25 of 26 colours of their own, all different, instead of pairs of 19 colours and 15 shapes.

Differs from the paper: the question is asked in the room where the walk ends, which says nothing about the answer; the
beat may be counted aloud.
"""

import numpy as np
from numba import njit

from loci.sim.array_env import ArrayEnv, Turn
from loci.sim.tasks.ballet import WATCH
from loci.sim.tasks.dances import MOVES
from loci.sim.tasks.solos import ANSWERS, QUESTIONS, check_naming, dancers, moves_at, picture, shown

STEPS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
"""Rooms (east, north) by which each step of the walk moves."""
SENTENCES = np.array([WATCH, *QUESTIONS])
BEATS = np.array(
    ["", *"one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()]
)
"""What is said at each move if counted; nothing at rest."""


class ShortStay(ArrayEnv):
    """`batch` episodes of `steps` glimpses and a question."""

    def __init__(
        self,
        batch: int,
        side: int = 5,
        steps: int = 1280,
        rest: int = 16,
        pixels: int = 1,
        naming: float = 0.0,
        counted: bool = False,
        questions: int = 1,
        twin: bool = False,
    ) -> None:
        check_naming(naming)
        if not 2 <= side <= 5:
            raise ValueError(f"side must lie in 2..5, got {side}")
        if steps < 1:
            raise ValueError(f"steps must be 1 or more, got {steps}")
        if rest < 0:
            raise ValueError(f"rest must be 0 frames or more, got {rest}")
        if not 1 <= questions <= side**2:
            raise ValueError(f"questions must lie in 1..{side**2}, the number of rooms, got {questions}")
        parts = shown(1, pixels)
        super().__init__(batch, parts, len(ANSWERS), steps + questions, 1 / len(ANSWERS))
        self.side, self.steps, self.rest, self.naming = side, steps, rest, naming
        self.counted, self.questions, self.twin = counted, questions, twin
        self._looks = dancers(pixels)
        self.moment, self.right = np.zeros(batch, np.int64), np.zeros(batch, np.int64)
        self.target = np.zeros((batch, questions), np.int64)
        self.room = np.zeros((batch, steps), np.int64)
        self.dance, self.look = (np.zeros((batch, side**2), np.int64) for _ in range(2))

    def draw(self, rows: np.ndarray) -> None:
        rooms, looks = self.side**2, len(self._looks)
        drawn = self.uniform(rows, rooms + self.steps + rooms + looks)
        target, walk, dance, look = np.split(drawn, np.cumsum([rooms, self.steps, rooms]), axis=1)
        self.moment[rows], self.right[rows] = 0, 0
        self.target[rows] = target.argsort(axis=1)[:, : self.questions]
        self.dance[rows] = (dance * len(ANSWERS)).astype(int)
        self.look[rows] = look.argsort(axis=1)[:, :rooms]
        self.room[rows] = _walked(walk, self.side, STEPS)

    def act(self, actions: np.ndarray, idle: np.ndarray) -> Turn:
        right = ~idle & self.asked & (actions == self.answer)
        self.right += right
        ended = ~idle & (self.moment == self.max_steps - 1)
        self.moment += ~idle & ~ended
        return Turn(right / self.questions, ended, np.zeros(self.batch, bool), {"success": self.right / self.questions})

    def advise(self) -> tuple[np.ndarray, np.ndarray]:
        """The right dance, of weight 1 at a question; of weight `naming` at each move that of the dancer in view."""
        asked = self.asked
        here = self.room[np.arange(self.batch), np.minimum(self.moment, self.steps - 1)]
        moving = moves_at(self.moment % (self.rest + MOVES), self.rest) > 0
        name = self.dance[np.arange(self.batch), here]
        return np.where(asked, self.answer, name), np.where(asked, 1.0, self.naming * moving)

    def observe(self) -> dict[str, np.ndarray]:
        rows, asked = np.arange(self.batch), self.asked
        here = self.room[rows, np.minimum(self.moment, self.steps - 1)]
        who = np.where(asked, self._targets, here)
        moves = np.where(asked, 0, moves_at(self.moment % (self.rest + MOVES), self.rest))
        north, east = np.divmod(here, self.side)
        position = np.stack([east + 0.5, north + 0.5, np.zeros(self.batch)], axis=1).astype(np.float32)
        return {
            "rgb": picture(self._looks[self.look[rows, who]], self.dance[rows, who], moves[:, None]),
            "position": position,
            "heading": np.zeros((self.batch, 1), np.float32),
            "words": BEATS[moves * self.counted],
            "instruction": SENTENCES[np.where(asked, 1 + (1 + self.answer) * self.twin, 0)],
        }

    @property
    def asked(self) -> np.ndarray:
        """Which rows are at a question (B,)."""
        return self.moment >= self.steps

    @property
    def answer(self) -> np.ndarray:
        """The dance (B,) that is asked for, before the first question that of the first."""
        return self.dance[np.arange(self.batch), self._targets]

    @property
    def _targets(self) -> np.ndarray:
        return self.target[np.arange(self.batch), np.maximum(self.moment - self.steps, 0)]


@njit(cache=True, nogil=True)
def _walked(drawn, side, steps):  # type: ignore[no-untyped-def]
    """Rooms (N, T), east + side north, from uniform numbers (N, T): the first says where the walk begins."""
    rooms = np.empty(drawn.shape, np.int64)
    for n in range(len(drawn)):
        rooms[n, 0] = int(drawn[n, 0] * side * side)
        for t in range(1, drawn.shape[1]):
            step = steps[int(drawn[n, t] * len(steps))]
            north, east = divmod(rooms[n, t - 1], side)
            north, east = min(max(north + step[1], 0), side - 1), min(max(east + step[0], 0), side - 1)
            rooms[n, t] = north * side + east
    return rooms
