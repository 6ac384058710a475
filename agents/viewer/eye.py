"""Pictures of a snapshot, whenever it was taken: the agent's view, large, and the room from anywhere."""

import numpy as np

from loci.agents.viewer.snapshot import Snapshot
from loci.sim.geometry import camera_to_world, wxyz_to_matrix
from loci.sim.render.cpu import render
from loci.sim.render.pack import Scene
from loci.sim.sensors import Camera

KINDS = ("rgb", "depth", "instance")


class Eye:
    """Draws one world at a time with the suite's ray caster."""

    def __init__(self) -> None:
        self.scene = Scene(1)
        self._world: object = None

    def look(self, snapshot: Snapshot, camera: Camera, kinds: tuple[str, ...] = KINDS) -> dict[str, np.ndarray]:
        """What the agent's camera sees at a snapshot: {kind: (H, W, …)}."""
        x, y, yaw = snapshot.agent
        eye, axes = camera_to_world(np.array([x, y, 0.0]), np.array(yaw), camera.eye, camera.pitch)
        return self.view(snapshot, eye, axes, camera, kinds)

    def view(
        self, snapshot: Snapshot, eye: np.ndarray, axes: np.ndarray, camera: Camera, kinds: tuple[str, ...] = KINDS
    ) -> dict[str, np.ndarray]:
        """The world from a free camera: eye (3,) metres, axes (3, 3) as from `camera_to_world`."""
        if snapshot.world is not self._world:
            self.scene.load(0, snapshot.world)
            self._world = snapshot.world
        rotations = wxyz_to_matrix(snapshot.poses[:, 3:])
        self.scene.place(0, np.arange(len(snapshot.poses)), snapshot.poses[:, :3], rotations)
        images = render(
            self.scene, eye[None, None], axes[None, None], camera.height, camera.width, camera.fov, kinds=kinds,
            supersample=camera.supersample, shadows=camera.shadows, threads=1,
        )  # fmt: skip
        return {kind: image[0, 0] for kind, image in images.items()}
