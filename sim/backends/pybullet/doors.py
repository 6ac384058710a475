"""Bodies with a joint: driven open and closed by a motor of limited strength, and holding still where they are left."""

import math

from loci.sim.backends.pybullet.engine import bullet
from loci.sim.backends.pybullet.solids import DOOR_MASS, Solid
from loci.sim.joints import Joint
from loci.sim.pose import Pose

GRAVITY = 9.81
HOLDING = 1000.0
"""Newtons, or newton metres, with which a joint resists where it is left: more than the agent pushes with."""
DRIVING = 100.0
"""Newtons, or newton metres, of a motor that drives a joint, besides what carries the body."""
TRAVEL = 0.8
"""Seconds in which a joint is driven from closed to open."""
ARRIVED = 1e-3
"""Share of the span at which a driven joint is left alone again."""


class Door:
    """The joint of a solid. `target` is the opening it is driven to, NaN while it is left alone."""

    def __init__(self, client: int, solid: Solid, joint: Joint) -> None:
        self.client, self.solid, self.joint, self.target = client, solid, joint, math.nan
        self._weight = GRAVITY * (solid.body.mass or DOOR_MASS)
        self.put(joint.span * joint.opening, 0.0)
        self.drive(math.nan)

    def read(self) -> tuple[float, float]:
        """Value and speed, in radians or metres."""
        value, speed, *_ = bullet.getJointState(self.solid.number, 0, physicsClientId=self.client)
        return value, speed

    def put(self, value: float, speed: float) -> None:
        bullet.resetJointState(self.solid.number, 0, value, speed, physicsClientId=self.client)

    @property
    def opening(self) -> float:
        """How far it is open, 0 to 1."""
        return min(1.0, max(0.0, self.read()[0] / self.joint.span))

    @property
    def pose(self) -> Pose:
        return self.solid.body.pose @ self.joint.motion(self.opening)

    def drive(self, target: float) -> None:
        """Move to an opening while time passes; NaN holds it where it is."""
        self.target = target
        if math.isnan(target):
            bullet.setJointMotorControl2(
                self.solid.number, 0, bullet.VELOCITY_CONTROL, targetVelocity=0.0, force=HOLDING,
                physicsClientId=self.client,
            )  # fmt: skip
        else:
            bullet.setJointMotorControl2(
                self.solid.number, 0, bullet.POSITION_CONTROL, targetPosition=target * self.joint.span,
                force=DRIVING + self._weight, maxVelocity=abs(self.joint.span) / TRAVEL, physicsClientId=self.client,
            )  # fmt: skip

    def rest(self) -> None:
        """Leave it alone if it has arrived."""
        if abs(self.opening - self.target) < ARRIVED:
            self.drive(math.nan)
