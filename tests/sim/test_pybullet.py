"""The Bullet backend: closed forms of motion, laws of contact, exact states, errors."""

import math
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pybullet")

from loci.sim.backend import Backend, Diverged
from loci.sim.backends.pybullet import PybulletBackend
from loci.sim.backends.pybullet import engine as engine_module
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Shape
from tests.sim import pybullet_room
from tests.sim.pybullet_room import KINDS, RADIUS, door, go, room, solid

engine, rover = pybullet_room.engine, pybullet_room.rover


def test_it_is_a_backend_with_dynamics(engine: PybulletBackend) -> None:
    assert isinstance(engine, Backend)
    assert engine.provides >= {"restore", "dynamics", "contacts"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_dropped_falls_and_comes_to_rest_on_its_lowest_point(engine: PybulletBackend, kind: str) -> None:
    engine.load(0, room(solid("thing", kind, Pose.at(1.0, 0.0, 2.0))))
    go(engine, seconds=0.5)
    assert 2.0 - engine.pose(0, "thing").position[2] == pytest.approx(0.5 * 9.81 * 0.5**2, rel=0.02)
    engine.place(0, "thing", Pose.at(1.0, 0.0, 0.3))
    go(engine, seconds=2.0)
    np.testing.assert_allclose(engine.pose(0, "thing").position, (1.0, 0.0, 0.0), atol=2e-3)
    assert ("floor", "thing") in engine.contacts(0)


def test_a_pose_is_the_bodys_origin_wherever_its_mass_is(engine: PybulletBackend) -> None:
    lumps = (
        Shape("box", (0.1, 0.1, 0.1), pose=Pose.at(0, 0, 0.1)),
        Shape("box", (0.05, 0.05, 0.2), pose=Pose.at(0.3, 0, 0.2)),
    )
    engine.load(0, room(Body("thing", "thing", lumps, Pose.at(1.0, 0.5, 0.0, 0.7), 1.0)))
    before = engine.pose(0, "thing")
    go(engine, seconds=2.0)
    np.testing.assert_allclose(engine.pose(0, "thing").position, before.position, atol=1e-3)
    np.testing.assert_allclose(engine.pose(0, "thing").wxyz, before.wxyz, atol=1e-3)


def test_a_lever_falls_to_its_heavy_side(engine: PybulletBackend) -> None:
    foot = Shape("box", (0.05, 0.05, 0.05), pose=Pose.at(0, 0, 0.05))
    head = Shape("box", (0.2, 0.05, 0.05), pose=Pose.at(0.2, 0, 0.15))
    engine.load(0, room(Body("thing", "thing", (foot, head), Pose.at(1.0, 0.0, 0.01), 1.0)))
    go(engine)
    forward = np.subtract(engine.pose(0, "thing").point((1.0, 0.0, 0.0)), engine.pose(0, "thing").position)
    assert forward[2] < -0.1


def test_a_mesh_falls_on_its_convex_hull(engine: PybulletBackend, tmp_path: Path) -> None:
    path = tmp_path / "wedge.obj"
    path.write_text("v 0 0 0\nv 2 0 0\nv 0 2 0\nv 0 0 2\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 1 4 3\n")
    shape = Shape("mesh", (0.1, 0.1, 0.1), mesh=str(path), pose=Pose.at(0, 0, 0.1))
    engine.load(0, room(Body("wedge", "wedge", (shape,), Pose.at(1.0, 0.0, 0.1), 1.0)))
    go(engine, seconds=1.5)
    np.testing.assert_allclose(engine.pose(0, "wedge").position, (1.0, 0.0, 0.0), atol=5e-3)


def test_a_fixed_mesh_is_hollow_where_its_file_is(engine: PybulletBackend, tmp_path: Path) -> None:
    import trimesh

    ring = trimesh.creation.annulus(0.5, 1.0, 1.0)
    ring.export(tmp_path / "ring.obj")
    shape = Shape("mesh", (0.5, 0.5, 0.1), mesh=str(tmp_path / "ring.obj"), pose=Pose.at(0, 0, 0.1))
    ring_body = Body("ring", "ring", (shape,), Pose.at(1.0, 0.0))
    engine.load(0, room(ring_body, solid("ball", "sphere", Pose.at(1.0, 0.0, 0.5))))
    go(engine, seconds=1.5)
    assert engine.pose(0, "ball").position[2] == pytest.approx(0.0, abs=2e-3)


def test_a_free_way_is_walked_and_turned_in_full(engine: PybulletBackend) -> None:
    engine.load(0, room())
    applied = go(engine, forward=0.75)
    np.testing.assert_allclose(engine.agent(0), (0.75, 0.0, 0.0), atol=1e-3)
    np.testing.assert_allclose(applied["velocity"], [[0.75, 0.0]], atol=1e-3)
    applied = go(engine, turn=math.radians(72.0))
    assert math.degrees(engine.agent(0)[2]) == pytest.approx(72.0, abs=0.01)
    assert applied["turn"][0] == pytest.approx(math.radians(72.0), abs=1e-4)


def test_walking_while_turning_follows_a_circle(engine: PybulletBackend) -> None:
    engine.load(0, room())
    for _ in range(4):
        go(engine, forward=math.pi / 4, turn=math.pi / 4)  # radius v / w = 1 m, half a turn in 4 s
    np.testing.assert_allclose(engine.agent(0)[:2], (0.0, 2.0), atol=5e-3)


def test_a_command_beyond_the_limits_is_achieved_up_to_them() -> None:
    backend = PybulletBackend(1, max_speed=0.5, max_turn=0.3)
    backend.load(0, room())
    applied = go(backend, forward=3.0, left=4.0, turn=-2.0, seconds=0.5)
    assert np.linalg.norm(applied["velocity"]) == pytest.approx(0.5, abs=5e-3)
    assert applied["turn"][0] == pytest.approx(-0.3, abs=1e-3)
    backend.close()


def test_a_wall_stops_the_agent_and_it_slides_along(engine: PybulletBackend) -> None:
    engine.load(0, room(spawn=Pose.at(1.5, -1.5, 0.0, math.pi / 4)))
    applied = go(engine, forward=1.0, seconds=3.0)
    x, y, heading = engine.agent(0)
    assert x == pytest.approx(2.5 - RADIUS, abs=2e-3)
    assert y == pytest.approx(-1.5 + 3.0 * math.sqrt(0.5), abs=0.02)
    assert heading == pytest.approx(math.pi / 4, abs=1e-3)
    assert np.linalg.norm(applied["velocity"]) < 0.9
    assert ("agent", "wall_3") in engine.contacts(0)


def test_a_light_body_is_pushed_and_a_fixed_one_is_not(engine: PybulletBackend) -> None:
    for mass in (1.0, 0.0):
        engine.load(0, room(solid("block", at=Pose.at(0.6, 0.0), mass=mass)))
        go(engine, forward=0.75)
        x = engine.pose(0, "block").position[0]
        assert x == pytest.approx(0.75 + RADIUS + 0.1, abs=0.02) if mass else x == 0.6
        assert engine.agent(0)[0] == pytest.approx(0.75 if mass else 0.6 - 0.1 - RADIUS, abs=0.01)


def test_what_lies_below_the_knee_or_above_the_head_blocks_nothing(engine: PybulletBackend) -> None:
    rug = Body("rug", "rug", (Shape("box", (0.5, 0.5, 0.02), pose=Pose.at(0, 0, 0.02)),), Pose.at(1.0, 0.0))
    lamp = Body("lamp", "lamp", (Shape("box", (0.5, 0.5, 0.1)),), Pose.at(1.5, 0.0, 1.4))
    engine.load(0, room(rug, lamp))
    go(engine, forward=1.5)
    assert engine.agent(0)[0] == pytest.approx(1.5, abs=5e-3)


@pytest.mark.parametrize("robot", [None, "rover"])
def test_after_a_state_everything_goes_on_bit_for_bit_here_and_elsewhere(robot: str | None) -> None:
    rng = np.random.default_rng(3)
    things = [
        solid(f"{k}{i}", k, Pose.at(0.5 + 0.3 * (i % 4), 0.4 * (i // 4) - 0.6, 0.3 * (i % 3)))
        for i, k in enumerate(KINDS * 3)
    ]
    commands = [(*rng.uniform(-1.5, 1.5, 2), rng.uniform(-2.0, 2.0)) for _ in range(12)]
    first, second = PybulletBackend(1, robot=robot), PybulletBackend(1, robot=robot)
    first.load(0, room(*things, door()))
    first.place(0, "box0", Pose.at(0.5, 0.0, 0.0))
    assert first.hold(0, "box0")
    first.drive(0, "door", 0.6)
    first.mark(0, "door", "dirty", True)
    go(first, 0.5, seconds=0.2)
    saved, traces = first.state(0), []
    for backend in (first, first, second):
        if traces:
            backend.restore(0, saved)
        traces.append([_everything(backend)])
        for i, command in enumerate(commands):
            joints = {} if robot is None else {"joints": np.array([[0.5, -0.3, 0.9, 0.2]]) * np.sin(i)}
            applied = go(backend, *command, seconds=0.2, **joints)
            if i == 6:
                backend.hold(0, None)
            traces[-1].append((_everything(backend), {k: v.tolist() for k, v in applied.items()}))
    assert traces[0] == traces[1]
    assert traces[0] == traces[2]
    assert second.states(0, "door") == {"dirty"}
    moved = [name for name in (b.name for b in things) if first.pose(0, name) != first.world(0).body(name).pose]
    assert len(moved) == len(things)
    first.close()
    second.close()


def _everything(backend: PybulletBackend) -> tuple[object, ...]:
    poses = [backend.pose(0, body.name) for body in backend.world(0).bodies]
    return poses, backend.agent(0), backend.held(0), backend.opening(0, "door"), backend.states(0, "door")


def test_asking_changes_nothing(engine: PybulletBackend) -> None:
    ends = []
    for asks in (False, True):
        engine.load(0, room(solid("a", at=Pose.at(0.8, 0, 0.3)), solid("b", "sphere", Pose.at(-0.5, 0.6)), door()))
        for _ in range(10):
            go(engine, 0.6, 0.1, 0.2, seconds=0.2)
            if asks:
                engine.contacts(0)
                engine.render(Camera(8, 8), ("depth",))
                assert not engine.hold(0, "wall_0")
        ends.append(_everything(engine))
    assert ends[0] == ends[1]


def test_marks_begin_as_the_world_says_and_change(engine: PybulletBackend) -> None:
    engine.load(0, room(replace(solid("lamp"), pose=Pose.at(1, 1), states=("on",))))
    assert engine.states(0, "lamp") == {"on"}
    engine.mark(0, "lamp", "on", False)
    assert engine.states(0, "lamp") == frozenset()


def test_a_placed_body_is_where_it_was_placed_and_what_lay_on_it_falls(engine: PybulletBackend) -> None:
    engine.load(0, room(solid("low", at=Pose.at(1.0, 0.0)), solid("high", at=Pose.at(1.0, 0.0, 0.2))))
    go(engine, seconds=4.0)
    assert engine.pose(0, "high").position[2] == pytest.approx(0.2, abs=2e-3)
    goal = Pose((-1.0, 0.5, 1.0), (0.5, 0.5, 0.5, 0.5))
    engine.place(0, "low", goal)
    assert engine.pose(0, "low") == goal
    go(engine)
    assert engine.pose(0, "high").position[2] == pytest.approx(0.0, abs=2e-3)


def test_rows_do_not_touch() -> None:
    backend = PybulletBackend(2)
    for row in range(2):
        backend.load(row, room(solid("a", at=Pose.at(0.6, 0.0))))
    backend.step({"velocity": np.array([[0.75, 0.0], [0.0, 0.0]]), "turn": np.zeros(2)}, 1.0)
    assert backend.pose(0, "a").position[0] > 1.0
    assert backend.pose(1, "a").position[0] == pytest.approx(0.6, abs=1e-3)
    backend.close()


def test_errors_name_what_is_wrong(engine: PybulletBackend) -> None:
    engine.load(0, room(solid("block", at=Pose.at(1.0, 0.0), mass=0.0), door()))
    with pytest.raises(KeyError, match="no body 'blok'.*block, door, floor"):
        engine.pose(0, "blok")
    with pytest.raises(Diverged, match="command of row 0 is not finite"):
        go(engine, forward=math.nan)
    with pytest.raises(ValueError, match=r"at \(1.000, 0.000\) overlaps 'block'"):
        engine.put_agent(0, Pose.at(1.0, 0.0))
    with pytest.raises(ValueError, match="is in no room"):
        engine.put_agent(0, Pose.at(9.0, 0.0))
    with pytest.raises(ValueError, match="multiple of dt = 0.005, got 0.0123"):
        go(engine, seconds=0.0123)
    with pytest.raises(ValueError, match="has a joint and stays where it is"):
        engine.place(0, "door", Pose())
    with pytest.raises(ValueError, match="body 'block' has no joint. Bodies that open: door"):
        engine.opening(0, "block")
    with pytest.raises(ValueError, match=r"opening of 'door' must lie in \[0, 1\], got 2"):
        engine.drive(0, "door", 2.0)
    with pytest.raises(ValueError, match="renderer must be one of cast, tiny, got 'gl'"):
        PybulletBackend(1, renderer="gl")
    with pytest.raises(ValueError, match="row 1 has no world yet"):
        PybulletBackend(2).pose(1, "x")


def test_a_state_of_another_kind_is_refused(engine: PybulletBackend, rover: PybulletBackend) -> None:
    engine.load(0, room())
    saved = engine.state(0)
    with pytest.raises(ValueError, match="not of this robot with 4 joints"):
        rover.restore(0, saved)
    with pytest.raises(ValueError, match="not of this backend: it lacks .*'engine'"):
        engine.restore(0, replace(saved, arrays={"agent": np.zeros(5)}))


def test_a_body_that_flies_to_infinity_is_named_with_its_row(engine: PybulletBackend) -> None:
    engine.load(0, room(solid("comet", at=Pose.at(1.0, 0.0, 1.0))))
    saved = engine.state(0)
    saved.arrays["engine"][engine.world(0).index("comet"), 7:10] = np.nan
    engine.restore(0, saved)
    with pytest.raises(Diverged, match="row 0: body 'comet'"):
        go(engine, seconds=0.1)


def test_a_sleeping_body_wakes_when_it_is_pushed(engine: PybulletBackend) -> None:
    engine.load(0, room(solid("block", at=Pose.at(1.0, 0.0)), solid("gate", at=Pose.at(1.0, 1.0)), door(opening=0.0)))
    go(engine, seconds=5.0)
    go(engine, forward=0.75, seconds=1.2)
    assert engine.pose(0, "block").position[0] == pytest.approx(0.9 + RADIUS + 0.1, abs=0.02)


def test_without_the_package_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)
    with pytest.raises(ImportError, match=r"pip install 'loci\[pybullet\]'"):
        runpy.run_path(str(engine_module.__file__))


def test_nothing_is_printed_to_the_standard_output(engine: PybulletBackend, capfd: pytest.CaptureFixture[str]) -> None:
    engine.load(0, room(solid("a", at=Pose.at(0.8, 0.0))))
    engine.hold(0, "a")
    go(engine, seconds=0.1)
    engine.contacts(0)
    assert capfd.readouterr().out == ""


def test_what_stands_when_the_world_begins_stands_until_it_is_touched(engine: PybulletBackend) -> None:
    pin = Shape("sphere", (0.1, 0.1, 0.1), pose=Pose.at(0, 0, 0.1))
    head = Shape("box", (0.2, 0.05, 0.05), pose=Pose.at(0.2, 0, 0.25))
    engine.load(0, room(Body("thing", "thing", (pin, head), Pose.at(0.75, 0.0), 1.0)))
    go(engine, seconds=2.0)
    assert engine.pose(0, "thing").position == pytest.approx((0.75, 0.0, 0.0), abs=1e-4)
    go(engine, forward=0.5, seconds=2.0)
    assert abs(engine.pose(0, "thing").wxyz[0]) < 0.99, "pushed, it topples"
