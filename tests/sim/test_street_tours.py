"""Tours: legs that go on where the last one ended, what is seen once, what texts refer back to, the record of it."""

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from loci.sim.geometry import wrap_angle
from loci.sim.tasks.street_nav import StreetNav, by_visits
from loci.sim.worlds.city import KINDS, City
from loci.sim.worlds.street_moves import Move
from loci.sim.worlds.street_words import ORDINALS
from tests.real_data import DATA, needs

SMALL: dict[str, Any] = {"tour": 6, "cities": 2, "tours": 24, "city": City(columns=4, rows=5), "panoramas": (8, 30)}


def env(batch: int = 12, **settings: Any) -> StreetNav:
    return StreetNav(batch, **{**SMALL, **settings})


def nodes_of(nav: StreetNav) -> np.ndarray:
    return nav.pool.world.stances.node[nav.stance]


def test_a_leg_begins_where_the_last_one_ends() -> None:
    pool = env().pool
    for tour in pool.tours:
        for before, after in pairwise(tour):
            assert pool.route(before)[-1] == pool.route(after)[0]


def test_goals_lie_around_the_start_of_the_tour() -> None:
    pool = env(radius=150.0).pool
    place = pool.world.graph.position
    for tour in pool.tours:
        goals = np.array([pool.route(leg)[-1] for leg in tour])
        assert (
            np.linalg.norm(place[goals[~pool.refers_back[tour]]] - place[pool.route(tour[0])[0]], axis=1).max() <= 150.0
        )


def test_an_episode_is_a_tour_and_only_its_first_moment_resets() -> None:
    """The teacher's reward is 1 a leg; the text changes at once when a leg ends."""
    nav = env(recall=0.5)
    step = nav.reset(0)
    earned, texts = np.zeros(12), [[str(text)] for text in step.obs["instruction"]]
    for _ in range(400):
        running = ~nav._done
        step = nav.step(nav.expert(Move.STOP)[0])
        assert np.array_equal(step.reset, ~running)
        earned += np.where(running, step.reward, 0.0)
        for row in np.flatnonzero(step.terminated):
            assert earned[row] == 6.0
            assert texts[row] == nav.pool.text[nav.pool.tours[nav.which[row]]].tolist()
        for number, told in enumerate(step.obs["instruction"].tolist()):
            if step.reset[number]:
                texts[number], earned[number] = [], 0.0
            if texts[number][-1:] != [told]:
                texts[number].append(told)
        assert not step.truncated.any()
    assert step.obs["turn"].shape == (12, 1)


def test_who_goes_astray_is_put_at_the_start_of_the_next_leg() -> None:
    nav = env(4)
    nav.reset(0)
    for _ in range(5):
        nav.step(np.full(4, Move.FORWARD))
    step = nav.step(np.full(4, Move.STOP))
    assert (nav.number == 1).all()
    assert nodes_of(nav).tolist() == [nav.pool.route(leg)[0] for leg in nav.leg]
    assert not (step.terminated | step.truncated | step.reset).any()
    assert not step.obs["turn"].any()
    for number in range(2, 7):
        step = nav.step(np.full(4, Move.STOP))
        assert step.terminated.all() == (number == 6)
    assert (step.metrics["success"] == 0.0).all()


