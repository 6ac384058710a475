"""Laws of the CPU ray caster: rows, threads, sizes, samples, shadows, and errors at the door."""

import math

import numpy as np
import pytest

from benchmarks.reference_room import poses, reference_room
from loci.sim.geometry import camera_to_world, pixel_rays
from loci.sim.render import cpu
from loci.sim.render.pack import Scene
from loci.sim.world import Body, Light, Pose, Shape, World

FOV = math.radians(75.0)
B = 5


@pytest.fixture(scope="module")
def rooms():
    scene = Scene(B)
    for row in range(B):
        scene.load(row, reference_room(seed=row, kinds=("box", "sphere", "cylinder", "capsule")))
    return scene


@pytest.fixture(scope="module")
def views():
    position, yaw = poses(2 * B)
    eye, axes = camera_to_world(position, yaw, 1.0, math.radians(-15.0))
    return eye.reshape(B, 2, 3), axes.reshape(B, 2, 3, 3)


def same(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("shadows", [False, True])
def test_pictures_do_not_depend_on_threads_or_on_the_run(rooms, views, shadows):
    first = cpu.render(rooms, *views, 64, 48, FOV, shadows=shadows)
    assert same(first, cpu.render(rooms, *views, 64, 48, FOV, shadows=shadows))
    assert same(first, cpu.render(rooms, *views, 64, 48, FOV, shadows=shadows, threads=2))
    assert same(first, cpu.render(rooms, *views, 64, 48, FOV, shadows=shadows, threads=9))


def test_rows_do_not_touch(rooms, views):
    eye, axes = views
    together = cpu.render(rooms, eye, axes, 32, 32, FOV)
    for row in range(B):
        alone = Scene(1, 3)
        alone.load(0, reference_room(seed=row, kinds=("box", "sphere", "cylinder", "capsule")))
        picture = cpu.render(alone, eye[row : row + 1], axes[row : row + 1], 32, 32, FOV)
        assert all(np.array_equal(picture[k][0], together[k][row]) for k in picture)


def test_asking_for_less_gives_the_same_images(rooms, views):
    every = cpu.render(rooms, *views, 64, 64, FOV)
    for kinds in [("rgb",), ("depth",), ("instance",), ("depth", "instance"), ("rgb", "instance")]:
        some = cpu.render(rooms, *views, 64, 64, FOV, kinds)
        assert set(some) == set(kinds)
        assert all(np.array_equal(some[k], every[k]) for k in kinds)


def test_dtypes_and_shapes_are_those_promised(rooms, views):
    images = cpu.render(rooms, *views, 30, 50, FOV)
    assert images["rgb"].shape == (B, 2, 30, 50, 3)
    assert images["depth"].shape == images["instance"].shape == (B, 2, 30, 50)
    assert [images[k].dtype for k in ("rgb", "depth", "instance")] == [np.uint8, np.float32, np.int32]


def test_a_picture_that_is_no_whole_number_of_packets_is_the_middle_of_a_larger_one(rooms, views):
    focal = 100.0
    small, large = (2.0 * math.atan(h / 2.0 / focal) for h in (62, 64))
    inner = cpu.render(rooms, *views, 62, 58, small)
    outer = cpu.render(rooms, *views, 64, 60, large)
    assert (inner["instance"] == outer["instance"][:, :, 1:-1, 1:-1]).mean() > 0.9999
    assert (inner["rgb"] == outer["rgb"][:, :, 1:-1, 1:-1]).mean() > 0.999


def test_supersampling_averages_the_finer_picture_and_keeps_depth(rooms, views):
    fine = cpu.render(rooms, *views, 64, 80, FOV)["rgb"].astype(int)
    blocks = fine.reshape(B, 2, 32, 2, 40, 2, 3).sum(axis=(3, 5))
    plain, smooth = (cpu.render(rooms, *views, 32, 40, FOV, supersample=n) for n in (1, 2))
    np.testing.assert_array_equal(smooth["rgb"], (blocks + 2) // 4)
    np.testing.assert_array_equal(smooth["depth"], plain["depth"])
    np.testing.assert_array_equal(smooth["instance"], plain["instance"])


def test_given_arrays_are_written_into(rooms, views):
    out = {k: np.zeros_like(v) for k, v in cpu.render(rooms, *views, 32, 32, FOV).items()}
    images = cpu.render(rooms, *views, 32, 32, FOV, out=out)
    assert all(images[k] is out[k] for k in out)
    assert same(images, cpu.render(rooms, *views, 32, 32, FOV))


def overhead(shape, height, light):
    """A shape above a white floor, seen from 10 m above; returns brightness and the floor's points (x, y)."""
    bodies = (
        Body("floor", "floor", (Shape("plane", (8.0, 8.0, 0.0), (1, 1, 1)),)),
        Body("thing", "thing", (shape,), height),
    )
    scene = Scene(1)
    scene.load(0, World(bodies, lights=(light,)))
    eye, axes = camera_to_world(np.array([[0.0, 0.0, 10.0]]), np.zeros(1), 0.0, -math.pi / 2)
    images = cpu.render(scene, eye[None], axes[None], 128, 128, 0.8, shadows=True)
    points = (10.0 * pixel_rays(128, 128, 0.8)) @ axes[0].T
    return images["rgb"][0, 0, ..., 0], images["instance"][0, 0], points[..., :2]


SHAPES = {
    "box": (
        Shape("box", (0.5, 0.7, 0.2)),
        lambda x, y, z: np.maximum(np.maximum(np.abs(x) / 0.5, np.abs(y) / 0.7), np.abs(z) / 0.2),
    ),
    "sphere": (Shape("sphere", (0.6,) * 3), lambda x, y, z: np.sqrt(x * x + y * y + z * z) / 0.6),
    "cylinder": (Shape("cylinder", (0.6, 0.6, 0.3)), lambda x, y, z: np.maximum(np.hypot(x, y) / 0.6, np.abs(z) / 0.3)),
    "capsule": (
        Shape("capsule", (0.3, 0.3, 0.9)),
        lambda x, y, z: np.sqrt(x * x + y * y + np.maximum(np.abs(z) - 0.6, 0.0) ** 2) / 0.3,
    ),
}
"""Each shape with the function that is 1 on its surface and less inside."""


@pytest.mark.parametrize("kind", SHAPES)
def test_a_point_is_in_shadow_when_the_way_to_the_light_meets_the_shape(kind):
    shape, gauge = SHAPES[kind]
    bright, instance, points = overhead(shape, Pose((-1.0, -0.2, 1.5)), Light((1.0, 0.4, -1.0), 0.4, 0.5))
    way = np.linspace(0.0, 3.0, 601)[:, None, None]
    depth = gauge(points[..., 0] - way + 1.0, points[..., 1] - 0.4 * way + 0.2, way - 1.5).min(axis=0)
    floor = instance == 0
    dark, clear = floor & (depth < 0.97), floor & (depth > 1.03)
    assert dark.sum() > 200
    assert clear.sum() > 2000
    assert (bright[dark] == 102).all()
    assert (bright[clear] == math.floor(255 * (0.4 + 0.5 / math.sqrt(2.16)) + 0.5)).all()


def test_the_shadow_of_a_sphere_is_the_ellipse_of_its_closed_form():
    """A sphere of radius r at height h under light (1, 0, -1) / √2 shades (x - h)² / 2 + y² < r² on the floor."""
    shape, light = Shape("sphere", (0.5,) * 3), Light((1.0, 0.0, -1.0), 0.4, 0.5)
    bright, instance, points = overhead(shape, Pose((-2.0, 0.0, 2.0)), light)
    reach = np.sqrt(points[..., 0] ** 2 / 2.0 + points[..., 1] ** 2) / 0.5
    floor = instance == 0
    assert (floor & (reach < 0.97)).sum() > 200
    assert (bright[floor & (reach < 0.97)] == 102).all()
    assert (bright[floor & (reach > 1.03)] == math.floor(255 * (0.4 + 0.5 * math.sqrt(0.5)) + 0.5)).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"eye": np.full((B, 2, 3), np.nan)}, "finite"),
        ({"eye": np.zeros((B, 3))}, "eye must be"),
        ({"axes": np.zeros((B, 1, 3, 3))}, "axes"),
        ({"height": 0}, "height"),
        ({"fov": 3.2}, "fov"),
        ({"kinds": ("colour",)}, "kinds must be some of rgb, depth, instance, got .*colour"),
        ({"kinds": ()}, "kinds"),
        ({"supersample": 3}, "supersample"),
        ({"threads": 0}, "threads"),
        ({"out": {"rgb": np.zeros((1, 1), np.uint8)}}, "out"),
    ],
)
def test_wrong_arguments_are_refused(rooms, views, change, match):
    options = {"eye": views[0], "axes": views[1], "height": 16, "width": 16, "fov": FOV} | change
    with pytest.raises(ValueError, match=match):
        cpu.render(rooms, **options)


def test_nan_in_one_row_names_the_row(rooms, views):
    eye = views[0].copy()
    eye[3, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"rows \[3\]"):
        cpu.render(rooms, eye, views[1], 16, 16, FOV)
