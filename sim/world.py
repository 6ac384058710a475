"""What exists in a simulated place: bodies made of simple shapes, rooms, lights and spawn poses.

A `World` is a value: it is checked when it is made, compares by content and travels as JSON. SI units, z up, `wxyz`.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args

from loci.sim.joints import Joint, Receptacle
from loci.sim.pose import Pose, Vector, check_vector

Kind = Literal["box", "sphere", "cylinder", "capsule", "plane", "mesh"]

KINDS: tuple[str, ...] = get_args(Kind)
FORMAT = 2
WALL = 0.3
"""Metres by which a body's origin may lie outside every room: walls stand on a room's edge."""


@dataclass(frozen=True)
class Shape:
    """One solid or surface, with `size` the half extents of its bounding box along its own axes.

    box: any size. sphere: three equal radii. cylinder: (r, r, half height), axis z. capsule: (r, r, half of the whole
    height), axis z. plane: (half width, half depth, 0), facing +z. mesh: the file's geometry, centred on its bounding
    box and scaled so that the box has these half extents; `mesh` names the file.
    `colour` is sRGB in 0..1; `texture` names a pattern that multiplies it ("" = plain). `pose` is in the body's frame.
    """

    kind: Kind
    size: Vector
    colour: Vector = (0.8, 0.8, 0.8)
    texture: str = ""
    mesh: str = ""
    pose: Pose = Pose()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"Shape.kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        check_vector("Shape.size", self.size, 3)
        check_vector("Shape.colour", self.colour, 3)
        if not all(0.0 <= c <= 1.0 for c in self.colour):
            raise ValueError(f"Shape.colour must lie in 0..1, got {self.colour}")
        if (self.kind == "mesh") != bool(self.mesh):
            raise ValueError(
                f"Shape.mesh names a file exactly for kind 'mesh', got kind={self.kind!r}, mesh={self.mesh!r}"
            )
        self._check_size()

    def _check_size(self) -> None:
        x, y, z = self.size
        flat = self.kind == "plane"
        if min(x, y) <= 0.0 or (z != 0.0 if flat else z <= 0.0):
            raise ValueError(
                f"Shape.size of a {self.kind} must be positive{' with z = 0' if flat else ''}, got {self.size}"
            )
        if (self.kind in ("sphere", "cylinder", "capsule") and x != y) or (self.kind == "sphere" and x != z):
            raise ValueError(f"Shape.size of a {self.kind} must have equal radii, got {self.size}")
        if self.kind == "capsule" and z < x:
            raise ValueError(f"Shape.size of a capsule needs half height >= radius, got {self.size}")


@dataclass(frozen=True)
class Body:
    """A rigid thing with a unique name: its parts move together. `mass` in kg, 0 = fixed to the world.

    A body with a `joint` opens and closes where it stands; its `pose` is the closed one. `receptacles` are where things
    can be put; `states` what is true of it now ("on", "dirty", "filled" …).
    """

    name: str
    category: str
    parts: tuple[Shape, ...]
    pose: Pose = Pose()
    mass: float = 0.0
    joint: Joint | None = None
    receptacles: tuple[Receptacle, ...] = ()
    states: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not self.parts:
            raise ValueError(
                f"Body needs a name and at least one part, got name={self.name!r}, {len(self.parts)} parts"
            )
        if not math.isfinite(self.mass) or self.mass < 0.0:
            raise ValueError(f"Body.mass of {self.name!r} must be finite and not negative, got {self.mass}")
        _check_unique(f"Body {self.name!r}: state", list(self.states))

    @property
    def extent(self) -> tuple[Vector, Vector]:
        """Lower and upper corner of a box around the parts, in the body's frame, metres."""
        return _extent(self.parts)

    @property
    def middle(self) -> Vector:
        """Centre of the extent, in the body's frame, metres."""
        (x0, y0, z0), (x1, y1, z1) = self.extent
        return (x0 + x1) / 2, (y0 + y1) / 2, (z0 + z1) / 2

    @property
    def start(self) -> Pose:
        """Where the body is when the world begins: at its pose, opened as far as its joint says."""
        return self.pose if self.joint is None else self.pose @ self.joint.motion(self.joint.opening)


@dataclass(frozen=True)
class Room:
    """An axis-aligned part of space, metres."""

    name: str
    lower: Vector
    upper: Vector

    def __post_init__(self) -> None:
        check_vector("Room.lower", self.lower, 3)
        check_vector("Room.upper", self.upper, 3)
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"Room {self.name!r} must have lower < upper, got {self.lower} and {self.upper}")

    def contains(self, position: Sequence[float], margin: float = 0.0) -> bool:
        """Whether a point (metres) lies inside, the room being grown by `margin` on every side."""
        (x, y, z), (x0, y0, z0), (x1, y1, z1) = position, self.lower, self.upper
        flat = x0 - margin <= x <= x1 + margin and y0 - margin <= y <= y1 + margin
        return flat and z0 - margin <= z <= z1 + margin


