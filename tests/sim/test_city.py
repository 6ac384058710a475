"""Generated cities: laws of the graph, what is seen of landmarks, settings that are refused, likeness to Manhattan."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from loci.sim.worlds.city import City
from loci.sim.worlds.landmarks import (
    BINS,
    COLOURS,
    Landmarks,
    heading_bin,
    place_landmarks,
    street_distance,
)
from loci.sim.worlds.street_graph import StreetGraph

SEEDS = 6
FAMILIES = {
    "default": City(),
    "small": City(columns=3, rows=3),
    "one_way": City(columns=5, rows=5, one_way=0.5),
    "ragged": City(columns=5, rows=6, missing=0.3, diagonals=0.2, stubs=0.8, jitter=10.0),
}
Drawn = tuple[StreetGraph, Landmarks]


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def cities(request: pytest.FixtureRequest) -> list[Drawn]:
    return [FAMILIES[request.param].draw(np.random.default_rng(seed)) for seed in range(SEEDS)]


def lengths(graph: StreetGraph) -> np.ndarray:
    return np.linalg.norm(graph.position[graph.target] - graph.position[graph.source], axis=1)


def test_every_place_is_reached_from_every_other(cities: list[Drawn]) -> None:
    for graph, _ in cities:
        joined = csr_matrix((np.ones(len(graph.target)), (graph.source, graph.target)), (graph.nodes, graph.nodes))
        assert connected_components(joined, directed=True, connection="strong")[0] == 1


def test_headings_point_along_the_edges(cities: list[Drawn]) -> None:
    for graph, _ in cities:
        way = graph.position[graph.target] - graph.position[graph.source]
        ahead = np.stack([np.cos(graph.heading), np.sin(graph.heading)], axis=1)
        assert np.allclose(way, lengths(graph)[:, None] * ahead)
        for node in range(graph.nodes):
            assert graph.yaw[node] in graph.heading[graph.first[node] : graph.first[node + 1]]


def test_panoramas_are_ten_metres_apart_or_so(cities: list[Drawn]) -> None:
    for graph, _ in cities:
        far = lengths(graph)
        assert far.min() >= 4.0 - 1e-9
        assert far.max() < 20.0
        assert 9.0 < np.median(far) < 10.5


def test_the_way_back_is_the_reverse(cities: list[Drawn]) -> None:
    """Only one-way streets lack it."""
    for graph, _ in cities:
        for edge, (a, b) in enumerate(zip(graph.source.tolist(), graph.target.tolist(), strict=True)):
            back = graph.edge(b, a)
            if back is not None:
                assert math.cos(graph.heading[edge] - graph.heading[back]) == pytest.approx(-1.0)


def one_way_share(graph: StreetGraph) -> float:
    pairs = set(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    return sum((b, a) not in pairs for a, b in pairs) / len({frozenset(pair) for pair in pairs})


def test_one_ways_are_as_many_as_asked_for() -> None:
    assert all(one_way_share(City().draw(np.random.default_rng(seed))[0]) == 0.0 for seed in range(3))
    shares = [one_way_share(FAMILIES["one_way"].draw(np.random.default_rng(seed))[0]) for seed in range(8)]
    assert 0.35 < np.mean(shares) < 0.6


def test_streets_do_not_cross_without_a_crossing(cities: list[Drawn]) -> None:
    """No two edges without a common end meet: signs of the four areas that two meeting segments span."""
    for graph, _ in cities[:2]:
        pairs = sorted({tuple(sorted(p)) for p in zip(graph.source.tolist(), graph.target.tolist(), strict=True)})
        ends = np.array(pairs)
        a, b = graph.position[ends[:, 0]], graph.position[ends[:, 1]]

        def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
            (east, north), (x, y) = np.moveaxis(q - p, -1, 0), np.moveaxis(r - p, -1, 0)
            return np.sign(east * y - north * x)

        a1, b1, a2, b2 = a[:, None], b[:, None], a[None], b[None]
        meet = (side(a1, b1, a2) * side(a1, b1, b2) < 0) & (side(a2, b2, a1) * side(a2, b2, b1) < 0)
        assert not meet.any()


def test_the_same_seed_draws_the_same_city() -> None:
    for family in (City(columns=3, rows=4), City(columns=4, rows=3, one_way=0.3, diagonals=0.3)):
        (one, signs), (two, others), (other, _) = (family.draw(np.random.default_rng(seed)) for seed in (4, 4, 5))
        for field in ("position", "yaw", "first", "target", "heading"):
            assert np.array_equal(getattr(one, field), getattr(two, field))
        assert signs.name == others.name
        assert np.array_equal(signs.bearing, others.bearing)
        assert one.position.shape != other.position.shape or not np.array_equal(one.position, other.position)


def test_a_city_is_like_manhattan() -> None:
    """Shares of panoramas by their number of ways, spacing and length of blocks of Touchdown's graph: 94.65 % two ways,
    1.67 % three, 2.94 % four, 0.72 % dead ends; 9.46 m; 111 m from crossing to crossing (2.6 crossings to a street)."""
    drawn = [City().draw(np.random.default_rng(seed))[0] for seed in range(12)]
    ways = np.array([graph.ways(node) for graph in drawn for node in range(graph.nodes)])
    shares = np.bincount(ways, minlength=7) / len(ways)
    assert shares[2] == pytest.approx(0.9465, abs=0.006)
    assert shares[3] == pytest.approx(0.0167, abs=0.006)
    assert shares[4] == pytest.approx(0.0294, abs=0.006)
    assert shares[1] == pytest.approx(0.0072, abs=0.004)
    far = np.concatenate([lengths(graph) for graph in drawn])
    assert far.mean() == pytest.approx(9.46, abs=0.5)
    streets = (ways[ways != 2]).sum() / 2.0
    assert far.sum() / 2.0 / streets == pytest.approx(111.0, rel=0.1)
    assert all(300 <= graph.nodes <= 2000 for graph in drawn)


def test_landmarks_stand_on_the_facades_and_are_seen(cities: list[Drawn]) -> None:
    for graph, marks in cities:
        assert len(marks.name) > 10
        assert set(marks.colour) <= set(COLOURS)
        assert (np.bincount(marks.seen, minlength=len(marks.name)) > 0).all()
        away = street_distance(graph, marks.position)
        assert (away >= 7.5).all()
        assert (away <= 8.0 + 1e-6).all()
        outward = np.stack([np.cos(marks.facing), np.sin(marks.facing)], axis=1)
        assert (street_distance(graph, marks.position + outward) < away).all()


def test_sightings_are_where_the_positions_say(cities: list[Drawn]) -> None:
    for graph, marks in cities[:2]:
        nodes = np.repeat(np.arange(graph.nodes), np.diff(marks.first))
        way = marks.position[marks.seen] - graph.position[nodes]
        assert np.allclose(np.hypot(*way.T), marks.distance)
        assert np.allclose(np.arctan2(way[:, 1], way[:, 0]), marks.bearing)
        assert marks.distance.max() <= 40.0
        assert all((np.diff(part) >= 0).all() for part in np.split(marks.distance, marks.first[1:-1]))


def test_some_names_are_those_of_chains_and_most_are_not() -> None:
    _, marks = City().draw(np.random.default_rng(0))
    counts = sorted((marks.name.count(name) for name in set(marks.name)), reverse=True)
    assert counts[0] >= 3
    assert sum(count == 1 for count in counts) > 0.6 * len(counts)
    signs = set(zip(marks.kind, marks.name, marks.colour, strict=True))
    assert len(signs) == len(set(marks.name))


def test_five_sectors_from_left_to_right() -> None:
    degrees = np.array([112, 90, 68, 67, 45, 23, 22, 0, -22, -23, -45, -67, -68, -90, -112, 113, -113, 180])
    expected = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, -1, -1, -1]
    assert heading_bin(np.radians(degrees), 0.0).tolist() == expected
    assert heading_bin(np.radians(degrees + 170.0), math.radians(170.0)).tolist() == expected
    assert len(BINS) == 5


def corner() -> StreetGraph:
    """Streets from (0, 0) 50 m east and 50 m north, panoramas every 10 m."""
    east = [(10.0 * i, 0.0) for i in range(6)]
    position = np.array([*east, *[(0.0, 10.0 * i) for i in range(1, 6)]])
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 6), (6, 7), (7, 8), (8, 9), (9, 10)]
    ends = np.array([*pairs, *[(b, a) for a, b in pairs]])
    way = position[ends[:, 1]] - position[ends[:, 0]]
    heading = np.arctan2(way[:, 1], way[:, 0])
    return StreetGraph.build([str(i) for i in range(11)], position, np.zeros(11), ends[:, 0], ends[:, 1], heading)


def test_houses_at_the_corner_hide_what_is_behind_it() -> None:
    """A shop on the north side of the eastern street, 25 m from the corner: nobody in the northern street sees it."""
    marks = place_landmarks(corner(), ["bar"], ["Dax Bar"], ["red"], np.array([[25.0, 8.0]]), np.array([-math.pi / 2]))
    assert np.nonzero(np.diff(marks.first))[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert marks.visible(1, 0.0) == [(0, 1)]  # 15 m ahead and 8 m to the left: 28 degrees
    assert marks.visible(2, 0.0) == [(0, 1)]
    assert marks.visible(3, math.pi) == [(0, 3)]
    assert marks.visible(5, 0.0) == []
    near = place_landmarks(
        corner(), ["bar"], ["Dax Bar"], ["red"], np.array([[25.0, 8.0]]), np.array([-math.pi / 2]), sight=15.0
    )
    assert np.nonzero(np.diff(near.first))[0].tolist() == [2, 3]


def test_a_facade_is_not_seen_from_behind() -> None:
    marks = place_landmarks(corner(), ["bar"], ["Dax Bar"], ["red"], np.array([[25.0, 8.0]]), np.array([math.pi / 2]))
    assert len(marks.seen) == 0
    assert marks.visible(2, 0.0) == []


def test_a_colour_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no colour 'pink' for a landmark. Colours: red, orange"):
        place_landmarks(corner(), ["bar"], ["Dax Bar"], ["pink"], np.array([[25.0, 8.0]]), np.zeros(1))
    with pytest.raises(ValueError, match="needs 1 kinds"):
        place_landmarks(corner(), [], ["Dax Bar"], ["red"], np.array([[25.0, 8.0]]), np.zeros(1))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"columns": 1}, "City.columns must be at least 2, got 1"),
        ({"width": (20.0, 90.0)}, "City.width must be .*at least 4 corridors = 32.0 m, got"),
        ({"height": (90.0, 60.0)}, "City.height must be"),
        ({"jitter": 11.0}, "City.jitter must be at most a sixth of the smallest block, got 11.0"),
        ({"missing": 1.5}, r"City.missing must lie in \[0, 1\], got 1.5"),
        ({"one_way": -0.1}, "City.one_way must lie in"),
        ({"spacing": 2.0}, "City.spacing must be at least 4.0, got 2.0"),
        ({"frontage": 5.0}, "City.frontage must be at least 12.0"),
        ({"bow": -1.0}, "City.bow must not be negative"),
    ],
)
def test_settings_that_cannot_be_are_refused(setting: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        City(**setting)
