"""Worlds as arrays that renderers read: B worlds of P parts each, and the poses of their bodies.

Letters: B worlds (rows), P slots for parts. A body's index in `World.bodies` is its instance id.
"""

from typing import Any

import numpy as np
from numba import njit

from loci.sim.geometry import wxyz_to_matrix
from loci.sim.render import textures
from loci.sim.render.meshes import Library
from loci.sim.world import KINDS, Body, Light, Shape, World

EMPTY = -1
BOX, SPHERE, CYLINDER, CAPSULE, PLANE, MESH = range(len(KINDS))
DARK = Light(ambient=1.0, diffuse=0.0)
"""Light of a world without lights: every surface shows its own colour."""


class Scene:
    """B worlds as a structure of arrays; slots that hold no part have kind EMPTY.

    kind (B, P) int32 index in KINDS · position (B, P, 3), rotation (B, P, 3, 3) float32: a part's frame in the world,
    columns are its axes · size (B, P, 3) float32 half extents · colour (B, P, 3) float32 sRGB 0..1 · texture (B, P)
    int32 in textures.NAMES · mesh (B, P) int32 in `meshes.roots`, -1 for none · body (B, P) int32 instance id, -1 for
    none · local_position, local_rotation: a part's frame in its body · used (B,) int32 slots in use, the first ones ·
    bodies (B,) int32 · light (B, 5) float32: unit direction it travels, ambient, diffuse.
    """

    kind: np.ndarray
    position: np.ndarray
    rotation: np.ndarray
    size: np.ndarray
    colour: np.ndarray
    texture: np.ndarray
    mesh: np.ndarray
    body: np.ndarray
    local_position: np.ndarray
    local_rotation: np.ndarray

    def __init__(self, batch: int, slots: int = 32) -> None:
        if batch < 1 or slots < 1:
            raise ValueError(f"Scene needs batch and slots >= 1, got batch={batch}, slots={slots}")
        self.batch, self.slots = batch, slots
        self.meshes = Library()
        self.used = np.zeros(batch, np.int32)
        self.bodies = np.zeros(batch, np.int32)
        self.light = np.zeros((batch, 5), np.float32)
        self._parts: dict[tuple[Shape, ...], np.ndarray] = {}
        for name, (shape, dtype, fill) in FIELDS.items():
            setattr(self, name, np.full((batch, slots, *shape), fill, dtype))

    def load(self, row: int, world: World) -> None:
        """Replace a row by a world. Slots grow when the world has more parts than any before it.

        Raises KeyError for an unknown texture, FileNotFoundError or ValueError for a mesh that cannot be read, and
        ValueError for more than one light.
        """
        self._check_row(row)
        if len(world.lights) > 1:
            raise ValueError(f"the ray caster draws one light, world {world.name!r} has {len(world.lights)}")
        blocks = [self._packed(body) for body in world.bodies]
        parts = np.concatenate(blocks) if blocks else np.empty((0, COLUMNS))
        self._grow(len(parts))
        self._write_light(row, world.lights[0] if world.lights else DARK)
        owner = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
        starts = [body.start for body in world.bodies]
        poses = [(*start.position, *start.wxyz) for start in starts]
        frames = np.array(poses, dtype=np.float64).reshape(-1, 7)
        rotations = wxyz_to_matrix(np.concatenate([frames[:, 3:], parts[:, 12:]]))
        _fill(self.kind[row], self.size[row], self.colour[row], self.texture[row], self.mesh[row], self.body[row],
              self.local_position[row], self.local_rotation[row], parts, rotations[len(blocks) :], owner)  # fmt: skip
        self.used[row], self.bodies[row] = len(parts), len(blocks)
        self._compose(row, np.arange(len(blocks)), frames[:, :3], rotations[: len(blocks)])

    def place(self, row: int, body: Any, position: np.ndarray, rotation: np.ndarray) -> None:
        """Put bodies where they are now: indices (n,) or one, positions (n, 3) metres, rotations (n, 3, 3) whose
        columns are the body's axes in the world."""
        self._check_row(row)
        bodies = np.asarray(body, dtype=np.int64).reshape(-1)
        positions = np.asarray(position, dtype=np.float64).reshape(-1, 3)
        rotations = np.asarray(rotation, dtype=np.float64).reshape(-1, 3, 3)
        if not len(bodies) == len(positions) == len(rotations):
            lengths = f"{len(bodies)} bodies, {len(positions)} positions, {len(rotations)} rotations"
            raise ValueError(f"Scene.place needs a position and a rotation for each body, got {lengths}")
        if len(bodies) and not 0 <= bodies.min() <= bodies.max() < self.bodies[row]:
            raise IndexError(f"Scene.place: body must lie in 0..{self.bodies[row] - 1}, got {bodies.tolist()}")
        if not (np.isfinite(positions).all() and np.isfinite(rotations).all()):
            raise ValueError(f"Scene.place needs finite poses, got positions {positions.tolist()} in row {row}")
        self._compose(row, bodies, positions, rotations)

    def _compose(self, row: int, bodies: np.ndarray, positions: np.ndarray, rotations: np.ndarray) -> None:
        _place(self.position[row], self.rotation[row], self.body[row], self.local_position[row],
               self.local_rotation[row], int(self.used[row]), bodies, positions, rotations)  # fmt: skip

    def _check_row(self, row: int) -> None:
        if not 0 <= row < self.batch:
            raise IndexError(f"row must lie in 0..{self.batch - 1}, got {row}")

    def _packed(self, body: Body) -> np.ndarray:
        """Rows of numbers, one a part, in the order of COLUMNS; made once for equal parts."""
        if body.parts not in self._parts:
            if len(self._parts) >= CACHED:
                self._parts.clear()
            self._parts[body.parts] = np.array([self._numbers(shape) for shape in body.parts])
        return self._parts[body.parts]

    def _numbers(self, shape: Shape) -> list[float]:
        mesh = self.meshes.number(shape.mesh) if shape.kind == "mesh" else -1
        number = [KINDS.index(shape.kind), textures.index(shape.texture), mesh]
        return [*number, *shape.size, *shape.colour, *shape.pose.position, *shape.pose.wxyz]

    def _write_light(self, row: int, light: Light) -> None:
        length = float(np.linalg.norm(light.direction))
        self.light[row] = (*(d / length for d in light.direction), light.ambient, light.diffuse)

    def _grow(self, parts: int) -> None:
        if parts <= self.slots:
            return
        slots = max(parts, 2 * self.slots)
        for name, (shape, dtype, fill) in FIELDS.items():
            grown = np.full((self.batch, slots, *shape), fill, dtype)
            grown[:, : self.slots] = getattr(self, name)
            setattr(self, name, grown)
        self.slots = slots


