"""Do all engines see the same worlds? `python -m benchmarks.parity` prints one JSON line.

The same WORLDS x VIEWS pictures are made of every world by every engine that is installed: by its own rays, which know
only the engine's shapes, and by its renderers. Each is compared with the ray caster on the kinematic backend: share of
pixels with equal ids, and the median and 99th percentile of the depth difference where the ids agree.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tqdm import tqdm

import loci.conf
from benchmarks.machine import machine
from loci.sim.geometry import camera_to_world, pixel_rays
from loci.sim.sensors import Camera
from loci.sim.tasks.ring import Ring
from loci.sim.world import Pose, World
from loci.sim.worlds.objects import Compounds
from loci.sim.worlds.rooms import walled_room

FOLDER = Path(next(iter(loci.conf.__path__))) / "backend"
ENGINES: dict[str, list[dict[str, Any]]] = {
    "kinematic": [{}],
    "mujoco": [{}, {"renderer": "gl"}],
    "pybullet": [{}, {"renderer": "tiny"}],
}
CAMERA = Camera(64, 64)
KINDS = ("depth", "instance")
SETTLE = 0.5
"""Seconds that pass before the pictures are taken."""
Picture = dict[str, np.ndarray]


def worlds(number: int) -> list[World]:
    """Rooms with eight compounds on a ring, the agent in the middle."""
    family, ring = Compounds(), Ring(radius=1.7)
    made = []
    for seed in range(number):
        rng = np.random.default_rng(seed)
        bodies = [family.body(int(n), f"object_{i}") for i, n in enumerate(rng.integers(family.count, size=8))]
        placed, spawn = ring.stand(bodies, rng)
        made.append(walled_room(seed, 6.0, bodies=placed, spawns=(spawn,)))
    return made


def poses(views: int) -> list[tuple[float, float, float]]:
    """x, y and heading of each view, the same in every world."""
    rng = np.random.default_rng(7)
    return [(*rng.uniform(-0.3, 0.3, 2).tolist(), 2.0 * np.pi * view / views) for view in range(views)]


def look(backend: Any, world: World, views: int) -> list[Picture]:
    """The renderer's pictures."""
    settle(backend, world)
    pictures = []
    for x, y, yaw in poses(views):
        backend.put_agent(0, Pose.at(x, y, 0.0, yaw))
        image = backend.render(CAMERA, KINDS)
        pictures.append({kind: image[kind][0] for kind in KINDS})
    return pictures


def feel(backend: Any, world: World, views: int) -> list[Picture]:
    """The engine's own rays through the same pixels."""
    settle(backend, world)
    pictures = []
    for x, y, yaw in poses(views):
        eye, axes = camera_to_world(np.array([x, y, 0.0]), np.array(yaw), CAMERA.eye, CAMERA.pitch)
        rays = pixel_rays(CAMERA.height, CAMERA.width, CAMERA.fov) @ axes.T
        distance, index = backend.rays(0, eye, rays.reshape(-1, 3))
        shape = (CAMERA.height, CAMERA.width)
        pictures.append({"depth": distance.reshape(shape), "instance": index.reshape(shape)})
    return pictures


def settle(backend: Any, world: World) -> None:
    backend.load(0, world)
    backend.step({"velocity": np.zeros((1, 2)), "turn": np.zeros(1)}, SETTLE)


def compare(found: list[Picture], expected: list[Picture]) -> dict[str, float]:
    """Share of equal ids, and the depth differences in metres where they are equal."""
    ids = [np.stack([picture["instance"] for picture in pictures]) for pictures in (found, expected)]
    depth = [np.stack([picture["depth"] for picture in pictures]) for pictures in (found, expected)]
    same = ids[0] == ids[1]
    off = np.abs(depth[0] - depth[1])[same]
    figures = {"ids_equal": same.mean(), "depth_median": np.median(off), "depth_99": np.quantile(off, 0.99)}
    return {name: float(f"{value:.6g}") for name, value in figures.items()}


def engine(name: str, options: dict[str, Any]) -> Any:
    """One row of an engine, None where what it needs is missing."""
    try:
        return instantiate(OmegaConf.load(FOLDER / f"{name}.yaml"), batch=1, **options)
    except InstantiationException as error:
        if isinstance(error.__cause__, (ImportError, RuntimeError)):
            return None
        raise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=50)
    parser.add_argument("--views", type=int, default=4, help="of each world")
    options = parser.parse_args()
    rooms = worlds(options.worlds)
    figures: dict[str, Any] = {}
    missing: list[str] = []
    reference = engine("kinematic", {})
    expected = [picture for room in rooms for picture in look(reference, room, options.views)]
    for name, variants in ENGINES.items():
        for variant in variants:
            backend, title = engine(name, variant), " ".join([name, *variant.values()])
            if backend is None:
                missing.append(title)
                continue
            ways: dict[str, Callable[..., list[Picture]]] = {"pictures": look}
            if hasattr(backend, "rays") and not variant:
                ways["rays"] = feel
            for way, see in ways.items():
                bar = tqdm(rooms, desc=f"{title}, {way}", unit="world")
                found = [picture for room in bar for picture in see(backend, room, options.views)]
                figures[f"{title}, {way}"] = compare(found, expected)
            backend.close()
    counts = {"worlds": options.worlds, "views": options.views, "not_available": missing}
    print(json.dumps(figures | counts | {"machine": machine()}))


if __name__ == "__main__":
    main()
