"""Worlds as files that other programs read: binary glTF, and the configuration files that habitat loads.

glTF is y up, so everything is turned once on the way out: `y_up`. A body is one node named like it, in its own frame;
its mesh has one primitive a part. Round parts become polyhedra whose corners lie on the surface.
glTF 2.0: registry.khronos.org/glTF/specs/2.0; habitat: aihabitat.org/docs/habitat-sim/attributesJSON.html.
"""

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loci.sim.geometry import rotate
from loci.sim.pose import Pose
from loci.sim.render import textures
from loci.sim.render.meshes import read
from loci.sim.world import Body, Shape, World

SECTIONS = 32
"""Sides of a round part; a multiple of 4, so that its bounds are those of the round shape."""
SCENE = "world"
"""What the scene is called in the habitat files."""
FLOAT, UINT = 5126, 5125
ARRAY, ELEMENTS = 34962, 34963
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942


def y_up(vectors: Any) -> np.ndarray:
    """(…, 3) from z up to y up: a quarter turn about x. The vector part of a quaternion is turned the same way."""
    v = np.asarray(vectors, np.float64)
    return np.stack([v[..., 0], v[..., 2], -v[..., 1]], axis=-1)


def glb(world: World) -> bytes:
    """The world as it begins, as binary glTF. Node extras hold the instance id and the category of each body.

    Raises FileNotFoundError or ValueError for a mesh that cannot be read and KeyError for an unknown texture.
    """
    extras = [{"instance": index, "category": body.category} for index, body in enumerate(world.bodies)]
    return _glb([(body, body.start) for body in world.bodies], extras)


def write_glb(world: World, path: str | Path) -> Path:
    """Write `glb(world)` to a file."""
    target = Path(path)
    target.write_bytes(glb(world))
    return target


def write_habitat(world: World, folder: str | Path) -> Path:
    """Write a scene dataset from which habitat loads the world as the scene SCENE; returns its configuration file.

    Every body is an object of its own, because habitat gives instance ids to objects and not to parts of a stage. Its
    semantic id is its index plus 1: 0 means nothing. `stages/stage.glb` is the whole world in one piece.
    """
    root = Path(folder)
    for name in ("stages", "objects", "scenes"):
        (root / name).mkdir(parents=True, exist_ok=True)
    write_glb(world, root / "stages" / "stage.glb")
    _write(root / "stages" / "stage.stage_config.json", {"render_asset": "stage.glb"} | FRAME)
    assets: dict[tuple[Shape, ...], str] = {}
    for index, body in enumerate(world.bodies):
        if body.parts not in assets:
            assets[body.parts] = f"shape_{len(assets):05d}.glb"
            (root / "objects" / assets[body.parts]).write_bytes(_glb([(body, Pose())], [{}]))
        _write(root / "objects" / f"{_handle(index)}.object_config.json", _object(index, body, assets[body.parts]))
    _write(root / "scenes" / f"{SCENE}.scene_instance.json", _scene(world))
    return _write(root / f"{SCENE}.scene_dataset_config.json", DATASET)


FRAME = {"up": [0.0, 1.0, 0.0], "front": [0.0, 0.0, -1.0], "force_flat_shading": True}
DATASET = {
    "stages": {"paths": {".json": ["stages"]}},
    "objects": {"paths": {".json": ["objects"]}},
    "scene_instances": {"paths": {".json": ["scenes"]}},
}


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content, indent=1, allow_nan=False))
    return path


def _handle(index: int) -> str:
    return f"body_{index:05d}"


def _object(index: int, body: Body, asset: str) -> dict[str, Any]:
    """The origin stays where the body's is (COM), and each part stays convex on its own (join_collision_meshes)."""
    files = {"render_asset": asset, "collision_asset": asset}
    solid = {"COM": [0.0, 0.0, 0.0], "join_collision_meshes": False} | ({"mass": body.mass} if body.mass else {})
    return files | FRAME | solid | {
        "semantic_id": index + 1, "user_defined": {"name": body.name, "category": body.category}
    }  # fmt: skip


