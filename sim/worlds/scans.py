"""Scanned places: a GLB file (metres, y up, as the format says) becomes a world of triangle meshes.

The file is cut into tiles, because everything that is not drawn sees a mesh as its bounding box: what an agent steps
over or walks below is one tile a node, the rest is cut into columns, whose boxes fill little more than the surface.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from loci.sim.pose import Pose
from loci.sim.world import Body, Room, Shape, World
from loci.sim.worlds.navigation import occupancy

KNEE, HEAD = 0.05, 1.2
"""Heights between which a walking agent is stopped, metres above the floor: those of the kinematic backend."""
LEVEL = 0.9
"""Least z of the unit normal of a triangle that counts as floor."""
BIN = 0.05
THIN = 1e-4
"""Half extent given to flat meshes, metres."""


def scan(path: str | Path, folder: str | Path, tile: float = 0.5, name: str = "") -> World:
    """The world of a scan: a body for each mesh of the file, its scale and its place on the ground untouched.

    z is up; the floor, the height with the largest level area in the lower half, is at 0. The tiles are written to
    `folder` as PLY files, which the world names, so it must stay where it is; `tile` is their width in metres. Colours
    are one a triangle, the mean of its corners; points and lines of the file are left out. The only room is the
    bounding box; the one spawn is the point of the floor farthest from everything that blocks the way.
    FileNotFoundError or ValueError name the file.
    """
    meshes = list(_meshes(Path(path)))
    floor = _floor(np.concatenate([corners for _, corners, _ in meshes]))
    Path(folder).mkdir(parents=True, exist_ok=True)
    bodies = []
    for title, corners, colours in meshes:
        corners = corners - np.array([0.0, 0.0, floor])
        parts = [
            _tile(Path(folder) / f"{title}_{i}.ply", *piece) for i, piece in enumerate(_cut(corners, colours, tile))
        ]
        bodies.append(Body(title, "scan", tuple(parts)))
    lower = np.min([body.extent[0] for body in bodies], axis=0)
    upper = np.max([body.extent[1] for body in bodies], axis=0)
    room = Room("scan", _vector(np.minimum(lower, (*lower[:2], 0.0))), _vector(upper + THIN))
    world = World(tuple(bodies), (room,), name=name or Path(path).stem)
    level = np.concatenate([_level(corners - np.array([0.0, 0.0, floor])) for _, corners, _ in meshes])
    return World(world.bodies, world.rooms, world.lights, (_spawn(world, level),), world.name)


def _meshes(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, corners (T, 3, 3) in metres with z up, and colours (T, 3) in 0..1 of each mesh, where the file puts it."""
    if not path.is_file():
        raise FileNotFoundError(f"scan: no file {str(path)!r}")
    import trimesh

    try:
        scene: Any = trimesh.load_scene(path)
        nodes = [(node, *scene.graph[node]) for node in scene.graph.nodes_geometry]
    except Exception as error:
        raise ValueError(f"scan: {str(path)!r} cannot be read: {error}") from error
    found = False
    for node, transform, geometry in nodes:
        mesh = scene.geometry[geometry]
        if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
            continue
        x, y, z = np.moveaxis(trimesh.transform_points(mesh.vertices, transform)[mesh.faces], -1, 0)
        found = True
        yield str(node).replace("/", "_"), np.stack([x, -z, y], axis=-1), _colours(mesh)
    if not found:
        raise ValueError(f"scan: {str(path)!r} holds no triangles")


def _colours(mesh: Any) -> np.ndarray:
    """One colour a triangle, 0..1: of its material or vertices, light grey where there is none."""
    visual = mesh.visual.to_color() if mesh.visual.kind == "texture" else mesh.visual
    if visual.kind is None:
        return np.full((len(mesh.faces), 3), 0.8)
    return np.asarray(visual.face_colors, dtype=np.float64)[:, :3] / 255.0


