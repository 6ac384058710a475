"""Houses a CPU-second on one core, how long their grids and distance fields take, and frames of a camera inside them.

`python -m benchmarks.house` prints one JSON line. Frames are rgb, depth and ids at 64 x 64 from
random places in 16 houses.
"""

import json
import time
from collections.abc import Callable

import numpy as np

from benchmarks.machine import machine
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.geometry import camera_to_world
from loci.sim.sensors import Camera
from loci.sim.worlds.house import House
from loci.sim.worlds.navigation import distances, occupancy, random_pose

HOUSES, REPEATS, FRAMES, ROWS = 100, 7, 50, 16
CAMERA = Camera(64, 64)


def a_second(work: Callable[[], int]) -> float:
    """Units of work a second, the best of REPEATS runs by CPU time of the process."""
    best = np.inf
    for _ in range(REPEATS):
        begun = time.process_time()
        count = work()
        best = min(best, (time.process_time() - begun) / count)
    return round(1.0 / best, 1)


def main() -> None:
    """Print the figures with the machine they were measured on."""
    family = House()
    worlds = [family.world(np.random.default_rng(seed)) for seed in range(HOUSES)]
    grids = [occupancy(world) for world in worlds]
    backend, rng = KinematicBackend(ROWS), np.random.default_rng(0)
    for row in range(ROWS):
        backend.load(row, worlds[row])
    poses = [[random_pose(grid, rng) for grid in grids[:ROWS]] for _ in range(FRAMES)]
    views = [
        camera_to_world(np.array([p.position for p in row]), np.array([p.yaw for p in row]), CAMERA.eye, CAMERA.pitch)
        for row in poses
    ]

    def houses() -> int:
        return len([family.world(np.random.default_rng(seed)).name for seed in range(HOUSES)])

    def fields() -> int:
        return len([distances(grid, world.spawns[0].position) for grid, world in zip(grids, worlds, strict=True)])

    def frames() -> int:
        return sum(len(backend.view(eye[:, None], axes[:, None], CAMERA, CAMERA.kinds)["rgb"]) for eye, axes in views)

    parts = [sum(len(body.parts) for body in world.bodies) for world in worlds]
    figures = {
        "houses_per_cpu_second": a_second(houses),
        "grids_per_cpu_second": a_second(lambda: len([occupancy(world).cell for world in worlds])),
        "distance_fields_per_cpu_second": a_second(fields),
        "frames_per_cpu_second_64": a_second(frames),
        "rooms_mean": round(float(np.mean([len(world.rooms) for world in worlds])), 2),
        "bodies_mean": round(float(np.mean([len(world.bodies) for world in worlds])), 1),
        "parts_mean": round(float(np.mean(parts)), 1),
        "parts_most": max(parts),
    }
    print(json.dumps(figures | {"machine": machine()}))


if __name__ == "__main__":
    main()
