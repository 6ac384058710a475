"""Bodies as binary glTF for the page: one mesh a body in its own frame, z up as everywhere, with colours and patterns.

Plain parts are merged into one primitive with vertex colours; a part with a pattern is a primitive of its own.
"""

import io
import json
import struct
from functools import cache, lru_cache
from typing import Any

import numpy as np
from PIL import Image

from loci.sim.geometry import rotate
from loci.sim.render import textures
from loci.sim.world import Shape
from loci.sim.worlds.export import ARRAY, FLOAT, linear, tessellated

TILE = textures.SIZE / textures.DENSITY
"""Metres after which a pattern repeats."""


@lru_cache(maxsize=8192)
def glb(parts: tuple[Shape, ...], top: float | None = None) -> bytes:
    """The parts as a file; what lies above the height `top` (metres, in the body's frame) is cut off."""
    file = _File()
    plain = [part for part in parts if not part.texture]
    corners = [_corners(part, top) for part in plain]
    if plain and sum(map(len, corners)):
        colours = np.concatenate([_colours(part, len(c)) for part, c in zip(plain, corners, strict=True)])
        file.primitive(np.concatenate(corners), {"COLOR_0": colours}, {})
    for part in parts:
        placed = _corners(part, top)
        if part.texture and len(placed):
            file.patterned(part, placed)
    return file.finish()


def _corners(part: Shape, top: float | None) -> np.ndarray:
    """Triangles (T, 3, 3) in the body's frame."""
    corners = rotate(np.asarray(part.pose.wxyz), tessellated(part)[0]) + np.asarray(part.pose.position)
    if top is None or not len(corners):
        return corners
    if corners[..., 2].min() >= top:
        return corners[:0]
    return np.concatenate([corners[..., :2], np.minimum(corners[..., 2:], top)], axis=2)


def _colours(part: Shape, triangles: int) -> np.ndarray:
    """Linear colours (T * 3, 3) of a part's corners."""
    own = tessellated(part)[1]
    faces = np.ones((triangles, 3)) if own is None else own
    return np.repeat(linear(faces * np.asarray(part.colour)), 3, axis=0)


def _normals(corners: np.ndarray) -> np.ndarray:
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    return np.repeat(across / lengths, 3, axis=0)


def _places(part: Shape, corners: np.ndarray) -> np.ndarray:
    """Where in the tile the corners lie, (T * 3, 2): along the two axes of the part that a triangle faces least."""
    w, *vector = part.pose.wxyz
    local = rotate(np.array([w, *(-v for v in vector)]), corners - np.asarray(part.pose.position))
    facing = np.abs(_normals(local)).argmax(axis=1)
    x, y, z = local.reshape(-1, 3).T
    return np.stack([np.where(facing == 0, y, x), np.where(facing == 2, y, z)], axis=1) / TILE


@cache
def _tile(texture: str) -> bytes:
    """A pattern as PNG; its first row is v = 0."""
    first = textures.index(texture) * textures.SIZE**2
    texels = textures.atlas()[first : first + textures.SIZE**2].reshape(textures.SIZE, textures.SIZE)
    pixels = np.stack([texels >> shift & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class _File:
    """A glTF file with one mesh being written."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.lists: dict[str, list[Any]] = {
            name: [] for name in ("bufferViews", "accessors", "materials", "images", "textures")
        }
        self.primitives: list[dict[str, Any]] = []

    def primitive(self, corners: np.ndarray, more: dict[str, np.ndarray], surface: dict[str, Any]) -> None:
        vectors = {"POSITION": corners.reshape(-1, 3), "NORMAL": _normals(corners)} | more
        material = {"doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0}}
        material["pbrMetallicRoughness"] |= surface  # type: ignore[operator]
        attributes = {name: self._accessor(values, name == "POSITION") for name, values in vectors.items()}
        self.primitives.append({"attributes": attributes, "material": self._append("materials", material)})

    def patterned(self, part: Shape, corners: np.ndarray) -> None:
        view = self._view(_tile(part.texture))
        source = self._append("images", {"bufferView": view, "mimeType": "image/png"})
        texture = self._append("textures", {"source": source})
        colour = [*linear(np.asarray(part.colour)).tolist(), 1.0]
        surface = {"baseColorTexture": {"index": texture}, "baseColorFactor": colour}
        self.primitive(corners, {"TEXCOORD_0": _places(part, corners)}, surface)

    def _accessor(self, values: np.ndarray, bounds: bool) -> int:
        numbers = values.astype("<f4")
        accessor = {"componentType": FLOAT, "type": f"VEC{numbers.shape[1]}", "count": len(numbers)}
        if bounds:
            accessor |= {"min": numbers.min(axis=0).tolist(), "max": numbers.max(axis=0).tolist()}
        return self._append("accessors", accessor | {"bufferView": self._view(numbers.tobytes(), ARRAY)})

    def _view(self, data: bytes, target: int | None = None) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.binary += data
        return self._append("bufferViews", view | ({"target": target} if target else {}))

    def _append(self, name: str, entry: dict[str, Any]) -> int:
        self.lists[name].append(entry)
        return len(self.lists[name]) - 1

    def finish(self) -> bytes:
        binary = bytes(self.binary) + b"\0" * (-len(self.binary) % 4)
        content: dict[str, Any] = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{}]}
        if self.primitives:
            content |= {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "meshes": [{"primitives": self.primitives}]}
            content |= {name: entries for name, entries in self.lists.items() if entries}
            content["buffers"] = [{"byteLength": len(binary)}]
        text = json.dumps(content).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(binary), b"BIN\0") + binary if binary else b""
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