def _scene(world: World) -> dict[str, Any]:
    instances = []
    for index, body in enumerate(world.bodies):
        position, wxyz = _node_pose(body.start)
        moves = body.mass > 0.0 or body.joint is not None
        instances.append(
            {"template_name": _handle(index), "translation": position, "rotation": wxyz, "translation_origin": "COM",
             "motion_type": "KINEMATIC" if moves else "STATIC"}
        )  # fmt: skip
    return {
        "stage_instance": {"template_name": "NONE"}, "default_lighting": "no_lights", "object_instances": instances
    }  # fmt: skip


def _node_pose(pose: Pose) -> tuple[list[float], list[float]]:
    w, *vector = pose.wxyz
    return y_up(pose.position).tolist(), [w, *y_up(vector).tolist()]


def _glb(placed: Sequence[tuple[Body, Pose]], extras: Sequence[dict[str, Any]]) -> bytes:
    file = _File()
    nodes = []
    for (body, pose), extra in zip(placed, extras, strict=True):
        position, wxyz = _node_pose(pose)
        node = {"name": body.name, "mesh": file.mesh(body.parts), "translation": position}
        nodes.append(node | {"rotation": [*wxyz[1:], wxyz[0]]} | ({"extras": extra} if extra else {}))
    return file.finish(nodes)


class _File:
    """A glTF file being written: the binary chunk grows while meshes are added; equal ones are shared."""

    def __init__(self) -> None:
        self.binary = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.materials: list[dict[str, Any]] = []
        self.meshes: list[dict[str, Any]] = []
        self._known: dict[tuple[Shape, ...], int] = {}

    def mesh(self, parts: tuple[Shape, ...]) -> int:
        if parts not in self._known:
            self._known[parts] = len(self.meshes)
            self.meshes.append({"primitives": [self._primitive(part) for part in parts]})
        return self._known[parts]

    def _primitive(self, part: Shape) -> dict[str, Any]:
        corners, colours, thin = tessellated(part)
        placed = y_up(rotate(np.asarray(part.pose.wxyz), corners) + np.asarray(part.pose.position))
        across = np.cross(placed[:, 1] - placed[:, 0], placed[:, 2] - placed[:, 0])
        normals = np.repeat(across / np.linalg.norm(across, axis=1, keepdims=True), 3, axis=0)
        attributes = {"POSITION": self._floats(placed.reshape(-1, 3), bounds=True), "NORMAL": self._floats(normals)}
        if colours is not None:
            attributes["COLOR_0"] = self._floats(np.repeat(linear(colours), 3, axis=0))
        order = np.arange(3 * len(placed), dtype=np.uint32)
        indices = self._add(order, {"componentType": UINT, "type": "SCALAR"}, ELEMENTS)
        return {"attributes": attributes, "indices": indices, "material": self._material(part, thin)}

    def _material(self, part: Shape, thin: bool) -> int:
        colour = linear(np.asarray(part.colour) * _mean_texel(part.texture))
        surface = {"baseColorFactor": [*colour.tolist(), 1.0], "metallicFactor": 0.0, "roughnessFactor": 1.0}
        material = {"pbrMetallicRoughness": surface, "doubleSided": thin}
        if material not in self.materials:
            self.materials.append(material)
        return self.materials.index(material)

    def _floats(self, vectors: np.ndarray, bounds: bool = False) -> int:
        values = vectors.astype(np.float32)
        accessor: dict[str, Any] = {"componentType": FLOAT, "type": "VEC3"}
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return self._add(values, accessor, ARRAY)

    def _add(self, values: np.ndarray, accessor: dict[str, Any], target: int) -> int:
        data = values.astype(values.dtype.newbyteorder("<")).tobytes()
        self.views.append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data), "target": target})
        self.accessors.append(accessor | {"bufferView": len(self.views) - 1, "count": len(values)})
        self.binary += data
        return len(self.accessors) - 1

    def finish(self, nodes: list[dict[str, Any]]) -> bytes:
        lists = {
            "nodes": nodes, "meshes": self.meshes, "materials": self.materials, "accessors": self.accessors,
            "bufferViews": self.views, "buffers": [{"byteLength": len(self.binary)}] if nodes else [],
        }  # fmt: skip
        scene = {"nodes": list(range(len(nodes)))} if nodes else {}
        content = {"asset": {"version": "2.0", "generator": "loci"}, "scene": 0, "scenes": [scene]}
        text = json.dumps(content | {name: entries for name, entries in lists.items() if entries}, allow_nan=False)
        chunks = _chunk(text.encode(), JSON_CHUNK, b" ")
        if nodes:
            chunks += _chunk(bytes(self.binary), BINARY_CHUNK, b"\0")
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _chunk(data: bytes, kind: int, pad: bytes) -> bytes:
    padded = data + pad * (-len(data) % 4)
    return struct.pack("<II", len(padded), kind) + padded


