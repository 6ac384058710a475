"""What all engines of the suite share: B loaded worlds, the states of their bodies, and the ray caster's pictures.

An engine moves bodies; it writes where they are into `scene`, from which every camera is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from loci.sim.backend import Diverged
from loci.sim.geometry import camera_to_world
from loci.sim.render.cpu import render
from loci.sim.render.pack import Scene
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, World

CARRY = (0.55, 0.0, 0.55)
"""Where a carried body stands in the agent's frame, metres forward, left and up."""
RAISED = (0.0, 0.0, 1.6)
"""Where it is held up instead, on engines with physics, when there is no room in front."""


class Rows:
    """B rows, each with a world, drawn by `threads` threads."""

    def __init__(self, batch: int, threads: int) -> None:
        if batch < 1 or threads < 1:
            raise ValueError(f"need batch >= 1 and threads >= 1, got {batch=}, {threads=}")
        self.batch, self.threads = batch, threads
        self.scene = Scene(batch)
        self._position, self._yaw = np.zeros((batch, 3)), np.zeros(batch)
        self._worlds: list[World | None] = [None] * batch
        self._indices: list[dict[str, int]] = [{} for _ in range(batch)]
        self._states: list[dict[str, frozenset[str]]] = [{} for _ in range(batch)]

    def remember(self, row: int, world: World) -> None:
        """Take a world as the one of this row and draw it as it begins."""
        if not world.spawns:
            raise ValueError(f"world {world.name!r} has no spawn pose")
        self.scene.load(row, world)
        self._worlds[row] = world
        self._indices[row] = {body.name: index for index, body in enumerate(world.bodies)}
        self._states[row] = {body.name: frozenset(body.states) for body in world.bodies if body.states}

    def world(self, row: int) -> World:
        world = self._worlds[row]
        if world is None:
            raise ValueError(f"row {row} has no world yet: load one first")
        return world

    def index(self, row: int, name: str) -> int:
        """Index of a body in its world, which is its instance id; a KeyError lists the names that exist."""
        found = self._indices[row].get(name)
        return self.world(row).index(name) if found is None else found

    def body(self, row: int, name: str) -> Body:
        return self.world(row).bodies[self.index(row, name)]

    def jointed(self, row: int, name: str) -> Body:
        """A body that opens; ValueError with the names of those that do."""
        body = self.body(row, name)
        if body.joint is None:
            having = ", ".join(b.name for b in self.world(row).bodies if b.joint is not None) or "none"
            raise ValueError(f"body {name!r} has no joint. Bodies that open: {having}")
        return body

    def states(self, row: int, name: str) -> frozenset[str]:
        self.index(row, name)
        return self._states[row].get(name, frozenset())

    def mark(self, row: int, name: str, state: str, value: bool) -> None:
        before = self.states(row, name)
        self._states[row][name] = before | {state} if value else before - {state}

    def marked(self, row: int) -> World:
        """The world as it was loaded, with the states that its bodies have now."""
        world = self.world(row)
        now = {name: tuple(sorted(states)) for name, states in self._states[row].items()}
        changed = {body.name for body in world.bodies if set(now.get(body.name, ())) != set(body.states)}
        if not changed:
            return world
        bodies = (replace(b, states=now[b.name]) if b.name in changed else b for b in world.bodies)
        return replace(world, bodies=tuple(bodies))

    def commanded(self, command: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Velocity (B, 2) and turn (B,) of a command; Diverged names the row of a number that is not finite."""
        velocity = np.asarray(command["velocity"], np.float64).reshape(self.batch, 2)
        turn = np.asarray(command["turn"], np.float64).reshape(self.batch)
        wrong = ~(np.isfinite(velocity).all(axis=1) & np.isfinite(turn))
        if wrong.any():
            bad = int(wrong.argmax())
            raise Diverged(f"command of row {bad} is not finite: velocity {velocity[bad]}, turn {turn[bad]}")
        return velocity, turn

    def check_room(self, row: int, pose: Pose) -> None:
        """ValueError for an agent's pose outside all rooms."""
        world = self.world(row)
        if world.rooms and not any(room.contains(pose.position) for room in world.rooms):
            raise ValueError(f"agent at {pose.position} is in no room of world {world.name!r}")

    def agents(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (B, 3) metres and headings (B,) radians in [-pi, pi)."""
        return self._position.copy(), self._yaw.copy()

    def agent(self, row: int) -> tuple[float, float, float]:
        """x, y in metres and heading in radians of one row."""
        return self._position.item(row, 0), self._position.item(row, 1), self._yaw.item(row)

    def render(self, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """The agents' views: {kind: (B, H, W, …)}, see `Camera`."""
        position, yaw = self.agents()
        eye, axes = camera_to_world(position, yaw, camera.eye, camera.pitch)
        images = self.view(eye[:, None], axes[:, None], camera, kinds)
        return {kind: image[:, 0] for kind, image in images.items()}

    def view(self, eye: np.ndarray, axes: np.ndarray, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """Free cameras: eye (B, C, 3) and axes (B, C, 3, 3) as from `camera_to_world` give {kind: (B, C, H, W, …)}."""
        return render(
            self.scene, eye, axes, camera.height, camera.width, camera.fov, kinds=tuple(kinds),
            supersample=camera.supersample, shadows=camera.shadows, threads=self.threads,
        )  # fmt: skip
