"""Moves on street graphs: cases drawn by hand, laws, an independent navigator in degrees, recorded routes replayed."""

import math
from itertools import pairwise

import numpy as np
import pytest

from loci.sim.worlds.city import City
from loci.sim.worlds.street_files import read_graph, read_routes
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_moves import Move, Stance, begin, intersection, moves_to, route_moves, step, walk
from tests.real_data import DATA, needs

WALKS = (Move.FORWARD, Move.LEFT, Move.RIGHT, Move.TURN_AROUND)


def star(*compass: float) -> StreetGraph:
    """Node 0 in the middle; nodes 1, 2, … 10 m away, reached and left in directions in degrees clockwise from north."""
    yaw = np.radians(90.0 - np.array(compass))
    position = np.concatenate([np.zeros((1, 2)), 10.0 * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)])
    middle, ends = np.zeros(len(compass), int), np.arange(1, len(compass) + 1)
    source, target = np.concatenate([middle, ends]), np.concatenate([ends, middle])
    heading = np.concatenate([yaw, yaw + math.pi])
    names = [str(i) for i in range(len(position))]
    return StreetGraph.build(names, position, np.zeros(len(position)), source, target, heading)


def taken(graph: StreetGraph, *moves: Move) -> int:
    """The node to which moves lead an agent that comes into the middle of a star from node 1, before a last forward."""
    stance = step(graph, begin(graph, 1, 0.0), Move.FORWARD)
    for move in (*moves, Move.FORWARD):
        stance = step(graph, stance, move)
    return stance.node


@pytest.mark.parametrize(
    ("compass", "forward", "left", "right"),
    [
        ((180, 0, 270, 90), 2, 3, 4),  # a plain crossing
        ((180, 270, 90), 2, 2, 3),  # a T: of two ways that are equally near the first in the sorted order, the left one
        ((180, 280, 90), 2, 2, 3),  # … and the nearer one, where there is one
        ((180, 0, 90), 2, 2, 3),  # straight on is also the leftmost of two
        ((180, 40, 80, 120), 3, 2, 4),  # all ways bend right: the middle one is forward
        ((180, 300, 350, 30, 60), 3, 2, 4),  # four ways ahead: the nearer of the two in the middle
        ((180, 240, 300, 10, 60, 120), 4, 3, 5),  # five ways ahead
    ],
)
def test_which_way_is_taken(compass: tuple[float, ...], forward: int, left: int, right: int) -> None:
    graph = star(*compass)
    assert (taken(graph), taken(graph, Move.LEFT), taken(graph, Move.RIGHT)) == (forward, left, right)
    assert taken(graph, Move.TURN_AROUND) == 1
    assert intersection(graph, 0) == len(compass)


def test_on_a_street_left_and_right_mean_forward() -> None:
    graph = star(180, 60)
    assert intersection(graph, 0) == 0
    stance = step(graph, begin(graph, 1, 0.0), Move.FORWARD)
    assert {step(graph, stance, move).node for move in (Move.FORWARD, Move.LEFT, Move.RIGHT)} == {2}


def test_a_dead_end_holds_until_the_agent_turns() -> None:
    graph = star(180, 0)
    stance = begin(graph, 1, 0.0)
    for _ in range(5):
        stance = step(graph, stance, Move.FORWARD)
    assert stance.node == 2
    assert step(graph, step(graph, stance, Move.TURN_AROUND), Move.FORWARD).node == 0


def test_stop_changes_nothing_and_ends_a_walk() -> None:
    graph = star(180, 0)
    stance = begin(graph, 1, 0.3)
    assert step(graph, stance, Move.STOP) == stance
    assert walk(graph, stance, [Move.FORWARD, Move.STOP, Move.FORWARD]) == [1, 0]


