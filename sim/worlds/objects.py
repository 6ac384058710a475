"""Families of objects that a task draws from, each with a fixed split into training and held-out objects.

`Compounds` needs nothing but its seed: every object is two to four coloured primitives. The family of real meshes is
in `meshes.py`.
"""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np

from loci.sim.world import Body, Kind, Pose, Shape

SPLITS = ("train", "held_out")
PATTERNS = ("", "", "checker", "stripes", "dots")
TALL = 1.2
"""Greatest height of a compound, in widths."""
MASS = 0.5
"""Kilograms of every object of the suite's families."""
OVERLAP = 0.9
"""Share of a part's height after which the next one stands, so that round parts touch."""


@runtime_checkable
class Objects(Protocol):
    """A numbered family of objects: `draw` picks distinct numbers of one split, `body` makes one of them."""

    @property
    def count(self) -> int: ...

    def split(self, name: str) -> Sequence[int]: ...

    def body(self, number: int, name: str) -> Body:
        """The object, standing on the floor at the origin."""
        ...


def divide(count: int, held_out: float, seed: int) -> dict[str, tuple[int, ...]]:
    """Object numbers of each split: the same for the same `seed`, disjoint, together all of them."""
    if not 0.0 < held_out < 1.0 or round(count * held_out) in (0, count):
        raise ValueError(f"held_out must leave objects on both sides of {count}, got {held_out}")
    order = np.random.default_rng(seed).permutation(count)
    cut = round(count * held_out)
    return {"held_out": tuple(sorted(order[:cut].tolist())), "train": tuple(sorted(order[cut:].tolist()))}


def choose(objects: Objects, split: str, number: int, rng: np.random.Generator) -> list[int]:
    """`number` different objects of a split."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    members = objects.split(split)
    if number > len(members):
        raise ValueError(f"cannot choose {number} different objects: the {split} split has {len(members)}")
    chosen: dict[int, None] = {}
    while len(chosen) < number:
        chosen[members[int(rng.integers(len(members)))]] = None
    return list(chosen)


@dataclass(frozen=True)
class Compounds:
    """`count` objects of two to four primitives, `width` metres wide and up to `1.2 width` high."""

    count: int = 4000
    held_out: float = 0.2
    width: float = 0.7
    seed: int = 0

    def split(self, name: str) -> Sequence[int]:
        return _divided(self.count, self.held_out, self.seed)[name]

    def body(self, number: int, name: str) -> Body:
        if not 0 <= number < self.count:
            raise ValueError(f"object number must lie in 0..{self.count - 1}, got {number}")
        return Body(name, f"compound_{number}", _parts(number, self.width, self.seed), mass=MASS)


_divided = lru_cache(maxsize=64)(divide)


@lru_cache(maxsize=8192)
def _parts(number: int, width: float, seed: int) -> tuple[Shape, ...]:
    """A stack of primitives with turns, shifts, colours and patterns of their own, shrunk where it is too high."""
    rng = np.random.default_rng((seed, number))
    sizes = [_size(rng, width) for _ in range(rng.integers(2, 5))]
    shrink = min(1.0, TALL * width / (OVERLAP * 2.0 * sum(size[2] for _, size in sizes)))
    hue, floor, parts = rng.random(), 0.0, []
    for kind, full in sizes:
        x, y, z = (float(shrink * edge) for edge in full)
        hue = (hue + rng.uniform(0.15, 0.5)) % 1.0
        shift = rng.uniform(-0.5, 0.5, 2) * max(0.0, shrink * width / 2 - max(x, y))
        pose = Pose.at(float(shift[0]), float(shift[1]), floor + z, float(rng.uniform(0, np.pi)))
        parts.append(Shape(kind, (x, y, z), _colour(rng, hue), PATTERNS[rng.integers(len(PATTERNS))], pose=pose))
        floor += OVERLAP * 2.0 * z
    return tuple(parts)


def _size(rng: np.random.Generator, width: float) -> tuple[Kind, tuple[float, float, float]]:
    radius, height = (float(v) for v in rng.uniform([0.25, 0.15], [0.5, 0.3]) * width)
    kinds: tuple[Kind, ...] = ("box", "sphere", "cylinder", "capsule")
    kind = kinds[rng.integers(len(kinds))]
    if kind == "box":
        return kind, (radius * 0.9, float(rng.uniform(0.25, 0.45)) * width, height)
    if kind == "sphere":
        return kind, (0.7 * radius,) * 3
    if kind == "capsule":
        return kind, (0.6 * radius, 0.6 * radius, max(height, 0.7 * radius))
    return kind, (radius, radius, height)


def _colour(rng: np.random.Generator, hue: float) -> tuple[float, float, float]:
    grey = rng.random() < 0.15
    saturation = 0.05 if grey else float(rng.uniform(0.6, 1.0))
    return colorsys.hsv_to_rgb(hue, saturation, float(rng.uniform(0.35, 1.0)))
