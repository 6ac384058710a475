"""Families of objects: the same for the same seed, split for good, standing on the floor."""

from pathlib import Path

import numpy as np
import pytest

from loci.sim.geometry import multiply_wxyz, wxyz_to_matrix
from loci.sim.world import Body
from loci.sim.worlds.meshes import PybulletObjects, mesh_shape
from loci.sim.worlds.objects import Compounds, choose, divide


def bounds(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner of the parts' bounding boxes, body frame."""
    lower, upper = [], []
    for part in body.parts:
        reach = np.abs(wxyz_to_matrix(np.asarray(part.pose.wxyz))) @ np.asarray(part.size)
        lower.append(np.asarray(part.pose.position) - reach)
        upper.append(np.asarray(part.pose.position) + reach)
    return np.min(lower, axis=0), np.max(upper, axis=0)


def test_a_split_is_the_same_every_time_disjoint_and_complete() -> None:
    first, second = divide(1000, 0.2, 0), divide(1000, 0.2, 0)
    assert first == second
    assert len(first["held_out"]) == 200
    assert sorted(first["held_out"] + first["train"]) == list(range(1000))
    assert divide(1000, 0.2, 1) != first


@pytest.mark.parametrize("share", [0.0, 1.0, 0.001])
def test_a_split_must_leave_objects_on_both_sides(share: float) -> None:
    with pytest.raises(ValueError, match="held_out must leave objects on both sides"):
        divide(10, share, 0)


def test_objects_are_the_same_for_the_same_number_and_differ_otherwise() -> None:
    family = Compounds()
    assert family.body(3, "x") == Compounds().body(3, "x")
    assert len({family.body(n, "x").parts for n in range(4000)}) == 4000


def test_objects_stand_on_the_floor_within_their_width() -> None:
    for number in range(0, 4000, 29):
        lower, upper = bounds(Compounds().body(number, "x"))
        assert lower[2] == pytest.approx(0.0, abs=1e-6)
        assert 0.1 < upper[2] <= 1.2 * 0.7 * 1.15
        assert max(-lower[:2].min(), upper[:2].max()) < 0.55


def test_choices_are_distinct_and_of_the_split_asked_for() -> None:
    family, rng = Compounds(), np.random.default_rng(0)
    for split in ("train", "held_out"):
        chosen = choose(family, split, 8, rng)
        assert len(set(chosen)) == 8
        assert set(chosen) <= set(family.split(split))


def test_errors_name_what_there_is() -> None:
    with pytest.raises(ValueError, match="split must be one of train, held_out, got 'test'"):
        choose(Compounds(), "test", 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="cannot choose 900 different objects: the held_out split has 800"):
        choose(Compounds(), "held_out", 900, np.random.default_rng(0))
    with pytest.raises(ValueError, match="object number must lie in 0..3999"):
        Compounds().body(4000, "x")


def test_turning_twice_is_turning_by_the_sum() -> None:
    q = np.array([np.cos(0.2), 0, 0, np.sin(0.2)])
    np.testing.assert_allclose(multiply_wxyz(q, q), [np.cos(0.4), 0, 0, np.sin(0.4)])


def test_a_mesh_keeps_its_proportions_and_stands_on_the_floor(tmp_path: Path) -> None:
    import trimesh

    path = tmp_path / "slab.stl"
    trimesh.creation.box((4.0, 2.0, 1.0)).export(path)
    shape = mesh_shape(str(path), longest=0.8)
    np.testing.assert_allclose(shape.size, (0.4, 0.2, 0.1), rtol=1e-5)
    assert shape.pose.position[2] == pytest.approx(0.1)


def test_a_missing_mesh_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing.obj"):
        mesh_shape(str(tmp_path / "nothing.obj"), 1.0)


def test_the_package_pybullet_brings_a_thousand_meshes() -> None:
    pytest.importorskip("pybullet_data")
    family = PybulletObjects()
    assert family.count == 1000
    for number in (0, 17, 999):
        lower, upper = bounds(family.body(number, "x"))
        assert lower[2] == pytest.approx(0.0, abs=1e-6)
        assert max(upper - lower) == pytest.approx(0.7, rel=1e-5)
