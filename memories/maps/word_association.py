"""Which class of thing does a sentence mean: learned from sentences of which it was told.

How often a word and a class came together, above chance, is their pointwise mutual information (Church, Hanks 1990).
Here, with N sentences, n(w) with the word and n(c) about the class,

    pmi(w, c) = log (n(w, c) + 0.3) / (n(w) n(c) / N + 0.3),

so that what was seen little says little, and a class of which nothing was told scores 0. A class is scored by the sum
over the words of a sentence that were met 5 times or more. So "mobile" finds a CellPhone, which letters do not; but
what was never told is found by its letters alone. `meant` adds both: the sum as it is, since it grows with what is
known, and twice the likeness by letters, standardised over the candidates. Smoothing and weight were chosen on rooms of
ALFRED's train that were left out, for much told (all other sentences), little (100), and classes never spoken of.

Which of the 17.8 movable classes of a room is meant, in 820 sentences about rooms seen before with other things in them
(ALFRED valid_seen), after the 21 025 sentences of train (`python -m benchmarks.household_data`):

| the right one is | first | among three | among five |
|---|---|---|---|
| letters | .81 | .91 | .92 |
| association | .86 | .95 | .98 |
| both | .89 | .97 | .98 |
| both, after 300 trajectories instead of 6 574 | .83 | .93 | .95 |

Counts only, so learning goes on: `add` takes one sentence more. The tables are fixed: when there is no room, the word
(the class) leaves that was met least, of equal ones the one met longest ago.
"""

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float

from loci.memories.recall_text import TextRecall

LEAST, SMOOTHING, LETTERS = 5, 0.3, 2.0
LONGEST = 40
"""Characters of a word or a class; what is longer is cut."""
VERSION = 1


class WordAssociation:
    """Counts of at most `words` words and `classes` classes. A leaf of a memory's state: it has clone and nbytes.
    Raises ValueError for a capacity below 1."""

    def __init__(self, words: int = 4096, classes: int = 128) -> None:
        if words < 1 or classes < 1:
            raise ValueError(f"words and classes must be at least 1, got {words} and {classes}")
        self.sentences = 0
        self.row: dict[str, int] = {}
        self.column: dict[str, int] = {}
        """Rows of words and columns of classes, the one met longest ago first."""
        self.word_count, self.class_count = np.zeros(words, np.int32), np.zeros(classes, np.int32)
        self.joint = np.zeros((words, classes), np.int32)

    def add(self, sentence: str, kind: str) -> None:
        """A sentence was about a class."""
        self.sentences += 1
        column = self._met(self.column, kind[:LONGEST], self.class_count, self.joint.T)
        for word in words(sentence):
            row = self._met(self.row, word, self.word_count, self.joint)
            self.joint[row, column] += 1

    def scores(self, sentence: str, kinds: Sequence[str]) -> Float[np.ndarray, " n"]:
        """Of each class; 0 for one of which nothing was told, and for all where no word is known well enough."""
        rows = np.array([self.row[word] for word in words(sentence) if word in self.row], np.int64)
        rows = rows[self.word_count[rows] >= LEAST]
        columns = np.array([self.column.get(kind[:LONGEST], -1) for kind in kinds], np.int64)
        told = columns >= 0
        together = np.where(told, self.joint[np.ix_(rows, columns)], 0)
        chance = self.word_count[rows][:, None] * np.where(told, self.class_count[columns], 0) / max(self.sentences, 1)
        return np.log((together + SMOOTHING) / (chance + SMOOTHING)).sum(axis=0)

    @property
    def nbytes(self) -> int:
        """Of the tables and of the longest names; constant."""
        names = 4 * LONGEST * (len(self.word_count) + len(self.class_count))
        return self.joint.nbytes + self.word_count.nbytes + self.class_count.nbytes + names

    def clone(self) -> "WordAssociation":
        return copy.deepcopy(self)

    def save(self, path: Path) -> None:
        """Into one file, without code; `load` gives an equal one."""
        arrays: dict[str, np.ndarray] = {"version": np.array(VERSION), "sentences": np.array(self.sentences)}
        arrays |= {"word_count": self.word_count, "class_count": self.class_count, "joint": self.joint}
        for name, held in (("word", self.row), ("class", self.column)):
            arrays[f"{name}_name"] = np.array(list(held), f"<U{LONGEST}")
            arrays[f"{name}_place"] = np.array(list(held.values()), np.int64)
        with Path(path).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> "WordAssociation":
        """Raises FileNotFoundError, and ValueError for a file that `save` has not written."""
        try:
            with np.load(path, allow_pickle=False) as file:
                held = dict(file)
            if held["version"] != VERSION:
                raise ValueError(f"version {held['version']}, expected {VERSION}")
            twin = cls(*held["joint"].shape)
            twin.sentences = int(held["sentences"])
            twin.row = dict(zip(held["word_name"].tolist(), held["word_place"].tolist(), strict=True))
            twin.column = dict(zip(held["class_name"].tolist(), held["class_place"].tolist(), strict=True))
            twin.word_count[:], twin.class_count[:] = held["word_count"], held["class_count"]
            twin.joint[:] = held["joint"]
        except (KeyError, ValueError, TypeError, AttributeError, EOFError, BadZipFile) as error:
            raise ValueError(f"{path} holds no word association: {error}") from error
        return twin

    def _met(self, known: dict[str, int], name: str, count: np.ndarray, table: np.ndarray) -> int:
        """Count a name; its place in the table, another's if there is no room."""
        place = known.pop(name, len(known))
        if place == len(count):
            least = min(known, key=lambda one: int(count[known[one]]))
            place = known.pop(least)
            count[place], table[place] = 0, 0
        known[name] = place
        count[place] += 1
        return place


def words(sentence: str) -> list[str]:
    """Each once, in small letters, in order."""
    return list(dict.fromkeys(word[:LONGEST] for word in re.findall(r"[^\W\d_]+", sentence.casefold())))


def standardised(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """With mean 0 and deviation 1 over the candidates; 0 where all are equal."""
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0.0 else np.zeros(len(values))


def meant(
    sentence: str, letters: TextRecall, kinds: Sequence[str], learned: WordAssociation
) -> Float[np.ndarray, " n"]:
    """Score of each text held by `letters`, in order of their addition: twice the likeness by letters, standardised,
    plus the association of the class of each, `kinds`. Raises ValueError for more or fewer classes than texts."""
    if len(kinds) != len(letters):
        raise ValueError(f"kinds must be one for each text held, got {len(kinds)} for {len(letters)}")
    if not kinds:
        return np.zeros(0)
    return LETTERS * standardised(letters.cosines(sentence)) + learned.scores(sentence, kinds)
