"""Grids and shortest ways: closed forms in an empty room, laws, and scipy's Dijkstra as the oracle."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.backends.kinematic.collision import COLUMNS, footprints, overlapping
from loci.sim.render.pack import Scene
from loci.sim.world import Body, Pose, Room, Shape, World
from loci.sim.worlds.house import House
from loci.sim.worlds.navigation import Grid, distances, length, occupancy, path, random_pose
from loci.sim.worlds.rooms import walled_room


def wall(x: float, y: float, half_x: float, half_y: float, name: str, yaw: float = 0.0) -> Body:
    return Body(name, "wall", (Shape("box", (half_x, half_y, 0.5), pose=Pose.at(0, 0, 0.5)),), Pose.at(x, y, 0.0, yaw))


def maze(seed: int = 0, share: float = 0.25) -> Grid:
    return Grid(np.random.default_rng(seed).random((40, 30)) > share, (-2.0, 1.0), 0.1)


def oracle(grid: Grid) -> np.ndarray:
    """All-pairs distances of the same graph, from scipy: (cells, cells) metres."""
    columns, rows = grid.free.shape
    edges = []
    for i in range(columns):
        for j in range(rows):
            for di, dj in ((1, 0), (0, 1), (1, 1), (1, -1)):
                u, v = i + di, j + dj
                if not (0 <= u < columns and 0 <= v < rows):
                    continue
                if grid.free[i, j] and grid.free[u, v] and grid.free[u, j] and grid.free[i, v]:
                    edges.append((i * rows + j, u * rows + v, math.hypot(di, dj) * grid.cell))
    a, b, cost = zip(*edges, strict=True)
    return dijkstra(coo_matrix((cost, (a, b)), shape=(columns * rows,) * 2), directed=False)


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_those_of_scipy(seed: int) -> None:
    grid = maze(seed)
    every = oracle(grid)
    for i, j in np.argwhere(grid.free)[::97]:
        field = distances(grid, grid.centre(int(i), int(j)))
        expected = every[i * 30 + j].reshape(40, 30)
        free = grid.free.copy()
        np.testing.assert_allclose(field[free], expected[free], rtol=1e-9)
        assert np.isinf(field[~free]).all()


def test_distances_are_symmetric_obey_the_triangle_and_are_no_shorter_than_straight_lines() -> None:
    grid = maze(7)
    cells = np.argwhere(grid.free)[np.random.default_rng(0).permutation(grid.free.sum())[:25]]
    points = [grid.centre(int(i), int(j)) for i, j in cells]
    table = np.array([[distances(grid, p)[tuple(c)] for c in cells] for p in points])
    np.testing.assert_allclose(table, table.T)
    with np.errstate(invalid="ignore"):
        assert (table[:, None] <= table[:, :, None] + table.T[None].transpose(0, 2, 1).swapaxes(1, 2) + 1e-9).all()
    straight = np.array([[math.dist(p, q) for q in points] for p in points])
    assert (table >= straight - 1e-9).all()


def test_an_empty_room_has_the_octile_distance_and_a_straight_path() -> None:
    grid = occupancy(walled_room(size=5.0))
    a, b = grid.centre(10, 12), grid.centre(35, 20)
    expected = (17 + 8 * math.sqrt(2.0)) * 0.1  # 25 columns and 8 rows apart
    assert distances(grid, a)[35, 20] == pytest.approx(expected)
    way = path(grid, a, b)
    assert way == [pytest.approx(a), pytest.approx(b)]


def test_free_cells_are_those_where_a_disc_fits_wherever_it_stands_in_them() -> None:
    """Against the collision test of the kinematic backend at random points of free cells, and of cells that are not."""
    world = House().world(np.random.default_rng(4))
    grid, scene = occupancy(world, radius=0.2), Scene(1)
    scene.load(0, world)
    rows = np.zeros((scene.slots, COLUMNS))
    parts = (scene.kind[0], scene.size[0], scene.position[0], scene.rotation[0], scene.body[0])
    count = footprints(rows, *parts, -1, 0.05, 1.2)
    rng = np.random.default_rng(0)
    for free in (True, False):
        cells = np.argwhere(grid.free == free)[rng.integers((grid.free == free).sum(), size=400)]
        for cell in cells:
            x, y = (cell + (rng.random(2) if free else 0.5)) * grid.cell + grid.origin
            hit = overlapping(x, y, rows, count, 0.2 if free else 0.2 + grid.cell * math.sqrt(0.5) + 2e-4)
            inside = any(room.contains((x, y, 0.5)) for room in world.rooms)
            assert (hit < 0 and inside) if free else (hit >= 0 or not inside)


def test_round_and_turned_things_block_what_they_cover() -> None:
    pillar = Body("pillar", "pillar", (Shape("cylinder", (0.5, 0.5, 0.5), pose=Pose.at(0, 0, 0.5)),), Pose.at(1.0, 1.0))
    turned = wall(-1.0, -1.0, 0.8, 0.1, "plank", math.pi / 4)
    grid = occupancy(walled_room(size=6.0, bodies=(pillar, turned)), radius=0.2, cell=0.1)
    x, y = np.meshgrid(*((np.arange(60) + 0.5) * 0.1 - 3.0,) * 2, indexing="ij")
    margin = 0.2 + 0.1 * math.sqrt(0.5)
    along, across = ((x + 1) + (y + 1)) / math.sqrt(2), ((y + 1) - (x + 1)) / math.sqrt(2)
    plank = np.hypot(np.maximum(abs(along) - 0.8, 0), np.maximum(abs(across) - 0.1, 0)) < margin
    expected = (np.hypot(x - 1, y - 1) >= 0.5 + margin) & ~plank & (np.maximum(abs(x), abs(y)) <= 3.0 - margin)
    np.testing.assert_array_equal(grid.free, expected)


def test_low_and_high_things_and_those_left_out_block_nothing() -> None:
    rug = Body("rug", "rug", (Shape("box", (1, 1, 0.02), pose=Pose.at(0, 0, 0.02)),))
    lamp = Body("lamp", "lamp", (Shape("box", (1, 1, 0.1)),), Pose.at(0, 0, 1.8))
    empty = occupancy(walled_room()).free
    assert (occupancy(walled_room(bodies=(rug, lamp))).free == empty).all()
    cut = walled_room(bodies=(wall(0, 0, 0.1, 2.5, "cut"),))
    assert not (occupancy(cut).free == empty).all()
    assert (occupancy(cut, without=["cut"]).free == empty).all()


def test_a_wall_is_walked_around_and_a_closed_room_cannot_be_entered() -> None:
    grid = occupancy(walled_room(size=5.0, bodies=(wall(0.0, -1.0, 0.1, 1.5, "wall"),)))
    way = path(grid, (-1.05, -1.05), (1.05, -1.05))
    assert way is not None
    margin = 0.2 + 0.1 * math.sqrt(0.5)
    over_the_end = 2 * math.hypot(1.05, 1.05 + 0.5 + 0.2)
    around_the_corners = 2 * math.hypot(1.05 - 0.1 - margin, 1.05 + 0.5 + margin) + 2 * (0.1 + margin)
    assert over_the_end < length(way) < around_the_corners + 0.1
    closed = occupancy(walled_room(size=5.0, bodies=(wall(0.0, 0.0, 0.1, 2.5, "wall"),)))
    assert path(closed, (-1.05, 0.05), (1.05, 0.05)) is None


def test_paths_keep_to_free_cells_and_are_between_the_straight_line_and_the_grid_distance() -> None:
    grid, rng = maze(3, 0.2), np.random.default_rng(1)
    for _ in range(60):
        start = random_pose(grid, rng).position[:2]
        field = distances(grid, start)
        goal = random_pose(grid, rng, np.isfinite(field)).position[:2]
        way = path(grid, start, goal)
        assert way is not None
        assert way[0] == pytest.approx(start)
        assert way[-1] == pytest.approx(goal)
        assert math.dist(start, goal) - 1e-9 <= length(way) <= field[grid.index(goal)] + 2 * grid.cell
        for a, b in pairwise(way):
            line = np.linspace(a, b, 200)[1:-1]
            assert all(grid.free[grid.index(point)] for point in line.tolist())


def test_a_way_does_not_squeeze_past_the_corner_of_a_blocked_cell() -> None:
    free = np.array([[True, True], [False, True]])
    grid = Grid(free, (0.0, 0.0), 1.0)
    way = path(grid, (0.5, 0.5), (1.5, 1.5))
    assert way is not None
    assert len(way) == 3
    assert way[1][1] > way[1][0]


def test_a_walking_agent_follows_the_waypoints_through_a_house() -> None:
    """Turning to each waypoint and walking straight to it, the agent of the kinematic backend is never held up."""
    backend = KinematicBackend(1)
    for seed in range(5):
        world, rng = House().world(np.random.default_rng(seed)), np.random.default_rng(seed)
        grid = occupancy(world)
        start = world.spawns[0].position
        for _ in range(3):
            goal = random_pose(grid, rng, np.isfinite(distances(grid, start))).position
            way = path(grid, start, goal)
            assert way is not None
            for (ax, ay), (bx, by) in pairwise(way):
                backend.load(
                    0,
                    World(
                        world.bodies, world.rooms, world.lights, (Pose.at(ax, ay, 0.0, math.atan2(by - ay, bx - ax)),)
                    ),
                )
                far = math.dist((ax, ay), (bx, by))
                backend.step({"velocity": np.array([[far, 0.0]]), "turn": np.zeros(1)}, 1.0)
                np.testing.assert_allclose(backend.agent(0)[:2], (bx, by), atol=1e-6)
            start = (*way[-1], 0.0)


def test_random_poses_are_uniform_over_the_free_cells() -> None:
    """Chi-squared over 16 free cells, 4 quarters of the circle and of a cell, 6400 draws; limits at p = 0.001."""
    free = np.zeros((8, 8), bool)
    free[2:6, 1:5] = True
    grid, rng = Grid(free, (0.0, 0.0), 0.5), np.random.default_rng(5)
    poses = [random_pose(grid, rng) for _ in range(6400)]
    cells = np.bincount([8 * i + j for i, j in (grid.index(p.position) for p in poses)], minlength=64).reshape(8, 8)
    assert cells[~free].sum() == 0
    assert ((cells[free] - 400) ** 2 / 400).sum() < 37.7  # 15 degrees of freedom
    quarters = np.bincount([int((p.yaw + math.pi) / (math.pi / 2)) % 4 for p in poses], minlength=4)
    assert ((quarters - 1600) ** 2 / 1600).sum() < 16.27  # 3 degrees of freedom
    inside = np.array([p.position[:2] for p in poses]) % 0.5 // 0.25 @ (1, 2)
    corners = np.bincount(inside.astype(int), minlength=4)
    assert ((corners - 1600) ** 2 / 1600).sum() < 16.27


def test_snap_finds_the_nearest_free_cell_and_near_the_cells_around_a_rectangle() -> None:
    grid, rng = maze(2), np.random.default_rng(0)
    middles = np.array([grid.centre(int(i), int(j)) for i, j in np.argwhere(grid.free)])
    for point in rng.uniform((-2.5, 0.5), (2.5, 4.5), (50, 2)):
        nearest = np.hypot(*(middles - point).T).min()
        assert math.dist(grid.snap(point), point) == pytest.approx(nearest)
    lower, upper = (-1.0, 2.0), (0.2, 2.3)
    chosen = grid.near(lower, upper, 0.33)
    for i, j in np.argwhere(grid.free):
        x, y = grid.centre(int(i), int(j))
        apart = math.hypot(max(lower[0] - x, x - upper[0], 0.0), max(lower[1] - y, y - upper[1], 0.0))
        assert chosen[i, j] == (apart <= 0.33)
    assert not (chosen & ~grid.free).any()


def test_errors_say_what_is_wrong() -> None:
    grid = occupancy(walled_room(size=5.0, bodies=(wall(0, 0, 0.5, 0.5, "block"),)))
    with pytest.raises(ValueError, match=r"point \(0.0, 0.0\) is not free. Nearest free point: \("):
        path(grid, (0.0, 0.0), (2.0, 2.0))
    with pytest.raises(ValueError, match=r"point \(9.0, 0.0\) lies outside the grid of 50 x 50 cells"):
        distances(grid, (9.0, 0.0))
    with pytest.raises(ValueError, match="world 'bare' has no rooms: they bound the grid"):
        occupancy(World(name="bare"))
    with pytest.raises(ValueError, match="needs radius > 0 and cell > 0"):
        occupancy(walled_room(), cell=0.0)
    with pytest.raises(KeyError, match="no body 'dor'"):
        occupancy(walled_room(), without=["dor"])
    full = World((wall(0, 0, 3, 3, "full"),), (Room("r", (-1, -1, 0), (1, 1, 2)),))
    with pytest.raises(ValueError, match="no free cell to draw a pose from"):
        random_pose(occupancy(full), np.random.default_rng(0))
