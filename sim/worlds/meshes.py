"""Real meshes as bodies, and the 1,000 object meshes that ship inside the PyPI package pybullet as a family.

Files are OBJ, STL, GLB or whatever trimesh reads; they are centred on their bounding box and scaled uniformly.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from loci.sim.render.meshes import read
from loci.sim.world import Body, Pose, Shape
from loci.sim.worlds.objects import MASS, divide

BROKEN = frozenset({168})
"""Numbers of the package's meshes whose file holds no finite vertex."""


@lru_cache(maxsize=2048)
def mesh_shape(path: str, longest: float, colour: tuple[float, float, float] = (0.8, 0.8, 0.8)) -> Shape:
    """The mesh of a file, standing on the origin, its longest edge `longest` metres.

    Raises FileNotFoundError for a missing file and ValueError for one that holds no triangles.
    """
    half = read(path).half
    scale, least = longest / 2.0 / max(half), 1e-3 * longest
    size = (max(scale * half[0], least), max(scale * half[1], least), max(scale * half[2], least))
    return Shape("mesh", size, colour, mesh=path, pose=Pose.at(0.0, 0.0, size[2]))


@dataclass(frozen=True)
class PybulletObjects:
    """The package's `random_urdfs`: 1,000 procedural shapes without texture; each gets a colour from its number.

    One file holds no finite vertex (`BROKEN`); no split contains it.
    """

    held_out: float = 0.2
    width: float = 0.7
    seed: int = 0
    count: int = 1000

    def split(self, name: str) -> Sequence[int]:
        return [n for n in _divided(self.count, self.held_out, self.seed)[name] if n not in BROKEN]

    def body(self, number: int, name: str) -> Body:
        if not 0 <= number < self.count:
            raise ValueError(f"object number must lie in 0..{self.count - 1}, got {number}")
        path = _folder() / f"{number:03d}" / f"{number:03d}.obj"
        return Body(name, f"mesh_{number}", (mesh_shape(str(path), self.width, _colour(number)),), mass=MASS)


_divided = lru_cache(maxsize=64)(divide)


@lru_cache(maxsize=1)
def _folder() -> Path:
    found = find_spec("pybullet_data")
    if found is None or found.origin is None:
        raise ImportError("the mesh objects come with the package pybullet: pip install 'loci[meshes]'")
    return Path(found.origin).parent / "random_urdfs"


def _colour(number: int) -> tuple[float, float, float]:
    rng = np.random.default_rng((number, 11))
    return colorsys.hsv_to_rgb(rng.random(), float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.4, 1.0)))
