"""The Bullet backend: what is carried by the hand, what opens and closes, the joints of a robot."""

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pybullet")

from loci.sim.backends.pybullet import PybulletBackend
from loci.sim.backends.pybullet.robot import FOLDER
from loci.sim.joints import Joint
from loci.sim.world import Body, Pose, Shape
from tests.sim import pybullet_room
from tests.sim.pybullet_room import RADIUS, door, go, room, solid

engine, rover = pybullet_room.engine, pybullet_room.rover


def test_a_body_within_reach_is_carried_in_front_and_put_down(engine: PybulletBackend) -> None:
    engine.load(0, room(solid("cube", at=Pose.at(0.8, 0.2))))
    assert engine.hold(0, "cube")
    assert engine.held(0) == "cube"
    go(engine, forward=0.75)
    go(engine, turn=math.pi / 2)
    x, y, heading = engine.agent(0)
    np.testing.assert_allclose((x, y, heading), (0.75, 0.0, math.pi / 2), atol=0.01)
    np.testing.assert_allclose(engine.pose(0, "cube").position, (0.75, 0.55, 0.55), atol=0.01)
    assert ("agent", "cube") not in engine.contacts(0)
    assert engine.hold(0, None)
    assert engine.held(0) is None
    assert not engine.hold(0, None)
    go(engine)
    np.testing.assert_allclose(engine.pose(0, "cube").position, (0.75, 0.55, 0.0), atol=0.01)


@pytest.mark.parametrize(
    ("at", "what"),
    [
        ((1.9, 0.0, 0.0), "too far"),
        ((-0.5, 0.0, 0.0), "behind"),
        ((0.25, 0.6, 0.0), "at the side"),
        ((0.5, 0, 2.25), "too high"),
    ],
)
def test_what_a_hand_cannot_reach_stays_where_it_is(
    engine: PybulletBackend, at: tuple[float, float, float], what: str
) -> None:
    shelf = Body("shelf", "shelf", (Shape("box", (0.1, 0.1, 0.01)),), Pose.at(at[0], at[1], at[2] - 0.011))
    engine.load(0, room(solid("cube", at=Pose.at(*at)), *([shelf] if at[2] else [])))
    assert not engine.hold(0, "cube"), what
    assert engine.pose(0, "cube") == Pose.at(*at)
    assert engine.held(0) is None


def test_a_hand_does_not_reach_through_a_closed_door_but_past_an_open_one(engine: PybulletBackend) -> None:
    lintel = Shape("box", (0.02, 1.0, 0.2), pose=Pose.at(0.75, 0.0, 1.3))
    frame = Body("frame", "frame", (lintel,))
    engine.load(0, room(solid("cube", at=Pose.at(0.95, 0.0)), replace(door(), pose=Pose.at(0.75, -0.3)), frame))
    assert not engine.hold(0, "cube")
    engine.drive(0, "door", 1.0)
    go(engine, seconds=2.0)
    assert engine.hold(0, "cube")


def test_a_hand_gets_over_an_edge_but_not_under_a_lid(engine: PybulletBackend) -> None:
    sides = [Shape("box", (0.01, 0.2, 0.1), pose=Pose.at(side, 0.0, 0.1)) for side in (-0.2, 0.2)]
    sides += [Shape("box", (0.2, 0.01, 0.1), pose=Pose.at(0.0, side, 0.1)) for side in (-0.2, 0.2)]
    lid = Shape("box", (0.2, 0.2, 0.01), pose=Pose.at(0.0, 0.0, 0.21))
    for parts, reached in (((*sides,), True), ((*sides, lid), False)):
        crate = Body("crate", "crate", parts, Pose.at(0.72, 0.0))
        engine.load(0, room(solid("cube", at=Pose.at(0.72, 0.0), half=0.05), crate))
        assert engine.hold(0, "cube") == reached


def test_where_there_is_no_room_in_front_things_are_held_up(engine: PybulletBackend) -> None:
    engine.load(0, room(solid("cube", at=Pose.at(2.2, 0.5)), spawn=Pose.at(2.05, 0.0, 0.0, 1.3)))
    assert engine.hold(0, "cube")
    engine.load(0, room(solid("cube", at=Pose.at(2.35, 0.5)), spawn=Pose.at(2.05, 0.0, 0.0, 0.7)))
    assert engine.hold(0, "cube")
    assert engine.pose(0, "cube").position == pytest.approx((2.05, 0.0, 1.6), abs=1e-6)
    go(engine, turn=0.5)
    assert engine.pose(0, "cube").position == pytest.approx((2.05, 0.0, 1.6), abs=0.01)
    shelf = Body("shelf", "shelf", (Shape("box", (0.3, 0.3, 0.3)),), Pose.at(2.05, 0.0, 1.6))
    engine.load(0, room(solid("cube", at=Pose.at(2.35, 0.5)), shelf, spawn=Pose.at(2.05, 0.0, 0.0, 0.7)))
    before = engine.pose(0, "cube")
    assert not engine.hold(0, "cube"), "no room anywhere"
    assert engine.pose(0, "cube") == before


