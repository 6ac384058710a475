"""Sentences as token sequences: common words are one token, every other word is spelled letter by letter.

So a name that nobody has heard before, typed by a user, has a spelling like any other.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from loci.sim.sensors import LETTERS

WORDS = """
this is a an the it that there here and or not no yes you i me my your pick up put down go to on in under
near by of from with left right front behind turn walk stop find look at take bring give drop open close
what where which when who color colour red green blue yellow white black grey big small bed tray box
table chair door room object
""".split()
PAD, SPELL = "<pad>", "<spell>"


class Tokenizer:
    """Fixed vocabulary; id 0 is padding. `encode` returns (n, length) int64. WORDS and `words` are one token each."""

    def __init__(self, length: int = 24, words: Sequence[str] = ()) -> None:
        twice = sorted({word for word in words if word in WORDS or list(words).count(word) > 1})
        if twice:
            raise ValueError(f"words must be new and named once, got {', '.join(twice)} again")
        self.length = length
        self.vocabulary = [PAD, SPELL, *WORDS, *(f"'{letter}'" for letter in LETTERS), *words]
        self._ids = {token: i for i, token in enumerate(self.vocabulary)}

    def encode(self, sentences: Sequence[str] | np.ndarray) -> np.ndarray:
        """Ids of each sentence, padded; ValueError for a letter outside the alphabet or a sentence too long."""
        rows = np.zeros((len(sentences), self.length), np.int64)
        for row, sentence in zip(rows, sentences, strict=True):
            ids = self._sentence(str(sentence))
            row[: len(ids)] = ids
        return rows

    def decode(self, ids: Iterable[Any]) -> str:
        """The sentence of one row of ids."""
        text = ""
        for token in (self.vocabulary[int(i)] for i in ids):
            if token in (PAD, SPELL):
                text += "" if token == PAD else " "
            else:
                text += token[1] if token.startswith("'") and len(token) == 3 else f" {token}"
        return text.strip()

    def _sentence(self, sentence: str) -> list[int]:
        ids = [i for word in sentence.lower().split() for i in self._word(word, sentence)]
        if len(ids) > self.length:
            raise ValueError(f"sentence {sentence!r} has {len(ids)} tokens, the tokenizer takes {self.length}")
        return ids

    def _word(self, word: str, sentence: str) -> list[int]:
        if word in self._ids and word not in (PAD, SPELL):
            return [self._ids[word]]
        strange = sorted(set(word) - set(LETTERS))
        if strange:
            raise ValueError(f"sentence {sentence!r} holds {strange}, expected letters of {LETTERS!r}")
        return [self._ids[SPELL], *(self._ids[f"'{letter}'"] for letter in word)]
