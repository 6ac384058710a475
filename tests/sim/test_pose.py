"""Poses form a group, and joints move bodies as their axis says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loci.sim.geometry import rotate, wxyz_to_yaw
from loci.sim.joints import Joint, Receptacle
from loci.sim.pose import Pose
from loci.sim.world import Body, Shape, World

number = st.floats(-3.0, 3.0)
quaternions = st.tuples(number, number, number, number).filter(lambda q: math.hypot(*q) > 0.1)
poses = st.builds(
    lambda p, q: Pose(p, tuple(v / math.hypot(*q) for v in q)), st.tuples(number, number, number), quaternions
)


def close(a: Pose, b: Pose) -> None:
    assert a.position == pytest.approx(b.position, abs=1e-9)
    sign = math.copysign(1.0, sum(x * y for x, y in zip(a.wxyz, b.wxyz, strict=True)))
    assert a.wxyz == pytest.approx(tuple(sign * v for v in b.wxyz), abs=1e-9)


@given(poses, poses, poses)
def test_poses_are_a_group(a: Pose, b: Pose, c: Pose) -> None:
    close((a @ b) @ c, a @ (b @ c))
    close(a.inverse() @ a, Pose())
    close(a @ Pose(), a)


@given(poses, st.tuples(number, number, number))
def test_points_move_as_the_batched_geometry_says(pose: Pose, point: tuple[float, float, float]) -> None:
    expected = rotate(np.asarray(pose.wxyz), np.asarray(point)) + pose.position
    assert pose.point(point) == pytest.approx(expected.tolist(), abs=1e-9)
    assert pose.yaw == pytest.approx(float(wxyz_to_yaw(np.asarray(pose.wxyz))), abs=1e-9)


def test_a_door_turns_about_its_hinge_and_a_drawer_slides() -> None:
    door = Joint("hinge", (0.0, 0.0, 1.0), math.pi / 2, anchor=(-0.4, 0.0, 0.0))
    assert door.motion(0.0) == Pose()
    assert door.motion(1.0).point((-0.4, 0.0, 0.0)) == pytest.approx((-0.4, 0.0, 0.0))
    assert door.motion(1.0).point((0.4, 0.0, 0.0)) == pytest.approx((-0.4, 0.8, 0.0))
    drawer = Joint("slide", (1.0, 0.0, 0.0), -0.3)
    assert drawer.motion(0.5).position == pytest.approx((-0.15, 0.0, 0.0))


def test_a_body_starts_as_far_open_as_its_joint_says_and_knows_its_extent() -> None:
    part = Shape("box", (0.1, 0.2, 0.3), pose=Pose.at(1.0, 0.0, 0.0, math.pi / 2))
    body = Body("drawer", "drawer", (part,), Pose.at(2.0, 0.0), joint=Joint("slide", (0.0, 1.0, 0.0), 0.4, opening=0.5))
    assert body.start.position == pytest.approx((2.0, 0.2, 0.0))
    assert np.allclose(body.extent, ((0.8, -0.1, -0.3), (1.2, 0.1, 0.3)))


def test_furnished_worlds_travel_as_json() -> None:
    box = (Shape("box", (0.1, 0.1, 0.1)),)
    space = Receptacle("in", (-0.1, -0.1, 0.0), (0.1, 0.1, 0.2), behind="lid")
    lid = Body("lid", "lid", box, joint=Joint("hinge", (1.0, 0.0, 0.0), 1.5, opening=0.25))
    world = World((Body("chest", "chest", box, receptacles=(space,), states=("dirty", "on")), lid))
    assert World.from_json(world.to_json()) == world


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Joint("screw", (1, 0, 0), 1.0), "hinge, slide"),
        (lambda: Joint("hinge", (1, 1, 0), 1.0), "length 1"),
        (lambda: Joint("hinge", (1, 0, 0), 0.0), "not zero"),
        (lambda: Joint("hinge", (1, 0, 0), 1.0, opening=1.5), r"\[0, 1\], got 1.5"),
        (lambda: Receptacle("under", (0, 0, 0), (1, 1, 1)), "one of on, in, got 'under'"),
        (lambda: Receptacle("on", (0, 0, 0), (1, 0, 1)), "lower < upper"),
        (lambda: Body("b", "b", (Shape("box", (1, 1, 1)),), states=("on", "on")), "repeated: on"),
    ],
)
def test_what_cannot_be_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_a_receptacle_behind_something_that_does_not_open_is_refused() -> None:
    box = (Shape("box", (0.1, 0.1, 0.1)),)
    chest = Body("chest", "chest", box, receptacles=(Receptacle("in", (0, 0, 0), (1, 1, 1), behind="rock"),))
    with pytest.raises(ValueError, match="'rock', which has no joint"):
        World((chest, Body("rock", "rock", box)))
