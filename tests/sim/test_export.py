"""Exported worlds: the bytes keep the rules of glTF, an independent reader finds every body where it is, and rays hit
the exported surfaces where the ray caster sees the world."""

import io
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from loci.sim.geometry import camera_to_world, pixel_rays, wxyz_to_matrix
from loci.sim.joints import Joint
from loci.sim.render.cpu import render
from loci.sim.render.pack import Scene
from loci.sim.world import Body, Pose, Room, Shape, World
from loci.sim.worlds.export import SECTIONS, glb, linear, write_glb, write_habitat, y_up
from loci.sim.worlds.objects import Compounds
from loci.sim.worlds.rooms import walled_room

SIZES = {"box": (0.3, 0.2, 0.4), "sphere": (0.3, 0.3, 0.3), "cylinder": (0.25, 0.25, 0.4), "capsule": (0.2, 0.2, 0.5),
         "plane": (0.5, 0.3, 0.0)}  # fmt: skip
HERE = Pose()
TILTED = Pose((0.1, -0.2, 0.3), (0.8, 0.36, 0.48, 0.0))


def one(kind: str, pose: Pose = HERE, part: Pose = HERE) -> World:
    body = Body("thing", "toy", (Shape(kind, SIZES[kind], (0.8, 0.4, 0.2), pose=part),), pose)  # type: ignore[arg-type]
    return World((body,))


def household() -> World:
    """A room with compounds, a tilted capsule and a cupboard door that stands half open."""
    things = [replace(Compounds().body(n, f"c{n}"), pose=Pose.at(n - 1.5, 1.0, 0.0, n)) for n in range(4)]
    capsule = Body("capsule", "toy", (Shape("capsule", SIZES["capsule"]),), Pose((0.5, -1.0, 1.0), TILTED.wxyz), 0.5)
    panel = Shape("box", (0.4, 0.02, 0.5), pose=Pose.at(0.4, 0.0, 0.5))
    door = Body("door", "door", (panel,), Pose.at(-1.5, -1.0), joint=Joint("hinge", (0.0, 0.0, 1.0), 1.2, opening=0.5))
    return walled_room(3, bodies=(*things, capsule, door))


def read(data: bytes) -> tuple[dict[str, Any], bytes]:
    """JSON and binary chunk, after checking the container."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    chunks, place = [], 12
    while place < len(data):
        size, kind = struct.unpack_from("<I4s", data, place)
        assert size % 4 == 0
        chunks.append((kind, data[place + 8 : place + 8 + size]))
        place += 8 + size
    assert place == len(data)
    assert [kind for kind, _ in chunks] in ([b"JSON"], [b"JSON", b"BIN\0"])
    return json.loads(chunks[0][1]), chunks[1][1] if len(chunks) > 1 else b""


def values(content: dict[str, Any], binary: bytes, number: int) -> np.ndarray:
    """The array of an accessor, after checking that it lies in its view and the view in the buffer."""
    accessor = content["accessors"][number]
    view = content["bufferViews"][accessor["bufferView"]]
    dtype = np.dtype({5126: "<f4", 5125: "<u4"}[accessor["componentType"]])
    wide = {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
    assert view["byteOffset"] % dtype.itemsize == 0
    assert accessor["count"] * wide * dtype.itemsize <= view["byteLength"]
    assert view["byteOffset"] + view["byteLength"] <= content["buffers"][view["buffer"]]["byteLength"]
    array = np.frombuffer(binary, dtype, accessor["count"] * wide, view["byteOffset"]).reshape(-1, wide)
    assert np.isfinite(array).all()
    return array


def triangles(content: dict[str, Any], binary: bytes, mesh: int) -> np.ndarray:
    """Corners (T, 3, 3) of a mesh in its node's frame."""
    found = []
    for primitive in content["meshes"][mesh]["primitives"]:
        corners = values(content, binary, primitive["attributes"]["POSITION"])
        found.append(corners[values(content, binary, primitive["indices"])[:, 0]].reshape(-1, 3, 3))
    return np.concatenate(found).astype(np.float64)


