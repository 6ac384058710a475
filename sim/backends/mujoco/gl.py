"""MuJoCo's own OpenGL pictures, as a reference for the look of the ray caster. Slow without a graphics card.

Needs the package `mujoco` and EGL or OSMesa; the environment variable MUJOCO_GL chooses one and must be set before
`mujoco` is imported. Shadows, reflections, the sky and multisampling are off: on a processor they make it 38 times as
slow.
"""

import math
import os
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from loci.sim.backends.mujoco.simulation import Simulation
from loci.sim.sensors import Camera

KINDS = ("rgb", "depth", "instance")
CURE = "pip install mujoco, apt-get install libegl1 libgl1-mesa-dri, and set MUJOCO_GL=egl before Python starts"
FAR = 100.0
"""Metres at which the picture ends."""
OFF = ("SHADOW", "REFLECTION", "SKYBOX", "FOG", "HAZE")


class Look:
    """One renderer for each row, made when a picture is first asked for."""

    def __init__(self, batch: int) -> None:
        if os.environ.get("MUJOCO_GL") not in ("egl", "osmesa", "glfw"):
            raise RuntimeError(f"renderer 'gl' needs MUJOCO_GL to be egl, osmesa or glfw: {CURE}")
        os.environ.setdefault("LP_NUM_THREADS", "0")
        self._renderers: list[Any] = [None] * batch

    def render(
        self, simulations: Sequence[Simulation], position: np.ndarray, yaw: np.ndarray, camera: Camera,
        kinds: Sequence[str],
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """The agents' views {kind: (B, H, W, …)}, with the units of `Camera`; no shadows and no supersampling."""
        if camera.shadows or camera.supersample != 1:
            raise ValueError(f"renderer 'gl' draws neither shadows nor supersampled pictures, got {camera}")
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise ValueError(f"renderer 'gl' draws {', '.join(KINDS)}, got {', '.join(unknown)}")
        images: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
        for row, simulation in enumerate(simulations):
            eye = position[row] + np.array([0.0, 0.0, camera.eye])
            for kind, image in self._row(row, simulation, eye, float(yaw[row]), camera, kinds).items():
                images[kind].append(image)
        return {kind: np.stack(rows) for kind, rows in images.items()}

    def _row(
        self, row: int, simulation: Simulation, eye: np.ndarray, yaw: float, camera: Camera, kinds: Sequence[str]
    ) -> dict[str, np.ndarray]:
        renderer = self._renderer(row, simulation, camera)
        simulation.model.vis.global_.fovy = math.degrees(camera.fov)
        mujoco.mj_kinematics(simulation.model, simulation.data)
        renderer.update_scene(simulation.data, _free_camera(eye, yaw, camera.pitch), _options())
        for name in OFF:
            renderer.scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{name}")] = 0
        return {kind: _picture(renderer, kind, simulation) for kind in kinds}

    def _renderer(self, row: int, simulation: Simulation, camera: Camera) -> Any:
        """The row's renderer, made anew for another model or size of picture."""
        held = self._renderers[row]
        size = (camera.height, camera.width)
        if held is None or held.model is not simulation.model or (held.height, held.width) != size:
            if held is not None:
                held.close()
            self._renderers[row] = _new_renderer(simulation.model, *size)
        return self._renderers[row]

    def close(self) -> None:
        for renderer in self._renderers:
            if renderer is not None:
                renderer.close()
        self._renderers = [None] * len(self._renderers)


def _new_renderer(model: mujoco.MjModel, height: int, width: int) -> Any:
    model.vis.quality.offsamples, model.vis.quality.shadowsize = 0, 0
    model.vis.global_.offheight, model.vis.global_.offwidth = height, width
    model.vis.map.znear, model.vis.map.zfar = 0.01 / model.stat.extent, FAR / model.stat.extent
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:
        raise RuntimeError(f"MuJoCo cannot draw with MUJOCO_GL={os.environ['MUJOCO_GL']}: {error}. {CURE}") from error


def _free_camera(eye: np.ndarray, yaw: float, pitch: float) -> mujoco.MjvCamera:
    camera = mujoco.MjvCamera()
    camera.type, camera.distance = mujoco.mjtCamera.mjCAMERA_FREE, 1.0
    camera.azimuth, camera.elevation = math.degrees(yaw), math.degrees(pitch)
    flat = math.cos(pitch)
    camera.lookat = eye + np.array([math.cos(yaw) * flat, math.sin(yaw) * flat, math.sin(pitch)])
    return camera


def _options() -> mujoco.MjvOption:
    """Without the agent's own body, which its eye does not see."""
    options = mujoco.MjvOption()
    options.geomgroup[:] = (1, 1, 1, 1, 1, 0)
    return options


def _picture(renderer: Any, kind: str, simulation: Simulation) -> np.ndarray:
    renderer.disable_depth_rendering()
    renderer.disable_segmentation_rendering()
    if kind == "rgb":
        return np.array(renderer.render())
    if kind == "depth":
        renderer.enable_depth_rendering()
        depth = renderer.render().astype(np.float32)
        return np.where(depth < 0.99 * FAR, depth, 0.0).astype(np.float32)
    renderer.enable_segmentation_rendering()
    ids, kinds = np.moveaxis(renderer.render(), -1, 0)
    solid = kinds == int(mujoco.mjtObj.mjOBJ_GEOM)
    return np.where(solid, simulation.owner[np.where(solid, ids, 0)], -1).astype(np.int32)