@pytest.mark.parametrize(("kind", "span"), [("hinge", 1.5), ("hinge", -1.5), ("slide", 0.4), ("slide", -0.3)])
def test_what_has_a_joint_is_driven_open_and_closed_and_stays_where_it_is_left(
    engine: PybulletBackend, kind: str, span: float
) -> None:
    post = Body("post", "post", (Shape("box", (0.05, 0.1, 0.5), pose=Pose.at(0, 0, 0.5)),), Pose.at(1.5, -0.05))
    engine.load(0, room(door(span, kind, opening=0.25), post))
    seen = [engine.opening(0, "door")]
    go(engine)
    seen.append(engine.opening(0, "door"))
    for target in (1.0, 0.0, 0.5):
        engine.drive(0, "door", target)
        for _ in range(2):
            go(engine)
        seen.append(engine.opening(0, "door"))
    np.testing.assert_allclose(seen, [0.25, 0.25, 1.0, 0.0, 0.5], atol=3e-3)
    joint = engine.world(0).body("door").joint
    assert joint is not None
    expected = engine.world(0).body("door").pose @ joint.motion(seen[-1])
    np.testing.assert_allclose(engine.pose(0, "door").position, expected.position, atol=1e-9)


def test_a_door_is_not_pushed_open(engine: PybulletBackend) -> None:
    engine.load(0, room(replace(door(-1.5), pose=Pose.at(0.7, -0.3))))
    go(engine, forward=1.0)
    assert engine.agent(0)[0] == pytest.approx(0.7 - 0.02 - RADIUS, abs=5e-3)
    assert engine.opening(0, "door") == pytest.approx(0.0, abs=2e-3)
    assert ("agent", "door") in engine.contacts(0)


def test_a_heavy_lid_stays_open(engine: PybulletBackend) -> None:
    plate = Shape("box", (0.3, 0.2, 0.01), pose=Pose.at(0.0, 0.2, 0.01))
    lid = Body("lid", "lid", (plate,), Pose.at(1.0, 0.0, 0.5), 8.0, Joint("hinge", (1.0, 0.0, 0.0), 1.4, opening=0.3))
    engine.load(0, room(lid))
    go(engine, seconds=2.0)
    assert engine.opening(0, "lid") == pytest.approx(0.3, abs=2e-3)
    engine.drive(0, "lid", 1.0)
    go(engine)
    assert engine.opening(0, "lid") == pytest.approx(1.0, abs=5e-3)


def test_the_motor_of_a_door_is_not_stronger_than_what_stands_in_its_way(engine: PybulletBackend) -> None:
    engine.load(0, room(door(1.5), solid("safe", at=Pose.at(1.25, 0.3), mass=0.0)))
    engine.drive(0, "door", 1.0)
    go(engine, seconds=2.0)
    assert 0.0 < engine.opening(0, "door") < 0.6


def test_a_door_that_was_being_driven_goes_on(engine: PybulletBackend) -> None:
    engine.load(0, room(door()))
    engine.drive(0, "door", 1.0)
    go(engine, seconds=0.2)
    saved = engine.state(0)
    assert 0.0 < engine.opening(0, "door") < 0.5
    go(engine)
    assert engine.opening(0, "door") == pytest.approx(1.0, abs=2e-3)
    engine.restore(0, saved)
    go(engine)
    assert engine.opening(0, "door") == pytest.approx(1.0, abs=2e-3)


def test_the_joints_of_a_robot_go_where_they_are_told(rover: PybulletBackend) -> None:
    rover.load(0, room())
    wanted = np.array([[0.6, -0.4, 1.2, -0.7]])
    for _ in range(3):
        applied = go(rover, forward=0.3, turn=0.2, joints=wanted)
    np.testing.assert_allclose(applied["joints"], wanted, atol=0.01)
    assert applied["velocity"][0, 0] == pytest.approx(0.3, abs=0.05)


def test_a_robot_goes_along_and_pushes_without_stopping_its_own_base(rover: PybulletBackend) -> None:
    rover.load(0, room(solid("ball", "sphere", Pose.at(1.4, 0.0))))
    go(rover, forward=0.75)
    np.testing.assert_allclose(rover.agent(0), (0.75, 0.0, 0.0), atol=0.01)
    assert ("agent", "floor") not in rover.contacts(0)
    go(rover, forward=0.75)
    assert rover.pose(0, "ball").position[0] > 1.45


def test_what_is_carried_passes_through_the_robot(rover: PybulletBackend) -> None:
    rover.load(0, room(solid("cube", at=Pose.at(0.8, 0.0), half=0.25)))
    assert rover.hold(0, "cube")
    go(rover, turn=0.5, joints=np.array([[0.0, 0.0, 0.3, 0.0]]))
    c, s = math.cos(rover.agent(0)[2]), math.sin(rover.agent(0)[2])
    np.testing.assert_allclose(rover.pose(0, "cube").position, (0.55 * c, 0.55 * s, 0.55), atol=0.01)
    assert not any("agent" in pair for pair in rover.contacts(0))


def test_an_unknown_robot_is_answered_with_those_that_exist() -> None:
    assert (FOLDER / "rover.urdf").is_file()
    with pytest.raises(ValueError, match="no robot 'rovr'.*rover"):
        PybulletBackend(1, robot="rovr")


def test_targets_of_joints_must_fit_the_robot(engine: PybulletBackend, rover: PybulletBackend) -> None:
    for backend, shape in ((engine, r"\(1, 0\)"), (rover, r"\(1, 4\)")):
        backend.load(0, room())
        with pytest.raises(ValueError, match=f"'joints' must have shape {shape}"):
            go(backend, joints=np.zeros((1, 2)))


def test_what_is_carried_does_not_go_through_walls(engine: PybulletBackend) -> None:
    engine.load(0, room(solid("cube", at=Pose.at(0.8, 0.0))))
    assert engine.hold(0, "cube")
    go(engine, forward=1.0, seconds=3.0)
    assert engine.pose(0, "cube").position[0] == pytest.approx(2.5 - 0.1, abs=5e-3)
    assert engine.agent(0)[0] == pytest.approx(2.5 - 0.1 - 0.55, abs=5e-3)
