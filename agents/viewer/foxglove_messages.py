"""The suite's bodies, cameras and spatial layers as Foxglove's messages. Needs foxglove-sdk.

Foxglove's shapes are centred on their pose and as long as `size` says, which is twice our half extents.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from foxglove import messages as fox

from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import Boxes, Edges, Labels, Layer, Points
from loci.sim import pose as poses
from loci.sim.geometry import focal_length
from loci.sim.render.meshes import read
from loci.sim.sensors import Camera
from loci.sim.world import Body, Shape

THIN = 0.001
"""Metres; a plane is shown as a box so thin, which lies under it."""
LEVEL = (0.5, -0.5, 0.5, -0.5)
"""wxyz of `AGENT_TO_CAMERA`."""


def stamp(nanoseconds: int) -> fox.Timestamp:
    return fox.Timestamp(*divmod(nanoseconds, 10**9))


def frames(snapshot: Snapshot, camera: Camera, time: fox.Timestamp) -> fox.FrameTransforms:
    """world -> agent -> camera."""
    agent = poses.Pose.at(*snapshot.agent[:2], yaw=snapshot.agent[2])
    chain = (("world", "agent", agent), ("agent", "camera", camera_pose(camera)))
    transforms = [
        fox.FrameTransform(
            timestamp=time, parent_frame_id=parent, child_frame_id=child, translation=_vector(pose.position),
            rotation=_quaternion(pose.wxyz),
        )
        for parent, child, pose in chain
    ]  # fmt: skip
    return fox.FrameTransforms(transforms=transforms)


def camera_pose(camera: Camera) -> poses.Pose:
    """The camera (right, down, forward) in the agent's frame."""
    half = camera.pitch / 2
    tilt = poses.Pose((0.0, 0.0, camera.eye), (math.cos(half), 0.0, -math.sin(half), 0.0))
    return tilt @ poses.Pose(wxyz=LEVEL)


def picture(data: bytes, kind: str, time: fox.Timestamp) -> fox.CompressedImage:
    return fox.CompressedImage(timestamp=time, frame_id="camera", data=data, format=kind)


def depth(image: np.ndarray, time: fox.Timestamp) -> fox.RawImage:
    """Metres (H, W), 0 = nothing hit."""
    height, width = image.shape
    data = np.ascontiguousarray(image, "<f4").tobytes()
    return fox.RawImage(
        timestamp=time, frame_id="camera", width=width, height=height, encoding="32FC1", step=4 * width, data=data
    )


def calibration(camera: Camera, time: fox.Timestamp) -> fox.CameraCalibration:
    focal, column, row = float(focal_length(camera.height, camera.fov)), camera.width / 2, camera.height / 2
    return fox.CameraCalibration(
        timestamp=time, frame_id="camera", width=camera.width, height=camera.height,
        K=[focal, 0.0, column, 0.0, focal, row, 0.0, 0.0, 1.0], R=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        P=[focal, 0.0, column, 0.0, 0.0, focal, row, 0.0, 0.0, 0.0, 1.0, 0.0],
    )  # fmt: skip


def log(text: str, name: str, time: fox.Timestamp) -> fox.Log:
    return fox.Log(timestamp=time, level=fox.LogLevel.Info, message=text, name=name)


def scene(snapshot: Snapshot, time: fox.Timestamp) -> fox.SceneUpdate:
    """The whole room at every step, so that it is there wherever the reader jumps to."""
    clear = fox.SceneEntityDeletion(timestamp=time, type=fox.SceneEntityDeletionType.All)
    rows = snapshot.poses.tolist()
    entities = [_entity(body, row, time) for body, row in zip(snapshot.world.bodies, rows, strict=True)]
    return fox.SceneUpdate(deletions=[clear], entities=entities)


def memory(layer: Layer, time: fox.Timestamp) -> fox.SceneUpdate:
    """A layer of Points, Boxes, Edges or Labels; it replaces that of the step before."""
    parts: dict[str, Any]
    match layer:
        case Points():
            size = _vector((2 * layer.radius,) * 3)
            coloured = zip(layer.positions.tolist(), layer.colours.tolist(), strict=True)
            parts = {"spheres": [fox.SpherePrimitive(pose=_at(p), size=size, color=_ink(c)) for p, c in coloured]}
        case Boxes():
            parts = {"cubes": _cubes(layer)}
        case Edges():
            points, colours = layer.ends.reshape(-1, 3).tolist(), np.repeat(layer.colours, 2, axis=0).tolist()
            line = fox.LinePrimitive(
                type=fox.LinePrimitiveLineType.LineList, thickness=layer.width, scale_invariant=True,
                points=[fox.Point3(x=x, y=y, z=z) for x, y, z in points], colors=[_ink(c) for c in colours],
            )  # fmt: skip
            parts = {"lines": [line]}
        case Labels():
            parts = {"texts": [_text(p, t) for p, t in zip(layer.positions.tolist(), layer.texts, strict=True)]}
        case _:
            raise ValueError(f"a layer with places is needed, got {type(layer).__name__} {layer.title!r}")
    clear = fox.SceneEntityDeletion(timestamp=time, type=fox.SceneEntityDeletionType.All)
    return fox.SceneUpdate(
        deletions=[clear], entities=[fox.SceneEntity(timestamp=time, frame_id="world", id=layer.title, **parts)]
    )