def test_plain_numbers_are_actions_and_others_are_refused() -> None:
    graph = star(180, 0, 270, 90)
    stance = step(graph, begin(graph, 1, 0.0), 0)
    assert [step(graph, stance, number) for number in range(5)] == [step(graph, stance, move) for move in Move]
    with pytest.raises(ValueError, match="5 is not a valid Move"):
        step(graph, stance, 5)


def test_the_start_is_turned_to_the_nearest_edge() -> None:
    graph = star(180, 0, 270, 90)
    assert begin(graph, 0, math.radians(50)).heading == pytest.approx(math.radians(90))
    assert begin(graph, 0, math.radians(-130)).heading == pytest.approx(math.radians(-90))


@pytest.mark.parametrize("ways", [3, 4, 5, 6])
def test_turning_left_goes_round_once_and_right_undoes_it(ways: int) -> None:
    compass = np.sort(np.random.default_rng(ways).uniform(0, 360, ways))
    graph = star(*compass)
    stance = start = begin(graph, 0, 0.0)
    met = [start]
    for _ in range(ways):
        turned = step(graph, stance, Move.LEFT)
        assert step(graph, turned, Move.RIGHT) == stance
        stance = turned
        met.append(stance)
    assert stance == start
    assert len(set(met)) == ways


@pytest.fixture(scope="module", params=[0.0, 0.4])
def city(request: pytest.FixtureRequest) -> StreetGraph:
    """A small city, with one-way streets or without."""
    family = City(columns=4, rows=4, one_way=request.param, diagonals=0.2, missing=0.15)
    return family.draw(np.random.default_rng(5))[0]


def test_every_way_on_can_be_taken_from_every_stance(city: StreetGraph) -> None:
    for source, target in zip(city.source.tolist(), city.target.tolist(), strict=True):
        arrived = Stance(target, float(city.heading[city.edge(source, target)]), source)
        for stance in (arrived, begin(city, target, arrived.heading)):
            for edge in city.edges(target):
                moves = moves_to(city, stance, int(city.target[edge]))
                assert walk(city, stance, moves)[-1] == city.target[edge]
                assert moves[-1] is Move.FORWARD or city.ways(target) <= 2


def test_shortest_paths_are_walked_as_they_are(city: StreetGraph) -> None:
    rng = np.random.default_rng(6)
    for start, goal in rng.integers(city.nodes, size=(40, 2)).tolist():
        path = city.shortest_path(start, goal)
        stance = begin(city, start, float(rng.uniform(-math.pi, math.pi)))
        moves = route_moves(city, stance, path)
        assert walk(city, stance, moves) == path
        assert moves[-1] is Move.STOP


def test_a_route_from_elsewhere_and_a_jump_are_refused(city: StreetGraph) -> None:
    stance = begin(city, 0, 0.0)
    with pytest.raises(ValueError, match=r"must begin at node 0, where the agent stands, got \[1\]"):
        route_moves(city, stance, [1, 2])
    far = int(np.argmax(city.hops(0)))
    with pytest.raises(ValueError, match="no action leads from"):
        route_moves(city, stance, [0, far])


class Navigator:
    """The rules once more, in whole degrees clockwise from north, over a dictionary {panorama: {heading: panorama}}."""

    def __init__(self, out: dict[int, dict[int, int]], node: int, heading: int) -> None:
        self.out, self.node, self.before = out, node, None
        self.heading = min(out[node], key=lambda way: self.apart(way, heading))

    @staticmethod
    def apart(one: int, other: int) -> int:
        return min((one - other) % 360, (other - one) % 360)

    def act(self, word: str) -> None:
        ways = self.out[self.node]
        if word == "turn_around":
            self.heading, self.before = min(ways, key=lambda way: self.apart(way, self.heading + 180)), None
        elif len(ways) == 1 and self.before is not None:
            pass
        elif len(ways) <= 2:
            self.go(min(ways, key=lambda way: self.apart(way, self.heading)))
        elif word == "forward" and self.heading in ways:
            self.go(self.heading)
        elif self.before is None:
            side = 1 if word == "right" else -1
            others = [way for way in ways if way != self.heading]
            self.heading = min(others, key=lambda way: side * (way - self.heading) % 360)
        else:
            self.arrived(word)

    def arrived(self, word: str) -> None:
        """The ways ahead as a fan from left to right; forward is its middle, left and right are beside it."""
        ways = self.out[self.node]
        fan = [way for way in ways if ways[way] != self.before]
        fan.sort(key=lambda way: (way - self.heading + 179) % 360)
        half = len(fan) // 2
        middle = half if len(fan) % 2 else min(half - 1, half, key=lambda i: self.apart(fan[i], self.heading))
        if word == "forward":
            return self.go(fan[middle])
        if len(fan) == 2:
            self.heading = fan[0] if word == "left" else fan[1]
        else:
            self.heading = fan[(middle + (1 if word == "right" else -1)) % len(fan)]
        self.before = None
        return None

    def go(self, way: int) -> None:
        self.node, self.before, self.heading = self.out[self.node][way], self.node, way