def placed(data: bytes) -> dict[str, np.ndarray]:
    """Corners of every node's triangles in the world of the file."""
    content, binary = read(data)
    result = {}
    for node in content["nodes"]:
        x, y, z, w = node["rotation"]
        turn = wxyz_to_matrix(np.array([w, x, y, z]))
        result[node["name"]] = triangles(content, binary, node["mesh"]) @ turn.T + node["translation"]
    return result


def reach(part: Shape, direction: np.ndarray) -> float:
    """How far a part reaches along a unit vector of its own frame, in closed form."""
    across, along = float(np.hypot(*direction[:2])), abs(float(direction[2]))
    radius, _, half = part.size
    return {
        "box": float(np.abs(direction) @ part.size),
        "plane": float(np.abs(direction) @ part.size),
        "sphere": radius,
        "cylinder": across * radius + along * half,
        "capsule": radius + along * (half - radius),
    }[part.kind]


def bounds(body: Body) -> np.ndarray:
    """Lower and upper corner of a body in its world, z up."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for part in body.parts:
        pose = body.start @ part.pose
        turn = wxyz_to_matrix(np.asarray(pose.wxyz))
        reaches = np.array([reach(part, turn[axis]) for axis in range(3)])
        low = np.minimum(low, np.asarray(pose.position) - reaches)
        high = np.maximum(high, np.asarray(pose.position) + reaches)
    return np.stack([low, high])


@pytest.mark.parametrize("world", [household(), one("sphere"), World()], ids=["household", "sphere", "empty"])
def test_the_file_keeps_the_rules_of_gltf(world: World) -> None:
    content, binary = read(glb(world))
    assert content["asset"]["version"] == "2.0"
    assert len(content.get("nodes", [])) == len(world.bodies)
    assert content["scenes"][content["scene"]].get("nodes", []) == list(range(len(world.bodies)))
    assert all(content[name] for name in content if name not in ("scene", "asset")), "an empty array is not allowed"
    for node in content.get("nodes", []):
        assert np.linalg.norm(node["rotation"]) == pytest.approx(1.0, abs=1e-6)
        assert node["mesh"] < len(content["meshes"])
    for primitive in [p for mesh in content.get("meshes", []) for p in mesh["primitives"]]:
        corners = values(content, binary, primitive["attributes"]["POSITION"])
        accessor = content["accessors"][primitive["attributes"]["POSITION"]]
        assert accessor["min"] == corners.min(axis=0).tolist()
        assert accessor["max"] == corners.max(axis=0).tolist()
        normals = values(content, binary, primitive["attributes"]["NORMAL"])
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
        indices = values(content, binary, primitive["indices"])
        assert len(indices) % 3 == 0
        assert indices.max() < len(corners) == len(normals)
        factor = content["materials"][primitive["material"]]["pbrMetallicRoughness"]["baseColorFactor"]
        assert len(factor) == 4
        assert all(0.0 <= value <= 1.0 for value in factor)


def test_nodes_carry_name_instance_and_category() -> None:
    world = household()
    nodes = read(glb(world))[0]["nodes"]
    assert [node["name"] for node in nodes] == [body.name for body in world.bodies]
    assert [node["extras"] for node in nodes] == [
        {"instance": index, "category": body.category} for index, body in enumerate(world.bodies)
    ]


@pytest.mark.parametrize("kind", sorted(SIZES))
@pytest.mark.parametrize("part", [Pose(), TILTED], ids=["straight", "tilted"])
def test_another_reader_finds_each_body_where_it_is(kind: str, part: Pose) -> None:
    world = one(kind, Pose((1.0, 2.0, 3.0), (0.5, 0.5, -0.5, 0.5)), part)
    expected = y_up(bounds(world.bodies[0]))
    expected = np.stack([expected.min(axis=0), expected.max(axis=0)])
    found = trimesh.load(io.BytesIO(glb(world)), file_type="glb").bounds
    flat = 0.0 if kind in ("box", "plane") else 2.0 * SIZES[kind][0] * (1 - np.cos(np.pi / SECTIONS))
    assert (found[0] >= expected[0] - 1e-6).all()
    assert (found[1] <= expected[1] + 1e-6).all()
    np.testing.assert_allclose(found, expected, atol=flat + 1e-6)


@pytest.mark.parametrize("kind", sorted(SIZES))
def test_straight_parts_have_exact_bounds_and_face_outwards(kind: str) -> None:
    corners = placed(glb(one(kind)))["thing"]
    np.testing.assert_allclose(np.abs(corners).max(axis=(0, 1)), np.abs(y_up(SIZES[kind])), atol=1e-6)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    if kind == "plane":
        assert (normals[:, 1] > 0).all()
    else:
        assert (np.einsum("ij,ij->i", normals, corners.mean(axis=1)) > 0).all()


@pytest.mark.parametrize("kind", ["box", "sphere", "cylinder", "capsule"])
def test_solids_are_closed_and_have_nearly_the_volume_of_the_shape(kind: str) -> None:
    corners = placed(glb(one(kind)))["thing"]
    mesh = trimesh.Trimesh(corners.reshape(-1, 3), np.arange(3 * len(corners)).reshape(-1, 3))
    mesh.merge_vertices()
    x, y, z = SIZES[kind]
    volume = {"box": 8 * x * y * z, "sphere": 4 / 3 * np.pi * x**3, "cylinder": np.pi * x * x * 2 * z,
              "capsule": np.pi * x * x * 2 * (z - x) + 4 / 3 * np.pi * x**3}[kind]  # fmt: skip
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(volume, rel=0.02)
    assert mesh.volume <= volume * (1 + 1e-6)


def test_up_is_turned_to_up_and_handedness_stays() -> None:
    turn = y_up(np.eye(3)).T
    np.testing.assert_array_equal(turn @ [0, 0, 1], [0, 1, 0])
    np.testing.assert_array_equal(turn @ [1, 0, 0], [1, 0, 0])
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_colours_become_linear_and_patterns_their_mean() -> None:
    assert linear(np.array(0.0)) == 0.0
    assert linear(np.array(1.0)) == pytest.approx(1.0)
    assert linear(np.array(0.5)) == pytest.approx(0.21404, abs=1e-5)
    assert linear(np.array(0.04)) == pytest.approx(0.04 / 12.92)
    plain = Shape("box", (1, 1, 1), (0.5, 1.0, 0.0))
    world = World((Body("a", "b", (plain, replace(plain, colour=(1.0, 1.0, 1.0), texture="checker"))),))
    first, second = read(glb(world))[0]["materials"]
    factors = [m["pbrMetallicRoughness"]["baseColorFactor"] for m in (first, second)]
    np.testing.assert_allclose(factors[0], [0.21404, 1.0, 0.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(factors[1], [*[linear(np.array((1.0 + 0.45) / 2))] * 3, 1.0], atol=0.01)


def test_a_mesh_file_keeps_its_size_and_its_face_colours(tmp_path: Path) -> None:
    source = trimesh.creation.box((2.0, 1.0, 1.0))
    source.visual.face_colors = np.tile([255, 0, 128, 255], (12, 1))
    path = str(tmp_path / "box.ply")
    source.export(path)
    world = World((Body("m", "mesh", (Shape("mesh", (0.5, 0.2, 0.1), mesh=path),)),))
    content, binary = read(glb(world))
    np.testing.assert_allclose(np.abs(placed(glb(world))["m"]).max(axis=(0, 1)), (0.5, 0.1, 0.2), atol=1e-6)
    attributes = content["meshes"][0]["primitives"][0]["attributes"]
    np.testing.assert_allclose(values(content, binary, attributes["COLOR_0"])[0], (1.0, 0.0, 0.2158), atol=1e-3)


def first_hits(origin: np.ndarray, rays: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Length in rays at which each ray (R, 3) first meets a triangle (T, 3, 3); inf where none. Möller-Trumbore."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(rays[:, None], second[None])
    scale = np.einsum("rtk,tk->rt", across, first)
    inverse = np.where(np.abs(scale) > 1e-12, 1.0 / np.where(scale == 0.0, 1.0, scale), np.nan)
    start = origin - corners[:, 0]
    u = np.einsum("rtk,tk->rt", across, start) * inverse
    other = np.cross(start, first)
    v = np.einsum("rk,tk->rt", rays, other) * inverse
    length = np.einsum("tk,tk->t", second, other) * inverse
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (length > 1e-6)
    return np.where(inside, length, np.inf).min(axis=1)


def test_rays_meet_the_exported_surfaces_where_the_ray_caster_sees_them() -> None:
    world, size, fov = household(), 24, 1.2
    scene = Scene(1)
    scene.load(0, world)
    eye, axes = camera_to_world(np.array([0.0, -2.0, 0.0]), np.array(1.9), 1.2, -0.4)
    seen = render(scene, eye[None, None], axes[None, None], size, size, fov, kinds=("depth", "instance"))
    rays = y_up(pixel_rays(size, size, fov).reshape(-1, 3) @ axes.T)
    lengths = np.stack([first_hits(y_up(eye), rays, corners) for corners in placed(glb(world)).values()])
    depth, instance = lengths.min(axis=0), lengths.argmin(axis=0)
    same = instance == seen["instance"].ravel()
    assert len(set(instance.tolist())) >= 5
    assert same.mean() > 0.97, "silhouettes of polyhedra differ from round ones by less than a pixel"
    np.testing.assert_allclose(depth[same], seen["depth"].ravel()[same], rtol=0.02)


def test_habitat_files_name_each_other_and_hold_the_world(tmp_path: Path) -> None:
    world = household()
    dataset = write_habitat(world, tmp_path)
    folders = json.loads(dataset.read_text())
    assert dataset.name.endswith(".scene_dataset_config.json")
    for group, ending in (
        ("stages", "stage_config"),
        ("objects", "object_config"),
        ("scene_instances", "scene_instance"),
    ):
        for folder in folders[group]["paths"][".json"]:
            assert list((tmp_path / folder).glob(f"*.{ending}.json"))
    scene = json.loads((tmp_path / "scenes" / "world.scene_instance.json").read_text())
    assert len(scene["object_instances"]) == len(world.bodies)
    whole = placed((tmp_path / "stages" / "stage.glb").read_bytes())
    for index, (body, instance) in enumerate(zip(world.bodies, scene["object_instances"], strict=True)):
        path = tmp_path / "objects" / f"{instance['template_name']}.object_config.json"
        config = json.loads(path.read_text())
        assert config["semantic_id"] == index + 1
        assert config["user_defined"]["name"] == body.name
        assert config.get("mass", 0.0) == body.mass
        fixed = body.mass == 0.0 and body.joint is None
        assert instance["motion_type"] == ("STATIC" if fixed else "KINEMATIC")
        (own,) = placed((path.parent / config["render_asset"]).read_bytes()).values()
        turn = wxyz_to_matrix(np.array(instance["rotation"]))
        np.testing.assert_allclose(own @ turn.T + instance["translation"], whole[body.name], atol=1e-5)


def test_equal_bodies_share_a_file_and_equal_looks_a_material(tmp_path: Path) -> None:
    parts = (Shape("box", (0.1, 0.1, 0.1)),)
    bodies = tuple(Body(f"b{n}", "box", parts, Pose.at(n, 0)) for n in range(5))
    write_habitat(World(bodies), tmp_path)
    assert len(list((tmp_path / "objects").glob("*.glb"))) == 1
    content, _ = read(glb(World(bodies)))
    assert (len(content["meshes"]), len(content["materials"]), len(content["nodes"])) == (1, 1, 5)


def test_a_missing_mesh_and_an_unknown_texture_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file 'gone\.obj'"):
        glb(World((Body("m", "m", (Shape("mesh", (1, 1, 1), mesh="gone.obj"),)),)))
    with pytest.raises(KeyError, match="no texture 'plaid'"):
        glb(World((Body("m", "m", (Shape("box", (1, 1, 1), texture="plaid"),)),)))


def test_the_file_is_what_the_bytes_are(tmp_path: Path) -> None:
    world = World((Body("m", "m", (Shape("box", (1, 1, 1)),)),), (Room("r", (-1, -1, -1), (1, 1, 1)),))
    assert write_glb(world, tmp_path / "w.glb").read_bytes() == glb(world)
