"""Environment steps a CPU-second with MuJoCo: 64 agents among 20 things that can be pushed, and one process each.

`python -m benchmarks.physics` prints one JSON line. Every step is 5 physics steps of 10 ms and rgb, depth and ids at
64 x 64. The second figure is the usual way, gymnasium's AsyncVectorEnv with the same task in processes of one
environment each, by the CPU time of all of them.
"""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from mujoco.batch import Batch

from benchmarks.machine import machine
from benchmarks.reference_room import reference_room
from loci.sim.backend import Place
from loci.sim.backends.mujoco import MujocoBackend
from loci.sim.env import Env
from loci.sim.sensors import Camera
from loci.sim.task import SILENCE, Advice, Outcome, Said
from loci.sim.vector import VectorEnv
from loci.sim.world import Body, Pose, World
from loci.sim.worlds.house import House

BATCH, STEPS, REPEATS = 64, 60, 5
PROCESSES, ALONE = 2, 300
ROWS, CALLS = 16, 200
CAMERA = Camera(64, 64)
MOVES = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.5), (0.0, -1.5))
"""Metres per second forward and radians per second to the left."""


class Wander:
    """Move at random for 500 steps of 0.05 s, beginning in the middle of the reference room."""

    sensors = (CAMERA,)
    seconds, max_steps, ceiling = 0.05, 500, 1.0

    def __init__(self) -> None:
        self.action_space = spaces.Discrete(len(MOVES))

    def world(self, rng: np.random.Generator) -> World:
        return loose_room(int(rng.integers(1000)))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        return SILENCE

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        forward, turn = MOVES[int(action)]
        return {"velocity": (forward, 0.0), "turn": turn}

    def outcome(self, place: Place) -> Outcome:
        return Outcome()

    def expert(self, place: Place) -> Advice | None:
        return None


def loose_room(seed: int) -> World:
    """The reference room with its twenty objects set apart, 1 kg each, and the agent in the middle."""
    room, rng = reference_room(seed), np.random.default_rng(seed)
    bodies: list[Body] = []
    taken = [(0.0, 0.0, 0.4)]
    for body in room.bodies:
        if body.category in ("wall", "floor"):
            bodies.append(body)
            continue
        size = body.parts[0].size
        radius = math.hypot(size[0], size[1]) if body.category == "box" else size[0]
        x, y = _free_spot(radius, taken, rng)
        taken.append((x, y, radius))
        bodies.append(replace(body, mass=1.0, pose=Pose((x, y, size[2]), body.pose.wxyz)))
    return replace(room, bodies=tuple(bodies), spawns=(Pose(),))


def _free_spot(radius: float, taken: list[tuple[float, float, float]], rng: np.random.Generator) -> tuple[float, float]:
    while True:
        x, y = rng.uniform(radius - 3.9, 3.9 - radius, 2).tolist()
        if all(math.hypot(x - a, y - b) > radius + r for a, b, r in taken):
            return x, y


def together() -> dict[str, float]:
    """The best of REPEATS runs of STEPS batched steps, and the time to build and load a world."""
    backend = MujocoBackend(BATCH)
    env = VectorEnv(backend, Wander)
    env.reset(0)
    draws = np.random.default_rng(0).integers(len(MOVES), size=(REPEATS + 1, STEPS, BATCH))
    best = math.inf
    for run in draws:
        begun = time.process_time()
        for actions in run:
            env.step(actions)
        best = min(best, time.process_time() - begun)
    world = loose_room(0)
    begun = time.process_time()
    for row in range(BATCH):
        backend.load(row, world)
    load = (time.process_time() - begun) / BATCH
    return {
        "env_steps_per_cpu_second_batch_64": round(BATCH * STEPS / best),
        "load_20_objects_ms": round(1e3 * load, 2),
    }


def alone() -> Any:
    return Env(MujocoBackend(1), Wander())


def apart() -> int:
    """Environment steps a CPU-second of PROCESSES workers, counting the CPU time of all processes while they step."""
    env = gymnasium.vector.AsyncVectorEnv([alone] * PROCESSES, context="forkserver")
    draws = np.random.default_rng(0).integers(len(MOVES), size=(ALONE, PROCESSES))
    env.reset(seed=0)
    workers = [process.pid for process in env.processes]
    for actions in draws[:50]:
        env.step(actions)
    begun = time.process_time() + _cpu_seconds(workers)
    for actions in draws:
        env.step(actions)
    spent = time.process_time() + _cpu_seconds(workers) - begun
    env.close()
    return round(ALONE * PROCESSES / spent)


def _cpu_seconds(workers: list[int | None]) -> float:
    """User and system time of running processes (Linux)."""
    ticks = 0
    for worker in workers:
        with open(f"/proc/{worker}/stat") as stat:
            ticks += sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def engine() -> dict[str, float]:
    """Physics steps a CPU-second of MuJoCo alone in ROWS equal worlds with everything asleep, 5 steps a call: a loop
    over them, and the package's own batch on one thread."""
    backend = MujocoBackend(1)
    backend.load(0, loose_room(0))
    model = backend._simulation(0).model
    rows = [mujoco.MjData(model) for _ in range(ROWS)]
    batch = Batch(model, ROWS, nthread=1, persistent=True)

    def loop() -> None:
        for data in rows:
            mujoco.mj_step(model, data, 5)

    ways = {"loop": loop, "batch": lambda: batch.step(nstep=5)}
    return {f"physics_steps_per_cpu_second_{name}": _rate(way) for name, way in ways.items()}


def _rate(call: Callable[[], None]) -> int:
    """Physics steps a CPU-second, the best of REPEATS runs, once everything sleeps."""
    best = math.inf
    for run in range(REPEATS + 1):
        begun = time.process_time()
        for _ in range(CALLS):
            call()
        best = min(best, time.process_time() - begun) if run else math.inf
    return round(5 * ROWS * CALLS / best)


def house_ms() -> float:
    """Milliseconds of CPU to build and load a furnished house, the mean of ten."""
    backend = MujocoBackend(1)
    worlds = [House().world(np.random.default_rng(seed)) for seed in range(11)]
    backend.load(0, worlds.pop())
    begun = time.process_time()
    for world in worlds:
        backend.load(0, world)
    return round(1e3 * (time.process_time() - begun) / len(worlds), 1)


def main() -> None:
    """Print the figures with the machine they were measured on."""
    figures: dict[str, Any] = together() | {"env_steps_per_cpu_second_process_per_env": apart()} | engine()
    figures["load_house_ms"] = house_ms()
    print(json.dumps(figures | {"batch": BATCH, "processes": PROCESSES, "machine": machine()}))


if __name__ == "__main__":
    main()
