"""The octree against plain dictionaries, scans of all leaves and a k-d tree."""

import io
import time
from collections import OrderedDict

import numpy as np
import pytest
from scipy.spatial import cKDTree

from loci.memories.maps import branches
from loci.memories.maps.branches import CELLS, ROOT
from loci.memories.maps.morton import HALF, cells
from loci.memories.maps.octree import Octree
from loci.memories.state import clone, nbytes

LEAF = 0.5
SEEDS = range(12)


def points(rng, number, reach=None):
    """Places around a few centres, near and far apart, on both sides of the origin."""
    reach = 10.0 ** rng.uniform(0, 4) if reach is None else reach
    centres = rng.uniform(-reach, reach, (3, 3))
    return centres[rng.integers(3, size=number)] + rng.normal(0, 2.0, (number, 3))


def scan(tree, point):
    """Slots and squared distances of all leaves in the promised order, by the definition."""
    slots = tree.slots()
    x, y, z = (np.asarray(point) - tree.centre(slots)).T
    squared = x * x + y * y + z * z
    order = np.lexsort((slots, squared))
    return slots[order], squared[order]


def check_answers(tree, rng, queries):
    for point in queries:
        slots, squared = scan(tree, point)
        for radius in (0.0, rng.uniform(0, 3), 10.0 ** rng.uniform(0, 5), np.inf):
            found, far = tree.radius(point, radius)
            inside = squared <= radius * radius
            assert (found == slots[inside]).all()
            assert (far == np.sqrt(squared[inside])).all()
        k = int(rng.integers(1, 20))
        found, far = tree.nearest(point, k)
        assert (found == slots[:k]).all()
        assert (far == np.sqrt(squared[:k])).all()


def check_cells(tree):
    """Every inner cell has two children or more, all of which lie in it, and every leaf hangs in one place."""
    seen, held = [], tree.arrays

    def visit(node):
        if node >= 0:
            seen.append(node)
            return [held.key[node]]
        inner = -2 - node
        below = [visit(int(child)) for child in held.child[inner] if child != branches.EMPTY]
        assert len(below) >= 2
        keys = [key for part in below for key in part]
        assert {int(key) >> 3 * int(held.level[inner]) for key in keys} == {
            int(held.corner[inner]) >> 3 * int(held.level[inner])
        }
        visited.append(inner)
        return keys

    visited = []
    if len(tree):
        visit(int(held.counts[ROOT]))
    assert sorted(seen) == tree.slots().tolist()
    assert len(visited) == len(set(visited)) == held.counts[CELLS] <= max(len(tree) - 1, 0)


class Model:
    """What an octree should hold: cells in the order in which they leave."""

    def __init__(self, capacity, policy):
        self.capacity, self.policy, self.order = capacity, policy, OrderedDict()

    def insert(self, cell):
        fresh = cell not in self.order
        if fresh and len(self.order) == self.capacity:
            self.order.popitem(last=False)
        self.order.setdefault(cell, None)
        if self.policy == "lru":
            self.order.move_to_end(cell)
        return fresh


@pytest.mark.parametrize("policy", ["lru", "fifo"])
@pytest.mark.parametrize("seed", SEEDS)
def test_any_life_equals_a_dictionary_and_a_scan(seed, policy):
    rng = np.random.default_rng(seed)
    capacity = int(rng.integers(1, 80))
    tree, model = Octree(capacity, LEAF, policy), Model(capacity, policy)
    places = points(rng, 150)
    cell_of = {tuple(cell): place for cell, place in zip(cells(places, LEAF).tolist(), places, strict=True)}
    for _ in range(6):
        for place in places[rng.integers(len(places), size=40)]:
            cell = tuple(cells(place, LEAF).tolist())
            act = rng.random()
            if act < 0.6:
                fresh = model.insert(cell)
                assert (tree.visits[tree.insert(place)] == 1) == fresh
            elif act < 0.85 and cell in model.order:
                tree.remove(tree.lookup(place))
                del model.order[cell]
            elif cell in model.order:
                tree.touch([tree.lookup(place)])
                if policy == "lru":
                    model.order.move_to_end(cell)
        held = {tuple(cell) for cell in cells(tree.centre(tree.slots()), LEAF).tolist()}
        assert held == set(model.order)
        assert {cell for cell, place in cell_of.items() if tree.lookup(place) >= 0} == held
        check_cells(tree)
        check_answers(tree, rng, np.concatenate([places[:3], points(rng, 3)]))
    for cell in list(model.order):
        assert tree.arrays.counts[branches.OLDEST] == tree.lookup(cell_of[cell])
        tree.remove(tree.lookup(cell_of[cell]))
    assert len(tree) == 0
    check_cells(tree)
    assert tree.radius(places[0], np.inf)[0].tolist() == tree.nearest(places[0], 3)[0].tolist() == []


