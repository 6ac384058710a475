"""A street graph as a place that cameras can see: roads with kerbs, buildings along them, landmarks on the façades.

`Streets(...).world(rng, graph, landmarks)` builds the `World` of any `StreetGraph`, generated or recorded; `near` cuts
out what is around a place, `views` draws panoramas. World frame x east, y north, z up, metres; the ground is at 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from loci.sim.backends.rows import Rows
from loci.sim.geometry import camera_to_world
from loci.sim.sensors import Camera
from loci.sim.world import Body, Light, Pose, Shape, Vector, World
from loci.sim.worlds.draws import between
from loci.sim.worlds.facades import PROUD, building, sign, storeys
from loci.sim.worlds.landmarks import Landmarks
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_lots import lots, street_edges

EYE = Camera(64, 64, math.pi / 2, eye=2.5, pitch=0.0, kinds=("rgb", "depth"))
"""A panorama's camera: 2.5 m above the ground, level, 90 degrees wide, so that four views close the circle."""
APART = 0.1
"""Metres between neighbouring panoramas at least."""
JITTER = (0.2, 0.5)
"""Metres by which `spread` moves one, least and most."""
MARGIN = 60.0
"""Metres of ground beyond the outermost panoramas."""
DAY = Light((-0.6, -0.4, -0.7), 0.6, 0.45)
"""A bright sky, so that façades in the shade keep their colours."""
PAVEMENT: Vector = (0.63, 0.62, 0.60)
LAYERS: tuple[tuple[float, float, Vector], ...] = (
    (0.3, 0.010, (0.82, 0.81, 0.78)),
    (0.0, 0.020, (0.23, 0.23, 0.25)),
)
"""Kerb and road: metres wider than the road on each side, height, colour. What is higher hides what is below, so that
kerbs end where roads cross."""
LINE: Vector = (0.92, 0.80, 0.30)
WHITE: Vector = (0.90, 0.90, 0.90)
"""Colours of the line along the middle of a road and of those between which people cross it."""
WALK = (0.6, 2.6)
"""Metres from the edge of the road that is crossed to those lines."""


@dataclass(frozen=True)
class Streets:
    """Settings, metres. `corridor`: from the middle of a street to the façades, as in `City`; nothing but signs stands
    in it. `road`: half the width of the roads, the rest is pavement."""

    corridor: float = 8.0
    road: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 < self.road < self.corridor:
            raise ValueError(f"Streets needs 0 < road < corridor, got road={self.road}, corridor={self.corridor}")

    def world(self, rng: np.random.Generator, graph: StreetGraph, landmarks: Landmarks | None = None) -> World:
        """The ground, an edge's road as `road_<node>_<node>`, `building_<n>`, and `landmark_<n>` of the category of its
        kind; the spawns are the panoramas in the graph's order, turned as they face. ValueError where neighbouring
        panoramas stand on one place: `spread` moves them apart."""
        if len(_crowded(street_edges(graph), graph.position)):
            raise ValueError(f"Streets needs neighbouring panoramas {APART} m apart: give spread(rng, graph)")
        ground = self._ground(graph)
        roads = self._roads(graph)
        houses = _houses(rng, graph, self.corridor + 0.5)
        spawns = tuple(
            Pose.at(x, y, 0.0, yaw) for (x, y), yaw in zip(graph.position.tolist(), graph.yaw.tolist(), strict=True)
        )
        return World((ground, *roads, *houses, *_signs(landmarks)), (), (DAY,), spawns, "streets")

    def _ground(self, graph: StreetGraph) -> Body:
        low, high = graph.position.min(axis=0) - MARGIN, graph.position.max(axis=0) + MARGIN
        (x, y), (width, depth) = ((low + high) / 2.0).tolist(), ((high - low) / 2.0).tolist()
        return Body("ground", "ground", (Shape("plane", (width, depth, 0.0), PAVEMENT),), Pose.at(x, y))

    def _roads(self, graph: StreetGraph) -> list[Body]:
        pairs = street_edges(graph)
        way = graph.position[pairs[:, 1]] - graph.position[pairs[:, 0]]
        ahead = np.arctan2(way[:, 1], way[:, 0])
        bends = [_bend(graph, node) for node in range(graph.nodes)]
        bodies = []
        for (a, b), length, yaw in zip(pairs.tolist(), np.hypot(*way.T).tolist(), ahead.tolist(), strict=True):
            parts = [
                _strip(length, self.road + wider, (self.road + wider) * bends[a], (self.road + wider) * bends[b], z, c)
                for wider, z, c in LAYERS
            ]
            parts += self._marks(length, graph.ways(a) > 2, graph.ways(b) > 2)
            x, y = graph.position[a].tolist()
            bodies.append(Body(f"road_{a}_{b}", "road", tuple(parts), Pose.at(x, y, 0.0, yaw)))
        return bodies

    def _marks(self, length: float, first: bool, last: bool) -> list[Shape]:
        """The line along the middle of a road, and two lines across it before each end that is a crossing."""
        before, after = (-self.road - WALK[-1] if crossing else 0.0 for crossing in (first, last))
        if length + before + after <= 0.0:
            return []
        places = [self.road + far for far in WALK if first] + [length - self.road - far for far in WALK if last]
        walks = [Shape("plane", (0.2, self.road - 0.2, 0.0), WHITE, pose=Pose((place, 0.0, 0.03))) for place in places]
        return [_strip(length, 0.12, before, after, 0.03, LINE), *walks]


