"""A scene graph as GraphML: other programs read it."""

import xml.etree.ElementTree as xml

import pytest

from loci.memories.maps.scene_graphml import SPACE, to_graphml
from loci.memories.maps.scene_map import SceneMap
from tests.memories.small_room import lived


def test_the_xml_names_every_node_and_relation():
    graph, _ = lived()
    root = xml.fromstring(to_graphml(graph))
    drawn = {"g": SPACE}
    nodes = {node.get("id"): {d.get("key"): d.text for d in node} for node in root.findall("g:graph/g:node", drawn)}
    edges = [
        (edge.get("source"), edge.get("target"), {d.get("key"): d.text for d in edge})
        for edge in root.findall("g:graph/g:edge", drawn)
    ]
    assert set(nodes) == {f"n{key}" for key in [*graph.plan.nodes, *graph.known()]}
    for key in graph.known():
        assert nodes[f"n{key}"]["label"] == graph.things[key].label
        assert [float(nodes[f"n{key}"][axis]) for axis in "xyz"] == graph.things[key].position.tolist()
    assert {key for node in nodes.values() for key in node} <= {key.get("id") for key in root.findall("g:key", drawn)}
    held = [(one, other) for one, other, entry in edges if entry["relation"] == "contains"]
    assert sorted(other for _, other in held) == sorted(set(nodes) - {f"n{graph.building}"})
    on = {(f"n{child}", f"n{parent}", how) for child, (how, parent) in graph.parents.items()}
    assert {(one, other, entry["relation"]) for one, other, entry in edges if entry["relation"] in ("on", "in")} == on
    assert [entry for *_, entry in edges if entry["relation"] == "connects"] == [
        {"relation": "connects", "cost": "5.25"}
    ]
    near = sorted((int(one[1:]), int(other[1:])) for one, other, entry in edges if entry["relation"] == "near")
    assert near == sorted(SceneMap(graph).near_pairs())
    assert near


def test_networkx_reads_it():
    networkx = pytest.importorskip("networkx")
    graph, _ = lived()
    read = networkx.parse_graphml(to_graphml(graph))
    key = graph.known()[0]
    assert read.nodes[f"n{key}"]["x"] == float(graph.things[key].position[0])
    assert read.nodes["n1"]["label"] == "ground <&> first"
    contains = networkx.subgraph_view(read, filter_edge=lambda a, b: read.edges[a, b]["relation"] == "contains")
    assert networkx.is_arborescence(contains)
    assert networkx.shortest_path_length(
        networkx.subgraph_view(read, filter_edge=lambda a, b: read.edges[a, b]["relation"] == "connects"),
        "n2", "n3", weight="cost",
    ) == 5.25  # fmt: skip