@pytest.mark.parametrize("reach", [3.0, 60.0, 4e5])
def test_many_leaves_equal_a_tree_of_another_kind(reach):
    rng = np.random.default_rng(3)
    tree = Octree(20_000, LEAF)
    tree.insert_all(rng.uniform(-reach, reach, (15_000, 3)))
    slots, queries = tree.slots(), rng.uniform(-1.2 * reach, 1.2 * reach, (300, 3))
    other = cKDTree(tree.centre(slots))
    starts, found, far = tree.radius_all(queries, 0.2 * reach)
    expected = other.query_ball_point(queries, 0.2 * reach)
    for n, want in enumerate(expected):
        assert sorted(found[starts[n] : starts[n + 1]]) == sorted(slots[want])
        assert (np.diff(far[starts[n] : starts[n + 1]]) >= 0).all()
    assert starts[-1] == sum(map(len, expected)) > 300
    found, far = tree.nearest_all(queries, 7)
    np.testing.assert_allclose(far, other.query(queries, 7)[0], rtol=1e-12)
    assert (tree.lookup_all(tree.centre(slots)) == slots).all()


def test_many_at_once_equal_one_by_one():
    rng = np.random.default_rng(4)
    places, queries = points(rng, 500, 20.0), points(rng, 30, 20.0)
    tree, other = Octree(100, LEAF), Octree(100, LEAF)
    slots, fresh = tree.insert_all(places)
    alone = [(slot := other.insert(place), other.visits[slot] == 1) for place in places]
    assert list(zip(slots, fresh, strict=True)) == alone
    assert (tree.lookup_all(queries) == [other.lookup(q) for q in queries]).all()
    starts, found, far = tree.radius_all(queries, 4.0)
    near, apart = tree.nearest_all(queries, 120)
    for n, query in enumerate(queries):
        for got, want in zip(
            (found[starts[n] : starts[n + 1]], far[starts[n] : starts[n + 1]]), other.radius(query, 4.0), strict=True
        ):
            assert (got == want).all()
        assert (near[n, :100] == other.nearest(query, 120)[0]).all()
    assert (near[:, 100:] == -1).all()
    assert np.isinf(apart[:, 100:]).all()


def test_the_corners_of_the_cube_are_leaves_like_others():
    edge = HALF * 5.0
    corners = np.array([(x, y, z) for x in (-edge, edge - 1) for y in (-edge, edge - 1) for z in (-edge, edge - 1)])
    tree = Octree(8, 5.0)
    tree.insert_all(corners)
    assert len(tree) == 8
    check_cells(tree)
    check_answers(tree, np.random.default_rng(0), [*corners, (0.0, 0.0, 0.0), 3 * corners[5]])


def test_a_leaf_at_the_radius_itself_is_near_and_equals_come_by_slot():
    tree = Octree(27, 1.0)
    tree.insert_all(np.array([(x, y, z) for x in (1, 0, -1) for y in (1, 0, -1) for z in (1, 0, -1)], float))
    own = tree.lookup((0.0, 0.0, 0.0))
    assert tree.radius((0.5, 0.5, 0.5), 0.0)[0].tolist() == [own]
    found, far = tree.radius((0.5, 0.5, 0.5), 1.0)
    assert far.tolist() == [0.0] + [1.0] * 6
    assert found[0] == own
    assert found[1:].tolist() == sorted(found[1:]) == tree.nearest((0.5, 0.5, 0.5), 7)[0][1:].tolist()


