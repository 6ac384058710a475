"""Put away: the teacher solves it on every engine, and only what rests in its place counts."""

import math

import numpy as np
import pytest

from loci.sim.sensors import Camera
from loci.sim.tasks.put_away import BACK, CLOSE, OPEN, PICK, PUT_IN, PUT_ON, PutAway
from loci.sim.vector import VectorEnv
from tests.contracts.engines import engine

CAMERA = Camera(16, 16, kinds=("rgb",))


def solve(name: str, batch: int, slip: float = 0.0) -> tuple[float, float]:
    """Success of the teacher in one episode a row, and its mean number of steps."""
    env = VectorEnv(engine(name, batch), lambda: PutAway(CAMERA))
    rng, ended, solved, length = np.random.default_rng(0), np.zeros(batch, bool), np.zeros(batch, bool), np.zeros(batch)
    env.reset(3)
    while not ended.all():
        taught, _ = env.expert(0)
        slips = rng.random(batch) < slip
        step = env.step(np.where(slips, rng.integers(9, size=batch), taught))
        length += ~ended
        solved |= step.terminated & ~ended
        ended |= step.terminated | step.truncated
    env.close()
    return float(solved.mean()), float(length.mean())


@pytest.mark.parametrize(("name", "batch"), [("kinematic", 200), ("mujoco", 50), ("pybullet", 16)])
def test_the_teacher_puts_things_away_on_every_engine(name: str, batch: int) -> None:
    success, length = solve(name, batch)
    assert success >= 0.98
    assert length < 30


def test_the_teacher_finds_back_after_slips() -> None:
    assert solve("kinematic", 100, slip=0.1)[0] >= 0.95


def test_random_actions_do_not_solve_it() -> None:
    assert solve("kinematic", 60, slip=1.0)[0] < 0.2


def test_the_same_seed_is_the_same_world_and_instruction() -> None:
    first, second = PutAway(CAMERA), PutAway(CAMERA)
    for seed in range(5):
        assert first.world(np.random.default_rng(seed)) == second.world(np.random.default_rng(seed))
        assert first.sentence == second.sentence


def test_nothing_starts_where_it_is_to_go() -> None:
    env = VectorEnv(engine("kinematic", 100), lambda: PutAway(CAMERA, stowed=1.0))
    env.reset(0)
    for task, place in zip(env.tasks, env._places, strict=True):
        assert task.outcome(place).reward == 0.0


def test_hands_do_nothing_where_there_is_nothing() -> None:
    env = VectorEnv(engine("kinematic", 1), lambda: PutAway(CAMERA, stowed=0.0))
    env.reset(0)
    place = env._places[0]
    place.put_agent(place.world.spawns[0])
    before = [place.pose(body.name) for body in place.world.bodies]
    for action in (PICK, PUT_ON, PUT_IN, OPEN, CLOSE):
        env.step(np.array([action]))
    assert place.held() is None
    assert [place.pose(body.name) for body in place.world.bodies] == before
    env.step(np.array([BACK]))
    assert math.hypot(*place.agent()[:2]) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"things": 5}, r"things must lie in 1..4, got 5"), ({"stowed": 2.0}, r"\[0, 1\], got 2.0")],
)
def test_impossible_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PutAway(CAMERA, **settings)
