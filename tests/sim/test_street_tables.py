"""Tables of a street graph against the slow rules: stances against the navigator, hops against breadth-first search,
what is shown against what is visible. And vectors of words."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from loci.sim.worlds.city import City
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_hops import tabulate_hops
from loci.sim.worlds.street_manhattan import manhattan
from loci.sim.worlds.street_metrics import hop_costs
from loci.sim.worlds.street_moves import Move, Stance, begin, moves_to, step
from loci.sim.worlds.street_stances import Stances, nearest_facing, tabulate
from loci.sim.worlds.street_world import city_world
from loci.sim.worlds.word_vectors import phrase_vector, word_vector
from tests.real_data import DATA, needs

FAMILIES = {
    "default": City(columns=4, rows=4),
    "ragged": City(columns=4, rows=5, one_way=0.5, missing=0.2, diagonals=0.3, stubs=0.8, jitter=10.0),
}


def spelled(graph: StreetGraph, number: int) -> Stance:
    """What a number of a stance stands for, after its definition."""
    edge, arrived = divmod(number, 2)
    source, heading = int(graph.source[edge]), float(graph.heading[edge])
    return Stance(int(graph.target[edge]), heading, source) if arrived else Stance(source, heading)


def agree(graph: StreetGraph, stances: Stances, numbers: np.ndarray) -> None:
    for number in numbers.tolist():
        here = spelled(graph, number)
        for move in Move:
            assert spelled(graph, int(stances.after[number, move])) == step(graph, here, move)
        for slot, edge in enumerate(graph.edges(here.node)):
            first = moves_to(graph, here, int(graph.target[edge]))[0]
            assert stances.toward[number, slot] == first


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_stance_leads_where_the_navigator_goes(family: str) -> None:
    graph, _ = FAMILIES[family].draw(np.random.default_rng(1))
    stances = tabulate(graph)
    assert len(stances.after) == 2 * len(graph.target)
    agree(graph, stances, np.arange(len(stances.after)))
    for node, heading in enumerate(np.random.default_rng(0).uniform(-np.pi, np.pi, graph.nodes)):
        assert spelled(graph, nearest_facing(graph, node, heading)) == begin(graph, node, heading)


def test_the_moves_to_a_neighbour_end_there() -> None:
    graph, _ = FAMILIES["ragged"].draw(np.random.default_rng(2))
    stances = tabulate(graph)
    for number in range(0, len(stances.after), 5):
        here = spelled(graph, number)
        for edge in graph.edges(here.node):
            found = stances.moves(graph, number, int(graph.target[edge]))
            assert [move for move, _ in found] == moves_to(graph, here, int(graph.target[edge]))
            assert stances.node[found[-1][1]] == graph.target[edge]


@needs("touchdown_graph", "velma")
def test_stances_and_hops_of_recorded_streets() -> None:
    world, _ = manhattan(str(DATA), "develop")
    graph, stances, rng = world.graph, world.stances, np.random.default_rng(0)
    crossings = np.flatnonzero(np.diff(graph.around[0])[stances.node] != 2)
    agree(graph, stances, rng.choice(len(stances.after), 300))
    agree(graph, stances, rng.choice(crossings, 300))
    path, reference = rng.integers(graph.nodes, size=300), rng.integers(graph.nodes, size=5)
    assert np.array_equal(world.hops.between(path, reference), hop_costs(graph, path.tolist(), reference.tolist()))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_hops_are_those_of_breadth_first_search(family: str) -> None:
    graph, _ = FAMILIES[family].draw(np.random.default_rng(3))
    every = np.arange(graph.nodes)
    expected = np.stack([graph.hops(node, directed=False) for node in range(graph.nodes)], axis=1)
    assert np.array_equal(tabulate_hops(graph).between(every, every), expected)


def ring(*sizes: int) -> StreetGraph:
    """Separate rings of panoramas with two ways each."""
    ends, base = [], 0
    for size in sizes:
        ends += [(base + i, base + (i + 1) % size) for i in range(size)]
        base += size
    pairs = np.array(ends + [(b, a) for a, b in ends])
    angle = np.linspace(0.0, 6.0, len(pairs))
    names = [str(i) for i in range(base)]
    return StreetGraph.build(names, np.zeros((base, 2)), np.zeros(base), pairs[:, 0], pairs[:, 1], angle)


def test_a_ring_without_a_crossing_has_hops_too_and_other_parts_are_out_of_reach() -> None:
    graph = ring(7, 4)
    found = tabulate_hops(graph).between(np.arange(11), np.arange(11))
    assert found[0].tolist() == [0, 1, 2, 3, 3, 2, 1, *[np.inf] * 4]
    assert found[7, 7:].tolist() == [0, 1, 2, 1]
    assert np.array_equal(found, found.T)


def test_what_is_shown_is_the_nearest_of_what_is_visible() -> None:
    rng = np.random.default_rng(0)
    cities = [FAMILIES["default"].draw(rng) for _ in range(2)]
    world, offset = city_world(cities), 0
    for city, (graph, landmarks) in enumerate(cities):
        for number in range(0, 2 * len(graph.target), 7):
            here, expected = spelled(graph, number), [-1] * 5
            for mark, place in landmarks.visible(here.node, here.heading)[::-1]:
                expected[place] = mark + city * len(cities[0][1].name)
            assert world.shown[number + offset].tolist() == expected
        offset += 2 * len(graph.target)
    assert world.looks[0].split()[1:] == world.said[0].split()
    assert world.graph.names[0].startswith("0/")


def test_the_panorama_beside_a_landmark_is_the_nearest_on_a_street_that_sees_it() -> None:
    world = city_world([FAMILIES["default"].draw(np.random.default_rng(4))])
    found = 0
    for mark, beside in enumerate(world.beside.tolist()):
        seen = np.flatnonzero(world.seen == mark)
        nodes = np.searchsorted(world.first, seen, side="right") - 1
        street = world.ways[nodes] == 2
        if beside >= 0:
            assert beside == nodes[street][world.distance[seen][street].argmin()]
            found += 1
        else:
            assert not street.any()
    assert found > 20


def test_words_are_the_same_in_every_process() -> None:
    code = "from loci.sim.worlds.word_vectors import word_vector; print(word_vector('Dax', 24).tobytes().hex())"
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout.strip()
    assert other == word_vector("dax", 24).tobytes().hex()
    signs = "".join("+" if value > 0 else "-" for value in word_vector("dax", 24))
    assert signs == "+++----+--+---++++---+--"


def test_words_are_unit_vectors_that_are_nearly_orthogonal() -> None:
    """1 000 pairs: cosines have mean 0 and deviation 1/8, both within four standard errors."""
    first, second = (np.array([word_vector(f"{side}{i}", 64) for i in range(1000)]) for side in "ab")
    assert np.allclose(np.linalg.norm(first, axis=1), 1.0, atol=1e-6)
    cosines = (first * second).sum(axis=1)
    assert abs(cosines.mean()) < 4.0 * 0.125 / 1000**0.5
    assert abs(cosines.std() - 0.125) < 4.0 * 0.125 / 2000**0.5


def test_a_phrase_is_the_normalised_sum_of_its_words() -> None:
    expected = word_vector("dax", 64) + word_vector("pharmacy", 64)
    assert np.allclose(phrase_vector("the Dax pharmacy", 64), expected / np.linalg.norm(expected), atol=1e-6)
    assert not phrase_vector("", 64).any()
    with pytest.raises(ValueError, match="width must be 1 or more, got 0"):
        word_vector("dax", 0)
