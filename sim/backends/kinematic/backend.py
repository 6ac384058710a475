"""The default backend: a walking disc among solid bodies, no dynamics, rendered by the batched ray caster."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from loci.sim.backend import Diverged, WorldState
from loci.sim.backends.kinematic.collision import COLUMNS, footprints, overlapping, walk
from loci.sim.geometry import camera_to_world, wrap_angle, wxyz_to_matrix, wxyz_to_yaw
from loci.sim.render.cpu import render
from loci.sim.render.pack import Scene
from loci.sim.sensors import Camera
from loci.sim.world import Pose, World

CARRY = (0.55, 0.0, 0.25)
"""Where a carried body stands in the agent's frame, metres forward, left and up."""


class KinematicBackend:
    """B worlds in which an agent of `radius` and `height` metres walks, turns, slides along things and carries one.

    The agent's position is a point on the floor. Bodies move only when a task places them or the agent carries them;
    parts lower than `knee` metres are stepped over.
    """

    provides = frozenset({"rgb", "depth", "instance", "pose", "state", "restore"})

    def __init__(
        self, batch: int = 1, radius: float = 0.2, height: float = 1.2, knee: float = 0.05, threads: int = 1
    ) -> None:
        if batch < 1 or not (radius > 0.0 and 0.0 <= knee < height):
            raise ValueError(
                f"need batch >= 1, radius > 0 and 0 <= knee < height, got {batch=}, {radius=}, {knee=}, {height=}"
            )
        self.batch, self.radius, self.height, self.knee, self.threads = batch, radius, height, knee, threads
        self._scene = Scene(batch)
        self._worlds: list[World | None] = [None] * batch
        self._poses: list[dict[str, Pose]] = [{} for _ in range(batch)]
        self._held: list[str | None] = [None] * batch
        self._position, self._yaw = np.zeros((batch, 3)), np.zeros(batch)
        self._rows, self._counts = np.zeros((batch, self._scene.slots, COLUMNS)), np.zeros(batch, np.int64)

    def load(self, row: int, world: World) -> None:
        """Replace the world of one row and put the agent at its first spawn; an overlapping spawn is refused."""
        if not world.spawns:
            raise ValueError(f"world {world.name!r} has no spawn pose")
        self._worlds[row] = world
        self._poses[row] = {body.name: body.pose for body in world.bodies}
        self._held[row] = None
        self._scene.load(row, world)
        self._stand(row)
        self.put_agent(row, world.spawns[0])

    def put_agent(self, row: int, pose: Pose) -> None:
        """Put the agent at a pose; ValueError when it would overlap a body or leave every room."""
        world, (x, y, z) = self.world(row), pose.position
        hit = overlapping(x, y, self._rows[row], self._counts[row], self.radius)
        if hit >= 0:
            name = world.bodies[int(self._rows[row, hit, 6])].name
            raise ValueError(f"agent of radius {self.radius} m at ({x:.3f}, {y:.3f}) overlaps {name!r}")
        if world.rooms and not any(room.contains((x, y, z)) for room in world.rooms):
            raise ValueError(f"agent at {pose.position} is in no room of world {world.name!r}")
        self._position[row], self._yaw[row] = (x, y, z), wrap_angle(wxyz_to_yaw(np.asarray(pose.wxyz)))

    def step(self, command: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]:
        """Hold {"velocity": (B, 2) m/s forward and left, "turn": (B,) rad/s}; returns what was achieved."""
        velocity = np.asarray(command["velocity"], np.float64).reshape(self.batch, 2)
        turn = np.asarray(command["turn"], np.float64).reshape(self.batch)
        wrong = ~(np.isfinite(velocity).all(axis=1) & np.isfinite(turn))
        if wrong.any():
            bad = int(wrong.argmax())
            raise Diverged(f"command of row {bad} is not finite: velocity {velocity[bad]}, turn {turn[bad]}")
        applied = walk(self._position, self._yaw, velocity, turn, seconds, self._rows, self._counts, self.radius)
        for row, name in enumerate(self._held):
            if name is not None:
                self._carry(row, name)
        return {"velocity": applied, "turn": turn}

    def render(self, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """The agents' views: {kind: (B, H, W, …)}, see `Camera`."""
        eye, axes = camera_to_world(self._position, self._yaw, camera.eye, camera.pitch)
        images = self.view(eye[:, None], axes[:, None], camera, kinds)
        return {kind: image[:, 0] for kind, image in images.items()}

    def view(self, eye: np.ndarray, axes: np.ndarray, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """Free cameras: eye (B, C, 3) and axes (B, C, 3, 3) as from `camera_to_world` give {kind: (B, C, H, W, …)}."""
        return render(
            self._scene, eye, axes, camera.height, camera.width, camera.fov, kinds=tuple(kinds),
            supersample=camera.supersample, shadows=camera.shadows, threads=self.threads,
        )  # fmt: skip

    def agents(self) -> tuple[np.ndarray, np.ndarray]:
        return self._position.copy(), self._yaw.copy()

    def agent(self, row: int) -> tuple[float, float, float]:
        return self._position.item(row, 0), self._position.item(row, 1), self._yaw.item(row)

    def world(self, row: int) -> World:
        world = self._worlds[row]
        if world is None:
            raise ValueError(f"row {row} has no world yet: load one first")
        return world

    def pose(self, row: int, name: str) -> Pose:
        self._check(row, name)
        return self._poses[row][name]

    def place(self, row: int, name: str, pose: Pose) -> None:
        """Teleport a body."""
        self._check(row, name)
        self._move(row, name, pose)
        self._stand(row)

    def hold(self, row: int, name: str | None) -> None:
        """Carry a body (it no longer blocks the way), or put down what is carried where it is."""
        if name is not None:
            self._check(row, name)
        self._held[row] = name
        if name is not None:
            self._carry(row, name)
        self._stand(row)

    def state(self, row: int) -> WorldState:
        """The world with its bodies where they are now, and the agent."""
        world = self.world(row)
        bodies = tuple(replace(body, pose=self._poses[row][body.name]) for body in world.bodies)
        held = -1 if self._held[row] is None else world.index(str(self._held[row]))
        agent = np.array([*self._position[row], self._yaw[row], held])
        return WorldState(replace(world, bodies=bodies), {"agent": agent})

    def restore(self, row: int, state: WorldState) -> None:
        """Go on from a state that `state` returned, here or in another backend of this kind."""
        x, y, z, yaw, held = (float(v) for v in state.arrays["agent"])
        self.load(row, replace(state.world, spawns=(Pose.at(x, y, z, yaw), *state.world.spawns)))
        self._worlds[row] = state.world
        self._yaw[row] = yaw
        if held >= 0:
            self.hold(row, state.world.bodies[int(held)].name)

    def close(self) -> None:
        """Nothing to give back."""

    def _check(self, row: int, name: str) -> None:
        if name not in self._poses[row]:
            self.world(row).index(name)

    def _move(self, row: int, name: str, pose: Pose) -> None:
        self._poses[row][name] = pose
        self._scene.place(
            row, self.world(row).index(name), np.asarray(pose.position), wxyz_to_matrix(np.asarray(pose.wxyz))
        )

    def _carry(self, row: int, name: str) -> None:
        yaw, (forward, left, up) = float(self._yaw[row]), CARRY
        c, s = math.cos(yaw), math.sin(yaw)
        x, y, z = (float(v) for v in self._position[row])
        self._move(row, name, Pose.at(x + c * forward - s * left, y + s * forward + c * left, z + up, yaw))

    def _stand(self, row: int) -> None:
        """Recompute the footprints of everything that blocks the way."""
        scene, name = self._scene, self._held[row]
        if self._rows.shape[1] < scene.slots:
            self._rows = np.pad(self._rows, ((0, 0), (0, scene.slots - self._rows.shape[1]), (0, 0)))
        held = -1 if name is None else self.world(row).index(name)
        parts = (scene.kind[row], scene.size[row], scene.position[row], scene.rotation[row], scene.body[row])
        self._counts[row] = footprints(self._rows[row], *parts, held, self.knee, self.height)
