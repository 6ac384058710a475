"""The CPU ray caster against closed forms and laws; test_render_oracle.py compares it with another ray caster."""

import math

import numpy as np
import pytest

from benchmarks.reference_room import poses, reference_room
from loci.sim.geometry import camera_to_world, pixel_rays, wxyz_to_matrix, yaw_to_wxyz
from loci.sim.render import cpu, textures
from loci.sim.render.pack import Scene
from loci.sim.world import Body, Light, Pose, Shape, World

FOV = math.radians(75.0)
SKY = (160, 190, 220)


SUN = Light()


def world(*shapes, light=SUN, poses=None):
    poses = poses or [Pose()] * len(shapes)
    bodies = tuple(Body(f"body_{i}", "thing", (s,), p) for i, (s, p) in enumerate(zip(shapes, poses, strict=True)))
    return World(bodies, lights=(light,) if light else ())


def scene_of(*worlds):
    scene = Scene(len(worlds), 4)
    for row, each in enumerate(worlds):
        scene.load(row, each)
    return scene


def look(*worlds, position=(0.0, 0.0, 0.0), yaw=0.0, pitch=0.0, size=65, fov=FOV, **options):
    """Pictures of one camera in each world, (B, H, W, …); it stands in the origin and looks along x."""
    scene = scene_of(*worlds)
    eye, axes = camera_to_world(np.array([position]), np.array([yaw]), 0.0, pitch)
    eye, axes = np.repeat(eye[None], len(worlds), axis=0), np.repeat(axes[None], len(worlds), axis=0)
    return {kind: image[:, 0] for kind, image in cpu.render(scene, eye, axes, size, size, fov, **options).items()}


def room_views(count=6):
    position, yaw = poses(count)
    eye, axes = camera_to_world(position, yaw, 1.0, math.radians(-15.0))
    return eye[:, None], axes[:, None]


def at(x, y=0.0, z=0.0):
    return Pose((x, y, z))


def test_a_wall_two_metres_ahead_is_two_metres_deep_everywhere():
    images = look(world(Shape("box", (0.5, 9.0, 9.0)), poses=[at(2.5)]))
    assert np.abs(images["depth"] - 2.0).max() < 1e-5
    assert (images["instance"] == 0).all()


def test_depth_equals_the_closed_form_of_each_shape_at_the_centre():
    upright = [Shape("sphere", (0.5,) * 3), Shape("cylinder", (0.4, 0.4, 1.0)), Shape("capsule", (0.3, 0.3, 1.0))]
    depths = look(*[world(shape, poses=[at(3.0)]) for shape in upright])["depth"][:, 32, 32]
    np.testing.assert_allclose(depths, [2.5, 2.6, 2.7], atol=1e-5)
    above = look(*[world(shape, poses=[at(0.0, 0.0, -3.0)]) for shape in upright], pitch=-math.pi / 2)["depth"][
        :, 32, 32
    ]
    np.testing.assert_allclose(above, [2.5, 2.0, 2.0], atol=1e-5)


def test_depth_of_a_sphere_equals_the_closed_form_in_every_pixel():
    images = look(world(Shape("sphere", (0.7,) * 3), poses=[at(2.0, 0.4, -0.3)]))
    centre = np.array([-0.4, 0.3, 2.0])
    rays = pixel_rays(65, 65, FOV)
    a, b = (rays**2).sum(-1), rays @ centre
    rest = b**2 - a * (centre @ centre - 0.49)
    expected = np.where(rest > 0.0, (b - np.sqrt(np.maximum(rest, 0.0))) / a, 0.0)
    same = (images["depth"][0] > 0) == (expected > 0)
    assert same.mean() > 0.999
    assert np.abs(images["depth"][0] - expected)[same & (rest > 1e-3)].max() < 2e-5