def test_time_is_up_leg_by_leg() -> None:
    nav = env(3, steps=60)
    nav.reset(0)
    for count in range(1, 361):
        step = nav.step(np.full(3, Move.TURN_AROUND))
        assert (nav.number == min(count // 60, 5)).all()
        assert step.truncated.all() == (count == 360)
    assert not step.terminated.any()


@pytest.mark.parametrize("first_pass", [True, False])
def test_landmarks_are_seen_the_first_time_only(first_pass: bool) -> None:
    """A slow record of the panoramas that each row has left before, and what it sees."""
    nav = env(first_pass=first_pass)
    step = nav.reset(1)
    here, left = nodes_of(nav), [set[int]() for _ in range(12)]
    hidden = 0
    for _ in range(300):
        shown = nav.pool.world.shown[nav.stance] >= 0
        for row in range(12):
            known = first_pass and int(here[row]) in left[row]
            assert np.array_equal(np.abs(step.obs["landmarks"][row]).max(axis=1) > 0, shown[row] & (not known))
            hidden += known and shown[row].any()
        step = nav.step(nav.expert(Move.STOP)[0])
        now = nodes_of(nav)
        for row in range(12):
            if step.reset[row]:
                left[row] = set()
            elif now[row] != here[row]:
                left[row].add(int(here[row]))
        here = now
    assert (hidden > 100) == first_pass


def test_what_a_text_refers_back_to_was_passed_and_is_the_only_one() -> None:
    """From what the teacher sees and where it walks: one landmark fits the words, and the goal is beside it."""
    nav, checked, ordinals = env(24, recall=0.7, first_pass=True, tour=8), 0, 0
    world = nav.pool.world
    nav.reset(2)
    seen = [set[int]() for _ in range(24)]
    passed: list[list[int]] = [[] for _ in range(24)]
    for _ in range(400):
        for row, (marks, node) in enumerate(zip(nav.seen(), nodes_of(nav).tolist(), strict=True)):
            for mark in marks[marks >= 0].tolist():
                seen[row].add(mark)
                near = world.beside[mark] in (node, *world.graph.neighbours(node))
                passed[row] += [mark] if near and mark not in passed[row] else []
        legs = nav.leg.copy()
        step = nav.step(nav.expert(Move.STOP)[0])
        for row in range(24):
            if step.reset[row]:
                seen[row], passed[row] = set(), []
            elif nav.leg[row] != legs[row] and nav.pool.refers_back[nav.leg[row]]:
                text, goal = str(step.obs["instruction"][row]), int(nav.pool.route(nav.leg[row])[-1])
                fits = meant(world, text, seen[row], passed[row])
                assert [int(world.beside[mark]) for mark in fits] == [goal], text
                checked, ordinals = checked + 1, ordinals + ("passed" in text)
    assert checked > 60
    assert ordinals > 20


def test_a_goal_whose_way_is_told_has_been_seen_or_is_seen_on_arrival() -> None:
    """With landmarks seen once only; a goal that is neither could not be found."""
    nav, remembered = env(24, first_pass=True), 0
    step = nav.reset(3)
    seen = [set[str]() for _ in range(24)]
    for _ in range(400):
        for row, marks in enumerate(nav.seen()):
            seen[row] |= {nav.pool.world.said[mark] for mark in marks[marks >= 0]}
        text, act = step.obs["instruction"], nav.expert(Move.STOP)[0]
        for row in np.flatnonzero((act == Move.STOP) & ~nav._done).tolist():
            stop = re.search(r"stop (?:next to|at) (.*) on your", text[row])
            assert stop is not None
            assert stop[1] in seen[row]
            here = [nav.pool.world.said[mark] for mark in nav.seen()[row] if mark >= 0]
            remembered += stop[1] not in here
        step = nav.step(act)
        for row in np.flatnonzero(step.reset).tolist():
            seen[row] = set()
    assert remembered > 20


def test_a_memory_of_where_signs_were_seen_tells_the_goals_that_are_hidden() -> None:
    """Of goals whose sign is no longer shown, 95 % or more are found to a panorama from the directions in which it was
    seen before: an agent that remembers can complete these legs."""
    nav, hits = env(24, recall=0.5, first_pass=True), []
    world = nav.pool.world
    nav.reset(4)
    glances: list[dict[int, list[tuple[int, float]]]] = [{} for _ in range(24)]
    for _ in range(400):
        act = nav.expert(Move.STOP)[0]
        for row, (marks, stance) in enumerate(zip(nav.seen(), nav.stance.tolist(), strict=True)):
            node, heading = int(world.stances.node[stance]), float(world.stances.heading[stance])
            for place, mark in enumerate(marks.tolist()):
                if mark >= 0:
                    glances[row].setdefault(mark, []).append((node, heading + (2 - place) * np.pi / 4.0))
            goal = int(nav.pool.route(nav.leg[row])[-1])
            known = [mark for mark in np.flatnonzero(world.beside == goal).tolist() if mark in glances[row]]
            if act[row] == Move.STOP and not nav._done[row] and nav.visits[row, nav.pool.local[node]] > 1 and known:
                found = np.array([triangulated(world, glances[row][mark]) for mark in known])
                hits.append(world.hops.between(found, np.array([goal])).min() <= 1)
        step = nav.step(act)
        for row in np.flatnonzero(step.reset).tolist():
            glances[row] = {}
    assert len(hits) > 100
    assert np.mean(hits) >= 0.95


def triangulated(world: Any, glances: list[tuple[int, float]]) -> int:
    """The panorama, of those from which a sign was seen, beside which it stands in most of the directions it had."""
    position, around = world.graph.position, np.arange(16) * np.pi / 8.0
    nodes = np.array([node for node, _ in glances])
    best = []
    for node in dict.fromkeys(nodes.tolist()):
        place = position[node] + 8.0 * np.stack([np.cos(around), np.sin(around)], axis=1)
        way = place[:, None] - position[nodes]
        off = wrap_angle(np.arctan2(way[..., 1], way[..., 0]) - [bearing for _, bearing in glances])
        best.append(((np.abs(off) <= np.pi / 8.0).sum(axis=1).max(), node))
    return max(best)[1]


def meant(world: Any, text: str, seen: set[int], passed: list[int]) -> list[int]:
    """The landmarks that a text can mean."""
    nth, kinds = "|".join(ORDINALS), "|".join(kind.replace("_", " ") for kind in KINDS)
    told = re.search(rf"the (?:({nth}) )?({kinds}) (?:that )?you (?:have )?passed(?: ({nth}))?", text)
    if told is None:
        return [mark for mark in seen if f" {world.said[mark]}" in text]
    alike = [mark for mark in passed if world.kind[mark] == told[2]]
    assert set(alike) == {mark for mark in seen if world.kind[mark] == told[2]}
    order = told[1] or told[3]
    return [alike[ORDINALS.index(order)]] if order else alike


def test_the_share_of_texts_that_refer_back_can_be_set() -> None:
    """Where something was passed; the first leg of a tour never does."""
    for share in (0.0, 0.5, 1.0):
        pool = env(recall=share, tours=40).pool
        refers = pool.refers_back[pool.tours]
        assert not refers[:, 0].any()
        assert refers[:, 3:].mean() == pytest.approx(share, abs=0.15)


def test_the_record_of_a_tour_says_how_often_each_goal_was_passed() -> None:
    """Counted again from the teacher's routes: arrivals at the goal or beside it before the leg begins."""
    nav = env(24, recall=0.5, first_pass=True)
    graph = nav.pool.world.graph
    nav.reset(0)
    found, tours = None, nav.which.copy()
    done = np.zeros(24, bool)
    table = {
        name: np.zeros(24)
        for name in ("leg_01_visits", *(f"leg_{i:02}_{p}" for i in range(2, 7) for p in ("visits", "recall")))
    }
    while not done.all():
        step = nav.step(nav.expert(Move.STOP)[0])
        fresh = step.terminated & ~done
        for name in table if fresh.any() else ():
            table[name][fresh] = step.metrics[name][fresh]
        found = step.metrics if fresh.any() else found
        done |= fresh
    assert found is not None
    for row, tour in enumerate(tours):
        arrivals: list[int] = []
        for number, leg in enumerate(nav.pool.tours[tour].tolist(), 1):
            route = nav.pool.route(leg).tolist()
            arrivals += route[:1] if number == 1 else []
            zone = {route[-1], *graph.neighbours(route[-1]).tolist()}
            assert table[f"leg_{number:02}_visits"][row] == max(arrivals.count(node) for node in zone)
            if number > 1:
                assert table[f"leg_{number:02}_recall"][row] == nav.pool.refers_back[leg]
            arrivals += route[1:]


def test_legs_are_reported_by_earlier_visits_by_hand() -> None:
    metrics = {
        "success": np.array([0.5, 1.0]),
        **{"leg_01_success": np.array([1.0, 1.0]), "leg_01_ndtw": np.array([0.5, 1.0])},
        **{"leg_01_visits": np.array([0.0, 0.0]), "leg_01_recall": np.array([0.0, 0.0])},
        **{"leg_02_success": np.array([0.0, 1.0]), "leg_02_ndtw": np.array([0.2, 0.8])},
        **{"leg_02_visits": np.array([1.0, 3.0]), "leg_02_recall": np.array([1.0, 1.0])},
    }
    assert by_visits(metrics) == {
        "0": {"legs": 2.0, "success": 1.0, "ndtw": 0.75},
        "1": {"legs": 1.0, "success": 0.0, "ndtw": pytest.approx(0.2)},
        "2+": {"legs": 1.0, "success": 1.0, "ndtw": pytest.approx(0.8)},
        "recall": {"legs": 2.0, "success": 0.5, "ndtw": pytest.approx(0.5)},
    }


def test_rows_are_the_same_whatever_the_batch_with_noise_too() -> None:
    def trace(batch: int) -> list[np.ndarray]:
        nav, taken = env(batch, noise=0.3, dropout=0.2, first_pass=True), []
        step = nav.reset(7)
        for _ in range(250):
            taken += [part[:2].copy() for part in step.obs.values()] + [step.reward[:2]]
            step = nav.step(nav.expert(Move.STOP)[0])
        return taken

    assert all(np.array_equal(a, b) for a, b in zip(trace(2), trace(5), strict=True))


@needs("touchdown_graph", "velma")
def test_recorded_routes_are_chained_in_one_neighbourhood() -> None:
    nav = StreetNav(16, tour=10, tours=16, data_dir=str(DATA), split="develop", radius=500.0)
    place = nav.pool.world.graph.position
    for tour in nav.pool.tours:
        assert len(set(tour.tolist())) == 10
        ends = np.array([nav.pool.route(leg)[[0, -1]] for leg in tour]).ravel()
        assert np.linalg.norm(place[ends] - place[nav.pool.route(tour[0])[0]], axis=1).max() <= 500.0
    step = nav.reset(0)
    while not step.metrics:
        step = nav.step(nav.expert(Move.STOP)[0])
    assert step.metrics["success"][step.terminated].min() == 1.0
    with pytest.raises(ValueError, match="recall must be 0 with the recorded routes of split 'develop'"):
        StreetNav(1, tour=4, recall=0.5, data_dir=str(DATA), split="develop")
    with pytest.raises(ValueError, match="no 10 recorded routes lie within 50.0 m"):
        StreetNav(1, tour=10, data_dir=str(DATA), split="develop", radius=50.0)
