"""A detector: from pictures of depth and instances to rows that name what is seen, where it is and in which state.

It answers for what is in the picture only: a body counts from `least` pixels nearer than `far` metres. What is
privileged: the border of every body (the instance picture), its category and its states; with `box` "true" also its
whole box, of which "seen" keeps what the pixels show. `misses`, `swaps` and `noise` make it err like a learned one.

A row: category number, or -1 for an empty row · middle x, y, z of the box, metres in the world · its widths along the
world's axes · confidence in (0, 1] · instance number, or -1 · one number for each state: 1 true, 0 false, -1 unknown.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loci.sim.backend import Place
from loci.sim.geometry import unproject, wxyz_to_matrix
from loci.sim.world import Body, World

PLAIN = 9
"""Numbers of a row before its states."""
CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)])
THIN = 0.005
"""Least width of a box, metres."""


@dataclass(frozen=True)
class View:
    """One picture: rgb (H, W, 3) uint8, depth (H, W) metres, instance (H, W), the eye (3,) metres, the camera's axes
    (3, 3) in the world as columns (right, down, forward), and its vertical field of view in radians."""

    rgb: np.ndarray
    depth: np.ndarray
    instance: np.ndarray
    eye: np.ndarray
    axes: np.ndarray
    fov: float


@dataclass(frozen=True)
class Detector:
    """`categories` and `states` are the words it knows; bodies of other categories are never named.

    `rows`: things in one answer at most, those with most pixels. `misses`: chance of each to be left out; `swaps`: to
    be given another category; `noise`: standard deviation of the middle on each axis, metres; `ids`: whether it knows
    which thing is which.
    """

    categories: tuple[str, ...]
    states: tuple[str, ...]
    rows: int = 64
    least: int = 4
    far: float = 8.0
    misses: float = 0.0
    swaps: float = 0.0
    noise: float = 0.0
    ids: bool = True
    box: Literal["true", "seen"] = "true"

    def __post_init__(self) -> None:
        if min(self.misses, self.swaps, self.noise) < 0.0 or max(self.misses, self.swaps) > 1.0:
            raise ValueError(f"misses and swaps must lie in [0, 1], noise be 0 or more, got {self}")
        if min(self.rows, self.least) < 1 or not self.far > 0.0:
            raise ValueError(f"rows and least must be 1 or more and far above 0, got {self}")
        if self.box not in ("true", "seen"):
            raise ValueError(f"box must be true or seen, got {self.box!r}")

    @property
    def exact(self) -> bool:
        return self.misses == self.swaps == self.noise == 0.0

    def detect(
        self,
        view: View,
        place: Place,
        known: Callable[[Body], list[float]],
        rng: np.random.Generator,
        without: Collection[str] = (),
        parts: tuple[tuple[int, int], ...] = (),
    ) -> tuple[np.ndarray, list[str]]:
        """Rows (`rows`, 9 + S) float32, and the names of the bodies that the first of them stand for.

        `known` gives the states of a body. Bodies `without` are left out: what the robot carries. `parts` are pairs of
        numbers, a whole and a part in which it is seen too (`doors`).
        """
        bodies, count = place.world.bodies, self._visible(view, len(place.world.bodies), parts)
        order = sorted(np.flatnonzero(count).tolist(), key=lambda i: (-count[i], i))
        found = [i for i in order if bodies[i].category in self.categories and bodies[i].name not in without]
        found = [i for i in found if not self.misses or rng.random() >= self.misses][: self.rows]
        rows = np.full((self.rows, PLAIN + len(self.states)), -1.0, np.float32)
        if found:
            shown = [bodies[i] for i in found]
            low, high = true_boxes(shown, place) if self.box == "true" else seen_boxes(found, view, parts)
            rows[: len(found), 1:4], rows[: len(found), 4:7] = (low + high) / 2.0, np.maximum(high - low, THIN)
            self._name(rows[: len(found)], shown, found, rng)
            for row, i in zip(rows, found, strict=False):
                row[PLAIN:] = known(bodies[i])
        return rows, [bodies[i].name for i in found]

    def _visible(self, view: View, bodies: int, parts: tuple[tuple[int, int], ...]) -> np.ndarray:
        """Pixels of every body (bodies,), 0 below `least`."""
        near = (view.depth > 0.0) & (view.depth <= self.far) & (view.instance >= 0)
        count = np.bincount(view.instance[near], minlength=bodies)
        for whole, part in parts:
            count[whole] += count[part]
        return np.where(count >= self.least, count, 0)

    def _name(self, rows: np.ndarray, shown: list[Body], number: list[int], rng: np.random.Generator) -> None:
        """Categories, confidences and numbers, and all that goes wrong."""
        rows[:, 0], rows[:, 7] = [self.categories.index(body.category) for body in shown], 1.0
        if self.ids:
            rows[:, 8] = number
        if not self.exact:
            rows[:, 1:4] += rng.normal(0.0, self.noise, (len(rows), 3))
            others = rng.integers(1, len(self.categories), len(rows))
            swapped = rng.random(len(rows)) < self.swaps
            rows[swapped, 0] = (rows[swapped, 0] + others[swapped]) % len(self.categories)
            rows[:, 7] = rng.uniform(0.5, 1.0, len(rows))


def doors(world: World) -> tuple[tuple[int, int], ...]:
    """Pairs of numbers: a piece of furniture, and a door that belongs to it."""
    pairs = {(body.name, space.behind) for body in world.bodies for space in body.receptacles if space.behind}
    number = {body.name: i for i, body in enumerate(world.bodies)}
    return tuple(sorted((number[name], number[door]) for name, door in pairs if name != door))


def true_boxes(bodies: list[Body], place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners (N, 3) of boxes along the world's axes around whole bodies, metres."""
    poses = [place.pose(body.name) for body in bodies]
    extent = np.array([body.extent for body in bodies])
    local = np.where(CORNERS[None] == 0, extent[:, None, 0], extent[:, None, 1])
    turned = np.einsum("nij,nkj->nki", wxyz_to_matrix(np.array([pose.wxyz for pose in poses])), local)
    points = turned + np.array([pose.position for pose in poses])[:, None]
    return points.min(axis=1), points.max(axis=1)


def seen_boxes(number: list[int], view: View, parts: tuple[tuple[int, int], ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners (N, 3) of boxes around the points that the pixels of each instance show, and of those
    that are `parts` of it: pairs (whole, part)."""
    points = unproject(view.depth.astype(np.float64), view.fov, view.eye, view.axes)
    members = [[i, *(part for whole, part in parts if whole == i)] for i in number]
    shown = [points[np.isin(view.instance, group) & (view.depth > 0.0)] for group in members]
    return np.array([p.min(axis=0) for p in shown]), np.array([p.max(axis=0) for p in shown])
