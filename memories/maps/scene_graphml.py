"""A scene graph as GraphML, for programs that draw and count graphs: what is believed now, without its history.

Nodes n<key> have `level` (building, floor, area or object), `label`, `x y z` and, of objects, `width depth height`
(metres along x, y and z), `belief` and `seen` (seconds). Edges have `relation`: contains (from a place to what is in
it), on, in (from the thing to what it is on or in), near and connects (once a pair), and `cost` in metres of connects.
"""

import xml.etree.ElementTree as xml

from loci.memories.maps.scene_graph import SceneGraph
from loci.memories.maps.scene_map import SceneMap

SPACE = "http://graphml.graphdrawing.org/xmlns"
NUMBERS = ("x", "y", "z", "width", "depth", "height", "belief", "seen")
KEYS = {name: ("node", "double" if name in NUMBERS else "string") for name in ("level", "label", *NUMBERS)}
KEYS |= {"relation": ("edge", "string"), "cost": ("edge", "double")}


def to_graphml(graph: SceneGraph) -> str:
    """What is believed now."""
    root = xml.Element("graphml", xmlns=SPACE)
    for name, (kind, form) in KEYS.items():
        xml.SubElement(root, "key", {"id": name, "for": kind, "attr.name": name, "attr.type": form})
    drawn = xml.SubElement(root, "graph", edgedefault="directed")
    for key, entry in _nodes(graph):
        _write(xml.SubElement(drawn, "node", id=f"n{key}"), entry)
    for source, target, entry in _edges(graph):
        _write(xml.SubElement(drawn, "edge", source=f"n{source}", target=f"n{target}"), entry)
    xml.indent(root)
    return xml.tostring(root, encoding="unicode", xml_declaration=True)


def _nodes(graph: SceneGraph) -> list[tuple[int, dict[str, str | float]]]:
    nodes: list[tuple[int, dict[str, str | float]]] = []
    for key, node in graph.plan.nodes.items():
        x, y, z = node.position
        nodes.append((key, {"level": node.level, "label": node.name, "x": x, "y": y, "z": z}))
    for key in graph.known():
        thing = graph.things[key]
        numbers = [*thing.position.tolist(), *thing.extent.tolist(), thing.belief, thing.seen]
        nodes.append((key, {"level": "object", "label": thing.label, **dict(zip(NUMBERS, numbers, strict=True))}))
    return nodes


def _edges(graph: SceneGraph) -> list[tuple[int, int, dict[str, str | float]]]:
    edges: list[tuple[int, int, dict[str, str | float]]] = []
    for key, node in graph.plan.nodes.items():
        if node.parent >= 0:
            edges.append((node.parent, key, {"relation": "contains"}))
    for key in graph.known():
        area = graph.facts.value(key, "area")
        edges.append((area if isinstance(area, int) else graph.building, key, {"relation": "contains"}))
    for one, ways in graph.plan.ways.items():
        edges += [(one, other, {"relation": "connects", "cost": cost}) for other, cost in ways.items() if one < other]
    edges += [(child, parent, {"relation": how}) for child, (how, parent) in graph.parents.items()]
    edges += [(one, other, {"relation": "near"}) for one, other in SceneMap(graph).near_pairs()]
    return edges


def _write(element: xml.Element, entry: dict[str, str | float]) -> None:
    for name, value in entry.items():
        xml.SubElement(element, "data", key=name).text = value if isinstance(value, str) else repr(value)
