"""Physics by MuJoCo: its own renderer against the ray caster, and what it refuses to draw."""

import importlib.util
import os
import subprocess
import sys

import pytest

pytest.importorskip("mujoco")

from loci.sim.backends.mujoco import MujocoBackend
from loci.sim.sensors import Camera
from tests.sim.mujoco_room import stage


def test_without_a_gl_platform_the_error_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(RuntimeError, match="needs MUJOCO_GL to be egl, osmesa or glfw: pip install mujoco"):
        MujocoBackend(renderer="gl")


def test_what_gl_does_not_draw_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "egl")
    backend = stage(renderer="gl")
    with pytest.raises(ValueError, match="renderer 'gl' draws neither shadows nor supersampled pictures"):
        backend.render(Camera(8, 8, shadows=True), ("rgb",))
    with pytest.raises(ValueError, match="renderer 'gl' draws rgb, depth, instance, got normal"):
        backend.render(Camera(8, 8), ("normal",))
    backend.close()


GL_CHECK = """
import numpy as np
from loci.sim.sensors import Camera
from loci.sim.world import Pose
from tests.sim.mujoco_room import crowd
from loci.sim.backends.mujoco import MujocoBackend
views = []
for renderer in ("cast", "gl"):
    backend = MujocoBackend(1, renderer=renderer)
    world = crowd(0)
    backend.load(0, world)
    views.append(backend.render(Camera(96, 96), ("rgb", "depth", "instance")))
    backend.close()
cast, gl = views
agree = cast["instance"] == gl["instance"]
assert agree.mean() > 0.995, agree.mean()
assert len(np.unique(gl["instance"])) > 5
assert np.median(np.abs(cast["depth"] - gl["depth"])[agree]) < 1e-5
"""


def test_the_gl_pictures_agree_with_the_ray_caster() -> None:
    if importlib.util.find_spec("OpenGL") is None:
        pytest.skip("MuJoCo's own renderer needs the package mujoco with PyOpenGL")
    ways = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl"), "PYTHONPATH": ways}
    done = subprocess.run(
        [sys.executable, "-c", GL_CHECK], capture_output=True, text=True, check=False, env=environment
    )
    if "MuJoCo cannot draw with" in done.stderr:
        pytest.skip(f"no GL platform: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
