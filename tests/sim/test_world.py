"""Worlds are values: checked when made, equal by content, the same after a trip through JSON."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loci.sim.world import Body, Light, Pose, Room, Shape, World

numbers = st.floats(-50, 50, allow_nan=False)
lengths = st.floats(0.01, 5)
poses = st.builds(Pose.at, numbers, numbers, numbers, st.floats(-10, 10))
colours = st.tuples(*[st.floats(0, 1)] * 3)
boxes = st.builds(
    lambda size, colour, pose: Shape("box", size, colour, "checker", pose=pose),
    st.tuples(*[lengths] * 3),
    colours,
    poses,
)
balls = st.builds(lambda r, colour: Shape("sphere", (r, r, r), colour), lengths, colours)
bodies = st.lists(st.tuples(st.lists(boxes | balls, min_size=1, max_size=3), poses, st.floats(0, 100)), max_size=4)


def box(name: str = "box", pose: Pose | None = None) -> Body:
    return Body(name, "box", (Shape("box", (0.5, 0.5, 0.5)),), pose or Pose())


@given(bodies, st.lists(poses, max_size=3))
def test_json_brings_back_an_equal_world(parts: list, spawns: list) -> None:
    made = tuple(Body(f"b{i}", "thing", tuple(shapes), pose, mass) for i, (shapes, pose, mass) in enumerate(parts))
    world = World(made, lights=(Light(),), spawns=tuple(spawns), name="w")
    assert World.from_json(world.to_json()) == world
    assert World.from_json(world.to_json()).to_json() == world.to_json()


def test_rooms_survive_json() -> None:
    world = World((box(),), (Room("hall", (-1.0, -1.0, -1.0), (1.0, 1.0, 2.0)),))
    assert World.from_json(world.to_json()) == world


def test_an_unknown_body_is_answered_with_the_names_that_exist() -> None:
    with pytest.raises(KeyError, match=r"no body 'tabel' in world 'world'. Bodies: chair, table"):
        World((box("table"), box("chair"))).body("tabel")


def test_names_must_be_unique() -> None:
    with pytest.raises(ValueError, match="body names must be unique, repeated: a"):
        World((box("a"), box("b"), box("a")))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_pose_must_be_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="Pose.position must be 3 finite numbers"):
        Pose((0.0, bad, 0.0))


def test_a_quaternion_must_have_length_one() -> None:
    with pytest.raises(ValueError, match="unit quaternion"):
        Pose(wxyz=(1.0, 1.0, 0.0, 0.0))


def test_bodies_stand_inside_rooms() -> None:
    room = Room("hall", (-2.0, -2.0, 0.0), (2.0, 2.0, 2.5))
    with pytest.raises(ValueError, match=r"body 'box' at \(5.0, 0.0, 1.0\) is in no room. Rooms: hall"):
        World((box(pose=Pose.at(5.0, 0.0, 1.0)),), (room,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "cube", "size": (1, 1, 1)}, "Shape.kind must be one of box, sphere"),
        ({"kind": "sphere", "size": (1, 1, 2)}, "equal radii"),
        ({"kind": "cylinder", "size": (1, 2, 2)}, "equal radii"),
        ({"kind": "capsule", "size": (1, 1, 0.5)}, "half height >= radius"),
        ({"kind": "plane", "size": (1, 1, 1)}, "z = 0"),
        ({"kind": "box", "size": (1, 0, 1)}, "must be positive"),
        ({"kind": "box", "size": (1, math.nan, 1)}, "Shape.size must be 3 finite numbers"),
        ({"kind": "box", "size": (1, 1, 1), "colour": (2, 0, 0)}, "Shape.colour must lie in 0..1"),
        ({"kind": "mesh", "size": (1, 1, 1)}, "Shape.mesh names a file exactly for kind 'mesh'"),
    ],
)
def test_a_wrong_shape_is_refused_with_its_reason(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shape(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "expected world format 2, got 99"),
        ({"bodies": [{"name": "x"}]}, "incomplete or mistyped"),
        ({"spawns": [{"position": [0, 0], "wxyz": [1, 0, 0, 0]}]}, "Pose.position must be 3 finite numbers"),
    ],
)
def test_broken_json_is_refused_with_its_reason(change: dict, message: str) -> None:
    data = json.loads(World((box(),)).to_json()) | change
    with pytest.raises(ValueError, match=message):
        World.from_json(json.dumps(data))
