"""A scene graph as plain JSON, without loss: what is read back answers and lives on alike.

`{"schema": 1, "graph": {…}}` with lists and numbers only. Python writes the shortest text that gives back the same
float, so numbers survive exactly; what has no end is null, since JSON knows no infinity.
"""

import json
import math
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from loci.memories.maps.facts import Fact
from loci.memories.maps.floorplan import Node
from loci.memories.maps.scene_graph import SceneGraph
from loci.memories.maps.things import Senses, Thing

SCHEMA = 1
ENDLESS = {"empty": math.inf, "corrected": -math.inf, "valid_to": math.inf, "superseded": math.inf}
"""Fields that may have no end, and what null stands for in them."""


def to_json(graph: SceneGraph) -> str:
    """All that a graph holds."""
    plan, facts = graph.plan, graph.facts
    held = {
        "capacity": {"things": graph.capacity, "areas": plan.areas, "cells": plan.room, "facts": facts.capacity},
        "senses": asdict(graph.senses),
        "time": _finite(graph.time),
        "clock": graph.clock,
        "next_key": graph.next_key,
        "building": graph.building,
        "here": list(graph.here),
        "states": sorted(graph.states),
        "places": [asdict(node) for node in plan.nodes.values()],
        "ways": [[one, other, cost] for one, ways in plan.ways.items() for other, cost in ways.items()],
        "cells": plan.cells.tolist(),
        "owner": plan.owner.tolist(),
        "things": [_thing(thing) for thing in graph.things.values()],
        "parents": [[child, how, parent] for child, (how, parent) in graph.parents.items()],
        "facts": {
            "now": _finite(facts.now),
            "filed": facts.filed,
            "dropped": facts.dropped,
            "rows": [_row(fact) for fact in facts.rows.values()],
        },
    }
    return json.dumps({"schema": SCHEMA, "graph": held}, allow_nan=False)


def from_json(text: str) -> SceneGraph:
    """A graph from its text. ValueError for what is no such text, or of another schema."""
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"a scene graph of schema {SCHEMA} was expected, got {found!r}")
    held = data["graph"]
    graph = SceneGraph(**held["capacity"], senses=Senses(**held["senses"]))
    graph.time, graph.clock, graph.next_key = _infinite(held["time"]), held["clock"], held["next_key"]
    graph.building, graph.here, graph.states = held["building"], _point(held["here"]), frozenset(held["states"])
    _fill_plan(graph, held)
    graph.things = {entry["key"]: _thing_back(entry) for entry in held["things"]}
    graph.parents = {child: (how, parent) for child, how, parent in held["parents"]}
    facts = held["facts"]
    rows = [_row_back(entry) for entry in facts["rows"]]
    graph.facts.restore(rows, _infinite(facts["now"]), facts["filed"], facts["dropped"])
    return graph


def _fill_plan(graph: SceneGraph, held: dict[str, Any]) -> None:
    plan = graph.plan
    plan.nodes = {node["key"]: Node(**{**node, "position": _point(node["position"])}) for node in held["places"]}
    plan.ways = {key: {} for key, node in plan.nodes.items() if node.level == "area"}
    for one, other, cost in held["ways"]:
        plan.ways[one][other] = cost
    plan.cells = np.array(held["cells"], float).reshape(-1, 3)
    plan.owner = np.array(held["owner"], np.int64)


def _thing(thing: Thing) -> dict[str, Any]:
    entry = {part.name: getattr(thing, part.name) for part in fields(Thing)}
    arrays = {"position": thing.position.tolist(), "extent": thing.extent.tolist(), "beside": sorted(thing.beside)}
    return _without_ends(entry | arrays)


def _thing_back(entry: dict[str, Any]) -> Thing:
    entry = _with_ends(entry)
    arrays = {name: np.array(entry[name], float) for name in ("position", "extent")}
    return Thing(**(entry | arrays | {"beside": frozenset(entry["beside"])}))


def _row(fact: Fact) -> dict[str, Any]:
    return _without_ends({part.name: getattr(fact, part.name) for part in fields(Fact)})


def _row_back(entry: dict[str, Any]) -> Fact:
    entry = _with_ends(entry)
    value = entry["value"]
    return Fact(**(entry | {"value": tuple(value) if isinstance(value, list) else value}))


def _without_ends(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: None if name in ENDLESS and value == ENDLESS[name] else value for name, value in entry.items()}


def _with_ends(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: ENDLESS[name] if name in ENDLESS and value is None else value for name, value in entry.items()}


def _finite(time: float) -> float | None:
    return time if math.isfinite(time) else None


def _infinite(time: float | None) -> float:
    return -math.inf if time is None else time


def _point(numbers: list[float]) -> tuple[float, float, float]:
    x, y, z = numbers
    return x, y, z
