"""The short-term cache against the arithmetic of its score, and against the faults of the published code.

`Published` is a cache as that code keeps it, in plain Python. The tests about faults show each fault in it first.
"""

import math
import random

import numpy as np
import pytest
import torch

from loci.memories import state as states
from loci.memories.maps import cache as caches
from loci.memories.maps.cache import LONG, NONE, SHORT, SOURCES, Cache

WIDTH = 4
AXES = torch.eye(WIDTH)


def remember(
    cache: Cache, now: int, vector=AXES[0], x: float = 0.0, anchor: int = 0, slot: int = 0, weight=0.5
) -> Cache:
    """A step that writes the same entry in every row."""
    batch = len(cache.time)
    number = [torch.full((batch,), value) for value in (anchor, slot, now)]
    place = torch.tensor([x, 0.0, 0.0]).expand(batch, 3)
    return caches.write(cache, vector.expand(batch, WIDTH), place, *number, weight)


def glance(cache: Cache, now: int, query=AXES[0], x: float = 0.0, k: int = 1, radius: float = 3.0) -> caches.Look:
    batch = len(cache.time)
    place = torch.tensor([x, 0.0, 0.0]).expand(batch, 3)
    return caches.look(cache, query.expand(batch, WIDTH), place, torch.full((batch,), now), k, radius)


def everyone(batch: int = 1) -> torch.Tensor:
    return torch.ones(batch, dtype=torch.bool)


class Published:
    """Offsets from the node of their time, no count of reads; a look compares with offsets from the present node."""

    def __init__(self, capacity: int, weight: float = 0.5) -> None:
        self.capacity, self.weight, self.entries = capacity, weight, []

    def write(self, vector: np.ndarray, offset: float, now: int) -> None:
        if len(self.entries) == self.capacity:
            scores = [self.weight * e["frequency"] - (1 - self.weight) * (now - e["time"]) for e in self.entries]
            self.entries.pop(int(np.argmin(scores)))
        self.entries.append({"vector": vector, "offset": offset, "time": now, "frequency": 0})

    def look(self, query: np.ndarray, offset: float, radius: float) -> list[dict]:
        near = [entry for entry in self.entries if abs(entry["offset"] - offset) <= radius]
        return sorted(near, key=lambda e: -(e["vector"] @ query) / np.linalg.norm(e["vector"]) / np.linalg.norm(query))


def test_the_score_is_the_formula():
    cache = caches.empty(2, 3, WIDTH)
    cache.time[:] = torch.tensor([[4, 7, -1], [0, 9, 2]])
    cache.frequency[:] = torch.tensor([[6, 1, 0], [0, 0, 20]])
    score = caches.scores(cache, torch.tensor([10, 10]), weight=0.25)
    by_hand = [[0.25 * 6 - 0.75 * 6, 0.25 * 1 - 0.75 * 3, -math.inf], [-0.75 * 10, -0.75 * 1, 0.25 * 20 - 0.75 * 8]]
    assert score.tolist() == by_hand
    assert caches.leaving(cache, torch.tensor([10, 10]), 0.25).tolist() == [2, 0]


def test_equal_scores_let_the_oldest_go_and_then_the_first():
    cache = caches.empty(2, 4, WIDTH)
    cache.time[:] = torch.tensor([[5, 3, 4, 3], [6, 6, 6, 6]])
    cache.frequency[:] = torch.tensor([[1, 3, 2, 3], [0, 0, 0, 0]])  # at weight 0.5 and now 7, all of a row are equal
    score = caches.scores(cache, torch.tensor([7, 7]), 0.5)
    assert (score == score[:, :1]).all()
    assert caches.leaving(cache, torch.tensor([7, 7]), 0.5).tolist() == [1, 0]


def test_only_age_counts_at_weight_0_and_only_reads_at_weight_1():
    cache = caches.empty(1, 3, WIDTH)
    cache.time[:], cache.frequency[:] = torch.tensor([2, 0, 1]), torch.tensor([0, 9, 5])
    assert caches.leaving(cache, torch.tensor([3]), 0.0).tolist() == [1]
    assert caches.leaving(cache, torch.tensor([3]), 1.0).tolist() == [0]


