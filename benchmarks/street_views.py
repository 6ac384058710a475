"""How fast panoramas of a generated city are drawn: `python -m benchmarks.street_views` prints one JSON line.

CPU time of one core, the least of REPEATS, for the default city of each of SEEDS: building its world, loading it, and
a 64 x 64 view of colour and depth, four a panorama, with the whole city loaded or what is within RADIUS metres. Then
steps of the task `street_views` by its teacher, a text an episode and twelve, beginnings of episodes included; cities
are built before.
"""

import json
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.machine import machine
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.tasks.street_views import StreetViews
from loci.sim.vector import VectorEnv
from loci.sim.world import World
from loci.sim.worlds.city import City
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.streets import Streets, near, views

SEEDS, REPEATS = (0, 1, 2), 3
EVERY, RADIUS = 16, 150.0
"""One panorama in so many is drawn."""
STEPS, CITIES = 600, 2
TOUR = {"tour": 12, "recall": 0.5, "first_pass": True}


def milliseconds(task: Callable[[], Any]) -> float:
    """CPU time of the fastest run."""
    best = math.inf
    for _ in range(REPEATS):
        begun = time.process_time()
        task()
        best = min(best, time.process_time() - begun)
    return 1000.0 * best


def figures(seed: int) -> dict[str, float]:
    """Of one city."""
    graph, landmarks = City().draw(np.random.default_rng(seed))
    made = milliseconds(lambda: Streets().world(np.random.default_rng(seed), graph, landmarks))
    world, backend = Streets().world(np.random.default_rng(seed), graph, landmarks), KinematicBackend()
    backend.load(0, world)
    nodes = np.arange(0, graph.nodes, EVERY)
    yaw = graph.yaw[nodes][:, None] + np.arange(4) * math.pi / 2.0
    views(backend, graph, nodes[:1], yaw[:1])
    whole = milliseconds(lambda: views(backend, graph, nodes, yaw)) / yaw.size
    loaded = milliseconds(lambda: backend.load(0, world))
    around = np.array([_around(backend, graph, world, node) for node in nodes.tolist()])
    cut, close = around.mean(axis=0).tolist()
    return {
        "panoramas": graph.nodes,
        "buildings": sum(body.category == "building" for body in world.bodies),
        "parts": sum(len(body.parts) for body in world.bodies),
        "world_s": made / 1000.0,
        "load_ms": loaded,
        "view_ms": whole,
        "near_load_ms": cut,
        "near_view_ms": close,
    }


def _around(backend: KinematicBackend, graph: StreetGraph, world: World, node: int) -> tuple[float, float]:
    """Milliseconds to load what is around a panorama, and for a view of it."""
    x, y = graph.position[node].tolist()
    part, yaw = near(world, x, y, RADIUS), graph.yaw[node] + np.arange(4)[None] * math.pi / 2.0
    loading = milliseconds(lambda: backend.load(0, part))
    return loading, milliseconds(lambda: views(backend, graph, [node], yaw)) / 4.0


def steps_a_second(**settings: Any) -> float:
    """Of the task, CPU time."""
    env = VectorEnv(KinematicBackend(), lambda: StreetViews(cities=CITIES, tours=48, **settings))

    def walk(steps: int) -> None:
        for _ in range(steps):
            env.step(env.expert(0)[0])

    env.reset(0)
    walk(STEPS)
    return 1000.0 * STEPS / milliseconds(lambda: walk(STEPS))


def main() -> None:
    """Print the figures, each the mean over the seeds, with the machine they were measured on."""
    measured = [figures(seed) for seed in SEEDS]
    mean = {name: round(float(np.mean([row[name] for row in measured])), 3) for name in measured[0]}
    walked = {"leg_steps_s": round(steps_a_second()), "tour_steps_s": round(steps_a_second(**TOUR))}
    print(json.dumps({"benchmark": "street_views", **mean, **walked, **machine()}))


if __name__ == "__main__":
    main()
