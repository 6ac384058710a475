"""What the maps of landmarks cost beside a dictionary, a k-d tree and a scan: `python -m benchmarks.spatial_memory`.

Leaves lie at random in a layer three leaves high that grows with their number, so that a radius query finds as many of
them at every size; they are inserted in random order, the worst case. Prints CPU microseconds an operation, the best of
REPEATS; with `--out` all figures are written as JSON. A k-d tree cannot grow: its insertion is its building, a leaf. Of
scipy the plain answers are timed; those of the octree come with distances and sorted.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from tqdm import tqdm

from benchmarks.machine import machine
from loci.memories.maps.morton import cells
from loci.memories.maps.octree import Octree
from loci.memories.maps.topology import Topology

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LEAF, RADIUS, WIDE, K = 2.0, 10.0, 30.0, 5
QUERIES, REPEATS = 1_000, 5
SLOW = 20
"""Queries of what takes milliseconds each."""
WIDTH, MOST_LANDMARKS = 384, 100_000
Costs = dict[str, dict[str, float]]


def micros(act: Callable[[], Any], operations: int, repeats: int = REPEATS) -> float:
    """CPU microseconds an operation of the fastest of some repeats, after one that warms up."""
    taken = []
    for _ in range(repeats + 1):
        begun = time.thread_time()
        act()
        taken.append(time.thread_time() - begun)
    return round(1e6 * min(taken[1:]) / operations, 4)


def each(act: Callable[[np.ndarray], Any], queries: np.ndarray) -> float:
    """Microseconds of a call with one query."""
    return micros(lambda: [act(query) for query in queries], len(queries))


def layer(number: int) -> np.ndarray:
    """Places (number, 3) in as many leaves, half of those in a layer three leaves high, in random order."""
    rng, side = np.random.default_rng(0), math.ceil(math.sqrt(2 * number / 3))
    drawn = rng.choice(3 * side * side, number, replace=False)
    cell = np.stack([drawn // 3 // side - side // 2, drawn // 3 % side - side // 2, drawn % 3], axis=1)
    return LEAF * (cell + rng.uniform(0.01, 0.99, cell.shape))


def questions(number: int) -> np.ndarray:
    """Places (QUERIES, 3) in the same layer."""
    side = LEAF * math.sqrt(2 * number / 3)
    low, high = (-side / 2, -side / 2, 0.0), (side / 2, side / 2, 3 * LEAF)
    return np.random.default_rng(1).uniform(low, high, (QUERIES, 3))


def octree(number: int) -> tuple[Octree, dict[str, float]]:
    """A full octree, and what it costs."""
    places, queries, tree = layer(number), questions(number), Octree(number, LEAF)

    def fill() -> None:
        tree.clear()
        tree.insert_all(places)

    costs = {"insert, batch": micros(fill, number, 2), "insert": each(tree.insert, places[:QUERIES])}
    costs |= {"lookup": each(tree.lookup, queries), "lookup, batch": micros(partial(tree.lookup_all, queries), QUERIES)}
    for name, radius in (("radius", RADIUS), ("wide radius", WIDE)):
        costs[name] = each(partial(tree.radius, radius=radius), queries)
        costs[f"{name}, batch"] = micros(partial(tree.radius_all, queries, radius), QUERIES)
    costs |= {"nearest": each(partial(tree.nearest, k=K), queries)}
    costs |= {"nearest, batch": micros(partial(tree.nearest_all, queries, K), QUERIES)}
    starts, _, _ = tree.radius_all(queries, RADIUS)
    costs |= {"leaves": len(tree), "found": starts[-1] / QUERIES, "bytes a leaf": tree.nbytes / number}
    costs["found, wide"] = tree.radius_all(queries, WIDE)[0][-1] / QUERIES
    return tree, costs


def kd_tree(centre: np.ndarray, queries: np.ndarray) -> dict[str, float]:
    """The same leaves in a k-d tree of scipy."""
    tree = cKDTree(centre)
    costs = {"insert, batch": micros(partial(cKDTree, centre), len(centre), 2)}
    for name, radius in (("radius", RADIUS), ("wide radius", WIDE)):
        costs[name] = each(partial(tree.query_ball_point, r=radius), queries)
        costs[f"{name}, batch"] = micros(partial(tree.query_ball_point, queries, radius), QUERIES)
    costs["nearest"] = each(partial(tree.query, k=K), queries)
    return costs | {"nearest, batch": micros(partial(tree.query, queries, K), QUERIES)}


def dictionary(centre: np.ndarray, queries: np.ndarray) -> dict[str, float]:
    """The same leaves in a dictionary of cells; a radius query asks for every cell that may be near."""
    keys = list(map(tuple, cells(centre, LEAF).tolist()))
    held = {key: slot for slot, key in enumerate(keys)}
    reach = range(-math.ceil(RADIUS / LEAF), math.ceil(RADIUS / LEAF) + 1)

    def lookup(query: np.ndarray) -> int:
        return held.get((math.floor(query[0] / LEAF), math.floor(query[1] / LEAF), math.floor(query[2] / LEAF)), -1)

    def radius(query: np.ndarray) -> list[int]:
        i, j, k = (math.floor(x / LEAF) for x in query)
        around = (held.get((i + di, j + dj, k + dk), -1) for di, dj, dk in product(reach, reach, reach))
        slots = [slot for slot in around if slot >= 0]
        return [slot for slot in slots if math.dist(centre[slot], query) <= RADIUS]

    key_bytes = sys.getsizeof(keys[0]) + 3 * sys.getsizeof(10**6)
    return {
        "insert, batch": micros(lambda: {key: slot for slot, key in enumerate(keys)}, len(keys), 2),
        "lookup": each(lookup, queries),
        "radius": each(radius, queries[:SLOW]),
        "bytes a leaf": sys.getsizeof(held) / len(held) + key_bytes + sys.getsizeof(len(held)),
    }


def scan(centre: np.ndarray, queries: np.ndarray) -> dict[str, float]:
    """The same leaves in one array."""

    def squared(query: np.ndarray) -> np.ndarray:
        return ((centre - query) ** 2).sum(axis=1)

    return {
        "radius": each(lambda query: np.flatnonzero(squared(query) <= RADIUS**2), queries[:SLOW]),
        "nearest": each(lambda query: squared(query).argpartition(K)[:K], queries[:SLOW]),
        "bytes a leaf": float(centre.nbytes / len(centre)),
    }


def leaves(number: int) -> Costs:
    """Microseconds of every operation of every structure at one size."""
    tree, costs = octree(number)
    centre, queries = tree.centre(tree.slots()), questions(number)
    others = {"dict": dictionary(centre, queries), "scan": scan(centre, queries), "cKDTree": kd_tree(centre, queries)}
    return {"octree": costs} | others


def streets(number: int) -> Topology:
    """Landmarks on a square grid of streets that are walked both ways, with random weights and descriptors."""
    rng, side = np.random.default_rng(2), math.isqrt(number)
    graph, slot = Topology(side * side, WIDTH, ways=4), np.arange(side * side)
    held, row, column = graph.arrays, slot // side, slot % side
    held.descriptor[:] = rng.standard_normal((len(slot), WIDTH), np.float32)
    held.born[:] = held.seen[:] = slot + 1
    held.visits[:], held.counts[:] = 1, len(slot)
    for way, (down, right) in enumerate(((0, 1), (1, 0), (0, -1), (-1, 0))):
        exists = (row + down >= 0) & (row + down < side) & (column + right >= 0) & (column + right < side)
        held.target[:, way] = np.where(exists, slot + down * side + right, 0)
        held.target_born[:, way] = np.where(exists, held.target[:, way] + 1, 0)
        held.cost[:, way] = rng.uniform(5.0, 15.0, len(slot))
    return graph


def landmarks(number: int) -> Costs:
    """Microseconds of the graph's searches, beside scipy's and numpy's."""
    graph, rng = streets(number), np.random.default_rng(3)
    held, last = graph.arrays, graph.capacity - 1
    exists, shape = held.target_born > 0, (graph.capacity, graph.capacity)
    matrix = csr_array((held.cost[exists], (np.nonzero(exists)[0], held.target[exists])), shape=shape)
    assert np.allclose(graph.costs(0), dijkstra(matrix, indices=0))
    unknown = rng.standard_normal((SLOW, WIDTH), np.float32)
    known = held.descriptor[rng.integers(graph.capacity, size=SLOW)] + np.float32(0.01)

    def look(query: np.ndarray) -> int:
        return int(((held.descriptor - query) ** 2).sum(axis=1).argmin())

    ours = {
        "path across": micros(lambda: graph.shortest_path(0, last), 1),
        "path of 20": micros(lambda: graph.shortest_path(0, 20), 1),
        "paths to all": micros(lambda: graph.costs(0), 1),
        "most alike": each(lambda query: graph.nearest(query, 1), unknown),
        "observe": each(lambda query: graph.observe(query, (0.0, 0.0, 0.0)), known),
        "bytes a landmark": graph.nbytes / graph.capacity,
    }
    scans = {"paths to all": micros(lambda: dijkstra(matrix, indices=0), 1), "most alike": each(look, unknown)}
    return {"topology": ours, "numpy, scipy": scans}


def table(found: dict[int, Costs]) -> str:
    """Rows of operations, one table for each size."""
    lines = []
    for number, costs in found.items():
        lines += ["", f"| {number:,} | " + " | ".join(costs) + " |", "|---" * (len(costs) + 1) + "|"]
        for name in next(iter(costs.values())):
            marks = [f"{cost[name]:,.4g}" if name in cost else "" for cost in costs.values()]
            lines.append(f"| {name} | " + " | ".join(marks) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure at every size up to `--most`, print the tables, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="largest number of leaves")
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    options = parser.parse_args()
    sizes = [number for number in SIZES if number <= options.most]
    trees = {number: leaves(number) for number in tqdm(sizes, unit="octree")}
    graphs = {n: landmarks(n) for n in tqdm([n for n in sizes if n <= MOST_LANDMARKS], unit="graph")}
    print(table(trees) + "\n" + table(graphs))
    if options.out:
        figures = {"microseconds": {"leaves": trees, "landmarks": graphs}, "leaf": LEAF, "radius": RADIUS, "wide": WIDE}
        figures |= {"k": K, "width": WIDTH, "scipy": scipy.__version__, "machine": machine()}
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