def spread(rng: np.random.Generator, graph: StreetGraph) -> StreetGraph:
    """The graph with one end of every edge shorter than APART moved by less than 0.5 m, until none is so short:
    recorded graphs have edges of no length. Headings stay."""
    ends, position = street_edges(graph), graph.position.copy()
    while len(nodes := _crowded(ends, position)):
        for node in nodes:
            angle, far = between(rng, -math.pi, math.pi), between(rng, *JITTER)
            position[node] = graph.position[node] + (far * math.cos(angle), far * math.sin(angle))
    return replace(graph, position=position)


def _crowded(ends: np.ndarray, position: np.ndarray) -> list[int]:
    """The second node of every edge that is too short."""
    length = np.linalg.norm(position[ends[:, 1]] - position[ends[:, 0]], axis=1)
    return np.unique(ends[length < APART, 1]).tolist()


def near(world: World, x: float, y: float, radius: float) -> World:
    """The ground and the bodies whose middle is at most `radius` metres from a place."""
    kept = [b for b in world.bodies if b.category == "ground" or math.dist(b.pose.position[:2], (x, y)) <= radius]
    return replace(world, bodies=tuple(kept))


def views(
    backend: Rows, graph: StreetGraph, nodes: Sequence[int] | np.ndarray, yaw: np.ndarray, camera: Camera = EYE
) -> dict[str, np.ndarray]:
    """What is seen from P panoramas along V headings each, `yaw` (P, V) radians: {kind: (P, V, H, W, …)}.

    The backend has one row, in which the graph's world is loaded; its agent need not be there.
    """
    yaw = np.asarray(yaw, np.float64)
    if backend.batch != 1 or yaw.shape[:1] != (len(nodes),) or yaw.ndim != 2:
        raise ValueError(
            f"views needs a backend of one row and yaw ({len(nodes)}, V), got {backend.batch}, {yaw.shape}"
        )
    place = np.zeros((*yaw.shape, 3))
    place[..., :2] = graph.position[np.asarray(nodes)][:, None]
    eye, axes = camera_to_world(place.reshape(-1, 3), yaw.reshape(-1), camera.eye, camera.pitch)
    images = backend.view(eye[None], axes[None], camera, camera.kinds)
    return {kind: image.reshape(*yaw.shape, *image.shape[2:]) for kind, image in images.items()}


def _bend(graph: StreetGraph, node: int) -> float:
    """By how much of its width a road must be longer at a node to meet the others there."""
    way = graph.position[graph.neighbours(node)] - graph.position[node]
    if len(way) != 2:
        return 0.0 if len(way) < 2 else 1.0
    ahead = np.arctan2(way[:, 1], way[:, 0])
    bend = abs(math.remainder(float(ahead[1] - ahead[0]) - math.pi, 2.0 * math.pi))
    return min(1.0, math.tan(bend / 2.0))


def _strip(length: float, half_width: float, before: float, after: float, z: float, colour: Vector) -> Shape:
    """A flat strip along x from `before` metres before the origin to `after` metres behind `length`."""
    half = (length + before + after) / 2.0
    return Shape("plane", (half, half_width, 0.0), colour, pose=Pose((half - before, 0.0, z)))


def _houses(rng: np.random.Generator, graph: StreetGraph, setback: float) -> list[Body]:
    bodies, usual = [], storeys(rng)
    for number, lot in enumerate(lots(rng, graph, setback + PROUD)):
        usual = storeys(rng) if between(rng, 0.0, 1.0) < 0.2 else usual
        height = max(1, usual + round(between(rng, -2.0, 2.0)))
        parts = building(rng, lot.half_depth, lot.half_width, height)
        bodies.append(Body(f"building_{number}", "building", parts, Pose.at(lot.x, lot.y, 0.0, lot.facing)))
    return bodies


def _signs(landmarks: Landmarks | None) -> list[Body]:
    if landmarks is None:
        return []
    places = zip(landmarks.position.tolist(), landmarks.facing.tolist(), strict=True)
    poses = [Pose.at(x, y, 0.0, facing) for (x, y), facing in places]
    words = zip(landmarks.kind, landmarks.name, landmarks.colour, poses, strict=True)
    return [sign(number, *look) for number, look in enumerate(words)]
