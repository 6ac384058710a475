"""Streets to be seen: the episodes of the array task, with pictures from where its stances say."""

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.geometry import wrap_angle
from loci.sim.tasks.street_nav import StreetNav
from loci.sim.tasks.street_views import BURIED, StreetViews
from loci.sim.vector import VectorEnv
from loci.sim.worlds import street_town
from loci.sim.worlds.city import City
from loci.sim.worlds.street_moves import Move
from loci.sim.worlds.street_town import furnished
from loci.sim.worlds.streets import EYE, views
from tests.real_data import DATA, needs

SMALL: dict[str, Any] = {"cities": 2, "tours": 12, "city": City(columns=4, rows=4)}
TOUR: dict[str, Any] = {"tour": 4, "recall": 0.5, "first_pass": True}


def env(batch: int = 1, seed: int = 0, **settings: Any) -> VectorEnv:
    made = VectorEnv(KinematicBackend(batch), lambda: StreetViews(**{**SMALL, **settings}))
    made.reset(seed)
    return made


def taught(rows: VectorEnv) -> np.ndarray:
    return rows.expert(Move.STOP)[0]


@pytest.mark.parametrize("settings", [{}, {**TOUR, "noise": 0.3, "dropout": 0.2, "steps": 60}], ids=["leg", "tour"])
def test_episodes_are_those_of_the_array_task(settings: dict[str, Any]) -> None:
    """Same seed, same actions, some of them wrong: same landmark vectors, texts, rewards, ends and metrics."""
    seen, told, rng = env(3, 5, **settings), StreetNav(3, **{**SMALL, **settings}), np.random.default_rng(0)
    told.reset(5)
    ended = 0
    for _ in range(150):
        act = np.where(rng.random(3) < 0.15, rng.integers(5, size=3), taught(seen))
        assert np.array_equal(taught(seen), told.expert(Move.STOP)[0])
        one, other = seen.step(act), told.step(act)
        assert set(one.obs) == {*other.obs, "rgb", "depth"}
        assert all(np.array_equal(one.obs[name], part) for name, part in other.obs.items())
        for name in ("reward", "terminated", "truncated", "reset"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert set(one.metrics) == set(other.metrics)
        assert all(np.array_equal(one.metrics[name], v, equal_nan=True) for name, v in other.metrics.items())
        ended += int((one.terminated | one.truncated).sum())
    assert ended >= 3


def test_the_camera_is_where_and_as_the_stance_says() -> None:
    """Bit for bit the picture that `views` draws of the panorama along the stance's heading."""
    rows = env()
    task, graph = rows.tasks[0], rows.tasks[0].nav.pool.world.graph  # type: ignore[attr-defined]
    stances = task.nav.pool.world.stances  # type: ignore[attr-defined]
    for _ in range(25):
        step = rows.step(taught(rows))
        stance = int(task.nav.stance[0])  # type: ignore[attr-defined]
        node, heading = int(stances.node[stance]), float(stances.heading[stance])
        x, y, yaw = rows.backend.agent(0)
        assert (x, y) == tuple(graph.position[node])
        assert abs(wrap_angle(yaw - heading)) < 1e-12
        seen = views(rows.backend, graph, [node], np.array([[yaw]]), EYE)  # type: ignore[arg-type]
        assert all(np.array_equal(seen[kind][0, 0], step.obs[kind][0]) for kind in EYE.kinds)


def test_depth_of_the_road_is_that_of_a_plane_below_the_eye() -> None:
    """A level camera h above a road sees it at h / v, v = (row + 1/2 - 32) / 32 at 90 degrees; roads lie 0 to 3 cm
    high."""
    rows, below = env(), np.arange(42, 64)
    v = (below + 0.5 - 32.0) / 32.0
    for _ in range(40):
        depth = rows.step(taught(rows)).obs["depth"][0, below, 31:33]
        assert (depth <= 2.5 / v[:, None] + 1e-4).all()
        assert (depth >= 2.47 / v[:, None] - 1e-4).all()


def test_signs_stand_where_their_sightings_say() -> None:
    """A sign of a landmark at distance d and bearing b has depth d cos(b - heading); its board is 3.8 m wide."""
    rows, camera, checked = env(4, 1), replace(EYE, kinds=("depth", "instance")), 0
    for _ in range(40):
        rows.step(taught(rows))
        images = rows.backend.render(camera, camera.kinds)
        for row, task in enumerate(rows.tasks):
            nav, town = task.nav, task.town  # type: ignore[attr-defined]
            world, stance = nav.pool.world, int(nav.stance[0])
            node, heading = int(world.stances.node[stance]), float(world.stances.heading[stance])
            for sighting in range(int(world.first[node]), int(world.first[node + 1])):
                off = float(wrap_angle(world.bearing[sighting] - heading))
                name = town.signs[int(world.seen[sighting])]
                ids = images["instance"][row] == rows.backend.world(row).index(name)
                if abs(off) < 0.6 and ids.sum() > 8:
                    far = float(world.distance[sighting]) * math.cos(off)
                    assert abs(np.median(images["depth"][row][ids]) - far) < 2.1
                    checked += 1
    assert checked > 20


def shown_signs(rows: VectorEnv) -> set[str]:
    """Names of the signs to be seen all around the agent."""
    x, y, yaw = rows.backend.agent(0)
    camera, world = replace(EYE, kinds=("instance",)), rows.backend.world(0)
    graph = rows.tasks[0].nav.pool.world.graph  # type: ignore[attr-defined]
    node = int(np.linalg.norm(graph.position - (x, y), axis=1).argmin())
    around = yaw + np.arange(4)[None] * math.pi / 2.0
    ids = np.unique(views(rows.backend, graph, [node], around, camera)["instance"])  # type: ignore[arg-type]
    names = [world.bodies[number].name for number in ids.tolist() if number >= 0]
    return {name for name in names if name.startswith("landmark_")}


def test_signs_are_gone_where_the_tour_has_passed_before_and_come_back() -> None:
    rows, before, after = env(**TOUR, seed=3), 0, 0
    task = rows.tasks[0]
    assert isinstance(task, StreetViews)
    for _ in range(80):
        step = rows.step(taught(rows))
        world, stance = task.nav.pool.world, int(task.nav.stance[0])
        node = int(world.stances.node[stance])
        listed = {task.town.signs[mark] for mark in world.seen[world.first[node] : world.first[node + 1]].tolist()}
        if task.nav.gone()[0]:
            assert not shown_signs(rows) & listed
            assert not step.obs["landmarks"].any()
            assert task.names == {}
            after += bool(listed)
        else:
            before += bool(shown_signs(rows) & listed)
        away = {b.name for b in rows.backend.world(0).bodies if rows.backend.pose(0, b.name).position[2] == BURIED}
        assert away == (listed if task.nav.gone()[0] else set())
    assert before > 10
    assert after > 10


@pytest.mark.parametrize("whole", [3000, 0], ids=["whole", "part"])
def test_who_strays_has_a_city_around(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ways at random, 100 m of city kept: all of the city that lies within 50 m is there, its roads too."""
    monkeypatch.setattr(street_town, "WHOLE", whole)
    rows, rng = env(around=100.0, radius=150.0, panoramas=(6, 10), steps=300, seed=4), np.random.default_rng(1)
    task, world = rows.tasks[0], rows.backend.world(0)
    assert isinstance(task, StreetViews)
    towns, graph = [task.town], task.nav.pool.world.graph
    for _ in range(150):
        rows.step([rng.choice([Move.FORWARD, Move.LEFT, Move.RIGHT, Move.TURN_AROUND], p=[0.7, 0.1, 0.1, 0.1])])
        there = {body.name for body in rows.backend.world(0).bodies}
        close = np.linalg.norm(task.town.places - rows.backend.agent(0)[:2], axis=1) <= 50.0
        near = {body.name for body, kept in zip(task.town.world.bodies, close.tolist(), strict=True) if kept}
        assert near <= there
        towns += [task.town] if task.town is not towns[-1] else []
        here = np.linalg.norm(graph.position - rows.backend.agent(0)[:2], axis=1).argmin()
        roads = sum(name.startswith("road") for name in near)
        assert roads >= graph.ways(int(here))
    assert rows.backend.world(0) is not world
    assert (len(towns) > 1) == (whole == 0)


def test_a_copy_goes_on_by_itself_and_shares_what_never_changes() -> None:
    rows = env()
    task, place = rows.tasks[0], rows._places[0]
    assert isinstance(task, StreetViews)
    twin = copy.deepcopy(task)
    before = task.nav.stance.copy()
    for _ in range(5):
        twin.command(Move.FORWARD, place)
    assert np.array_equal(task.nav.stance, before)
    assert not np.array_equal(twin.nav.stance, before)
    assert twin.nav.pool is task.nav.pool
    assert twin.town is task.town


def test_landmarks_are_placed_as_their_city_placed_them() -> None:
    """Against the city that was drawn: places, façades, kinds and colours."""
    task = StreetViews(**SMALL)
    graph, drawn = SMALL["city"].draw(np.random.default_rng([0, 0, 0, 0]))
    world = task.nav.pool.world
    keep = world.hops.part == world.hops.part[0]
    rest = world.graph.part(keep)
    found, numbers = furnished(world, rest, keep)
    assert rest.nodes == graph.nodes
    assert len(numbers) > 10
    np.testing.assert_allclose(found.position, drawn.position[numbers], atol=1e-6)
    assert np.degrees(np.abs(wrap_angle(found.facing - drawn.facing[numbers]))).max() < 20.0
    assert [found.kind, found.colour] == [tuple(np.array(part)[numbers]) for part in (drawn.kind, drawn.colour)]
    assert np.array_equal(numbers[found.seen], drawn.seen)


@needs("touchdown_graph", "velma")
def test_recorded_streets_can_be_seen() -> None:
    rows = VectorEnv(KinematicBackend(1), lambda: StreetViews(data_dir=str(DATA), split="develop", steps=250))
    step = rows.reset(0)
    while not step.terminated.any():
        step = rows.step(taught(rows))
        assert (step.obs["depth"][0, 63, 31:33] < 2.6).all()
    assert step.metrics["success"][0] == 1.0


def test_the_yaml_has_the_settings_of_the_array_task_and_its_own() -> None:
    folder = Path(__file__).parents[2] / "conf" / "task"
    seen, told = (dict(OmegaConf.load(folder / f"{name}.yaml")) for name in ("street_views", "street_nav"))
    assert {name: seen[name] for name in told if name != "_target_"} == {n: told[n] for n in told if n != "_target_"}
    assert set(seen) - set(told) == {"camera", "around"}


def test_too_little_of_a_city_is_refused() -> None:
    with pytest.raises(ValueError, match=r"around must be 100\.0 m or more, got 60"):
        StreetViews(around=60.0, **SMALL)
