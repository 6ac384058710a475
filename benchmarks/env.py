"""Environment steps a CPU-second on one core: 64 agents walk through the reference room, or play fast mapping.

`python -m benchmarks.env` prints one JSON line. Every step moves, collides and renders rgb, depth and ids at 64 x 64.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces

from benchmarks.machine import machine
from benchmarks.reference_room import reference_room
from loci.sim.backend import Place
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.task import SILENCE, Advice, Outcome, Said, Task
from loci.sim.tasks.fast_mapping import FastMapping
from loci.sim.vector import VectorEnv
from loci.sim.world import Pose, World
from loci.sim.worlds.objects import Compounds

BATCH, STEPS, REPEATS = 64, 100, 5
CAMERA = Camera(64, 64)


class Roam:
    """Walk and turn at random for 500 steps of 0.1 s among the 20 objects of the reference room."""

    sensors = (CAMERA,)
    seconds, max_steps, ceiling = 0.1, 500, 1.0

    def __init__(self) -> None:
        self.action_space = spaces.Discrete(3)

    def world(self, rng: np.random.Generator) -> World:
        room = reference_room(int(rng.integers(1000)))
        things = [body.pose.position for body in room.bodies if body.category not in ("wall", "floor")]
        while True:
            x, y = rng.uniform(-3.5, 3.5, 2).tolist()
            if all(math.hypot(x - bx, y - by) > 1.2 for bx, by, _ in things):
                return replace(room, spawns=(Pose.at(x, y, 0.0, float(rng.uniform(-3.0, 3.0))),))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        return SILENCE

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        return {"velocity": (1.0, 0.0), "turn": (0.0, 1.5, -1.5)[int(action)]}

    def outcome(self, place: Place) -> Outcome:
        return Outcome()

    def expert(self, place: Place) -> Advice | None:
        return None


def steps_a_second(task: Callable[[], Task]) -> float:
    """The best of REPEATS runs of STEPS batched steps, by CPU time of the process."""
    env = VectorEnv(KinematicBackend(BATCH), task)
    env.reset(0)
    draws = np.random.default_rng(0).integers(int(env.action_space.n), size=(REPEATS, STEPS, BATCH))  # type: ignore[attr-defined]
    best = np.inf
    for run in draws:
        begun = time.process_time()
        for actions in run:
            env.step(actions)
        best = min(best, time.process_time() - begun)
    return round(BATCH * STEPS / best)


def main() -> None:
    """Print the figures of both tasks with the machine they were measured on."""
    figures = {
        "env_steps_per_cpu_second_roam_64": steps_a_second(Roam),
        "env_steps_per_cpu_second_fast_mapping_64": steps_a_second(lambda: FastMapping(Compounds(), CAMERA)),
    }
    print(json.dumps(figures | {"batch": BATCH, "machine": machine()}))


if __name__ == "__main__":
    main()
