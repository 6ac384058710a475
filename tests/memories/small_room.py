"""A room of boxes that is walked through, with exact rays and a detector that errs: for tests of scene graphs.

The detector reports a thing that three rays or more meet. It misses some, calls some by another name, and errs in
position; with perfect numbers it does none of that. Everything is drawn from the generator.
"""

from dataclasses import dataclass

import numpy as np

from loci.memories.maps.rays import Rays
from loci.memories.maps.scene_graph import SceneGraph
from loci.memories.maps.things import Detection

NAMES = ("cup", "bowl", "book", "apple", "bottle", "box")
WALLS = np.array([8.0, 6.0, 2.6])


@dataclass
class Errors:
    miss: float = 0.10
    swap: float = 0.05
    noise: float = 0.03
    numbered: bool = False


PERFECT = Errors(0.0, 0.0, 0.0, True)


class Room:
    """`centre` and `extent` (N, 3) of six tables and the things on them; `name` (N,)."""

    def __init__(self, rng: np.random.Generator, small: int = 24) -> None:
        spots = [(x, y) for x in (1.5, 4.0, 6.5) for y in (1.2, 4.8)]
        tables = [((x, y, 0.375), (1.2, 0.8, 0.75)) for x, y in spots]
        grid = [(x, y, dx, dy) for x, y in spots for dx in (-0.4, 0.0, 0.4) for dy in (-0.22, 0.22)]
        width = rng.uniform(0.08, 0.2, (small, 3))
        things = [
            ((x + dx, y + dy, 0.75 + w[2] / 2), tuple(w))
            for (x, y, dx, dy), w in zip([grid[n] for n in rng.permutation(len(grid))[:small]], width, strict=True)
        ]
        self.centre = np.array([place for place, _ in tables + things], float)
        self.extent = np.array([wide for _, wide in tables + things], float)
        self.name = ["table"] * 6 + [str(name) for name in rng.choice(NAMES, small)]

    def remove(self, number: int) -> None:
        """Take a thing out of the room."""
        self.centre[number] = (0.0, 0.0, -50.0)

    def swap(self, one: int, other: int) -> None:
        """Let two things change places."""
        self.centre[[one, other], :2] = self.centre[[other, one], :2]
        for n in (one, other):
            self.centre[n, 2] = 0.75 + self.extent[n, 2] / 2

    def cast(self, eye: np.ndarray, yaw: float, rows: int = 36, columns: int = 48) -> tuple[np.ndarray, np.ndarray]:
        """Ends of rays (P, 3) and what they meet (P,), -1 for a wall; 90° wide, 65° high, looking down by 25°."""
        pan, tilt = np.meshgrid(yaw + np.linspace(-0.785, 0.785, columns), -0.43 + np.linspace(-0.567, 0.567, rows))
        way = np.stack([np.cos(tilt) * np.cos(pan), np.cos(tilt) * np.sin(pan), np.sin(tilt)], -1).reshape(-1, 3)
        with np.errstate(divide="ignore", invalid="ignore"):
            wall = np.maximum((WALLS - eye) / way, -eye / way).min(1)
            low = (self.centre - self.extent / 2 - eye)[None] / way[:, None]
            high = (self.centre + self.extent / 2 - eye)[None] / way[:, None]
        enter, leave = np.minimum(low, high).max(2), np.maximum(low, high).min(2)
        far = np.where((enter < leave) & (enter > 0), enter, np.inf)
        first = far.argmin(1)
        nearest = far[np.arange(len(way)), first]
        met = np.where(nearest < wall, first, -1)
        return eye + np.minimum(nearest, wall)[:, None] * way, met

    def look(
        self, eye: np.ndarray, yaw: float, errors: Errors, rng: np.random.Generator
    ) -> tuple[list[Detection], Rays, list[int]]:
        """What is detected, the rays, and which thing each detection truly is."""
        points, met = self.cast(eye, yaw)
        number, rays = np.unique(met[met >= 0], return_counts=True)
        seen = [n for n in number[rays >= 3].tolist() if rng.random() >= errors.miss]
        return [self._detection(n, errors, rng) for n in seen], Rays(eye, points, least=1), seen

    def _detection(self, number: int, errors: Errors, rng: np.random.Generator) -> Detection:
        name, place = self.name[number], self.centre[number] + rng.normal(0.0, 1.0, 3) * errors.noise
        if name != "table" and rng.random() < errors.swap:
            name = str(rng.choice([other for other in NAMES if other != name]))
        wide = tuple(self.extent[number].tolist())
        return Detection(name, tuple(place.tolist()), wide, number if errors.numbered else None, 0.9)


def walk(
    room: Room, graph: SceneGraph, errors: Errors, rng: np.random.Generator, looks: int, begin: float = 0.0
) -> dict[int, list[int]]:
    """Go round the room and look about. Of each thing the keys it was given, one a look."""
    keys: dict[int, list[int]] = {}
    for look in range(looks):
        turn = 2 * np.pi * look / 40
        eye = np.array([4.0 + 2.6 * np.cos(turn), 3.0 + 0.5 * np.sin(turn), 1.5])
        detections, rays, truth = room.look(eye, 2.4 * look, errors, rng)
        found = graph.observe(begin + 0.5 * look, tuple(eye.tolist()), detections, rays.free)
        for number, key in zip(truth, found, strict=True):
            keys.setdefault(number, []).append(key)
    return keys


def score(room: Room, graph: SceneGraph, within: float = 0.25) -> tuple[int, int, int]:
    """Things of the room that are known under their name and where they are (one to one, nearest first), all things of
    the room, and all that are known."""
    here = [n for n in range(len(room.name)) if room.centre[n, 2] > 0]
    near = sorted(
        (float(np.linalg.norm(graph.things[key].position - room.centre[n])), n, key)
        for n in here
        for key in graph.known()
        if graph.things[key].label == room.name[n]
    )
    right: dict[int, int] = {}
    for apart, n, key in near:
        if apart <= within and n not in right and key not in right.values():
            right[n] = key
    return len(right), len(here), len(graph.known())


def lived(seed: int = 0) -> tuple[SceneGraph, Room]:
    """A graph with all that can be in one: areas, ways, states, a correction, things gone and unconfirmed."""
    rng = np.random.default_rng(seed)
    room, graph = Room(rng, small=10), SceneGraph(40, 8, 64)
    floor = graph.add_floor("ground <&> first")
    areas = [
        graph.add_area(name, floor, (x, 3.0, 0.0), rng.uniform(0, 6, (5, 3))) for name, x in (("a", 1.0), ("b", 6.0))
    ]
    graph.connect(0.0, *areas, 5.25)
    walk(room, graph, Errors(), rng, 14, begin=1.0)
    graph.correct(20.0, graph.known()[0], states={"full": True, "filled": "tea", "warmth": 0.1})
    graph.correct(21.0, graph.known()[1], gone=True, since=19.0)
    return graph, room