def test_right_in_the_world_is_right_in_the_picture_and_up_is_up():
    shapes = [Shape("sphere", (0.2,) * 3)] * 2
    instance = look(world(*shapes, poses=[at(2.0, -0.8, 0.0), at(2.0, 0.0, 0.8)]))["instance"][0]
    rows, columns = np.nonzero(instance == 0)
    assert columns.min() > 32
    assert abs(rows.mean() - 32) < 0.5
    rows, columns = np.nonzero(instance == 1)
    assert rows.max() < 32
    assert abs(columns.mean() - 32) < 0.5


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (1.0, 0.0, -1.0), (1.0, 2.0, -0.5), (-1.0, 0.0, 0.0)])
def test_a_face_has_its_colour_times_ambient_plus_diffuse_times_cosine(direction):
    light = Light(direction, ambient=0.3, diffuse=0.5)
    colour = (0.9, 0.5, 0.1)
    rgb = look(world(Shape("box", (0.5, 9.0, 9.0), colour), light=light, poses=[at(2.5)]))["rgb"]
    cosine = max(0.0, direction[0] / np.linalg.norm(direction))
    expected = np.floor(255.0 * np.array(colour) * (0.3 + 0.5 * cosine) + 0.5)
    assert (np.abs(rgb.astype(int) - expected) <= (0 if cosine in (0.0, 1.0) else 1)).all()


def test_a_sphere_is_brightest_where_it_faces_the_light():
    light = Light((1.0, 0.0, 0.0), ambient=0.2, diffuse=0.6)
    images = look(world(Shape("sphere", (0.9,) * 3, (1.0, 1.0, 1.0)), light=light, poses=[at(3.0)]))
    depth, rays = images["depth"][0], pixel_rays(65, 65, FOV)
    normal_x = (depth * rays[..., 2] - 3.0) / 0.9
    expected = np.floor(255.0 * (0.2 + 0.6 * np.maximum(0.0, -normal_x)) + 0.5)
    assert np.abs(images["rgb"][0, ..., 0] - expected)[depth > 0].max() <= 1


def test_brightness_is_cut_off_at_white_and_no_light_shows_plain_colours():
    wall = Shape("box", (0.5, 9.0, 9.0), (1.0, 0.5, 0.0))
    bright, plain = (
        world(wall, light=Light((1, 0, 0), 1.0, 1.0), poses=[at(2.5)]),
        world(wall, light=None, poses=[at(2.5)]),
    )
    rgb = look(bright, plain)["rgb"][:, 32, 32]
    np.testing.assert_array_equal(rgb, [[255, 255, 0], [255, 128, 0]])


@pytest.mark.parametrize("name", textures.NAMES[1:])
def test_each_texture_shows_its_own_texels_on_a_wall(name):
    wall = Shape("box", (0.5, 2.0, 2.0), (1.0, 1.0, 1.0), name)
    images = look(world(wall, light=None, poses=[at(2.5)]))
    points = 2.0 * pixel_rays(65, 65, FOV)
    row, column = (np.floor(-points[..., i] * 64.0 + 1e-4).astype(int) % 128 for i in (1, 0))
    tile = textures.atlas().view(np.uint8).reshape(-1, 128, 128, 4)[textures.index(name), ..., :3]
    inside = images["instance"][0] == 0
    assert inside.sum() > 3000
    same = (images["rgb"][0] == tile[row, column]).all(axis=-1)
    assert same[inside].mean() > 0.97, "texels on a border may round either way"


@pytest.mark.parametrize("kind", ["sphere", "cylinder", "capsule", "plane"])
def test_textures_multiply_colours_on_every_shape(kind):
    size = (2.0, 2.0, 0.0) if kind == "plane" else (0.8, 0.8, 0.8)
    shapes = [Shape(kind, size, (1.0, 0.0, 0.0), texture) for texture in ("", "checker")]
    rgb = look(*[world(s, light=None, poses=[at(0, 0, -2.0)]) for s in shapes], pitch=-math.pi / 2)["rgb"]
    plain, checked = rgb[0, ..., 0][rgb[0, ..., 1] == 0], rgb[1, ..., 0][rgb[1, ..., 1] == 0]
    assert set(plain) == {255}
    assert set(checked) == {255, 115}


