"""Walking among solid things: closed forms for free ways, laws for blocked ones, errors at the door."""

import numpy as np
import pytest

from loci.sim.backend import Backend, Diverged
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.world import Body, Pose, Room, Shape, World
from loci.sim.worlds.rooms import walled_room

RADIUS = 0.2


def block(x: float, y: float, yaw: float = 0.0, half: float = 0.5, name: str = "block") -> Body:
    return Body(name, "block", (Shape("box", (half, half, 0.5), pose=Pose.at(0, 0, 0.5)),), Pose.at(x, y, 0.0, yaw))


def stage(*bodies: Body, spawn: Pose | None = None, size: float = 6.0) -> KinematicBackend:
    backend = KinematicBackend(1, radius=RADIUS)
    backend.load(0, walled_room(0, size, bodies=bodies, spawns=(spawn or Pose(),)))
    return backend


def go(
    backend: KinematicBackend, forward: float = 0.0, left: float = 0.0, turn: float = 0.0, seconds: float = 1.0
) -> dict:
    return backend.step({"velocity": np.array([[forward, left]]), "turn": np.array([turn])}, seconds)


def where(backend: KinematicBackend) -> tuple[float, float, float]:
    position, yaw = backend.agents()
    return position[0, 0], position[0, 1], yaw[0]


def test_it_is_a_backend() -> None:
    assert isinstance(stage(), Backend)


def test_a_free_way_is_walked_in_full() -> None:
    backend = stage(spawn=Pose.at(0, 0, 0, np.pi / 2))
    applied = go(backend, forward=0.8, left=0.3, seconds=1.5)
    np.testing.assert_allclose(where(backend), (-0.45, 1.2, np.pi / 2), atol=1e-9)
    np.testing.assert_allclose(applied["velocity"], [[0.8, 0.3]], atol=1e-9)


def test_walking_while_turning_follows_a_circle() -> None:
    backend = stage()
    for _ in range(8):
        go(backend, forward=np.pi / 4, turn=np.pi / 4)  # radius v / w = 1 m, a full turn in 8 s
    np.testing.assert_allclose(where(backend)[:2], (0.0, 0.0), atol=1e-6)


def test_a_wall_stops_the_agent_at_its_radius() -> None:
    backend = stage()
    applied = go(backend, forward=1.0, seconds=10.0)
    assert where(backend)[0] == pytest.approx(3.0 - RADIUS, abs=2e-4)
    assert applied["velocity"][0, 0] == pytest.approx((3.0 - RADIUS) / 10.0, abs=1e-4)


def test_the_agent_slides_along_a_wall() -> None:
    backend = stage(spawn=Pose.at(2.0, -2.0, 0.0, np.pi / 4))
    go(backend, forward=1.0, seconds=3.0)
    x, y, _ = where(backend)
    assert x == pytest.approx(3.0 - RADIUS, abs=2e-4)
    assert y == pytest.approx(-2.0 + 3.0 * np.sqrt(0.5), abs=1e-3)


def test_a_turned_block_is_slid_along_its_own_side() -> None:
    backend = stage(block(1.5, 0.0, yaw=np.pi / 4), spawn=Pose.at(0.0, 0.3))
    go(backend, forward=1.0, seconds=1.5)
    x, y, _ = where(backend)
    side = (np.array([x, y]) - np.array([1.5, 0.0])) @ np.array([-1.0, 1.0]) / np.sqrt(2)
    assert side == pytest.approx(0.5 + RADIUS, abs=1e-3)


def test_nothing_is_ever_walked_through() -> None:
    rng = np.random.default_rng(0)
    bodies = [block(2.0 * np.cos(a), 2.0 * np.sin(a), a, 0.3, f"b{i}") for i, a in enumerate(np.linspace(0, 6, 9))]
    ball = Body("ball", "ball", (Shape("sphere", (0.3, 0.3, 0.3), pose=Pose.at(0, 0, 0.3)),), Pose.at(0.8, 0.8))
    backend = stage(*bodies, ball)
    for _ in range(500):
        go(backend, *rng.uniform(-2, 2, 3))
        x, y, _ = where(backend)
        assert max(abs(x), abs(y)) <= 3.0 - RADIUS + 1e-3
        assert np.hypot(x - 0.8, y - 0.8) >= 0.3 + RADIUS - 1e-3
        for body in bodies:
            bx, by, _ = body.pose.position
            yaw = 2 * np.arctan2(body.pose.wxyz[3], body.pose.wxyz[0])
            c, s = np.cos(yaw), np.sin(yaw)
            dx, dy = abs((x - bx) * c + (y - by) * s), abs((y - by) * c - (x - bx) * s)
            assert np.hypot(max(dx - 0.3, 0), max(dy - 0.3, 0)) >= RADIUS - 1e-3


