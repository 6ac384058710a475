"""All stances of a street graph and where every move leads, as tables: a step of an agent is one look-up.

The same rules as street_moves.py, which says what they are and which the tests compare. E edges; stance 2 e stands at
the source of edge e, turned to it; stance 2 e + 1 has just come along e to its target. There are S = 2 E, and no others
can be reached. K: the most edges that leave one node.
"""

from dataclasses import dataclass

import numpy as np

from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_moves import TIE, Move, Stance, step

FAR = 100
"""More moves than any turn takes."""


@dataclass(frozen=True, eq=False)
class Stances:
    """`after`: (S, 5) the stance after each of `Move`. `node`, `heading`: (S,). `toward`: (S, K) the first of the
    fewest moves to the target of each edge of the node, in the graph's order of them; -1 past the last."""

    after: np.ndarray
    node: np.ndarray
    heading: np.ndarray
    toward: np.ndarray

    def moves(self, graph: StreetGraph, stance: int, target: int) -> list[tuple[int, int]]:
        """The moves that lead to a neighbour, each with the stance after it."""
        taken: list[tuple[int, int]] = []
        while self.node[stance] != target:
            edges = graph.edges(int(self.node[stance]))
            slot = next(slot for slot, edge in enumerate(edges) if graph.target[edge] == target)
            move = int(self.toward[stance, slot])
            stance = int(self.after[stance, move])
            taken.append((move, stance))
        return taken


def nearest_facing(graph: StreetGraph, node: int, heading: float) -> int:
    """The stance of `street_moves.begin`. ValueError where no edge leaves the node."""
    if graph.first[node] == graph.first[node + 1]:
        raise ValueError(f"no edge leaves {graph.names[node]!r}: nobody can begin there")
    return 2 * int(_nearest(graph, np.array([node]), np.array([heading]))[0])


def tabulate(graph: StreetGraph) -> Stances:
    """The tables of a graph."""
    node = np.stack([graph.source, graph.target], axis=1).reshape(-1)
    heading = np.repeat(graph.heading, 2)
    after = _after(graph, node, heading)
    return Stances(after.astype(np.int32), node.astype(np.int32), heading, _toward(graph, node, after))


def _after(graph: StreetGraph, node: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """Along streets for all stances at once; across intersections one by one, as there are few."""
    stay = np.arange(len(node))
    after = np.stack([stay] * len(Move), axis=1)
    leave = np.diff(graph.first)[node] > 0
    after[leave, Move.TURN_AROUND] = 2 * _nearest(graph, node[leave], heading[leave] + np.pi)
    around, _ = graph.around
    ways = np.diff(around)[node]
    street = np.flatnonzero(leave & (ways <= 2))
    onward = _nearest(graph, node[street], heading[street])
    came_back = (street % 2 == 1) & (ways[street] == 1) & (graph.target[onward] == graph.source[street // 2])
    for move in (Move.FORWARD, Move.LEFT, Move.RIGHT):
        after[street, move] = np.where(came_back, street, 2 * onward + 1)
        for stance in np.flatnonzero(leave & (ways > 2)).tolist():
            after[stance, move] = _number(graph, _stance(graph, stance), move)
    return after


def _stance(graph: StreetGraph, number: int) -> Stance:
    edge, arrived = divmod(number, 2)
    source, heading = int(graph.source[edge]), float(graph.heading[edge])
    return Stance(int(graph.target[edge]), heading, source) if arrived else Stance(source, heading)


def _number(graph: StreetGraph, before: Stance, move: Move) -> int:
    """The number of the stance after a move across an intersection."""
    found = step(graph, before, move)
    edge = next(edge for edge in graph.edges(before.node) if graph.heading[edge] == found.heading)
    return 2 * edge + (found.came_from is not None)


def _nearest(graph: StreetGraph, node: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """The edge of each node that is nearest to a heading; of equally near ones the first."""
    most = int(np.diff(graph.first).max(initial=1))
    edges = graph.first[node][:, None] + np.arange(most)
    there = edges < graph.first[node + 1][:, None]
    away = graph.heading[np.where(there, edges, 0)] - heading[:, None]
    away = np.abs((away + np.pi + TIE) % (2.0 * np.pi) - np.pi - TIE)
    best = np.where(there, np.rint(away / TIE), np.inf).argmin(axis=1)
    return np.asarray(graph.first[node] + best)


def _toward(graph: StreetGraph, node: np.ndarray, after: np.ndarray) -> np.ndarray:
    """By rounds: a target is as many moves away as from the stance after the best move, and one."""
    most = int(np.diff(graph.first).max(initial=1))
    edges = graph.first[node][:, None] + np.arange(most)
    there = edges < graph.first[node + 1][:, None]
    target = np.where(there, graph.target[np.where(there, edges, 0)], -1)
    walks = after[:, : Move.STOP]
    moved = node[walks] != node[:, None]
    arrives = (node[walks][:, :, None] == target[:, None, :]) & moved[:, :, None]
    reach = np.full(target.shape, FAR, np.int16)
    while True:
        onward = np.where(moved[:, :, None], FAR, 1 + np.minimum(reach[walks], FAR - 1))
        costs = np.where(arrives, 1, onward).astype(np.int16)
        if np.array_equal(costs.min(axis=1), reach):
            return np.where(there, costs.argmin(axis=1), -1).astype(np.int8)
        reach = costs.min(axis=1)
