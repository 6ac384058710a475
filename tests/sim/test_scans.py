"""Scans: GLB files made here, against closed forms of what must be seen where."""

import math
from pathlib import Path

import numpy as np
import pytest
import trimesh

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.geometry import camera_to_world
from loci.sim.sensors import Camera
from loci.sim.world import World
from loci.sim.worlds.navigation import occupancy
from loci.sim.worlds.scans import scan


def slab(
    lower: tuple[float, float, float], upper: tuple[float, float, float], colour: tuple[int, int, int]
) -> trimesh.Trimesh:
    """A box between corners that are given with z up, stored with y up."""
    (x0, y0, z0), (x1, y1, z1) = lower, upper
    box = trimesh.creation.box(bounds=[(x0, z0, -y1), (x1, z1, -y0)])
    box.visual.face_colors = (*colour, 255)
    return box


def file_of(folder: Path, parts: dict[str, trimesh.Trimesh], lift: float = 0.0) -> Path:
    """A GLB with a node for each part, all raised by `lift` through a transform of the nodes."""
    scene = trimesh.Scene()
    raise_ = trimesh.transformations.translation_matrix((0.0, lift, 0.0))
    for name, mesh in parts.items():
        scene.add_geometry(mesh, node_name=name, geom_name=f"{name}_mesh", transform=raise_)
    path = folder / "room.glb"
    scene.export(path)
    return path


