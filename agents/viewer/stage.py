"""The world in the scene: a mesh a body, the agent as a small figure with its camera, and the way it came."""

from collections.abc import Callable

import numpy as np
import trimesh
import viser
from PIL import ImageColor

from loci.agents.frames import ACCENT
from loci.agents.viewer.scale import corners, lifted, magnified
from loci.agents.viewer.snapshot import Snapshot
from loci.agents.viewer.solids import glb
from loci.sim.geometry import AGENT_TO_CAMERA, yaw_to_wxyz
from loci.sim.sensors import Camera
from loci.sim.world import Body, World

LOW, EAVES = 0.9, 3.6
"""Heights in metres at which walls and houses are cut, so that one can look into rooms and streets."""
SHELL = {"wall": LOW, "window": LOW, "door": LOW, "ceiling": LOW, "building": EAVES}
STILL = ("floor", "wall", "ceiling", "window", "ground", "road", "building")
"""Categories that cannot be picked with the mouse and throw no shadow."""
SUNK = -25.0
"""Bodies below this height are hidden."""
RADIUS, MARKER = 0.16, 0.4
"""Metres from the agent's middle to its side; how much less than other marks it grows in a town."""
PATH = 400
"""Steps of the way that are drawn."""
RED, BLUE = (np.array(ImageColor.getrgb(ink), np.uint8) for ink in (ACCENT, "#4a6fa5"))
"""The figure and what it reads; the way it came."""