def test_equals_a_cache_kept_in_plain_lists():
    """200 steps of random writes and looks; the oracle keeps dictionaries and sorts them."""
    dice, cache, entries = random.Random(0), caches.empty(1, 6, WIDTH), []
    vectors = torch.randn(200, WIDTH, generator=torch.Generator().manual_seed(0))
    for now in range(200):
        x, vector = dice.uniform(0, 20), vectors[now]
        found = glance(cache, now, vector, x, k=2, radius=6.0)
        near = [e for e in entries if abs(e["x"] - x) <= 6.0]
        cosine = torch.nn.functional.cosine_similarity
        near = sorted(near, key=lambda e: -float(cosine(e["vector"], vector, dim=0)))[:2]
        assert [int(cache.time[0, i]) for i in found.index[0][found.held[0]]] == [e["time"] for e in near]
        if dice.random() < 0.5:
            cache = caches.read(cache, found, everyone())
            for entry in near:
                entry["reads"] += 1
        cache = remember(cache, now, vector, x, weight=0.7)
        if len(entries) == 6:
            entries.remove(min(entries, key=lambda e: (0.7 * e["reads"] - (1 - 0.7) * (now - e["time"]), e["time"])))
        entries.append({"x": x, "vector": vector, "time": now, "reads": 0})
        kept = sorted(zip(cache.time[0].tolist(), cache.frequency[0].tolist(), strict=True))
        assert [pair for pair in kept if pair[0] >= 0] == [(e["time"], e["reads"]) for e in entries]


def test_only_entries_within_the_radius_are_found_best_cosine_first():
    cache = caches.empty(1, 5, WIDTH)
    for now, (vector, x) in enumerate([(AXES[0], 3.0), (AXES[0] + AXES[1], -1.0), (AXES[0], 3.001), (AXES[2], 0.0)]):
        cache = remember(cache, now, vector, x, slot=10 + now)
    found = glance(cache, 4, AXES[0], k=4)
    assert found.held.tolist() == [[True, True, True, False]]
    assert cache.slot[0, found.index[0, :3]].tolist() == [10, 11, 13]
    torch.testing.assert_close(found.cosine[0, :3], torch.tensor([1.0, 0.5**0.5, 0.0]))
    assert found.distance[0, :3].tolist() == [3.0, 1.0, 0.0]
    assert torch.equal(found.vector[0, 1], AXES[0] + AXES[1])


def test_reading_raises_the_frequency_where_the_cache_was_used():
    cache = remember(remember(caches.empty(2, 3, WIDTH), 0), 1, AXES[1])
    found = glance(cache, 2, k=3)
    read = caches.read(cache, found, torch.tensor([True, False]))
    assert read.frequency.tolist() == [[1, 1, 0], [0, 0, 0]]
    assert cache.frequency.sum() == 0


def test_who_answers():
    """Best cosine 1, 0 and none at all, with and without a long-term memory; the threshold itself is reached."""
    cache = caches.empty(4, 2, WIDTH)
    written = remember(cache, 0)
    cache = states.reset_rows(written, cache, torch.tensor([False, False, True, True]))
    query = torch.stack([AXES[0], AXES[1], AXES[0], AXES[0]])
    found = caches.look(cache, query, torch.zeros(4, 3), torch.ones(4).long(), 2, 3.0)
    assert found.best().tolist() == [1.0, 0.0, -math.inf, -math.inf]
    long_term = torch.tensor([True, True, True, False])
    assert caches.source(found, 0.7, long_term).tolist() == [SHORT, LONG, LONG, NONE]
    assert caches.source(found, 1.0, long_term).tolist() == [SHORT, LONG, LONG, NONE]
    assert caches.source(found, 0.0, ~long_term).tolist() == [SHORT, SHORT, NONE, LONG]
    assert SOURCES[SHORT] == "short"


