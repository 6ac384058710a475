"""The scene graph: what comes, moves and goes, what is no evidence, corrections, doubles, room, and a noisy walk."""

import itertools
import math

import numpy as np
import pytest

from loci.memories.maps.scene_graph import HOLD, SceneGraph
from loci.memories.maps.things import STATES, Detection, Senses
from tests.memories.small_room import PERFECT, Errors, Room, score, walk

HERE = (0.0, 0.0, 1.5)
SURE = Senses(hit=0.99, false=0.001)
"""One report makes a thing known, two empty looks undo it."""


def seen(category: str, x: float, y: float = 0.0, z: float = 0.05, wide: float = 0.1, **arguments) -> Detection:
    return Detection(category, (float(x), float(y), float(z)), (wide, wide, wide), **arguments)


def graph(**arguments) -> SceneGraph:
    return SceneGraph(**({"things": 16, "areas": 8, "cells": 64, "senses": SURE} | arguments))


def free_at(*places: tuple):
    """Says that boxes with these middles are free."""
    return lambda centres, extents: np.array([tuple(centre.round(6)) in places for centre in centres], bool)


def test_a_thing_is_known_when_it_has_been_confirmed_and_leaves_facts_from_its_first_look():
    scene = graph(senses=Senses())
    (key,) = scene.observe(1.0, HERE, [seen("cup", 2)])
    assert (scene.known(), len(scene.facts)) == ([], 0)
    assert scene.observe(2.0, HERE, [seen("cup", 2.02)]) == [key]
    assert scene.known() == [key]
    (place,) = scene.facts.history(key, "position")
    assert (place.valid_from, place.learned, place.value) == (1.0, 2.0, pytest.approx((2.01, 0.0, 0.05)))


def test_a_thing_that_is_taken_away_disappears_and_keeps_its_history():
    scene = graph()
    (key,) = scene.observe(1.0, HERE, [seen("cup", 2, states={"dirty": True})])
    for time in (2.0, 3.0):
        assert scene.known() == [key]
        scene.observe(time, HERE, [], free_at((2.0, 0.0, 0.05)))
    assert scene.known() == []
    assert scene.facts.at(3.0, subject=key) == [*scene.facts.at(3.0, subject=key, predicate="label")]
    assert [scene.facts.value(key, "position", time) for time in (1.5, 2.0)] == [(2.0, 0.0, 0.05), None]
    assert scene.facts.value(key, "position", 2.5, believed=2.5) == (2.0, 0.0, 0.05)
    assert scene.facts.value(key, "is dirty", 1.5)
    assert scene.observe(9.0, HERE, [seen("cup", 2)]) == [key]
    assert [row.value is not None for row in scene.facts.history(key, "position")] == [True, False, True]


def test_out_of_view_or_hidden_is_no_evidence():
    scene = graph()
    (key,) = scene.observe(1.0, HERE, [seen("cup", 2)])
    for time in range(2, 30):
        scene.observe(float(time), HERE, [], None if time % 2 else free_at())
    assert (scene.known(), scene.things[key].empty, scene.things[key].seen) == ([key], math.inf, 1.0)


def test_what_never_was_confirmed_goes_without_a_trace():
    scene = graph(senses=Senses())
    scene.observe(1.0, HERE, [seen("ghost", 2)])
    scene.observe(2.0, HERE, [], free_at((2.0, 0.0, 0.05)))
    assert (scene.things, len(scene.facts)) == ({}, 0)


def test_what_has_a_number_or_is_the_only_one_of_its_kind_is_the_same_elsewhere():
    for number in (None, 7):
        scene = graph()
        (key,) = scene.observe(1.0, HERE, [seen("cup", 2, instance=number)])
        assert scene.observe(2.0, HERE, [seen("cup", 5, instance=number)], free_at((2.0, 0.0, 0.05))) == [key]
        rows = scene.facts.history(key, "position")
        assert [(row.value[0], row.valid_from, row.valid_to) for row in rows] == [(2.0, 1.0, 2.0), (5.0, 2.0, math.inf)]
        assert scene.things[key].since == 2


