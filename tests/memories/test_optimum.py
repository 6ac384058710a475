"""The optimum against brute force."""

import itertools
import random

import pytest

from loci.memories.maps.optimum import Optimum


def hits(memory: Optimum, trace) -> int:
    return sum(memory.touch(key).hit for key in trace)


def most_hits(trace, capacity: int) -> int:
    """By trying everything that could be held after each request: what was held or arrives, at most `capacity`."""
    best = {frozenset(): 0}
    for key in trace:
        reached: dict[frozenset, int] = {}
        for held, count in best.items():
            offered = held | {key}
            for size in range(min(capacity, len(offered)) + 1):
                for kept in map(frozenset, itertools.combinations(sorted(offered), size)):
                    reached[kept] = max(reached.get(kept, 0), count + (key in held))
        best = reached
    return max(best.values())


def test_the_optimum_is_what_brute_force_finds():
    for seed in range(120):
        dice = random.Random(seed)
        trace = [dice.choice("abcde") for _ in range(9)]
        for capacity in (1, 2, 3):
            assert hits(Optimum(capacity, trace), trace) == most_hits(trace, capacity)


def test_a_clone_of_the_optimum_stands_at_the_same_request():
    memory = Optimum(2, "abcab")
    hits(memory, "abc")
    twin = memory.clone()
    assert twin.keys() == memory.keys()
    assert hits(twin, "ab") == hits(memory, "ab") == 2


def test_another_trace_is_refused():
    memory = Optimum(2, "ab")
    with pytest.raises(ValueError, match="request 0 is 'a', got 'b'"):
        memory.touch("b")
    hits(memory, "ab")
    with pytest.raises(ValueError, match="request 2 is 'nothing more'"):
        memory.touch("a")
