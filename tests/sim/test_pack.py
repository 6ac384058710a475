import math
import time

import numpy as np
import pytest

from benchmarks.reference_room import reference_room
from loci.sim.geometry import rotate, wxyz_to_matrix, yaw_to_wxyz
from loci.sim.render.pack import EMPTY, FIELDS, Scene
from loci.sim.world import KINDS, Body, Light, Pose, Shape, World

TABLE = Body(
    "table",
    "table",
    (
        Shape("box", (0.6, 0.4, 0.02), (0.5, 0.3, 0.1), "wood", pose=Pose((0.0, 0.0, 0.7))),
        Shape("cylinder", (0.03, 0.03, 0.35), pose=Pose((0.5, 0.3, 0.35))),
        Shape("capsule", (0.03, 0.03, 0.35), pose=Pose.at(-0.5, -0.3, 0.35, yaw=0.4)),
    ),
    Pose.at(2.0, -1.0, yaw=0.8),
)
BALL = Body("ball", "ball", (Shape("sphere", (0.1,) * 3),), Pose.at(1.0, 1.0, 0.1))


def test_parts_stand_where_body_and_part_pose_together_put_them():
    scene = Scene(2)
    scene.load(1, World((BALL, TABLE)))
    assert scene.used.tolist() == [0, 4]
    assert scene.body[1, :5].tolist() == [0, 1, 1, 1, -1]
    assert [KINDS[k] for k in scene.kind[1, :4]] == ["sphere", "box", "cylinder", "capsule"]
    for slot, shape in enumerate(TABLE.parts, start=1):
        expected = np.array(TABLE.pose.position) + rotate(np.array(TABLE.pose.wxyz), np.array(shape.pose.position))
        np.testing.assert_allclose(scene.position[1, slot], expected, atol=1e-6)
        np.testing.assert_allclose(scene.size[1, slot], shape.size, rtol=1e-6)
    expected = wxyz_to_matrix(yaw_to_wxyz(1.2))
    np.testing.assert_allclose(scene.rotation[1, 3], expected, atol=1e-6)


def test_placing_a_body_moves_all_its_parts_and_nothing_else():
    moved, loaded = Scene(2), Scene(2)
    for row in (0, 1):
        moved.load(row, World((BALL, TABLE)))
    pose = Pose.at(-1.0, 0.5, 0.2, yaw=-2.0)
    moved.place(0, 1, np.array(pose.position), wxyz_to_matrix(np.array(pose.wxyz)))
    loaded.load(0, World((BALL, Body("table", "table", TABLE.parts, pose))))
    loaded.load(1, World((BALL, TABLE)))
    for name in FIELDS:
        np.testing.assert_allclose(getattr(moved, name), getattr(loaded, name), atol=1e-6)


def test_several_bodies_are_placed_at_once_as_one_after_the_other():
    scene, other = Scene(1), Scene(1)
    for each in (scene, other):
        each.load(0, World((BALL, TABLE)))
    positions, rotations = (
        np.array([[1.0, 2.0, 3.0], [0.0, 0.5, 0.0]]),
        wxyz_to_matrix(yaw_to_wxyz(np.array([0.3, 1.0]))),
    )
    scene.place(0, [1, 0], positions, rotations)
    for i, body in enumerate([1, 0]):
        other.place(0, body, positions[i], rotations[i])
    np.testing.assert_array_equal(scene.position, other.position)
    np.testing.assert_array_equal(scene.rotation, other.rotation)


def test_a_smaller_world_leaves_nothing_of_the_one_before():
    scene = Scene(1, 2)
    scene.load(0, reference_room())
    scene.load(0, World((BALL,)))
    assert scene.used[0] == 1
    assert (scene.kind[0, 1:] == EMPTY).all()
    assert (scene.body[0, 1:] == -1).all()


def test_slots_grow_and_keep_the_other_rows():
    scene = Scene(2, 2)
    scene.load(0, World((BALL,)))
    scene.load(1, reference_room())
    assert scene.slots >= 25
    assert scene.kind.shape == (2, scene.slots)
    assert KINDS[scene.kind[0, 0]] == "sphere"
    np.testing.assert_allclose(scene.position[0, 0], BALL.pose.position)


def test_the_light_is_a_unit_direction_with_its_brightness():
    scene = Scene(2)
    scene.load(0, World(lights=(Light((0.0, 3.0, -4.0), 0.2, 0.7),)))
    scene.load(1, World(lights=()))
    np.testing.assert_allclose(scene.light[0], [0.0, 0.6, -0.8, 0.2, 0.7], rtol=1e-6)
    np.testing.assert_allclose(scene.light[1, 3:], [1.0, 0.0])


def test_errors_say_what_is_wrong():
    scene = Scene(1)
    scene.load(0, World((BALL,)))
    with pytest.raises(KeyError, match=r"no texture 'carpet'.*bricks"):
        scene.load(0, World((Body("a", "a", (Shape("box", (1, 1, 1), texture="carpet"),)),)))
    with pytest.raises(ValueError, match="one light"):
        scene.load(0, World(lights=(Light(), Light((1.0, 0.0, 0.0)))))
    with pytest.raises(IndexError, match=r"row must lie in 0\.\.0, got 1"):
        scene.load(1, World())
    with pytest.raises(IndexError, match="body must lie in"):
        scene.place(0, 1, np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match="finite poses"):
        scene.place(0, 0, np.array([np.nan, 0.0, 0.0]), np.eye(3))
    with pytest.raises(ValueError, match="1 bodies, 2 positions"):
        scene.place(0, 0, np.zeros((2, 3)), np.eye(3))
    with pytest.raises(ValueError, match="batch and slots"):
        Scene(0)


def test_a_refused_world_leaves_the_row_as_it_was():
    scene = Scene(1)
    scene.load(0, World((BALL,)))
    before = scene.position.copy()
    with pytest.raises(FileNotFoundError, match=r"nowhere\.obj"):
        scene.load(0, World((TABLE, Body("a", "a", (Shape("mesh", (1, 1, 1), mesh="nowhere.obj"),)))))
    np.testing.assert_array_equal(scene.position, before)
    assert scene.used[0] == 1


def test_loading_is_fast_enough_for_a_new_world_every_twenty_steps():
    worlds = [reference_room(seed, objects=10) for seed in range(20)]
    scene = Scene(1)
    for world in worlds:
        scene.load(0, world)
    begin = time.process_time()
    for world in worlds:
        scene.load(0, world)
    assert (time.process_time() - begin) / len(worlds) < 1e-3, "measured 0.1 ms; ten times that is a mistake"
    assert math.isfinite(scene.position.sum())
