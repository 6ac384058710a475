"""What a map of streets answers to planners and shows to people: of leaves and landmarks, and of a cache alone."""

import math

import pytest

from tests.memories.street_walks import SPACING, corner, lived, loop, memory, walk


def test_the_map_answers_in_metres_and_words():
    places, views = corner()
    made = memory()
    state, _ = lived(made, walk(views[None], places[None]))
    view = made.maps(state)[0]
    assert view.near((50.0, 0.0, 0.0), 1)[0].distance <= 0.5 * math.sqrt(3) * 5.0
    start = made.leaves
    ways, leaves = view.neighbours(start), view.neighbours(0)
    assert (start + 1, pytest.approx(SPACING)) in ways
    assert [key for key, _ in ways if key < start] == [0, 1]  # and the leaves within `radius` metres of it
    assert [key for key, _ in leaves if key < start] == [1]
    lines = view.describe(3).splitlines()
    assert lines[0] == "You are at (50, 50) m and know 11 places."
    assert lines[1] == "landmark 10: 0 m east, the one you are at"
    assert lines[2] == "landmark 9: 10 m south, 1 landmark on"
    assert [entry.key for entry in view.find("landmark 4", 3)] == [start + 4]
    assert view.find("fountain", 3) == []


def test_with_a_code_words_find_what_looks_like_them():
    places, views = corner()
    made = memory()
    state, _ = lived(made, walk(views[None], places[None]))
    found = made.maps(state, code=lambda words: views[int(words)])[0].find("7", 2)
    assert {entry.key for entry in found} == {7, made.leaves + 7}
    assert [entry.score for entry in found] == pytest.approx([1.0, 1.0], abs=1e-4)
    assert [entry.since for entry in found] == [7, 7]


def test_a_cache_alone_is_a_log_of_moments():
    places, views = corner()
    made = memory(octree=False, graph=False, long=False, rows=6)
    state, _ = lived(made, walk(views[None], places[None]))
    held = made.maps(state, code=lambda words: views[int(words)])[0]
    assert [entry.key for entry in held.near((*places[7].tolist(), 0.0), 3)] == [7, 8, 6]
    found = held.find("9", 1)[0]
    assert (found.key, found.since, found.score) == (9, 9, pytest.approx(1.0))
    assert found.position == pytest.approx((*places[9].tolist(), 0.0))
    assert held.neighbours(9) == [(8, pytest.approx(SPACING)), (10, pytest.approx(SPACING))]
    assert held.find("0", 1)[0].score < 0.9  # it has left
    with pytest.raises(KeyError, match="no moment 0; 6 are held"):
        held.neighbours(0)
    assert held.describe(2).splitlines() == [
        "6 moments are remembered.",
        "1 steps ago: 10 m from here",
        "0 steps ago: 0 m from here",
    ]


def test_the_drawing_says_who_answered():
    made = memory(query="both")
    percept = loop(6, laps=2, noise=0.1, batch=1)
    percept.goal = percept.vision
    state, recall = lived(made, percept)
    drawing = made.draw(state, recall.at(11), 0)
    layers = {layer.title: layer for layer in drawing.layers}
    assert list(layers) == ["leaves", "landmarks", "ways", "found", "routes"]
    assert len(layers["leaves"].centres) == len(state.charts[0].tree)
    assert len(layers["ways"].ends) == 12  # a ring of 6, both ways
    assert drawing.facts["view"].startswith("short, cosine ")
    assert drawing.facts["landmarks"] == "6 of 24"
    assert layers["found"].texts[0] == "view 1, short"
