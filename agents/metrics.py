"""How well a path was walked: metrics of street navigation on a graph and of indoor navigation in metres.

T: positions of the agent's path, R: of the reference path, D: axes. Sources: ORAR (Schumann & Riezler 2022, arXiv
2203.13838, its public code), VELMA (Schumann et al. 2024, arXiv 2307.06082), Chen et al. 2019 (arXiv 1811.12354),
Ilharco et al. 2019 (arXiv 1907.05446), Anderson et al. 2018 (arXiv 1807.06757), VLN-CE (Krantz et al. 2020, arXiv
2004.02857). Three forms of nDTW are in use that cannot be compared: always say which, with its threshold.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from loci.sim.worlds.street_graph import StreetGraph

HOPS = 2.0
"""Threshold of the street nDTW, panoramas."""
RADIUS = 3.0
"""Threshold of the indoor success and nDTW, metres."""


def task_completion(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> bool:
    """TC: the path stops at the goal or one panorama beside it, whatever the metres (Touchdown's rule).

    Neighbours count in both directions of an edge.
    """
    _check_paths(path, reference)
    return path[-1] == reference[-1] or path[-1] in graph.neighbours(reference[-1])


def shortest_path_distance(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> float:
    """SPD: fewest edges from the stop to the goal, one-ways obeyed (VELMA), hops; inf where none leads there."""
    _check_paths(path, reference)
    return float(graph.hops(reference[-1])[path[-1]])


def success_edit_distance(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> float:
    """SED = TC (1 - edit(path, reference) / max(|path|, |reference|)), 0..1 (Chen et al. 2019)."""
    if not task_completion(graph, path, reference):
        return 0.0
    return 1.0 - edit_distance(path, reference) / max(len(path), len(reference))


def key_point_accuracy(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> float:
    """KPA: share of right decisions at the start, at each intersection of the reference, and at its end (VELMA), 0..1.

    Right is to leave a key point, at the first visit, for the panorama that follows it in the reference; at the end, to
    stop there or one panorama beside it. A key point that was not visited counts as wrong. The paper defines it in
    words only; the first visit and the neighbour are our reading.
    """
    stopped = task_completion(graph, path, reference)
    visits: dict[int, int] = {}
    for number, node in enumerate(path[:-1]):
        visits.setdefault(node, path[number + 1])
    keys = [i for i, node in enumerate(reference[:-1]) if i == 0 or graph.ways(node) > 2]
    right = sum(visits.get(reference[i]) == reference[i + 1] for i in keys)
    return (right + stopped) / (len(keys) + 1)


def hop_costs(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> Float[np.ndarray, "T R"]:
    """Hops between all panoramas of two paths, one-ways ignored as in ORAR; inf where the graph is not connected."""
    _check_paths(path, reference)
    columns = {node: graph.hops(node, directed=False)[np.asarray(path)] for node in set(reference)}
    return np.stack([columns[node] for node in reference], axis=1)


def street_metrics(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> dict[str, float]:
    """All street metrics of a path of panoramas: tc, spd (hops), sed, kpa, ndtw_orar, ndtw (threshold HOPS)."""
    costs = hop_costs(graph, path, reference)
    return {
        "tc": float(task_completion(graph, path, reference)),
        "spd": shortest_path_distance(graph, path, reference),
        "sed": success_edit_distance(graph, path, reference),
        "kpa": key_point_accuracy(graph, path, reference),
        "ndtw_orar": ndtw_orar(costs),
        "ndtw": ndtw(costs, HOPS),
    }


def navigation_error(goal_distance: Sequence[float]) -> float:
    """NE: geodesic metres from the last position to the goal, of those from every position of the path."""
    if len(goal_distance) == 0:
        raise ValueError("goal_distance needs the distance at every position of the path, got none")
    return float(goal_distance[-1])


def success(goal_distance: Sequence[float], stopped: bool, radius: float = RADIUS) -> bool:
    """SR: stop was called less than `radius` metres from the goal: stopped and NE < radius (VLN-CE)."""
    return stopped and navigation_error(goal_distance) < radius


def oracle_success(goal_distance: Sequence[float], radius: float = RADIUS) -> bool:
    """OSR: the agent was ever less than `radius` metres from the goal, stop or not."""
    return navigation_error(goal_distance) < radius or min(goal_distance) < radius


def success_by_path_length(
    path: Float[np.ndarray, "T D"], goal_distance: Sequence[float], stopped: bool, radius: float = RADIUS
) -> float:
    """SPL = S l / max(p, l), 0..1: l geodesic metres at the start, p metres walked (Anderson et al. 2018)."""
    if not success(goal_distance, stopped, radius):
        return 0.0
    walked = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    longer = max(walked, float(goal_distance[0]))
    return float(goal_distance[0]) / longer if longer > 0.0 else 1.0


def metre_costs(path: Float[np.ndarray, "T D"], reference: Float[np.ndarray, "R D"]) -> Float[np.ndarray, "T R"]:
    """Euclidean metres between all positions of two paths. VLN-CE leaves out positions that repeat the one before."""
    return np.linalg.norm(path[:, None] - reference[None], axis=2)


def indoor_metrics(
    path: Float[np.ndarray, "T D"],
    goal_distance: Sequence[float],
    reference: Float[np.ndarray, "R D"],
    stopped: bool,
    radius: float = RADIUS,
) -> dict[str, float]:
    """All indoor metrics: ne (metres), sr, osr, spl, ndtw, sdtw. `goal_distance`: (T,) geodesic metres."""
    if len(goal_distance) != len(path):
        raise ValueError(f"goal_distance needs one value for each of {len(path)} positions, got {len(goal_distance)}")
    moved = np.concatenate([[True], (np.diff(path, axis=0) != 0.0).any(axis=1)])
    likeness, reached = ndtw(metre_costs(path[moved], reference), radius), success(goal_distance, stopped, radius)
    return {
        "ne": navigation_error(goal_distance),
        "sr": float(reached),
        "osr": float(oracle_success(goal_distance, radius)),
        "spl": success_by_path_length(path, goal_distance, stopped, radius),
        "ndtw": likeness,
        "sdtw": sdtw(likeness, reached),
    }


def ndtw(costs: Float[np.ndarray, "T R"], threshold: float) -> float:
    """nDTW = exp(-DTW / (threshold R)), 0..1: the standard form (Ilharco et al. 2019); threshold in the unit of
    the costs."""
    return math.exp(-dtw(costs) / (threshold * costs.shape[1]))


def ndtw_orar(costs: Float[np.ndarray, "T R"], threshold: float = HOPS) -> float:
    """nDTW = exp(-DTW / (threshold sqrt(R))), 0..1, costs in hops: the form of ORAR's code. Published outdoor values
    seem to follow it; for long paths it is far stricter than the standard form."""
    return math.exp(-dtw(costs) / (threshold * math.sqrt(costs.shape[1])))


def sdtw(likeness: float, reached: bool) -> float:
    """SDTW = SR nDTW (Ilharco et al. 2019)."""
    return likeness if reached else 0.0


def dtw(costs: Float[np.ndarray, "T R"]) -> float:
    """Least sum of costs along a warping from (0, 0) to (T-1, R-1) by steps (1, 0), (0, 1), (1, 1), exact.

    D(i, j) = cost(i, j) + min(D(i-1, j), D(i, j-1), D(i-1, j-1)); the unit is that of the costs.
    """
    if costs.size == 0:
        raise ValueError(f"dtw needs paths with at least one position, got costs of shape {costs.shape}")
    before = [0.0] + [math.inf] * costs.shape[1]
    for row in costs.tolist():
        here = [math.inf]
        for j, cost in enumerate(row):
            here.append(cost + min(before[j], before[j + 1], here[j]))
        before = here
    return float(before[-1])


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Fewest insertions, deletions, replacements and swaps of neighbours that make one sequence the other.

    The restricted Damerau-Levenshtein distance (optimal string alignment): what was swapped is not edited again.
    """
    older: list[int] = []
    before = list(range(len(second) + 1))
    for i, a in enumerate(first):
        here = [i + 1]
        for j, b in enumerate(second):
            here.append(min(before[j + 1] + 1, here[j] + 1, before[j] + (a != b)))
            if i and j and a == second[j - 1] and first[i - 1] == b:
                here[-1] = min(here[-1], older[j - 1] + 1)
        older, before = before, here
    return before[-1]


def _check_paths(path: Sequence[int], reference: Sequence[int]) -> None:
    if len(path) == 0 or len(reference) == 0:
        raise ValueError(f"paths need at least one panorama, got {len(path)} and a reference of {len(reference)}")
