"""Recordings as a log for Foxglove, read by an independent reader: topics, pictures, places, frames."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loci.agents.viewer.eye import Eye
from loci.agents.viewer.recording import save
from loci.agents.viewer.shots import large
from loci.sim.geometry import camera_to_world, project
from loci.sim.pose import Pose
from loci.sim.sensors import Camera
from loci.sim.world import Body, Shape, World
from tests.agents import viewer_episode
from tests.agents.viewer_episode import ABOUT, STRANGE, every_layer

episode, camera = viewer_episode.episode, viewer_episode.camera


def messages(path: Path) -> tuple[dict[str, list[Any]], dict[str, str], list[tuple[str, int]]]:
    """What an independent reader finds: {topic: messages}, {topic: schema}, and topics with times in the file's order.
    Foxglove's messages are decoded with the descriptors that the file itself holds."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from mcap.reader import make_reader

    found: dict[str, list[Any]] = {}
    schemas, order = {}, []
    with open(path, "rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert schema is not None
            if channel.message_encoding == "json":
                decoded = json.loads(message.data)
            else:
                pool = descriptor_pool.DescriptorPool()
                for part in descriptor_pb2.FileDescriptorSet.FromString(schema.data).file:
                    pool.Add(part)
                decoded = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name))()
                decoded.ParseFromString(message.data)
            found.setdefault(channel.topic, []).append(decoded)
            schemas[channel.topic] = schema.name
            order.append((channel.topic, message.log_time))
    return found, schemas, order


@pytest.fixture(scope="module")
def logged(episode: Any, camera: Camera, tmp_path_factory: pytest.TempPathFactory) -> Any:
    for package in ("foxglove", "mcap", "google.protobuf"):
        pytest.importorskip(package)
    history = [replace(snapshot, drawing=every_layer()) for snapshot in episode]
    return messages(save(history, tmp_path_factory.mktemp("mcap") / "episode.mcap", camera, ABOUT))


def test_a_log_has_the_topics_and_types_that_foxglove_knows(logged: Any, episode: Any) -> None:
    found, schemas, order = logged
    kinds = {
        "/camera": "CompressedImage", "/seen": "CompressedImage", "/camera/depth": "RawImage", "/scene": "SceneUpdate",
        "/tf": "FrameTransforms", "/camera/calibration": "CameraCalibration", "/memory/cloud": "SceneUpdate",
        "/memory/tree": "SceneUpdate", "/memory/graph": "SceneUpdate", "/memory/things": "SceneUpdate",
    }  # fmt: skip
    for topic, kind in kinds.items():
        assert schemas[topic] == f"foxglove.{kind}"
        assert len(found[topic]) == len(episode)
    for topic in ("/reward", "/memory/rows", "/memory/hidden", "/memory/chunks"):
        assert len(found[topic]) == len(episode)
    assert [one.message for one in found["/words"]] == [STRANGE]
    assert [one.message for one in found["/instruction"]] == ["pick up the dax"]
    assert [one["name"] for one in found["/action"]] == ["forward", "turn left", "forward", "back"]
    assert found["/memory/rows"][0]["words"] == [snapshot.words for snapshot in episode[:2]]
    times = [time for _, time in order]
    assert times == sorted(times)
    assert sorted(set(times)) == [500_000_000 * step for step in range(len(episode))]


def test_pictures_of_a_log_are_those_of_the_eye(logged: Any, episode: Any, camera: Camera) -> None:
    found, _, _ = logged
    for step, snapshot in enumerate(episode):
        exact = Eye().look(snapshot, large(camera))
        depth = found["/camera/depth"][step]
        values = np.frombuffer(depth.data, "<f4").reshape(depth.height, depth.width)
        np.testing.assert_array_equal(values, exact["depth"])
        assert (depth.encoding, depth.step) == ("32FC1", 4 * depth.width)
        view = np.asarray(Image.open(io.BytesIO(found["/camera"][step].data)), int)
        assert np.abs(view - exact["rgb"]).mean() < 8
        seen = np.asarray(Image.open(io.BytesIO(found["/seen"][step].data)))
        np.testing.assert_array_equal(seen, snapshot.seen)


