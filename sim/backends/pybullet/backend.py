"""Worlds with dynamics, by the Bullet engine: bodies with a mass fall, are pushed and carried; doors turn on hinges."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from loci.sim.backend import Diverged, WorldState
from loci.sim.backends.pybullet import hand
from loci.sim.backends.pybullet.camera import Tiny
from loci.sim.backends.pybullet.contact import touching
from loci.sim.backends.pybullet.rays import cast
from loci.sim.backends.pybullet.robot import find
from loci.sim.backends.pybullet.simulation import Simulation, pose_of
from loci.sim.backends.rows import Rows
from loci.sim.geometry import wrap_angle, wxyz_to_matrix
from loci.sim.sensors import Camera
from loci.sim.world import Pose, World

ARRAYS = frozenset({"agent", "poses", "engine", "joints", "robot"})
RENDERERS = ("cast", "tiny")


class PybulletBackend(Rows):
    """B worlds, each in an engine of its own, in which an agent of `radius` and `height` metres walks on the floor.

    The agent is an upright cylinder that passes over what is lower than `knee`. Motors of `strength` newtons bring it
    to the commanded velocity, limited to `max_speed` m/s and `max_turn` rad/s: it is stopped by what is fixed, slides
    along it, and pushes what is light. `reach` metres is how far its hand gets; `dt` the engine's time step in
    seconds. `robot` is a URDF file, or a name in assets/robots, mounted on the agent; `step` then also takes
    {"joints": (B, nu)}, the positions its joints are to take, in radians or metres.

    `renderer` "cast" is the ray caster of the suite; "tiny" is the engine's own: plain colours, no shadows.

    A state is exact: after `state`, and after `restore` here or in another backend with the same settings, the same
    commands lead to the same numbers, bit for bit. The price is that taking a state forgets the contact forces and
    sleep of that instant, so a run in which it is taken may differ slightly from one in which it is not.
    """

    provides = frozenset({"rgb", "depth", "instance", "pose", "state", "restore", "dynamics", "contacts"})

    def __init__(
        self,
        batch: int = 1,
        radius: float = 0.2,
        height: float = 1.2,
        knee: float = 0.05,
        max_speed: float = 3.0,
        max_turn: float = 6.0,
        strength: float = 400.0,
        reach: float = 1.4,
        dt: float = 0.005,
        renderer: str = "cast",
        robot: str | None = None,
        threads: int = 1,
    ) -> None:
        super().__init__(batch, threads)
        if not (radius > 0.0 and 0.0 <= knee < height):
            raise ValueError(f"need radius > 0 and 0 <= knee < height, got {radius=}, {knee=}, {height=}")
        if not min(max_speed, max_turn, strength, reach, dt) > 0.0:
            limits = f"{max_speed=}, {max_turn=}, {strength=}, {reach=}, {dt=}"
            raise ValueError(f"need max_speed, max_turn, strength, reach and dt > 0, got {limits}")
        if renderer not in RENDERERS:
            raise ValueError(f"renderer must be one of {', '.join(RENDERERS)}, got {renderer!r}")
        self.radius, self.height, self.max_speed, self.max_turn = radius, height, max_speed, max_turn
        self.reach, self.dt = reach, dt
        path = None if robot is None else find(robot)
        base = (radius, height, knee, strength)
        self._simulations = [Simulation(base, dt, path) for _ in range(batch)]
        self._tiny = Tiny(self.scene) if renderer == "tiny" else None

    def load(self, row: int, world: World) -> None:
        """Replace the world of one row and put the agent at its first spawn; an overlapping spawn is refused."""
        self.remember(row, world)
        self._simulations[row].build(world)
        self.put_agent(row, world.spawns[0])

    def step(self, command: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]:
        """Hold {"velocity": (B, 2) m/s forward and left, "turn": (B,) rad/s} and, with a robot, {"joints": (B, nu)};
        returns what was achieved, the velocity being the displacement over `seconds` along the first heading."""
        velocity, turn = self._limited(command)
        if not seconds > 0.0 or abs(seconds / self.dt - round(seconds / self.dt)) > 1e-6:
            raise ValueError(f"seconds must be a multiple of dt = {self.dt}, got {seconds}")
        self._aim(command)
        applied = {"velocity": np.zeros((self.batch, 2)), "turn": np.zeros(self.batch)}
        for row, simulation in enumerate(self._simulations):
            self.world(row)
            first = self._yaw[row]
            try:
                dx, dy, angle = simulation.advance(seconds, velocity[row], float(turn[row])) / seconds
            except Diverged as error:
                raise Diverged(f"row {row}: {error}") from error
            c, s = math.cos(first), math.sin(first)
            applied["velocity"][row], applied["turn"][row] = (dx * c + dy * s, dy * c - dx * s), angle
            self._see(row)
        if "joints" in command:
            applied["joints"] = np.array([s.robot.angles() for s in self._simulations if s.robot is not None])
        return applied

    def put_agent(self, row: int, pose: Pose) -> None:
        """Put the agent at a pose; ValueError when it would overlap a body or leave every room."""
        simulation, (x, y, z) = self._simulations[row], pose.position
        for index, solid in enumerate(simulation.solids):
            if index != simulation.held and simulation.base.overlapped(x, y, z, pose.yaw, solid.number):
                raise ValueError(f"agent of radius {self.radius} m at ({x:.3f}, {y:.3f}) overlaps {solid.body.name!r}")
        self.check_room(row, pose)
        simulation.put_agent(x, y, z, pose.yaw)
        self._see(row)

    def view(self, eye: np.ndarray, axes: np.ndarray, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """Free cameras: eye (B, C, 3) and axes (B, C, 3, 3) as from `camera_to_world` give {kind: (B, C, H, W, …)}."""
        if self._tiny is None:
            return super().view(eye, axes, camera, kinds)
        return self._tiny.view(eye, axes, camera, kinds)

    def pose(self, row: int, name: str) -> Pose:
        index = self.index(row, name)
        return pose_of(self._simulations[row].poses[index])

    def place(self, row: int, name: str, pose: Pose) -> None:
        """Teleport a body, at rest; one that is carried is let go. ValueError for a body with a joint."""
        index = self.index(row, name)
        if self.body(row, name).joint is not None:
            raise ValueError(f"body {name!r} has a joint and stays where it is: use drive")
        if self._simulations[row].held == index:
            self._simulations[row].release()
        self._simulations[row].place(index, pose)
        self._see(row)

    def held(self, row: int) -> str | None:
        held = self._simulations[row].held
        return None if held is None else self.world(row).bodies[held].name

    def hold(self, row: int, name: str | None) -> bool:
        """Carry a body that a hand can touch, or let go of it where it is, at rest; whether that was done.

        The hand starts in the agent's axis at the height of the body's middle, or higher. It gets `reach` metres far,
        60 degrees to each side, and the first thing on its way must be the body. A body that is fixed, or that would
        stand in something fixed in front of the agent, is not taken; nor is a second one.
        """
        simulation = self._simulations[row]
        if name is None:
            had = simulation.held is not None
            simulation.release()
            return had
        index = self.index(row, name)
        if simulation.held is not None:
            return simulation.held == index
        taken = hand.take(simulation, index, self.reach, self.height)
        self._see(row)
        return taken

    def opening(self, row: int, name: str) -> float:
        self.jointed(row, name)
        return self._simulations[row].doors[self.index(row, name)].opening

    def drive(self, row: int, name: str, opening: float) -> None:
        """Open or close a body with a joint while time passes, by a motor of limited strength."""
        self.jointed(row, name)
        if not 0.0 <= opening <= 1.0:
            raise ValueError(f"opening of {name!r} must lie in [0, 1], got {opening}")
        self._simulations[row].doors[self.index(row, name)].drive(opening)
        self._simulations[row].wake()

    def contacts(self, row: int) -> list[tuple[str, str]]:
        """Pairs of names that touch, sorted, of which at least one can move; "agent" is the agent.

        Pairs that pass through each other are not told: a door and its frame, what is carried and the agent.
        """
        self.world(row)
        return touching(self._simulations[row])

    def rays(self, row: int, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The engine's own eyes: for rays from `origin` (3,) along `directions` (n, 3), the distances (n,) in lengths
        of the direction, 0 for none, and the instance ids (n,), -1 for none."""
        self.world(row)
        return cast(self._simulations[row], origin, directions)

    def state(self, row: int) -> WorldState:
        """The world as it was loaded, but for the states of its bodies, and all numbers of the engine; the class says
        what taking a state changes."""
        world, simulation = self.world(row), self._simulations[row]
        arrays = simulation.arrays()
        simulation.restore(world, arrays)
        return WorldState(self.marked(row), arrays)

    def restore(self, row: int, state: WorldState) -> None:
        """Go on from a state that `state` returned, here or in another backend with the same settings."""
        missing = ARRAYS - set(state.arrays)
        if missing:
            raise ValueError(f"the state is not of this backend: it lacks {sorted(missing)}")
        self.remember(row, state.world)
        self._simulations[row].restore(state.world, state.arrays)
        self._see(row)

    def close(self) -> None:
        for simulation in self._simulations:
            simulation.close()
        if self._tiny is not None:
            self._tiny.close()

    def _limited(self, command: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        velocity, turn = self.commanded(command)
        speed = np.linalg.norm(velocity, axis=1, keepdims=True)
        return velocity * np.minimum(1.0, self.max_speed / np.maximum(speed, 1e-12)), np.clip(
            turn, -self.max_turn, self.max_turn
        )

    def _aim(self, command: Mapping[str, np.ndarray]) -> None:
        """Give the robots their targets."""
        robots = [s.robot for s in self._simulations if s.robot is not None]
        if "joints" not in command:
            return
        wanted = (self.batch, len(robots[0].joints) if robots else 0)
        joints = np.asarray(command["joints"], np.float64)
        if joints.shape != wanted or not robots:
            raise ValueError(
                f"command 'joints' must have shape {wanted} (nu = joints of the robot), got {joints.shape}"
            )
        for row, (robot, targets) in enumerate(zip(robots, joints, strict=True)):
            if not np.isfinite(targets).all():
                raise Diverged(f"command of row {row} is not finite: joints {targets}")
            robot.aim(targets)

    def _see(self, row: int) -> None:
        """Tell the pictures and the odometry where everything is."""
        simulation = self._simulations[row]
        poses, agent = simulation.poses, simulation.agent()
        self.scene.place(row, np.arange(len(poses)), poses[:, :3], wxyz_to_matrix(poses[:, 3:]))
        self._position[row], self._yaw[row] = agent.position, wrap_angle(simulation.heading())