def test_planes_are_seen_from_the_front_only():
    floor = Shape("plane", (5.0, 5.0, 0.0))
    down = look(world(floor, poses=[at(0, 0, -1.5)]), pitch=-math.pi / 2)["depth"]
    up = look(world(floor, poses=[at(0, 0, 1.5)]), pitch=math.pi / 2)["depth"]
    assert np.abs(down - 1.5).max() < 1e-5
    assert (up == 0.0).all()


def test_nothing_is_drawn_behind_the_camera_or_in_an_empty_world():
    kinds = [("box", (0.5,) * 3), ("sphere", (0.5,) * 3), ("cylinder", (0.5,) * 3), ("capsule", (0.3, 0.3, 0.6))]
    behind = world(*[Shape(k, s) for k, s in kinds], poses=[at(-2.0, 0.3 * i) for i in range(4)])
    images = look(behind, World())
    assert (images["depth"] == 0.0).all()
    assert (images["instance"] == -1).all()
    assert (images["rgb"] == SKY).all()


def test_a_camera_inside_a_shape_does_not_see_it():
    wall = Shape("box", (0.5, 9.0, 9.0))
    inside = [
        Shape("box", (0.5,) * 3),
        Shape("sphere", (0.5,) * 3),
        Shape("cylinder", (0.5,) * 3),
        Shape("capsule", (0.5, 0.5, 0.8)),
    ]
    instance = look(*[world(shape, wall, poses=[at(0.1, 0.0, 0.1), at(2.5)]) for shape in inside])["instance"]
    assert (instance == 1).all()


def test_a_room_made_of_boxes_closes_around_the_camera():
    walls = [Shape("box", tuple(3.0 if i != axis else 0.1 for i in range(3))) for axis in (0, 0, 1, 1, 2, 2)]
    centres = [tuple(s * 2.9 * (i == axis) for i in range(3)) for axis in range(3) for s in (1, -1)]
    closed = world(*walls, poses=[Pose(c) for c in centres])
    for yaw, pitch in [(0.0, 0.0), (0.7, 0.3), (2.0, -0.9), (-2.5, 1.2)]:
        images = look(closed, position=(0.3, -0.2, 0.4), yaw=yaw, pitch=pitch, size=128, fov=2.0)
        assert (images["instance"] >= 0).all(), "no ray slips through the edges"


def test_surfaces_that_cross_the_near_plane_are_cut_off_not_lost():
    floor = Shape("plane", (50.0, 50.0, 0.0))
    images = look(world(floor, poses=[at(0, 0, -1.0)]), pitch=-0.3, size=64)
    _, axes = camera_to_world(np.zeros((1, 3)), np.zeros(1), 0.0, -0.3)
    down = (pixel_rays(64, 64, FOV) @ axes[0].T)[..., 2]
    expected = np.where((down < -0.025), -1.0 / down, 0.0)
    clear = (down < -0.03) | (down > 0.0)
    np.testing.assert_allclose(images["depth"][0][clear], expected[clear], rtol=1e-5)


def test_parts_nearer_than_the_near_plane_are_not_seen():
    instance = look(world(Shape("box", (0.001, 9.0, 9.0)), Shape("box", (0.5, 9, 9)), poses=[at(0.005), at(2.5)]))[
        "instance"
    ]
    assert (instance == 1).all()


def test_a_light_turned_with_the_world_gives_the_same_picture():
    base = reference_room()
    eye, axes = room_views(1)
    turn = wxyz_to_matrix(yaw_to_wxyz(np.pi / 2))
    turned = World(
        tuple(Body(b.name, b.category, b.parts, _turned(b.pose)) for b in base.bodies),
        lights=(Light(tuple(turn @ base.lights[0].direction)),),
    )
    first = cpu.render(scene_of(base), eye, axes, 64, 64, FOV)
    second = cpu.render(scene_of(turned), eye @ turn.T, turn @ axes, 64, 64, FOV)
    assert (first["instance"] == second["instance"]).mean() > 0.999
    assert (np.abs(first["rgb"].astype(int) - second["rgb"]) <= 1).mean() > 0.99


def _turned(pose):
    x, y, z = pose.position
    yaw = 2.0 * math.atan2(pose.wxyz[3], pose.wxyz[0])
    return Pose.at(-y, x, z, yaw + np.pi / 2)