def test_every_cell_has_a_leaf_of_its_own():
    """The public code filed 20,000 points in one leaf."""
    rng = np.random.default_rng(5)
    places = rng.uniform(-100, 100, (20_000, 3))
    tree = Octree(20_000, LEAF)
    slots, fresh = tree.insert_all(places)
    assert len(tree) == fresh.sum() == len(np.unique(cells(places, LEAF), axis=0)) > 19_000
    assert (np.abs(tree.centre(slots) - places) <= LEAF / 2 + 1e-9).all()
    assert (tree.insert_all(places)[0] == slots).all()


def test_a_full_octree_gives_up_the_leaf_its_policy_names():
    places = [(float(x), 0.0, 0.0) for x in range(5)]
    for policy, gone in (("lru", 1), ("fifo", 0)):
        tree = Octree(3, 1.0, policy)
        slots = [tree.insert(place) for place in places[:3]]
        tree.insert(places[0])
        tree.touch([slots[2]])
        assert tree.insert(places[3]) == slots[gone]
        assert tree.lookup(places[gone]) == -1
        assert (tree.visits[slots[gone]], tree.touched[slots[gone]], tree.clock) == (1, 5, 5)


def test_a_leaf_counts_its_visits_and_knows_its_last():
    tree = Octree(4, 1.0)
    slot = tree.insert((0.5, 0.5, 0.5))
    tree.insert_all(np.array([(0.1, 0.2, 0.3), (9.0, 9.0, 9.0), (0.9, 0.9, 0.9)]))
    assert (tree.visits[slot], tree.touched[slot], tree.clock) == (3, 2, 2)
    tree.insert((9.0, 9.0, 9.0))
    tree.touch([slot])
    assert (tree.visits[slot], tree.touched[slot]) == (3, 3)


def test_coarser_levels_count_their_leaves():
    rng = np.random.default_rng(6)
    tree = Octree(2000, LEAF)
    for _ in range(5):
        tree.insert_all(points(rng, 300, 30.0))
    cell, newest = cells(tree.centre(tree.slots()), LEAF), tree.touched[tree.slots()]
    for number in (0, 1, 3, 6, 21):
        level = tree.level(number)
        wide, which, count = np.unique(cell >> number, axis=0, return_inverse=True, return_counts=True)
        expected = {
            tuple((w + 0.5) * LEAF * 2**number): (c, newest[which == n].max())
            for n, (w, c) in enumerate(zip(wide, count, strict=True))
        }
        if number < 21:
            got = zip(map(tuple, level.centre), level.leaves, level.newest, strict=True)
            assert {centre: (c, new) for centre, c, new in got} == expected
        assert level.size == LEAF * 2**number
        assert level.leaves.sum() == len(tree)
    assert tree.level(21).centre.tolist() == [[0.0, 0.0, 0.0]]


def test_a_clone_is_independent():
    rng = np.random.default_rng(7)
    tree = Octree(50, LEAF)
    tree.insert_all(points(rng, 100, 5.0))
    copy = tree.clone()
    kept = [array.copy() for array in tree.arrays]
    more = points(rng, 100, 5.0)
    copy.insert_all(more)
    copy.remove(int(copy.slots()[0]))
    assert all((a == b).all() for a, b in zip(tree.arrays, kept, strict=True))
    tree.insert_all(more)
    tree.remove(int(tree.slots()[0]))
    assert all((a == b).all() for a, b in zip(tree.arrays, copy.arrays, strict=True))


def test_a_state_may_hold_it():
    tree = Octree(5, LEAF)
    state = {"maps": [tree]}
    copy = clone(state)["maps"][0]
    copy.insert((0.0, 0.0, 0.0))
    assert (len(tree), len(copy), nbytes(state)) == (0, 1, tree.nbytes)


def test_the_arrays_can_be_stored_and_put_back():
    rng = np.random.default_rng(8)
    tree, other, file = Octree(50, LEAF), Octree(50, LEAF), io.BytesIO()
    tree.insert_all(points(rng, 100, 5.0))
    np.savez(file, **tree.arrays._asdict())
    file.seek(0)
    other.arrays = branches.Arrays(**np.load(file))
    more = points(rng, 60, 5.0)
    for a, b in zip(tree.insert_all(more), other.insert_all(more), strict=True):
        assert (a == b).all()
    assert (tree.nearest(more[0], 9)[0] == other.nearest(more[0], 9)[0]).all()


