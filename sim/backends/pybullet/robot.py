"""A robot from a URDF file, mounted on the agent's base and moved by position targets of its joints."""

from pathlib import Path

import numpy as np

import loci
from loci.sim.backends.pybullet.base import AGENT, OTHERS, Base
from loci.sim.backends.pybullet.engine import bullet, from_engine, xyzw
from loci.sim.pose import Pose

FOLDER = Path(loci.__file__).resolve().parent.parent / "assets" / "robots"


def find(robot: str) -> str:
    """The file of a robot: a path, or a name in assets/robots; a ValueError lists those."""
    for path in (Path(robot), FOLDER / f"{robot}.urdf"):
        if path.is_file() and path.suffix == ".urdf":
            return str(path)
    names = ", ".join(sorted(path.stem for path in FOLDER.glob("*.urdf"))) or "none"
    raise ValueError(f"no robot {robot!r}: expected a path that ends in .urdf or one of assets/robots: {names}")


class Robot:
    """A robot whose root stands in the agent's place and looks its way; it passes through the base.

    Each joint that moves is held at a target (radians or metres) by a motor of the effort that the file gives.
    """

    def __init__(self, client: int, path: str, base: Base) -> None:
        self.client = client
        self.number = bullet.loadURDF(path, physicsClientId=client)
        infos = [bullet.getJointInfo(self.number, i, physicsClientId=client)
                 for i in range(bullet.getNumJoints(self.number, physicsClientId=client))]  # fmt: skip
        moving = [info for info in infos if info[2] != bullet.JOINT_FIXED]
        self.joints, self.efforts = [info[0] for info in moving], [info[10] for info in moving]
        position, orientation = bullet.getDynamicsInfo(self.number, -1, physicsClientId=client)[3:5]
        self._centre = from_engine(position, orientation)
        back = self._centre.inverse()
        bullet.createConstraint(
            *base.link, self.number, -1, bullet.JOINT_FIXED, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), back.position,
            childFrameOrientation=xyzw(back), physicsClientId=client,
        )  # fmt: skip
        self.links = [(self.number, link) for link in range(-1, len(infos))]
        for _, link in self.links:
            bullet.setCollisionFilterGroupMask(self.number, link, AGENT, OTHERS, physicsClientId=client)
        self.aim(np.zeros(len(self.joints)))

    def aim(self, targets: np.ndarray) -> None:
        """Set the targets (nu,) of the joints."""
        self.targets = targets.copy()
        bullet.setJointMotorControlArray(
            self.number, self.joints, bullet.POSITION_CONTROL, targetPositions=targets.tolist(), forces=self.efforts,
            physicsClientId=self.client,
        )  # fmt: skip

    def angles(self) -> np.ndarray:
        """Positions (nu,) of the joints now."""
        return np.array([s[0] for s in bullet.getJointStates(self.number, self.joints, physicsClientId=self.client)])

    def follow(self, agent: Pose) -> None:
        """Be where the agent is, at rest, with the joints as they are."""
        root = agent @ self._centre
        self._reset([*root.position, *xyzw(root), *[0.0] * 6])

    def read(self) -> np.ndarray:
        """Rows of 13: the root (centre of mass, xyzw, velocity, spin), then a row a joint: value, speed, target."""
        position, orientation = bullet.getBasePositionAndOrientation(self.number, physicsClientId=self.client)
        velocity, spin = bullet.getBaseVelocity(self.number, physicsClientId=self.client)
        rows = np.zeros((1 + len(self.joints), 13))
        rows[0] = (*position, *orientation, *velocity, *spin)
        for i, joint in enumerate(self.joints):
            state = bullet.getJointState(self.number, joint, physicsClientId=self.client)
            rows[1 + i, :3] = state[0], state[1], self.targets[i]
        return rows

    def put(self, rows: np.ndarray) -> None:
        """Be as `read` said; ValueError for another robot."""
        if rows.shape != (1 + len(self.joints), 13):
            raise ValueError(f"the state is not of this robot with {len(self.joints)} joints: robot {rows.shape}")
        self._reset(rows[0].tolist())
        for joint, (value, speed) in zip(self.joints, rows[1:, :2].tolist(), strict=True):
            bullet.resetJointState(self.number, joint, value, speed, physicsClientId=self.client)
        self.aim(rows[1:, 2])

    def _reset(self, root: list[float]) -> None:
        bullet.resetBasePositionAndOrientation(self.number, root[:3], root[3:7], physicsClientId=self.client)
        bullet.resetBaseVelocity(self.number, root[7:10], root[10:], physicsClientId=self.client)
