"""What the agent can pick up: a hand must reach the body, in front of the agent and with nothing in between."""

import math

from loci.sim.backends.pybullet.base import AGENT, HAND
from loci.sim.backends.pybullet.engine import bullet, xyzw
from loci.sim.backends.pybullet.simulation import Simulation, pose_of
from loci.sim.backends.rows import CARRY, RAISED
from loci.sim.pose import Pose, Vector

FRONT = math.radians(60.0)
"""Half of the angle in front of the agent in which it can grasp."""
SHOULDERS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the agent's height from which a hand also gets over edges and under tops."""
TOUCH = 1e-3
"""Metres by which a body may lie in something fixed where it is carried."""


def take(simulation: Simulation, index: int, reach: float, height: float) -> bool:
    """Carry a body if a hand of `reach` metres can touch it and there is room for it in front, or above; else change
    nothing."""
    agent, solid = simulation.agent(), simulation.solids[index]
    if not solid.free or not reaches(simulation, index, reach, height):
        return False
    for offset in (CARRY, RAISED):
        if not blocked(simulation, index, agent @ Pose(offset)):
            simulation.place(index, agent @ Pose(offset))
            simulation.grip(index, offset)
            return True
    return False


def reaches(simulation: Simulation, index: int, reach: float, height: float) -> bool:
    """Whether a hand that starts in the agent's axis can touch a body: straight, from as high as the middle of the body
    or from a shoulder, or from above, at the agent's full height."""
    solid, (x, y, z) = simulation.solids[index], simulation.agent().position
    middle = pose_of(simulation.poses[index]).point(solid.centre)[2]
    heights = [min(max(middle, z), z + height), *(z + share * height for share in SHOULDERS)]
    return any(_touches(simulation, (x, y, start), solid.number, reach, z + height) for start in heights)


def _touches(simulation: Simulation, shoulder: Vector, number: int, reach: float, top: float) -> bool:
    points = bullet.getClosestPoints(
        -1, number, reach, collisionShapeA=simulation.base.hand, collisionShapePositionA=shoulder,
        physicsClientId=simulation.client,
    )  # fmt: skip
    if not points:
        return False
    goal = min(points, key=lambda point: point[8])[6]
    forward, left, _ = simulation.agent().inverse().point(goal)
    if abs(math.atan2(left, forward)) > FRONT or math.dist(shoulder, goal) > reach:
        return False
    start, above = (shoulder[0], shoulder[1], top), (goal[0], goal[1], top)
    over = _free(simulation, start, above, number) and _free(simulation, above, goal, number)
    return over or _free(simulation, shoulder, goal, number)


def _free(simulation: Simulation, start: Vector, goal: Vector, number: int) -> bool:
    """Whether the first thing on the way, and a little further, is the body itself."""
    length = math.dist(start, goal)
    end = tuple(g + 2.0 * HAND * (g - s) / max(length, HAND) for s, g in zip(start, goal, strict=True))
    hit = bullet.rayTestBatch([start], [end], collisionFilterMask=~AGENT, physicsClientId=simulation.client)[0][0]
    return hit in (number, -1)


def blocked(simulation: Simulation, index: int, pose: Pose) -> bool:
    """Whether a body would lie in something fixed if it were there."""
    query = {
        "collisionShapeA": simulation.solids[index].shape,
        "collisionShapePositionA": pose.position,
        "collisionShapeOrientationA": xyzw(pose),
        "physicsClientId": simulation.client,
    }
    fixed = [solid.number for solid in simulation.solids if not solid.free]
    return any(p[8] < -TOUCH for number in fixed for p in bullet.getClosestPoints(-1, number, 0.0, **query))
