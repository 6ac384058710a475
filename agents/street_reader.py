"""Follows the sentences of generated cities by what is seen, without the graph: it keeps count of crossings and looks
for the vector of a name. Where it gets there, the words suffice; it learns nothing."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from loci.sim.worlds.street_moves import Move
from loci.sim.worlds.street_words import NUMBERS, ORDINALS
from loci.sim.worlds.word_vectors import phrase_vector

ALIKE = 0.7
"""Cosine of a sign with the name on it, which lacks its colour, is 0.82 or so."""
BACK = re.compile(r"(?:return|go back|walk back) to (?P<what>.*?)(?P<passed> (?:that )?you (?:have )?passed)?")
"""What a sentence that only refers back begins with."""


class Stretch(NamedTuple):
    """A part of a way that is told."""

    crossings: int
    """To go straight through."""
    turn: str
    """"left", "right" or "" for a stop."""
    mark: str
    """What to stop at, without its article."""


class Recalled(NamedTuple):
    """What a sentence refers back to: a name, or a kind and as number how many of it, from 0, it was passed."""

    what: str
    kind: bool
    nth: int


class Reader:
    """`plan` is what is left of the sentence; `step` takes one row's observation and returns a move. A sentence that
    only refers back tells it nothing: it stops at once.

    `remembered` says whether a place (3,) is one where the mark to stop at has been seen before.
    """

    def __init__(self, instruction: str, remembered: Callable[[np.ndarray], bool] = lambda place: False) -> None:
        self.plan = [stretch for text in instruction.split(". ") for stretch in parse(text.strip("."))]
        self.remembered = remembered
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
            beside = like[[0, 4]].max() > ALIKE or self.remembered(obs["position"])
            if beside or (self.met and like.max() <= ALIKE):
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
    return [Stretch(straight, turn[1], "")] if turn else [Stretch(straight, "", stop[1])] if stop else []


def refers_back(instruction: str) -> Recalled | None:
    """What an instruction asks to go back to; None for one that tells a way."""
    text = instruction.strip(". ").removesuffix(" and stop there")
    nth = next((place for place, word in enumerate(ORDINALS) if re.search(rf"\b{word}\b", text)), None)
    if nth is not None and "passed" in text:
        text = re.sub(rf" ?\b{ORDINALS[nth]}\b", "", text)
    found = BACK.fullmatch(text)
    if found is None:
        return None
    return Recalled(found["what"].removeprefix("the ").strip(), found["passed"] is not None, nth or 0)
