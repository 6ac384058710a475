"""From the bodies of a world to a MuJoCo model.

What is fixed becomes part of MuJoCo's own world body, whose parts are found through a tree: a house of fixed things
costs a step nothing, where a body each would cost four times the step with 200 of them. Then come the agent and, in
their order, the bodies that move.
"""

import math
from collections.abc import Sequence

import mujoco
import numpy as np

from loci.sim.backends.mujoco.base import FIXED, FREE, JOINTED, Base, add_base, add_grip
from loci.sim.backends.mujoco.hulls import hull
from loci.sim.backends.mujoco.robots import attach
from loci.sim.pose import Pose, Vector
from loci.sim.world import Body, Light, Shape

GRAVITY = 9.81
THIN = 0.005
"""Half thickness in metres of planes that are not the ground."""
FRICTION = 0.8
SLIDING, ROLLING = (FRICTION, 0.005, 0.0001), (FRICTION, 0.005, 0.005)
ROUND = ("sphere", "cylinder", "capsule")
DOOR_MASS = 1.0
"""Kilograms of a body with a joint that names none."""
DOOR_RATE, DOOR_TIME = 10.0, 0.3
"""Of the motors of doors and drawers: stiffness as a frequency, 1/s, and how long the greater part of the way takes, s.
"""
DOOR_FORCE, DOOR_TORQUE = 100.0, 40.0
BRAKE = 1000.0
"""Newtons or newton metres that hold a door while its motor is off: it opens by `drive`, not by walking into it."""
GEOMS = {k: getattr(mujoco.mjtGeom, f"mjGEOM_{k.upper()}") for k in ("box", *ROUND, "plane", "mesh")}


def build(bodies: Sequence[Body], lights: Sequence[Light], base: Base, dt: float, robot: str | None) -> mujoco.MjModel:
    """The compiled model of a world and the agent. Bodies that move are called by their index: "0", "1" …

    A horizontal plane at height 0 of a fixed body is the ground and has no edge; other planes are thin boxes.
    """
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep, spec.option.gravity = dt, (0.0, 0.0, -GRAVITY)
    # with the Euler integrator a body that tumbles in the air gains energy
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    _add_lights(spec, lights)
    agent = add_base(spec, base)
    if robot is not None:
        attach(spec, agent, robot)
    for index, body in enumerate(bodies):
        if moves(body):
            _add_moving(spec, str(index), body)
        else:
            _add_fixed(spec, body)
    return spec.compile()


def moves(body: Body) -> bool:
    return body.joint is not None or body.mass > 0.0


def _add_lights(spec: mujoco.MjSpec, lights: Sequence[Light]) -> None:
    """The world's sunlight, for MuJoCo's own pictures."""
    spec.visual.headlight.active = 0
    for light in lights:
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, dir=light.direction, castshadow=False,
            ambient=(light.ambient,) * 3, diffuse=(light.diffuse,) * 3, specular=(0.0, 0.0, 0.0),
        )  # fmt: skip


def _add_fixed(spec: mujoco.MjSpec, body: Body) -> None:
    for shape in body.parts:
        pose = body.pose @ shape.pose
        _add_geom(spec, spec.worldbody, shape, pose, _is_ground(shape, pose), 1.0, FIXED, 0)


def _add_moving(spec: mujoco.MjSpec, name: str, body: Body) -> None:
    made = spec.worldbody.add_body(name=name, pos=body.pose.position, quat=body.pose.wxyz)
    if body.joint is not None:
        _add_joint(spec, made, body)
        bits = (JOINTED, 0)
    else:
        made.add_freejoint(name=name)
        add_grip(spec, name)
        bits = (FREE, FIXED | FREE | JOINTED)
    volumes = [_volume(shape) for shape in body.parts]
    for shape, volume in zip(body.parts, volumes, strict=True):
        mass = (body.mass or DOOR_MASS) * volume / sum(volumes)
        _add_geom(spec, made, shape, shape.pose, False, mass, *bits)


