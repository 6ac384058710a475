"""Words as fixed vectors that need no training: what a landmark looks like, and what its name means.

The signs of a word's vector are bits of SHAKE-256, so that they are the same in every process and on every machine.
Two different words have a cosine of 0 in the mean with deviation 1 / sqrt(width).
"""

import hashlib
import re
from functools import cache

import numpy as np

ARTICLES = frozenset(("a", "an", "the"))
"""They are in a sentence and not on a shop."""


@cache
def word_vector(word: str, width: int) -> np.ndarray:
    """(width,) float32 of length 1, each number 1 / sqrt(width) or its negative; capitals are as small letters."""
    if width < 1:
        raise ValueError(f"width must be 1 or more, got {width}")
    digest = hashlib.shake_256(word.lower().encode()).digest(-(-width // 8))
    signs = 2.0 * np.unpackbits(np.frombuffer(digest, np.uint8))[:width] - 1.0
    vector: np.ndarray = (signs / np.sqrt(width)).astype(np.float32)
    vector.setflags(write=False)
    return vector


def phrase_vector(phrase: str, width: int) -> np.ndarray:
    """(width,) float32 of length 1: the normalised sum over the words of a phrase but for ARTICLES, whatever their
    order; 0 where there are none."""
    found = [word for word in re.findall(r"\w+", phrase.lower()) if word not in ARTICLES]
    total = np.sum([word_vector(word, width) for word in found], axis=0, dtype=np.float32) + np.zeros(width, np.float32)
    length = float(np.linalg.norm(total))
    return total / np.float32(length) if length > 0.0 else total
