"""How fast the CPU ray caster is: `python -m benchmarks.render` prints one JSON line.

Frames per CPU-second of one core (process time, best of REPEATS batches of VIEWS poses), so other jobs on the machine
hardly matter. Compile time is that of a fresh process with an empty cache.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.reference_room import poses, reference_room
from loci.sim.geometry import camera_to_world
from loci.sim.render.cpu import render
from loci.sim.render.pack import Scene
from loci.sim.world import World

VIEWS, REPEATS = 64, 5
FOV = math.radians(75.0)
FIRST = """
import time, numpy as np
from benchmarks.machine import machine
from benchmarks.reference_room import reference_room
from loci.sim.render.cpu import render
from loci.sim.render.pack import Scene
scene, begin = Scene(1), time.process_time()
scene.load(0, reference_room())
render(scene, np.zeros((1, 1, 3)), np.eye(3)[None, None], 64, 64, 1.0, supersample=2)
print(time.process_time() - begin)
"""


def room_scene(world: World) -> Scene:
    """The same world in every row."""
    scene = Scene(VIEWS)
    for row in range(VIEWS):
        scene.load(row, world)
    return scene


def frames_per_second(
    scene: Scene, size: int, kinds: tuple[str, ...] = ("rgb", "depth", "instance"), **options: bool | int
) -> int:
    """One pose in each row, written into the same arrays every time."""
    eye, axes = camera_to_world(*poses(VIEWS), 1.0, math.radians(-15.0))
    out = render(scene, eye[:, None], axes[:, None], size, size, FOV, kinds, **options)  # type: ignore[arg-type]
    best = math.inf
    for _ in range(REPEATS):
        begin = time.process_time()
        render(scene, eye[:, None], axes[:, None], size, size, FOV, kinds, out=out, **options)  # type: ignore[arg-type]
        best = min(best, time.process_time() - begin)
    return round(VIEWS / best)


def load_microseconds() -> float:
    """Replacing a row by a room of ten objects, its shapes having been seen before."""
    worlds, scene = [reference_room(seed, objects=10) for seed in range(50)], Scene(1)
    best = math.inf
    for _ in range(REPEATS):
        begin = time.process_time()
        for world in worlds:
            scene.load(0, world)
        best = min(best, time.process_time() - begin)
    return round(1e6 * best / len(worlds), 1)


def compile_seconds() -> float:
    """CPU seconds until the first picture with nothing in numba's cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        done = subprocess.run(
            [sys.executable, "-c", FIRST], env=environment, capture_output=True, text=True, check=True
        )
    return round(float(done.stdout), 1)


def main() -> None:
    import trimesh

    geometry = ("depth", "instance")
    plain = room_scene(reference_room())
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "ball.stl")
        trimesh.creation.icosphere(subdivisions=3).export(path)
        meshes = room_scene(reference_room(mesh=path))
    figures = {
        "primitives_64": frames_per_second(plain, 64),
        "primitives_128": frames_per_second(plain, 128),
        "meshes_64": frames_per_second(meshes, 64),
        "meshes_128": frames_per_second(meshes, 128),
        "depth_ids_64": frames_per_second(plain, 64, geometry),
        "depth_ids_128": frames_per_second(plain, 128, geometry),
        "supersample_64": frames_per_second(plain, 64, supersample=2),
        "shadows_64": frames_per_second(plain, 64, shadows=True),
        "load_us": load_microseconds(),
        "compile_s": compile_seconds(),
    }
    print(json.dumps({"benchmark": "render", "unit": "frames per CPU-second per core", **figures, **machine()}))


if __name__ == "__main__":
    main()
