"""Replacement policies against their definition, closed forms and the optimum.

`Slow` is window, main part and exact counts once more, written from the definition in plain lists, without a hash.
"""

import os
import random
import subprocess
import sys

import pytest

from benchmarks.replacement import POLICIES, made, table
from loci.memories import state as states
from loci.memories.maps.optimum import Optimum
from loci.memories.maps.replacement import Fifo, Karma, Lru, Policy, Segmented, Touch, WTinyLfu, policy
from loci.memories.maps.sketch import FrequencySketch

SEGMENTED = {
    "w_tinylfu": lambda capacity: WTinyLfu(capacity),
    "1 slot": lambda capacity: WTinyLfu(capacity, 0.0),
    "all window": lambda capacity: WTinyLfu(capacity, 1.0),
    "adaptive": lambda capacity: WTinyLfu(capacity, adaptive=True),
    "karma": lambda capacity: Karma(capacity),
    "karma 1 slot": lambda capacity: Karma(capacity, 0.0),
}
ONLINE = {"fifo": Fifo, "lru": Lru} | SEGMENTED
online = pytest.mark.parametrize("make", ONLINE.values(), ids=ONLINE)
segmented = pytest.mark.parametrize("make", SEGMENTED.values(), ids=SEGMENTED)
MADE = made(10_000, seed=0)


def play(memory: Policy, trace) -> list[Touch]:
    return [memory.touch(key) for key in trace]


def hits(memory: Policy, trace) -> int:
    return sum(touch.hit for touch in play(memory, trace))


def skewed(count: int, seed: int, keys: int = 60) -> list[int]:
    """Requests of which some keys get many."""
    dice = random.Random(seed)
    return [int(keys * dice.random() ** 2) for _ in range(count)]


