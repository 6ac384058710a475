"""The graph of landmarks: means and weights in closed form, searches against numpy and scipy."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from loci.memories.maps.topology import Landmarks, Topology

D = 6
ORIGIN = (0.0, 0.0, 0.0)


def graph(capacity=50, threshold=0.7, **arguments) -> Topology:
    return Topology(capacity, D, threshold, **arguments)


def unlike(number: int) -> np.ndarray:
    """Descriptors of which any two are 10 or more apart."""
    row = np.zeros(D)
    row[number % D] = 10.0 * (1 + number // D)
    return row


def planted(capacity: int, seed: int, edges: int = 3, ways: int = 8, size: float = 100.0):
    """A graph with `capacity` landmarks at random places, joined at random, and the weights (capacity, capacity)."""
    rng = np.random.default_rng(seed)
    full, weight = graph(capacity, ways=ways), {}
    for number in range(capacity):
        full.observe(unlike(number), rng.uniform(-size, size, 3))
    for source in range(capacity):
        for target in rng.choice(capacity, edges, replace=False).tolist():
            if target != source:
                weight[source, target] = full.walk(source, target, float(rng.uniform()))
    return full, weight


def test_a_landmark_is_founded_only_beyond_the_threshold():
    places = graph(threshold=0.5)
    one, step = np.zeros(D), np.eye(D)[0]
    first = places.observe(one, ORIGIN)
    assert places.observe(one + 0.5 * step, ORIGIN) == first
    assert places.arrays.descriptor[first].tolist() == (0.25 * step).tolist()
    second = places.observe(one + 0.875 * step, ORIGIN)
    assert second != first
    assert places.observe(one + 0.6 * step, ORIGIN) == second
    assert len(places) == 2
    assert places.arrays.visits[[first, second]].tolist() == [2, 2]


def test_a_threshold_of_zero_joins_only_what_is_equal():
    places = graph(threshold=0.0)
    a = places.observe(np.ones(D), ORIGIN)
    assert places.observe(np.ones(D), ORIGIN) == a
    assert places.observe(np.ones(D) + 1e-3, ORIGIN) != a


def test_descriptor_and_position_are_means_of_all_that_was_seen():
    rng = np.random.default_rng(0)
    places = graph(threshold=100.0)
    descriptors, positions = rng.normal(size=(40, D)), rng.uniform(-50, 50, (40, 3))
    slots = {places.observe(d, p) for d, p in zip(descriptors, positions, strict=True)}
    assert slots == {0}
    np.testing.assert_allclose(places.arrays.descriptor[0], descriptors.mean(0), atol=1e-6)
    np.testing.assert_allclose(places.arrays.position[0], positions.mean(0), atol=1e-12)
    assert (places.arrays.visits[0], places.arrays.born[0], places.arrays.seen[0]) == (40, 1, 40)


@pytest.mark.parametrize("seed", range(5))
def test_the_most_alike_equal_a_sorted_list(seed):
    rng = np.random.default_rng(seed)
    places = Topology(60, 37, 0.0)
    for _ in range(60):
        places.observe(rng.normal(size=37), ORIGIN)
    for slot in rng.choice(60, 20, replace=False).tolist():
        places.remove(slot)
    for wanted in rng.normal(size=(20, 37)):
        apart = np.linalg.norm(places.arrays.descriptor[places.slots()] - wanted.astype(np.float32), axis=1)
        order = apart.argsort(kind="stable")
        for k in (1, 5, 40, 99):
            slots, far = places.nearest(wanted, k)
            assert (slots == places.slots()[order][:k]).all()
            np.testing.assert_allclose(far, apart[order][:k], rtol=1e-6)


def test_equally_alike_landmarks_come_by_slot():
    places = graph(threshold=0.0)
    for number in (3, 1, 2):
        places.observe(unlike(number), ORIGIN)
    assert places.nearest(np.zeros(D), 3)[0].tolist() == [0, 1, 2]
    assert graph().nearest(np.zeros(D), 3)[0].tolist() == []


def test_an_edge_weighs_the_distance_and_the_instruction_and_averages():
    places = graph(distance_weight=2.0, instruction_weight=0.5)
    u, v = places.observe(unlike(0), ORIGIN), places.observe(unlike(1), (3.0, 4.0, 0.0))
    assert places.walk(u, v, 0.1) == 2.0 * 5.0 + 0.5 * 0.1
    assert places.walk(u, v, 2.0) == pytest.approx((10.05 + 11.0) / 2)
    assert places.walk(u, v, 2.0) == pytest.approx(((10.05 + 11.0) / 2 + 11.0) / 2)
    assert [part.tolist() for part in places.neighbours(u)] == [[v], [pytest.approx(10.7625)]]
    assert places.neighbours(v)[0].tolist() == []
    assert places.shortest_path(v, u) == ([], math.inf)


def test_the_constant_instruction_cost_is_that_of_the_public_code():
    places = graph()
    u, v = places.observe(unlike(0), ORIGIN), places.observe(unlike(1), (0.0, 0.0, 7.0))
    assert places.walk(u, v) == 7.0 + 0.5 * 0.1


@pytest.mark.parametrize("seed", range(8))
def test_shortest_paths_equal_those_of_scipy(seed):
    places, weight = planted(60, seed, edges=2)
    (source, target), cost = zip(*weight, strict=True), list(weight.values())
    expected = dijkstra(csr_array((cost, (source, target)), shape=(60, 60)))
    assert np.isinf(expected).any()
    for one in range(60):
        np.testing.assert_allclose(places.costs(one), expected[one], rtol=1e-12)
        for other in range(0, 60, 7):
            path, total = places.shortest_path(one, other)
            assert total == pytest.approx(expected[one, other])
            if path:
                assert (path[0], path[-1]) == (one, other)
                assert sum(weight[step] for step in pairwise(path)) == pytest.approx(total)


def test_neighbours_come_by_weight():
    places, weight = planted(30, 0, edges=6)
    for slot in range(30):
        out = sorted((cost, target) for (source, target), cost in weight.items() if source == slot)
        targets, costs = places.neighbours(slot)
        assert list(zip(costs.tolist(), targets.tolist(), strict=True)) == out


def test_a_full_graph_gives_up_the_landmark_seen_longest_ago():
    places = graph(capacity=3)
    slots = [places.observe(unlike(n), ORIGIN) for n in range(3)]
    places.observe(unlike(0), ORIGIN)
    new = places.observe(unlike(3), (1.0, 1.0, 1.0))
    assert new == slots[1]
    assert len(places) == 3
    assert places.arrays.visits[new] == 1
    assert places.arrays.position[new].tolist() == [1.0, 1.0, 1.0]
    assert places.nearest(unlike(1), 1)[1][0] > 5.0


def test_edges_to_what_was_removed_are_void_even_when_the_slot_is_used_again():
    places = graph(capacity=3)
    a, b, c = (places.observe(unlike(n), (float(n), 0.0, 0.0)) for n in range(3))
    for source, target in ((a, b), (b, c), (c, a), (a, c)):
        places.walk(source, target)
    assert places.shortest_path(a, c)[0] in ([a, c], [a, b, c])
    places.remove(b)
    assert places.neighbours(a)[0].tolist() == [c]
    again = places.observe(unlike(7), ORIGIN)
    assert again == b
    assert places.neighbours(a)[0].tolist() == [c]
    assert places.neighbours(again)[0].tolist() == []
    assert places.shortest_path(a, again) == ([], math.inf)
    assert places.walk(a, again) == 0.05


def test_a_landmark_without_room_for_a_way_gives_up_the_one_walked_longest_ago():
    places = graph(ways=2)
    a, b, c, d = (places.observe(unlike(n), (float(n), 0.0, 0.0)) for n in range(4))
    for target in (b, c, b, d):
        places.walk(a, target)
    assert places.neighbours(a)[0].tolist() == [b, d]


@pytest.mark.parametrize("seed", range(6))
def test_any_life_equals_plain_dictionaries(seed):
    """The same life told with a dictionary of means and one of weights."""
    rng = np.random.default_rng(seed)
    places, nodes, edges, looks = graph(capacity=8, ways=8), {}, {}, rng.normal(0, 3, (14, D)).astype(np.float32)
    previous, clock = None, 0
    for _ in range(300):
        clock += 1
        look, position = looks[rng.integers(14)] + rng.normal(0, 0.05, D), rng.uniform(-9, 9, 3)
        near = min(nodes, key=lambda s: np.linalg.norm(nodes[s][0] - look), default=None)
        slot = places.observe(look, position)
        if near is None or np.linalg.norm(nodes[near][0] - look) > 0.7:
            if len(nodes) == 8:
                gone = min(nodes, key=lambda s: nodes[s][3])
                assert gone == slot
                del nodes[gone]
                edges = {pair: cost for pair, cost in edges.items() if gone not in pair}
            near, nodes[slot] = slot, (look, position, 0, clock)
        assert near == slot
        mean, place, visits, _ = nodes[slot]
        visits += 1
        nodes[slot] = mean + (look - mean) / visits, place + (position - place) / visits, visits, clock
        if previous in nodes and previous != slot:
            clock += 1
            cost = float(rng.uniform())
            weight = np.linalg.norm(nodes[previous][1] - nodes[slot][1]) + 0.5 * cost
            edges[previous, slot] = (edges[previous, slot] + weight) / 2 if (previous, slot) in edges else weight
            assert places.walk(previous, slot, cost) == pytest.approx(edges[previous, slot])
        if rng.random() < 0.03:
            places.remove(slot)
            del nodes[slot]
            edges = {pair: cost for pair, cost in edges.items() if slot not in pair}
        previous = slot
        assert places.slots().tolist() == sorted(nodes)
    held = {(s, t): c for s in nodes for t, c in zip(*(part.tolist() for part in places.neighbours(s)), strict=True)}
    assert held == pytest.approx(edges)
    assert len(held) > 5


def test_a_clone_is_independent_and_lives_alike():
    places, _ = planted(20, 1)
    copy, kept = places.clone(), [array.copy() for array in places.arrays]
    for one in (copy, places):
        if one is places:
            assert all((a == b).all() for a, b in zip(places.arrays, kept, strict=True))
        one.observe(unlike(50), ORIGIN)
        one.walk(3, 4)
        one.remove(5)
    assert all((a == b).all() for a, b in zip(places.arrays, copy.arrays, strict=True))


def test_the_arrays_can_be_stored_and_put_back():
    places, _ = planted(20, 2)
    other, file = graph(20), io.BytesIO()
    np.savez(file, **places.arrays._asdict())
    file.seek(0)
    other.arrays = Landmarks(**np.load(file))
    assert other.shortest_path(0, 9) == places.shortest_path(0, 9)
    assert other.observe(unlike(77), ORIGIN) == places.observe(unlike(77), ORIGIN)


def test_clearing_forgets_all_and_bytes_never_change():
    places, _ = planted(20, 3)
    fresh = graph(20)
    assert places.nbytes == fresh.nbytes
    places.clear()
    assert all((a == b).all() for a, b in zip(places.arrays, fresh.arrays, strict=True))


def test_a_hundred_thousand_landmarks_fit():
    rng = np.random.default_rng(4)
    number = 100_000
    places = Topology(number, 16)
    held = places.arrays
    held.descriptor[:] = rng.normal(0, 10, (number, 16))
    held.position[:, 0] = np.arange(number)
    held.born[:] = held.seen[:] = np.arange(1, number + 1)
    held.visits[:], held.counts[:] = 1, number
    held.target[:, 0] = np.roll(np.arange(number), -1)
    held.target_born[:, 0], held.cost[:, 0] = held.born[held.target[:, 0]], 1.0
    assert places.nearest(held.descriptor[77_777], 1)[0].tolist() == [77_777]
    path, cost = places.shortest_path(5, 99_990)
    assert path == list(range(5, 99_991))
    assert cost == 99_985.0
    assert places.observe(np.full(16, 500.0), ORIGIN) == 0
    assert places.shortest_path(5, 3) == ([], math.inf)


def test_what_is_wrong_is_refused_and_changes_nothing():
    places = graph(capacity=4)
    places.observe(unlike(0), ORIGIN)
    for call, error, text in (
        (lambda: places.observe(np.zeros(5), ORIGIN), ValueError, r"descriptor must have shape \(6,\), got \(5,\)"),
        (lambda: places.observe(np.full(D, np.nan), ORIGIN), ValueError, "descriptor must be finite"),
        (lambda: places.observe(unlike(1), (0.0, np.inf, 0.0)), ValueError, "position must be finite"),
        (lambda: places.observe(unlike(1), (0.0, 0.0)), ValueError, r"position must have shape \(3,\), got \(2,\)"),
        (lambda: places.nearest(unlike(1), 0), ValueError, "k must be 1 or more, got 0"),
        (lambda: places.walk(0, 0), ValueError, "source and target must differ, got 0 twice"),
        (lambda: places.walk(0, 1), KeyError, "no landmark in slot 1; 1 of 4 slots are in use"),
        (lambda: places.shortest_path(-1, 0), KeyError, "no landmark in slot -1"),
        (lambda: places.remove(4), KeyError, "no landmark in slot 4"),
        (lambda: places.neighbours(2), KeyError, "no landmark in slot 2"),
        (lambda: graph(0), ValueError, "capacity must be 1 or more, got 0"),
        (lambda: graph(ways=0), ValueError, "ways must be 1 or more, got 0"),
        (lambda: graph(threshold=-1.0), ValueError, r"threshold must be finite and 0 or more, got -1\.0"),
        (lambda: graph(distance_weight=math.nan), ValueError, "distance_weight must be finite"),
    ):
        with pytest.raises(error, match=text):
            call()
    assert (len(places), places.clock) == (1, 1)
    other = places.observe(unlike(1), ORIGIN)
    with pytest.raises(ValueError, match=r"instruction_cost must be finite and 0 or more, got -0\.1"):
        places.walk(0, other, -0.1)
