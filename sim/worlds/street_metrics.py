"""How well a path was walked on a street graph, beside a reference path of panoramas.

T: panoramas of the agent's path, R: of the reference. Sources: ORAR (Schumann & Riezler 2022, arXiv 2203.13838, its
public code), VELMA (Schumann et al. 2024, arXiv 2307.06082), Chen et al. 2019 (arXiv 1811.12354), Ilharco et al. 2019
(arXiv 1907.05446). Three forms of nDTW are in use that cannot be compared: always say which, with its threshold.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numba import njit

from loci.sim.worlds.street_graph import StreetGraph

HOPS = 2.0
"""Threshold of the street nDTW, panoramas."""
NAMES = ("tc", "spd", "sed", "kpa", "ndtw_orar", "ndtw")
"""What `street_metrics` and `scores` return, in this order."""


def street_metrics(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> dict[str, float]:
    """All street metrics of a path of panoramas: tc, spd (hops), sed, kpa, ndtw_orar, ndtw (threshold HOPS)."""
    costs, completed = hop_costs(graph, path, reference), task_completion(graph, path, reference)
    far = shortest_path_distance(graph, path, reference)
    crossings = _crossings(graph, reference)
    return dict(
        zip(NAMES, scores(np.asarray(path), np.asarray(reference), costs, crossings, completed, far), strict=True)
    )


def task_completion(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> bool:
    """TC: the path stops at the goal or one panorama beside it, whatever the metres (Touchdown's rule).

    Neighbours count in both directions of an edge.
    """
    _check_paths(path, reference)
    return bool(path[-1] == reference[-1] or path[-1] in graph.neighbours(reference[-1]))


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
    completed = task_completion(graph, path, reference)
    return float(_decisions(np.asarray(path), np.asarray(reference), _crossings(graph, reference), completed))


def hop_costs(graph: StreetGraph, path: Sequence[int], reference: Sequence[int]) -> Float[np.ndarray, "T R"]:
    """Hops between all panoramas of two paths, one-ways ignored as in ORAR; inf where the graph is not connected."""
    _check_paths(path, reference)
    columns = {node: graph.hops(node, directed=False)[np.asarray(path)] for node in set(reference)}
    return np.stack([columns[node] for node in reference], axis=1)


def ndtw(costs: Float[np.ndarray, "T R"], threshold: float) -> float:
    """nDTW = exp(-DTW / (threshold R)), 0..1: the standard form (Ilharco et al. 2019); threshold in the unit of
    the costs."""
    return math.exp(-dtw(costs) / (threshold * costs.shape[1]))


def ndtw_orar(costs: Float[np.ndarray, "T R"], threshold: float = HOPS) -> float:
    """nDTW = exp(-DTW / (threshold sqrt(R))), 0..1, costs in hops: the form of ORAR's code. Published outdoor values
    seem to follow it; for long paths it is far stricter than the standard form."""
    return math.exp(-dtw(costs) / (threshold * math.sqrt(costs.shape[1])))


def dtw(costs: Float[np.ndarray, "T R"]) -> float:
    """Least sum of costs along a warping from (0, 0) to (T-1, R-1) by steps (1, 0), (0, 1), (1, 1), exact.

    D(i, j) = cost(i, j) + min(D(i-1, j), D(i, j-1), D(i-1, j-1)); the unit is that of the costs.
    """
    if costs.size == 0:
        raise ValueError(f"dtw needs paths with at least one position, got costs of shape {costs.shape}")
    return float(_warp(np.ascontiguousarray(costs, np.float64)))


def edit_distance(first: Sequence[int], second: Sequence[int]) -> int:
    """Fewest insertions, deletions, replacements and swaps of neighbours that make one sequence the other.

    The restricted Damerau-Levenshtein distance (optimal string alignment): what was swapped is not edited again.
    """
    return int(_edits(np.asarray(first, np.int64), np.asarray(second, np.int64)))


@njit(cache=True, nogil=True)
def scores(path, reference, costs, crossing, completed, far):  # type: ignore[no-untyped-def]
    """NAMES of one path (T,): `costs` (T, R) hops, `crossing` (R,) where the reference meets an intersection, whether
    the task was completed, and the hops `far` from the stop to the goal."""
    size, warped, tc, sed = len(reference), _warp(costs), 0.0, 0.0
    if completed:
        tc, sed = 1.0, 1.0 - _edits(path, reference) / max(len(path), size)
    kpa = _decisions(path, reference, crossing, completed)
    return (
        tc,
        far,
        sed,
        kpa,
        math.exp(-warped / (HOPS * math.sqrt(size))),
        math.exp(-warped / (HOPS * size)),
    )


@njit(cache=True, nogil=True)
def _warp(costs):  # type: ignore[no-untyped-def]
    length, size = costs.shape
    before = np.full(size + 1, np.inf)
    before[0] = 0.0
    for i in range(length):
        here = np.full(size + 1, np.inf)
        for j in range(size):
            here[j + 1] = costs[i, j] + min(before[j], before[j + 1], here[j])
        before = here
    return before[size]


@njit(cache=True, nogil=True)
def _edits(first, second):  # type: ignore[no-untyped-def]
    rows, columns = len(first), len(second)
    table = np.zeros((rows + 1, columns + 1), np.int64)
    table[:, 0], table[0, :] = np.arange(rows + 1), np.arange(columns + 1)
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            swap = table[i - 1, j - 1] + (first[i - 1] != second[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, swap)
            if i > 1 and j > 1 and first[i - 1] == second[j - 2] and first[i - 2] == second[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[rows, columns]


@njit(cache=True, nogil=True)
def _decisions(path, reference, crossing, completed):  # type: ignore[no-untyped-def]
    right, keys = 1 if completed else 0, 1
    for i in range(len(reference) - 1):
        if i > 0 and not crossing[i]:
            continue
        keys += 1
        for t in range(len(path) - 1):
            if path[t] == reference[i]:
                right += path[t + 1] == reference[i + 1]
                break
    return right / keys


def _crossings(graph: StreetGraph, reference: Sequence[int]) -> np.ndarray:
    return np.array([graph.ways(node) > 2 for node in reference])


def _check_paths(path: Sequence[int], reference: Sequence[int]) -> None:
    if len(path) == 0 or len(reference) == 0:
        raise ValueError(f"paths need at least one panorama, got {len(path)} and a reference of {len(reference)}")
