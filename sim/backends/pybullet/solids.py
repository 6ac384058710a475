"""Bodies of a world as multibodies of the engine: solid shapes, masses, joints.

A body with mass is free, one without is fixed, and one with a joint is a fixed base with a single link. The engine
speaks of centres of mass, so each solid remembers where its own is.
"""

import math
import tempfile
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from loci.sim.backends.pybullet.engine import bullet, centred, ignore, xyzw
from loci.sim.pose import Pose, Vector
from loci.sim.render.meshes import read
from loci.sim.world import Body, Shape

SLAB = 0.05
"""Half the thickness in metres of the slab under a plane, whose upper face is the plane."""
FRICTION = 0.8
ROUND = ("sphere", "cylinder", "capsule")
ROLLING = 1e-3
"""Rolling friction of bodies with round parts, so that they come to rest and sleep."""
SPIN_LOSS = 0.1
"""Share of the angular velocity that a free body loses in a second."""
DOOR_MASS = 2.0
"""Kilograms of a body with a joint whose mass is not given."""
GAP = 0.02
"""A body with a joint passes through what is fixed and nearer than this, in metres, when it is closed: its frame."""


@dataclass(frozen=True)
class Solid:
    """A body in the engine: its number, moving link and shape, and its centre of mass in the body's frame, metres."""

    body: Body
    number: int
    link: int
    shape: int
    centre: Vector

    @property
    def free(self) -> bool:
        return self.body.mass > 0.0 and self.body.joint is None


def build(client: int, body: Body) -> Solid:
    """Make a body in the engine where it stands when the world begins."""
    if body.joint is not None:
        return _hinged(client, body)
    centre = _centre(body) if body.mass > 0.0 else (0.0, 0.0, 0.0)
    shape = _collision(client, body, body.mass == 0.0, (0.0, 0.0, 0.0))
    number = bullet.createMultiBody(
        body.mass, shape, -1, body.pose.position, xyzw(body.pose), centre, flags=bullet.URDF_ENABLE_SLEEPING,
        physicsClientId=client,
    )  # fmt: skip
    _dynamics(client, body, number, -1)
    position, orientation = centred(body.pose, centre)
    bullet.resetBasePositionAndOrientation(number, position, orientation, physicsClientId=client)
    return Solid(body, number, -1, shape, centre)


def _hinged(client: int, body: Body) -> Solid:
    joint: Any = body.joint
    mass, centre, anchor = body.mass or DOOR_MASS, _centre(body), joint.anchor
    back = (-anchor[0], -anchor[1], -anchor[2])
    shape = _collision(client, body, False, back)
    number = bullet.createMultiBody(
        0.0, -1, -1, body.pose.position, xyzw(body.pose), linkMasses=[mass],
        linkCollisionShapeIndices=[shape], linkVisualShapeIndices=[-1],
        linkPositions=[anchor], linkOrientations=[(0.0, 0.0, 0.0, 1.0)],
        linkInertialFramePositions=[Pose(back).point(centre)], linkInertialFrameOrientations=[(0.0, 0.0, 0.0, 1.0)],
        linkParentIndices=[0], linkJointAxis=[joint.axis], physicsClientId=client,
        linkJointTypes=[bullet.JOINT_REVOLUTE if joint.kind == "hinge" else bullet.JOINT_PRISMATIC],
    )  # fmt: skip
    _dynamics(client, body, number, 0)
    bullet.changeDynamics(
        number, 0, jointLowerLimit=min(0.0, joint.span), jointUpperLimit=max(0.0, joint.span), jointDamping=0.1,
        physicsClientId=client,
    )  # fmt: skip
    return Solid(body, number, 0, shape, centre)


def free_from_frames(client: int, solids: list[Solid]) -> set[tuple[str, str]]:
    """Let each closed body with a joint pass through the fixed bodies, and others with joints, that it touches; the
    names of these pairs."""
    pairs = set()
    for solid in solids:
        for other in solids if solid.body.joint is not None else ():
            ends = (solid.number, solid.link), (other.number, other.link)
            if other is not solid and not other.free and _near(client, *ends):
                ignore(client, *ends)
                pairs.add((min(solid.body.name, other.body.name), max(solid.body.name, other.body.name)))
    return pairs


def _near(client: int, first: tuple[int, int], second: tuple[int, int]) -> bool:
    (a, link_a), (b, link_b) = first, second
    return bool(bullet.getClosestPoints(a, b, GAP, link_a, link_b, physicsClientId=client))


