"""How well a path was walked indoors, in metres; sim/worlds/street_metrics.py has the metrics of street graphs.

T: positions of the agent's path, R: of the reference path, D: axes. Sources: Ilharco et al. 2019 (arXiv 1907.05446),
Anderson et al. 2018 (arXiv 1807.06757), VLN-CE (Krantz et al. 2020, arXiv 2004.02857).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from loci.sim.worlds.street_metrics import ndtw

RADIUS = 3.0
"""Threshold of the indoor success and nDTW, metres."""


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


def sdtw(likeness: float, reached: bool) -> float:
    """SDTW = SR nDTW (Ilharco et al. 2019)."""
    return likeness if reached else 0.0
