"""Triangle meshes from files, as bounding volume hierarchies that packets of rays can walk.

Vertices are centred on the bounding box and scaled to half extents 1 on every axis, so a shape's `size` is the scale.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

LEAF = 16
"""Most triangles in a leaf: they are tried side by side, and each leaf has a block of so many places."""
WORDS = 12 * LEAF
DEEP = 60
"""Levels after which nodes are halved; this and log2 T together must stay below frame.STACK."""
MARGIN = 2e-6
"""Bounds grow by this share of the half extent, so that rounding loses no hit on a flat box."""


@dataclass(frozen=True)
class Mesh:
    """T triangles in leaf order and N nodes; node 0 is the root.

    `corners` (T, 3, 3) float32; `colours` (T, 3) float32 sRGB 0..1; `bounds` (N, 6) float32, lower then upper;
    `links` (N, 2) int32: (first child, -1 - axis of the split), its sibling being the next node and higher on that
    axis, or (first triangle, count). `closed`: the triangles bound a volume, so that from outside only their front
    sides (anticlockwise) are seen.
    """

    corners: np.ndarray
    colours: np.ndarray
    bounds: np.ndarray
    links: np.ndarray
    closed: bool = False
    half: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Half extents of the file's geometry, in the file's unit."""


@cache
def read(path: str) -> Mesh:
    """The mesh of an OBJ, STL, PLY or GLB file, read once a process. FileNotFoundError or ValueError name the file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"Shape.mesh: no file {path!r}")
    import trimesh

    try:
        loaded: Any = trimesh.load(path, force="mesh")
        corners = np.asarray(loaded.triangles, dtype=np.float64)
        colours = _face_colours(loaded, len(corners))
    except Exception as error:
        raise ValueError(f"Shape.mesh: {path!r} cannot be read as a mesh: {error}") from error
    if len(corners) == 0 or not np.isfinite(corners).all():
        raise ValueError(f"Shape.mesh: {path!r} must hold triangles with finite corners, got {len(corners)} triangles")
    return build(corners, colours, bool(loaded.is_volume))


def _face_colours(loaded: Any, count: int) -> np.ndarray:
    """Colour of each face from the file's material or vertices; white where it has none."""
    visual = loaded.visual
    if visual.kind == "texture":
        visual = visual.to_color()
    if visual.kind is None:
        return np.ones((count, 3))
    return np.asarray(visual.face_colors, dtype=np.float64)[:, :3] / 255.0


def build(corners: np.ndarray, colours: np.ndarray, closed: bool = False) -> Mesh:
    """Normalise (T, 3, 3) corners to half extents 1 and build the hierarchy by the surface area heuristic."""
    lower, upper = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    half = (upper - lower) / 2.0
    scaled = ((corners - (lower + upper) / 2.0) / np.where(half > 0.0, half, 1.0)).astype(np.float32)
    order, bounds, links = _hierarchy(scaled)
    own = (float(half[0]), float(half[1]), float(half[2]))
    return Mesh(scaled[order], colours[order].astype(np.float32), bounds, links, closed, own)


def _hierarchy(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Order of the triangles, bounds (N, 6) and links (N, 2) of the nodes."""
    lower, upper = corners.min(axis=1), corners.max(axis=1)
    order = np.arange(len(corners))
    bounds: list[np.ndarray] = [np.empty(6)]
    links: list[tuple[int, int]] = [(0, 0)]
    todo = [(0, 0, 0, len(corners))]
    while todo:
        node, depth, start, stop = todo.pop()
        chosen = order[start:stop]
        bounds[node] = np.concatenate([lower[chosen].min(axis=0) - MARGIN, upper[chosen].max(axis=0) + MARGIN])
        if stop - start <= LEAF:
            links[node] = (start, stop - start)
            continue
        order[start:stop], middle, axis = _split(chosen, lower, upper, depth)
        links[node] = (len(links), -1 - axis)
        for part in ((start, start + middle), (start + middle, stop)):
            todo.append((len(links), depth + 1, *part))
            links.append((0, 0))
            bounds.append(np.empty(6))
    return order, np.array(bounds, dtype=np.float32), np.array(links, dtype=np.int32)


def _split(chosen: np.ndarray, lower: np.ndarray, upper: np.ndarray, depth: int) -> tuple[np.ndarray, int, int]:
    """The triangles sorted along an axis, the place to cut and the axis: least surface area times count, or, below
    DEEP, the middle, which bounds the depth of the hierarchy."""
    best = (np.inf, chosen, len(chosen) // 2, 0)
    count = np.arange(1, len(chosen))
    for axis in range(3):
        ordered = chosen[np.argsort(lower[chosen, axis] + upper[chosen, axis], kind="stable")]
        left = _areas(lower[ordered], upper[ordered])[:-1]
        right = _areas(lower[ordered[::-1]], upper[ordered[::-1]])[-2::-1]
        cost = left * count + right * (len(chosen) - count)
        place = int(np.argmin(cost)) if depth < DEEP else len(chosen) // 2 - 1
        if cost[place] < best[0]:
            best = (float(cost[place]), ordered, place + 1, axis)
    return best[1:]


def _areas(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Half the surface area of the box around the first 1, 2, … triangles."""
    x, y, z = (np.maximum.accumulate(upper) - np.minimum.accumulate(lower)).T
    return x * y + y * z + z * x


@dataclass
class Library:
    """The meshes of a scene in flat arrays, as the renderer reads them, with the triangles of each leaf in a block.

    `triangles` (blocks * 12 * LEAF) float32: corner, two edges, their cross product, each number LEAF times; places
    that are not used hold 0. `faces` (blocks * LEAF * 3) float32 colours. Face number = block * LEAF + place.
    `bounds` (N * 6) float32, `links` (N * 2) int32 as in Mesh, but absolute and with the block for the first triangle.
    `roots` (M * 2,) int32: first node of each mesh, and 1 if it is closed.
    """

    triangles: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    faces: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    bounds: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    links: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    roots: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, path: str) -> int:
        """Index of a mesh in `roots`; it is read when it is first asked for."""
        if path not in self.numbers:
            self._append(read(path))
            self.numbers[path] = len(self.roots) // 2 - 1
        return self.numbers[path]

    def _append(self, mesh: Mesh) -> None:
        corner = mesh.corners[:, 0].astype(np.float64)
        first, second = mesh.corners[:, 1] - corner, mesh.corners[:, 2] - corner
        numbers = np.concatenate([corner, first, second, np.cross(first, second)], axis=1)
        leaves = mesh.links[mesh.links[:, 1] > 0]
        triangles, faces = np.zeros((len(leaves), 12, LEAF)), np.zeros((len(leaves), LEAF, 3))
        for block, (start, count) in enumerate(leaves):
            triangles[block, :, :count] = numbers[start : start + count].T
            faces[block, :count] = mesh.colours[start : start + count]
        links = mesh.links.copy()
        links[links[:, 1] < 0, 0] += len(self.bounds) // 6
        links[links[:, 1] > 0, 0] = len(self.triangles) // WORDS + np.arange(len(leaves))
        self.roots = _extend(self.roots, [len(self.bounds) // 6, int(mesh.closed)])
        self.triangles = _extend(self.triangles, triangles)
        self.faces = _extend(self.faces, faces)
        self.bounds = _extend(self.bounds, mesh.bounds)
        self.links = _extend(self.links, links)


def _extend(array: np.ndarray, values: np.ndarray | Iterable[float]) -> np.ndarray:
    return np.concatenate([array, np.asarray(values).reshape(-1).astype(array.dtype)])