def _entity(body: Body, row: list[float], time: fox.Timestamp) -> fox.SceneEntity:
    x, y, z, *wxyz = row
    where = poses.Pose((x, y, z), (wxyz[0], wxyz[1], wxyz[2], wxyz[3]))
    parts: dict[str, Any] = {"cubes": [], "spheres": [], "cylinders": [], "triangles": []}
    for shape in body.parts:
        for kind, primitive in _primitives(shape, where @ shape.pose):
            parts[kind].append(primitive)
    return fox.SceneEntity(timestamp=time, frame_id="world", id=body.name, **parts)


def _primitives(shape: Shape, pose: poses.Pose) -> list[tuple[str, Any]]:
    """Foxglove's shapes for one of ours; it has no capsule and no plane."""
    x, y, z = shape.size
    there = _pose(pose)
    look: dict[str, Any] = {"size": _vector((2 * x, 2 * y, 2 * z)), "color": _colour(shape.colour)}
    match shape.kind:
        case "box":
            return [("cubes", fox.CubePrimitive(pose=there, **look))]
        case "sphere":
            return [("spheres", fox.SpherePrimitive(pose=there, **look))]
        case "cylinder":
            return [("cylinders", fox.CylinderPrimitive(pose=there, bottom_scale=1.0, top_scale=1.0, **look))]
        case "plane":
            under = _pose(pose @ poses.Pose((0.0, 0.0, -THIN / 2)))
            return [("cubes", fox.CubePrimitive(pose=under, size=_vector((2 * x, 2 * y, THIN)), color=look["color"]))]
        case "capsule":
            trunk = Shape("cylinder", (x, x, max(z - x, THIN)), shape.colour)
            ball = Shape("sphere", (x, x, x), shape.colour)
            tips = [pose @ poses.Pose((0.0, 0.0, end * (z - x))) for end in (-1, 1)]
            return _primitives(trunk, pose) + [part for tip in tips for part in _primitives(ball, tip)]
        case "mesh":
            points, colours = _triangles(shape.mesh, shape.size, shape.colour)
            return [("triangles", fox.TriangleListPrimitive(pose=there, points=points, colors=colours))]


@lru_cache(maxsize=256)
def _triangles(
    mesh: str, size: tuple[float, float, float], colour: tuple[float, float, float]
) -> tuple[list[fox.Point3], list[fox.Color]]:
    """Three corners and three colours a triangle."""
    loaded = read(mesh)
    corners = (loaded.corners.reshape(-1, 3).astype(float) * np.asarray(size)).tolist()
    colours = np.repeat(loaded.colours.astype(float) * np.asarray(colour), 3, axis=0).tolist()
    return [fox.Point3(x=x, y=y, z=z) for x, y, z in corners], [_colour(c) for c in colours]


def _cubes(layer: Boxes) -> list[fox.CubePrimitive]:
    weights = np.ones(len(layer.centres)) if layer.weight is None else layer.weight
    rows = zip(layer.centres.tolist(), (2 * layer.halves).tolist(), layer.colours.tolist(), weights, strict=True)
    return [
        fox.CubePrimitive(pose=_at(centre), size=_vector(size), color=_ink(colour, float(weight)))
        for centre, size, colour, weight in rows
    ]


def _text(place: list[float], text: str) -> fox.TextPrimitive:
    return fox.TextPrimitive(
        pose=_at(place), billboard=True, font_size=14.0, scale_invariant=True, color=_ink([255, 255, 255]), text=text
    )


def _pose(pose: poses.Pose) -> fox.Pose:
    return fox.Pose(position=_vector(pose.position), orientation=_quaternion(pose.wxyz))


def _at(place: list[float]) -> fox.Pose:
    return fox.Pose(position=_vector(place), orientation=_quaternion((1.0, 0.0, 0.0, 0.0)))


def _vector(xyz: Any) -> fox.Vector3:
    x, y, z = xyz
    return fox.Vector3(x=x, y=y, z=z)


def _quaternion(wxyz: tuple[float, float, float, float]) -> fox.Quaternion:
    w, x, y, z = wxyz
    return fox.Quaternion(w=w, x=x, y=y, z=z)


def _colour(colour: Any, alpha: float = 1.0) -> fox.Color:
    """sRGB in 0..1."""
    r, g, b = colour
    return fox.Color(r=r, g=g, b=b, a=alpha)


def _ink(colour: list[int], alpha: float = 1.0) -> fox.Color:
    """sRGB in 0..255."""
    return _colour([part / 255 for part in colour], alpha)