def test_two_of_a_kind_are_two_and_the_third_is_a_third():
    scene = graph()
    keys = scene.observe(1.0, HERE, [seen("cup", 2), seen("cup", 2.15)])
    assert len(set(keys)) == 2
    assert scene.observe(2.0, HERE, [seen("cup", 2.15)]) == [keys[1]]
    assert scene.known() == sorted(keys)
    assert scene.observe(3.0, HERE, [seen("cup", 5)], free_at((2.0, 0.0, 0.05)))[0] not in keys


def test_a_double_is_joined_to_the_older_and_its_key_says_whose_it_was():
    scene = graph(senses=Senses(hit=0.99, false=0.001, noise=0.0, rest=0.12))
    (one,) = scene.observe(1.0, HERE, [seen("cup", 2)])
    (other,) = scene.observe(2.0, HERE, [seen("cup", 2.15)])
    assert other != one
    assert scene.observe(3.0, HERE, [seen("cup", 2.08)]) == [one]
    assert scene.known() == [one]
    assert scene.things[one].position[0] == pytest.approx((2 + 2.15 + 2.08) / 3)
    assert scene.facts.value(other, "same as", 2.5) == one
    assert scene.facts.at(3.0, subject=other) == []


def test_what_stands_on_a_thing_moves_with_it_unless_it_was_seen_elsewhere():
    table = Detection("table", (1.0, 0.0, 0.4), (1.0, 1.0, 0.8), 1)
    moved = Detection("table", (1.0, 3.0, 0.4), (1.0, 1.0, 0.8), 1)
    scene = graph()
    keys = scene.observe(1.0, HERE, [table, seen("cup", 0.8, 0, 0.85, instance=2), seen("bowl", 1.2, 0, 0.85)])
    assert scene.parents == {keys[1]: ("on", keys[0]), keys[2]: ("on", keys[0])}
    assert scene.upon(keys[0]) == {keys[1], keys[2]}
    scene.observe(2.0, HERE, [moved, seen("cup", 0.8, 0, 0.05, instance=2)])
    assert scene.things[keys[2]].position.tolist() == [1.2, 3.0, 0.85]
    assert scene.things[keys[1]].position.tolist() == [0.8, 0.0, 0.05]
    assert scene.parents == {keys[2]: ("on", keys[0])}
    assert [scene.facts.value(keys[1], "on", time) for time in (1.0, 2.0)] == [keys[0], None]
    assert scene.facts.value(keys[2], "position", 1.5) == (1.2, 0.0, 0.85)


def test_what_is_carried_moves_once_and_its_old_place_is_rightly_free():
    """A table is moved with a tray on it, and an apple on the tray that nobody sees."""

    def look(y: float) -> list[Detection]:
        return [
            Detection("table", (1.0, y, 0.4), (1.0, 1.0, 0.8), 1),
            Detection("tray", (1.0, y, 0.82), (0.4, 0.4, 0.04), 2),
            Detection("apple", (1.0, y, 0.89), (0.1, 0.1, 0.1), 3),
        ]

    scene = graph()
    keys = scene.observe(1.0, HERE, look(0.0))
    assert scene.upon(keys[0]) == {keys[1], keys[2]}
    for time in (2.0, 3.0, 4.0):
        scene.observe(time, HERE, look(3.0 * time)[:2], free_at((1.0, 3.0 * (time - 1.0) * (time > 2.0), 0.89)))
    assert scene.things[keys[2]].position.tolist() == pytest.approx([1.0, 12.0, 0.89])
    assert scene.parents[keys[2]] == ("on", keys[1])
    assert (scene.things[keys[2]].gone, scene.things[keys[2]].empty) == (False, math.inf)


