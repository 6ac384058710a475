"""Poses, quaternions and pinhole cameras: the only frame conversions of the suite (numpy, batched over leading axes).

Frames: world z up, right-handed; agent x forward, y left, z up; camera OpenCV (x right, y down, z forward).
Quaternions are unit `wxyz` and turn body vectors into world vectors. Angles are radians, lengths metres.
"""

import numpy as np
from jaxtyping import Float

Array = np.ndarray

AGENT_TO_CAMERA = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Columns are the camera's axes (right, down, forward) in the agent frame of a level camera."""


def yaw_to_wxyz(yaw: Float[Array, "*n"] | float) -> Float[Array, "*n 4"]:
    """Turn by `yaw` about the world's z axis, counter-clockwise seen from above."""
    half = np.asarray(yaw, dtype=np.float64) / 2.0
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)


def wxyz_to_yaw(wxyz: Float[Array, "*n 4"]) -> Float[Array, "*n"]:
    """Heading of the rotated x axis in the ground plane, in (-pi, pi]."""
    w, x, y, z = _parts(np.asarray(wxyz))
    return np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def multiply_wxyz(first: Float[Array, "*n 4"], second: Float[Array, "*n 4"]) -> Float[Array, "*n 4"]:
    """Hamilton product: the rotation that applies `second`, then `first`."""
    aw, ax, ay, az = _parts(np.asarray(first))
    bw, bx, by, bz = _parts(np.asarray(second))
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def wxyz_to_matrix(wxyz: Float[Array, "*n 4"]) -> Float[Array, "*n 3 3"]:
    """Rotation matrix whose columns are the body's axes in the world."""
    w, x, y, z = _parts(np.asarray(wxyz, dtype=np.float64))
    matrix = np.empty((*np.shape(w), 3, 3))
    matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 0, 2] = (
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
    )
    matrix[..., 1, 0], matrix[..., 1, 1], matrix[..., 1, 2] = (
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
    )
    matrix[..., 2, 0], matrix[..., 2, 1], matrix[..., 2, 2] = (
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    )
    return matrix


def _parts(wxyz: Array) -> tuple[Array, Array, Array, Array]:
    return wxyz[..., 0], wxyz[..., 1], wxyz[..., 2], wxyz[..., 3]


def rotate(wxyz: Float[Array, "*n 4"], vector: Float[Array, "*n 3"]) -> Float[Array, "*n 3"]:
    """Body vector to world vector."""
    return np.einsum("...ij,...j->...i", wxyz_to_matrix(wxyz), np.asarray(vector, dtype=np.float64))


def wrap_angle(angle: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
    """The same angle in [-pi, pi)."""
    return (np.asarray(angle) + np.pi) % (2.0 * np.pi) - np.pi


def camera_to_world(
    position: Float[Array, "*n 3"], yaw: Float[Array, "*n"], height: float, pitch: float
) -> tuple[Float[Array, "*n 3"], Float[Array, "*n 3 3"]]:
    """Eye and camera axes of an agent at `position` (on the floor) that looks along `yaw`.

    `height` is the eye above the agent's position; positive `pitch` looks up. The matrix turns OpenCV camera
    vectors into world vectors: its columns are right, down and forward.
    """
    up = np.array([np.cos(pitch / 2), 0.0, -np.sin(pitch / 2), 0.0])
    agent_to_world = wxyz_to_matrix(multiply_wxyz(yaw_to_wxyz(yaw), up))
    eye = np.asarray(position, dtype=np.float64) + np.array([0.0, 0.0, height])
    return eye, agent_to_world @ AGENT_TO_CAMERA


def focal_length(height: int, fov: float) -> float:
    """Pixels; `fov` is the vertical field of view of a square-pixel pinhole camera."""
    return height / 2.0 / np.tan(fov / 2.0)


def pixel_rays(height: int, width: int, fov: float) -> Float[Array, "h w 3"]:
    """Camera-frame ray through each pixel centre with z = 1, so that depth times ray is the point."""
    focal = focal_length(height, fov)
    right = (np.arange(width) + 0.5 - width / 2.0) / focal
    down = (np.arange(height) + 0.5 - height / 2.0) / focal
    return np.stack([*np.meshgrid(right, down), np.ones((height, width))], axis=-1)


def unproject(
    depth: Float[Array, "*n h w"], fov: float, eye: Float[Array, "*n 3"], axes: Float[Array, "*n 3 3"]
) -> Float[Array, "*n h w 3"]:
    """World points of a depth image (metres along the camera's z); `axes` as returned by `camera_to_world`."""
    rays = pixel_rays(depth.shape[-2], depth.shape[-1], fov)
    return np.einsum("...ij,...hwj->...hwi", axes, depth[..., None] * rays) + np.asarray(eye)[..., None, None, :]


def project(
    points: Float[Array, "*n p 3"],
    height: int,
    width: int,
    fov: float,
    eye: Float[Array, "*n 3"],
    axes: Float[Array, "*n 3 3"],
) -> tuple[Float[Array, "*n p 2"], Float[Array, "*n p"]]:
    """Pixel coordinates (column, row) and depth of world points; points behind the camera have depth <= 0."""
    local = np.einsum("...ji,...pj->...pi", axes, np.asarray(points) - np.asarray(eye)[..., None, :])
    depth = local[..., 2]
    safe = np.where(depth > 0.0, depth, np.inf)[..., None]
    pixels = local[..., :2] / safe * focal_length(height, fov) + np.array([width, height]) / 2.0
    return pixels, depth
