"""The default backend: a walking disc among solid bodies, no dynamics, rendered by the batched ray caster."""

from collections.abc import Mapping

import numpy as np

from loci.sim.backend import Unsupported, WorldState
from loci.sim.backends.kinematic.collision import COLUMNS, footprints, overlapping, walk
from loci.sim.backends.rows import CARRY, Rows
from loci.sim.geometry import wrap_angle, wxyz_to_matrix
from loci.sim.world import Pose, World


class KinematicBackend(Rows):
    """B worlds in which an agent of `radius` and `height` metres walks, turns, slides along things and carries one.

    The agent's position is a point on the floor. Bodies move only when a task places or opens them or the agent
    carries them; what stands on or in them goes along. Parts lower than `knee` metres are stepped over.
    """

    provides = frozenset({"rgb", "depth", "instance", "pose", "state", "restore"})

    def __init__(
        self, batch: int = 1, radius: float = 0.2, height: float = 1.2, knee: float = 0.05, threads: int = 1
    ) -> None:
        super().__init__(batch, threads)
        if not (radius > 0.0 and 0.0 <= knee < height):
            raise ValueError(f"need radius > 0 and 0 <= knee < height, got {radius=}, {knee=}, {height=}")
        self.radius, self.height, self.knee = radius, height, knee
        self._poses: list[dict[str, Pose]] = [{} for _ in range(batch)]
        self._openings: list[dict[str, float]] = [{} for _ in range(batch)]
        self._held: list[str | None] = [None] * batch
        self._rows, self._counts = np.zeros((batch, self.scene.slots, COLUMNS)), np.zeros(batch, np.int64)

    def load(self, row: int, world: World) -> None:
        """Replace the world of one row and put the agent at its first spawn; an overlapping spawn is refused."""
        self.remember(row, world)
        self._poses[row] = {body.name: body.start for body in world.bodies}
        self._openings[row] = _openings(world)
        self._held[row] = None
        self._stand(row)
        self.put_agent(row, world.spawns[0])

    def put_agent(self, row: int, pose: Pose) -> None:
        """Put the agent at a pose; ValueError when it would overlap a body or leave every room."""
        x, y, z = pose.position
        blocking = self._blocking(row, x, y)
        if blocking is not None:
            raise ValueError(f"agent of radius {self.radius} m at ({x:.3f}, {y:.3f}) overlaps {blocking!r}")
        self.check_room(row, pose)
        self._position[row], self._yaw[row] = (x, y, z), wrap_angle(pose.yaw)

    def step(self, command: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]:
        """Hold {"velocity": (B, 2) m/s forward and left, "turn": (B,) rad/s}; returns what was achieved."""
        velocity, turn = self.commanded(command)
        applied = walk(self._position, self._yaw, velocity, turn, seconds, self._rows, self._counts, self.radius)
        for row, name in enumerate(self._held):
            if name is not None:
                self._carry(row, name)
        return {"velocity": applied, "turn": turn}

    def pose(self, row: int, name: str) -> Pose:
        self.index(row, name)
        return self._poses[row][name]

    def place(self, row: int, name: str, pose: Pose) -> None:
        """Teleport a body; ValueError for one with a joint."""
        if self.body(row, name).joint is not None:
            raise ValueError(f"body {name!r} has a joint: it cannot be placed, drive it open or closed")
        self._move(row, name, pose)
        self._stand(row)

    def held(self, row: int) -> str | None:
        return self._held[row]

    def hold(self, row: int, name: str | None) -> bool:
        """Carry a body (it no longer blocks the way), or put down what is carried where it is. Always done."""
        if name is not None and self.body(row, name).joint is not None:
            raise ValueError(f"body {name!r} has a joint: it cannot be carried")
        self._held[row] = name
        if name is not None:
            self._carry(row, name)
        self._stand(row)
        return True

    def opening(self, row: int, name: str) -> float:
        self.jointed(row, name)
        return self._openings[row][name]

    def drive(self, row: int, name: str, opening: float) -> None:
        """Open or close at once, with everything inside; not at all when the agent stands in the way."""
        body, before = self.jointed(row, name), self.opening(row, name)
        if not 0.0 <= opening <= 1.0:
            raise ValueError(f"opening must lie in [0, 1], got {opening}")
        self._open(row, name, opening)
        if self._blocking(row, *self._position[row, :2].tolist()) == body.name:
            self._open(row, name, before)

    def contacts(self, row: int) -> list[tuple[str, str]]:
        raise Unsupported("the kinematic backend has no contacts: ask mujoco or pybullet")

    def state(self, row: int) -> WorldState:
        """The world as it was loaded, but for the states of its bodies, and where everything is now."""
        world, held = self.marked(row), self._held[row]
        poses = np.array([(*pose.position, *pose.wxyz) for pose in self._poses[row].values()]).reshape(-1, 7)
        agent = np.array([*self._position[row], self._yaw[row], -1 if held is None else self.index(row, held)])
        return WorldState(
            world, {"agent": agent, "poses": poses, "openings": np.array([*self._openings[row].values()])}
        )

    def restore(self, row: int, state: WorldState) -> None:
        """Go on from a state that `state` returned, here or in another backend of this kind."""
        missing = {"agent", "poses", "openings"} - set(state.arrays)
        if missing:
            raise ValueError(f"the state is not of this backend: it lacks {', '.join(sorted(missing))}")
        self.remember(row, state.world)
        self._openings[row] = dict(zip(_openings(state.world), state.arrays["openings"].tolist(), strict=True))
        for body, (x, y, z, *wxyz) in zip(state.world.bodies, state.arrays["poses"].tolist(), strict=True):
            self._move(row, body.name, Pose((x, y, z), (wxyz[0], wxyz[1], wxyz[2], wxyz[3])))
        *position, yaw, held = state.arrays["agent"].tolist()
        self._position[row], self._yaw[row] = position, yaw
        self._held[row] = None if held < 0 else state.world.bodies[int(held)].name
        self._stand(row)

    def close(self) -> None:
        """Nothing to give back."""

    def _blocking(self, row: int, x: float, y: float) -> str | None:
        """Name of the body that an agent at (x, y) would overlap most."""
        hit = overlapping(x, y, self._rows[row], self._counts[row], self.radius)
        return None if hit < 0 else self.world(row).bodies[int(self._rows[row, hit, 6])].name

    def _open(self, row: int, name: str, opening: float) -> None:
        body = self.jointed(row, name)
        assert body.joint is not None
        self._openings[row][name] = opening
        self._take_along(row, name, body.pose @ body.joint.motion(opening))
        self._stand(row)

    def _move(self, row: int, name: str, pose: Pose) -> None:
        self._poses[row][name] = pose
        rotation = wxyz_to_matrix(np.asarray(pose.wxyz))
        self.scene.place(row, self.index(row, name), np.asarray(pose.position), rotation)

    def _take_along(self, row: int, name: str, pose: Pose) -> None:
        """Move a body and whatever stands on or in it."""
        riders, before = self._riders(row, name), self._poses[row][name]
        self._move(row, name, pose)
        moved = pose @ before.inverse()
        for rider in riders:
            self._take_along(row, rider, moved @ self._poses[row][rider])

    def _riders(self, row: int, name: str) -> list[str]:
        """Bodies with a mass whose middle lies in a receptacle of this one."""
        spaces = self.body(row, name).receptacles
        if not spaces:
            return []
        inside, poses = self._poses[row][name].inverse(), self._poses[row]
        loose = [b for b in self.world(row).bodies if b.mass > 0.0 and b.joint is None and b.name != name]
        middles = [(b.name, inside.point(poses[b.name].point(b.middle))) for b in loose]
        return [other for other, middle in middles if any(space.contains(middle) for space in spaces)]

    def _carry(self, row: int, name: str) -> None:
        x, y, z = (float(v) for v in self._position[row])
        self._take_along(row, name, Pose.at(x, y, z, float(self._yaw[row])) @ Pose(CARRY))

    def _stand(self, row: int) -> None:
        """Recompute the footprints of everything that blocks the way."""
        scene, name = self.scene, self._held[row]
        if self._rows.shape[1] < scene.slots:
            self._rows = np.pad(self._rows, ((0, 0), (0, scene.slots - self._rows.shape[1]), (0, 0)))
        held = -1 if name is None else self.index(row, name)
        parts = (scene.kind[row], scene.size[row], scene.position[row], scene.rotation[row], scene.body[row])
        self._counts[row] = footprints(self._rows[row], *parts, held, self.knee, self.height)


def _openings(world: World) -> dict[str, float]:
    """How far every body with a joint is open when a world begins."""
    return {body.name: body.joint.opening for body in world.bodies if body.joint is not None}
