"""Street navigation: the teacher, metrics, what is seen and said, settings, and recorded routes."""

import re
from typing import Any

import numpy as np
import pytest

from loci.agents.street_reader import Reader
from loci.sim.sensors import LETTERS
from loci.sim.tasks.street_nav import StreetNav
from loci.sim.worlds.city import City
from loci.sim.worlds.street_manhattan import decision_points, manhattan, plain, side_of
from loci.sim.worlds.street_metrics import street_metrics
from loci.sim.worlds.street_moves import Move, begin, route_moves, walk
from loci.sim.worlds.word_vectors import phrase_vector
from tests.real_data import DATA, needs

SMALL: dict[str, Any] = {"cities": 2, "tours": 60, "city": City(columns=4, rows=4)}
NAMES = {"tc": "success", "spd": "spd", "sed": "sed", "kpa": "kpa", "ndtw_orar": "ndtw_orar", "ndtw": "ndtw"}


def env(batch: int = 16, **settings: Any) -> StreetNav:
    return StreetNav(batch, **{**SMALL, **settings})


def finished(nav: StreetNav, act: Any, episodes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Metrics of so many episodes or more; `act` takes the environment and the step before."""
    step = nav.reset(seed)
    found: dict[str, Any] = {}
    while len(found.get("success", ())) < episodes:
        step = nav.step(act(nav, step))
        for name, values in step.metrics.items():
            found.setdefault(name, []).extend(values[~np.isnan(values)])
    return {name: np.array(values) for name, values in found.items()}


def teacher(nav: StreetNav, _: Any) -> np.ndarray:
    return nav.expert(Move.STOP)[0]


def test_the_teacher_completes_every_leg_of_the_pool() -> None:
    nav, met = env(60), set[int]()
    nav.reset(0)
    while len(met) < 60:
        step = nav.step(teacher(nav, None))
        assert not step.truncated.any()
        ended = step.terminated
        met |= set(nav.which[ended].tolist())
        for name, expected in {"success": 1, "spd": 0, "sed": 1, "kpa": 1, "ndtw": 1}.items() if ended.any() else ():
            assert (step.metrics[name][ended] == expected).all(), name
        assert np.array_equal(step.reward == 1.0, ended)


def test_the_teacher_makes_the_moves_of_the_route() -> None:
    nav = env(1)
    graph, stances = nav.pool.world.graph, nav.pool.world.stances
    for seed in range(8):
        nav.reset(seed)
        leg = int(nav.leg[0])
        start, route = nav.pool.start[leg], nav.pool.route(leg).tolist()
        expected = route_moves(graph, begin(graph, route[0], float(stances.heading[start])), route)
        assert len(expected) == nav.pool.moves[leg]
        for move in expected:
            assert teacher(nav, None)[0] == move
            nav.step([move])
        assert nav._done[0]


def test_the_teacher_comes_back_from_wherever_the_agent_is() -> None:
    """24 moves at random, then the teacher: it arrives, from places that lie off the route too."""
    nav, rng = env(32, steps=200), np.random.default_rng(0)
    nav.reset(0)
    for _ in range(24):
        nav.step(np.array([0, 0, 0, 1, 2, 3])[rng.integers(6, size=32)])
    nodes = nav.pool.world.stances.node[nav.stance]
    assert sum(node not in nav.pool.route(leg) for node, leg in zip(nodes, nav.leg, strict=True)) > 10
    arrived = np.zeros(32, bool)
    for _ in range(180):
        step = nav.step(teacher(nav, None))
        assert (step.metrics["success"][step.terminated] == 1.0).all() if step.terminated.any() else True
        arrived |= step.terminated
    assert arrived.all()


def test_off_the_route_each_step_of_the_teacher_brings_it_nearer() -> None:
    """Hops to the nearest panorama of the route never grow, and fall whenever it moves on."""
    nav, rng = env(16, steps=200), np.random.default_rng(3)
    graph, stances = nav.pool.world.graph, nav.pool.world.stances
    nav.reset(5)
    for _ in range(30):
        nav.step(np.array([0, 0, 0, 1, 2, 3])[rng.integers(6, size=16)])
    legs, moved = nav.leg.copy(), 0
    far = [np.min([graph.hops(int(node)) for node in nav.pool.route(leg)], axis=0) for leg in legs]
    for _ in range(60):
        before = stances.node[nav.stance].copy()
        step = nav.step(teacher(nav, None))
        after = stances.node[nav.stance]
        for row in np.flatnonzero((legs == nav.leg) & ~step.reset & ~step.terminated & (before != after)):
            was, now = far[row][before[row]], far[row][after[row]]
            assert now == max(was - 1, 0)
            moved += was > 0
    assert moved > 30


def test_metrics_are_those_of_the_path_that_was_walked() -> None:
    """Random agents, which stop now and then, against `street_metrics` on the nodes of the slow navigator."""
    nav, rng, checked = env(24), np.random.default_rng(1), 0
    graph, stances = nav.pool.world.graph, nav.pool.world.stances
    nav.reset(2)
    moves: list[list[Move]] = [[] for _ in range(24)]
    for _ in range(150):
        legs = nav.leg.copy()
        act = np.array([0, 0, 0, 0, 1, 2, 3, 4])[rng.integers(8, size=24)]
        act = np.where(rng.random(24) < 0.5, teacher(nav, None), act)
        step = nav.step(act)
        for row in range(24):
            if step.reset[row]:
                moves[row] = []
                continue
            moves[row].append(Move(act[row]))
            if step.terminated[row] or step.truncated[row]:
                route = nav.pool.route(legs[row]).tolist()
                heading = float(stances.heading[nav.pool.start[legs[row]]])
                path = walk(graph, begin(graph, route[0], heading), moves[row])
                expected = street_metrics(graph, path, route)
                found = {ours: step.metrics[theirs][row] for ours, theirs in NAMES.items()}
                assert found == pytest.approx(expected)
                assert step.reward[row] == expected["tc"]
                checked += 1
    assert checked > 50


def test_who_never_stops_has_not_completed_it() -> None:
    nav = env(8, steps=80)
    nav.reset(0)
    for count in range(1, 81):
        act = teacher(nav, None)
        step = nav.step(np.where(act == Move.STOP, Move.TURN_AROUND, act))
        assert step.truncated.all() == (count == 80)
    assert not step.terminated.any()
    assert (step.metrics["success"] == 0.0).all()
    assert (step.reward == 0.0).all()
    assert (step.metrics["spd"] <= 1.0).all()


def test_the_words_suffice_for_a_reader_that_only_counts_crossings() -> None:
    """Of 200 episodes at least 94 %: signs hide behind others, and stops are exact to a panorama."""
    nav = env(24)
    readers: list[Reader] = [Reader("")] * 24

    def act(nav: StreetNav, step: Any) -> list[Move]:
        for row in np.flatnonzero(step.reset):
            readers[row] = Reader(str(step.obs["instruction"][row]))
        return [reader.step({k: v[row] for k, v in step.obs.items()}) for row, reader in enumerate(readers)]

    assert finished(nav, act, 200)["success"].mean() >= 0.94


def test_who_follows_the_twins_words_needs_nothing_else() -> None:
    def act(nav: StreetNav, step: Any) -> list[int]:
        return [Move[word.upper().replace(" ", "_")] for word in step.obs["words"]]

    assert finished(env(twin=True), act, 40)["success"].min() == 1.0
    assert set(env().reset(0).obs["words"]) == {""}


def test_what_is_observed_is_what_the_world_says() -> None:
    nav, rng = env(12), np.random.default_rng(0)
    world = nav.pool.world
    step = nav.reset(4)
    for _ in range(60):
        before = nav.stance.copy()
        for row in range(12):
            stance = int(nav.stance[row])
            for place, mark in enumerate(world.shown[stance]):
                expected = phrase_vector(world.looks[mark], 64) if mark >= 0 else np.zeros(64)
                assert np.allclose(step.obs["landmarks"][row, place], expected)
            node = int(world.stances.node[stance])
            assert step.obs["ways"][row] == world.graph.ways(node)
            assert np.allclose(step.obs["position"][row], [*world.graph.position[node], 0.0], atol=1e-3)
        step = nav.step(np.array([0, 0, 0, 1, 2, 3])[rng.integers(6, size=12)])
        turned = world.stances.heading[nav.stance] - world.stances.heading[before]
        kept = ~step.reset
        assert np.allclose(np.exp(1j * step.obs["turn"][kept, 0]), np.exp(1j * turned[kept]), atol=1e-6)
        assert np.abs(step.obs["turn"]).max() <= np.pi + 1e-6


def test_noise_has_the_length_and_dropout_the_share_that_were_asked() -> None:
    """Over 500 sightings or more: lengths within 5 %, the share within four standard errors."""
    clean, noisy, lossy = env(64), env(64, noise=0.5), env(64, dropout=0.3)
    lengths, lost = [], []
    for nav in (clean, noisy, lossy):
        nav.reset(3)
    for _ in range(40):
        act = teacher(clean, None)
        plain_, loud, poor = (nav.step(act).obs["landmarks"] for nav in (clean, noisy, lossy))
        there = np.abs(plain_).max(axis=2) > 0.0
        lengths += np.linalg.norm(loud - plain_, axis=2)[there].tolist()
        lost += (np.abs(poor).max(axis=2) == 0.0)[there].tolist()
        assert not loud[~there].any()
        if clean._done.any():
            break
    assert len(lengths) > 500
    assert np.mean(lengths) == pytest.approx(0.5, rel=0.05)
    assert np.mean(lost) == pytest.approx(0.3, abs=4.0 * (0.21 / len(lost)) ** 0.5)


def test_legs_have_the_lengths_that_were_asked_and_begin_and_end_on_streets() -> None:
    pool = env(panoramas=(10, 14)).pool
    size = np.diff(pool.first)
    assert size.min() >= 10
    assert size.max() <= 14
    for leg in range(len(pool.start)):
        route = pool.route(leg)
        assert pool.world.stances.node[pool.start[leg]] == route[0]
        assert len(pool.world.graph.shortest_path(int(route[0]), int(route[-1]))) == len(route)
        assert (pool.world.ways[[route[0], route[-1]]] == 2).all()


def test_texts_are_plain_varied_and_the_same_from_the_same_seed() -> None:
    first, same, other, held_out = (env(**kw).pool for kw in ({}, {}, {"seed": 1}, {"split": "develop"}))
    assert np.array_equal(first.text, same.text)
    assert not set(first.text.tolist()) & set(other.text.tolist())
    assert not set(first.world.looks) & set(held_out.world.looks)
    assert {letter for text in first.text.tolist() for letter in text} <= set(LETTERS)
    assert len({re.sub(r"(at|past|pass|see|to) \w+ \w+", "", text) for text in first.text.tolist()}) > 30


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "test"}, "split must be one of train, develop without data_dir, got 'test'"),
        ({"noise": -1.0}, "noise must be 0 or more"),
        ({"dropout": 1.5}, r"dropout lie in \[0, 1\], got 0.0 and 1.5"),
        ({"steps": 8}, r"steps must be \d+ or more, as the longest route needs, got 8"),
        ({"recall": 2.0}, r"recall must lie in \[0, 1\], got 2"),
        ({"tour": 0}, "tour must be 1 leg or more, got 0"),
        ({"cities": 61}, "cities must lie in 1..tours = 60, got 61"),
        ({"panoramas": (500, 600), "tours": 2}, "no tour of 1 legs with .*ask for fewer legs"),
        ({"radius": 0.0}, "radius must be positive"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        env(**settings)


def test_a_missing_file_is_named_with_the_page_that_helps(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError, match=r"touchdown_graph/nodes\.txt.*docs/worlds/streets\.md"):
        env(data_dir=tmp_path)
    with pytest.raises(
        ValueError, match="split must be one of train, develop, touchdown, unseen with recorded streets"
    ):
        env(data_dir=tmp_path, split="test")


def test_letters_that_nobody_hears_are_made_plain() -> None:
    assert plain("Café “Bouley”;  5th & Main\t(N.Y.)") == "cafe bouley 5th and main n.y."
    assert side_of("citibank", "at the light with citibank on your near left corner, turn right") == 1.0
    assert side_of("citibank", "pass citibank. stop on the left") == -1.0


@needs("touchdown_graph", "velma")
@pytest.mark.parametrize("split", ["develop", "touchdown"])
def test_the_teacher_walks_recorded_routes(split: str) -> None:
    nav = StreetNav(128, data_dir=str(DATA), split=split)
    assert len(nav.pool.start) == 800
    found = finished(nav, teacher, 128)
    assert found["success"].min() == found["ndtw"].min() == found["kpa"].min() == 1.0


@needs("touchdown_graph", "velma")
def test_landmarks_of_a_list_are_seen_from_the_decision_points_of_their_routes() -> None:
    world, routes = manhattan(str(DATA), "develop")
    named, met = 0, 0
    for route in routes[:100]:
        points = [route.nodes[i] for i in decision_points(world.graph, route)]
        spans = [slice(int(world.first[node]), int(world.first[node + 1])) for node in points]
        seen = {world.said[mark] for span in spans for mark in world.seen[span].tolist()}
        met += any(name in route.instruction for name in seen)
        named += 1
    assert met / named > 0.85


@needs("touchdown_graph", "velma")
def test_no_panorama_of_a_training_route_is_in_another_split() -> None:
    counts, places = {"train": 594, "develop": 800, "touchdown": 800}, {}
    for split, count in counts.items():
        world, routes = manhattan(str(DATA), split)
        assert len(routes) == count
        assert all(set(route.instruction) <= set(LETTERS) for route in routes)
        places[split] = {world.graph.names[node] for route in routes for node in route.nodes}
    assert not places["train"] & (places["develop"] | places["touchdown"])
