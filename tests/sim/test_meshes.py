import math

import numpy as np
import pytest

from loci.sim.geometry import camera_to_world
from loci.sim.render import cpu, meshes
from loci.sim.render.pack import Scene
from loci.sim.world import Body, Light, Pose, Shape, World

trimesh = pytest.importorskip("trimesh")

FOV = 0.8


SUN = Light()


def picture(*shapes, light=SUN, size=96, **options):
    """The shapes on top of each other, 3 m ahead, one world each."""
    scene = Scene(len(shapes))
    for row, shape in enumerate(shapes):
        body = Body("thing", "thing", (shape,), Pose.at(3.0, 0.1, 0.2, yaw=0.5))
        scene.load(row, World((body,), lights=(light,) if light else ()))
    eye, axes = camera_to_world(np.zeros((1, 3)), np.zeros(1), 0.0, 0.0)
    eye, axes = np.repeat(eye[None], len(shapes), 0), np.repeat(axes[None], len(shapes), 0)
    return {k: image[:, 0] for k, image in cpu.render(scene, eye, axes, size, size, FOV, **options).items()}


def saved(tmp_path, mesh, name="mesh.stl"):
    path = tmp_path / name
    mesh.export(path)
    return str(path)


def test_the_hierarchy_holds_every_triangle_once_within_its_bounds():
    rng = np.random.default_rng(0)
    corners = rng.normal(size=(500, 1, 3)) + 0.1 * rng.normal(size=(500, 3, 3))
    mesh = meshes.build(corners, np.ones((500, 3)))
    seen = np.zeros(500, int)
    inside = {0: (np.full(3, -np.inf), np.full(3, np.inf))}
    for node, (bounds, (first, count)) in enumerate(zip(mesh.bounds, mesh.links, strict=True)):
        lower, upper = inside[node]
        assert (bounds[:3] >= lower).all()
        assert (bounds[3:] <= upper).all()
        if count > 0:
            assert count <= meshes.LEAF
            seen[first : first + count] += 1
            leaf = mesh.corners[first : first + count]
            assert (leaf >= bounds[:3]).all()
            assert (leaf <= bounds[3:]).all()
        else:
            inside[first] = inside[first + 1] = (bounds[:3], bounds[3:])
    assert (seen == 1).all()
    np.testing.assert_allclose([mesh.corners.min((0, 1)), mesh.corners.max((0, 1))], [[-1] * 3, [1] * 3], atol=1e-6)


def test_many_triangles_in_one_place_stay_within_the_stack():
    mesh = meshes.build(np.repeat(np.eye(3)[None], 3000, axis=0), np.ones((3000, 3)))
    assert len(mesh.corners) == 3000


def test_a_fine_icosphere_looks_like_a_sphere(tmp_path):
    path = saved(tmp_path, trimesh.creation.icosphere(subdivisions=5))
    images = picture(Shape("mesh", (0.8,) * 3, mesh=path), Shape("sphere", (0.8,) * 3))
    same = images["instance"][0] == images["instance"][1]
    assert same.mean() > 0.998
    centre = images["depth"][1] < 2.6
    assert np.abs(images["depth"][0] - images["depth"][1])[same & centre & (images["depth"][1] > 0)].max() < 2e-3
    assert np.abs(images["rgb"][0].astype(int) - images["rgb"][1])[same].mean() < 1.0


@pytest.mark.parametrize("shadows", [False, True])
def test_a_box_of_triangles_equals_a_box_under_any_scale(tmp_path, shadows):
    """The file's box is off centre and of another size; `size` decides."""
    box = trimesh.creation.box((3.0, 0.2, 7.0))
    box.apply_translation((5.0, 6.0, 7.0))
    path = saved(tmp_path, box)
    size = (0.5, 0.9, 0.3)
    images = picture(
        Shape("mesh", size, (0.9, 0.6, 0.3), mesh=path), Shape("box", size, (0.9, 0.6, 0.3)), shadows=shadows
    )
    assert (images["instance"][0] == images["instance"][1]).mean() > 0.9995
    assert (np.abs(images["rgb"][0].astype(int) - images["rgb"][1]) <= 1).all(axis=-1).mean() > 0.999
    assert np.abs(images["depth"][0] - images["depth"][1])[images["instance"][0] == images["instance"][1]].max() < 1e-5


def test_colours_of_the_file_multiply_the_colour_of_the_shape(tmp_path):
    box = trimesh.creation.box()
    box.visual.face_colors = (255, 128, 0, 255)
    shape = Shape("mesh", (0.5,) * 3, (0.5, 1.0, 1.0), mesh=saved(tmp_path, box, "box.ply"))
    images = picture(shape, light=None)
    np.testing.assert_array_equal(np.unique(images["rgb"][images["instance"] == 0], axis=0), [[128, 128, 0]])


def test_an_open_mesh_is_seen_from_both_sides(tmp_path):
    corners = np.array([[0.0, -1.0, -1.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]])
    for order in ([0, 1, 2], [0, 2, 1]):
        path = saved(tmp_path, trimesh.Trimesh(corners, [order]), f"{order[1]}.stl")
        assert (picture(Shape("mesh", (0.5,) * 3, mesh=path))["instance"] == 0).sum() > 500


def test_a_mesh_shades_the_floor_like_the_box_it_is(tmp_path):
    path = saved(tmp_path, trimesh.creation.box())
    scene = Scene(2)
    for row, shape in enumerate([Shape("mesh", (0.5, 0.3, 0.2), mesh=path), Shape("box", (0.5, 0.3, 0.2))]):
        floor = Body("floor", "floor", (Shape("plane", (5.0, 5.0, 0.0)),))
        scene.load(row, World((floor, Body("thing", "thing", (shape,), Pose.at(0.0, 0.0, 1.0, 0.4)))))
    eye, axes = camera_to_world(np.array([[-3.0, 0.0, 2.0]] * 2), np.zeros(2), 0.0, -0.5)
    rgb = cpu.render(scene, eye[:, None], axes[:, None], 128, 128, 1.2, ("rgb",), shadows=True)["rgb"].astype(int)
    assert (np.abs(rgb[0] - rgb[1]) <= 1).all(axis=-1).mean() > 0.998
    lit = cpu.render(scene, eye[:, None], axes[:, None], 128, 128, 1.2, ("rgb",))["rgb"].astype(int)
    assert (lit[0] != rgb[0]).any(axis=-1).sum() > 100


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.obj"):
        meshes.read(str(tmp_path / "missing.obj"))
    for name, content in [("broken.stl", b"solid nothing"), ("empty.obj", b""), ("odd.glb", b"12345678")]:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=name):
            meshes.read(str(path))


def test_one_mesh_in_many_places_is_stored_once(tmp_path):
    path = saved(tmp_path, trimesh.creation.icosphere(subdivisions=1))
    other = saved(tmp_path, trimesh.creation.box(), "box.stl")
    library = meshes.Library()
    assert [library.number(p) for p in (path, other, path, other)] == [0, 1, 0, 1]
    normals = library.triangles.reshape(-1, 12, meshes.LEAF)[:, 9:]
    assert np.abs(normals).sum(axis=1).astype(bool).sum() == 80 + 12
    assert math.isclose(library.roots[2], len(meshes.read(path).bounds))