def test_an_operator_is_believed_until_something_is_seen_after_it_spoke():
    scene = graph()
    (key,) = scene.observe(1.0, HERE, [seen("cup", 2, states={"dirty": True})])
    scene.correct(5.0, key, position=(4.0, 0.0, 0.05), label="mug", states={"dirty": False}, since=3.0)
    assert scene.things[key].label == "mug"
    assert [scene.facts.value(key, "position", time)[0] for time in (2.9, 3.0)] == [2.0, 4.0]
    assert scene.facts.value(key, "is dirty") is False
    before = (scene.things[key].clone(), len(scene.facts))
    assert scene.observe(5.0, HERE, [seen("mug", 4.1, states={"dirty": True})]) == [key]
    assert scene.things[key].position.tolist() == before[0].position.tolist()
    assert scene.facts.value(key, "is dirty") is False
    for time in (6.0, 7.0, 8.0):
        scene.observe(time, HERE, [seen("mug", 4.2, states={"dirty": True})])
    assert scene.things[key].position[0] == pytest.approx((4.0 + 3 * 4.2) / 4)
    assert scene.facts.value(key, "is dirty") is True
    assert scene.facts.value(key, "position", 4.0)[0] == 4.0
    assert scene.facts.value(key, "position", 8.0)[0] == pytest.approx(4.15, abs=0.06)


def test_a_place_found_free_at_the_moment_an_operator_speaks_does_not_count():
    scene = graph()
    (key,) = scene.observe(1.0, HERE, [seen("cup", 2)])
    scene.correct(5.0, key, position=(4.0, 0.0, 0.05))
    for _ in range(3):
        scene.observe(5.0, HERE, [], free_at((4.0, 0.0, 0.05)))
    assert scene.known() == [key]
    for time in (6.0, 7.0):
        scene.observe(time, HERE, [], free_at((4.0, 0.0, 0.05)))
    assert scene.known() == []


def test_what_began_while_a_thing_was_in_doubt_ends_too():
    """The cup is missed at 2, the table under it becomes known at 2.5, the cup is gone at 3, since 2."""
    scene = graph()
    (cup,) = scene.observe(1.0, HERE, [seen("cup", 0, 0, 0.85)])
    empty = free_at((0.0, 0.0, 0.85))
    scene.observe(2.0, HERE, [], empty)
    (table,) = scene.observe(2.5, HERE, [Detection("table", (0.0, 0.0, 0.4), (1.0, 1.0, 0.8))])
    assert scene.facts.value(cup, "on") == table
    scene.observe(3.0, HERE, [], empty)
    assert [row.predicate for row in scene.facts.at(3.0, subject=cup)] == ["label"]
    assert [scene.facts.value(cup, "position", time) is None for time in (1.9, 2.0)] == [False, True]


def test_an_operator_says_that_a_thing_is_gone_and_a_look_brings_it_back():
    scene = graph()
    (key,) = scene.observe(1.0, HERE, [seen("cup", 2)])
    scene.correct(5.0, key, gone=True, since=4.0)
    assert scene.known() == []
    assert [scene.facts.value(key, "position", time) is None for time in (3.9, 4.0)] == [False, True]
    scene.observe(5.0, HERE, [seen("cup", 2)])
    assert scene.known() == []
    scene.observe(6.0, HERE, [seen("cup", 2)])
    assert scene.known() == [key]
    scene.correct(7.0, key, gone=True)
    scene.correct(8.0, key, label="mug")
    assert (scene.known(), scene.things[key].label) == ([], "mug")
    scene.correct(9.0, key, gone=False, since=8.5)
    assert scene.known() == [key]
    (back,) = scene.facts.at(9.0, subject=key, predicate="position")
    assert (back.value, back.valid_from, back.source) == ((2.0, 0.0, 0.05), 8.5, "operator")


def test_areas_hold_things_and_the_way_between_them_is_a_fact():
    scene = graph()
    floor = scene.add_floor("ground")
    kitchen, hall = scene.add_area("kitchen", floor, (0.0, 0.0, 0.0)), scene.add_area("hall", floor, (4.0, 0.0, 0.0))
    scene.connect(0.0, kitchen, hall, 4.0)
    (key,) = scene.observe(1.0, HERE, [seen("cup", 1, instance=1)])
    scene.observe(2.0, HERE, [seen("cup", 3, instance=1)])
    assert [scene.facts.value(key, "area", time) for time in (1.0, 2.0)] == [kitchen, hall]
    scene.disconnect(3.0, kitchen, hall)
    assert [scene.facts.values(hall, "connects", time) for time in (2.0, 3.0)] == [(kitchen,), ()]