def test_a_log_places_bodies_where_they_are(logged: Any, episode: Any) -> None:
    found, _, _ = logged
    compared = 0
    for scene, snapshot in zip(found["/scene"], episode, strict=True):
        assert [entity.id for entity in scene.entities] == [body.name for body in snapshot.world.bodies]
        for entity, body, row in zip(scene.entities, snapshot.world.bodies, snapshot.poses.tolist(), strict=True):
            solids = [shape for shape in body.parts if shape.kind in ("box", "cylinder")]
            shown = [*entity.cubes, *entity.cylinders]
            if {shape.kind for shape in body.parts} - {"box", "cylinder"}:
                continue
            assert len(shown) == len(solids)
            for cube, shape in zip(shown, sorted(solids, key=lambda solid: solid.kind), strict=True):
                compared += 1
                where = Pose(tuple(row[:3]), tuple(row[3:])) @ shape.pose
                size, position, turn = cube.size, cube.pose.position, cube.pose.orientation
                np.testing.assert_allclose((position.x, position.y, position.z), where.position, atol=1e-9)
                np.testing.assert_allclose((turn.w, turn.x, turn.y, turn.z), where.wxyz, atol=1e-9)
                np.testing.assert_allclose((size.x, size.y, size.z), 2 * np.array(shape.size))
                np.testing.assert_allclose((cube.color.r, cube.color.g, cube.color.b), shape.colour)
    assert compared >= 4 * len(episode)


def test_frames_and_calibration_of_a_log_project_as_the_suite_does(logged: Any, episode: Any, camera: Camera) -> None:
    found, _, _ = logged
    points = np.array([[0.3, 0.2, 0.1], [1.0, -1.0, 0.5]])
    fine = large(camera)
    for step, snapshot in enumerate(episode):
        chain = Pose()
        parents = ["world", "agent"]
        for one, parent in zip(found["/tf"][step].transforms, parents, strict=True):
            assert one.parent_frame_id == parent
            t, q = one.translation, one.rotation
            chain = chain @ Pose((t.x, t.y, t.z), (q.w, q.x, q.y, q.z))
        local = np.array([chain.inverse().point(point) for point in points])
        image = local @ np.array(found["/camera/calibration"][step].K).reshape(3, 3).T
        x, y, yaw = snapshot.agent
        eye, axes = camera_to_world(np.array([x, y, 0.0]), np.array(yaw), camera.eye, camera.pitch)
        pixels, depth = project(points, fine.height, fine.width, fine.fov, eye, axes)
        np.testing.assert_allclose(local[:, 2], depth, atol=1e-9)
        front = depth > 0
        np.testing.assert_allclose((image[:, :2] / image[:, 2:])[front], pixels[front], atol=1e-6)


def test_every_kind_of_shape_is_in_a_log(episode: Any, camera: Camera, tmp_path: Path) -> None:
    for package in ("foxglove", "mcap", "google.protobuf"):
        pytest.importorskip(package)
    mesh = tmp_path / "wedge.obj"
    mesh.write_text("v 0 0 0\nv 2 0 0\nv 0 2 0\nv 0 0 2\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    shapes = (
        Shape("sphere", (0.1, 0.1, 0.1)), Shape("cylinder", (0.1, 0.1, 0.4)), Shape("capsule", (0.1, 0.1, 0.4)),
        Shape("plane", (1.0, 2.0, 0.0)), Shape("mesh", (0.5, 0.25, 0.25), mesh=str(mesh)),
    )  # fmt: skip
    world = World((Body("all", "thing", shapes, Pose((0.0, 0.0, 1.0))),))
    step = replace(episode[0], world=world, poses=np.array([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]]))
    (scene,) = messages(save([step], tmp_path / "shapes.mcap", camera, ABOUT))[0]["/scene"]
    (entity,) = scene.entities
    assert [round(one.pose.position.z, 9) for one in entity.spheres] == [1.0, 0.7, 1.3]
    assert [round(one.size.z, 9) for one in entity.cylinders] == [0.8, 0.6]
    assert [one.bottom_scale for one in entity.cylinders] == [1.0, 1.0]
    (floor,) = entity.cubes
    assert floor.pose.position.z + floor.size.z / 2 == pytest.approx(1.0)
    corners = np.array([(p.x, p.y, p.z) for p in entity.triangles[0].points])
    assert len(corners) == 12 == len(entity.triangles[0].colors)
    np.testing.assert_allclose(np.abs(corners).max(axis=0), (0.5, 0.25, 0.25), rtol=1e-6)


def test_a_missing_package_is_named_with_its_cure(
    episode: Any, camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "foxglove", None)
    with pytest.raises(ImportError, match=r"pip install 'loci\[viewer\]'"):
        save(episode, tmp_path / "episode.mcap", camera, ABOUT)
    assert not list(tmp_path.iterdir())
