"""The habitat backend with habitat-sim itself. Skipped where that is not installed (docs/habitat/README.md)."""

import subprocess

import numpy as np
import pytest

from loci.sim.backends.habitat import HabitatBackend
from loci.sim.backends.habitat.process import find_python
from loci.sim.geometry import camera_to_world
from loci.sim.render.cpu import render
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Room, Shape, World


def installed() -> bool:
    """Whether habitat-sim can be imported in its own Python."""
    try:
        command = find_python()
    except (ImportError, FileNotFoundError):
        return False
    return subprocess.run([*command, "-c", "import habitat_sim"], capture_output=True, check=False).returncode == 0


real = pytest.mark.skipif(not installed(), reason="habitat-sim is not installed: docs/habitat/README.md")


def stage(*bodies: Body) -> World:
    floor = Body("floor", "floor", (Shape("plane", (3.0, 3.0, 0.0)),))
    return World((floor, *bodies), (Room("room", (-3, -3, -1), (3, 3, 3)),))


def slab(x: float) -> World:
    return stage(Body("slab", "wall", (Shape("box", (0.1, 2.5, 2.0)),), Pose.at(x + 0.1, 0.0, 1.0)))


def cube(name: str, x: float, y: float) -> Body:
    return Body(name, "cube", (Shape("box", (0.1, 0.1, 0.1)),), Pose.at(x, y, 0.4, 0.7))


@real
def test_real_habitat_reads_a_wall_two_metres_ahead_as_two_metres_everywhere() -> None:
    backend = HabitatBackend(1)
    backend.load(0, slab(2.0))
    images = backend.render(Camera(32, 32, fov=0.8, pitch=0.0), ("depth", "instance"))
    np.testing.assert_allclose(images["depth"][0], 2.0, atol=2e-3)
    assert (images["instance"][0] == 1).all()
    backend.close()


@real
def test_real_habitat_names_the_bodies_the_ray_caster_names() -> None:
    backend = HabitatBackend(1)
    backend.load(0, stage(cube("a", 1.2, 0.4), cube("b", 1.5, -0.3), cube("c", 1.8, 0.1)))
    camera = Camera(64, 96, pitch=-0.3)
    found = backend.render(camera, ("depth", "instance"))
    eye, axes = camera_to_world(*backend.agents(), camera.eye, camera.pitch)
    wanted = render(backend.scene, eye[:, None], axes[:, None], 64, 96, camera.fov, kinds=("depth", "instance"))
    same = found["instance"] == wanted["instance"][:, 0]
    assert same.mean() > 0.98
    np.testing.assert_allclose(found["depth"][same], wanted["depth"][:, 0][same], atol=0.01)
    backend.close()


@real
def test_real_habitat_stops_the_agent_at_a_wall() -> None:
    backend = HabitatBackend(1, radius=0.2)
    backend.load(0, slab(1.0))
    backend.step({"velocity": np.array([[2.0, 0.0]]), "turn": np.zeros(1)}, 1.0)
    assert backend.agent(0)[0] == pytest.approx(0.8, abs=0.11)
    backend.close()