def linear(srgb: np.ndarray) -> np.ndarray:
    """sRGB 0..1 to linear light 0..1 (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _mean_texel(texture: str) -> np.ndarray:
    """What a pattern looks like from afar, (3,) sRGB; glTF gets one colour a part."""
    first = textures.index(texture) * textures.SIZE**2
    texels = textures.atlas()[first : first + textures.SIZE**2]
    return np.array([(texels >> shift & 255).mean() / 255.0 for shift in (0, 8, 16)])


def tessellated(part: Shape) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Corners (T, 3, 3) in the part's frame, anticlockwise from outside; colours (T, 3) sRGB or None for one colour;
    whether both sides are seen."""
    x, y, z = part.size
    if part.kind == "mesh":
        mesh = read(part.mesh)
        corners = mesh.corners.astype(np.float64) * np.asarray(part.size)
        kept = _areas(corners) > 0.0
        colours = None if (mesh.colours == 1.0).all() else mesh.colours[kept].astype(np.float64)
        return corners[kept], colours, not mesh.closed
    if part.kind == "box":
        return _box(np.array([x, y, z])), None, False
    if part.kind == "plane":
        return _quads(np.array([[[-x, -y, 0.0], [x, -y, 0.0], [x, y, 0.0], [-x, y, 0.0]]])), None, False
    return _revolve(_profile(part)), None, False


def _areas(corners: np.ndarray) -> np.ndarray:
    """Twice the area of each triangle, square metres."""
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)


def _quads(quads: np.ndarray) -> np.ndarray:
    """Two triangles for each quadrangle (Q, 4, 3)."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _box(half: np.ndarray) -> np.ndarray:
    face = np.array([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)], np.float64)
    ends = np.stack([face, face[:, [1, 0, 2]] * [1, 1, -1]])
    sides = [np.roll(ends, axis, axis=2) for axis in range(3)]
    return _quads(np.concatenate(sides) * half)


def _profile(part: Shape) -> np.ndarray:
    """Radius and height (n, 2) along the outline of a round part, from the lowest point to the highest."""
    radius, _, half = part.size
    if part.kind == "cylinder":
        return np.array([[0.0, -half], [radius, -half], [radius, half], [0.0, half]])
    angle = np.linspace(0.0, np.pi / 2.0, SECTIONS // 4 + 1)
    upper = np.stack([np.cos(angle) * radius, np.sin(angle) * radius + (half - radius)], axis=1)
    upper[-1, 0] = 0.0
    return np.concatenate([upper[::-1] * [1.0, -1.0], upper])


def _revolve(profile: np.ndarray) -> np.ndarray:
    """Triangles (T, 3, 3) of the surface that an outline sweeps about the z axis."""
    angle = np.arange(SECTIONS) * (2.0 * np.pi / SECTIONS)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rings = np.concatenate(
        [profile[:, None, :1] * around, np.broadcast_to(profile[:, None, 1:], (len(profile), SECTIONS, 1))], axis=2
    )
    following = np.roll(rings, -1, axis=1)
    quads = np.stack([rings[:-1], following[:-1], following[1:], rings[1:]], axis=2).reshape(-1, 4, 3)
    corners = _quads(quads)
    return corners[_areas(corners) > 1e-12 * profile.max() ** 2]
