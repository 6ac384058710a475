"""Sentences become tokens and come back; what cannot be spelled is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loci.agents.language import WORDS, Tokenizer
from loci.sim.worlds.names import nonsense_names

TOKENIZER = Tokenizer()
words = st.sampled_from(WORDS) | st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=3)


@given(st.lists(words, max_size=5).map(" ".join))
def test_a_sentence_survives_the_trip(sentence: str) -> None:
    ids = TOKENIZER.encode([sentence])
    assert ids.shape == (1, TOKENIZER.length)
    assert TOKENIZER.decode(ids[0]) == sentence


def test_names_never_heard_have_a_spelling_of_their_own() -> None:
    names = nonsense_names(500, np.random.default_rng(0))
    assert len({row.tobytes() for row in TOKENIZER.encode([f"this is a {n}" for n in names])}) == 500


def test_silence_is_padding() -> None:
    assert not TOKENIZER.encode([""]).any()


def test_every_sentence_of_the_task_fits() -> None:
    names = nonsense_names(2000, np.random.default_rng(1))
    TOKENIZER.encode([f"put the {n} on the tray it is here" for n in names])


def test_a_letter_outside_the_alphabet_is_named() -> None:
    with pytest.raises(ValueError, match="'dåx' holds"):
        TOKENIZER.encode(["dåx"])


def test_a_sentence_too_long_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="has 27 tokens, the tokenizer takes 24"):
        TOKENIZER.encode(["abcdefghijklmnopqrstuvwxyz"])


def test_words_of_a_task_are_one_token_each_and_come_last() -> None:
    plain, more = Tokenizer(), Tokenizer(words=["circle", "cw"])
    assert more.vocabulary[: len(plain.vocabulary)] == plain.vocabulary
    assert (more.encode(["circle cw"])[0] > 0).sum() == 2
    assert more.decode(more.encode(["circle ccw"])[0]) == "circle ccw"
    with pytest.raises(ValueError, match="words must be new and named once, got red again"):
        Tokenizer(words=["red", "blau"])