def test_what_lies_below_the_knee_or_above_the_head_blocks_nothing() -> None:
    rug = Body("rug", "rug", (Shape("box", (0.5, 0.5, 0.02), pose=Pose.at(0, 0, 0.02)),), Pose.at(1.0, 0.0))
    lamp = Body("lamp", "lamp", (Shape("box", (0.5, 0.5, 0.1)),), Pose.at(2.0, 0.0, 1.8))
    backend = stage(rug, lamp)
    go(backend, forward=2.0)
    assert where(backend)[0] == pytest.approx(2.0)


def test_a_carried_body_goes_along_and_blocks_nothing() -> None:
    backend = stage(block(1.0, 0.0, half=0.2))
    backend.hold(0, "block")
    go(backend, forward=1.0)
    assert where(backend)[0] == pytest.approx(1.0)
    np.testing.assert_allclose(backend.pose(0, "block").position, (1.55, 0.0, 0.55), atol=1e-9)
    backend.hold(0, None)
    go(backend, forward=1.0)
    assert where(backend)[0] == pytest.approx(1.55 - 0.2 - RADIUS, abs=2e-4)


def test_a_moved_body_blocks_where_it_is_now() -> None:
    backend = stage(block(1.0, 0.0))
    backend.place(0, "block", Pose.at(0.0, 2.0))
    go(backend, forward=2.0)
    assert where(backend)[0] == pytest.approx(2.0)


def test_a_restored_state_goes_on_as_before() -> None:
    rng = np.random.default_rng(1)
    commands = [rng.uniform(-1, 1, 3) for _ in range(20)]
    backend = stage(block(1.0, 0.5), block(-1.0, -0.5, 0.7, 0.3, "other"))
    backend.place(0, "other", Pose.at(-1.0, 0.5, 0.0, 0.2))
    go(backend, 0.3, 0.1, 0.5)
    saved = backend.state(0)
    traces = []
    for _ in range(2):
        backend.restore(0, saved)
        traces.append([(go(backend, *c), where(backend))[1] for c in commands])
    assert traces[0] == traces[1]
    assert backend.pose(0, "other") == Pose.at(-1.0, 0.5, 0.0, 0.2)


def test_a_restored_load_is_still_carried() -> None:
    backend = stage(block(1.0, 0.0, half=0.2))
    backend.hold(0, "block")
    saved = backend.state(0)
    go(backend, forward=1.0)
    backend.restore(0, saved)
    go(backend, forward=0.5)
    assert backend.pose(0, "block").position[0] == pytest.approx(0.5 + 0.55)


def test_a_spawn_inside_a_body_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match=r"agent of radius 0.2 m at \(1.000, 0.000\) overlaps 'block'"):
        stage(block(1.2, 0.0), spawn=Pose.at(1.0, 0.0))


def test_a_spawn_outside_every_room_is_refused() -> None:
    with pytest.raises(ValueError, match="is in no room of world"):
        stage(spawn=Pose.at(20.0, 0.0))


def test_an_unknown_body_is_answered_with_the_names_that_exist() -> None:
    with pytest.raises(KeyError, match="no body 'blok'.*block, floor, wall_0"):
        stage(block(1, 1)).pose(0, "blok")


def test_a_row_without_a_world_says_so() -> None:
    with pytest.raises(ValueError, match="row 1 has no world yet"):
        KinematicBackend(2).pose(1, "x")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_command_that_is_not_finite_is_refused_with_its_row(bad: float) -> None:
    with pytest.raises(Diverged, match="command of row 0 is not finite"):
        go(stage(), forward=bad)


def test_instance_ids_name_bodies_and_a_wall_two_metres_ahead_reads_two_metres() -> None:
    from loci.sim.sensors import Camera

    wall = Body("slab", "slab", (Shape("box", (0.1, 5.0, 5.0)),), Pose.at(2.1, 0.0, 0.0))
    world = World((wall,), (Room("r", (-9, -9, -9), (9, 9, 9)),))
    backend = KinematicBackend(1)
    backend.load(0, world)
    images = backend.render(Camera(32, 32, pitch=0.0), ("depth", "instance"))
    np.testing.assert_allclose(images["depth"][0], 2.0, atol=1e-5)
    assert (images["instance"][0] == world.index("slab")).all()
