"""What an agent senses: each sensor states its gymnasium space and what the backend must provide.

A sensor reads all B worlds of a backend at once; what tasks tell themselves comes through `Told` ones.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from gymnasium import spaces

if TYPE_CHECKING:
    from loci.sim.backend import Backend
    from loci.sim.task import Said

KINDS = {"rgb", "depth", "instance"}
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 .,!?'-"


@runtime_checkable
class Sensor(Protocol):
    """Reads a dict of arrays with leading axis B whose keys are those of `space`."""

    def space(self) -> dict[str, spaces.Space[Any]]: ...

    def needs(self) -> frozenset[str]: ...

    def read(self, backend: "Backend") -> dict[str, np.ndarray]: ...


@runtime_checkable
class Told(Protocol):
    """A sensor of what tasks tell: the arrays of B rows from what each row's task said."""

    def told(self, said: "Sequence[Said]") -> dict[str, np.ndarray]: ...


def sense(sensors: Sequence[Sensor], backend: "Backend", said: "Sequence[Said]") -> dict[str, np.ndarray]:
    """All that B rows observe: what the sensors read of the backend, and what the task of each row said."""
    obs: dict[str, np.ndarray] = {}
    for sensor in sensors:
        obs |= sensor.told(said) if isinstance(sensor, Told) else sensor.read(backend)
    return obs


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on the agent: rgb (H, W, 3) uint8 sRGB, depth (H, W) float32 metres along the camera's z
    (0 = nothing hit), instance (H, W) int32 index of the body in `World.bodies` (-1 = nothing hit).

    `fov` is the vertical field of view in radians, `eye` the height above the agent's feet in metres, positive `pitch`
    looks up. `supersample` averages rgb over n x n rays a pixel; depth and instance use the pixel's centre ray.
    """

    height: int = 64
    width: int = 64
    fov: float = math.radians(75.0)
    eye: float = 1.0
    pitch: float = math.radians(-15.0)
    kinds: tuple[str, ...] = ("rgb", "depth", "instance")
    supersample: int = 1
    shadows: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", tuple(self.kinds))
        wrong = set(self.kinds) - KINDS
        if wrong or not self.kinds:
            raise ValueError(f"Camera.kinds must name some of {sorted(KINDS)}, got {self.kinds}")
        if min(self.height, self.width) < 1 or self.supersample not in (1, 2):
            raise ValueError(f"Camera needs height, width >= 1 and supersample 1 or 2, got {self}")
        if not 0.0 < self.fov < math.pi:
            raise ValueError(f"Camera.fov must lie between 0 and pi radians, got {self.fov}")

    def space(self) -> dict[str, spaces.Space[Any]]:
        size = (self.height, self.width)
        every: dict[str, spaces.Space[Any]] = {
            "rgb": spaces.Box(0, 255, (*size, 3), np.uint8),
            "depth": spaces.Box(0.0, np.inf, size, np.float32),
            "instance": spaces.Box(-1, np.iinfo(np.int32).max, size, np.int32),
        }
        return {kind: every[kind] for kind in self.kinds}

    def needs(self) -> frozenset[str]:
        return frozenset(self.kinds)

    def read(self, backend: "Backend") -> dict[str, np.ndarray]:
        return backend.render(self, self.kinds)


@dataclass(frozen=True)
class PoseSensor:
    """Odometry: `position` (3,) float32 metres in the world and `heading` (1,) float32 radians in [-pi, pi)."""

    def space(self) -> dict[str, spaces.Space[Any]]:
        return {
            "position": spaces.Box(-np.inf, np.inf, (3,), np.float32),
            "heading": spaces.Box(-np.pi, np.pi, (1,), np.float32),
        }

    def needs(self) -> frozenset[str]:
        return frozenset({"pose"})

    def read(self, backend: "Backend") -> dict[str, np.ndarray]:
        position, yaw = backend.agents()
        return {"position": position.astype(np.float32), "heading": yaw[:, None].astype(np.float32)}


@dataclass(frozen=True)
class Words:
    """`words`, the sentence heard now, and `instruction`, the one in force, which stays until it is done or replaced:
    strings of at most `max_length` lower-case letters, digits, blanks and .,!?'-"""

    max_length: int = 64

    def space(self) -> dict[str, spaces.Space[Any]]:
        text = spaces.Text(self.max_length, min_length=0, charset=LETTERS)
        return {"words": text, "instruction": text}

    def needs(self) -> frozenset[str]:
        return frozenset()

    def read(self, backend: "Backend") -> dict[str, np.ndarray]:
        return {}

    def told(self, said: "Sequence[Said]") -> dict[str, np.ndarray]:
        return {name: np.asarray([getattr(row, name) for row in said]) for name in ("words", "instruction")}


@dataclass(frozen=True)
class Arrays:
    """What a task shows beside pictures and words: the given spaces, a place and a heading."""

    parts: Mapping[str, spaces.Space[Any]]

    def space(self) -> dict[str, spaces.Space[Any]]:
        return dict(self.parts) | {
            "position": spaces.Box(-np.inf, np.inf, (3,), np.float32),
            "heading": spaces.Box(-np.pi, np.pi, (1,), np.float32),
        }

    def needs(self) -> frozenset[str]:
        return frozenset()

    def read(self, backend: "Backend") -> dict[str, np.ndarray]:
        return {}

    def told(self, said: "Sequence[Said]") -> dict[str, np.ndarray]:
        return {name: np.stack([row.shown[name] for row in said]) for name in self.space()}
