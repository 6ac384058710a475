"""The ring of stations around the middle of a room on which the objects of word-learning tasks stand."""

import math
from dataclasses import dataclass, replace

import numpy as np

from loci.sim.world import Body, Pose


@dataclass(frozen=True)
class Ring:
    """Equally spaced directions, at least `stations` of them and one a body, `radius` metres from the middle; angles
    are jittered by `jitter` radians."""

    stations: int = 5
    radius: float = 1.6
    jitter: float = math.radians(5.0)

    def spacing(self, bodies: int) -> float:
        """Radians between neighbours when so many bodies stand on the ring: one turn of the agent."""
        return 2.0 * math.pi / max(self.stations, bodies)

    def stand(self, bodies: list[Body], rng: np.random.Generator) -> tuple[tuple[Body, ...], Pose]:
        """The bodies at different random stations, each turned at random, and the agent's pose in the middle, facing
        one of the stations."""
        count, spacing = max(self.stations, len(bodies)), self.spacing(len(bodies))
        phase = rng.uniform(0.0, spacing)
        angles = phase + spacing * rng.choice(count, len(bodies), replace=False)
        angles = angles + rng.uniform(-self.jitter, self.jitter, len(bodies))
        radii = self.radius + rng.uniform(-0.08, 0.08, len(bodies))
        turns = rng.uniform(-math.pi, math.pi, len(bodies))
        table = zip(bodies, angles.tolist(), radii.tolist(), turns.tolist(), strict=True)
        placed = [_at(body, r * math.cos(a), r * math.sin(a), turn) for body, a, r, turn in table]
        yaw = phase + spacing * rng.integers(count) + rng.uniform(-0.6, 0.6) * self.jitter
        x, y = rng.uniform(-0.05, 0.05, 2).tolist()
        return tuple(placed), Pose.at(x, y, 0.0, float(yaw))


def _at(body: Body, x: float, y: float, yaw: float) -> Body:
    return replace(body, pose=Pose.at(x, y, 0.0, yaw))
