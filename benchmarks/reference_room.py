"""The room in which renderers are compared: 8 x 8 m, textured floor, four walls and twenty objects."""

import numpy as np

from loci.sim.world import Body, Pose, Room, Shape, Vector, World

HALF = 4.0
WALL_HEIGHT = 2.5
KINDS = ("box", "sphere", "cylinder")


def reference_room(seed: int = 0, kinds: tuple[str, ...] = KINDS, mesh: str = "", objects: int = 20) -> World:
    """Objects of 0.3 to 1 m stand on the floor; `mesh`, if given, is the file that every object is made of."""
    rng = np.random.default_rng(seed)
    bodies = [Body("floor", "floor", (Shape("plane", (HALF, HALF, 0.0), texture="checker"),))]
    for i in range(4):
        angle = i * np.pi / 2.0
        wall = Shape("box", (0.05, HALF, WALL_HEIGHT / 2.0), (0.8, 0.78, 0.7), "bricks" if i % 2 else "")
        x, y = HALF * np.cos(angle), HALF * np.sin(angle)
        bodies.append(Body(f"wall_{i}", "wall", (wall,), Pose.at(x, y, WALL_HEIGHT / 2.0, angle)))
    for i in range(objects):
        kind = "mesh" if mesh else kinds[i % len(kinds)]
        shape = Shape(kind, _size(kind, rng), tuple(rng.uniform(0.2, 1.0, 3)), "", mesh)  # type: ignore[arg-type]
        x, y = rng.uniform(-0.85 * HALF, 0.85 * HALF, 2)
        pose = Pose.at(float(x), float(y), shape.size[2], float(rng.uniform(-np.pi, np.pi)))
        bodies.append(Body(f"{kind}_{i}", kind, (shape,), pose))
    room = Room("room", (-HALF, -HALF, 0.0), (HALF, HALF, WALL_HEIGHT))
    return World(tuple(bodies), (room,), name="reference room")


def _size(kind: str, rng: np.random.Generator) -> Vector:
    radius, height = (float(v) for v in rng.uniform(0.15, 0.5, 2))
    if kind == "box":
        return radius, float(rng.uniform(0.15, 0.5)), height
    if kind == "capsule":
        return radius / 2.0, radius / 2.0, radius / 2.0 + height
    return (radius, radius, height) if kind == "cylinder" else (radius, radius, radius)


def poses(count: int = 64, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Random positions (count, 3) on the floor, metres, and headings (count,) radians."""
    rng = np.random.default_rng(seed)
    position = np.zeros((count, 3))
    position[:, :2] = rng.uniform(-0.85 * HALF, 0.85 * HALF, (count, 2))
    return position, rng.uniform(-np.pi, np.pi, count)