def _areas(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Area of each triangle and the z of its unit normal."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    twice = np.linalg.norm(normal, axis=1)
    return twice / 2.0, normal[:, 2] / np.maximum(twice, 1e-12)


def _floor(corners: np.ndarray) -> float:
    """Height of the floor: where most of the level area in the lower half lies; the lowest point without any."""
    area, up = _areas(corners)
    height = corners[:, :, 2].mean(axis=1)
    low, high = corners[:, :, 2].min(), corners[:, :, 2].max()
    level = (np.abs(up) > LEVEL) & (height <= (low + high) / 2.0)
    if not level.any():
        return float(low)
    bins = ((height[level] - low) / BIN).astype(int)
    best = np.argmax(np.bincount(bins, area[level]))
    chosen = bins == best
    return float(np.average(height[level][chosen], weights=area[level][chosen]))


def _level(corners: np.ndarray) -> np.ndarray:
    """Level triangles (F, 3, 3) at the height of the floor."""
    return corners[(np.abs(_areas(corners)[1]) > LEVEL) & (np.abs(corners[:, :, 2]).max(axis=1) < KNEE)]


def _cut(corners: np.ndarray, colours: np.ndarray, tile: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pieces of a mesh: what is stepped over, what hangs higher than a head, and columns of the rest."""
    low, high = corners[:, :, 2].max(axis=1) < KNEE, corners[:, :, 2].min(axis=1) > HEAD
    for chosen in (low, high & ~low):
        if chosen.any():
            yield corners[chosen], colours[chosen]
    rest = ~(low | high)
    if not rest.any():
        return
    corners, colours = _halved(corners[rest], colours[rest], tile)
    cell = np.floor(corners.mean(axis=1)[:, :2] / tile).astype(int)
    _, column = np.unique(cell, axis=0, return_inverse=True)
    order = np.argsort(column.reshape(-1), kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(column.reshape(-1)[order])) + 1):
        yield corners[chosen], colours[chosen]


def _halved(corners: np.ndarray, colours: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Triangles with edges longer than `longest` along the ground halved at their longest one until there are none."""
    done: list[tuple[np.ndarray, np.ndarray]] = []
    while len(corners):
        edges = np.linalg.norm((np.roll(corners, -1, axis=1) - corners)[:, :, :2], axis=2)
        long = edges.max(axis=1) > longest
        done.append((corners[~long], colours[~long]))
        corners, colours, first = corners[long], colours[long], edges[long].argmax(axis=1)
        a, b, c = (corners[np.arange(len(corners)), (first + k) % 3] for k in range(3))
        middle = (a + b) / 2.0
        corners = np.concatenate([np.stack([a, middle, c], axis=1), np.stack([middle, b, c], axis=1)])
        colours = np.concatenate([colours, colours])
    return np.concatenate([c for c, _ in done]), np.concatenate([c for _, c in done])


def _tile(path: Path, corners: np.ndarray, colours: np.ndarray) -> Shape:
    """Write triangles to a file and place the shape that shows them where they were."""
    import trimesh

    faces = np.arange(3 * len(corners)).reshape(-1, 3)
    paint = np.rint(np.clip(np.column_stack([colours, np.ones(len(colours))]), 0.0, 1.0) * 255.0).astype(np.uint8)
    single = corners.astype(np.float32).astype(np.float64)
    mesh = trimesh.Trimesh(single.reshape(-1, 3), faces, face_colors=paint, process=False)
    mesh.export(path)
    lower, upper = single.min(axis=(0, 1)), single.max(axis=(0, 1))
    half = np.maximum((upper - lower) / 2.0, THIN)
    return Shape(
        "mesh", _vector(half), (1.0, 1.0, 1.0), mesh=str(path.resolve()), pose=Pose(_vector((lower + upper) / 2.0))
    )


def _spawn(world: World, level: np.ndarray) -> Pose:
    """The free point of the floor that is farthest from cells that are not. ValueError without any."""
    grid = occupancy(world, knee=KNEE, height=HEAD)
    ground = np.zeros_like(grid.free)
    small, _ = _halved(level, np.zeros((len(level), 3)), grid.cell)
    i, j = np.floor((small.mean(axis=1)[:, :2] - np.array(grid.origin)) / grid.cell).astype(int).T
    ground[np.clip(i, 0, ground.shape[0] - 1), np.clip(j, 0, ground.shape[1] - 1)] = True
    free = grid.free & ground
    if not free.any():
        raise ValueError(f"scan {world.name!r}: no free place on the floor for an agent of 0.2 m radius")
    depth, rest = np.zeros(free.shape), np.pad(free, 1)
    while rest.any():
        depth += rest[1:-1, 1:-1]
        inner = rest.copy()
        for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
            inner &= np.roll(rest, shift, axis)
        rest = inner
    i, j = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return Pose.at(*grid.centre(int(i), int(j)))


def _vector(values: Any) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return x, y, z
