"""A scene graph as JSON: nothing is lost."""

import json

import numpy as np
import pytest

from loci.memories.maps.scene_graph import SceneGraph
from loci.memories.maps.scene_json import from_json, to_json
from loci.memories.maps.scene_map import SceneMap
from tests.memories.small_room import Errors, lived, walk


def test_what_is_read_back_is_the_same_and_lives_on_alike():
    graph, room = lived()
    text = to_json(graph)
    back = from_json(text)
    assert to_json(back) == text
    assert back.facts.rows == graph.facts.rows
    assert SceneMap(back).describe(99) == SceneMap(graph).describe(99)
    ends = []
    for one in (graph, back):
        walk(room, one, Errors(), np.random.default_rng(9), 8, begin=100.0)
        ends.append(to_json(one))
    assert ends[0] == ends[1] != text


def test_an_empty_graph_survives():
    graph = SceneGraph(4, 4, 4)
    assert to_json(from_json(to_json(graph))) == to_json(graph)


def test_it_is_plain_json():
    graph, _ = lived()

    def refuse(word: str) -> None:
        raise AssertionError(word)

    data = json.loads(to_json(graph), parse_constant=refuse)
    assert data["schema"] == 1
    assert len(data["graph"]["things"]) == len(graph.things)


def test_another_schema_is_refused():
    for text, found in (('{"schema": 2}', "got 2"), ("[]", "got 'list'"), ("{}", "got None")):
        with pytest.raises(ValueError, match=f"a scene graph of schema 1 was expected, {found}"):
            from_json(text)
