"""The ring of stations around the middle of a room on which the objects of word-learning tasks stand."""

import math
from dataclasses import dataclass

import numpy as np

from loci.sim.world import Body, Pose


@dataclass(frozen=True)
class Ring:
    """`stations` equally spaced directions, `radius` metres from the middle; angles are jittered by `jitter` radians."""

    stations: int = 8
    radius: float = 1.6
    jitter: float = math.radians(5.0)

    @property
    def spacing(self) -> float:
        """Radians between neighbours, and the angle of one turn of the agent."""
        return 2.0 * math.pi / self.stations

    def stand(self, bodies: list[Body], rng: np.random.Generator) -> tuple[tuple[Body, ...], Pose]:
        """The bodies at different random stations, each turned at random, and the agent's pose in the middle, facing
        one of the stations."""
        if len(bodies) > self.stations:
            raise ValueError(f"{len(bodies)} objects do not fit on {self.stations} stations")
        phase = rng.uniform(0.0, self.spacing)
        angles = phase + self.spacing * rng.choice(self.stations, len(bodies), replace=False)
        angles = angles + rng.uniform(-self.jitter, self.jitter, len(bodies))
        radii = self.radius + rng.uniform(-0.08, 0.08, len(bodies))
        turns = rng.uniform(-math.pi, math.pi, len(bodies))
        table = zip(bodies, angles.tolist(), radii.tolist(), turns.tolist(), strict=True)
        placed = [_at(body, r * math.cos(a), r * math.sin(a), turn) for body, a, r, turn in table]
        yaw = phase + self.spacing * rng.integers(self.stations) + rng.uniform(-1.0, 1.0) * 0.6 * self.jitter
        x, y = rng.uniform(-0.05, 0.05, 2).tolist()
        return tuple(placed), Pose.at(x, y, 0.0, float(yaw))


def _at(body: Body, x: float, y: float, yaw: float) -> Body:
    return Body(body.name, body.category, body.parts, Pose.at(x, y, 0.0, yaw), body.mass)
