"""B worlds with physics. Rows are stepped one by one, each a model of its own.

Measured on one core of an AMD EPYC with 20 sleeping bodies, 16 rows, 5 steps a call (`python -m benchmarks.physics`): a
loop over rows takes 196,000 physics steps a second, a persistent `mujoco.batch.Batch` over the same model 186,000. A
`Batch` also wants models of one layout, which worlds of their own do not have. So rows are a plain loop; with `threads`
> 1 a thread pool runs it, as MuJoCo lets go of the interpreter while it steps.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np

from loci.sim.backend import Diverged, WorldState
from loci.sim.backends.mujoco.base import Base, servo_targets
from loci.sim.backends.mujoco.gl import Look
from loci.sim.backends.mujoco.hand import take
from loci.sim.backends.mujoco.rays import cast
from loci.sim.backends.mujoco.robots import find
from loci.sim.backends.mujoco.simulation import Simulation
from loci.sim.backends.rows import Rows
from loci.sim.geometry import wrap_angle, wxyz_to_matrix
from loci.sim.sensors import Camera
from loci.sim.world import Pose, World

CHORD = 0.2
"""Greatest turn in radians over which the way is walked as a straight line."""
TOUCH = 0.005
"""Metres by which the agent may overlap a body where it is put."""
RENDERERS = ("cast", "gl")


class MujocoBackend(Rows):
    """B worlds in which bodies with a mass fall and are pushed, and an agent of limited strength walks and carries.

    Sizes and strength are those of `Base`. `dt` seconds a physics step. A command beyond `max_speed` or `max_turn` is
    carried out at that limit, and `step` returns what was achieved. `robot` names an MJCF file, or one in
    `assets/robots`, that rides on the base; the command "joints" (B, n) then sets its own n actuators. The ray caster
    does not draw it. `renderer`: "cast", or "gl" for MuJoCo's own, see `gl.py`.

    What rests on something when a world is loaded sleeps until something touches it.
    """

    provides = frozenset({"rgb", "depth", "instance", "pose", "state", "restore", "dynamics", "contacts"})

    def __init__(
        self,
        batch: int = 1,
        radius: float = 0.2,
        height: float = 1.2,
        knee: float = 0.05,
        strength: float = 400.0,
        reach: float = 1.4,
        max_speed: float = 3.0,
        max_turn: float = 6.0,
        dt: float = 0.01,
        robot: str | None = None,
        renderer: str = "cast",
        threads: int = 1,
    ) -> None:
        super().__init__(batch, threads)
        if not 0.0 < dt <= 0.02:
            raise ValueError(f"dt must lie in (0, 0.02] seconds, got {dt}")
        if renderer not in RENDERERS:
            raise ValueError(f"renderer must be one of {', '.join(RENDERERS)}, got {renderer!r}")
        self.base = Base(radius, height, knee, strength, reach, max_speed, max_turn)
        self.dt, self.robot = dt, None if robot is None else str(find(robot))
        self._look = Look(batch) if renderer == "gl" else None
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._simulations: list[Simulation | None] = [None] * batch

    def load(self, row: int, world: World) -> None:
        simulation = self._new(world)
        self.remember(row, world)
        self._simulations[row] = simulation
        self.put_agent(row, world.spawns[0])
        simulation.settle()

    def put_agent(self, row: int, pose: Pose) -> None:
        """Put the agent at a pose; ValueError when it would overlap a body or leave every room."""
        simulation, world = self._simulation(row), self.world(row)
        self.check_room(row, pose)
        before = simulation.snapshot()
        simulation.put_agent(pose)
        hit = [max(pair) for pair in simulation.touching(TOUCH) if min(pair) < 0 and max(pair) >= 0]
        if hit:
            simulation.restore(before)
            (x, y, _), name = pose.position, world.bodies[hit[0]].name
            raise ValueError(f"agent of radius {self.base.radius} m at ({x:.3f}, {y:.3f}) overlaps {name!r}")
        self._find_agent(row)
        self._draw(row)

    def step(self, command: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]:
        """Hold {"velocity": (B, 2) m/s forward and left, "turn": (B,) rad/s} and, with a robot, {"joints": (B, n)},
        the controls of its actuators; returns what was achieved.

        ValueError when `seconds` is not a multiple of `dt`.
        """
        velocity, turn = self._limited(command)
        self._set_joints(command)
        steps = round(seconds / self.dt)
        if steps < 1 or abs(steps * self.dt - seconds) > 1e-9:
            raise ValueError(f"seconds must be a multiple of dt = {self.dt}, got {seconds}")
        simulations = [self._simulation(row) for row in range(self.batch)]
        heading = np.array([simulation.base[2] for simulation in simulations])
        self._advance(simulations, velocity, turn, heading, steps)
        for row in range(self.batch):
            self._draw(row)
        now = np.array([simulation.base for simulation in simulations])
        (x, y), cos, sin = (now[:, :2] - self._position[:, :2]).T / seconds, np.cos(heading), np.sin(heading)
        self._position[:, :2], self._yaw[:] = now[:, :2], wrap_angle(now[:, 2])
        applied = np.stack([x * cos + y * sin, y * cos - x * sin], axis=1)
        achieved = {"velocity": applied, "turn": (now[:, 2] - heading) / seconds}
        if "joints" in command:
            achieved["joints"] = np.array([s.data.actuator_length[s.robot_motors] for s in simulations])
        return achieved

    def _advance(
        self, simulations: Sequence[Simulation], velocity: np.ndarray, turn: np.ndarray, heading: np.ndarray, steps: int
    ) -> None:
        """Walk in every row; ways that turn are chords along middle headings, as in the kinematic backend."""
        angle = turn * steps * self.dt
        walking = (velocity != 0.0).any(axis=1)
        pieces = np.where(walking, np.ceil(np.abs(angle) / CHORD), 1).clip(1, steps).astype(int).tolist()
        targets = servo_targets(velocity, turn, heading + angle / 2.0)

        def advance(row: int) -> None:
            try:
                simulations[row].advance(velocity[row], float(turn[row]), targets[row], steps, pieces[row])
            except mujoco.FatalError as error:
                raise Diverged(f"row {row}: MuJoCo gave up: {error}") from error

        for _ in map(advance, range(self.batch)) if self._pool is None else self._pool.map(advance, range(self.batch)):
            pass

    def _limited(self, command: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        velocity, turn = self.commanded(command)
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        slower = self.base.max_speed / np.maximum(speed, self.base.max_speed)
        return velocity * slower[:, None], turn.clip(-self.base.max_turn, self.base.max_turn)

    def _set_joints(self, command: Mapping[str, np.ndarray]) -> None:
        for row in range(self.batch if "joints" in command else 0):
            simulation = self._simulation(row)
            motors = simulation.ctrl[simulation.robot_motors]
            joints = np.asarray(command["joints"], np.float64)
            if joints.shape != (self.batch, len(motors)) or len(motors) == 0:
                raise ValueError(
                    f"command 'joints' must have shape {(self.batch, len(motors))}, a column for each actuator of "
                    f"robot {self.robot!r}, got {joints.shape}"
                )
            if not np.isfinite(joints[row]).all():
                raise Diverged(f"command of row {row} is not finite: joints {joints[row]}")
            motors[:] = joints[row]

    def pose(self, row: int, name: str) -> Pose:
        return self._simulation(row).pose(self.index(row, name))

    def place(self, row: int, name: str, pose: Pose) -> None:
        index, simulation = self.index(row, name), self._simulation(row)
        if self.body(row, name).joint is not None:
            raise ValueError(f"body {name!r} has a joint and stays where it is: drive() opens and closes it")
        if simulation.held == index:
            simulation.release()
        if simulation.free[index]:
            simulation.place(index, pose)
        else:
            simulation = self._stand(row, index, pose)
        simulation.wake()
        self._draw_at(row, index, pose)

    def held(self, row: int) -> str | None:
        held = self._simulation(row).held
        return None if held < 0 else self.world(row).bodies[held].name

    def hold(self, row: int, name: str | None) -> bool:
        """Take a body of at least some mass, within reach, in front and with a free way; it goes along at CARRY.

        False, and nothing has changed, when that cannot be done or the agent carries another one.
        """
        simulation = self._simulation(row)
        if name is None:
            done = simulation.held >= 0
            simulation.release()
            simulation.wake()
            return done
        index = self.index(row, name)
        if simulation.held >= 0:
            return simulation.held == index
        done = take(simulation, index, self.base.reach, self.base.height)
        self._draw(row)
        return done

    def opening(self, row: int, name: str) -> float:
        joint, simulation = self.jointed(row, name).joint, self._simulation(row)
        assert joint is not None
        opening = float(simulation.qpos[simulation.address[self.index(row, name)]]) / joint.span
        return min(1.0, max(0.0, opening))

    def drive(self, row: int, name: str, opening: float) -> None:
        """Set the motor of a door, drawer or lid going; it runs while time passes, until it has arrived."""
        joint = self.jointed(row, name).joint
        assert joint is not None
        if not 0.0 <= opening <= 1.0:
            raise ValueError(f"opening of {name!r} must lie in [0, 1], got {opening}")
        self._simulation(row).drive(self.index(row, name), opening * joint.span)

    def contacts(self, row: int) -> list[tuple[str, str]]:
        """Pairs of names that touch, sorted, "agent" being the agent; a door and the fixed things around it, and what
        is held and the agent, are not told."""
        simulation, bodies = self._simulation(row), self.world(row).bodies
        pairs = simulation.contacts()
        named = [["agent" if index < 0 else bodies[index].name for index in pair] for pair in pairs]
        return sorted({(min(pair), max(pair)) for pair in named})

    def rays(self, row: int, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The engine's own eyes: for rays from `origin` (3,) along `directions` (n, 3), the distances (n,) in lengths
        of the direction, 0 for none, and the instance ids (n,), -1 for none."""
        return cast(self._simulation(row), origin, directions)

    def state(self, row: int) -> WorldState:
        """The world as it was loaded, but for the states of its bodies, and all that has happened since as arrays."""
        return WorldState(self.marked(row), self._simulation(row).snapshot())

    def restore(self, row: int, state: WorldState) -> None:
        """Go on from a state that `state` returned, here or in another backend of this kind with equal settings."""
        simulation = self._new(state.world)
        simulation.check(state.arrays)
        simulation = simulation.with_fixed(state.arrays["fixed"])
        simulation.restore(state.arrays)
        self.remember(row, state.world)
        self._simulations[row] = simulation
        self._find_agent(row)
        self._draw(row)
        for index, (now, first) in enumerate(zip(simulation.bodies, state.world.bodies, strict=True)):
            if now.pose != first.pose:
                self._draw_at(row, index, now.pose)

    def render(self, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        if self._look is None:
            return super().render(camera, kinds)
        simulations = [self._simulation(row) for row in range(self.batch)]
        return self._look.render(simulations, self._position, self._yaw, camera, kinds)

    def close(self) -> None:
        if self._look is not None:
            self._look.close()
        if self._pool is not None:
            self._pool.shutdown()

    def _simulation(self, row: int) -> Simulation:
        simulation = self._simulations[row]
        if simulation is None:
            self.world(row)
            raise ValueError(f"row {row} has no simulation: load a world first")
        return simulation

    def _new(self, world: World) -> Simulation:
        return Simulation(world.bodies, world.lights, self.base, self.dt, self.robot)

    def _stand(self, row: int, index: int, pose: Pose) -> Simulation:
        """The row with a fixed body elsewhere: another model, where all else goes on."""
        before = self._simulation(row)
        poses = before.fixed()
        poses[np.count_nonzero(before.address[:index] < 0)] = (*pose.position, *pose.wxyz)
        after = before.with_fixed(poses)
        after.restore(before.snapshot())
        self._simulations[row] = after
        return after

    def _find_agent(self, row: int) -> None:
        simulation = self._simulation(row)
        self._position[row, :2], self._yaw[row] = simulation.base[:2], wrap_angle(float(simulation.base[2]))
        self._position[row, 2] = simulation.agent().position[2]

    def _draw(self, row: int) -> None:
        """Write the poses of the bodies that have moved into the scene."""
        try:
            frames = self._simulation(row).moved()
        except FloatingPointError as error:
            raise Diverged(
                f"row {row} has left the finite numbers: {error}. Load a world or restore a state"
            ) from error
        if frames is not None:
            self.scene.place(row, *frames)

    def _draw_at(self, row: int, index: int, pose: Pose) -> None:
        self.scene.place(row, index, np.array(pose.position), wxyz_to_matrix(np.array(pose.wxyz)))
