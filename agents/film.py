"""An episode as a film: what the agent saw and heard, where it stood, what it did and what its memory read.

A memory that reads stored moments says so in `Recall.trace`: "rows" are the times they were stored, counted from the
start of the episode (-1 = none), "weights" how much each counted. What was seen and heard then is looked up here.

Letters: H W the agent's picture, S Z the same view drawn finer, M the side of the map.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8

from loci.agents.agent import Agent, Thought
from loci.agents.rollout import play
from loci.memories.state import nbytes
from loci.sim.array_env import ArrayEnv
from loci.sim.backend import Unsupported
from loci.sim.geometry import camera_to_world, project
from loci.sim.sensors import Camera
from loci.sim.vector import Step, VectorEnv
from loci.sim.world import World

FINE = 256
"""Pixels along a side of the finer view and of the map."""
MAP_FOV = 0.5
"""Radians; narrow, so that the walls hide little of the floor."""
TOWN, OUTSKIRTS = 50.0, 60.0
"""Metres across from which a world is not shown as a whole, and metres around the places of which it is."""
WALL = 0.08
"""Metres around the rooms that are seen from above."""


@dataclass(frozen=True)
class Recalled:
    """A stored moment that was read: the step it was stored at, and its weight."""

    time: int
    weight: float


@dataclass(frozen=True)
class Overhead:
    """A camera above the rooms that looks straight down; the top of its picture is the world's +y."""

    camera: Camera
    eye: Float[np.ndarray, "3"]
    axes: Float[np.ndarray, "3 3"]

    def pixels(self, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 2"]:
        """Columns and rows of world points in its picture."""
        return project(points, self.camera.height, self.camera.width, self.camera.fov, self.eye, self.axes)[0]


@dataclass(frozen=True)
class Moment:
    """One step. `action` is None and `chances` is empty once the episode is over; `recalled` is heaviest first."""

    rgb: UInt8[np.ndarray, "H W 3"]
    view: UInt8[np.ndarray, "S Z 3"]
    above: UInt8[np.ndarray, "M M 3"]
    overhead: Overhead
    position: Float[np.ndarray, "3"]
    heading: float
    room: int
    """Counts the worlds of the episode: the agent is moved when another one is loaded."""
    names: dict[str, Float[np.ndarray, "3"]]
    """What things are called, and where they stand."""
    words: str
    phase: str
    action: int | None
    chances: tuple[float, ...]
    recalled: tuple[Recalled, ...]


@dataclass(frozen=True)
class Film:
    """A whole episode, the moment after its last action included. `metrics` are the task's."""

    memory: str
    state_bytes: int
    keeps_moments: bool
    actions: tuple[str, ...]
    moments: tuple[Moment, ...]
    metrics: dict[str, float]

    @property
    def success(self) -> bool:
        return self.metrics.get("success", 0.0) == 1.0

    def path(self, step: int) -> Float[np.ndarray, "P 3"]:
        """Where the agent has been in the room of `step`, oldest first."""
        room = self.moments[step].room
        return np.stack([m.position for m in self.moments[: step + 1] if m.room == room])

    def reads(self) -> Float[np.ndarray, "T T"]:
        """Weight of stored moment (column) at each step (row), without the moment after the last action."""
        steps = len(self.moments) - 1
        table = np.zeros((steps, steps))
        for step, moment in enumerate(self.moments[:-1]):
            for read in moment.recalled:
                table[step, read.time] += read.weight
        return table


@runtime_checkable
class FreeCameras(Protocol):
    """A backend whose worlds can be looked at from anywhere."""

    def view(
        self, eye: np.ndarray, axes: np.ndarray, camera: Camera, kinds: Sequence[str]
    ) -> dict[str, np.ndarray]: ...


def film(agent: Agent, env: VectorEnv, seed: int, temperature: float = 0.5, device: torch.device | None = None) -> Film:
    """Let the agent play one episode and keep what there is to see; the same seed gives the same film.

    Raises ValueError for an environment of several rows and Unsupported for a backend without free cameras.
    """
    crew = Crew(env)
    found = play(agent, env, 1, seed, temperature, crew.watch, device)
    crew.end()
    actions = tuple(getattr(env.tasks[0], "action_names", ()))
    count = int(env.action_space.n)  # type: ignore[attr-defined]
    return Film(
        memory=type(agent.memory).__name__,
        state_bytes=nbytes(agent.memory.initial(1)),
        keeps_moments=crew.traced,
        actions=actions or tuple(f"action {number}" for number in range(count)),
        moments=tuple(crew.moments),
        metrics={name: float(values[0]) for name, values in found.items()},
    )


def overhead(world: World, size: int = FINE, places: Float[np.ndarray, "P 3"] | None = None) -> Overhead:
    """The camera from above that sees all rooms of a world, or all its bodies where it has no rooms; of a town what is
    around some places."""
    corners = [corner for room in world.rooms for corner in (room.lower, room.upper)]
    points, beyond = np.asarray(corners or [body.pose.position for body in world.bodies]), WALL
    if places is not None and not corners and np.ptp(points, axis=0)[:2].max() > TOWN:
        points, beyond = places, OUTSKIRTS
    low, high = points.min(axis=0), points.max(axis=0)
    reach = float((high - low)[:2].max()) / 2 + beyond
    height = float(high[2]) + reach / math.tan(MAP_FOV / 2)
    camera = Camera(size, size, MAP_FOV, height, -math.pi / 2, kinds=("rgb",), supersample=2)
    centre = np.array([*(low + high)[:2] / 2, 0.0])
    return Overhead(camera, *camera_to_world(centre, np.array(math.pi / 2), height, camera.pitch))


class Crew:
    """Watches an environment of one row and keeps a `Moment` of every step."""

    def __init__(self, env: VectorEnv) -> None:
        if env.batch != 1:
            raise ValueError(f"a film shows one environment, got batch={env.batch}")
        if isinstance(env, ArrayEnv):
            raise Unsupported(f"{type(env).__name__} is held in arrays and has no world to film")
        if not isinstance(env.backend, FreeCameras):
            raise Unsupported(
                f"{type(env.backend).__name__} has no free cameras, so there is no view from above to film"
            )
        self.env, self.backend, self.eyes = env, env.backend, env.backend
        self.camera = _camera(env)
        self.moments: list[Moment] = []
        self.traced = False
        self._world: World | None = None
        self._rooms = -1

    def watch(self, step: Step, actions: np.ndarray, thought: Thought) -> None:
        """A step of `play`."""
        chances = torch.softmax(thought.logits[0, 0], dim=-1).tolist()
        self.traced |= "rows" in thought.recall.trace
        recalled = recalled_moments(thought.recall.trace)
        self._keep(
            step.obs["rgb"][0],
            str(step.obs["words"][0] or step.obs["instruction"][0]),
            int(actions[0]),
            tuple(chances),
            recalled,
        )

    def end(self) -> None:
        """The moment after the last action: nothing is heard and nothing read any more."""
        self._keep(self.env.backend.render(self.camera, ("rgb",))["rgb"][0], "", None, (), ())

    def _keep(
        self,
        rgb: UInt8[np.ndarray, "H W 3"],
        words: str,
        action: int | None,
        chances: tuple[float, ...],
        recalled: tuple[Recalled, ...],
    ) -> None:
        task, (position, heading) = self.env.tasks[0], self.backend.agents()
        camera, above = self._look()
        moment = Moment(
            rgb=rgb.copy(),
            view=self.backend.render(_finer(self.camera), ("rgb",))["rgb"][0],
            above=above,
            overhead=camera,
            position=position[0],
            heading=float(heading[0]),
            room=self._rooms,
            names=self._names(),
            words=words,
            phase=str(getattr(task, "phase", "")),
            action=action,
            chances=chances,
            recalled=recalled,
        )
        self.moments.append(moment)

    def _look(self) -> tuple[Overhead, UInt8[np.ndarray, "M M 3"]]:
        """The camera above the world of now, and its picture."""
        world = self.backend.world(0)
        if world is not self._world:
            self._world, self._rooms = world, self._rooms + 1
        above = overhead(world)
        return above, self.eyes.view(above.eye[None, None], above.axes[None, None], above.camera, ("rgb",))["rgb"][0, 0]

    def _names(self) -> dict[str, np.ndarray]:
        """Where the things stand that the task has names for."""
        names = getattr(self.env.tasks[0], "names", {})
        here = (body.name for body in self.backend.world(0).bodies if body.name in names)
        return {names[name]: np.asarray(self.backend.pose(0, name).position) for name in here}


def recalled_moments(trace: dict[str, torch.Tensor]) -> tuple[Recalled, ...]:
    """What row 0 read at one step, heaviest first; a moment that several queries read is counted together."""
    if "rows" not in trace:
        return ()
    weights: dict[int, float] = {}
    for time, weight in zip(trace["rows"][0].tolist(), trace["weights"][0].tolist(), strict=True):
        if time >= 0:
            weights[time] = weights.get(time, 0.0) + weight
    return tuple(Recalled(time, weight) for time, weight in sorted(weights.items(), key=lambda pair: -pair[1]))


def _camera(env: VectorEnv) -> Camera:
    for sensor in env.sensors:
        if isinstance(sensor, Camera) and "rgb" in sensor.kinds:
            return sensor
    raise ValueError(f"a film needs a task with a camera of kind rgb, sensors are {list(env.sensors)}")


def _finer(camera: Camera) -> Camera:
    """The same camera with FINE pixels from top to bottom."""
    width = round(FINE * camera.width / camera.height)
    return replace(camera, height=FINE, width=width, supersample=2, kinds=("rgb",))