def in_degrees(graph: StreetGraph) -> dict[int, dict[int, int]]:
    compass = np.round(90.0 - np.degrees(graph.heading)).astype(int) % 360
    return {
        node: {int(compass[edge]): int(graph.target[edge]) for edge in graph.edges(node)} for node in range(graph.nodes)
    }


def rounded(graph: StreetGraph) -> StreetGraph:
    """The graph with headings of whole degrees, as the files have them."""
    compass = np.round(90.0 - np.degrees(graph.heading))
    return StreetGraph(
        graph.names, graph.position, graph.yaw, graph.first, graph.target, np.radians((270.0 - compass) % 360.0 - 180.0)
    )


def compare_walks(graph: StreetGraph, walks: int, seed: int) -> None:
    """Random walks: both are at the same place and face the same way after every action."""
    rng, out = np.random.default_rng(seed), in_degrees(graph)
    for _ in range(walks):
        node, compass = int(rng.integers(graph.nodes)), int(rng.integers(360)) + 0.25
        stance, other = begin(graph, node, math.radians(90.0 - compass)), Navigator(out, node, compass)
        for move in rng.choice(4, 60, p=[0.7, 0.13, 0.13, 0.04]).tolist():
            stance = step(graph, stance, Move(move))
            other.act(Move(move).name.lower())
            assert stance.node == other.node
            assert round(90.0 - math.degrees(stance.heading)) % 360 == other.heading


def test_walks_agree_with_the_other_navigator_in_a_city() -> None:
    graph = City(columns=5, rows=5, diagonals=0.3, missing=0.1).draw(np.random.default_rng(7))[0]
    compare_walks(rounded(graph), 80, 0)


@needs("touchdown_graph")
def test_walks_agree_with_the_other_navigator_in_manhattan() -> None:
    folder = DATA / "touchdown_graph"
    graph = read_graph(folder / "nodes.txt", folder / "links.txt")
    compare_walks(graph, 100, 1)


@needs("touchdown_graph", "velma")
@pytest.mark.parametrize("name", ["touchdown_unseen", "map2seq_seen", "map2seq_unseen"])
def test_recorded_routes_are_replayed(name: str) -> None:
    """200 of each set's 800 routes; `python -m benchmarks.streets` replays them all."""
    folder = DATA / "velma" / "datasets" / name
    links = folder / "graph" / "links.txt"
    touchdown = DATA / "touchdown_graph"
    graph = read_graph(touchdown / "nodes.txt", links if links.is_file() else touchdown / "links.txt")
    for route in read_routes(folder / "data" / "dev.json.gz", graph)[::4]:
        stance = begin(graph, route.nodes[0], route.heading)
        moves = route_moves(graph, stance, route.nodes)
        assert walk(graph, stance, moves) == list(route.nodes)
        assert Move.TURN_AROUND not in moves[1:]
        assert all(a is not b for a, b in pairwise(moves) if a in (Move.TURN_AROUND, Move.STOP))
