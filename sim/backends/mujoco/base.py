"""The agent's body: a cylinder on two slides and a hinge, moved by servos of limited force.

Each of its three joints has two servos that act together: one follows a reference position that moves at the commanded
velocity, one the commanded velocity itself. The pair is critically damped and has no lag at constant speed.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from loci.sim.backends.rows import CARRY

AGENT = "agent"
HAND = "hand"
HAND_HEIGHT = 0.5
"""Metres above the floor at which the arm begins, on the agent's axis."""
MASS, INERTIA = 10.0, 1.0
"""Of the base, kg and kg m²; light, so that its servos set the pace."""
RATE = 80.0
"""Natural frequency of the servos, 1/s: an error is gone after about 0.1 s."""
JOINTS, SERVOS = 3, 6
FIXED, FREE, JOINTED, BASE, HELD = 1, 2, 4, 8, 16
"""Collision bits. Bodies with a joint meet only free bodies and the base, so that no door jams in its frame."""
HIDDEN = 5
"""Group of geoms that are the agent's own: its rays pass them."""


@dataclass(frozen=True)
class Base:
    """Size, strength and limits of the agent. Metres, newtons, m/s, rad/s.

    Parts of the world lower than `knee` do not block it. `strength` is the force with which it walks and pushes; it
    turns with `strength` / 2 newton metres. `reach` is how far from its axis it can take hold of things.
    """

    radius: float = 0.2
    height: float = 1.2
    knee: float = 0.05
    strength: float = 400.0
    reach: float = 1.4
    max_speed: float = 3.0
    max_turn: float = 6.0

    def __post_init__(self) -> None:
        if not (self.radius > 0.0 and 0.0 <= self.knee < self.height):
            raise ValueError(
                f"need radius > 0 and 0 <= knee < height, got {self.radius=}, {self.knee=}, {self.height=}"
            )
        if not min(self.strength, self.reach, self.max_speed, self.max_turn) > 0.0:
            raise ValueError(
                "need strength, reach, max_speed and max_turn > 0, "
                f"got {self.strength=}, {self.reach=}, {self.max_speed=}, {self.max_turn=}"
            )


def add_base(spec: mujoco.MjSpec, base: Base) -> mujoco.MjsBody:
    """Put the agent at the origin, as the first body, with its servos as the first actuators."""
    body = spec.worldbody.add_body(name=AGENT)
    slide, hinge = mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE
    for name, kind, axis in (("x", slide, (1, 0, 0)), ("y", slide, (0, 1, 0)), ("yaw", hinge, (0, 0, 1))):
        turning = kind == hinge
        force = base.strength / 2.0 if turning else base.strength
        body.add_joint(
            name=f"{AGENT}/{name}", type=kind, axis=axis, armature=INERTIA if turning else 0.0,
            actfrclimited=mujoco.mjtLimited.mjLIMITED_TRUE, actfrcrange=(-force, force),
        )  # fmt: skip
        _add_servos(spec, f"{AGENT}/{name}", INERTIA if turning else MASS)
    bottom = max(base.knee, 0.01)
    half = (base.height - bottom) / 2.0
    body.add_geom(
        name=AGENT, type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=(base.radius, half, 0.0), pos=(0, 0, bottom + half),
        mass=MASS, contype=BASE, conaffinity=FIXED | FREE | JOINTED, condim=1, priority=1, group=HIDDEN,
    )  # fmt: skip
    body.add_geom(
        name=HAND, type=mujoco.mjtGeom.mjGEOM_SPHERE, size=(1e-3, 0.0, 0.0), pos=(0.0, 0.0, HAND_HEIGHT), mass=0.0,
        contype=0, conaffinity=0, group=HIDDEN,
    )  # fmt: skip
    return body


def _add_servos(spec: mujoco.MjSpec, joint: str, inertia: float) -> None:
    transmission = mujoco.mjtTrn.mjTRN_JOINT
    place = spec.add_actuator(name=f"{joint}/place", target=joint, trntype=transmission)
    place.set_to_intvelocity(kp=inertia * RATE**2)
    pace = spec.add_actuator(name=f"{joint}/pace", target=joint, trntype=transmission)
    pace.set_to_velocity(kv=2.0 * inertia * RATE)


def add_grip(spec: mujoco.MjSpec, body: str) -> None:
    """A weld, not active yet, that keeps a body at CARRY in the agent's frame."""
    weld = spec.add_equality(
        name=f"{body}/grip", type=mujoco.mjtEq.mjEQ_WELD, objtype=mujoco.mjtObj.mjOBJ_BODY,
        name1=AGENT, name2=body, active=False,
    )  # fmt: skip
    weld.data[:11] = np.array([0.0, 0.0, 0.0, *CARRY, 1.0, 0.0, 0.0, 0.0, 1.0])


def servo_targets(velocity: np.ndarray, turn: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Controls (B, 6) of the servos that walk at `velocity` (B, 2) m/s forward and left while the heading is (B,)."""
    c, s = np.cos(heading), np.sin(heading)
    x, y = velocity[:, 0] * c - velocity[:, 1] * s, velocity[:, 0] * s + velocity[:, 1] * c
    return np.stack([x, x, y, y, turn, turn], axis=1)
