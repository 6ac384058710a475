"""Worlds drawn by habitat-sim, and scanned places: B rows, each with a habitat process of its own."""

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from loci.sim.backend import Unsupported, WorldState
from loci.sim.backends.habitat.process import HabitatProcess, find_python
from loci.sim.backends.habitat.protocol import Message
from loci.sim.backends.habitat.scans import PREFIX, seen, wanted
from loci.sim.backends.rows import CARRY, Rows
from loci.sim.geometry import wrap_angle
from loci.sim.sensors import Camera
from loci.sim.world import Pose, World
from loci.sim.worlds.export import SCENE, write_habitat

STRIDE, TWIST = 0.1, 0.2
"""A step is walked in pieces of at most so many metres and radians."""
Question = tuple[dict[str, object], dict[str, np.ndarray]]


class HabitatBackend(Rows):
    """B worlds in habitat-sim, in which an agent of `radius` and `height` metres walks on a navigation mesh.

    A world is written as a habitat scene and everything in it blocks the way, but for what is lower than `knee` and
    what is carried. A world named "habitat:<scene>#<seed>" (see `scans.scan`) is a scene of `scene_dataset`, a
    scene_dataset_config.json ("default" for plain files); with `scene` every world is that one. Nothing falls or is
    pushed. Pictures are habitat's, without shading; `camera.shadows` is not supported.

    Each row has its own process: one OpenGL context a process is what habitat is made for, a crash costs one row, and
    rows are drawn at the same time. It is started by the first `load` and again by the first one after a failure.
    `python` runs it (see `process.find_python`), `gpu` is the device that draws, -1 the CPU.
    """

    provides = frozenset({"rgb", "depth", "instance", "pose", "state", "restore"})

    def __init__(
        self,
        batch: int = 1,
        python: str = "",
        scene_dataset: str = "default",
        scene: str = "",
        radius: float = 0.2,
        height: float = 1.2,
        knee: float = 0.1,
        gpu: int = -1,
        start_timeout: float = 120.0,
        call_timeout: float = 60.0,
    ) -> None:
        super().__init__(batch, 1)
        if not (radius > 0.0 and 0.0 <= knee < height):
            raise ValueError(f"need radius > 0 and 0 <= knee < height, got {radius=}, {knee=}, {height=}")
        command = find_python(python)
        self.radius, self.height, self.knee, self.gpu = radius, height, knee, gpu
        self.scene_dataset, self.scan_scene = scene_dataset, scene
        self.processes = [HabitatProcess(command, start_timeout, call_timeout) for _ in range(batch)]
        self._folders = [tempfile.TemporaryDirectory(prefix="loci-world-") for _ in range(batch)]
        self._poses: list[dict[str, Pose]] = [{} for _ in range(batch)]
        self._openings: list[dict[str, float]] = [{} for _ in range(batch)]
        self._held: list[str | None] = [None] * batch
        self._scanned = [False] * batch

    def load(self, row: int, world: World) -> None:
        """Replace the world of one row and put the agent at its first spawn; ValueError where it cannot stand."""
        scene = self._wanted(world)
        self._worlds[row] = None
        self.processes[row].start()
        if scene is None:
            dataset = write_habitat(world, self._fresh(row))
            self.processes[row].call("load", self._scene(str(dataset), SCENE, False, 0))
        else:
            reply = self.processes[row].call("load", self._scene(self.scene_dataset, scene[0], True, scene[1]))
            world = seen(world.name, reply)
        self._scanned[row], self._held[row] = scene is not None, None
        self.remember(row, world)
        self._poses[row] = {body.name: body.start for body in world.bodies}
        self._openings[row] = {body.name: body.joint.opening for body in world.bodies if body.joint is not None}
        self.put_agent(row, world.spawns[0])

    def put_agent(self, row: int, pose: Pose) -> None:
        """Put the agent at a pose; ValueError when it does not fit there or would leave every room."""
        x, y, z = pose.position
        self.check_room(row, pose)
        reply = self._stand(row, pose.position)
        if not reply.fields["free"]:
            near = ", ".join(f"{v:.3f}" for v in reply.arrays["nearest"])
            raise ValueError(
                f"agent of radius {self.radius} m at ({x:.3f}, {y:.3f}) overlaps a body or stands on nothing; "
                f"the nearest place where it fits is ({near})"
            )
        self._position[row], self._yaw[row] = (x, y, z), wrap_angle(pose.yaw)

    def step(self, command: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]:
        """Hold {"velocity": (B, 2) m/s forward and left, "turn": (B,) rad/s}; returns what was achieved, the velocity
        being the displacement over `seconds` along the first heading. Raises HabitatError when a process fails."""
        velocity, turn = self._checked(command, seconds)
        moving = [row for row in range(self.batch) if self.world(row) and velocity[row].any()]
        walks: dict[int, Question] = {
            row: ({}, {"start": self._position[row], "moves": moves(self._yaw[row], velocity[row], turn[row], seconds)})
            for row in moving
        }
        before, first = self._position.copy(), self._yaw.copy()
        for row, reply in self._ask("walk", walks).items():
            x, y, _ = reply.arrays["end"]
            self._position[row] = (x, y, self._position[row, 2] + reply.arrays["climbed"][0])
        self._yaw = wrap_angle(self._yaw + turn * seconds)
        self._carry([row for row, name in enumerate(self._held) if name is not None])
        dx, dy, _ = (self._position - before).T / seconds
        c, s = np.cos(first), np.sin(first)
        return {"velocity": np.stack([dx * c + dy * s, dy * c - dx * s], axis=1), "turn": turn}

    def view(self, eye: np.ndarray, axes: np.ndarray, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """Free cameras: eye (B, C, 3) and axes (B, C, 3, 3) as from `camera_to_world` give {kind: (B, C, H, W, …)}."""
        if camera.shadows:
            raise Unsupported("habitat draws no shadows here: take a camera with shadows=False")
        times = camera.supersample
        size = {"height": camera.height, "width": camera.width, "fov": camera.fov}
        fine = size | {"height": camera.height * times, "width": camera.width * times}
        plain = [kind for kind in kinds if kind != "rgb" or times == 1]
        images = self._look(size, plain, eye, axes)
        if "rgb" in kinds and times > 1:
            images["rgb"] = _averaged(self._look(fine, ["rgb"], eye, axes)["rgb"], times)
        return {kind: images[kind] for kind in kinds}

    def pose(self, row: int, name: str) -> Pose:
        self.index(row, name)
        return self._poses[row][name]

    def place(self, row: int, name: str, pose: Pose) -> None:
        """Teleport a body; one that is carried is let go. ValueError for a body with a joint."""
        if self.body(row, name).joint is not None:
            raise ValueError(f"body {name!r} has a joint and stays where it is: use drive")
        self._movable(row)
        if self._held[row] == name:
            self.hold(row, None)
        self._move(row, {name: pose})

    def held(self, row: int) -> str | None:
        return self._held[row]

    def hold(self, row: int, name: str | None) -> bool:
        """Carry a body with what is on it, which then no longer blocks the way, or let go of it where it is; whether
        that was done."""
        before = self._held[row]
        if name is None:
            self._held[row] = None
            if before is not None:
                self._move(row, self._along(row, before, self._poses[row][before]))
            return before is not None
        self._movable(row)
        if self.body(row, name).joint is not None:
            raise ValueError(f"body {name!r} has a joint: it cannot be carried")
        if before != name:
            self.hold(row, None)
        self._held[row] = name
        self._carry([row])
        return True

    def opening(self, row: int, name: str) -> float:
        self.jointed(row, name)
        return self._openings[row][name]

    def drive(self, row: int, name: str, opening: float) -> None:
        """Open or close a body with a joint, at once and with what is in it; not at all where the agent would be in
        the way."""
        body = self.jointed(row, name)
        if body.joint is None or not 0.0 <= opening <= 1.0:
            raise ValueError(f"opening of {name!r} must lie in [0, 1], got {opening}")
        moved = self._along(row, name, body.pose @ body.joint.motion(opening))
        before = {other: self._poses[row][other] for other in moved}
        self._move(row, moved)
        if self._stand(row, tuple(self._position[row])).fields["free"]:
            self._openings[row][name] = opening
        else:
            self._move(row, before)

    def contacts(self, row: int) -> list[tuple[str, str]]:
        raise Unsupported("habitat's contacts are not offered here: take a backend that provides 'contacts' (pybullet)")

    def state(self, row: int) -> WorldState:
        """The world as it was loaded, where its bodies are, what is carried and marked, and the agent."""
        world, poses = self.world(row), self._poses[row]
        held = -1 if self._held[row] is None else world.index(str(self._held[row]))
        table = [(*poses[body.name].position, *poses[body.name].wxyz) for body in world.bodies]
        marks = [(name, state) for name, states in self._states[row].items() for state in sorted(states)]
        return WorldState(
            world,
            {
                "agent": np.array([*self._position[row], self._yaw[row], held]),
                "poses": np.array(table, np.float64).reshape(-1, 7),
                "openings": np.array([self._openings[row].get(body.name, 0.0) for body in world.bodies]),
                "marks": np.array(marks, dtype=np.str_).reshape(-1, 2),
            },
        )

    def restore(self, row: int, state: WorldState) -> None:
        """Go on from a state that `state` returned, here or in another backend of this kind."""
        if self._worlds[row] != state.world or not self.processes[row].alive:
            self.load(row, state.world)
        self.hold(row, None)
        x, y, z, yaw, held = (float(v) for v in state.arrays["agent"])
        rows = zip(state.world.bodies, state.arrays["poses"].tolist(), strict=True)
        poses = {body.name: Pose((px, py, pz), (qw, qx, qy, qz)) for body, (px, py, pz, qw, qx, qy, qz) in rows}
        now = self._poses[row]
        self._move(row, {name: pose for name, pose in poses.items() if pose != now[name]})
        if held >= 0:
            self._held[row] = name = state.world.bodies[int(held)].name
            self._move(row, {other: poses[other] for other in self._along(row, name, poses[name])}, loose=True)
        openings = zip(state.world.bodies, state.arrays["openings"].tolist(), strict=True)
        self._openings[row] = {body.name: opening for body, opening in openings if body.joint is not None}
        self._position[row], self._yaw[row] = (x, y, z), yaw
        self._states[row] = {}
        for name, mark in state.arrays["marks"].tolist():
            self.mark(row, name, mark, True)

    def close(self) -> None:
        """End the processes and remove the worlds they read."""
        for process, folder in zip(self.processes, self._folders, strict=True):
            process.close()
            folder.cleanup()

    def _wanted(self, world: World) -> tuple[str, int] | None:
        if not self.scan_scene:
            return wanted(world)
        if world.bodies:
            raise ValueError(
                f"backend.scene = {self.scan_scene!r} replaces every world, but {world.name!r} holds "
                f"{len(world.bodies)} bodies of its own: leave backend.scene empty"
            )
        asked = wanted(world) if world.name.startswith(PREFIX) else None
        return self.scan_scene, 0 if asked is None else asked[1]

    def _fresh(self, row: int) -> Path:
        """An empty folder: files of the world before would be taken for objects of this one."""
        self._folders[row].cleanup()
        self._folders[row] = tempfile.TemporaryDirectory(prefix="loci-world-")
        return Path(self._folders[row].name)

    def _scene(self, dataset: str, scene: str, scan: bool, seed: int) -> dict[str, object]:
        agent = {"radius": self.radius, "height": self.height, "knee": self.knee}
        return {"dataset": dataset, "scene": scene, "scan": scan, "seed": seed, "gpu": self.gpu} | agent

    def _movable(self, row: int) -> None:
        self.world(row)
        if self._scanned[row]:
            raise Unsupported("the bodies of a scan are parts of one surface: they can be looked at, not moved")

    def _stand(self, row: int, position: Sequence[float]) -> Message:
        return self.processes[row].call("stand", {}, {"position": np.asarray(position, np.float64)})

    def _move(self, row: int, poses: Mapping[str, Pose], loose: bool = False) -> None:
        self._ask("place", {row: self._moved(row, poses, loose)})

    def _moved(self, row: int, poses: Mapping[str, Pose], loose: bool) -> Question:
        """Note where bodies are now, and the question that tells habitat."""
        self._poses[row] |= poses
        return {}, {
            "bodies": np.array([self.index(row, name) for name in poses], np.int32),
            "positions": np.array([pose.position for pose in poses.values()]).reshape(-1, 3),
            "wxyz": np.array([pose.wxyz for pose in poses.values()]).reshape(-1, 4),
            "loose": np.full(len(poses), loose),
        }

    def _along(self, row: int, name: str, pose: Pose) -> dict[str, Pose]:
        """Where a body and all that stands on or in it are when the body is at a pose."""
        poses, found = self._poses[row], {name: pose}
        moved = pose @ poses[name].inverse()
        for rider in self._riders(row, name):
            found |= self._along(row, rider, moved @ poses[rider])
        return found

    def _riders(self, row: int, name: str) -> list[str]:
        """Bodies with a mass whose middle lies in a receptacle of this one."""
        spaces, poses = self.body(row, name).receptacles, self._poses[row]
        inside = poses[name].inverse()
        loose = [b for b in self.world(row).bodies if spaces and b.mass > 0.0 and b.joint is None and b.name != name]
        middles = {b.name: inside.point(poses[b.name].point(b.middle)) for b in loose}
        return [other for other, middle in middles.items() if any(space.contains(middle) for space in spaces)]

    def _carry(self, rows: Sequence[int]) -> None:
        questions: dict[int, Question] = {}
        for row in rows:
            x, y, z = (float(v) for v in self._position[row])
            held = Pose.at(x, y, z, float(self._yaw[row])) @ Pose(CARRY)
            questions[row] = self._moved(row, self._along(row, str(self._held[row]), held), loose=True)
        self._ask("place", questions)

    def _look(
        self, size: Mapping[str, object], kinds: Sequence[str], eye: np.ndarray, axes: np.ndarray
    ) -> dict[str, np.ndarray]:
        if not kinds:
            return {}
        fields = {**size, "kinds": list(kinds)}
        questions: dict[int, Question] = {
            row: (fields, {"eyes": eye[row], "axes": axes[row]}) for row in range(self.batch) if self.world(row)
        }
        replies = self._ask("render", questions)
        return {kind: np.stack([replies[row].arrays[kind] for row in range(self.batch)]) for kind in kinds}

    def _ask(self, kind: str, questions: Mapping[int, Question]) -> dict[int, Message]:
        """Ask several rows at once. All answers are read before the first error is raised: none is left over."""
        errors: list[Exception] = []
        asked, replies = [], {}
        for row, (fields, arrays) in questions.items():
            try:
                self.processes[row].send(kind, fields, arrays)
                asked.append(row)
            except RuntimeError as error:
                errors.append(error)
        for row in asked:
            try:
                replies[row] = self.processes[row].receive()
            except (RuntimeError, ValueError, LookupError, OSError) as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return replies

    def _checked(self, command: Mapping[str, np.ndarray], seconds: float) -> tuple[np.ndarray, np.ndarray]:
        velocity, turn = self.commanded(command)
        if not seconds > 0.0:
            raise ValueError(f"seconds must be positive, got {seconds}")
        return velocity, turn


def moves(yaw: float, velocity: np.ndarray, turn: float, seconds: float) -> np.ndarray:
    """Displacements (n, 3) in metres of a free walk that turns while it goes, short enough to slide along walls."""
    far, round_about = float(np.linalg.norm(velocity)) * seconds, abs(float(turn)) * seconds
    pieces = max(1, math.ceil(max(far / STRIDE, round_about / TWIST)))
    dt = seconds / pieces
    middle = yaw + turn * dt * (np.arange(pieces) + 0.5)
    forward, left = velocity
    east, north = forward * np.cos(middle) - left * np.sin(middle), forward * np.sin(middle) + left * np.cos(middle)
    return np.stack([east, north, np.zeros(pieces)], axis=1) * dt


def _averaged(images: np.ndarray, times: int) -> np.ndarray:
    """(…, nH, nW, 3) to (…, H, W, 3), each pixel the mean of n x n."""
    *lead, height, width, channels = images.shape
    blocks = images.reshape(*lead, height // times, times, width // times, times, channels)
    return np.rint(blocks.mean(axis=(-4, -2))).astype(np.uint8)