def test_fault_writing_before_reading_finds_what_was_just_written():
    """In the published order the cache answers all 60 steps with the entry of the same step, cosine 1."""
    published, cache = Published(128), caches.empty(1, 128, WIDTH)
    seen = torch.randn(60, WIDTH, generator=torch.Generator().manual_seed(0))
    theirs, ours, answers = 0, 0, []
    for now, vector in enumerate(seen):
        published.write(vector.numpy(), 0.0, now)
        best = published.look(vector.numpy(), 0.0, radius=3.0)[0]
        theirs += best["time"] == now
        cache = remember(cache, now, vector)  # even in this order
        found = glance(cache, now, vector)
        ours += int(cache.time[0, found.index[0, 0]]) == now and bool(found.held[0, 0])
        answers.append(int(caches.source(found, 0.999, everyone())[0]))
    assert theirs == 60
    assert ours == 0
    assert answers == [LONG] * 60


def test_fault_offsets_from_an_old_node_match_places_far_away():
    """A straight walk, a node at every second of the panoramas 10 m apart: offsets are 0 or 10 m for ever."""
    published, cache = Published(128), caches.empty(1, 128, WIDTH)
    theirs = ours = 0
    for now in range(60):
        x, node = 10.0 * now, 10.0 * (now - now % 2)
        theirs += any(entry["time"] != now for entry in published.look(AXES[0].numpy(), x - node, radius=3.0))
        ours += bool(glance(cache, now, x=x).held.any())
        published.write(AXES[0].numpy(), x - node, now)
        cache = remember(cache, now, x=x, anchor=now // 2)
    assert theirs >= 56
    assert ours == 0
    assert bool(glance(cache, 60, x=10.0 * 30 + 2).held.any())


def test_coordinates_follow_the_node_and_distances_do_not():
    cache = remember(caches.empty(1, 1, WIDTH), 0, x=12.0, anchor=3)
    first, second = (caches.relative(cache, torch.tensor([[x, 1.0, 0.0]]))[0, 0].tolist() for x in (10.0, 20.0))
    assert first == [2.0, -1.0, 0.0]
    assert second == [-8.0, -1.0, 0.0]
    assert glance(cache, 1, x=10.0).distance.tolist() == [[2.0]]
    assert cache.anchor.tolist() == [[3]]


def test_fault_without_counting_reads_the_cache_is_a_queue():
    """An entry that is read at every step: the published code drops it after K more writes, whatever λ."""
    published, cache = Published(4, weight=0.9), caches.empty(1, 4, WIDTH)
    published.write(AXES[0].numpy(), 0.0, 0)
    cache = remember(cache, 0, weight=0.9)
    for now in range(1, 20):
        published.look(AXES[0].numpy(), 0.0, radius=3.0)
        cache = caches.read(cache, glance(cache, now), everyone())
        published.write(AXES[1].numpy(), 0.0, now)
        cache = remember(cache, now, AXES[1], weight=0.9)
        assert [entry["time"] for entry in published.entries] == list(range(max(0, now - 3), now + 1))
    assert sorted(cache.time[0].tolist()) == [0, 17, 18, 19]
    assert cache.frequency[0, cache.time[0] == 0].item() == 19


def test_rows_do_not_touch_and_a_reset_row_is_empty():
    start = caches.empty(2, 3, WIDTH)
    cache = states.reset_rows(remember(start, 0), start, torch.tensor([False, True]))
    assert glance(cache, 1).held.tolist() == [[True], [False]]
    assert states.nbytes(cache) == states.nbytes(start) == 2 * 3 * (4 * (WIDTH + 3) + 8 * 4)


def test_a_gradient_reaches_what_was_written():
    vector = AXES[0].clone().requires_grad_()
    cache = remember(caches.empty(1, 2, WIDTH), 0, vector)
    glance(cache, 1, AXES[0] + AXES[1]).vector.sum().backward()
    assert vector.grad.tolist() == [1.0] * WIDTH


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="capacity"):
        caches.empty(1, 0, WIDTH)
    with pytest.raises(ValueError, match="k must be within 1 … capacity 2, got 3"):
        glance(caches.empty(1, 2, WIDTH), 0, k=3)
