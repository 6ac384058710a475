"""Questions to a scene graph, on a kitchen and a hall drawn by hand."""

import numpy as np
import pytest

from loci.memories.maps.scene_graph import SceneGraph
from loci.memories.maps.scene_map import SceneMap, alike
from loci.memories.maps.things import Detection, Senses
from loci.memories.memory import SpatialMap

HERE = (0.0, 0.0, 1.5)


@pytest.fixture
def home() -> tuple[SceneMap, dict[str, int]]:
    graph = SceneGraph(16, 8, 16, senses=Senses(hit=0.99, false=0.001))
    floor = graph.add_floor("ground")
    kitchen = graph.add_area("kitchen", floor, (0.0, 0.0, 0.0))
    hall = graph.add_area("long hall", floor, (6.0, 0.0, 0.0))
    graph.connect(0.0, kitchen, hall, 6.5)
    keys = graph.observe(
        1.0,
        HERE,
        [
            Detection("table", (1.0, 0.0, 0.4), (1.0, 1.0, 0.8)),
            Detection("coffee cup", (1.0, 0.0, 0.85), (0.1, 0.1, 0.1), states={"filled": "coffee", "dirty": False}),
            Detection("cup", (1.3, 0.0, 0.85), (0.1, 0.1, 0.1)),
            Detection("cupboard", (6.0, 1.0, 1.0), (1.0, 1.0, 2.0)),
            Detection("cup", (6.0, 1.0, 1.0), (0.1, 0.1, 0.1)),
        ],
    )
    names = ("table", "coffee cup", "near cup", "cupboard", "far cup")
    places = {"floor": floor, "kitchen": kitchen, "hall": hall, "home": graph.building}
    return SceneMap(graph), dict(zip(names, keys, strict=True)) | places


def test_it_is_a_spatial_map(home):
    assert isinstance(home[0], SpatialMap)


def test_near_is_nearest_first(home):
    view, keys = home
    entries = view.near((6.0, 0.0, 1.0), 99)
    far = [entry.distance for entry in entries]
    assert far == sorted(far)
    assert {entry.key for entry in entries} == {key for name, key in keys.items() if name not in ("floor", "home")}
    for entry in entries:
        assert entry.distance == pytest.approx(float(np.linalg.norm(np.subtract(entry.position, (6.0, 0.0, 1.0)))))
    assert [entry.key for entry in view.near((6.0, 0.0, 0.0), 1)] == [keys["hall"]]


def test_find_is_by_shared_words_then_by_distance(home):
    view, keys = home
    assert [entry.key for entry in view.find("cup", 9)] == [keys["near cup"], keys["far cup"], keys["coffee cup"]]
    assert [(entry.key, entry.score) for entry in view.find("Coffee Cup", 1)] == [(keys["coffee cup"], 1.0)]
    assert [entry.key for entry in view.find("hall", 9)] == [keys["hall"]]
    assert view.find("lamp", 9) == []
    assert alike("a big red cup", "red cup") == 0.5


def test_neighbours(home):
    view, keys = home
    assert view.neighbours(keys["hall"]) == [(keys["kitchen"], 6.5)]
    assert view.neighbours(keys["far cup"]) == [(keys["cupboard"], 0.0)]
    around = view.neighbours(keys["coffee cup"])
    assert around == [(keys["near cup"], pytest.approx(0.3)), (keys["table"], pytest.approx(0.45))]
    assert dict(view.neighbours(keys["table"]))[keys["coffee cup"]] == pytest.approx(0.45)


def test_where_is_it_and_what_is_in_it(home):
    view, keys = home
    found = view.where(keys["coffee cup"])
    assert (found.relation, found.parent, found.area) == ("on", keys["table"], keys["kitchen"])
    assert found.states == {"dirty": False, "filled": "coffee"}
    assert [one.key for one in view.where_is("cup")] == [keys["near cup"], keys["far cup"]]
    assert view.where(keys["far cup"]).relation == "in"
    assert view.contents(keys["cupboard"]) == [keys["far cup"]]
    assert view.contents(keys["table"]) == sorted([keys["coffee cup"], keys["near cup"]])
    assert view.contents(keys["hall"]) == sorted([keys["cupboard"], keys["far cup"]])
    assert view.contents(keys["home"]) == view.contents(keys["floor"]) == view.graph.known()


def test_what_changed_and_what_is_stale(home):
    view, keys = home
    view.graph.observe(5.0, HERE, [Detection("cup", (1.3, 0.0, 0.85), (0.1, 0.1, 0.1), states={"dirty": True})])
    assert [(row.subject, row.predicate, row.value) for row in view.changed(1.0)] == [
        (keys["near cup"], "is dirty", True)
    ]
    assert keys["near cup"] not in [one.key for one in view.stale(3.0)]
    assert {one.age for one in view.stale(3.0)} == {4.0}
    assert view.stale(4.0) == []
    view.graph.observe(6.0, HERE, [], lambda centres, wide: (centres[:, 0] > 5.0) & (wide[:, 0] < 0.5))
    (stale,) = view.stale(99.0)
    assert (stale.key, stale.age) == (keys["far cup"], 5.0)
    assert stale.belief < view.graph.things[keys["table"]].belief
    assert view.was(keys["far cup"], 2.0)["in"] == keys["cupboard"]


def test_what_is_gone_is_not_told_of(home):
    view, keys = home
    view.graph.correct(2.0, keys["far cup"], gone=True)
    assert [one.key for one in view.where_is("cup")] == [keys["near cup"]]
    assert view.contents(keys["cupboard"]) == []
    assert view.was(keys["far cup"], 1.5)["label"] == "cup"
    with pytest.raises(KeyError, match="no known thing"):
        view.where(keys["far cup"])


def test_in_words(home):
    view, keys = home
    lines = view.describe(2).splitlines()
    assert lines == [
        "2 areas and 5 things are known.",
        f"Area kitchen [{keys['kitchen']}] leads to long hall (6.5 m).",
        f"Area long hall [{keys['hall']}] leads to kitchen (6.5 m).",
        f"coffee cup [{keys['coffee cup']}] on the table [{keys['table']}] in area kitchen at (1.00, 0.00, 0.85) m, "
        "dirty: False, filled: coffee.",
        f"cup [{keys['near cup']}] on the table [{keys['table']}] in area kitchen at (1.30, 0.00, 0.85) m.",
    ]


def test_an_empty_graph_answers_too():
    view = SceneMap(SceneGraph(4, 4, 4))
    assert (view.near(HERE, 3), view.find("cup", 3), view.stale(0.0), view.near_pairs()) == ([], [], [], [])
    assert view.describe(3) == "0 areas and 0 things are known."


def test_what_is_wrong_is_refused(home):
    view, _ = home
    for call, error, text in (
        (lambda: view.near(HERE, 0), ValueError, "k must be at least 1, got 0"),
        (lambda: view.find("cup", 0), ValueError, "k must be at least 1"),
        (lambda: view.describe(0), ValueError, "k must be at least 1"),
        (lambda: view.neighbours(99), KeyError, "nothing has the key 99; keys are"),
        (lambda: view.contents(99), KeyError, "nothing has the key 99"),
    ):
        with pytest.raises(error, match=text):
            call()
