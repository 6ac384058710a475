"""Physics by MuJoCo: what a hand can take and carry, a door in its frame, the joints of a robot."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")

from loci.sim.backend import Diverged
from loci.sim.backends.rows import CARRY, RAISED
from loci.sim.world import Body, Pose, Shape
from tests.sim.mujoco_room import box, door, go, inside, slab, stage


def test_a_hand_needs_reach_a_free_way_and_room() -> None:
    backend = stage(box(0.9, 0.0, 0.1), slab(0.5, 0.5, 1.3))
    assert not backend.hold(0, "box"), "a board is between"
    backend = stage(box(0.9, 0.0, 0.1), slab(0.5, 0.5, 1.0))
    assert backend.hold(0, "box"), "the board is low enough to reach over"
    backend = stage(box(0.9, 0.0, 0.1), slab(CARRY[0], 0.5, 0.3, CARRY[2]))
    assert backend.hold(0, "box")
    assert backend.pose(0, "box").position == pytest.approx(RAISED), "no room in front: it is held up"
    backend = stage(
        box(0.9, 0.0, 0.1), slab(CARRY[0], 0.5, 0.3, CARRY[2]), replace(slab(0.0, 0.5, 0.3, RAISED[2]), name="upper")
    )
    before = backend.state(0).arrays
    assert not backend.hold(0, "box"), "no room anywhere"
    after = backend.state(0).arrays
    assert all(np.array_equal(before[name], after[name]) for name in before)
    backend = stage(box(0.9, 0.0, 0.1), box(0.9, 0.5, 0.1, name="other"))
    assert backend.hold(0, "box")
    assert not backend.hold(0, "other"), "one hand"
    assert backend.held(0) == "box"


def test_a_load_is_carried_against_gravity_and_does_not_hold_the_agent_back() -> None:
    backend = stage(box(0.7, 0.0, 0.15, mass=3.0))
    assert backend.hold(0, "box")
    go(backend, 0.75)
    assert backend.agent(0)[0] == pytest.approx(0.75, abs=0.01)
    forward, _, up = CARRY
    assert backend.pose(0, "box").position == pytest.approx((0.75 + forward, 0.0, up), abs=0.01)
    backend.put_agent(0, Pose.at(-1.0, -1.0, 0.0, np.pi))
    assert backend.pose(0, "box").position == pytest.approx((-1.0 - forward, -1.0, up), abs=1e-9)


def test_a_load_stops_at_a_wall_that_the_agent_does_not_reach() -> None:
    backend = stage(box(0.7, 0.0, 0.15))
    assert backend.hold(0, "box")
    go(backend, 1.0, seconds=3.0)
    assert backend.agent(0)[0] == pytest.approx(3.0 - 0.15 - CARRY[0], abs=0.03)


def test_a_door_moves_in_a_frame_that_it_touches_and_pushes_what_is_in_the_way() -> None:
    posts = tuple(
        Shape("box", (0.1, 0.1, 1.0), pose=Pose((0.0, side, 1.0))) for side in (-0.09, 0.89)
    )  # they overlap the leaf by a centimetre
    backend = stage(door(), Body("frame", "frame", posts, Pose.at(1.5, -0.4)), box(1.8, 0.2, 0.1))
    assert backend.opening(0, "door") == 0.0
    backend.drive(0, "door", 1.0)
    go(backend, seconds=3.0)
    assert backend.opening(0, "door") == pytest.approx(1.0, abs=0.01)
    assert backend.pose(0, "box").position[0] > 1.85
    go(backend)
    assert not inside(backend).driving.any(), "the motor is off"


def test_the_rover_rides_along_and_moves_its_joints() -> None:
    backend = stage(box(1.0, 0.6), door(2.5), robot="rover")
    applied = go(backend, 0.5, joints=np.array([[0.8, -0.3, 0.6, 0.5]]))
    assert applied["velocity"][0, 0] == pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(applied["joints"], [[0.8, -0.3, 0.6, 0.5]], atol=0.06)
    np.testing.assert_allclose(inside(backend).qpos[3:7], applied["joints"][0], atol=1e-3)
    backend.drive(0, "door", 1.0)
    go(backend, seconds=3.0, joints=np.zeros((1, 4)))
    assert backend.opening(0, "door") == pytest.approx(1.0, abs=0.01)
    with pytest.raises(ValueError, match=r"command 'joints' must have shape \(1, 4\).*got \(1, 3\)"):
        go(backend, joints=np.zeros((1, 3)))
    with pytest.raises(Diverged, match="command of row 0 is not finite: joints"):
        go(backend, joints=np.full((1, 4), np.nan))