class Stage:
    """Draws snapshots; `picked` is called with the name of a body that was clicked."""

    def __init__(self, server: viser.ViserServer, camera: Camera, picked: Callable[[str], None]) -> None:
        self.server, self.camera, self.picked = server, camera, picked
        self.low, self.scale = True, 1.0
        self._world: World | None = None
        self._drawn_low = True
        self._handles: list[viser.GlbHandle] = []
        self._poses = np.zeros((0, 7))
        self._way: list[tuple[float, float]] = []
        self._figure()

    def show(self, snapshot: Snapshot) -> int:
        """Draw what has changed since the last call; how many bodies were moved."""
        with self.server.atomic():
            if snapshot.world is not self._world or self.low != self._drawn_low:
                self._build(snapshot)
            moved = np.flatnonzero(np.abs(snapshot.poses - self._poses).max(axis=1, initial=0.0) > 1e-9)
            for index in moved.tolist():
                self._put(self._handles[index], snapshot.poses[index])
            self._poses = snapshot.poses
            x, y, yaw = snapshot.agent
            self._agent.position, self._agent.wxyz = (x, y, 0.0), yaw_to_wxyz(yaw)
        return len(moved)

    def picture(self, rgb: np.ndarray) -> None:
        """What the agent's camera sees, in the frustum."""
        self._frustum.image = rgb

    def way(self, history: list[Snapshot], at: int) -> None:
        """The line along which the agent came, within the room where it is."""
        room = history[at].room
        spots = [s.agent[:2] for s in history[max(0, at - PATH) : at + 1] if s.room == room]
        if spots != self._way:
            self._way = spots
            points = lifted(np.array([(x, y, 0.02) for x, y in spots]), self.scale)
            pairs = np.stack([points[:-1], points[1:]], axis=1) if len(points) > 1 else np.zeros((0, 2, 3))
            lines(self.server, "/path", pairs, BLUE, 0.01 * (1.0 + self.scale))

    def mark(self, snapshot: Snapshot, name: str) -> None:
        """A label over the body of that name, none for ""."""
        names = [body.name for body in snapshot.world.bodies]
        if name not in names:
            if self.server.scene.get_handle_by_name("/picked") is not None:
                self.server.scene.remove_by_name("/picked")
            return
        index = names.index(name)
        x, y, z = snapshot.poses[index, :3]
        spot = (x, y, z + snapshot.world.bodies[index].extent[1][2] + 0.1)
        self.server.scene.add_label("/picked", name, position=spot, anchor="bottom-center")

    def overview(self, snapshot: Snapshot) -> None:
        """Put new visitors' cameras above the rooms, looking down at an angle; in a town above the agent."""
        world = snapshot.world
        low, high = corners(world)
        middle, reach = (low + high) / 2, max(float((high - low)[:2].max()), 2.0)
        away = (0.3, 1.1, 1.25)
        if magnified(world) > 1.0:
            middle, away = np.array([*snapshot.agent[:2], 0.0]), (0.0, 0.18, 0.4)
        camera = self.server.initial_camera
        camera.look_at = (middle[0], middle[1], 0.0)
        camera.position = (middle[0] - away[0] * reach, middle[1] - away[1] * reach, away[2] * reach)
        camera.far = max(camera.far, 4.0 * reach)

    def follow(self, snapshot: Snapshot) -> None:
        """Shift the cameras of all visitors until they look at the agent."""
        for client in self.server.get_clients().values():
            camera = client.camera
            way = np.array([*snapshot.agent[:2], 0.0]) - camera.look_at
            with client.atomic():
                camera.position, camera.look_at = camera.position + way, camera.look_at + way

    def _figure(self) -> None:
        """The agent; in a town a marker, large enough to be seen."""
        scene, scale = self.server.scene, max(1.0, MARKER * self.scale)
        eye = self.camera.eye if self.scale == 1.0 else scale
        tall = max(eye - 0.15 * scale, 0.2)
        self._agent = scene.add_frame("/agent", show_axes=False)
        scene.add_cylinder("/agent/body", RADIUS * scale, tall, RED, position=(0.0, 0.0, tall / 2))
        nose = trimesh.creation.cone(0.09 * scale, 0.22 * scale, sections=24)
        turned = nose.vertices @ np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
        scene.add_mesh_simple(
            "/agent/nose", turned, nose.faces, color=RED, flat_shading=True,
            position=((RADIUS - 0.02) * scale, 0.0, 0.75 * tall),
        )  # fmt: skip
        axes = trimesh.transformations.rotation_matrix(-self.camera.pitch, (0.0, 1.0, 0.0))[:3, :3] @ AGENT_TO_CAMERA
        self._frustum = scene.add_camera_frustum(
            "/agent/eye", self.camera.fov, self.camera.width / self.camera.height, scale=0.3 * scale,
            thickness=0.01 * scale, color=RED, format="jpeg", position=(0.0, 0.0, eye), cast_shadow=False,
            wxyz=trimesh.transformations.quaternion_from_matrix(axes),
        )  # fmt: skip

    def _build(self, snapshot: Snapshot) -> None:
        """All bodies anew."""
        for handle in self._handles:
            handle.remove()
        self._world, self._drawn_low, self._handles = snapshot.world, self.low, []
        if magnified(snapshot.world) != self.scale:
            self.scale = magnified(snapshot.world)
            self._figure()
        for index, (body, pose) in enumerate(zip(snapshot.world.bodies, snapshot.poses, strict=True)):
            self._handles.append(self._add(index, body, pose))
        self._poses = snapshot.poses

    def _add(self, index: int, body: Body, pose: np.ndarray) -> viser.GlbHandle:
        top = SHELL[body.category] - body.start.position[2] if self.low and body.category in SHELL else None
        data = glb(body.parts, top)
        handle = self.server.scene.add_glb(
            f"/world/{index:04d}", data, position=pose[:3], wxyz=pose[3:], cast_shadow=body.category not in STILL
        )
        if body.category not in STILL:
            handle.on_click(lambda _, name=body.name: self.picked(name))  # type: ignore[misc]
        return handle

    @staticmethod
    def _put(handle: viser.GlbHandle, pose: np.ndarray) -> None:
        handle.visible = bool(pose[2] > SUNK)
        handle.position, handle.wxyz = pose[:3], pose[3:]


def lines(server: viser.ViserServer, name: str, ends: np.ndarray, colour: np.ndarray, width: float) -> None:
    """Segments (N, 2, 3) under a name, in place of what was there."""
    if len(ends):
        server.scene.add_line_segments(name, ends, colour, thickness=width)
    elif server.scene.get_handle_by_name(name) is not None:
        server.scene.remove_by_name(name)