def room_with_boxes() -> dict[str, trimesh.Trimesh]:
    """Inside x from -3 to 2 and y from -2 to 2, with a tall box east of the middle and a bench north-west of it."""
    grey = (180, 180, 180)
    return {
        "ground": slab((-3, -2, -0.1), (2, 2, 0.0), (150, 100, 50)),
        "west": slab((-3.1, -2, 0), (-3, 2, 2.5), grey),
        "east": slab((2, -2, 0), (2.1, 2, 2.5), grey),
        "south": slab((-3, -2.1, 0), (2, -2, 2.5), grey),
        "north": slab((-3, 2, 0), (2, 2.1, 2.5), grey),
        "tall": slab((1.0, -0.5, 0), (1.5, 0.5, 1.8), (200, 30, 30)),
        "bench": slab((-2.5, 1.0, 0), (-1.5, 1.5, 0.4), (30, 30, 200)),
        "beam": slab((-3, -0.1, 2.2), (2, 0.1, 2.4), (90, 60, 30)),
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("scan")
    return scan(file_of(folder, room_with_boxes(), lift=1.3), folder / "tiles")


def look(world: World, x: float, y: float, z: float, yaw: float, pitch: float = 0.0) -> dict[str, np.ndarray]:
    backend = KinematicBackend(1)
    backend.load(0, world)
    camera = Camera(33, 33, fov=math.radians(60), pitch=pitch)
    eye, axes = camera_to_world(np.array([[x, y, 0.0]]), np.array([yaw]), z, pitch)
    images = backend.view(eye[:, None], axes[:, None], camera, ("rgb", "depth", "instance"))
    return {kind: image[0, 0] for kind, image in images.items()}


@pytest.mark.parametrize(
    ("place", "yaw", "pitch", "expected", "name"),
    [
        ((0.0, 0.0, 1.0), 0.0, 0.0, 1.0, "tall"),
        ((0.0, 0.0, 1.0), math.pi, 0.0, 3.0, "west"),
        ((0.3, 0.2, 1.0), math.pi / 2, 0.0, 1.8, "north"),
        ((0.3, 0.2, 1.0), -math.pi / 2, 0.0, 2.2, "south"),
        ((-2.0, 1.2, 1.7), 0.0, -math.pi / 2, 1.3, "bench"),
        ((-0.5, -1.2, 1.1), 0.0, -math.pi / 2, 1.1, "ground"),
        ((-0.5, 0.0, 1.0), 0.0, math.pi / 2, 1.2, "beam"),
        ((1.2, 0.1, 2.1), 0.0, -math.pi / 2, 0.3, "tall"),
    ],
)
def test_depths_are_the_distances_in_the_file(
    world: World, place: tuple[float, float, float], yaw: float, pitch: float, expected: float, name: str
) -> None:
    images = look(world, *place, yaw, pitch)
    assert images["depth"][16, 16] == pytest.approx(expected, abs=2e-4)
    assert world.bodies[int(images["instance"][16, 16])].name == name


def test_a_wall_is_flat_across_the_seams_of_its_tiles(world: World) -> None:
    depth = look(world, -1.0, -1.0, 1.2, math.pi)["depth"]
    np.testing.assert_allclose(depth[10:23, 4:29], 2.0, atol=2e-4)


def test_colours_come_from_the_file(world: World) -> None:
    pixel = look(world, 0.0, 0.0, 1.0, 0.0)["rgb"][16, 16].astype(float)
    np.testing.assert_allclose(pixel / pixel.max(), np.array((200, 30, 30)) / 200, atol=0.03)


def test_bodies_stand_where_the_file_says_and_the_floor_is_at_zero(world: World) -> None:
    boxes = {body.name: body.extent for body in world.bodies}
    assert set(boxes) == set(room_with_boxes())
    np.testing.assert_allclose(boxes["tall"], [(1.0, -0.5, 0.0), (1.5, 0.5, 1.8)], atol=2e-4)
    np.testing.assert_allclose(boxes["ground"], [(-3.0, -2.0, -0.1), (2.0, 2.0, 0.0)], atol=2e-4)
    np.testing.assert_allclose(world.rooms[0].lower, (-3.1, -2.1, -0.1), atol=1e-3)
    np.testing.assert_allclose(world.rooms[0].upper, (2.1, 2.1, 2.5), atol=1e-3)


def test_the_spawn_is_free_on_the_floor_and_what_blocks_is_what_stands_there(world: World) -> None:
    backend = KinematicBackend(1)
    backend.load(0, world)
    grid = occupancy(world)
    assert grid.free[grid.index(world.spawns[0].position)]
    margin = 0.2 + 0.1 * math.sqrt(0.5)
    for i, j in np.argwhere(np.ones_like(grid.free)):
        x, y = grid.centre(int(i), int(j))
        inside = -3 + margin <= x <= 2 - margin and -2 + margin <= y <= 2 - margin
        tall = math.hypot(max(1.0 - x, x - 1.5, 0.0), max(abs(y) - 0.5, 0.0))
        bench = math.hypot(max(-2.5 - x, x + 1.5, 0.0), max(1.0 - y, y - 1.5, 0.0))
        assert grid.free[i, j] == (inside and tall >= margin and bench >= margin), (x, y)


def test_slanted_surfaces_keep_their_place_and_block_no_more_than_a_tile(tmp_path: Path) -> None:
    """A diagonal wall: the ray at 45 degrees meets it at its distance from the origin, and beyond it there is floor."""
    ground = slab((-4, -4, -0.1), (4, 4, 0.0), (120, 120, 120))
    wall = slab((-3, 1.0, 0), (3, 1.1, 2.0), (200, 200, 60))
    wall.apply_transform(trimesh.transformations.rotation_matrix(-math.pi / 4, (0.0, 1.0, 0.0)))
    world = scan(file_of(tmp_path, {"ground": ground, "wall": wall}), tmp_path / "tiles", tile=0.4)
    images = look(world, 0.0, 0.0, 1.0, math.pi / 4)
    assert images["depth"][16, 16] == pytest.approx(1.0, abs=2e-4)
    grid = occupancy(world)
    assert grid.free[grid.index((0.0, 0.0))]
    assert grid.free[grid.index((1.8, 1.8))]
    assert not grid.free[grid.index((0.75, 0.75))]


def test_a_world_of_a_scan_survives_json(world: World) -> None:
    assert World.from_json(world.to_json()) == world


def test_a_scan_of_many_triangles_loads_and_is_drawn(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(6, 1.0)  # 81,920 triangles
    ball.apply_translation((3.0, 1.0, 0.0))
    ground = slab((-4, -4, -0.1), (4, 4, 0.0), (120, 120, 120))
    world = scan(file_of(tmp_path, {"ground": ground, "ball": ball}), tmp_path / "tiles")
    images = look(world, 0.0, 0.0, 1.0, 0.0)
    assert images["depth"][16, 16] == pytest.approx(2.0, abs=1e-3)
    assert world.bodies[int(images["instance"][16, 16])].name == "ball"


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"scan: no file .*nothing.glb"):
        scan(tmp_path / "nothing.glb", tmp_path)
    (tmp_path / "bad.glb").write_bytes(b"not a scan")
    with pytest.raises(ValueError, match=r"scan: .*bad.glb' cannot be read"):
        scan(tmp_path / "bad.glb", tmp_path)
    sealed = {"block": slab((-1, -1, 0), (1, 1, 1), (9, 9, 9))}
    with pytest.raises(ValueError, match="no free place on the floor"):
        scan(file_of(tmp_path, sealed), tmp_path / "tiles")
