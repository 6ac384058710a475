"""Statistics over episodes and seeds: bootstrap intervals, paired tests, Holm's correction."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 4000
FLIPS = 5 * RESAMPLES


def bootstrap(values: np.ndarray | Sequence[float], confidence: float = 0.95, seed: int = 0) -> dict[str, float]:
    """Mean of independent values with its percentile bootstrap interval: {mean, low, high, count}."""
    sample = np.asarray(values, np.float64)
    if sample.size == 0 or not np.isfinite(sample).all():
        raise ValueError(
            f"bootstrap needs finite values, got {sample.size} with {int((~np.isfinite(sample)).sum())} not finite"
        )
    return _interval(sample[None], confidence, seed)


def stratified_bootstrap(
    groups: Sequence[Sequence[float]], confidence: float = 0.95, seed: int = 0
) -> dict[str, float]:
    """Mean over seeds of episodes: seeds are drawn with replacement, then episodes within each drawn seed."""
    lengths = {len(group) for group in groups}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"every seed needs the same number of episodes, got {[len(group) for group in groups]}")
    return _interval(np.asarray(groups, np.float64), confidence, seed)


def paired_test(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], seed: int = 0) -> float:
    """Two-sided p of equal means by random sign flips of the differences, paired by seed and episode.

    Both play the same episodes, so a pair is one episode of one seed; p = (extreme + 1) / (FLIPS + 1).
    """
    difference = (np.asarray(first, np.float64) - np.asarray(second, np.float64)).ravel()
    rng, extreme = np.random.default_rng(seed), 0
    for _ in range(FLIPS // RESAMPLES):
        signs = rng.choice([-1.0, 1.0], (RESAMPLES, difference.size))
        extreme += int((np.abs(signs @ difference) >= abs(difference.sum()) - 1e-9).sum())
    return (extreme + 1) / (FLIPS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, p_values[i] * (len(p_values) - rank))
        adjusted[i] = min(1.0, running)
    return adjusted


def _interval(groups: np.ndarray, confidence: float, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    seeds, episodes = groups.shape
    means = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = rng.integers(seeds, size=(seeds,))
        picked = rng.integers(episodes, size=(seeds, episodes))
        means[i] = groups[drawn[:, None], picked].mean()
    low, high = (float(np.quantile(means, (1 + side * confidence) / 2)) for side in (-1, 1))
    return {"mean": float(groups.mean()), "low": low, "high": high, "count": int(groups.size)}