@dataclass(frozen=True)
class Light:
    """Sunlight: `direction` is the way the light travels; a face turned to it has brightness ambient + diffuse."""

    direction: Vector = (-0.4, -0.3, -0.85)
    ambient: float = 0.45
    diffuse: float = 0.6

    def __post_init__(self) -> None:
        check_vector("Light.direction", self.direction, 3)
        check_vector("Light", (self.ambient, self.diffuse), 2)
        if self.direction == (0.0, 0.0, 0.0):
            raise ValueError("Light.direction must not be zero")


@dataclass(frozen=True)
class World:
    """Everything that exists at the start of an episode. Names are unique, bodies inside rooms if there are any."""

    bodies: tuple[Body, ...] = ()
    rooms: tuple[Room, ...] = ()
    lights: tuple[Light, ...] = (Light(),)
    spawns: tuple[Pose, ...] = (Pose(),)
    name: str = field(default="world")

    def __post_init__(self) -> None:
        _check_unique(f"World {self.name!r}: body", [body.name for body in self.bodies])
        _check_unique(f"World {self.name!r}: room", [room.name for room in self.rooms])
        for body in self.bodies if self.rooms else ():
            if not any(room.contains(body.pose.position, WALL) for room in self.rooms):
                rooms = ", ".join(f"{r.name} {r.lower}..{r.upper}" for r in self.rooms)
                raise ValueError(
                    f"World {self.name!r}: body {body.name!r} at {body.pose.position} is in no room. Rooms: {rooms}"
                )
        _check_doors(self)

    def index(self, name: str) -> int:
        """Position of a body in `bodies`, which is also its instance id in images."""
        for index, body in enumerate(self.bodies):
            if body.name == name:
                return index
        raise KeyError(
            f"no body {name!r} in world {self.name!r}. Bodies: {', '.join(sorted(b.name for b in self.bodies))}"
        )

    def body(self, name: str) -> Body:
        """The body of that name; a KeyError lists the names that exist."""
        return self.bodies[self.index(name)]

    def to_json(self) -> str:
        """A JSON object that `from_json` turns back into an equal world."""
        return json.dumps({"format": FORMAT} | asdict(self), allow_nan=False)

    @staticmethod
    def from_json(text: str) -> "World":
        """Read a world; the constructors check it. Raises ValueError for another format or a broken field."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise ValueError(f"expected world format {FORMAT}, got {found}")
        try:
            return World(
                bodies=tuple(_body(b) for b in data["bodies"]),
                rooms=tuple(Room(r["name"], _tuple(r["lower"]), _tuple(r["upper"])) for r in data["rooms"]),
                lights=tuple(Light(_tuple(g["direction"]), g["ambient"], g["diffuse"]) for g in data["lights"]),
                spawns=tuple(_pose(p) for p in data["spawns"]),
                name=data["name"],
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"world JSON is incomplete or mistyped: {error!r}") from error


def _check_doors(world: "World") -> None:
    """Every receptacle's door is a body that opens."""
    doors = {(body.name, space.behind) for body in world.bodies for space in body.receptacles if space.behind}
    for name, door in sorted(doors):
        if world.body(door).joint is None:
            raise ValueError(f"World {world.name!r}: a receptacle of {name!r} is behind {door!r}, which has no joint")


@lru_cache(maxsize=65536)
def _extent(parts: tuple[Shape, ...]) -> tuple[Vector, Vector]:
    boxes = [(part, sign) for part in parts for sign in _SIGNS]
    corners = [
        part.pose.point((sign[0] * part.size[0], sign[1] * part.size[1], sign[2] * part.size[2]))
        for part, sign in boxes
    ]
    x, y, z = zip(*corners, strict=True)
    return (min(x), min(y), min(z)), (max(x), max(y), max(z))


_SIGNS = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]


def _check_unique(what: str, names: list[str]) -> None:
    if len(set(names)) < len(names):
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(f"{what} names must be unique, repeated: {', '.join(twice)}")


def _tuple(values: Sequence[Any]) -> Any:
    return tuple(float(v) for v in values)


def _pose(data: dict[str, Any]) -> Pose:
    return Pose(_tuple(data["position"]), _tuple(data["wxyz"]))


def _shape(data: dict[str, Any]) -> Shape:
    size, colour = _tuple(data["size"]), _tuple(data["colour"])
    return Shape(data["kind"], size, colour, data["texture"], data["mesh"], _pose(data["pose"]))


def _joint(data: dict[str, Any]) -> Joint:
    return Joint(data["kind"], _tuple(data["axis"]), data["span"], _tuple(data["anchor"]), data["opening"])


def _receptacle(data: dict[str, Any]) -> Receptacle:
    return Receptacle(data["relation"], _tuple(data["lower"]), _tuple(data["upper"]), data["behind"])


def _body(data: dict[str, Any]) -> Body:
    parts = tuple(_shape(part) for part in data["parts"])
    joint = None if data["joint"] is None else _joint(data["joint"])
    receptacles = tuple(_receptacle(r) for r in data["receptacles"])
    pose, mass, states = _pose(data["pose"]), data["mass"], tuple(data["states"])
    return Body(data["name"], data["category"], parts, pose, mass, joint, receptacles, states)
