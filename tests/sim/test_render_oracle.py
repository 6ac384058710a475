"""The CPU ray caster against MuJoCo's rays: another implementation, the same world and camera."""

import math

import numpy as np
import pytest

from benchmarks.reference_room import poses, reference_room
from loci.sim.geometry import camera_to_world, multiply_wxyz, pixel_rays, rotate
from loci.sim.render import cpu
from loci.sim.render.pack import Scene

mujoco = pytest.importorskip("mujoco")
trimesh = pytest.importorskip("trimesh")

FOV = math.radians(75.0)
SIZE = 96
CAMERAS = 8


def model_of(world):
    """A MuJoCo model whose geom i is part i of the world, and the body of each geom."""
    spec = mujoco.MjSpec()
    names = {
        k: getattr(mujoco.mjtGeom, f"mjGEOM_{k.upper()}")
        for k in ("box", "sphere", "cylinder", "capsule", "plane", "mesh")
    }
    owners = []
    for index, body in enumerate(world.bodies):
        for shape in body.parts:
            size = np.array(shape.size)
            if shape.kind in ("cylinder", "capsule"):
                size = np.array([size[0], size[2] - (size[0] if shape.kind == "capsule" else 0.0), 0.0])
            if shape.kind == "plane":
                size[2] = 1.0
            geom = {"type": names[shape.kind], "size": size}
            if shape.kind == "mesh":
                name = f"mesh_{len(owners)}"
                corners = trimesh.load(shape.mesh, force="mesh")
                half = (corners.bounds[1] - corners.bounds[0]) / 2
                vertices = (corners.vertices - corners.bounds.mean(axis=0)) / half * size
                spec.add_mesh(name=name, uservert=vertices.reshape(-1), userface=corners.faces.reshape(-1))
                geom = {"type": names["mesh"], "meshname": name}
            position = np.array(body.pose.position) + rotate(np.array(body.pose.wxyz), np.array(shape.pose.position))
            wxyz = multiply_wxyz(np.array(body.pose.wxyz), np.array(shape.pose.wxyz))
            spec.worldbody.add_geom(pos=position, quat=wxyz, **geom)
            owners.append(index)
    return spec.compile(), np.array(owners)


def cast_by_mujoco(world, eye, axes):
    """Depth and instance (N, SIZE, SIZE); directions with forward part 1 make distances planar depth."""
    model, owners = model_of(world)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    count = SIZE * SIZE
    depth, geom = np.zeros((len(eye), count)), np.zeros((len(eye), count), np.int32)
    for i in range(len(eye)):
        rays = (pixel_rays(SIZE, SIZE, FOV).reshape(-1, 3) @ axes[i].T).reshape(-1)
        mujoco.mj_multiRay(model, data, eye[i], rays, None, 1, -1, geom[i], depth[i], None, count, 1e10)
    instance = np.where(geom >= 0, owners[geom], -1)
    return np.where(geom >= 0, depth, 0.0).reshape(-1, SIZE, SIZE), instance.reshape(-1, SIZE, SIZE)


def compare(world, seed):
    position, yaw = poses(CAMERAS, seed)
    eye, axes = camera_to_world(position, yaw, 1.0, math.radians(-15.0))
    scene = Scene(1)
    scene.load(0, world)
    ours = cpu.render(scene, eye[None], axes[None], SIZE, SIZE, FOV, ("depth", "instance"))
    depth, instance = cast_by_mujoco(world, eye, axes)
    agree = ours["instance"][0] == instance
    assert agree.mean() >= 0.999
    assert np.abs(ours["depth"][0] - depth)[agree].max() <= 1e-3
    assert len(np.unique(instance)) > 10


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_primitives_agree_with_mujoco(seed):
    compare(reference_room(seed, ("box", "sphere", "cylinder", "capsule")), seed + 1)


def test_meshes_agree_with_mujoco(tmp_path):
    path = tmp_path / "blob.stl"
    blob = trimesh.creation.icosphere(subdivisions=3)
    blob.vertices *= 1.0 + 0.15 * np.sin(5.0 * blob.vertices)
    blob.export(path)
    compare(reference_room(3, mesh=str(path)), 4)
