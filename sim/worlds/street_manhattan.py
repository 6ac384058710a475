"""Manhattan as a street world: the graph of Touchdown, the routes of Touchdown and Map2Seq with what people wrote.

The files are not part of this project; docs/worlds/streets.md says where they come from and how they lie. There are no
pictures, so landmarks are placed by what is known of them: each name of a route's landmark list stands at a decision
point of the route (the crossings in order, then the goal), on the side that the text says. Lists exist for Map2Seq
only. Names drawn from all lists stand elsewhere and distract. What one route has placed, others see too.
"""

import gzip
import json
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from loci.sim.sensors import LETTERS
from loci.sim.worlds.draws import below, pick
from loci.sim.worlds.street_files import Route, read_graph, read_partition, read_routes
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_world import StreetWorld

SPLITS = {"train": "map2seq_seen", "develop": "map2seq_unseen", "touchdown": "touchdown_unseen", "unseen": ""}
"""The set of routes of each split. `train` is those that lie wholly in the part of the graph called seen, and that part
alone; the others lie in the unseen part and are walked on the whole graph. `unseen` has no routes and that part alone.
"""
LISTS = "landmarks/map2seq/gpt3_5shot_unfiltered.json"
PAGE = "docs/worlds/streets.md"
DISTRACTORS = 0.1
"""Landmarks of no route to a panorama."""
SIDE = 8.0
"""Metres from a panorama to the landmark placed at it."""
REACH, SIGHT = 4, 40.0
"""A landmark is seen from panoramas at most so many hops along streets and so many metres away."""
WORDS = re.compile(r"(?:on|to)\s+(?:the|your)\s+(?:(?:near|far|immediate|next)\s+)?(left|right)")