CACHED = 65536
"""Different part lists kept; a generator that never repeats a size or colour must not fill the memory."""
COLUMNS = 16
"""kind, texture, mesh, size (3), colour (3), position (3), wxyz (4)."""
FIELDS: dict[str, tuple[tuple[int, ...], Any, float]] = {
    "kind": ((), np.int32, EMPTY),
    "position": ((3,), np.float32, 0.0),
    "rotation": ((3, 3), np.float32, 0.0),
    "size": ((3,), np.float32, 0.0),
    "colour": ((3,), np.float32, 0.0),
    "texture": ((), np.int32, 0),
    "mesh": ((), np.int32, -1),
    "body": ((), np.int32, -1),
    "local_position": ((3,), np.float32, 0.0),
    "local_rotation": ((3, 3), np.float32, 0.0),
}


@njit(cache=True, nogil=True)
def _fill(kind, size, colour, texture, mesh, body, local_position, local_rotation, parts, rotations, owner):  # type: ignore[no-untyped-def]
    """Write rows of COLUMNS numbers into one world's slots and empty the rest."""
    for slot in range(len(kind)):
        if slot >= len(parts):
            kind[slot] = EMPTY
            body[slot] = -1
            continue
        part = parts[slot]
        kind[slot], texture[slot], mesh[slot], body[slot] = part[0], part[1], part[2], owner[slot]
        for i in range(3):
            size[slot, i], colour[slot, i], local_position[slot, i] = part[3 + i], part[6 + i], part[9 + i]
            for j in range(3):
                local_rotation[slot, i, j] = rotations[slot, i, j]


@njit(cache=True, nogil=True)
def _place(position, rotation, body, local_position, local_rotation, used, bodies, positions, rotations):  # type: ignore[no-untyped-def]
    """World frames of the parts of some bodies, whose parts stand side by side in the order of the bodies."""
    for n in range(len(bodies)):
        first = np.searchsorted(body[:used], bodies[n])
        for slot in range(first, used):
            if body[slot] != bodies[n]:
                break
            for i in range(3):
                position[slot, i] = positions[n, i]
                for k in range(3):
                    position[slot, i] += rotations[n, i, k] * local_position[slot, k]
                for j in range(3):
                    total = 0.0
                    for k in range(3):
                        total += rotations[n, i, k] * local_rotation[slot, k, j]
                    rotation[slot, i, j] = total