class Exact:
    """Counts without a hash: they stop at 15, all are halved after a sample, and first requests stand apart."""

    def __init__(self, capacity: int, doorkeeper: bool) -> None:
        self.sample, self.doorkeeper = 10 * capacity, doorkeeper
        self.counts, self.once, self.recorded = {}, set(), 0

    def estimate(self, key) -> int:
        return self.counts.get(key, 0) + (key in self.once)

    def add(self, key) -> None:
        if key in self.once or not self.doorkeeper:
            self.counts[key] = min(15, self.counts.get(key, 0) + 1)
        else:
            self.once.add(key)
        self.recorded += 1
        if self.recorded == self.sample:
            self.counts = {key: count // 2 for key, count in self.counts.items()}
            self.once, self.recorded = set(), self.recorded // 2


class Slow:
    """W-TinyLFU, or the policy of KARMA, in lists with exact counts."""

    def __init__(self, capacity: int, window: float, karma: bool) -> None:
        self.capacity, self.karma, self.slots = capacity, karma, max(1, round(capacity * window))
        self.window, self.probation, self.protected = [], [], []
        self.counts = Exact(capacity, doorkeeper=not karma)
        self.estimate = self.counts.estimate

    def touch(self, key) -> bool:
        self.counts.add(key)
        if key in self.window:
            self.window.remove(key)
            self.window.append(key)
        elif key in self.probation + self.protected:
            (self.probation if key in self.probation else self.protected).remove(key)
            self.protected.append(key)
            if len(self.protected) > 4 * (self.capacity - self.slots) // 5:
                self.probation.append(self.protected.pop(0))
        else:
            (self.new_by_karma if self.karma else self.new)(key)
            return False
        return True

    def new(self, key) -> None:
        self.window.append(key)
        if len(self.window) > self.slots:
            candidate = self.window.pop(0)
            main = len(self.probation) + len(self.protected)
            if main < self.capacity - self.slots:
                self.probation.append(candidate)
            elif main:
                segment = self.probation or self.protected
                if self.estimate(candidate) > self.estimate(segment[0]):
                    segment.pop(0)
                    self.probation.append(candidate)

    def new_by_karma(self, key) -> None:
        if len(self.window) + len(self.probation) + len(self.protected) == self.capacity:
            choice = self.probation + self.window
            least = min(self.estimate(one) for one in choice)
            leaves = next(one for one in choice if self.estimate(one) == least)
            (self.probation if leaves in self.probation else self.window).remove(leaves)
        self.window.append(key)
        if len(self.window) > self.slots:
            self.probation.append(self.window.pop(0))


@online
def test_what_touch_says_is_what_is_held_and_no_segment_outgrows_its_slots(make):
    dice, memory, held = random.Random(1), make(11), set()
    for step, key in enumerate(skewed(3000, seed=1)):
        if dice.random() < 0.1:
            assert memory.discard(key) == (key in held)
            held.discard(key)
        else:
            touch = memory.touch(key, counted=dice.random() < 0.8)
            assert touch.hit == (key in held)
            assert touch.evicted is None or (touch.evicted in held and touch.evicted != key and len(held) == 11)
            held = (held - {touch.evicted}) | {key}
        assert sorted(memory.keys()) == sorted(held)  # so no key is in two segments
        assert len(memory) == len(held) <= 11
        assert (step in memory) == (step in held)
        if isinstance(memory, Segmented):
            assert 1 <= memory.window_slots <= 11
            assert len(memory.window) <= memory.window_slots
            assert len(memory.protected) <= memory.protected_slots == 4 * (11 - memory.window_slots) // 5


@online
def test_a_memory_is_filled_before_anything_leaves(make):
    memory = make(20)
    assert [touch.evicted for touch in play(memory, [*range(15), *range(15), *range(20)])] == [None] * 50
    assert memory.touch(99).evicted is not None


@online
def test_one_place_holds_what_was_asked_for_last(make):
    memory = make(1)
    assert play(memory, "abba") == [Touch(False), Touch(False, "a"), Touch(True), Touch(False, "b")]


def test_lru_never_hits_on_a_loop_one_longer_than_the_memory_and_always_on_one_as_long():
    for policy_of in (Fifo, Lru):
        assert hits(policy_of(8), list(range(9)) * 20) == 0
        assert hits(policy_of(8), list(range(8)) * 20) == 8 * 19
    assert hits(Optimum(8, loop := list(range(9)) * 20), loop) == pytest.approx(len(loop) * 7 / 8, abs=9)


def test_fifo_is_lru_where_nothing_held_is_asked_for():
    fifo, lru = Fifo(6), Lru(6)
    for key in skewed(3000, seed=3):
        if key not in fifo:
            assert fifo.touch(key) == lru.touch(key)
            assert fifo.keys() == lru.keys()


def test_fifo_keeps_its_order_when_asked_again_and_lru_does_not():
    fifo, lru = Fifo(3), Lru(3)
    play(fifo, "abca"), play(lru, "abca")
    assert (fifo.keys(), lru.keys()) == (["a", "b", "c"], ["b", "c", "a"])
    assert (fifo.touch("d").evicted, lru.touch("d").evicted) == ("a", "b")


@pytest.mark.parametrize("capacity", [1, 2, 3, 10, 60])
def test_a_window_of_everything_is_lru(capacity):
    trace = skewed(3000, seed=4)
    assert play(WTinyLfu(capacity, 1.0), trace) == play(Lru(capacity), trace)


@pytest.mark.parametrize("name", MADE)
def test_nothing_has_more_hits_than_the_optimum(name):
    trace = MADE[name][0][:500]
    for capacity in (2, 12):
        bar = hits(Optimum(capacity, trace), trace)
        assert all(hits(make(capacity), trace) <= bar for make in ONLINE.values())


KINDS = [(20, 0.5, False), (20, 0.0, False), (20, 0.9, True), (6, 0.3, True)]


@pytest.mark.parametrize("name", MADE)
def test_with_exact_counts_every_hit_is_that_of_an_implementation_in_lists(name):
    for capacity, window, karma in KINDS:
        memory, slow = (Karma if karma else WTinyLfu)(capacity, window), Slow(capacity, window, karma)
        memory.sketch = Exact(capacity, doorkeeper=not karma)
        for key in MADE[name][0][:800]:
            assert memory.touch(key).hit == slow.touch(key)
            assert memory.keys() == slow.probation + slow.window + slow.protected


@pytest.mark.parametrize("name", MADE)
def test_hit_rates_are_those_of_an_implementation_in_lists_with_exact_counts(name):
    trace = MADE[name][0][:4000]
    for capacity, window, karma in KINDS[:2]:
        memory, slow = (Karma if karma else WTinyLfu)(capacity, window), Slow(capacity, window, karma)
        difference = (hits(memory, trace) - sum(map(slow.touch, trace))) / len(trace)
        assert abs(difference) <= 0.005


def test_a_candidate_needs_more_requests_than_the_victim():
    memory = WTinyLfu(3, 0.0)  # one slot of window, two of the main part, one of them protected
    play(memory, "aab")
    assert (list(memory.window), list(memory.probation)) == (["b"], ["a"])
    play(memory, "cc")
    assert list(memory.probation) == ["a", "b"]
    assert memory.sketch.estimate("c") == memory.sketch.estimate("a") == 2
    assert memory.touch("d") == Touch(False, "c")  # a tie keeps the victim
    assert memory.keys() == ["a", "b", "d"]
    play(memory, "ddd")
    assert memory.touch("e") == Touch(False, "a")  # 2 requests against 4
    assert memory.keys() == ["b", "d", "e"]


def test_a_request_on_probation_protects_and_a_full_segment_gives_its_oldest_back():
    memory = WTinyLfu(6, 0.0)  # window 1, main part 5, of which 4 are protected
    play(memory, "abcdefabcd")
    assert (list(memory.probation), list(memory.window)) == (["e"], ["f"])
    assert list(memory.protected) == ["a", "b", "c", "d"]
    memory.touch("e")
    assert (list(memory.probation), list(memory.protected)) == (["a"], ["b", "c", "d", "e"])


def test_karma_lets_the_least_counted_go_from_elimination_first_and_never_who_is_protected():
    memory = Karma(4, 0.5)  # window 2, main part 2, of which 1 is protected
    play(memory, "abcda")  # a protected
    assert (list(memory.protected), list(memory.probation), list(memory.window)) == (["a"], ["b"], ["c", "d"])
    assert memory.touch("e").evicted == "b"  # all of one request: elimination first
    assert (list(memory.probation), list(memory.window)) == (["c"], ["d", "e"])
    play(memory, "eee")
    memory.touch("c")  # c protected, a back
    assert (list(memory.protected), list(memory.probation), list(memory.window)) == (["c"], ["a"], ["d", "e"])
    assert memory.touch("f").evicted == "d"  # one request, in the window, where a has two
    assert memory.touch("g").evicted == "f"  # one request; d made room, so a and e stay


def test_what_is_written_is_recent_but_not_frequent():
    for make in SEGMENTED.values():
        memory = make(6)
        play(memory, "abcdef")
        before, protected = {key: memory.sketch.estimate(key) for key in "abcdef"}, list(memory.protected)
        for key in "abcabc":
            memory.touch(key, counted=False)
        assert {key: memory.sketch.estimate(key) for key in "abcdef"} == before
        assert list(memory.protected) == protected
    lru = Lru(2)
    play(lru, "ab")
    lru.touch("a", counted=False)
    assert lru.touch("c").evicted == "b"


@pytest.mark.parametrize("window", [0.0, 0.5])
def test_a_scan_leaves_what_is_often_asked_for_and_empties_lru(window):
    capacity = 40
    memory, lru = WTinyLfu(capacity, window), Lru(capacity)
    for one in (memory, lru):
        play(one, [key for key in range(capacity) for _ in range(2)] * 2)
    hot = list(memory.protected)
    assert len(hot) == memory.protected_slots
    for one in (memory, lru):
        play(one, range(1000, 1000 + 10 * capacity))
    assert sum(key in memory for key in hot) >= 0.9 * len(hot)
    assert not any(key in lru for key in range(capacity))


@segmented
def test_what_was_popular_long_ago_makes_room(make):
    """Counts that are never halved would keep the old keys out for as long as they were popular."""
    memory = make(10)
    play(memory, list(range(10)) * 100)
    dice = random.Random(5)
    play(memory, [100 + dice.randrange(10) for _ in range(400)])
    held = memory.keys()
    assert sum(100 <= key < 110 for key in held) >= 8


def test_half_of_a_small_memory_is_window_and_a_hundredth_of_a_large_one():
    slots = {capacity: WTinyLfu(capacity).window_slots for capacity in (1, 3, 5, 10, 25, 49, 50, 100, 1000)}
    assert slots == {1: 1, 3: 2, 5: 2, 10: 5, 25: 12, 49: 24, 50: 1, 100: 1, 1000: 10}
    assert Karma(10).window_slots == 9


def test_the_window_climbs_also_in_a_small_memory():
    bursts, independent = MADE["bursty"][0][:3000], MADE["zipf"][0][:4000]
    fixed, climbing = WTinyLfu(5, 0.0), WTinyLfu(5, 0.0, adaptive=True)
    assert hits(climbing, bursts) > hits(fixed, bursts) + 0.2 * len(bursts)
    assert climbing.window_slots > 2
    lru, climbing = Lru(10), WTinyLfu(10, 1.0, adaptive=True)
    assert hits(climbing, independent) > hits(lru, independent) + 0.03 * len(independent)


@pytest.mark.parametrize("window", [0.0, 0.5, 1.0])
def test_another_size_of_the_window_lets_nothing_go(window):
    memory, dice = WTinyLfu(12, window), random.Random(6)
    play(memory, skewed(200, seed=6))
    for _ in range(200):
        held = sorted(memory.keys())
        memory._resize(dice.randint(1, 12))
        assert sorted(memory.keys()) == held
        assert len(memory.window) <= memory.window_slots
        assert len(memory.protected) <= memory.protected_slots


@online
def test_a_clone_goes_its_own_way_and_keeps_its_size(make):
    trace = skewed(600, seed=7)
    memory = make(9)
    play(memory, trace[:300])
    twin, size = memory.clone(), memory.nbytes
    before = memory.keys()
    expected = play(twin, trace[300:])
    assert memory.keys() == before
    assert play(memory, trace[300:]) == expected
    twin.discard(twin.keys()[0])
    assert len(twin) == len(memory) - 1
    assert memory.nbytes == size == states.nbytes([memory]) > 0


SCRIPT = """
import hashlib
from loci.memories.maps.replacement import Karma, WTinyLfu
keys = [f"Cup|{n * n % 101}" if n % 3 else n * n % 37 for n in range(3000)]
for memory in (WTinyLfu(10), WTinyLfu(10, 0.0, adaptive=True), Karma(10)):
    print(hashlib.sha256(repr([memory.touch(key).evicted for key in keys]).encode()).hexdigest()[:16])
"""


def test_other_processes_let_the_same_keys_go():
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0] == GOLDEN


