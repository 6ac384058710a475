"""The engine, and its conventions: quaternions xyzw, poses of a centre of mass instead of a body's origin."""

import weakref
from collections.abc import Sequence
from typing import Any

from loci.sim.pose import Pose, Vector

try:
    import pybullet as bullet
except ImportError as error:
    raise ImportError("this backend runs on the package pybullet: pip install 'loci[pybullet]'") from error

__all__ = ["bullet", "centred", "connect", "from_engine", "ignore", "xyzw"]


def connect(owner: object) -> tuple[int, weakref.finalize]:
    """A client without graphics, and what ends it: called at the latest when its owner is gone."""
    client = bullet.connect(bullet.DIRECT)
    if client < 0:
        raise RuntimeError("pybullet gives no further client; a process has 1024 at most")
    return int(client), weakref.finalize(owner, bullet.disconnect, physicsClientId=client)


def xyzw(pose: Pose) -> tuple[float, float, float, float]:
    w, x, y, z = pose.wxyz
    return (x, y, z, w)


def centred(pose: Pose, centre: Vector) -> tuple[Vector, tuple[float, float, float, float]]:
    """What the engine calls the pose of a body whose origin is at `pose`: its centre of mass and xyzw."""
    return pose.point(centre), xyzw(pose)


def from_engine(position: Sequence[float], orientation: Sequence[float]) -> Pose:
    (x, y, z), (qx, qy, qz, qw) = position, orientation
    return Pose((x, y, z), (qw, qx, qy, qz))


def ignore(client: int, first: tuple[int, int], second: tuple[int, int], ignored: bool = True) -> None:
    """Let two (body, link) pass through each other, or not any more."""
    numbers: Any = (first[0], second[0], first[1], second[1])
    bullet.setCollisionFilterPair(*numbers, 0 if ignored else 1, physicsClientId=client)
