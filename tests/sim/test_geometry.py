"""Frames: group laws of quaternions, and pinhole cameras that undo themselves."""

import numpy as np
import pytest

from loci.sim import geometry as g

RNG = np.random.default_rng(0)


def random_wxyz(n: int) -> np.ndarray:
    q = RNG.normal(size=(n, 4))
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def test_product_of_quaternions_is_product_of_matrices() -> None:
    a, b = random_wxyz(50), random_wxyz(50)
    np.testing.assert_allclose(
        g.wxyz_to_matrix(g.multiply_wxyz(a, b)), g.wxyz_to_matrix(a) @ g.wxyz_to_matrix(b), atol=1e-12
    )


def test_matrices_are_rotations() -> None:
    m = g.wxyz_to_matrix(random_wxyz(50))
    np.testing.assert_allclose(m @ m.transpose(0, 2, 1), np.broadcast_to(np.eye(3), m.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(m), 1.0)


def test_yaw_survives_the_trip() -> None:
    yaw = np.linspace(-3.1, 3.1, 41)
    np.testing.assert_allclose(g.wxyz_to_yaw(g.yaw_to_wxyz(yaw)), yaw, atol=1e-12)


def test_a_quarter_turn_takes_x_to_y() -> None:
    np.testing.assert_allclose(g.rotate(g.yaw_to_wxyz(np.pi / 2), np.array([1.0, 0, 0])), [0, 1, 0], atol=1e-12)


def test_wrapped_angles_lie_in_the_half_open_interval() -> None:
    wrapped = g.wrap_angle(np.array([np.pi, -np.pi, 3 * np.pi, 0.5, 7.0]))
    np.testing.assert_allclose(wrapped, [-np.pi, -np.pi, -np.pi, 0.5, 7.0 - 2 * np.pi])


def test_a_level_camera_looks_along_the_heading() -> None:
    eye, axes = g.camera_to_world(np.array([1.0, 2.0, 0.0]), np.array(np.pi / 2), 0.7, 0.0)
    np.testing.assert_allclose(eye, [1.0, 2.0, 0.7])
    np.testing.assert_allclose(axes.T, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)


def test_a_positive_pitch_looks_up() -> None:
    _, axes = g.camera_to_world(np.zeros(3), np.array(0.3), 1.0, 0.4)
    assert axes[2, 2] == pytest.approx(np.sin(0.4))
    assert axes[2, 1] < 0  # down stays down


def test_unproject_undoes_project() -> None:
    eye, axes = g.camera_to_world(np.array([0.3, -0.2, 0.0]), np.array(0.7), 1.1, -0.3)
    depth = RNG.uniform(0.5, 4.0, (12, 16))
    points = g.unproject(depth, 1.2, eye, axes)
    pixels, z = g.project(points.reshape(-1, 3), 12, 16, 1.2, eye, axes)
    columns, rows = np.meshgrid(np.arange(16) + 0.5, np.arange(12) + 0.5)
    np.testing.assert_allclose(pixels, np.stack([columns, rows], -1).reshape(-1, 2), atol=1e-9)
    np.testing.assert_allclose(z, depth.ravel())


def test_the_field_of_view_is_vertical() -> None:
    rays = g.pixel_rays(100, 50, 1.0)
    edge = np.arctan(np.abs(rays[0, 0, 1]) + 1.0 / (2 * g.focal_length(100, 1.0)))
    assert edge == pytest.approx(0.5)
