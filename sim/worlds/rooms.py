"""Walled rooms: a number gives the floor, the walls and their patterns; bodies are added by whoever asks."""

from functools import lru_cache

import numpy as np

from loci.sim.world import Body, Light, Pose, Room, Shape, World

WALL_THICKNESS = 0.1
LOOKS = 64
FLOORS = ("wood", "tiles", "noise", "checker", "")
WALLS = ("bricks", "noise", "stripes", "", "")


def walled_room(
    look: int = 0,
    size: float = 5.0,
    height: float = 2.5,
    bodies: tuple[Body, ...] = (),
    spawns: tuple[Pose, ...] = (Pose(),),
) -> World:
    """A square room of `size` metres around the origin: four walls and a floor, muted; `look` picks one of LOOKS."""
    shell = _shell(size, height, look % LOOKS)
    room = Room("room", (-size / 2, -size / 2, 0.0), (size / 2, size / 2, height))
    return World((*shell, *bodies), (room,), (Light(),), spawns)


@lru_cache(maxsize=256)
def _shell(size: float, height: float, look: int) -> tuple[Body, ...]:
    rng = np.random.default_rng((look, 7))
    floor = Shape("plane", (size / 2, size / 2, 0.0), _muted(rng), FLOORS[rng.integers(len(FLOORS))])
    colour, texture = _muted(rng), WALLS[rng.integers(len(WALLS))]
    wall = Shape("box", (size / 2, WALL_THICKNESS / 2, height / 2), colour, texture)
    return (Body("floor", "floor", (floor,)), *(_wall(wall, size, i) for i in range(4)))


def _wall(shape: Shape, size: float, side: int) -> Body:
    yaw = side * np.pi / 2
    distance = size / 2 + WALL_THICKNESS / 2
    pose = Pose.at(-distance * float(np.sin(yaw)), distance * float(np.cos(yaw)), shape.size[2], yaw)
    return Body(f"wall_{side}", "wall", (shape,), pose)


def _muted(rng: np.random.Generator) -> tuple[float, float, float]:
    grey = rng.uniform(0.45, 0.8)
    red, green, blue = np.clip(grey + rng.uniform(-0.06, 0.06, 3), 0.0, 1.0)
    return float(red), float(green), float(blue)
