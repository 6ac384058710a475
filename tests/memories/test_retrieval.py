"""Nearest vectors against a plain sort; keys and labels against the faults of the published code.

The tests of the graph need the package usearch and are skipped without it.
"""

import random
import sys
from importlib.util import find_spec

import pytest
import torch

from loci.memories import state as states
from loci.memories.maps.retrieval import Found, Key, Nearest, nearest_slots

WIDTH = 8
graph = pytest.mark.skipif(find_spec("usearch") is None, reason="needs usearch")
either = pytest.mark.parametrize("approximate_from", [None, pytest.param(1, marks=graph)], ids=["exact", "graph"])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sorted_keys(held: dict[Key, torch.Tensor], query: torch.Tensor, k: int) -> list[Key]:
    return sorted(held, key=lambda key: float((held[key] - query).double().square().sum()))[:k]


def test_slots_are_those_of_a_plain_sort():
    query, vectors = draw(3, WIDTH), draw(3, 40, WIDTH, seed=1)
    held = torch.rand(3, 40, generator=torch.Generator().manual_seed(2)) < 0.5
    slots, distances = nearest_slots(query, vectors, held, 5)
    for row in range(3):
        true = (vectors[row] - query[row]).double().norm(dim=1).masked_fill(~held[row], torch.inf)
        assert slots[row].tolist() == true.argsort()[:5].tolist()
        torch.testing.assert_close(distances[row].double(), true.sort().values[:5], rtol=1e-6, atol=0)


def test_fewer_held_than_asked_for_leave_the_rest_empty():
    held = torch.tensor([[False, True, False], [False, False, False]])
    slots, distances = nearest_slots(torch.zeros(2, WIDTH), torch.ones(2, 3, WIDTH), held, 2)
    assert slots.tolist() == [[1, -1], [-1, -1]]
    assert distances[0, 0].item() == pytest.approx(WIDTH**0.5)
    assert distances.isinf().tolist() == [[False, True], [True, True]]


def test_the_distance_of_what_was_stored_is_exactly_zero():
    """|x|² - 2 x·q + |q|² would give about 1e-3 here."""
    vectors = 100 * draw(1, 20, 64)
    slots, distances = nearest_slots(vectors[:, 7], vectors, torch.ones(1, 20, dtype=torch.bool), 1)
    assert slots.item() == 7
    assert distances.item() == 0


@either
def test_equals_a_dictionary_that_is_sorted_through_puts_updates_and_removals(approximate_from):
    dice, index, held = random.Random(0), Nearest(WIDTH, 30, approximate_from), {}
    vectors = draw(600, WIDTH)
    for step in range(600):
        key = (dice.choice(["leaf", "node"]), dice.randrange(14))
        if key in held and dice.random() < 0.5:
            index.remove(key)
            del held[key]
        else:
            index.put(key, vectors[step])
            held[key] = vectors[step]
        query = draw(WIDTH, seed=step)
        assert [found.key for found in index.nearest(query, 3)] == sorted_keys(held, query, 3)
        assert len(index) == len(held)
        assert (key in index) == (key in held)


@either
def test_fault_leaves_and_nodes_of_the_same_number_do_not_collide(approximate_from):
    index = Nearest(WIDTH, 4, approximate_from)
    index.put(("leaf", 3), torch.zeros(WIDTH))
    index.put(("node", 3), torch.ones(WIDTH))
    near, far = index.nearest(torch.zeros(WIDTH), 2)
    assert near == Found(("leaf", 3), 0.0)
    assert far.key == ("node", 3)
    assert far.distance == pytest.approx(WIDTH**0.5)
    index.remove(("leaf", 3))
    assert [found.key for found in index.nearest(torch.zeros(WIDTH), 2)] == [("node", 3)]


@either
def test_fault_updates_of_the_same_keys_do_not_fill_the_index(approximate_from):
    """The published index gives every write a new label and is full after `max_elements` writes."""
    index = Nearest(WIDTH, 4, approximate_from)
    for key in range(4):
        index.put(("leaf", key), draw(WIDTH, seed=key))
    size = index.nbytes
    for step in range(200):
        index.put(("leaf", step % 3), draw(WIDTH, seed=step))
        if step % 7 == 0:
            index.remove(("leaf", 3))
            index.put(("leaf", 3), draw(WIDTH, seed=step))
    assert len(index) == 4
    assert index.nbytes == size
    with pytest.raises(ValueError, match="full, capacity=4"):
        index.put(("leaf", 9), draw(WIDTH))


@either
def test_fault_removed_keys_are_never_found_and_too_few_are_no_error(approximate_from):
    index, vectors = Nearest(WIDTH, 60, approximate_from), draw(60, WIDTH)
    for slot in range(60):
        index.put(("node", slot), vectors[slot])
    for slot in range(58):
        index.remove(("node", slot))
    for slot in range(58):
        assert {found.key for found in index.nearest(vectors[slot], 3)} == {("node", 58), ("node", 59)}
    index.remove(("node", 58))
    index.remove(("node", 59))
    assert index.nearest(vectors[0], 3) == []


@either
def test_a_clone_is_independent_and_bytes_are_counted(approximate_from):
    index = Nearest(WIDTH, 10, approximate_from)
    for slot in range(5):
        index.put(("leaf", slot), draw(WIDTH, seed=slot))
    before = index.nearest(draw(WIDTH), 5)
    twin = states.clone([index])[0]
    twin.put(("leaf", 0), 9 * torch.ones(WIDTH))
    twin.remove(("leaf", 1))
    twin.put(("node", 1), draw(WIDTH))
    assert index.nearest(draw(WIDTH), 5) == before
    assert twin.nearest(draw(WIDTH), 1) == [Found(("node", 1), 0.0)]
    assert states.nbytes([index]) >= 10 * (WIDTH + 1) * 4
    if approximate_from is None:
        assert states.nbytes([index]) == 10 * (WIDTH + 1) * 4


@graph
def test_the_graph_finds_almost_all_that_exact_search_finds():
    """1 000 normal vectors of width 32, 50 queries, the nearest 3; measured recall 1.000."""
    vectors, queries = draw(1000, 32), draw(50, 32, seed=1)
    exact, rough = Nearest(32, 1000, None), Nearest(32, 1000, 500)
    for slot in range(1000):
        exact.put(("leaf", slot), vectors[slot])
        rough.put(("leaf", slot), vectors[slot])
    pairs = [(exact.nearest(query, 3), rough.nearest(query, 3)) for query in queries]
    shared = sum(len({f.key for f in a} & {f.key for f in b}) for a, b in pairs)
    assert shared >= 0.98 * 150
    assert pairs[0][0][0].distance == pytest.approx(pairs[0][1][0].distance, rel=1e-5)


def test_an_approximate_index_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    assert Nearest(WIDTH, 100).nearest(torch.zeros(WIDTH), 3) == []  # small enough to need none
    with pytest.raises(ImportError, match=r"pip install 'loci\[search\]'"):
        Nearest(WIDTH, 100, approximate_from=100)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="capacity must be at least 1, got 0"):
        Nearest(WIDTH, 0)
    with pytest.raises(KeyError, match="no vector under"):
        Nearest(WIDTH, 2).remove(("leaf", 0))
    with pytest.raises(ValueError, match="k must be"):
        nearest_slots(torch.zeros(1, 2), torch.zeros(1, 3, 2), torch.ones(1, 3, dtype=torch.bool), 4)