def test_clearing_forgets_all_and_bytes_never_change():
    rng = np.random.default_rng(9)
    tree, fresh = Octree(30, LEAF), Octree(30, LEAF)
    before = tree.nbytes
    tree.insert_all(points(rng, 200))
    assert tree.nbytes == before == sum(array.nbytes for array in fresh.arrays)
    tree.clear()
    places = points(rng, 200)
    for a, b in zip(tree.insert_all(places), fresh.insert_all(places), strict=True):
        assert (a == b).all()
    check_cells(tree)


def test_what_is_wrong_is_refused_and_changes_nothing():
    tree = Octree(4, 1.0)
    tree.insert((0.0, 0.0, 0.0))
    far = np.array([(1.0, 1.0, 1.0), (0.0, 2.0**20, 0.0)])
    for call in (lambda: tree.insert(far[1]), lambda: tree.lookup(far[1]), lambda: tree.insert_all(far)):
        with pytest.raises(ValueError, match=r"position must lie within .* got \(0, 1\.04858e\+06, 0\)"):
            call()
    with pytest.raises(ValueError, match=r"position must lie within .* got \(nan, 0, 0\)"):
        tree.insert((np.nan, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"position must have shape \(3,\), got \(2,\)"):
        tree.insert((0.0, 0.0))
    with pytest.raises(ValueError, match=r"position must have shape \(N, 3\), got \(3,\)"):
        tree.insert_all(far[0])
    with pytest.raises(ValueError, match="position must be finite"):
        tree.nearest((np.nan, 0.0, 0.0), 1)
    with pytest.raises(ValueError, match=r"radius must be 0 m or more, got -1\.0"):
        tree.radius((0.0, 0.0, 0.0), -1.0)
    with pytest.raises(ValueError, match="k must be 1 or more, got 0"):
        tree.nearest((0.0, 0.0, 0.0), 0)
    with pytest.raises(ValueError, match=r"number must lie in 0\.\.21, got 22"):
        tree.level(22)
    for call in (lambda: tree.remove(1), lambda: tree.remove(-1), lambda: tree.remove(4)):
        with pytest.raises(KeyError, match="no leaf in slot .* 1 of 4 slots are in use"):
            call()
    with pytest.raises(KeyError, match="no leaf in slot"):
        tree.touch([0, 2])
    assert (len(tree), tree.clock, tree.visits[0]) == (1, 1, 1)
    with pytest.raises(ValueError, match="capacity must lie in"):
        Octree(0, 1.0)
    with pytest.raises(ValueError, match=r"leaf must be a width in metres above 0, got 0\.0"):
        Octree(4, 0.0)
    with pytest.raises(ValueError, match="policy must be one of lru, fifo, got 'random'"):
        Octree(4, 1.0, "random")


def seconds(act, repeats=5):
    taken = []
    for _ in range(repeats):
        begun = time.thread_time()
        act()
        taken.append(time.thread_time() - begun)
    return min(taken)


def test_a_million_leaves_fit_and_cost_no_more_to_look_up():
    rng = np.random.default_rng(10)
    queries, cost = rng.uniform(-100, 100, (1000, 3)), {}
    for number in (1000, 1_000_000):
        tree = Octree(number, LEAF)
        tree.insert_all(rng.uniform(-100, 100, (int(1.02 * number), 3)))
        assert len(tree) > 0.98 * number
        cost[number] = seconds(lambda tree=tree: [tree.lookup(query) for query in queries[:200]])
    assert cost[1_000_000] < 4 * cost[1000]


def test_a_radius_query_beats_the_scan_of_all_leaves():
    rng = np.random.default_rng(11)
    tree = Octree(100_000, LEAF)
    tree.insert_all(rng.uniform([-100, -100, 0], [100, 100, 2], (100_000, 3)))
    centre, query = tree.centre(tree.slots()), np.array((3.0, 4.0, 1.0))
    tree.radius(query, 2.0)
    linear = seconds(lambda: np.flatnonzero(((centre - query) ** 2).sum(1) <= 4.0))
    assert 10 * seconds(lambda: tree.radius(query, 2.0)) < linear
