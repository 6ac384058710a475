"""An agent that follows the sentences of generated cities by the observations alone, without the graph: it keeps count
of crossings and looks for the vector of a name. Where it gets there, the words suffice."""

import re

import numpy as np

from loci.sim.worlds.street_moves import Move
from loci.sim.worlds.street_words import NUMBERS, ORDINALS
from loci.sim.worlds.word_vectors import phrase_vector

ALIKE = 0.7
"""Cosine of a sign with the name on it, which lacks its colour, is 0.82 or so."""
Stretch = tuple[int, str, str]
"""Crossings to go straight through, then "left", "right" or "" for a stop, and what to stop at."""


class Reader:
    """`plan` is what is left of the sentence; `step` takes one row's observation and returns a move. A sentence that
    only refers back tells it nothing: it stops at once."""

    def __init__(self, instruction: str) -> None:
        self.plan = [stretch for text in instruction.split(". ") for stretch in parse(text.strip("."))]
        self.around = "turn around" in instruction
        self.counted, self.turned, self.met = 0, False, False
        self.place: np.ndarray | None = None

    def step(self, obs: dict[str, np.ndarray]) -> Move:
        if self.around:
            self.around = False
            return Move.TURN_AROUND
        if not self.plan:
            return Move.STOP
        arrived = self.place is not None and not np.array_equal(self.place, obs["position"])
        self.place = obs["position"].copy()
        straight, side, mark = self.plan[0]
        if obs["ways"][0] > 2 and arrived:
            if side and self.counted == straight:
                self.plan, self.counted, self.turned = self.plan[1:], 0, True
                return Move[side.upper()]
            self.counted += 1
        elif not side and self.counted == straight and not self.turned:
            like = obs["landmarks"] @ phrase_vector(mark, obs["landmarks"].shape[1])
            if like[[0, 4]].max() > ALIKE or (self.met and like.max() <= ALIKE):
                return Move.STOP
            self.met = self.met or like.max() > ALIKE
        self.turned = False
        return Move.FORWARD


def parse(text: str) -> list[Stretch]:
    """Nothing for a sentence that only names what one passes."""
    ordinal = re.search(rf"({'|'.join(ORDINALS)}) crossing", text)
    number = re.search(rf"({'|'.join(NUMBERS)}) crossing", text)
    straight = ORDINALS.index(ordinal[1]) if ordinal else NUMBERS.index(number[1]) if number else 0
    turn = re.search(r"turn (left|right)", text)
    stop = re.search(r"stop (?:next to|at) (.*) on your (?:left|right)", text)
    return [(straight, turn[1], "")] if turn else [(straight, "", stop[1])] if stop else []