GOLDEN = ["ce2ab701c4a0360e", "4c31f23ee91adf75", "a86c919fdd65596a"]
"""What SCRIPT prints on any machine; new only if the policies are meant to choose otherwise."""


def test_wrong_arguments_are_refused():
    for make in [*ONLINE.values(), FrequencySketch, lambda capacity: Optimum(capacity, "ab")]:
        with pytest.raises(ValueError, match="capacity must be at least 1, got 0"):
            make(0)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="window must be a share"):
            WTinyLfu(10, share)
    with pytest.raises(ValueError, match="no replacement policy 'clock'. Policies: fifo, lru, w_tinylfu, karma"):
        policy("clock", 10)
    with pytest.raises(ValueError, match="window belongs to w_tinylfu and karma, got lru"):
        policy("lru", 10, window=0.5)
    with pytest.raises(ValueError, match="adaptive belongs to w_tinylfu, got karma"):
        policy("karma", 10, adaptive=True)


def test_policies_have_names():
    kinds = {name: type(policy(name, 10)) for name in ("fifo", "lru", "w_tinylfu", "karma")}
    assert kinds == {"fifo": Fifo, "lru": Lru, "w_tinylfu": WTinyLfu, "karma": Karma}
    assert [policy(name, 10, window=0.3).window_slots for name in ("w_tinylfu", "karma")] == [3, 3]
    assert policy("w_tinylfu", 10, adaptive=True).climber is not None


def test_the_table_has_every_cell():
    found = table(made(100, seed=1), [3, 150])
    for cells in found.values():
        assert list(cells) == list(POLICIES)
        assert all(0.0 <= cells[label]["3"]["rate"] <= 1.0 for label in cells)
        assert all(cells[label]["150"]["warm"] is None for label in cells)
