"""Walking a street graph by five actions: forward, left, right, turn around, stop.

After the navigator of VELMA (Schumann et al. 2024, arXiv 2307.06082, its public code). The state is a panorama, a
heading, and the panorama from which the agent has just come. Along a street left and right mean forward. At an
intersection forward takes the middle of the ways ahead, of an even number the middle one nearer to the heading; the
way back is none of them. Left and right turn to the next way on that side and stay; the next forward takes it.
Differs from VELMA: at a dead end any forward stays until the agent turns around, where VELMA ends the episode; ways
are counted in both directions, so that a one-way street is no dead end.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from loci.sim.worlds.street_graph import StreetGraph

TIE = 1e-9
"""Angles closer than this are equal, radians."""


class Move(IntEnum):
    """What an agent can do."""

    FORWARD = 0
    LEFT = 1
    RIGHT = 2
    TURN_AROUND = 3
    STOP = 4


@dataclass(frozen=True)
class Stance:
    """Where an agent stands: node, heading in radians counter-clockwise from east, and the node from which its last
    action brought it, None where that action did not move it."""

    node: int
    heading: float
    came_from: int | None = None


def begin(graph: StreetGraph, node: int, heading: float) -> Stance:
    """At a node, turned to the edge nearest to a heading: recorded start headings are seldom those of edges."""
    headings = [float(graph.heading[edge]) for edge in graph.edges(node)]
    return Stance(node, _nearest(heading, headings or [heading]))


def step(graph: StreetGraph, stance: Stance, move: Move | int) -> Stance:
    """The stance after an action, 0..4 of Move; stop changes nothing. A node without out-edges is never left."""
    move = Move(move)
    edges = list(graph.edges(stance.node))
    if move is Move.STOP or not edges:
        return stance
    if move is Move.TURN_AROUND:
        return Stance(stance.node, _nearest(stance.heading + math.pi, [float(graph.heading[e]) for e in edges]))
    if graph.ways(stance.node) <= 2:
        return _along(graph, stance, edges)
    return _across(graph, stance, edges, move)


def intersection(graph: StreetGraph, node: int) -> int:
    """The number of ways where there are more than two, otherwise 0: what an agent is told of the place."""
    ways = graph.ways(node)
    return ways if ways > 2 else 0


def moves_to(graph: StreetGraph, stance: Stance, node: int) -> list[Move]:
    """The fewest actions whose last is a forward to a neighbour; earlier members of `Move` win ties.

    Raises ValueError where no turn and forward leads there.
    """
    queue: deque[tuple[Stance, tuple[Move, ...]]] = deque([(stance, ())])
    met = {stance}
    while queue:
        here, moves = queue.popleft()
        for move in (Move.FORWARD, Move.LEFT, Move.RIGHT, Move.TURN_AROUND):
            there = step(graph, here, move)
            if there.node == node:
                return [*moves, move]
            if there.node == stance.node and there not in met:
                met.add(there)
                queue.append((there, (*moves, move)))
    raise ValueError(f"no action leads from {graph.names[stance.node]!r} to {graph.names[node]!r}")


def route_moves(graph: StreetGraph, stance: Stance, route: Sequence[int]) -> list[Move]:
    """The actions that walk a route from a stance at its first node, ending with stop."""
    if not route or route[0] != stance.node:
        raise ValueError(f"the route must begin at node {stance.node}, where the agent stands, got {list(route[:1])}")
    moves: list[Move] = []
    for node in route[1:]:
        found = moves_to(graph, stance, node)
        for move in found:
            stance = step(graph, stance, move)
        moves += found
    return [*moves, Move.STOP]


def walk(graph: StreetGraph, stance: Stance, moves: Iterable[Move]) -> list[int]:
    """The nodes that an agent visits, the first included, until it stops or the actions end."""
    path = [stance.node]
    for move in moves:
        if move is Move.STOP:
            break
        stance = step(graph, stance, move)
        if stance.node != path[-1]:
            path.append(stance.node)
    return path


def _along(graph: StreetGraph, stance: Stance, edges: list[int]) -> Stance:
    """Forward on a street: the edge nearest to the heading; an agent that has just reached a dead end stays."""
    heading = _nearest(stance.heading, [float(graph.heading[edge]) for edge in edges])
    target = _target(graph, edges, heading)
    if graph.ways(stance.node) == 1 and target == stance.came_from:
        return stance
    return Stance(target, heading, stance.node)


def _across(graph: StreetGraph, stance: Stance, edges: list[int], move: Move) -> Stance:
    """At an intersection; headings in `ahead` run from left to right."""
    everywhere = [float(graph.heading[edge]) for edge in edges]
    if move is Move.FORWARD and stance.heading in everywhere:
        return Stance(_target(graph, edges, stance.heading), stance.heading, stance.node)
    others = [float(graph.heading[edge]) for edge in edges if graph.target[edge] != stance.came_from]
    ahead = sorted(others or everywhere, key=lambda heading: -_turn(stance.heading, heading))
    if stance.came_from is None:
        forward = _nearest(stance.heading, everywhere)
    else:
        forward = _nearest(stance.heading, ahead[(len(ahead) - 1) // 2 : len(ahead) // 2 + 1])
    if move is Move.FORWARD:
        return Stance(_target(graph, edges, forward), forward, stance.node)
    if stance.came_from is not None and len(ahead) == 2:
        return Stance(stance.node, ahead[0 if move is Move.LEFT else 1])
    side = 1.0 if move is Move.LEFT else -1.0
    turned = [heading for heading in ahead if heading != forward] or ahead
    return Stance(stance.node, min(turned, key=lambda heading: side * (heading - forward) % (2.0 * math.pi)))


def _target(graph: StreetGraph, edges: list[int], heading: float) -> int:
    return next(int(graph.target[edge]) for edge in edges if graph.heading[edge] == heading)


def _turn(before: float, after: float) -> float:
    """From one heading to another, positive to the left; straight back counts as right, as -pi."""
    return (after - before + math.pi + TIE) % (2.0 * math.pi) - math.pi - TIE


def _nearest(heading: float, headings: Sequence[float]) -> float:
    """Of equally near headings the first."""
    return min(headings, key=lambda other: round(abs(_turn(heading, other)) / TIE))
