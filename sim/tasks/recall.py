"""Recall and rewriting: each picture binds a key to a colour; later a key is shown, and its colour is to be named.

Paired associates, as in cognitive psychology. Every key is written `writes` times; the last colour counts, so that
`writes=1` is plain recall and more is rewriting. Then come `delay` distractors, then `queries` questions, each about a
key drawn anew. All B episodes are held in arrays and stepped together (array_env.py).

Action, Discrete(values): name a colour, in the order of COLOURS. Ignored until a question is asked.

| observation | type | unit |
|---|---|---|
| rgb | uint8 (9, 9, 3) | sRGB; 9 blocks of 3 x 3 pixels: 4 white outer ones are the key, the middle is its colour |
| position, heading | float32 (3,), (1,) | always 0 |
| words | text | always "" |
| instruction | text | "look" at a pair, "wait" at a distractor, "what colour" at a question, whose middle is black |

Reward: 1 / queries for a right answer; the last one ends the episode. Metrics: `success`, the share of right answers;
`stale`, the share that named an older colour of the key.

Colours are drawn independently: an older one, or another key's, says nothing about the last. So no memory gives 1 /
values exactly. Distractors look like pairs; their keys are never asked. `blank` shows no colours: nothing beats 1 /
values; `twin` adds " this is red" to the question, so that no memory is needed.
"""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim.array_env import ArrayEnv, Turn

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "pink": (255, 0, 255),
    "orange": (255, 128, 0),
    "purple": (128, 0, 255),
}
"""sRGB, 0..255."""
BLOCK, MIDDLE = 3, 4
"""Pixels along a block, and the number of the block in the middle."""
LIT = np.array(list(combinations([block for block in range(9) if block != MIDDLE], 4)))
"""The 4 white blocks (70, 4) of each key, counted by rows."""
MOST_PAIRS = 64
SAID = np.array(["look", "wait", "what colour", *(f"what colour this is {name}" for name in COLOURS)])
LOOK, WAIT, ASK = 0, 1, 2


def _pictures() -> np.ndarray:
    """Pictures (630, 9, 9, 3) uint8: number 9 key + value, where value 0 is black."""
    blocks = np.zeros((len(LIT), 1 + len(COLOURS), 9, 3), np.uint8)
    for key, lit in enumerate(LIT):
        blocks[key][:, lit] = 255
    blocks[:, 1:, MIDDLE] = list(COLOURS.values())
    return blocks.reshape(-1, 3, 3, 3).repeat(BLOCK, axis=1).repeat(BLOCK, axis=2)


PICTURES = _pictures()


