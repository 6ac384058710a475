"""One world in MuJoCo: where its bodies are, moving the agent, and states that go on bit for bit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import mujoco
import numpy as np
from numba import njit

from loci.sim.backends.mujoco.base import FREE, HAND, HELD, JOINTS, SERVOS, Base, servo_targets
from loci.sim.backends.mujoco.spec import BRAKE, GRAVITY, build, moves
from loci.sim.backends.rows import CARRY
from loci.sim.geometry import wxyz_to_matrix
from loci.sim.pose import Pose, Vector
from loci.sim.world import Body, Light

AGENT_BODY = 1
ARRIVED = 0.005
"""Share of its way at which a motor that opens or closes something stops."""
NEAR = 2e-3
"""Metres between things that count as touching when a world begins."""
TOUCH = 1e-3
"""Metres between things that count as touching when that is asked."""
FAST = 1e6
"""Metres or radians a second that no body of these worlds can have."""
STATE = mujoco.mjtState.mjSTATE_INTEGRATION
SLEEP = ("tree_asleep", "tree_awake", "body_awake", "body_awake_ind", "parent_awake_ind", "dof_awake_ind")
AWAKE = ("ntree_awake", "nbody_awake", "nparent_awake", "nv_awake")


class Simulation:
    """N bodies and the agent. Bodies are named by their index.

    `number` (N,): MuJoCo's number of a body, 0 for a fixed one; `address` (N,): where its coordinates begin in `qpos`,
    -1 for a fixed one; `free` (N,) bool: seven coordinates, else the one of a joint. `owner` (G,): the body of each of
    MuJoCo's geoms, -1 for the agent. `jointed` (J,): indices of bodies with a joint; `driving` (J,) bool: whose motor
    is running. `held`: index of the carried body, -1 for none; `offset` where in the agent's frame it is.
    """

    def __init__(
        self, bodies: Sequence[Body], lights: Sequence[Light], base: Base, dt: float, robot: str | None
    ) -> None:
        self.bodies, self._settings = tuple(bodies), (lights, base, dt, robot)
        self.model = build(self.bodies, *self._settings)
        self.data = mujoco.MjData(self.model)
        self.qpos, self.qvel, self.ctrl = self.data.qpos, self.data.qvel, self.data.ctrl
        self.base, self.reference, self.servos = self.qpos[:JOINTS], self.data.act[:JOINTS], self.ctrl[:SERVOS]
        self._find_bodies()
        self._find_motors()
        self.held, self.offset, self.hand = -1, CARRY, self.model.geom(HAND).id
        self.drawn, self.ids = np.full(self.model.nq, np.nan), np.zeros(len(self.bodies), np.int64)
        self.positions, self.rotations = np.zeros((len(self.bodies), 3)), np.zeros((len(self.bodies), 3, 3))
        for index in np.flatnonzero(self.free).tolist():
            self._rest(index)
        self.wake()

    def _find_bodies(self) -> None:
        model, moving = self.model, np.array([moves(body) for body in self.bodies], bool)
        first = model.nbody - int(moving.sum())
        self.number = np.where(moving, first + np.cumsum(moving) - 1, 0)
        joint = np.where(moving, model.body_jntadr[self.number], 0)
        kind, self.address, self.dof = (
            np.where(moving, field[joint], -1) for field in (model.jnt_type, model.jnt_qposadr, model.jnt_dofadr)
        )
        self.free = kind == mujoco.mjtJoint.mjJNT_FREE
        self.grips = np.where(self.free, model.neq - self.free.sum() + np.cumsum(self.free) - 1, -1)
        fixed = np.flatnonzero(~moving)
        parts = np.array([len(self.bodies[index].parts) for index in fixed], np.int64)
        numbers = model.geom_bodyid[parts.sum() :]
        others = np.append(np.flatnonzero(moving), -1)[np.where(numbers >= first, numbers - first, -1)]
        self.owner = np.concatenate([np.repeat(fixed, parts), others])
        self.loose = np.flatnonzero(np.append(self.free, False)[self.owner])

    def _find_motors(self) -> None:
        """Motors of doors are off, and doors as open as they begin."""
        joints = {index: body.joint for index, body in enumerate(self.bodies) if body.joint is not None}
        self.jointed = np.array(list(joints), np.int64)
        self.spans = np.array([joint.span for joint in joints.values()])
        self.qpos[self.address[self.jointed]] = self.spans * [joint.opening for joint in joints.values()]
        first = self.model.nu - len(joints)
        self.motors, self.robot_motors = np.arange(first, self.model.nu), slice(SERVOS, first)
        model = self.model
        self.gains, self.biases = model.actuator_gainprm[first:].copy(), model.actuator_biasprm[first:].copy()
        self.driving = np.zeros(len(joints), bool)
        self._power()

    def wake(self) -> None:
        """Compute everything anew from positions and velocities, with no body asleep."""
        self._resume(self._integration())

    def settle(self) -> None:
        """Let what touches something begin asleep: a world is as described until something moves in it.

        Called once, before the first step.
        """
        begun, speeds, policy = self.qpos.copy(), self.qvel.copy(), self.model.tree_sleep_policy.copy()
        self._collide(self.data)
        resting = [index for index in {i for pair in self.touching(-NEAR) for i in pair} if index >= 0]
        still = self.number[np.union1d(resting, self.jointed).astype(np.int64)]
        self.model.tree_sleep_policy[self.model.body_treeid[still[still > 0]]] = mujoco.mjtSleepPolicy.mjSLEEP_INIT
        mujoco.mj_resetData(self.model, self.data)
        self.model.tree_sleep_policy[:] = policy
        elsewhere = self.qpos != begun
        self.qpos[elsewhere] = begun[elsewhere]
        awake = self.data.tree_asleep[self.model.dof_treeid] < 0
        self.qvel[awake] = speeds[awake]
        mujoco.mj_forward(self.model, self.data)

    def _integration(self) -> np.ndarray:
        state = np.empty(mujoco.mj_stateSize(self.model, STATE))
        mujoco.mj_getState(self.model, self.data, state, STATE)
        return state

    def _resume(self, state: np.ndarray) -> None:
        mujoco.mj_resetData(self.model, self.data)
        mujoco.mj_setState(self.model, self.data, state, STATE)
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_setState(self.model, self.data, state, STATE)

    def advance(self, velocity: np.ndarray, turn: float, targets: np.ndarray, steps: int, pieces: int) -> None:
        """Walk at `velocity` (2,) and `turn` for a number of steps; the reference path begins where the base is.

        `targets` (6,) are the servos' controls when the way is one piece; else it is walked as so many chords.
        """
        self._run_motors()
        self.reference[:] = self.base
        if pieces == 1:
            self.servos[:] = targets
            mujoco.mj_step(self.model, self.data, steps)
            return
        yaw, dt = float(self.base[2]), float(self.model.opt.timestep)
        cuts = [round(steps * piece / pieces) for piece in range(pieces + 1)]
        for begin, end in pairwise(cuts):
            heading = np.array([yaw + turn * dt * (begin + end) / 2.0])
            self.servos[:] = servo_targets(velocity[None], np.array([turn]), heading)[0]
            mujoco.mj_step(self.model, self.data, end - begin)

    def _run_motors(self) -> None:
        """Motors that have arrived stop; the others wake what they move, as a sleeping body does not feel its motor."""
        if len(self.driving) == 0 or not self.driving.any():
            return
        way = self.ctrl[self.motors] - self.qpos[self.address[self.jointed]]
        self.driving &= np.abs(way) > ARRIVED * np.abs(self.spans)
        self._power()
        self.qvel[self.dof[self.jointed[self.driving]]] += 1e-12

    def _power(self) -> None:
        """Only motors that run have a force, and where they do not, the brake is on."""
        running = self.driving[:, None]
        self.model.actuator_gainprm[self.motors] = self.gains * running
        self.model.actuator_biasprm[self.motors] = self.biases * running
        self.model.dof_frictionloss[self.dof[self.jointed]] = np.where(self.driving, 0.0, BRAKE)

    def moved(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Bodies (n,) whose pose is another than when this was last asked, their positions and rotation matrices;
        None when there are none.

        Raises FloatingPointError with the quantity that left the finite numbers.
        """
        count = _moved(
            self.qpos, self.qvel, self.address, self.free, self.drawn, self.ids, self.positions, self.rotations
        )
        if count < 0:
            body = np.flatnonzero(self.number == self.model.dof_bodyid[-1 - count])
            name = repr(self.bodies[body[0]].name) if len(body) else "the agent"
            raise FloatingPointError(f"velocity {self.qvel[-1 - count]:.6g} of {name} after {self.data.time:.3f} s")
        if count == 0:
            return None
        if len(self.jointed):
            for place, index in enumerate(self.ids[:count].tolist()):
                if not self.free[index]:
                    pose = self.pose(index)
                    self.positions[place] = pose.position
                    self.rotations[place] = wxyz_to_matrix(np.array(pose.wxyz))
        return self.ids[:count], self.positions[:count], self.rotations[:count]

    def pose(self, index: int) -> Pose:
        """Where a body is now."""
        address, body = self.address[index], self.bodies[index]
        if self.free[index]:
            x, y, z, *wxyz = self.qpos[address : address + 7].tolist()
            return Pose((x, y, z), (wxyz[0], wxyz[1], wxyz[2], wxyz[3]))
        if body.joint is None:
            return body.pose
        return body.pose @ body.joint.motion(float(self.qpos[address]) / body.joint.span)

    def place(self, index: int, pose: Pose) -> None:
        """Put a free body somewhere, at rest."""
        address = self.address[index]
        self.qpos[address : address + 7] = (*pose.position, *pose.wxyz)
        self._rest(index)

    def _rest(self, index: int) -> None:
        """Stop a free body. MuJoCo's speeds lead its places by half a step; with that much taken off, a fall from rest
        is exact, and what stands is lifted by 0.1 mm."""
        dof = self.dof[index]
        self.qvel[dof : dof + 6] = (0.0, 0.0, GRAVITY * self.model.opt.timestep / 2.0, 0.0, 0.0, 0.0)

    def with_fixed(self, poses: np.ndarray) -> "Simulation":
        """A simulation whose fixed bodies stand at (F, 7) positions and `wxyz`: itself if they do so already.

        They are part of the model, so that another is built, which begins as the world does.
        """
        if np.array_equal(poses, self.fixed()):
            return self
        bodies, fixed = list(self.bodies), np.flatnonzero(self.address < 0)
        for index, (x, y, z, *wxyz) in zip(fixed.tolist(), poses.tolist(), strict=True):
            bodies[index] = replace(bodies[index], pose=Pose((x, y, z), (wxyz[0], wxyz[1], wxyz[2], wxyz[3])))
        return Simulation(bodies, *self._settings)

    def fixed(self) -> np.ndarray:
        """Positions and `wxyz` (F, 7) of the fixed bodies, in their order."""
        fixed = [body.pose for body in self.bodies if not moves(body)]
        return np.array([(*pose.position, *pose.wxyz) for pose in fixed]).reshape(-1, 7)

    def agent(self) -> Pose:
        x, y, yaw = self.qpos[:JOINTS].tolist()
        return Pose.at(x, y, float(self.model.body_pos[AGENT_BODY, 2]), yaw)

    def put_agent(self, pose: Pose) -> None:
        """Put the agent, with what it carries, at a pose, at rest."""
        self.model.body_pos[AGENT_BODY, 2] = pose.position[2]
        self.qpos[:JOINTS], self.qvel[:JOINTS] = (*pose.position[:2], pose.yaw), 0.0
        if self.held >= 0:
            self.carry(self.held, self.offset)
        self.wake()

    def carry(self, index: int, offset: Vector) -> None:
        """Weld a free body to the base, at an offset in its frame."""
        self.release()
        self.place(index, self.agent() @ Pose(offset))
        self._aim_grip(index, offset)
        self._grip(index, True)

    def _aim_grip(self, index: int, offset: Vector) -> None:
        self.offset = offset
        self.model.eq_data[self.grips[index], 3:6] = offset

    def release(self) -> None:
        """Let go of what is carried, at rest."""
        if self.held >= 0:
            self._rest(self.held)
            self._grip(self.held, False)

    def _grip(self, index: int, closed: bool) -> None:
        self.data.eq_active[self.grips[index]] = closed
        self.held = index if closed else -1
        self._mark_held()

    def _mark_held(self) -> None:
        """What is held and the base do not touch."""
        owner = self.owner[self.loose]
        self.model.geom_contype[self.loose] = np.where(owner == self.held, HELD, FREE)

    def drive(self, index: int, value: float) -> None:
        """Run the motor of a body with a joint until its coordinate is `value`."""
        motor = np.searchsorted(self.jointed, index)
        self.ctrl[self.motors[motor]], self.driving[motor] = value, True
        self._power()

    def contacts(self) -> list[tuple[int, int]]:
        """Pairs of bodies that touch, -1 for the agent, sleeping ones too, which MuJoCo leaves out while they sleep."""
        awake = mujoco.MjData(self.model)
        mujoco.mj_setState(self.model, awake, self._integration(), STATE)
        self._collide(awake)
        return self.touching(-TOUCH, awake)

    def _collide(self, data: mujoco.MjData) -> None:
        """Find contacts, and also what is nearly one."""
        margins = self.model.geom_margin, self.model.body_margin
        for margin in margins:
            margin[:] = NEAR
        mujoco.mj_fwdPosition(self.model, data)
        for margin in margins:
            margin[:] = 0.0

    def touching(self, depth: float, data: mujoco.MjData | None = None) -> list[tuple[int, int]]:
        """Pairs of bodies, -1 for the agent, that overlap by `depth` metres or more (less than 0: are so near) as last
        computed, deepest first."""
        contact = (data or self.data).contact
        close = np.flatnonzero(contact.dist <= -depth)
        order = close[np.argsort(contact.dist[close])]
        return [(int(a), int(b)) for a, b in self.owner[contact.geom[order]]]

    def snapshot(self) -> dict[str, np.ndarray]:
        """Everything that is needed to go on, as arrays."""
        sleep = [np.asarray(getattr(self.data, name)) for name in SLEEP]
        return {
            "integration": self._integration(),
            "sleep": np.concatenate(sleep),
            "awake": np.array([getattr(self.data, name) for name in AWAKE]),
            "fixed": self.fixed(),
            "floor": np.array(self.model.body_pos[AGENT_BODY, 2]),
            "held": np.array(self.held),
            "offset": np.array(self.offset),
            "driving": self.driving.copy(),
        }

    def check(self, arrays: Mapping[str, np.ndarray]) -> None:
        """ValueError unless arrays have the names and shapes of a snapshot."""
        for name, field in self.snapshot().items():
            if name not in arrays or np.shape(arrays[name]) != field.shape:
                found = np.shape(arrays[name]) if name in arrays else "none"
                raise ValueError(
                    f"the state is not of this world, robot and backend: {name!r} must have shape {field.shape}, "
                    f"got {found}"
                )

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a snapshot of a simulation with the same fixed bodies; ValueError for arrays of another model.

        MuJoCo wakes every body of a state it is given; who slept is put back here.
        """
        self.check(arrays)
        self.model.body_pos[AGENT_BODY, 2] = float(arrays["floor"])
        self.held, self.driving[:] = int(arrays["held"]), arrays["driving"]
        self._mark_held()
        x, y, z = arrays["offset"].tolist()
        self.offset = (x, y, z)
        if self.held >= 0:
            self._aim_grip(self.held, self.offset)
        self._power()
        self._resume(arrays["integration"])
        begin = 0
        for name in SLEEP:
            field = getattr(self.data, name)
            field[:] = arrays["sleep"][begin : begin + field.size]
            begin += field.size
        for name, value in zip(AWAKE, arrays["awake"], strict=True):
            setattr(self.data, name, int(value))


@njit(cache=True, nogil=True)
def _moved(qpos, qvel, address, free, drawn, ids, positions, rotations):  # type: ignore[no-untyped-def]
    """Fill `ids` with bodies whose coordinates differ from `drawn`, and update it; their number, or -1 - the index of
    a velocity that is not finite or absurd. The frames of free bodies are filled in too."""
    for i in range(len(qvel)):
        if not abs(qvel[i]) <= FAST:
            return -1 - i
    count = 0
    for body in range(len(address)):
        begin = address[body]
        if begin < 0:
            continue
        same = True
        for i in range(begin, begin + (7 if free[body] else 1)):
            if qpos[i] != drawn[i]:
                drawn[i] = qpos[i]
                same = False
        if same:
            continue
        ids[count] = body
        if free[body]:
            positions[count] = qpos[begin : begin + 3]
            w, x, y, z = qpos[begin + 3], qpos[begin + 4], qpos[begin + 5], qpos[begin + 6]
            turn = rotations[count]
            turn[0, 0], turn[0, 1], turn[0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
            turn[1, 0], turn[1, 1], turn[1, 2] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
            turn[2, 0], turn[2, 1], turn[2, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
        count += 1
    return count
