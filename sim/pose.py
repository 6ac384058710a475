"""Poses as plain values: where something is, composed and undone without arrays. SI units, z up, `wxyz`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


def check_vector(name: str, value: Sequence[float], length: int) -> None:
    """ValueError unless `value` holds `length` finite numbers."""
    if len(value) != length or not math.isfinite(sum(value)):
        raise ValueError(f"{name} must be {length} finite numbers, got {tuple(value)}")


@dataclass(frozen=True)
class Pose:
    """Where something is: metres, and a unit quaternion from its own axes to its parent's."""

    position: Vector = (0.0, 0.0, 0.0)
    wxyz: Quaternion = (1.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        check_vector("Pose.position", self.position, 3)
        check_vector("Pose.wxyz", self.wxyz, 4)
        norm = math.sqrt(sum(q * q for q in self.wxyz))
        if abs(norm - 1.0) > 1e-4:
            raise ValueError(f"Pose.wxyz must be a unit quaternion, got {self.wxyz} with length {norm:.6g}")

    @staticmethod
    def at(x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> "Pose":
        """A pose turned by `yaw` radians about the z axis."""
        return Pose((x, y, z), (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)))

    def __matmul__(self, inner: "Pose") -> "Pose":
        """The pose in this one's parent of something whose pose in this frame is `inner`."""
        return Pose(self.point(inner.position), _unit(_multiply(self.wxyz, inner.wxyz)))

    def inverse(self) -> "Pose":
        """The pose of the parent in this frame: `pose.inverse() @ pose` is the identity."""
        w, x, y, z = self.wxyz
        back = Pose((0.0, 0.0, 0.0), (w, -x, -y, -z))
        px, py, pz = back.point(self.position)
        return Pose((-px, -py, -pz), back.wxyz)

    def point(self, point: Sequence[float]) -> Vector:
        """A point of this frame in the parent's frame, metres."""
        w, x, y, z = self.wxyz
        px, py, pz = point
        tx, ty, tz = 2 * (y * pz - z * py), 2 * (z * px - x * pz), 2 * (x * py - y * px)
        ox, oy, oz = self.position
        return (
            ox + px + w * tx + y * tz - z * ty,
            oy + py + w * ty + z * tx - x * tz,
            oz + pz + w * tz + x * ty - y * tx,
        )

    @property
    def yaw(self) -> float:
        """Heading of the x axis in the ground plane, radians in [-pi, pi]."""
        w, x, y, z = self.wxyz
        return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def _multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def _unit(wxyz: Quaternion) -> Quaternion:
    length = math.sqrt(sum(q * q for q in wxyz))
    w, x, y, z = wxyz
    return (w / length, x / length, y / length, z / length)
