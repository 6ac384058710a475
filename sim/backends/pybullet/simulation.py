"""One row: a world in a client of the engine, rebuilt from arrays whenever a state is taken or restored.

The engine keeps contact forces of the last instant that it neither shows nor takes back. So a state is the numbers it
does show, and whoever takes one goes on, as whoever restores it, from a world built afresh from these numbers.
"""

from collections.abc import Sequence

import numpy as np

from loci.sim.backend import Diverged
from loci.sim.backends.pybullet.base import Base
from loci.sim.backends.pybullet.doors import GRAVITY, Door
from loci.sim.backends.pybullet.engine import bullet, centred, connect, ignore
from loci.sim.backends.pybullet.robot import Robot
from loci.sim.backends.pybullet.solids import Solid, build, free_from_frames
from loci.sim.backends.rows import CARRY
from loci.sim.geometry import wxyz_to_matrix
from loci.sim.pose import Pose, Vector
from loci.sim.world import World

TOUCH = 2e-3
"""Metres between things that count as touching when a world begins."""


class Simulation:
    """The solids of a world, the agent's base, its robot and what it carries.

    `poses` (N, 7) are positions in metres and wxyz of the bodies' origins, in world order; `doors` are the
    joints of those that have one, by index; `frames` the names of doors and of what they pass through.
    """

    def __init__(self, base: tuple[float, float, float, float], dt: float, robot: str | None) -> None:
        self.dt, self._base, self._robot = dt, base, robot
        self.client, self.close = connect(self)
        self.solids: list[Solid] = []
        self.held: int | None = None
        self.offset: Vector = CARRY

    def build(self, world: World) -> None:
        """Forget everything and make a world as it begins, the agent at the origin."""
        c = self.client
        bullet.resetSimulation(physicsClientId=c)
        bullet.setGravity(0.0, 0.0, -GRAVITY, physicsClientId=c)
        bullet.setPhysicsEngineParameter(fixedTimeStep=self.dt, deterministicOverlappingPairs=1, physicsClientId=c)
        self.base = Base(c, *self._base)
        self.robot = None if self._robot is None else Robot(c, self._robot, self.base)
        self.solids = [build(c, body) for body in world.bodies]
        self.held, self.offset, self._grip = None, CARRY, -1
        self._free = np.array([i for i, s in enumerate(self.solids) if s.free], np.int64)
        self._centres = np.array([s.centre for s in self.solids]).reshape(-1, 3)
        self.poses = np.array([(*b.start.position, *b.start.wxyz) for b in world.bodies]).reshape(-1, 7)
        self.frames = free_from_frames(c, self.solids)
        joints = [(i, s, s.body.joint) for i, s in enumerate(self.solids)]
        self.doors = {i: Door(c, solid, joint) for i, solid, joint in joints if joint is not None}
        self.settle(self._free)

    def settle(self, still: np.ndarray) -> None:
        """Of these bodies without speed, let those sleep that touch something: a world is as described until something
        moves in it."""
        for index in still:
            if self._supported(self.solids[index].number):
                self._activate(self.solids[index], bullet.ACTIVATION_STATE_SLEEP)

    def _supported(self, number: int) -> bool:
        low, high = np.array(bullet.getAABB(number, physicsClientId=self.client))
        near = bullet.getOverlappingObjects(low - TOUCH, high + TOUCH, physicsClientId=self.client) or ()
        others = {other for other, _ in near if other not in (number, self.base.link[0])}
        return any(bullet.getClosestPoints(number, other, TOUCH, physicsClientId=self.client) for other in others)

    def arrays(self) -> dict[str, np.ndarray]:
        """All numbers that the engine shows: see `restore`."""
        engine, joints = np.zeros((len(self.solids), 13)), np.zeros((len(self.solids), 3))
        for index in self._free:
            number = self.solids[index].number
            position, orientation = bullet.getBasePositionAndOrientation(number, physicsClientId=self.client)
            velocity, spin = bullet.getBaseVelocity(number, physicsClientId=self.client)
            engine[index] = (*position, *orientation, *velocity, *spin)
        for index, door in self.doors.items():
            joints[index] = (*door.read(), door.target)
        base, speeds = self.base.read()
        agent = np.array([*base, *speeds, self.base.z, -1.0 if self.held is None else self.held, *self.offset])
        robot = np.zeros((0, 13)) if self.robot is None else self.robot.read()
        return {"agent": agent, "poses": self.poses.copy(), "engine": engine, "joints": joints, "robot": robot}

    def restore(self, world: World, arrays: dict[str, np.ndarray]) -> None:
        """Build a world and bring it to a state: agent (x, y, heading, speeds, z, held, its offset), poses (N, 7),
        engine (N, 13) centre of mass, xyzw, velocity and spin of free bodies, joints (N, 3) value, speed and the
        opening they are driven to."""
        self.build(world)
        agent = arrays["agent"]
        self.base.put(agent[:3], agent[3:6], float(agent[6]))
        for index, solid in enumerate(self.solids):
            if solid.free:
                numbers = arrays["engine"][index].tolist()
                self._reset(solid, numbers[:3], numbers[3:7], numbers[7:10], numbers[10:])
            elif solid.body.joint is None:
                self._reset(solid, *centred(pose_of(arrays["poses"][index]), solid.centre))
        for index, door in self.doors.items():
            value, speed, target = arrays["joints"][index].tolist()
            door.put(value, speed)
            door.drive(target)
        self.poses = arrays["poses"].copy()
        if self.robot is not None:
            self.robot.put(arrays["robot"])
        self.settle(self._free[~arrays["engine"][self._free, 7:].any(axis=1)])
        if agent[7] >= 0:
            self.grip(int(agent[7]), (float(agent[8]), float(agent[9]), float(agent[10])))

    def advance(self, seconds: float, velocity: np.ndarray, turn: float) -> np.ndarray:
        """Walk for some time; x, y and heading moved by."""
        before, _ = self.base.read()
        (forward, left), steps = velocity.tolist(), round(seconds / self.dt)
        for step in range(steps):
            if step == 0 or turn != 0.0:
                self.base.walk(float(before[2]) + turn * self.dt * (step + 0.5), forward, left, turn)
            bullet.stepSimulation(physicsClientId=self.client)
        after, _ = self.base.read()
        if not np.isfinite(after).all():
            raise Diverged(f"the agent is at {after.tolist()}")
        self.refresh()
        return np.asarray(after - before)

    def refresh(self) -> None:
        """Read where everything that can move is now."""
        read, solids = bullet.getBasePositionAndOrientation, self.solids
        if len(self._free):
            raw = [read(solids[i].number, physicsClientId=self.client) for i in self._free]
            wxyz = np.array([(w, x, y, z) for _, (x, y, z, w) in raw])
            shift = np.einsum("nij,nj->ni", wxyz_to_matrix(wxyz), self._centres[self._free])
            self.poses[self._free] = np.concatenate([np.array([p for p, _ in raw]) - shift, wxyz], axis=1)
        for index, door in self.doors.items():
            door.rest()
            self.poses[index] = (*door.pose.position, *door.pose.wxyz)
        if not np.isfinite(self.poses).all():
            index = int((~np.isfinite(self.poses).all(axis=1)).argmax())
            raise Diverged(f"body {solids[index].body.name!r} is at {self.poses[index].tolist()}")

    def agent(self) -> Pose:
        """The feet of the agent and its heading."""
        (x, y, yaw), _ = self.base.read()
        return Pose.at(float(x), float(y), self.base.z, float(yaw))

    def heading(self) -> float:
        return float(self.base.read()[0][2])

    def put_agent(self, x: float, y: float, z: float, yaw: float) -> None:
        """Teleport the agent, with its robot and what it carries, at rest."""
        self.base.put(np.array([x, y, yaw]), np.zeros(3), z)
        if self.robot is not None:
            self.robot.follow(Pose.at(x, y, z, yaw))
        if self.held is not None:
            self.place(self.held, self.agent() @ Pose(self.offset))

    def own(self) -> list[tuple[int, int]]:
        """The agent's own (body, link) in the engine."""
        return [self.base.link, *(() if self.robot is None else self.robot.links)]

    def loose(self) -> set[tuple[str, str]]:
        """Pairs of names that pass through each other."""
        carried = None if self.held is None else self.solids[self.held].body.name
        return self.frames | ({(min(carried, "agent"), max(carried, "agent"))} if carried else set())

    def place(self, index: int, pose: Pose) -> None:
        """Teleport a body without a joint, at rest."""
        solid = self.solids[index]
        self._reset(solid, *centred(pose, solid.centre))
        self.poses[index] = (*pose.position, *pose.wxyz)
        self.wake()

    def wake(self) -> None:
        """Let no body sleep on what is gone."""
        for index in self._free:
            self._activate(self.solids[index], bullet.ACTIVATION_STATE_WAKE_UP)

    def grip(self, index: int, offset: Vector) -> None:
        """Join a body to the base at an offset in its frame."""
        solid = self.solids[index]
        back = (-solid.centre[0], -solid.centre[1], -solid.centre[2])
        self._grip = bullet.createConstraint(
            *self.base.link, solid.number, -1, bullet.JOINT_FIXED, (0.0, 0.0, 0.0), offset, back,
            physicsClientId=self.client,
        )  # fmt: skip
        self._pass(solid, True)
        self.held, self.offset = index, offset

    def release(self) -> None:
        """Let go of what is carried, at rest."""
        if self.held is None:
            return
        solid = self.solids[self.held]
        bullet.removeConstraint(self._grip, physicsClientId=self.client)
        self._pass(solid, False)
        zero = (0.0, 0.0, 0.0)
        bullet.resetBaseVelocity(solid.number, zero, zero, physicsClientId=self.client)
        self.held = None
        self.wake()

    def _pass(self, solid: Solid, passes: bool) -> None:
        """Let a free body pass through the agent, or not any more."""
        for end in self.own():
            ignore(self.client, end, (solid.number, -1), passes)

    def _reset(
        self,
        solid: Solid,
        position: Sequence[float],
        orientation: Sequence[float],
        velocity: Sequence[float] = (0.0, 0.0, 0.0),
        spin: Sequence[float] = (0.0, 0.0, 0.0),
    ) -> None:
        bullet.resetBasePositionAndOrientation(solid.number, position, orientation, physicsClientId=self.client)
        bullet.resetBaseVelocity(solid.number, velocity, spin, physicsClientId=self.client)

    def _activate(self, solid: Solid, state: int) -> None:
        bullet.changeDynamics(solid.number, -1, activationState=state, physicsClientId=self.client)


def pose_of(row: np.ndarray) -> Pose:
    """A row of `poses` as a value."""
    x, y, z, *wxyz = row.tolist()
    return Pose((x, y, z), (wxyz[0], wxyz[1], wxyz[2], wxyz[3]))