def _add_joint(spec: mujoco.MjSpec, made: mujoco.MjsBody, body: Body) -> None:
    """A balanced hinge or slide with a brake, which is its friction, and the motor that `drive` uses."""
    joint, mass = body.joint, body.mass or DOOR_MASS
    assert joint is not None
    hinge = joint.kind == "hinge"
    lever = math.dist(*body.extent) if hinge else 1.0
    inertia = mass * lever**2
    made.add_joint(
        name=made.name, type=mujoco.mjtJoint.mjJNT_HINGE if hinge else mujoco.mjtJoint.mjJNT_SLIDE,
        axis=joint.axis, pos=joint.anchor, limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        range=sorted((0.0, joint.span)), armature=inertia, damping=inertia,
        frictionloss=BRAKE, solimp_friction=(0.99, 0.99, 0.001, 0.5, 2.0),
    )  # fmt: skip
    made.gravcomp, made.sleep = 1.0, mujoco.mjtSleepPolicy.mjSLEEP_ALLOWED
    motor = spec.add_actuator(name=made.name, target=made.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    motor.set_to_position(kp=inertia * DOOR_RATE**2, kv=inertia * DOOR_RATE**2 * DOOR_TIME)
    force = DOOR_TORQUE if hinge else DOOR_FORCE
    motor.forcelimited, motor.forcerange = mujoco.mjtLimited.mjLIMITED_TRUE, (-force, force)


def _is_ground(shape: Shape, pose: Pose) -> bool:
    up = pose.point((0.0, 0.0, 1.0))[2] - pose.position[2]
    return shape.kind == "plane" and abs(pose.position[2]) < 1e-6 and up > 1.0 - 1e-9


def _volume(shape: Shape) -> float:
    x, y, z = shape.size
    return x * y * max(z, THIN)


def _add_geom(
    spec: mujoco.MjSpec, made: mujoco.MjsBody, shape: Shape, pose: Pose, ground: bool, mass: float, contype: int,
    conaffinity: int,
) -> None:  # fmt: skip
    mesh = _add_mesh(spec, shape) if shape.kind == "mesh" else ""
    kind, size = _solid(shape, ground, bool(mesh))
    if shape.kind == "plane" and not ground:
        pose = pose @ Pose((0.0, 0.0, -THIN))
    fields: dict[str, object] = {"meshname": mesh} if mesh else {}
    fields |= {"condim": 6, "friction": ROLLING} if kind in ROUND else {"friction": SLIDING}
    made.add_geom(
        type=GEOMS[kind], size=size, pos=pose.position, quat=pose.wxyz, mass=mass, rgba=(*shape.colour, 1.0),
        contype=contype, conaffinity=conaffinity, **fields,
    )  # fmt: skip


def _solid(shape: Shape, ground: bool, meshed: bool) -> tuple[str, Vector]:
    """Kind and size of a shape in MuJoCo's terms; what is flat and not the ground is a box."""
    x, y, z = shape.size
    if shape.kind == "plane":
        return ("plane", (x, y, 1.0)) if ground else ("box", (x, y, THIN))
    if shape.kind == "mesh":
        return ("mesh" if meshed else "box"), shape.size
    if shape.kind == "capsule":
        return ("capsule", (x, z - x, 0.0)) if z > x else ("sphere", (x, 0.0, 0.0))
    return shape.kind, ((x, z, 0.0) if shape.kind == "cylinder" else shape.size)


def _add_mesh(spec: mujoco.MjSpec, shape: Shape) -> str:
    """Name of the scaled hull of a mesh, made once for each file and size; "" for a flat one."""
    solid = hull(shape.mesh)
    if solid is None:
        return ""
    name = f"{shape.mesh} {shape.size}"
    if spec.mesh(name) is None:
        points = solid[0] * np.array(shape.size)
        spec.add_mesh(name=name, uservert=points.reshape(-1), userface=solid[1].reshape(-1))
    return name