class Recall(ArrayEnv):
    """`batch` episodes; `pairs`, `writes` and `delay` may be lists, from which each episode draws."""

    def __init__(
        self,
        batch: int,
        pairs: int | Sequence[int] = 8,
        writes: int | Sequence[int] = 1,
        delay: int | Sequence[int] = 8,
        values: int = len(COLOURS),
        queries: int = 1,
        blank: bool = False,
        twin: bool = False,
    ) -> None:
        self.numbers, self.repeats, self.delays = (np.atleast_1d(choices) for choices in (pairs, writes, delay))
        _check("pairs", self.numbers, 1, MOST_PAIRS)
        _check("writes", self.repeats, 1)
        _check("delay", self.delays, 0)
        _check("values", np.array([values]), 2, len(COLOURS))
        _check("queries", np.array([queries]), 1)
        self.written = int(self.numbers.max() * self.repeats.max())
        longest = self.written + int(self.delays.max()) + queries
        picture: dict[str, spaces.Space[Any]] = {"rgb": spaces.Box(0, 255, (9, 9, 3), np.uint8)}
        super().__init__(batch, picture, values, longest, 1.0 / values)
        self.values, self.queries, self.blank, self.twin = values, queries, blank, twin
        self.frame, self.length, self.right, self.stale = (np.zeros(batch, np.int64) for _ in range(4))
        self.pair, self.key, self.value, self.answer, self.said = np.zeros((5, batch, longest), np.int64)
        """Frame by frame of each row: the pair (-1 for a distractor), the key's number, the colour counted from 1 (0 is
        black), the right answer (0 is none), and the sentence."""

    def draw(self, rows: np.ndarray) -> None:
        """Every frame has two random numbers, one for what is shown and one for its colour."""
        drawn = self.uniform(rows, 3 + len(LIT) + 2 * self.max_steps)
        pairs, writes, delay = (_pick(c, drawn[:, i]) for i, c in enumerate((self.numbers, self.repeats, self.delays)))
        keys = drawn[:, 3 : 3 + len(LIT)].argsort(axis=1)
        what, colour = np.split(drawn[:, 3 + len(LIT) :], 2, axis=1)
        frames, written = np.arange(self.max_steps), pairs * writes
        looking, asking = frames < written, frames >= written + delay
        shown = self._shown(what, pairs, looking, asking)
        value = 1 + (colour * self.values).astype(int)
        answer = self._answers(shown, value * looking, written + delay)
        self.pair[rows], self.key[rows] = np.where(looking | asking, shown, -1), np.take_along_axis(keys, shown, axis=1)
        self.value[rows], self.answer[rows] = value * ~asking, answer
        self.said[rows] = np.where(asking, ASK + answer * self.twin, np.where(looking, LOOK, WAIT))
        self.length[rows] = (written + delay)[:, 0] + self.queries
        self.frame[rows] = self.right[rows] = self.stale[rows] = 0

    def _shown(self, what: np.ndarray, pairs: np.ndarray, looking: np.ndarray, asking: np.ndarray) -> np.ndarray:
        """Which of its 70 keys a row shows at each frame (N, T): its pairs equally often in random order, then keys of
        no pair, then pairs again."""
        shown = np.where(asking, what * pairs, pairs + what * (len(LIT) - pairs)).astype(int)
        early = np.s_[:, : self.written]
        order = np.where(looking, what, 2.0)[early].argsort(axis=1) % pairs
        shown[early] = np.where(looking[early], order, shown[early])
        return shown

    def _answers(self, shown: np.ndarray, written: np.ndarray, begun: np.ndarray) -> np.ndarray:
        """The right answer to every frame (N, T), 0 where nothing is asked: the colour `written` last (0 where nothing
        is) at a frame that shows the same key. Questions begin at the frames `begun` (N, 1)."""
        asked, newest = begun + np.arange(self.queries), np.arange(self.written)[::-1]
        keys = np.take_along_axis(shown, asked, axis=1)[:, :, None]
        same = (shown[:, None, newest] == keys) & (written[:, None, newest] > 0)
        answer = np.zeros_like(shown)
        np.put_along_axis(answer, asked, written[np.arange(len(shown))[:, None], newest[same.argmax(axis=2)]], axis=1)
        return answer

    def act(self, actions: np.ndarray, idle: np.ndarray) -> Turn:
        named = actions + 1
        answer = self._now(self.answer)
        right = (answer > 0) & (named == answer)
        self.right += right
        self.stale += self._older(named, (answer > 0) & ~right)
        self.frame += ~idle
        ended = self.frame >= self.length
        metrics = {"success": self.right / self.queries, "stale": self.stale / self.queries}
        return Turn(right / self.queries, ended, np.zeros(self.batch, bool), metrics)

    def _older(self, named: np.ndarray, wrong: np.ndarray) -> np.ndarray:
        """Whether a wrong answer (B,) was once the colour of the key."""
        rows = np.flatnonzero(wrong)
        pair, value = self.pair[rows, : self.written], self.value[rows, : self.written]
        asked = self.pair[rows, self.frame[rows]]
        older = np.zeros(self.batch, bool)
        older[rows] = ((pair == asked[:, None]) & (value == named[rows, None])).any(axis=1)
        return older

    def advise(self) -> tuple[np.ndarray, np.ndarray]:
        """The right colour, of weight 1 at each question."""
        answer = self._now(self.answer)
        return answer - 1, answer > 0

    def observe(self) -> dict[str, np.ndarray]:
        seen = 0 if self.blank else self._now(self.value)
        nowhere = np.zeros((self.batch, 3), np.float32)
        return {
            "rgb": PICTURES[(1 + len(COLOURS)) * self._now(self.key) + seen],
            "position": nowhere,
            "heading": np.zeros((self.batch, 1), np.float32),
            "words": np.full(self.batch, ""),
            "instruction": SAID[self._now(self.said)],
        }

    def _now(self, table: np.ndarray) -> np.ndarray:
        """The column (B,) of the frame that each row shows; the last question stays after its answer."""
        return table[np.arange(self.batch), np.minimum(self.frame, self.length - 1)]


def capacity_ceiling(capacity: int, pairs: int, values: int, writes: int = 1) -> float:
    """Best success of a memory that holds the last `capacity` of the pairs x writes that were shown.

    It knows the answer unless none of the key's writes is among them, which of N = pairs x writes in random order
    happens with C(N - capacity, writes) / C(N, writes); then it guesses. With one write: m / n + (1 - m / n) / values.
    """
    if capacity < 0:
        raise ValueError(f"capacity must be 0 or more, got {capacity}")
    shown = pairs * writes
    lost = comb(max(0, shown - capacity), writes) / comb(shown, writes)
    return 1.0 - lost + lost / values


def first_ceiling(values: int, writes: int) -> float:
    """Best success of a memory that keeps the first colour of every key: later ones are independent of it."""
    return 1.0 if writes == 1 else 1.0 / values


def any_ceiling(values: int, writes: int) -> float:
    """Best success of a memory that keeps one colour of every key, and not when it was seen."""
    return 1.0 / writes + (1.0 - 1.0 / writes) / values


def _pick(choices: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """One of the choices (N, 1) for every number in [0, 1)."""
    return choices[(drawn * len(choices)).astype(int)][:, None]


def _check(name: str, numbers: np.ndarray, least: int, most: int | None = None) -> None:
    if numbers.size == 0 or numbers.min() < least or (most is not None and numbers.max() > most):
        expected = f"be {least} or more" if most is None else f"lie in {least}..{most}"
        raise ValueError(f"{name} must {expected}, got {numbers.tolist()}")
