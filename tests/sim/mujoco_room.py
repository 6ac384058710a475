"""A room for the tests of the MuJoCo backend: things to put in it, a stage to put them on, one command."""

import numpy as np

from loci.sim.backends.mujoco import MujocoBackend
from loci.sim.joints import Joint
from loci.sim.world import Body, Pose, Shape, World
from loci.sim.worlds.rooms import walled_room


def box(x: float, y: float, half: float = 0.15, mass: float = 1.0, name: str = "box", z: float = 0.0) -> Body:
    shape = Shape("box", (half,) * 3, pose=Pose((0.0, 0.0, half)))
    return Body(name, "box", (shape,), Pose.at(x, y, z), mass)


def ball(x: float, y: float, z: float, mass: float = 1.0) -> Body:
    return Body("ball", "ball", (Shape("sphere", (0.1, 0.1, 0.1)),), Pose.at(x, y, z), mass)


def slab(x: float, half: float, height: float, z: float = 0.0, name: str = "slab") -> Body:
    """A fixed board across the way of the agent, 4 cm thick."""
    shape = Shape("box", (0.02, half, height / 2), pose=Pose((0.0, 0.0, height / 2)))
    return Body(name, "slab", (shape,), Pose.at(x, 0.0, z))


def door(x: float = 1.5) -> Body:
    leaf = Shape("box", (0.02, 0.4, 1.0), pose=Pose((0.0, 0.4, 1.0)))
    return Body("door", "door", (leaf,), Pose.at(x, -0.4), 0.0, Joint("hinge", (0.0, 0.0, 1.0), -1.5))


def stage(*bodies: Body, spawn: Pose | None = None, **settings: object) -> MujocoBackend:
    backend = MujocoBackend(1, **settings)  # type: ignore[arg-type]
    backend.load(0, walled_room(0, 6.0, bodies=bodies, spawns=(spawn or Pose(),)))
    return backend


def go(backend: MujocoBackend, forward: float = 0.0, left: float = 0.0, turn: float = 0.0, seconds: float = 1.0,
       **more: np.ndarray) -> dict[str, np.ndarray]:  # fmt: skip
    return backend.step({"velocity": np.array([[forward, left]]), "turn": np.array([turn])} | more, seconds)


def inside(backend: MujocoBackend, row: int = 0):  # type: ignore[no-untyped-def]
    """MuJoCo's own numbers, for laws about them."""
    return backend._simulations[row]


def crowd(seed: int) -> World:
    """A room with a dozen loose things, a door, a fixed stone and a load before the agent."""
    rng = np.random.default_rng(seed)
    kinds = ("box", "sphere", "cylinder", "capsule")
    bodies = [box(0.7, 0.0, 0.1, name="load"), door(2.5), box(-2.5, 0.0, 0.2, 0.0, "stone")]
    for i in range(12):
        x, y = (1.2 + 0.5 * (i % 3)) * np.cos(0.6 * i + 0.5), (1.2 + 0.5 * (i % 3)) * np.sin(0.6 * i + 0.5)
        size = (0.15, 0.15, 0.15 if kinds[i % 4] == "sphere" else float(rng.uniform(0.16, 0.3)))
        shape = Shape(kinds[i % 4], size)  # type: ignore[arg-type]
        bodies.append(Body(f"thing_{i}", "thing", (shape,), Pose.at(float(x), float(y), size[2]), 0.5))
    return walled_room(seed, 6.0, bodies=tuple(bodies), spawns=(Pose(),))
