"""Scanned places of a habitat scene dataset as worlds: a name says which, habitat says what is in it."""

import numpy as np

from loci.sim.backends.habitat.protocol import Message
from loci.sim.world import Body, Pose, Room, Shape, World

PREFIX = "habitat:"
GREY = (0.6, 0.6, 0.6)
EVERYTHING = "scene"
"""The room that holds what lies in no room of its own."""


def scan(scene: str, seed: int = 0) -> World:
    """A world that stands for a scene of the backend's dataset. Loading it puts the agent at a navigable point drawn
    with `seed`; `backend.world(row)` then says what is there."""
    if not scene or "#" in scene:
        raise ValueError(f"scene must be a name or file without '#', got {scene!r}")
    return World(name=f"{PREFIX}{scene}#{seed}")


def wanted(world: World) -> tuple[str, int] | None:
    """Scene and seed that a world's name asks for, None for a world of our own."""
    if not world.name.startswith(PREFIX):
        return None
    scene, _, seed = world.name.removeprefix(PREFIX).partition("#")
    if not scene or (seed and not seed.isdecimal()):
        raise ValueError(f"a scan is named {PREFIX}<scene> or {PREFIX}<scene>#<seed>, got {world.name!r}")
    return scene, int(seed or 0)


def seen(name: str, reply: Message) -> World:
    """The world that habitat found in a scan: each semantic object is a fixed body, a box around it; each region is a
    room; a room "scene" is around everything. The spawn is a navigable point, looking along x."""
    boxes, rooms = reply.arrays["boxes"], reply.arrays["room_boxes"]
    spawn = reply.arrays["spawn"]
    bodies = [_body(index, category, boxes[index]) for index, category in enumerate(reply.fields["categories"])]
    named = [_room(f"{category}_{index}", rooms[index]) for index, category in enumerate(reply.fields["rooms"])]
    every = np.concatenate([boxes, rooms, [[*spawn, 1.0, 1.0, 1.0]]])
    low, high = (every[:, :3] - every[:, 3:]).min(axis=0), (every[:, :3] + every[:, 3:]).max(axis=0)
    whole = _room(EVERYTHING, np.concatenate([(low + high) / 2.0, (high - low) / 2.0]))
    return World(tuple(bodies), (*named, whole), (), (Pose.at(*map(float, spawn)),), name)


def _body(index: int, category: str, box: np.ndarray) -> Body:
    x, y, z, *half = (float(v) for v in box)
    return Body(f"{category}_{index}", category, (Shape("box", (half[0], half[1], half[2]), GREY),), Pose.at(x, y, z))


def _room(name: str, box: np.ndarray) -> Room:
    low, high = (box[:3] - box[3:]).tolist(), (box[:3] + box[3:]).tolist()
    return Room(name, (low[0], low[1], low[2]), (high[0], high[1], high[2]))
