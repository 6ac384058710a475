"""Convex hulls of mesh files, few enough corners that a world with many of them compiles fast."""

from functools import cache

import mujoco
import numpy as np

from loci.sim.geometry import wxyz_to_matrix
from loci.sim.render import meshes

CORNERS = 32
"""Most corners of a hull."""


@cache
def hull(path: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Corners (V, 3) with half extents 1, and triangles (F, 3), of the convex hull of a file; None for a flat mesh."""
    corners = np.unique(meshes.read(path).corners.reshape(-1, 3), axis=0).astype(np.float64)
    try:
        return _hull(corners)
    except ValueError:
        return None


def _hull(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    spec = mujoco.MjSpec()
    spec.add_mesh(name="hull", uservert=corners.reshape(-1), maxhullvert=CORNERS)
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="hull")
    model = spec.compile()
    graph = model.mesh_graph[model.mesh_graphadr[0] :]
    count, faces = int(graph[0]), int(graph[1])
    chosen = graph[2 + count : 2 + 2 * count]
    triangles = graph[2 + 3 * count + 3 * faces : 2 + 3 * count + 6 * faces].reshape(-1, 3)
    number = {int(corner): place for place, corner in enumerate(chosen)}
    turned = wxyz_to_matrix(model.mesh_quat[0])
    points = model.mesh_vert[chosen].astype(np.float64) @ turned.T + model.mesh_pos[0]
    return points, np.vectorize(number.__getitem__)(triangles).astype(np.int32)
