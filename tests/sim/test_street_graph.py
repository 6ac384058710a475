"""Street graphs: laws of the arrays, an independent shortest path, files that are read, and files that are refused."""

import gzip
import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from loci.sim.worlds.street_files import compass_to_yaw, local_plane, read_graph, read_partition, read_routes
from loci.sim.worlds.street_graph import StreetGraph
from tests.real_data import DATA, needs

NODES = "a,90,40.0,-74.0\nb,90,40.001,-74.0\nc,0,40.0,-73.99\n"
LINKS = "a,0,b\nb,180,a\na,90,c\nc,270,a\n"


def random_graph(rng: np.random.Generator, nodes: int, edges: int) -> StreetGraph:
    ends = rng.integers(nodes, size=(edges, 2))
    ends = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    position = rng.normal(size=(nodes, 2))
    heading = rng.uniform(-math.pi, math.pi, len(ends))
    return StreetGraph.build([str(i) for i in range(nodes)], position, np.zeros(nodes), *ends.T, heading)


def named_edges(graph: StreetGraph) -> set[tuple[str, str, float]]:
    ends = zip(graph.source, graph.target, graph.heading.tolist(), strict=True)
    return {(graph.names[a], graph.names[b], heading) for a, b, heading in ends}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    nodes, links = tmp_path / "nodes.txt", tmp_path / "links.txt"
    nodes.write_text(NODES)
    links.write_text(LINKS)
    return nodes, links


@pytest.mark.parametrize("directed", [True, False])
def test_hops_agree_with_scipy(directed: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        graph = random_graph(rng, 40, 60)
        matrix = csr_matrix((np.ones(len(graph.target)), (graph.source, graph.target)), shape=(40, 40))
        expected = dijkstra(matrix, directed=directed, unweighted=True)
        assert all(np.array_equal(graph.hops(goal, directed), expected[:, goal]) for goal in range(40))


def test_a_shortest_path_is_a_path_and_is_shortest() -> None:
    rng = np.random.default_rng(1)
    graph = random_graph(rng, 60, 150)
    for start, goal in rng.integers(60, size=(50, 2)).tolist():
        far = graph.hops(goal)[start]
        if math.isinf(far):
            with pytest.raises(ValueError, match=f"no path leads from '{start}' to '{goal}'"):
                graph.shortest_path(start, goal)
            continue
        path = graph.shortest_path(start, goal)
        assert (path[0], path[-1], len(path)) == (start, goal, far + 1)
        assert all(graph.edge(a, b) is not None for a, b in pairwise(path))


def test_edges_and_neighbours_tell_the_same() -> None:
    graph = random_graph(np.random.default_rng(2), 30, 90)
    pairs = set(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    assert sum(len(graph.edges(node)) for node in range(30)) == len(pairs) == len(graph.target)
    for node in range(30):
        joined = {b for a, b in pairs if a == node} | {a for a, b in pairs if b == node}
        assert graph.neighbours(node).tolist() == sorted(joined)
        assert graph.ways(node) == len(joined)
        assert all((graph.edge(node, other) is not None) == ((node, other) in pairs) for other in range(30))


def test_a_part_keeps_what_lies_inside() -> None:
    graph = random_graph(np.random.default_rng(3), 30, 90)
    keep = np.arange(30) % 3 > 0
    part = graph.part(keep)
    inside = {edge for edge in named_edges(graph) if int(edge[0]) % 3 and int(edge[1]) % 3}
    assert named_edges(part) == inside
    assert all((part.position[part.index(name)] == graph.position[graph.index(name)]).all() for name in part.names)


def test_arrays_cannot_be_written() -> None:
    graph = random_graph(np.random.default_rng(4), 5, 10)
    with pytest.raises(ValueError, match="read-only"):
        graph.position[0] = 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"position": np.zeros((2, 2))}, "position must be finite with shape"),
        ({"yaw": np.array([0.0, np.nan, 0.0])}, "yaw must be finite"),
        ({"names": ["a", "a", "b"]}, "names must be unique"),
        ({"source": np.array([0, 3])}, "source must lie in 0..2, got 0 to 3"),
        ({"target": np.array([1, -1])}, "target must lie in 0..2"),
        ({"target": np.array([0, 2])}, "an edge leads from 'a' to itself"),
        ({"source": np.array([1, 1]), "target": np.array([0, 2])}, "two edges leave 'b' with the same heading"),
    ],
)
def test_broken_graphs_are_refused(change: dict, words: str) -> None:
    whole = {
        "names": ["a", "b", "c"],
        "position": np.zeros((3, 2)),
        "yaw": np.zeros(3),
        "source": np.array([0, 1]),
        "target": np.array([1, 2]),
        "heading": np.zeros(2),
    }
    StreetGraph.build(**whole)
    with pytest.raises(ValueError, match=words):
        StreetGraph.build(**whole | change)


def test_an_unknown_panorama_is_named(files: tuple[Path, Path]) -> None:
    with pytest.raises(KeyError, match="no panorama 'z' among the 3"):
        read_graph(*files).index("z")


def test_north_east_south_west_as_yaw() -> None:
    assert np.allclose(compass_to_yaw(np.array([0, 90, 180, 270, 360])), np.radians([90, 0, -90, -180, 90]))


