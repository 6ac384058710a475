"""From how many vectors a graph of neighbours answers faster than all comparisons: `python -m benchmarks.retrieval`.

Prints a JSON line for every width and number: median microseconds of a query for the 3 nearest, exact and by graph, in
turn; of putting one vector into the graph; and the share of the true neighbours that the graph finds. The vectors have
16 dimensions and a little noise; `--normal` makes them without structure. The largest graphs take minutes to build.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from loci.memories.maps.retrieval import Nearest

SIZES = {64: (5_000, 20_000, 50_000), 384: (5_000, 10_000, 20_000), 768: (5_000, 10_000, 20_000)}
QUERIES, ROUNDS, K, LATENT = 60, 3, 3, 16


def vectors(count: int, width: int, normal: bool) -> torch.Tensor:
    """(count, width) float32."""
    rng = np.random.default_rng(count)
    noise = rng.standard_normal((count, width)).astype(np.float32)
    if normal:
        return torch.from_numpy(noise)
    spread = np.random.default_rng(0).standard_normal((LATENT, width)).astype(np.float32) / LATENT**0.5
    return torch.from_numpy(rng.standard_normal((count, LATENT)).astype(np.float32) @ spread + 0.1 * noise)


def micros(act: Callable[[], Any]) -> tuple[Any, float]:
    """What an act gives, and the microseconds it took."""
    begun = time.perf_counter()
    given = act()
    return given, 1e6 * (time.perf_counter() - begun)


def filled(stored: torch.Tensor, approximate_from: int | None) -> tuple[Nearest, list[float]]:
    """An index of all vectors, and the microseconds of each `put`."""
    index = Nearest(stored.shape[1], len(stored), approximate_from)
    return index, [micros(partial(index.put, ("leaf", n), stored[n]))[1] for n in range(len(stored))]


def measure(count: int, width: int, normal: bool) -> dict[str, Any]:
    """Both ways of one size, in turn."""
    (exact, _), (graph, puts) = (filled(vectors(count, width, normal), start) for start in (None, 1))
    times: dict[str, list[float]] = {"exact": [], "graph": []}
    found = 0
    for query in list(vectors(QUERIES, width, normal)) * ROUNDS:
        answers: list[set[tuple[str, int]]] = []
        for name, index in (("exact", exact), ("graph", graph)):
            near, spent = micros(partial(index.nearest, query, K))
            times[name].append(spent)
            answers.append({one.key for one in near})
        found += len(answers[0] & answers[1])
    sizes = {"width": width, "vectors": count, "normal": normal}
    costs = {name: round(float(np.median(spent))) for name, spent in times.items()}
    return sizes | costs | {"put": round(float(np.median(puts[-100:]))), "recall": found / (K * QUERIES * ROUNDS)}


def main() -> None:
    """Measure every width and size, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, choices=sorted(SIZES), help="one width; all without")
    parser.add_argument("--most", type=int, default=50_000, help="largest number of vectors")
    parser.add_argument("--normal", action="store_true", help="vectors without structure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for width in [options.width] if options.width else SIZES:
        for count in [count for count in SIZES[width] if count <= options.most]:
            print(json.dumps(measure(count, width, options.normal)), flush=True)


if __name__ == "__main__":
    main()