def manhattan(folder: str, split: str) -> tuple[StreetWorld, tuple[Route, ...]]:
    """The world of a split and its routes, in the file's order; kept for the next call.

    Raises ValueError for another split, and FileNotFoundError that names the missing file and where to learn of it.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)} with recorded streets, got {split!r}")
    world, routes = _streets(folder, {"train": "seen", "unseen": "unseen"}.get(split, "all"))
    return world, routes[SPLITS[split]] if SPLITS[split] else ()


@lru_cache(maxsize=2)
def _streets(folder: str, part: Literal["all", "seen", "unseen"]) -> tuple[StreetWorld, dict[str, tuple[Route, ...]]]:
    """The whole graph or its part called so, and the routes of every set that lie in it."""
    graph = read_graph(_file(folder, "touchdown_graph/nodes.txt"), _file(folder, "touchdown_graph/links.txt"))
    sets = {
        name: _file(folder, f"velma/datasets/{name}/data/dev.json") for name in sorted(filter(None, SPLITS.values()))
    }
    routes = {name: read_routes(path, graph) for name, path in sets.items()}
    kept = np.ones(graph.nodes, bool)
    if part != "all":
        seen = read_partition(_file(folder, "velma/datasets/touchdown_unseen/graph/nodes.txt"), graph)
        kept = seen if part == "seen" else ~seen
    inside = {name: _inside(found, kept) for name, found in routes.items()}
    listed = {route.name: route for name in ("map2seq_seen", "map2seq_unseen") for route in inside[name]}
    lists = _lists(_file(folder, f"velma/datasets/{LISTS}"))
    return _furnish(graph if part == "all" else graph.part(kept), list(listed.values()), lists), inside


def _inside(routes: Sequence[Route], kept: np.ndarray) -> tuple[Route, ...]:
    """The routes that lie wholly in the panoramas that are kept, numbered among them; their texts in plain letters."""
    number = np.cumsum(kept) - 1
    return tuple(
        replace(route, nodes=tuple(number[list(route.nodes)].tolist()), instruction=plain(route.instruction))
        for route in routes
        if kept[list(route.nodes)].all()
    )


def plain(text: str) -> str:
    """A text in the letters that are heard: small, without accents, anything else a blank."""
    bare = unicodedata.normalize("NFKD", text.lower().replace("’", "'").replace("&", " and "))
    kept = "".join(c if c in LETTERS else " " for c in bare if not unicodedata.combining(c))
    return " ".join(kept.split())


def decision_points(graph: StreetGraph, route: Route) -> list[int]:
    """Places along a route (indices): its crossings in order, then its goal."""
    crossings = [i for i, node in enumerate(route.nodes[:-1]) if i > 0 and graph.ways(node) > 2]
    return [*crossings, len(route.nodes) - 1]


def side_of(name: str, text: str) -> float:
    """+1 where a text puts a landmark on the left, -1 on the right, which is also for a text that does not say."""
    after = text[text.find(name) + len(name) :] if name in text else ""
    said = WORDS.search(after.split(".")[0])
    return 1.0 if said and said[1] == "left" else -1.0


def _furnish(graph: StreetGraph, routes: Sequence[Route], lists: dict[str, list[str]]) -> StreetWorld:
    """The graph with the landmarks of the routes and the distractors."""
    placed: dict[tuple[str, int], np.ndarray] = {}
    for route in routes:
        text, points = route.instruction, decision_points(graph, route)
        names = sorted(lists.get(route.name, []), key=lambda name: text.find(name) % (len(text) + 1))
        for turn, name in enumerate(names):
            i = points[min(turn, len(points) - 1)]
            placed[name, route.nodes[i]] = _beside(
                graph, route.nodes[max(i - 1, 0)], route.nodes[i], side_of(name, text)
            )
    known, rng = sorted({name for names in lists.values() for name in names}), np.random.default_rng(0)
    for _ in range(round(DISTRACTORS * graph.nodes) if known else 0):
        node, name = below(rng, graph.nodes), pick(rng, known)
        heading = float(graph.heading[graph.first[node]]) + (0.5 if rng.random() < 0.5 else -0.5) * math.pi
        placed[name, node] = graph.position[node] + SIDE * np.array([math.cos(heading), math.sin(heading)])
    return _world(graph, list(placed), np.array(list(placed.values())).reshape(-1, 2))


def _beside(graph: StreetGraph, before: int, node: int, side: float) -> np.ndarray:
    edge = graph.edge(before, node)
    heading = float(graph.heading[edge if edge is not None else graph.first[node]]) + side * 0.5 * math.pi
    return np.asarray(graph.position[node] + SIDE * np.array([math.cos(heading), math.sin(heading)]))


def _world(graph: StreetGraph, placed: list[tuple[str, int]], position: np.ndarray) -> StreetWorld:
    sightings = []
    for mark, (_, home) in enumerate(placed):
        nodes = np.array(_reached(graph, home))
        way = position[mark] - graph.position[nodes]
        far, bearing = np.hypot(way[:, 0], way[:, 1]), np.arctan2(way[:, 1], way[:, 0])
        for node, metres, angle in zip(nodes.tolist(), far.tolist(), bearing.tolist(), strict=True):
            if metres <= SIGHT:
                sightings.append((node, metres, mark, angle))
    node, distance, seen, bearing = np.array(sorted(sightings), np.float64).reshape(-1, 4).T
    first = np.concatenate([[0], np.cumsum(np.bincount(node.astype(np.int64), minlength=graph.nodes))])
    names = tuple(name for name, _ in placed)
    return StreetWorld(graph, names, names, ("",) * len(names), first, seen.astype(np.int64), bearing, distance)


def _reached(graph: StreetGraph, home: int) -> list[int]:
    """Panoramas within REACH hops of one."""
    found, edge = [home], [home]
    for _ in range(REACH):
        edge = [
            node for node in dict.fromkeys(n for e in edge for n in graph.neighbours(e).tolist()) if node not in found
        ]
        found += edge
    return found


def _lists(path: Path) -> dict[str, list[str]]:
    """The landmarks of each Map2Seq route in plain letters, by the route's name."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        rows: dict[str, Any] = json.loads(content)["instances"]
        found = {name: [plain(mark) for mark in row["unfiltered"]] for name, row in rows.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a list of landmarks of Map2Seq: {error!r}. See {PAGE}") from error
    return {name: [mark for mark in dict.fromkeys(marks) if mark] for name, marks in found.items()}


def _file(folder: str, name: str) -> Path:
    """The file or the same one gzipped."""
    for path in (Path(folder) / name, Path(folder) / f"{name}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"no file {Path(folder) / name}, nor .gz: data_dir must hold it; {PAGE} says how to get it")