def test_positions_are_metres_around_the_middle(files: tuple[Path, Path]) -> None:
    """A thousandth of a degree of latitude is 110.54 m, a hundredth of longitude at 40.0005 degrees 852.7 m."""
    graph = read_graph(*files)
    a, b, c = graph.position
    assert np.allclose(b - a, [0.0, 110.54])
    assert np.allclose(c - a, [0.01 * 111_320 * math.cos(math.radians(40.0005)), 0.0])
    assert np.allclose((graph.position.min(axis=0) + graph.position.max(axis=0)) / 2.0, 0.0)
    assert local_plane(np.zeros(0), np.zeros(0)).shape == (0, 2)


def test_packed_files_read_the_same(files: tuple[Path, Path], tmp_path: Path) -> None:
    packed = [tmp_path / f"{file.name}.gz" for file in files]
    for file, copy in zip(files, packed, strict=True):
        copy.write_bytes(gzip.compress(file.read_bytes()))
    plain, other = read_graph(*files), read_graph(*packed)
    assert plain.names == other.names
    assert np.array_equal(plain.heading, other.heading)
    assert np.allclose(plain.heading, np.radians([90.0, 0.0, -90.0, -180.0]))


@pytest.mark.parametrize(
    ("nodes", "links", "words"),
    [
        ("a\t90\t40.0\t-74.0\n", "", "nodes.txt, line 1: expected panorama,yaw,latitude,longitude"),
        (NODES + "d,90,north,-74\n", "", "nodes.txt, line 4: expected panorama,yaw"),
        (NODES + "d,90,nan,-74\n", "", "nodes.txt, line 4: expected panorama,yaw"),
        (NODES, "a,b\n", "links.txt, line 1: expected panorama,heading,panorama, got 'a,b'"),
        (NODES, LINKS + "a,90,z\n", "links.txt, line 5: panorama 'z' is not in the nodes file"),
        (NODES + "a,90,40.0,-74.0\n", "", "names must be unique"),
    ],
)
def test_wrong_graph_files_are_refused(files: tuple[Path, Path], nodes: str, links: str, words: str) -> None:
    files[0].write_text(nodes)
    files[1].write_text(links)
    with pytest.raises(ValueError, match=words):
        read_graph(*files)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*nodes.txt: give the path"):
        read_graph(tmp_path / "nodes.txt", tmp_path / "links.txt")


def test_routes_are_read_with_their_words(files: tuple[Path, Path]) -> None:
    path = files[0].with_name("dev.json")
    rows = [
        {"id": 7, "route_panoids": ["b", "a", "c"], "navigation_text": "go", "start_heading": 180},
        {"route_id": 8, "route_panoids": ["a"], "navigation_text": "stay", "start_heading": "0.5"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    first, second = read_routes(path, read_graph(*files))
    assert (first.name, first.instruction, first.nodes) == ("7", "go", (1, 0, 2))
    assert first.heading == pytest.approx(-math.pi / 2)
    assert (second.name, second.nodes) == ("8", (0,))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("b,180,a", "line 1: not a route of Touchdown or Map2Seq"),
        ('{"id": 1, "route_panoids": ["a"], "start_heading": 0}', "not a route .*navigation_text"),
        ('{"id": 1, "route_panoids": ["q"], "navigation_text": "", "start_heading": 0}', "route 1: no panorama 'q'"),
        (
            '{"id": 1, "route_panoids": ["b", "c"], "navigation_text": "", "start_heading": 0}',
            "no edge from 'b' to 'c'; read the graph from the links file that belongs to the routes",
        ),
    ],
)
def test_wrong_route_files_are_refused(files: tuple[Path, Path], row: str, words: str) -> None:
    path = files[0].with_name("dev.json")
    path.write_text(row)
    with pytest.raises(ValueError, match=words):
        read_routes(path, read_graph(*files))


def test_a_partition_needs_its_column(files: tuple[Path, Path]) -> None:
    graph = read_graph(*files)
    with pytest.raises(ValueError, match="expected a fifth column seen or unseen"):
        read_partition(files[0], graph)
    rows = zip(NODES.split(), ("seen", "unseen", "seen"), strict=True)
    files[0].write_text("".join(f"{row},{part}\n" for row, part in rows))
    assert read_partition(files[0], graph).tolist() == [True, False, True]
    assert read_graph(*files).names == graph.names


@needs("touchdown_graph", "velma")
def test_the_graph_of_touchdown_is_read_whole() -> None:
    """Counts of the files; headings follow the positions but for a few percent of the edges."""
    folder = DATA / "touchdown_graph"
    graph = read_graph(folder / "nodes.txt", folder / "links.txt")
    assert (graph.nodes, len(graph.target)) == (29_641, 61_319)
    assert Counter(np.diff(graph.first).tolist()) == {1: 214, 2: 28_056, 3: 496, 4: 870, 5: 5}
    pairs = set(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    assert sum((b, a) not in pairs for a, b in pairs) == 3
    matrix = csr_matrix((np.ones(len(graph.target)), (graph.source, graph.target)), shape=(graph.nodes, graph.nodes))
    assert connected_components(matrix, directed=True, connection="strong")[0] == 1
    way = graph.position[graph.target] - graph.position[graph.source]
    length = np.linalg.norm(way, axis=1)
    assert length.mean() == pytest.approx(9.46, abs=0.01)
    assert length.max() == pytest.approx(159.6, abs=0.5)
    off = np.degrees(np.abs(np.angle(np.exp(1j * (np.arctan2(way[:, 1], way[:, 0]) - graph.heading)))))[length > 3.0]
    assert np.median(off) < 1.5
    assert np.percentile(off, 90) < 10.0
    seen = read_partition(DATA / "velma" / "datasets" / "touchdown_unseen" / "graph" / "nodes.txt", graph)
    assert seen.sum() == 20_638
