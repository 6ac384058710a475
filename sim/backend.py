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
    """B worlds. `provides` names what sensors and tasks may ask for: rgb, depth, instance, pose, state, restore,
    dynamics (bodies with a mass fall and are pushed), contacts.

    `step` takes {"velocity": (B, 2) metres per second forward and left, "turn": (B,) radians per second}, holds it for
    `seconds`, and returns what was achieved, under the same names. It raises Diverged. A KeyError for an unknown body
    lists the names that exist.
    """

    batch: int
    provides: frozenset[str]

    def load(self, row: int, world: World) -> None:
        """Replace the world of one row and put the agent at its first spawn; ValueError where it would overlap."""
        ...

    def step(self, command: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]: ...

    def render(self, camera: Camera, kinds: Sequence[str]) -> dict[str, np.ndarray]:
        """The agents' views: {kind: (B, H, W, …)}."""
        ...

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

    def place(self, row: int, name: str, pose: Pose) -> None:
        """Teleport a body, at rest. ValueError for a body with a joint: `drive` moves that."""
        ...

    def held(self, row: int) -> str | None:
        """Name of the body the agent carries."""
        ...

    def hold(self, row: int, name: str | None) -> bool:
        """Let the agent carry a body in front of it, or with None let go of it where it is; whether that was done.

        Where there is physics, a hand must be able to touch the body: reach and free way are checked.
        """
        ...

    def opening(self, row: int, name: str) -> float:
        """How far a body with a joint is open, 0 closed to 1; ValueError for one without a joint."""
        ...

    def drive(self, row: int, name: str, opening: float) -> None:
        """Open or close a body with a joint: at once and all the way or not at all without physics, else by a motor of
        limited strength while time passes."""
        ...

    def states(self, row: int, name: str) -> frozenset[str]:
        """What is true of a body now: "on", "dirty", "filled" …"""
        ...

    def mark(self, row: int, name: str, state: str, value: bool) -> None:
        """Make a state of a body true or false."""
        ...

    def contacts(self, row: int) -> list[tuple[str, str]]:
        """Pairs of names that touch, sorted; "agent" is the agent. Raises Unsupported."""
        ...

    def state(self, row: int) -> WorldState: ...

    def restore(self, row: int, state: WorldState) -> None:
        """Go on from a state: the same commands then lead to the same states, bit for bit."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """One row of a backend, as a task sees it."""

    backend: Backend
    row: int

    @property
    def world(self) -> World:
        return self.backend.world(self.row)

    def load(self, world: World) -> None:
        self.backend.load(self.row, world)

    def agent(self) -> tuple[float, float, float]:
        """x, y in metres and heading in radians."""
        return self.backend.agent(self.row)

    def put_agent(self, pose: Pose) -> None:
        self.backend.put_agent(self.row, pose)

    def pose(self, name: str) -> Pose:
        return self.backend.pose(self.row, name)

    def place(self, name: str, pose: Pose) -> None:
        self.backend.place(self.row, name, pose)

    def held(self) -> str | None:
        return self.backend.held(self.row)

    def hold(self, name: str | None) -> bool:
        return self.backend.hold(self.row, name)

    def opening(self, name: str) -> float:
        return self.backend.opening(self.row, name)

    def drive(self, name: str, opening: float) -> None:
        self.backend.drive(self.row, name, opening)

    def states(self, name: str) -> frozenset[str]:
        return self.backend.states(self.row, name)

    def mark(self, name: str, state: str, value: bool) -> None:
        self.backend.mark(self.row, name, state, value)
