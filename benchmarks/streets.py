"""Generated cities beside the graph of Manhattan, and recorded routes replayed through the five moves.

`python -m benchmarks.streets` prints one JSON line about generated cities; with `--data folder`, which holds the files
of `touchdown_graph`, `velma` and `map2seq_orar`, also about the recorded graph and all its routes.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from loci.sim.worlds.city import City
from loci.sim.worlds.street_files import read_graph, read_routes
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_metrics import street_metrics
from loci.sim.worlds.street_moves import Move, begin, route_moves, walk

CITIES = 20
SHARES = (5, 25, 50, 75, 95)


def shape(graphs: list[StreetGraph]) -> dict[str, Any]:
    """Shares of nodes by ways, lengths of edges and of streets between crossings, bends along streets."""
    ways = np.array([graph.ways(node) for graph in graphs for node in range(graph.nodes)])
    edges = np.concatenate([np.linalg.norm(g.position[g.target] - g.position[g.source], axis=1) for g in graphs])
    bends = [bend for graph in graphs for bend in _bends(graph)]
    return {
        "panoramas": [len(ways) // len(graphs), min(g.nodes for g in graphs), max(g.nodes for g in graphs)],
        "percent_by_ways": {k: round(100.0 * float((ways == k).mean()), 2) for k in range(1, 7)},
        "edge_metres": {"mean": round(float(edges.mean()), 2), "percentiles": _percentiles(edges)},
        "street_metres": _percentiles([length for graph in graphs for length in _streets(graph)]),
        "bend_degrees": _percentiles(np.degrees(bends)),
    }


def replay(data: Path) -> dict[str, Any]:
    """For each set of routes: how many there are, how many are walked exactly, how many need a turn in mid-way."""
    touchdown, velma = data / "touchdown_graph", data / "velma" / "datasets"
    whole = read_graph(touchdown / "nodes.txt", touchdown / "links.txt")
    files = {f"velma {name}": velma / name / "data" / "dev.json.gz" for name in sorted(p.name for p in velma.iterdir())}
    files |= {f"orar {path.name}": path for path in sorted((data / "map2seq_orar").glob("*.json.gz"))}
    figures = {}
    for name, path in files.items():
        if path.is_file():
            links = path.parents[1] / "graph" / "links.txt"
            graph = read_graph(touchdown / "nodes.txt", links) if links.is_file() else whole
            figures[name] = _replay(path, graph)
    return figures


def main() -> None:
    """Print the figures with the machine they were measured on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of touchdown_graph, velma and map2seq_orar")
    data = parser.parse_args().data
    begun = time.process_time()
    drawn = [City().draw(np.random.default_rng(seed)) for seed in range(CITIES)]
    seconds = (time.process_time() - begun) / CITIES
    seen = np.concatenate([np.diff(marks.first) for _, marks in drawn])
    figures: dict[str, Any] = {
        "city_cpu_seconds": round(seconds, 3),
        "city": shape([graph for graph, _ in drawn]),
        "landmarks": {
            "a_city": np.mean([len(m.name) for _, m in drawn]),
            "seen_from_a_panorama": round(seen.mean(), 2),
        },
    }
    if data is not None:
        folder = data / "touchdown_graph"
        graph = read_graph(folder / "nodes.txt", folder / "links.txt")
        figures |= {"manhattan": shape([graph]), "replay": replay(data), "metrics_cpu_ms": _metrics_ms(graph, data)}
    print(json.dumps(figures | {"machine": machine()}))


def _replay(path: Path, graph: StreetGraph) -> dict[str, Any]:
    exact, turns, steps = 0, 0, []
    routes = read_routes(path, graph)
    for route in routes:
        stance = begin(graph, route.nodes[0], route.heading)
        moves = route_moves(graph, stance, route.nodes)
        exact += walk(graph, stance, moves) == list(route.nodes)
        turns += Move.TURN_AROUND in moves[1:]
        steps.append(len(moves))
    percent = 100.0 * exact / len(routes)
    return {"routes": len(routes), "percent": percent, "turn_in_midway": turns, "moves": [np.mean(steps), max(steps)]}


def _metrics_ms(graph: StreetGraph, data: Path) -> float:
    """All street metrics of one route of Touchdown on the whole graph."""
    routes = read_routes(data / "velma" / "datasets" / "touchdown_unseen" / "data" / "dev.json.gz", graph)[:20]
    begun = time.process_time()
    for route in routes:
        street_metrics(graph, route.nodes, route.nodes)
    return round(1000.0 * (time.process_time() - begun) / len(routes), 1)


def _bends(graph: StreetGraph) -> list[float]:
    """How much each panorama with two ways turns the street, radians, by its headings."""
    pairs = [graph.heading[graph.edges(node)] for node in range(graph.nodes) if len(graph.edges(node)) == 2]
    return [abs((a - b) % (2.0 * np.pi) - np.pi) for a, b in pairs]


def _streets(graph: StreetGraph) -> list[float]:
    """Metres of every street from crossing or dead end to the next, each counted from both ends."""
    lengths = []
    for start in range(graph.nodes):
        for node in graph.neighbours(start).tolist() if graph.ways(start) != 2 else ():
            path = [start, node]
            while graph.ways(path[-1]) == 2:
                path.append(next(n for n in graph.neighbours(path[-1]).tolist() if n != path[-2]))
            lengths.append(float(np.linalg.norm(np.diff(graph.position[path], axis=0), axis=1).sum()))
    return lengths


def _percentiles(values: Any) -> list[float]:
    return [round(float(value), 2) for value in np.percentile(values, SHARES)]


if __name__ == "__main__":
    main()
