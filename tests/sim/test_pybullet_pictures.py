"""The Bullet backend: restored worlds look as before, its own renderer against the ray caster."""

import math

import numpy as np
import pytest

pytest.importorskip("pybullet")

from loci.sim.backends.pybullet import PybulletBackend
from loci.sim.backends.pybullet.camera import metres
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Shape, World
from tests.sim import pybullet_room
from tests.sim.pybullet_room import KINDS, go, room, solid

engine = pybullet_room.engine


def test_a_restored_world_draws_what_it_drew(engine: PybulletBackend) -> None:
    camera = Camera(32, 32)
    engine.load(0, room(solid("a", at=Pose.at(1.0, 0.2, 0.5)), solid("b", "sphere", Pose.at(1.2, -0.4, 0.3))))
    go(engine, 0.2, seconds=0.3)
    saved, before = engine.state(0), engine.render(camera, camera.kinds)
    go(engine, 0.5, turn=1.0)
    engine.restore(0, saved)
    after = engine.render(camera, camera.kinds)
    for kind in camera.kinds:
        np.testing.assert_array_equal(before[kind], after[kind])


def test_the_engines_depth_is_metres_between_the_clip_planes() -> None:
    np.testing.assert_allclose(metres(np.array([0.0, 1.0])), [0.02, 100.0])
    np.testing.assert_allclose(metres((1 / 0.02 - 1 / np.array([0.5, 2.0])) / (1 / 0.02 - 1 / 100.0)), [0.5, 2.0])


@pytest.mark.parametrize("seed", range(2))
def test_the_engines_own_pictures_agree_with_the_ray_caster(seed: int) -> None:
    rng, things = np.random.default_rng(seed), []
    for i in range(10):
        angle, far = i * 2.0 * math.pi / 10.0, rng.uniform(0.8, 1.9)
        kind = KINDS[i % 4]
        things.append(
            solid(f"{kind}{i}", kind, Pose.at(far * math.cos(angle), far * math.sin(angle), 0.0, angle), 0.15, 0.0)
        )
    cast, tiny = PybulletBackend(1), PybulletBackend(1, renderer="tiny")
    camera, same, apart = Camera(64, 64), [], []
    for backend in (cast, tiny):
        backend.load(0, room(*things))
    for heading in (0.3, 2.0, 4.5):
        images = []
        for backend in (cast, tiny):
            backend.put_agent(0, Pose.at(0.0, 0.0, 0.0, heading))
            images.append(backend.render(camera, camera.kinds))
        equal = images[0]["instance"] == images[1]["instance"]
        same.append(equal.mean())
        apart.append(np.abs(images[0]["depth"] - images[1]["depth"])[equal])
        assert {k: (v.shape, v.dtype) for k, v in images[0].items()} == {
            k: (v.shape, v.dtype) for k, v in images[1].items()
        }
    assert min(same) >= 0.98
    assert np.median(np.concatenate(apart)) <= 1e-3
    assert np.quantile(np.concatenate(apart), 0.99) <= 0.03
    cast.close()
    tiny.close()


@pytest.mark.parametrize("renderer", ["cast", "tiny"])
def test_a_wall_two_metres_ahead_reads_two_metres_and_beside_it_there_is_nothing(renderer: str) -> None:
    slab = Body("slab", "slab", (Shape("box", (0.1, 1.0, 5.0)),), Pose.at(2.1, 1.0, 0.0))
    backend = PybulletBackend(1, renderer=renderer)
    backend.load(0, World((slab,)))
    images = backend.render(Camera(33, 33, pitch=0.0), ("depth", "instance"))
    depth, ids = images["depth"][0], images["instance"][0]
    np.testing.assert_allclose(depth[:, :16], 2.0, atol=1e-3)
    assert (ids[:, :16] == 0).all()
    assert (depth[:, 17:] == 0.0).all()
    assert (ids[:, 17:] == -1).all()
    backend.close()
