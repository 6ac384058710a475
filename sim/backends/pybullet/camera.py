"""Pictures by the engine's own software renderer, TinyRenderer, in the frames and units of the suite.

It wants column-major matrices of cameras that look along -z, and gives depth between the clip planes in 0..1 and
numbers of objects.
"""

from collections.abc import Sequence

import numpy as np

from loci.sim.backends.pybullet.engine import bullet, connect
from loci.sim.backends.pybullet.solids import mesh_file
from loci.sim.render.pack import BOX, CAPSULE, CYLINDER, MESH, PLANE, SPHERE, Scene
from loci.sim.sensors import Camera

NEAR, FAR = 0.02, 100.0
"""Clip planes, metres: nothing nearer or farther is drawn."""
FLAT = 1e-4
"""Half the thickness of a plane's picture, metres."""


class Tiny:
    """Draws the rows of a scene, each in a client that holds nothing but the visible parts.

    Every part has its own colour and the world's light; patterns, shadows and `supersample` are not drawn. The agent
    and its robot are not in the picture.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._clients, self._ends = zip(*[connect(self) for _ in range(scene.batch)], strict=True)
        self._parts: list[list[int]] = [[] for _ in range(scene.batch)]
        self._drawn: list[bytes] = [b""] * scene.batch

    def view(self, eye: np.ndarray, axes: np.ndarray, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """Cameras eye (B, C, 3) and axes (B, C, 3, 3), columns right, down, forward: {kind: (B, C, H, W, …)}."""
        images = []
        for row in range(self.scene.batch):
            self._arrange(row)
            images += [self._picture(row, e, a, camera) for e, a in zip(eye[row], axes[row], strict=True)]
        every = {kind: np.stack([image[kind] for image in images]) for kind in kinds}
        return {kind: image.reshape(*eye.shape[:2], *image.shape[1:]) for kind, image in every.items()}

    def close(self) -> None:
        for end in self._ends:
            end()

    def _arrange(self, row: int) -> None:
        """Put the parts of a row where they are now; they are made when the row has other parts than before."""
        scene, used = self.scene, int(self.scene.used[row])
        looks = (scene.kind, scene.size, scene.colour, scene.mesh)
        wanted = b"".join(look[row, :used].tobytes() for look in looks)
        if wanted != self._drawn[row]:
            bullet.resetSimulation(physicsClientId=self._clients[row])
            self._parts[row] = [self._part(row, slot) for slot in range(used)]
            self._drawn[row] = wanted
        for slot, number in enumerate(self._parts[row]):
            position, orientation = scene.position[row, slot].tolist(), _quaternion(scene.rotation[row, slot])
            bullet.resetBasePositionAndOrientation(number, position, orientation, physicsClientId=self._clients[row])

    def _part(self, row: int, slot: int) -> int:
        scene, client = self.scene, self._clients[row]
        kind, (x, y, z) = int(scene.kind[row, slot]), scene.size[row, slot].tolist()
        colour = [*scene.colour[row, slot].tolist(), 1.0]
        if kind == MESH:
            names = {number: path for path, number in scene.meshes.numbers.items()}
            shape = {"fileName": mesh_file(names[int(scene.mesh[row, slot])]), "meshScale": (x, y, z)}
        elif kind in (BOX, PLANE):
            shape = {"halfExtents": (x, y, max(z, FLAT))}
        else:
            shape = {"radius": x, "length": 2.0 * (z - x if kind == CAPSULE else z)}
        visual = bullet.createVisualShape(_KINDS[kind], rgbaColor=colour, physicsClientId=client, **shape)
        return int(bullet.createMultiBody(0.0, -1, visual, physicsClientId=client))

    def _picture(self, row: int, eye: np.ndarray, axes: np.ndarray, camera: Camera) -> dict[str, np.ndarray]:
        *direction, ambient, diffuse = self.scene.light[row].tolist()
        _, _, rgba, raw, numbers = bullet.getCameraImage(
            camera.width, camera.height, view_matrix(eye, axes), projection_matrix(camera), shadow=0,
            lightDirection=[-d for d in direction], lightAmbientCoeff=ambient, lightDiffuseCoeff=diffuse,
            lightSpecularCoeff=0.0, renderer=bullet.ER_TINY_RENDERER, physicsClientId=self._clients[row],
        )  # fmt: skip
        size = (camera.height, camera.width)
        numbers, owners = np.reshape(numbers, size), self.scene.body[row]
        hit = numbers >= 0
        return {
            "rgb": np.where(hit[..., None], np.reshape(rgba, (*size, 4))[..., :3], 0).astype(np.uint8),
            "depth": np.where(hit, metres(np.reshape(raw, size)), 0.0).astype(np.float32),
            "instance": np.where(hit, owners[np.maximum(numbers, 0)], -1).astype(np.int32),
        }


_KINDS = {
    BOX: bullet.GEOM_BOX, PLANE: bullet.GEOM_BOX, SPHERE: bullet.GEOM_SPHERE, CYLINDER: bullet.GEOM_CYLINDER,
    CAPSULE: bullet.GEOM_CAPSULE, MESH: bullet.GEOM_MESH,
}  # fmt: skip


def view_matrix(eye: np.ndarray, axes: np.ndarray) -> list[float]:
    """World to OpenGL camera (right, up, backward), column by column."""
    turn = axes.T * np.array([[1.0], [-1.0], [-1.0]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, -turn @ eye
    return [float(v) for v in matrix.T.reshape(-1)]


def projection_matrix(camera: Camera) -> list[float]:
    """OpenGL clip coordinates of a pinhole camera with square pixels, column by column.

    The engine draws a pixel as seen through its corner; half a pixel is taken off.
    """
    focal = 1.0 / np.tan(camera.fov / 2.0)
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1, 1] = focal * camera.height / camera.width, focal
    matrix[2, 2], matrix[2, 3] = (FAR + NEAR) / (NEAR - FAR), 2.0 * FAR * NEAR / (NEAR - FAR)
    matrix[0, 2], matrix[1, 2], matrix[3, 2] = 1.0 / camera.width, 1.0 / camera.height, -1.0
    return [float(v) for v in matrix.T.reshape(-1)]


def metres(raw: np.ndarray) -> np.ndarray:
    """Depth along the camera's axis of the engine's 0 (near) to 1 (far)."""
    return FAR * NEAR / (FAR - (FAR - NEAR) * np.asarray(raw, np.float64))


def _quaternion(rotation: np.ndarray) -> list[float]:
    """xyzw of a rotation matrix (3, 3), from its largest component."""
    m = rotation.astype(np.float64)
    squares = np.array([
        1.0 + m[0, 0] - m[1, 1] - m[2, 2], 1.0 - m[0, 0] + m[1, 1] - m[2, 2],
        1.0 - m[0, 0] - m[1, 1] + m[2, 2], 1.0 + m[0, 0] + m[1, 1] + m[2, 2],
    ])  # fmt: skip
    rows = np.array([
        [squares[0], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0], m[2, 1] - m[1, 2]],
        [m[0, 1] + m[1, 0], squares[1], m[1, 2] + m[2, 1], m[0, 2] - m[2, 0]],
        [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[2], m[1, 0] - m[0, 1]],
        [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], squares[3]],
    ])  # fmt: skip
    best = rows[int(squares.argmax())]
    return [float(v) for v in best / np.linalg.norm(best)]
