"""The boundary between worlds and engines: B worlds that are stepped and rendered together.

A backend holds B independent worlds as rows. Tasks see one row through `Place`; a robot is a backend with one row
that cannot be rewound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from loci.sim.sensors import Camera
from loci.sim.world import Pose, World


class Unsupported(RuntimeError):
    """The backend cannot do this; the message says what it can."""


class Diverged(RuntimeError):
    """The simulation left the finite numbers; the message names the row and the quantity."""


@dataclass
class WorldState:
    """Ground truth of one row, enough to go on from: arrays by name, and the world it belongs to."""

    world: World
    arrays: dict[str, np.ndarray]


@runtime_checkable
class Backend(Protocol):
    """B worlds. `provides` names what sensors may ask for: rgb, depth, instance, pose, state, restore, contacts …

    `step` takes {"velocity": (B, 2) metres per second forward and left, "turn": (B,) radians per second}, holds it for
    `seconds`, and returns what was applied, under the same names. It raises Diverged.
    """

    batch: int
    provides: frozenset[str]

    def load(self, row: int, world: World) -> None: ...

    def step(self, command: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]: ...

    def render(self, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]: ...

    def agents(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (B, 3) metres and headings (B,) radians in [-pi, pi)."""
        ...

    def agent(self, row: int) -> tuple[float, float, float]:
        """x, y in metres and heading in radians of one row."""
        ...

    def put_agent(self, row: int, pose: Pose) -> None: ...

    def world(self, row: int) -> World:
        """The world as it was loaded; `pose` says where its bodies are now."""
        ...

    def pose(self, row: int, name: str) -> Pose: ...

    def place(self, row: int, name: str, pose: Pose) -> None: ...

    def hold(self, row: int, name: str | None) -> None:
        """Let the agent carry a body in front of it; None lets go and leaves it where it is."""
        ...

    def state(self, row: int) -> WorldState: ...

    def restore(self, row: int, state: WorldState) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """One row of a backend, as a task sees it."""

    backend: Backend
    row: int

    @property
    def world(self) -> World:
        return self.backend.world(self.row)

    def agent(self) -> tuple[float, float, float]:
        """x, y in metres and heading in radians."""
        return self.backend.agent(self.row)

    def put_agent(self, pose: Pose) -> None:
        self.backend.put_agent(self.row, pose)

    def pose(self, name: str) -> Pose:
        return self.backend.pose(self.row, name)

    def place(self, name: str, pose: Pose) -> None:
        self.backend.place(self.row, name, pose)

    def hold(self, name: str | None) -> None:
        self.backend.hold(self.row, name)