@pytest.mark.parametrize("seed", range(3))
def test_neither_the_order_of_detections_nor_of_independent_looks_matters(seed):
    rng = np.random.default_rng(seed)
    things = [seen(name, 2 * n, instance=n, states={"full": bool(n % 2)}) for n, name in enumerate(["cup", "bowl"] * 4)]

    def told(looks) -> list:
        scene = graph()
        for look in looks:
            scene.observe(1.0, HERE, look)
        name = {thing.key: thing.instance for thing in scene.things.values()}
        rows = [(name[row.subject], row.predicate, row.value, row.valid_from) for row in scene.facts.at(1.0)]
        return sorted(rows, key=repr) + sorted((thing.instance, thing.odds) for thing in scene.things.values())

    whole = told([things])
    assert len(whole) == 8 * 4
    order = rng.permutation(8)
    assert told([[things[n] for n in order]]) == whole
    for cut in (1, 4):
        assert told([[things[n] for n in order[:cut]], [things[n] for n in order[cut:]]]) == whole
    keys = graph().observe(1.0, HERE, [things[n] for n in order])
    assert keys == [1 + sorted(range(8), key=lambda n: (things[n].category, n)).index(n) for n in order]


def test_replaying_the_looks_up_to_a_moment_gives_what_was_believed_then():
    rng = np.random.default_rng(5)
    room, whole, looks = Room(rng, small=8), SceneGraph(64, 4, 4), []
    for number in range(14):
        detections, rays, _ = room.look(np.array([4.0, 3.0, 1.5]), float(number), Errors(), rng)
        looks.append((float(number), HERE, detections, rays.free))
        whole.observe(*looks[-1])
    part = SceneGraph(64, 4, 4)
    for look in looks[:9]:
        part.observe(*look)
    for time in (0.0, 3.0, 8.0, 20.0):
        told = [(row.subject, row.predicate, row.value) for row in part.facts.at(time)]
        assert told == [(row.subject, row.predicate, row.value) for row in whole.facts.at(time, believed=8.0)]
    assert told


def test_to_make_room_the_unconfirmed_go_first_then_what_is_gone_then_what_was_seen_longest_ago():
    scene = graph(things=3)
    keys = [
        scene.observe(float(n), HERE, [seen(f"thing {n}", n, confidence=0.3 if n == 2 else 1.0)])[0] for n in range(3)
    ]
    scene.correct(3.0, keys[1], gone=True)
    for number, gone in ((3, keys[2]), (4, keys[1]), (5, keys[0])):
        scene.observe(float(number), HERE, [seen(f"thing {number}", number)])
        assert gone not in scene.things
        assert scene.facts.record(gone) == []
    assert len(scene.things) == 3


def test_bytes_and_sizes_stay_within_what_is_stated():
    rng, most = np.random.default_rng(0), HOLD * 14 + 3
    scene = graph(things=6, facts=most)
    size = scene.nbytes
    for time in range(60):
        looks = [seen(f"cup {n}", n, states={"on": bool(rng.integers(2))}) for n in range(6)]
        scene.observe(float(time), HERE, looks)
        assert len(scene.facts) <= most
    assert scene.facts.dropped > 0
    for time in range(60, 90):
        looks = [seen(str(rng.choice(["cup", "bowl", "book"])), *rng.uniform(0, 3, 2)) for _ in range(4)]
        scene.observe(float(time), HERE, looks, lambda centres, _: np.ones(len(centres), bool))
        assert (len(scene.things) <= 6, len(scene.facts) <= most) == (True, True)
    assert scene.nbytes == size


def test_a_clone_lives_alike_and_apart():
    rng = np.random.default_rng(3)
    room, scene = Room(rng, small=8), SceneGraph(64, 4, 4)
    walk(room, scene, Errors(), rng, 6)
    twin, kept = scene.clone(), {key: thing.clone() for key, thing in scene.things.items()}
    ends = []
    for one in (twin, scene):
        if one is scene:
            assert all((kept[key].position == thing.position).all() for key, thing in scene.things.items())
            assert len(kept) == len(scene.things)
        walk(room, one, Errors(), np.random.default_rng(4), 6, begin=100.0)
        ends.append((one.facts.rows, one.parents, [(key, thing.odds) for key, thing in one.things.items()]))
    assert ends[0] == ends[1]


