"""The agent's body: an upright cylinder on two slides and a turntable, moved by motors of limited force."""

import math

import numpy as np

from loci.sim.backends.pybullet.engine import bullet

MASSES = (0.2, 0.2, 1.0)
"""Kilograms of the two slides and the body: light, so that the motors bring it to speed at once."""
AGENT = 64
"""Collision group of the agent and its robot, which pass through each other."""
OTHERS = ~AGENT
HAND = 0.01
"""Radius in metres of the hand that is stretched out."""
SLACK = 2e-3
"""Metres by which the base may lie in a body where it is put."""


class Base:
    """The agent of one row: x and y in metres and heading in radians are its three joints.

    It reaches from `knee` to `height` metres above its feet, so it passes over what is lower, and it has no friction,
    so it slides along what stops it. `strength` is in newtons and newton metres.
    """

    def __init__(self, client: int, radius: float, height: float, knee: float, strength: float) -> None:
        self.client, self.strength, self.z = client, strength, 0.0
        self.shape = bullet.createCollisionShape(
            bullet.GEOM_CYLINDER, radius=radius, height=height - knee, physicsClientId=client,
            collisionFramePosition=(0.0, 0.0, (height + knee) / 2.0),
        )  # fmt: skip
        self.hand = bullet.createCollisionShape(bullet.GEOM_SPHERE, radius=HAND, physicsClientId=client)
        slide, zero, still = bullet.JOINT_PRISMATIC, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)
        self.number = bullet.createMultiBody(
            0.0, -1, -1, linkMasses=MASSES, linkCollisionShapeIndices=[-1, -1, self.shape],
            linkVisualShapeIndices=[-1] * 3, linkPositions=[zero] * 3, linkOrientations=[still] * 3,
            linkInertialFramePositions=[zero] * 3, linkInertialFrameOrientations=[still] * 3,
            linkParentIndices=[0, 1, 2], linkJointTypes=[slide, slide, bullet.JOINT_REVOLUTE],
            linkJointAxis=[(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)], physicsClientId=client,
        )  # fmt: skip
        for link in range(3):
            bullet.changeDynamics(
                self.number, link, lateralFriction=0.0, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0,
                maxJointVelocity=1e3, activationState=bullet.ACTIVATION_STATE_DISABLE_SLEEPING, physicsClientId=client,
            )  # fmt: skip
        bullet.setCollisionFilterGroupMask(self.number, 2, AGENT, OTHERS, physicsClientId=client)

    @property
    def link(self) -> tuple[int, int]:
        return self.number, 2

    def put(self, joints: np.ndarray, speeds: np.ndarray, z: float) -> None:
        """Be at x, y and heading, moving at their `speeds`, with the feet at height z."""
        self.z = z
        bullet.resetBasePositionAndOrientation(
            self.number, (0.0, 0.0, z), (0.0, 0.0, 0.0, 1.0), physicsClientId=self.client
        )
        for i in range(3):
            value, speed = float(joints[i]), float(speeds[i])
            bullet.resetJointState(self.number, i, value, speed, physicsClientId=self.client)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """x, y and heading (not wrapped), and their speeds."""
        states = bullet.getJointStates(self.number, (0, 1, 2), physicsClientId=self.client)
        return np.array([s[0] for s in states]), np.array([s[1] for s in states])

    def walk(self, heading: float, forward: float, left: float, turn: float) -> None:
        """Set the motors to velocities in the agent's frame (m/s) and a turn (rad/s)."""
        c, s = math.cos(heading), math.sin(heading)
        bullet.setJointMotorControlArray(
            self.number, (0, 1, 2), bullet.VELOCITY_CONTROL, forces=(self.strength,) * 3,
            targetVelocities=(c * forward - s * left, s * forward + c * left, turn), physicsClientId=self.client,
        )  # fmt: skip

    def overlapped(self, x: float, y: float, z: float, yaw: float, number: int) -> bool:
        """Whether the base, were it there, would overlap a body of the engine."""
        points = bullet.getClosestPoints(
            -1, number, 0.0, collisionShapeA=self.shape, collisionShapePositionA=(x, y, z),
            collisionShapeOrientationA=(0.0, 0.0, math.sin(yaw / 2.0), math.cos(yaw / 2.0)),
            physicsClientId=self.client,
        )  # fmt: skip
        return any(point[8] < -SLACK for point in points)