def _dynamics(client: int, body: Body, number: int, link: int) -> None:
    rolling = ROLLING if body.mass > 0.0 and any(part.kind in ROUND for part in body.parts) else 0.0
    bullet.changeDynamics(
        number, link, lateralFriction=FRICTION, rollingFriction=rolling, spinningFriction=rolling, linearDamping=0.0,
        angularDamping=SPIN_LOSS, physicsClientId=client,
    )  # fmt: skip


def _collision(client: int, body: Body, fixed: bool, shift: Vector) -> int:
    """The parts as one shape, moved by `shift`; meshes are filled to their convex hulls unless fixed."""
    # Lists, because the engine crashes on some of these when they are tuples.
    columns = map(list, zip(*[_arguments(part, fixed, shift) for part in body.parts], strict=True))
    kinds, halves, radii, lengths, files, scales, flags, positions, turns = columns
    shape = bullet.createCollisionShapeArray(
        shapeTypes=kinds, halfExtents=halves, radii=radii, lengths=lengths, fileNames=files, meshScales=scales,
        flags=flags, collisionFramePositions=positions, collisionFrameOrientations=turns, physicsClientId=client,
    )  # fmt: skip
    if shape < 0:
        raise ValueError(f"pybullet takes no collision shape for body {body.name!r}: {body.parts}")
    return int(shape)


def _arguments(part: Shape, fixed: bool, shift: Vector) -> tuple[Any, ...]:
    (x, y, z), file, flags, pose = part.size, "", 0, Pose(shift) @ part.pose
    if part.kind == "plane":
        z, pose = SLAB, pose @ Pose.at(0.0, 0.0, -SLAB)
    if part.kind == "mesh":
        file, flags = mesh_file(part.mesh), bullet.GEOM_FORCE_CONCAVE_TRIMESH if fixed else 0
    length = 2.0 * (z - x) if part.kind == "capsule" else 2.0 * z
    return (_KINDS[part.kind], (x, y, z), x, length, file, part.size, flags, pose.position, xyzw(pose))


_KINDS = {
    "box": bullet.GEOM_BOX, "plane": bullet.GEOM_BOX, "sphere": bullet.GEOM_SPHERE, "cylinder": bullet.GEOM_CYLINDER,
    "capsule": bullet.GEOM_CAPSULE, "mesh": bullet.GEOM_MESH,
}  # fmt: skip


@lru_cache(maxsize=1024)
def mesh_file(path: str) -> str:
    """A file the engine reads, with the mesh centred and scaled to half extents 1, kept while the process lives."""
    corners = read(path).corners.reshape(-1, 3)
    points, order = np.unique(corners, axis=0, return_inverse=True)
    lines = ["v {:.9g} {:.9g} {:.9g}".format(*point) for point in points]
    lines += ["f {} {} {}".format(*face) for face in order.reshape(-1, 3) + 1]
    with tempfile.NamedTemporaryFile("w", suffix=".obj", dir=_folder().name, delete=False) as file:
        file.write("\n".join(lines) + "\n")
    return file.name


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="loci_pybullet_")


def _centre(body: Body) -> Vector:
    """Centre of mass of parts of equal density, in the body's frame."""
    volumes = np.array([_volume(part) for part in body.parts])
    x, y, z = volumes @ np.array([part.pose.point(_middle(part)) for part in body.parts]) / volumes.sum()
    return float(x), float(y), float(z)


def _volume(part: Shape) -> float:
    x, y, z = part.size
    if part.kind == "capsule":
        return math.pi * x * x * (2.0 * (z - x) + 4.0 / 3.0 * x)
    if part.kind == "mesh":
        return x * y * z * _filled(part.mesh)[0]
    return x * y * max(z, 1e-6) * {"sphere": 4.0 / 3.0 * math.pi, "cylinder": 2.0 * math.pi}.get(part.kind, 8.0)


def _middle(part: Shape) -> Vector:
    """Centre of mass of a part in its own frame."""
    (x, y, z), (cx, cy, cz) = part.size, _filled(part.mesh)[1] if part.kind == "mesh" else (0.0, 0.0, 0.0)
    return x * cx, y * cy, z * cz


@lru_cache(maxsize=1024)
def _filled(path: str) -> tuple[float, Vector]:
    """Volume and centre of a mesh of half extents 1, by the tetrahedra between its triangles and the middle; those of
    its bounding box where the triangles bound no volume."""
    mesh = read(path)
    corners = mesh.corners.astype(np.float64)
    volumes = np.linalg.det(corners) / 6.0
    if not mesh.closed or volumes.sum() < 1e-3:
        return 8.0, (0.0, 0.0, 0.0)
    x, y, z = volumes @ corners.mean(axis=1) * 0.75 / volumes.sum()
    return float(volumes.sum()), (float(x), float(y), float(z))
