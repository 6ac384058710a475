"""A scene graph that lives through the trajectories of a room of ALFRED: does it hold the right place of each thing?

The robot looks when it arrives and after all it does. It sees what lies within `reach` metres on the ground, without
occlusion and through doors, and finds a place free where no thing covers its middle. Nothing has a number: whether a
thing is one that it knows, the graph must find out. The files do not tell how large things are; each class has a size
of its own, a cube of 5 to 30 cm.

Between two trajectories of a room everything is laid out anew, as if months had gone by, and the graph that lives
through all of them is not told. A fresh graph knows one trajectory only.

After each trajectory, of the things that lie somewhere (not in the hand): `right`, the share for which the graph knows
one of the class within NEAR metres, each for one thing only; `seen`, the same of those that were in view since they
came to rest; `handled`, of those that the robot put down; `stale`, how many known things are where there is no such
thing; `table`, the same share as `right` for a table of the place where each class was seen last.
"""

import math
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b

import numpy as np
from scipy.optimize import linear_sum_assignment

from loci.memories.maps.scene_graph import SceneGraph
from loci.memories.maps.things import Detection, Senses
from loci.sim.worlds.alfred import Point, Trajectory
from loci.sim.worlds.alfred_replay import Replay

NEAR, ABOVE, BESIDE = 0.5, 0.1, 0.15
"""Metres: a right place, how far above a holder's place things lie, and between two that the files put on one point."""
SENSES = Senses(hit=0.99, false=0.001, noise=0.02)
EYES = 1.5


@dataclass
class Tally:
    """Counts over trajectories."""

    there: int = 0
    right: int = 0
    in_view: int = 0
    seen: int = 0
    put: int = 0
    handled: int = 0
    known: int = 0
    stale: int = 0
    table: int = 0
    trajectories: int = 0
    looks: int = 0

    def shares(self) -> dict[str, float]:
        return {
            "right": round(self.right / max(self.there, 1), 4),
            "seen": round(self.seen / max(self.in_view, 1), 4),
            "handled": round(self.handled / max(self.put, 1), 4),
            "table": round(self.table / max(self.there, 1), 4),
            "stale": round(self.stale / max(self.trajectories, 1), 2),
            "things": round(self.there / max(self.trajectories, 1), 2),
            "trajectories": self.trajectories,
            "looks": self.looks,
        }


@dataclass
class Life:
    """One robot in one room."""

    reach: float
    graph: SceneGraph = field(default_factory=lambda: SceneGraph(things=128, areas=1, cells=1, senses=SENSES))
    time: float = 0.0
    table: dict[str, Point] = field(default_factory=dict)

    def live(self, trajectory: Trajectory, tally: Tally) -> None:
        """One trajectory, and what is known after it."""
        replay, put = Replay(trajectory, above=ABOVE), set[int]()
        seen = self._look(replay, tally)
        for event in replay.events():
            if event.thing is not None:
                seen.discard(event.thing)
                put |= {event.thing} if event.what == "put" else set()
            seen |= self._look(replay, tally)
        self._judge(replay, seen, put, tally)

    def _look(self, replay: Replay, tally: Tally) -> set[int]:
        """Numbers of the things in view."""
        places = lying(replay)
        here = np.array([replay.stand.x, replay.stand.y])
        view = {n: p for n, p in places.items() if math.dist(p[:2], here) <= self.reach}
        middles = np.array(list(places.values()), float).reshape(-1, 3)
        sizes = np.array([width(replay.items[n].kind) for n in places])[:, None]

        def free(centres: np.ndarray, _: np.ndarray) -> np.ndarray:
            near = np.linalg.norm(centres[:, :2] - here, axis=1) <= self.reach
            clash = (np.abs(centres[:, None] - middles[None]) < sizes / 2.0).all(axis=2)
            return near & ~clash.any(axis=1)

        self.time += 1.0
        tally.looks += 1
        found = [Detection(replay.items[n].kind, p, (width(replay.items[n].kind),) * 3) for n, p in view.items()]
        self.graph.observe(self.time, (*here.tolist(), EYES), found, free)
        self.table |= {one.category: one.position for one in found}
        return set(view)

    def _judge(self, replay: Replay, seen: set[int], put: set[int], tally: Tally) -> None:
        places, known = lying(replay), [self.graph.thing(key) for key in self.graph.known()]
        right = matched([(replay.items[n].kind, p) for n, p in places.items()], [(t.label, t.position) for t in known])
        good = {n for n, is_right in zip(places, right, strict=True) if is_right}
        tally.there, tally.right = tally.there + len(places), tally.right + len(good)
        tally.in_view, tally.seen = tally.in_view + len(seen & set(places)), tally.seen + len(seen & good)
        tally.put, tally.handled = tally.put + len(put & set(places)), tally.handled + len(put & good)
        tally.known, tally.stale = tally.known + len(known), tally.stale + len(known) - len(good)
        tally.trajectories += 1
        last = [(self.table.get(replay.items[n].kind), place) for n, place in places.items()]
        tally.table += sum(held is not None and math.dist(held, place) <= NEAR for held, place in last)


@cache
def width(kind: str) -> float:
    """Metres."""
    return 0.05 * 6.0 ** (blake2b(kind.encode(), digest_size=1).digest()[0] / 255.0)


def lying(replay: Replay) -> dict[int, Point]:
    """Places of all that is not held, what shares a point laid side by side."""
    found: dict[int, Point] = {}
    shared: dict[Point, int] = {}
    for number in sorted(replay.items):
        if number != replay.held:
            x, y, z = (round(value, 3) for value in replay.place(number))
            rank = shared[x, y, z] = shared.get((x, y, z), -1) + 1
            found[number] = (x + BESIDE * rank, y, z)
    return found


def matched(true: list[tuple[str, Point]], known: list[tuple[str, np.ndarray]]) -> list[bool]:
    """Which true things have a known one of their class within NEAR, each known one for one."""
    found = [False] * len(true)
    for kind in {kind for kind, _ in true}:
        mine, theirs = [n for n, one in enumerate(true) if one[0] == kind], [p for label, p in known if label == kind]
        if theirs:
            far = np.array([[math.dist(true[n][1], place) for place in theirs] for n in mine])
            for row, column in zip(*linear_sum_assignment(np.minimum(far, 10.0 * NEAR)), strict=True):
                found[mine[row]] = bool(far[row, column] <= NEAR)
    return found


def lives(rooms: dict[str, list[Trajectory]], reach: float, most: int, fresh: bool = False) -> dict[str, float]:
    """The first `most` trajectories of each room. Bytes are those of one graph, full; facts those at the end of one."""
    tally, graphs = Tally(), []
    for trajectories in rooms.values():
        life = Life(reach)
        for one in trajectories[:most]:
            life = Life(reach) if fresh else life
            life.live(one, tally)
        graphs.append(life.graph)
    facts = round(float(np.mean([len(graph.facts) for graph in graphs])), 1)
    return tally.shares() | {"rooms": len(rooms), "bytes": graphs[0].nbytes, "facts": facts}
