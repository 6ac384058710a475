"""What was looked through: a wall, a thing, an empty place, and boxes against points along each ray."""

import numpy as np
import pytest

from loci.memories.maps.rays import INNER, Rays

EYE = np.zeros(3)


def fan(depth: float) -> np.ndarray:
    """Ends (441, 3) of rays on a plane x = depth, ± 0.5 as seen from 1 m."""
    y, z = np.meshgrid(np.linspace(-0.5, 0.5, 21), np.linspace(-0.5, 0.5, 21))
    return depth * np.stack([np.ones(441), y.ravel(), z.ravel()], 1)


def free(points: np.ndarray, *places: tuple, width: float = 0.4, **arguments) -> list[bool]:
    centres = np.array(places, float)
    return Rays(EYE, points, **arguments).free(centres, np.full(centres.shape, width)).tolist()


def test_what_is_before_the_wall_is_free_and_what_is_behind_it_is_not():
    assert free(fan(3.0), (2.0, 0, 0), (4.0, 0, 0), (3.0, 0, 0)) == [True, False, False]


def test_what_is_out_of_view_is_not_free():
    assert free(fan(3.0), (2.0, 1.5, 0), (-2.0, 0, 0), (0.0, 0.0, 0.0)) == [False, False, False]


def test_where_the_thing_is_and_behind_it_nothing_is_free():
    points = fan(4.0)
    hit = (np.abs(points[:, 1:]) < 0.4 * points[:, :1] / 4.0 * 1.0).all(1)
    points[hit] *= 1.9 / 4.0
    assert hit.sum() > 9
    assert free(points, (2.0, 0, 0), (3.0, 0, 0), (2.0, 0.7, 0)) == [False, False, True]


def test_few_rays_are_no_evidence():
    points = fan(3.0)[:3]
    assert free(np.repeat(np.array([[3.0, 0, 0]]), 3, 0), (2.0, 0, 0)) == [False]
    assert free(np.repeat(np.array([[3.0, 0, 0]]), 3, 0), (2.0, 0, 0), least=3) == [True]
    assert free(points, (2.0, 0, 0)) == [False]


def test_a_share_of_rays_that_end_in_the_box_forbids():
    through, inside = np.array([[3.0, 0, 0]]), np.array([[2.0, 0, 0]])
    rays = np.concatenate([np.repeat(through, 9, 0), inside])
    assert free(rays, (2.0, 0, 0)) == [True]
    assert free(rays[1:], (2.0, 0, 0)) == [False]


@pytest.mark.parametrize("seed", range(4))
def test_rays_are_counted_as_points_along_them_are(seed):
    rng = np.random.default_rng(seed)
    eye, points = rng.uniform(-3, 3, 3), rng.uniform(-3, 3, (300, 3))
    centres, extents = rng.uniform(-2, 2, (12, 3)), rng.uniform(0.5, 3.0, (12, 3))
    through, ended = Rays(eye, points).count(centres, extents)
    along = eye + np.linspace(0, 1, 2001)[None, :, None] * (points - eye)[:, None]
    for n in range(12):
        inside = (np.abs(along - centres[n]) < extents[n] * INNER / 2).all(2)
        if inside[0, 0]:
            assert (through[n], ended[n]) == (0, 0)
            continue
        assert ended[n] == inside[:, -1].sum()
        assert abs(int(through[n]) - int((inside.any(1) & ~inside[:, -1]).sum())) <= 2
    assert through.sum() > 20 < ended.sum() + 20


def test_what_is_wrong_is_refused():
    with pytest.raises(ValueError, match="origin and points must be finite"):
        Rays(EYE, np.full((1, 3), np.inf))
    with pytest.raises(ValueError, match=r"least must be 1 or more and blocked 0\.\.1, got 0 and 0\.1"):
        Rays(EYE, fan(1.0), least=0)
