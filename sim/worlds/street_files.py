"""Street graphs and routes read from the files of Touchdown and Map2Seq, which are not part of this project.

Graph: `nodes.txt` with lines `panorama,yaw,latitude,longitude` and `links.txt` with `panorama,heading,panorama`, in
degrees, headings clockwise from north (Chen et al. 2019, arXiv 1811.12354). Routes: JSON lines with `route_panoids`,
`navigation_text` and `start_heading` (Schumann & Riezler 2021, arXiv 2012.15329). Any file may be gzipped, `.gz`.
"""

import gzip
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from loci.sim.geometry import wrap_angle
from loci.sim.worlds.street_graph import StreetGraph

METRES_PER_DEGREE = (111_320.0, 110_540.0)
"""Of longitude at the equator, and of latitude."""


@dataclass(frozen=True)
class Route:
    """A path through a street graph with the words that describe it.

    `nodes`: node numbers from start to goal. `heading`: which way the agent faces at the start, radians
    counter-clockwise from east; seldom that of an edge.
    """

    name: str
    instruction: str
    nodes: tuple[int, ...]
    heading: float


def read_graph(nodes: Path, links: Path) -> StreetGraph:
    """The graph of two files, in metres around the middle of its latitudes and longitudes.

    Raises FileNotFoundError, and ValueError with file and line for a row of another form or an unknown panorama.
    """
    rows = [_node(nodes, number, line) for number, line in _lines(nodes)]
    names = [name for name, _ in rows]
    yaw, latitude, longitude = np.array([values for _, values in rows], np.float64).reshape(-1, 3).T
    known = {name: number for number, name in enumerate(names)}
    edges = [_link(links, number, line, known) for number, line in _lines(links)]
    source, heading, target = np.array(edges, np.float64).reshape(-1, 3).T
    return StreetGraph.build(
        names,
        local_plane(latitude, longitude),
        compass_to_yaw(yaw),
        source.astype(np.int64),
        target.astype(np.int64),
        compass_to_yaw(heading),
    )


def read_partition(nodes: Path, graph: StreetGraph) -> np.ndarray:
    """(N,) bool: which panoramas the fifth column of a nodes file calls seen; all others it must call unseen."""
    seen = np.zeros(graph.nodes, bool)
    for number, line in _lines(nodes):
        fields = line.split(",")
        if len(fields) != 5 or fields[4] not in ("seen", "unseen"):
            raise ValueError(f"{nodes}, line {number}: expected a fifth column seen or unseen, got {line[:80]!r}")
        seen[graph.index(fields[0])] = fields[4] == "seen"
    return seen


def read_routes(path: Path, graph: StreetGraph) -> list[Route]:
    """The routes of a file, in its order.

    Raises ValueError with file and line where a row lacks a field, names a panorama that the graph has not, or joins
    two between which the graph has no edge: each set of routes has a links file of its own.
    """
    return [_route(path, number, line, graph) for number, line in _lines(path)]


def local_plane(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """(N, 2) metres east and north of the middle of the box around the points (degrees), on a plane there."""
    middle = [(values.min() + values.max()) / 2.0 for values in (latitude, longitude)] if len(latitude) else [0.0, 0.0]
    east = (longitude - middle[1]) * math.cos(math.radians(middle[0])) * METRES_PER_DEGREE[0]
    return np.stack([east, (latitude - middle[0]) * METRES_PER_DEGREE[1]], axis=1)


def compass_to_yaw(degrees: np.ndarray | float) -> np.ndarray:
    """Degrees clockwise from north as radians counter-clockwise from east, in [-pi, pi)."""
    return wrap_angle(np.radians(90.0 - np.asarray(degrees, np.float64)))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: give the path of a file of the Touchdown or Map2Seq data")
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\n")


def _numbers(fields: list[str]) -> list[float]:
    """The fields as finite numbers; empty where one of them is none."""
    try:
        values = [float(field) for field in fields]
    except ValueError:
        return []
    return values if all(map(math.isfinite, values)) else []


def _node(path: Path, number: int, line: str) -> tuple[str, list[float]]:
    fields = line.split(",")
    values = _numbers(fields[1:4])
    if len(values) != 3:
        raise ValueError(f"{path}, line {number}: expected panorama,yaw,latitude,longitude, got {line[:80]!r}")
    return fields[0], values


def _link(path: Path, number: int, line: str, known: dict[str, int]) -> tuple[int, float, int]:
    fields = line.split(",")
    values = _numbers(fields[1:2])
    if len(fields) != 3 or not values:
        raise ValueError(f"{path}, line {number}: expected panorama,heading,panorama, got {line[:80]!r}")
    for name in (fields[0], fields[2]):
        if name not in known:
            raise ValueError(f"{path}, line {number}: panorama {name!r} is not in the nodes file")
    return known[fields[0]], values[0], known[fields[2]]


def _route(path: Path, number: int, line: str, graph: StreetGraph) -> Route:
    try:
        row: dict[str, Any] = json.loads(line)
        panoramas, words, degrees = row["route_panoids"], row["navigation_text"], float(row["start_heading"])
        name = str(row["id"] if "id" in row else row["route_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}, line {number}: not a route of Touchdown or Map2Seq: {error!r}") from error
    try:
        nodes = tuple(graph.index(panorama) for panorama in panoramas)
    except KeyError as error:
        raise ValueError(f"{path}, line {number}, route {name}: {error.args[0]}") from error
    for source, target in pairwise(nodes):
        if graph.edge(source, target) is None:
            raise ValueError(
                f"{path}, line {number}, route {name}: no edge from {graph.names[source]!r} to "
                f"{graph.names[target]!r}; read the graph from the links file that belongs to the routes"
            )
    return Route(name, words, nodes, float(compass_to_yaw(degrees)))
