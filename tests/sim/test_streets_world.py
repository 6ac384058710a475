"""Street graphs as places: what is built keeps off the streets, and cameras see what the graph and landmarks say."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.geometry import camera_to_world, unproject
from loci.sim.world import Body, World
from loci.sim.worlds.city import KINDS, City
from loci.sim.worlds.facades import forms
from loci.sim.worlds.landmarks import COLOURS, Landmarks
from loci.sim.worlds.street_files import read_graph
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_lots import clearance, street_chains, street_edges
from loci.sim.worlds.streets import APART, EYE, Streets, near, spread, views
from tests.real_data import DATA, needs

FAMILIES = {
    "small": City(columns=3, rows=4),
    "ragged": City(columns=4, rows=4, missing=0.3, diagonals=0.4, stubs=0.8, jitter=10.0),
}
Built = tuple[StreetGraph, Landmarks, World]


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def city(request: pytest.FixtureRequest) -> Built:
    graph, landmarks = FAMILIES[request.param].draw(np.random.default_rng(0))
    return graph, landmarks, Streets().world(np.random.default_rng(1), graph, landmarks)


@pytest.fixture(scope="module")
def eyes(city: Built) -> KinematicBackend:
    backend = KinematicBackend()
    backend.load(0, city[2])
    return backend


def odd_graph() -> StreetGraph:
    """Panoramas on one place, a 159 m edge, a fork of 10 degrees, a ring, two streets 12 m apart, one-way edges."""
    turn = np.radians(10.0)
    places = [(0, 0), (0, 0), (159, 0), (159 + 80 * math.cos(turn), 80 * math.sin(turn)), (239, 0)]
    places += [(0, -12), (159, -12), (0, 70), (40, 70), (40, 110), (0, 110)]
    pairs = np.array([(0, 1), (1, 2), (2, 3), (2, 4), (5, 6), (5, 0), (1, 7), (7, 8), (8, 9), (9, 10), (10, 7)])
    position = np.array(places, np.float64)
    way = position[pairs[:, 1]] - position[pairs[:, 0]]
    heading = np.arctan2(way[:, 1], way[:, 0])
    heading[0] = 2.0
    names = [f"p{i}" for i in range(len(places))]
    return StreetGraph.build(names, position, np.zeros(len(places)), pairs[:, 0], pairs[:, 1], heading)


def buildings(world: World) -> list[Body]:
    return [body for body in world.bodies if body.category == "building"]


def least_gap(graph: StreetGraph, world: World) -> float:
    """Metres from points every 0.5 m of the edges to the box around the nearest building, its trimmings included."""
    start, end = graph.position[street_edges(graph)].transpose(1, 0, 2)
    count = np.ceil(np.linalg.norm(end - start, axis=1) / 0.5).astype(int) + 1
    shares = [np.linspace(0.0, 1.0, n)[:, None] for n in count]
    points = np.concatenate([a + s * (b - a) for a, b, s in zip(start, end, shares, strict=True)])
    gap = math.inf
    for body in buildings(world):
        lower, upper = (np.array(corner[:2]) for corner in body.extent)
        way = points - np.array(body.pose.position[:2])
        way = way[np.abs(way).max(axis=1) < 60.0]
        c, s = math.cos(body.pose.yaw), math.sin(body.pose.yaw)
        local = way @ np.array([[c, -s], [s, c]])
        beyond = np.maximum(np.maximum(lower - local, local - upper), 0.0)
        gap = min(gap, float(np.hypot(*beyond.T).min(initial=math.inf)))
    return gap


def test_no_building_stands_in_a_corridor(city: Built) -> None:
    graph, _, world = city
    assert len(buildings(world)) > graph.nodes / 2
    assert 8.0 <= least_gap(graph, world) < 9.0


def test_corridors_of_an_odd_graph_are_free() -> None:
    graph = spread(np.random.default_rng(0), odd_graph())
    world = Streets(corridor=6.0, road=4.0).world(np.random.default_rng(0), graph)
    assert len(buildings(world)) > 20
    assert least_gap(graph, world) >= 6.0
    along = [b for b in buildings(world) if 20.0 < b.pose.position[0] < 140.0 and 0.0 < b.pose.position[1] < 25.0]
    assert len(along) >= 5, "the long edge has a row of houses"


@needs("touchdown_graph")
@pytest.mark.parametrize("middle", [(0.0, 0.0), (600.0, -1800.0)])
def test_a_recorded_neighbourhood_can_be_built(middle: tuple[float, float]) -> None:
    folder = DATA / "touchdown_graph"
    whole = read_graph(folder / "nodes.txt", folder / "links.txt")
    graph = spread(np.random.default_rng(0), whole.part(np.abs(whole.position - middle).max(axis=1) < 250.0))
    world = Streets().world(np.random.default_rng(0), graph)
    assert graph.nodes > 300
    assert len(buildings(world)) > 0.7 * graph.nodes
    assert least_gap(graph, world) >= 8.0


def test_landmarks_are_seen_where_the_panoramas_list_them(city: Built, eyes: KinematicBackend) -> None:
    """64 x 64 pixels, 90 degrees, turned to the listed bearing: the sign is in the middle, at most 3 pixels aside."""
    graph, landmarks, world = city
    nodes = np.repeat(np.arange(graph.nodes), np.diff(landmarks.first))
    ids = views(eyes, graph, nodes, landmarks.bearing[:, None], replace(EYE, kinds=("instance",)))["instance"][:, 0]
    wanted = world.index("landmark_0") + landmarks.seen
    seen = (ids[:, :, 29:35] == wanted[:, None, None]).any(axis=(1, 2))
    assert len(seen) > 100
    assert seen.mean() >= 0.95
    assert [world.bodies[i].category for i in wanted] == [landmarks.kind[mark] for mark in landmarks.seen]


def test_signs_show_the_colour_of_their_landmark(city: Built, eyes: KinematicBackend) -> None:
    """From every panorama that lists it at most 25 m away, some pixel of a sign is its colour times the brightness."""
    graph, landmarks, world = city
    close = np.flatnonzero(landmarks.distance < 25.0)
    nodes = np.repeat(np.arange(graph.nodes), np.diff(landmarks.first))[close]
    camera = replace(EYE, kinds=("rgb", "instance"))
    images = views(eyes, graph, nodes, landmarks.bearing[close, None], camera)
    for mark, rgb, ids in zip(landmarks.seen[close].tolist(), images["rgb"], images["instance"], strict=True):
        colour = np.array(COLOURS[landmarks.colour[mark]])
        pixels = rgb[ids == world.index("landmark_0") + mark] / 255.0
        light = pixels.max(axis=1) / colour.max()
        same = np.abs(pixels - light[:, None] * colour).max(axis=1) < 0.01
        assert (same & (light > 0.58) & (light < 1.01)).any(), landmarks.name[mark]


def test_a_camera_sees_along_every_edge_to_its_end(city: Built, eyes: KinematicBackend) -> None:
    """A sign may hang into the picture, but not before the middle of it."""
    graph, _, _ = city
    depth = views(eyes, graph, graph.source, graph.heading[:, None], replace(EYE, kinds=("depth",)))["depth"][:, 0]
    ahead = depth[:, 31, 31:33]
    length = np.linalg.norm(graph.position[graph.target] - graph.position[graph.source], axis=1)
    assert np.all((ahead == 0.0) | (ahead > length[:, None] + 8.0 - 1e-3))


def test_depth_gives_points_on_the_faces_of_the_buildings(city: Built, eyes: KinematicBackend) -> None:
    graph, _, world = city
    nodes, camera = np.arange(0, graph.nodes, 20), replace(EYE, kinds=("depth", "instance"))
    yaw = graph.yaw[nodes][:, None] + np.arange(4) * math.pi / 2.0
    images = views(eyes, graph, nodes, yaw, camera)
    place = np.pad(graph.position[nodes], ((0, 0), (0, 1)))[:, None].repeat(4, axis=1)
    eye, axes = camera_to_world(place.reshape(-1, 3), yaw.reshape(-1), camera.eye, camera.pitch)
    depth = images["depth"].reshape(-1, 64, 64)
    points, ids = unproject(depth, camera.fov, eye, axes), images["instance"].reshape(-1, 64, 64)
    checked = 0
    for number in np.unique(ids[ids >= 0]).tolist():
        if world.bodies[number].category == "building":
            here = ids == number
            off = from_surface(world.bodies[number], points[here])
            assert np.all(off < 1e-3 + 1e-5 * depth[here]), world.bodies[number].name
            checked += len(off)
    assert checked > 0.2 * ids.size


def from_surface(body: Body, points: np.ndarray) -> np.ndarray:
    """(P,) metres to the nearest face of any of the boxes that a body is made of."""
    c, s = math.cos(body.pose.yaw), math.sin(body.pose.yaw)
    local = (points - np.array(body.pose.position)) @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    nearest = np.full(len(points), np.inf)
    for part in body.parts:
        past = np.abs(local - np.array(part.pose.position)) - np.array(part.size)
        outside = np.linalg.norm(np.maximum(past, 0.0), axis=1)
        nearest = np.minimum(nearest, np.where(past.max(axis=1) > 0.0, outside, -past.max(axis=1)))
    return nearest


def test_views_are_those_of_an_agent_at_the_panorama(city: Built, eyes: KinematicBackend) -> None:
    graph, _, world = city
    node, camera = graph.nodes // 2, replace(EYE, kinds=("rgb", "depth", "instance"))
    seen = views(eyes, graph, [node], graph.yaw[[node]][:, None], camera)
    eyes.put_agent(0, world.spawns[node])
    agent = eyes.render(camera, camera.kinds)
    assert all(np.array_equal(seen[kind][0, 0], agent[kind][0]) for kind in camera.kinds)


def test_an_agent_can_stand_on_every_panorama_and_sees_the_road(city: Built, eyes: KinematicBackend) -> None:
    graph, _, world = city
    for spawn in world.spawns:
        eyes.put_agent(0, spawn)
    ids = views(eyes, graph, range(graph.nodes), graph.yaw[:, None], replace(EYE, kinds=("instance",)))["instance"]
    below = {world.bodies[i].category for i in np.unique(ids[:, 0, -1, 31:33]).tolist()}
    assert below == {"road"}


def test_the_same_seed_builds_the_same_world_and_another_one_does_not(city: Built) -> None:
    graph, landmarks, world = city
    assert Streets().world(np.random.default_rng(1), graph, landmarks) == world
    assert Streets().world(np.random.default_rng(2), graph, landmarks) != world


def test_a_world_travels_as_json(city: Built) -> None:
    world = near(city[2], 0.0, 0.0, 100.0)
    assert len(world.bodies) > 30
    assert World.from_json(world.to_json()) == world


def test_near_keeps_the_ground_and_what_is_around(city: Built) -> None:
    graph, _, world = city
    x, y = graph.position[0].tolist()
    cut = near(world, x, y, 60.0)
    inside = [b for b in world.bodies if math.hypot(b.pose.position[0] - x, b.pose.position[1] - y) <= 60.0]
    assert {"ground", *(b.name for b in inside)} == {b.name for b in cut.bodies}
    assert cut.spawns == world.spawns


def test_spread_moves_only_panoramas_that_stand_on_one_place() -> None:
    graph = odd_graph()
    moved = spread(np.random.default_rng(3), graph)
    far = np.linalg.norm(moved.position - graph.position, axis=1)
    assert 0.0 < far[1] <= 0.5
    assert np.delete(far, 1).max() == 0.0
    assert np.array_equal(moved.heading, graph.heading)
    assert np.linalg.norm(moved.position[moved.target] - moved.position[moved.source], axis=1).min() >= APART
    with pytest.raises(ValueError, match="spread"):
        Streets().world(np.random.default_rng(0), graph)


def test_streets_go_from_crossing_to_crossing_and_use_every_edge_once(city: Built) -> None:
    for graph in (city[0], odd_graph()):
        chains = street_chains(graph)
        used = Counter((min(pair), max(pair)) for chain in chains for pair in pairwise(chain))
        assert used == Counter(map(tuple, street_edges(graph).tolist()))
        for chain in chains:
            assert all(graph.ways(node) == 2 for node in chain[1:-1])
            assert chain[0] == chain[-1] or all(graph.ways(node) != 2 for node in (chain[0], chain[-1]))


def test_clearance_is_the_least_distance_of_sampled_points() -> None:
    rng = np.random.default_rng(5)
    lower = rng.uniform(-5.0, 5.0, (20, 2))
    upper = lower + rng.uniform(0.5, 6.0, (20, 2))
    start, end = rng.uniform(-15.0, 15.0, (2, 30, 2))
    shares = np.linspace(0.0, 1.0, 2001)[:, None, None]
    points = start + shares * (end - start)
    beyond = np.maximum(np.maximum(lower[:, None, None] - points, points - upper[:, None, None]), 0.0)
    sampled = np.linalg.norm(beyond, axis=3).min(axis=1)
    each = np.stack([clearance(lower, upper, start[[i]], end[[i]]) for i in range(len(start))], axis=1)
    assert (sampled == 0.0).any()
    assert (sampled > 1.0).any()
    assert np.abs(each - sampled).max() < 0.02
    assert np.array_equal(each.min(axis=1), clearance(lower, upper, start, end))


def test_every_kind_has_a_sign_of_its_own() -> None:
    assert len({forms(kind) for kind in KINDS}) == len(KINDS)
    assert forms("statue") == forms("statue")


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="road < corridor, got road=9.0"):
        Streets(road=9.0)
    graph, _ = City(columns=2, rows=2).draw(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"yaw \(2, V\), got 1, \(3, 4\)"):
        views(KinematicBackend(), graph, [0, 1], np.zeros((3, 4)))