def test_with_perfect_numbers_a_walk_finds_all_and_what_was_taken_away_is_gone():
    rng = np.random.default_rng(0)
    room, scene = Room(rng), SceneGraph(64, 4, 4)
    keys = walk(room, scene, PERFECT, rng, 45)
    assert score(room, scene) == (30, 30, 30)
    room.remove(6)
    room.remove(7)
    room.swap(8, 9)
    again = walk(room, scene, PERFECT, rng, 45, begin=100.0)
    assert score(room, scene) == (28, 28, 28)
    assert all(len(set(one)) == 1 and set(again.get(n, one)) == set(one) for n, one in keys.items())


def test_with_a_detector_that_errs_nearly_all_is_right():
    """10 % missed, 5 % under another name, 3 cm on each axis, no numbers."""
    rng = np.random.default_rng(1)
    room, scene = Room(rng), SceneGraph(64, 4, 4)
    walk(room, scene, Errors(), rng, 45)
    right, there, known = score(room, scene)
    assert right >= 28
    assert known <= there + 2
    room.remove(6)
    room.remove(7)
    walk(room, scene, Errors(), rng, 45, begin=100.0)
    right, there, known = score(room, scene)
    assert (right >= 26, there, known <= there + 2) == (True, 28, True)


def test_what_is_wrong_is_refused_and_changes_nothing():
    scene = graph(things=2)
    (key,) = scene.observe(1.0, HERE, [seen("cup", 2, states={"open": True})])
    before = (dict(scene.facts.rows), scene.clock, scene.time)
    many = {f"state {n}": True for n in range(STATES)}
    for call, error, text in (
        (lambda: scene.observe(0.5, HERE, []), ValueError, "time must be finite and not run back, got 0.5 s after 1.0"),
        (lambda: scene.observe(2.0, HERE, [seen("a", 0, instance=1), seen("b", 1, instance=1)]), ValueError,
         r"detections of one picture must have different numbers, got \[1, 1\]"),
        (lambda: scene.observe(2.0, HERE, [seen("a", n) for n in range(3)]), ValueError,
         "a graph of 2 things cannot hold 3 detections"),
        (lambda: scene.observe(2.0, HERE, [seen("a", 0, states=many)]), ValueError, "a graph knows 16 states at most"),
        (lambda: scene.correct(2.0, 99), KeyError, f"no thing 99; things are {key}"),
        (lambda: scene.correct(2.0, key, since=3.0), ValueError, "since must be finite and not after time"),
        (lambda: scene.correct(2.0, key, position=HERE, gone=True), ValueError, "of a thing not gone"),
        (lambda: scene.correct(2.0, key, label=""), ValueError, "category must have 1 to 60 characters"),
        (lambda: scene.correct(0.0, key, label="x"), ValueError, "time must be finite and not run back"),
        (lambda: scene.add_floor(""), ValueError, "name of a floor must have 1 to 64 characters"),
        (lambda: scene.connect(2.0, 5, 6, 1.0), KeyError, "no area 5; areas are none yet"),
        (lambda: graph(things=0), ValueError, "things must be 1 or more"),
        (lambda: graph(facts=10), ValueError, f"facts must be {HOLD * 24 + 3} or more for 16 things and 8 areas"),
    ):  # fmt: skip
        with pytest.raises(error, match=text):
            call()
    assert (dict(scene.facts.rows), scene.clock, scene.time) == before
    with pytest.raises(ValueError, match=r"free must give \(1,\) truth values, got \(3,\) float64"):
        scene.observe(2.0, HERE, [], lambda centres, extents: np.zeros(3))


def test_all_orders_of_three_looks_at_one_instant_give_the_same_mean():
    ends = set()
    for order in itertools.permutations((1.9, 2.0, 2.1)):
        scene = graph()
        for x in order:
            scene.observe(1.0, HERE, [seen("cup", x)])
        ends.add(round(float(scene.things[scene.known()[0]].position[0]), 12))
    assert ends == {2.0}
