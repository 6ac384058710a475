"""Nonsense names: pronounceable words that mean nothing until an episode binds them."""

import numpy as np

ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "bl", "dr", "fl", "gr", "sp", "tr")
VOWELS = ("a", "e", "i", "o", "u", "oo", "ee")
CODAS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "x", "z", "nk", "rt", "sh")


def nonsense_names(number: int, rng: np.random.Generator, taken: frozenset[str] = frozenset()) -> list[str]:
    """`number` different words such as "dax" or "floobin", none of them in `taken`."""
    names: list[str] = []
    while len(names) < number:
        name = _syllable(rng) + (_syllable(rng) if rng.random() < 0.3 else "")
        if name not in taken and name not in names:
            names.append(name)
    return names


def _syllable(rng: np.random.Generator) -> str:
    onset, vowel, coda = rng.integers((len(ONSETS), len(VOWELS), len(CODAS))).tolist()
    return ONSETS[onset] + VOWELS[vowel] + CODAS[coda]
