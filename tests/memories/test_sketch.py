"""Estimates of frequency against exact counts."""

import hashlib
import random

import numpy as np
import pytest

from loci.memories.maps.sketch import FrequencySketch


def requests(count: int, seed: int, keys: int = 60) -> list[int]:
    """Requests of which some keys get many."""
    dice = random.Random(seed)
    return [int(keys * dice.random() ** 2) for _ in range(count)]


def cells(sketch: FrequencySketch, key) -> set[tuple[int, int]]:
    """Row and place of the counters of a key, by its hash."""
    words = np.frombuffer(hashlib.blake2b(repr(key).encode(), digest_size=32).digest(), "<u4")
    return {(row, int(word) % sketch.width) for row, word in enumerate(words[:4])}


def test_the_counters_of_a_key_are_words_of_its_hash():
    sketch = FrequencySketch(10, doorkeeper=False)
    sketch.add("Cup")
    assert sketch.width == 128
    raised = {(row, place) for row in range(4) for place in range(128) if sketch.rows[row][place]}
    assert raised == cells(sketch, "Cup")


def test_a_number_and_its_digits_are_two_keys():
    sketch = FrequencySketch(100)
    sketch.add(7)
    assert (sketch.estimate(7), sketch.estimate("7")) == (1, 0)


@pytest.mark.parametrize("doorkeeper", [True, False])
def test_estimates_are_never_too_small_before_the_first_halving_and_rarely_too_large(doorkeeper):
    sketch, exact, trace = FrequencySketch(60, doorkeeper), {}, requests(599, seed=8)
    for key in trace:
        sketch.add(key)
        exact[key] = exact.get(key, 0) + 1
        assert max(map(max, sketch.rows)) <= 15
        assert sketch.estimate(key) >= min(exact[key], 15)
    wrong = [key for key in exact if sketch.estimate(key) > min(exact[key], 15 + doorkeeper)]
    assert len(wrong) <= 1
    assert sum(sketch.estimate(key) > 0 for key in range(1000, 2000)) <= 20


@pytest.mark.parametrize("doorkeeper", [True, False])
def test_a_sample_halves_every_estimate(doorkeeper):
    sketch, trace = FrequencySketch(8, doorkeeper), requests(80, seed=9, keys=20)
    for key in trace[:-1]:
        sketch.add(key)
    last = trace[-1]
    counts = {key: sketch.estimate(key) - doorkeeper for key in set(trace) - {last}}
    assert (sketch.additions, any(sketch.door or b"")) == (79, doorkeeper)
    sketch.add(last)
    assert (sketch.additions, any(sketch.door or b"")) == (40, False)
    others = [key for key in counts if not cells(sketch, key) & cells(sketch, last)]
    assert {key: sketch.estimate(key) for key in others} == {key: counts[key] // 2 for key in others}
    assert len(others) > 5


def test_the_doorkeeper_keeps_first_requests_out_of_the_counters():
    sketch = FrequencySketch(1000)
    for key in range(9999):
        sketch.add(key)
    assert sum(map(sum, sketch.rows)) <= 4 * 0.01 * 9999
    assert all(sketch.estimate(key) >= 1 for key in range(0, 9999, 10))
