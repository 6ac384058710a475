"""A room for the tests of the Bullet backend: things to put in it, engines to run it, one command."""

from collections.abc import Iterator

import numpy as np
import pytest

from loci.sim.backends.pybullet import PybulletBackend
from loci.sim.joints import Joint
from loci.sim.world import Body, Pose, Shape, World
from loci.sim.worlds.rooms import walled_room

RADIUS = 0.2
KINDS = ("box", "sphere", "cylinder", "capsule")


def solid(
    name: str,
    kind: str = "box",
    at: Pose | None = None,
    half: float = 0.1,
    mass: float = 1.0,
    joint: Joint | None = None,
) -> Body:
    size = (half, half, 1.5 * half if kind == "capsule" else half)
    part = Shape(kind, size, (0.2, 0.5, 0.8), pose=Pose.at(0.0, 0.0, size[2]))
    return Body(name, kind, (part,), at or Pose(), mass, joint)


def door(span: float = 1.5, kind: str = "hinge", opening: float = 0.0) -> Body:
    axis = (0.0, 0.0, 1.0) if kind == "hinge" else (-1.0, 0.0, 0.0)
    leaf = Shape("box", (0.02, 0.3, 0.4), pose=Pose.at(0.0, 0.3, 0.45))
    return Body("door", "door", (leaf,), Pose.at(1.5, 0.0), 0.0, Joint(kind, axis, span, opening=opening))


def room(*bodies: Body, spawn: Pose | None = None) -> World:
    return walled_room(0, 5.0, bodies=bodies, spawns=(spawn or Pose(),))


@pytest.fixture(scope="module")
def engine() -> Iterator[PybulletBackend]:
    backend = PybulletBackend(1, radius=RADIUS)
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def rover() -> Iterator[PybulletBackend]:
    backend = PybulletBackend(1, radius=RADIUS, robot="rover")
    yield backend
    backend.close()


def go(
    backend: PybulletBackend, forward: float = 0.0, left: float = 0.0, turn: float = 0.0, seconds: float = 1.0, **more
) -> dict[str, np.ndarray]:
    return backend.step({"velocity": np.array([[forward, left]]), "turn": np.array([turn])} | more, seconds)
