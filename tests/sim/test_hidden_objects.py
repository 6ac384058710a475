"""Hidden objects: what comes out where and when, who succeeds how often, and that nothing gives the answer away."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.tasks.hidden_objects import BEARINGS, CORNER, LATE, PLACES, RADIUS, REACH, TURN, HiddenObjects
from loci.sim.vector import VectorEnv
from loci.sim.world import Pose
from loci.sim.worlds.boxes import BOX_HEIGHT, COLOURS, HALF, THINGS, thing

Choose = Callable[[Any, int], int]


def room(batch: int, backend: Any = KinematicBackend, size: int = 8, **settings: Any) -> VectorEnv:
    camera = Camera(size, size, 1.6, 1.3, -0.3, ("rgb", "instance"))
    return VectorEnv(backend(batch), lambda: HiddenObjects(camera, **settings))


def rates(env: VectorEnv, episodes: int, choose: Choose) -> dict[str, np.ndarray]:
    """Metrics of episodes in which `choose` (task, teacher's action) acts."""
    env.reset(0)
    found: dict[str, list[float]] = {"success": [], "choice": []}
    while len(found["success"]) < episodes:
        actions = [choose(task, action) for task, action in zip(env.tasks, env.expert(0)[0], strict=True)]
        for name, values in env.step(np.array(actions)).metrics.items():
            found[name].extend(values[np.isfinite(values)])
    return {name: np.asarray(values) for name, values in found.items()}


def chance(rate: np.ndarray, expected: float) -> None:
    """Five standard errors."""
    assert abs(rate.mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / len(rate))


def spot(place: int) -> tuple[float, float]:
    return RADIUS * np.cos(BEARINGS[place]), RADIUS * np.sin(BEARINGS[place])


def test_one_thing_after_another_stands_on_its_box_and_then_the_sentence_is_said() -> None:
    env = room(2, boxes=3, show=2, delay=3)
    step = env.reset(0)
    for frame in range(16):
        for row, task in enumerate(env.tasks):
            assert isinstance(task, HiddenObjects)
            named = f"go to the box with the {task.names[f'thing_{task.target}']}"
            assert step.obs["instruction"][row] == ("watch" if frame < 15 else named)
            for i in range(3):
                position = env._places[row].pose(f"thing_{i}").position
                out = frame in (5 * i, 5 * i + 1)
                assert position == pytest.approx((*spot(int(task._places[i])), BOX_HEIGHT if out else 0.0))
        assert (env.expert(7)[1] == (frame == 15)).all()
        step = env.step(env.expert(0)[0])
    assert not step.terminated.any()
    step = env.step(env.expert(0)[0])
    assert step.reward.tolist() == [1.0, 1.0]
    assert step.terminated.all()


def test_a_thing_inside_its_box_is_not_seen_and_outside_it_is() -> None:
    env = room(8, size=32, boxes=6, show=1, delay=1, things=24)
    step = env.reset(3)
    for frame in range(12):
        for row, view in enumerate(step.obs["instance"]):
            world = env._places[row].world
            seen = {world.bodies[i].name for i in np.unique(view[view >= 0])}
            out = {f"thing_{frame // 2}"} if frame % 2 == 0 else set()
            assert {name for name in seen if name.startswith("thing")} == out
            assert {f"box_{i}" for i in range(6)} <= seen
        step = env.step(np.zeros(8, int))


def test_the_teacher_succeeds_and_a_fixed_box_once_in_n_and_a_fixed_place_once_in_six() -> None:
    env = room(50, boxes=4, show=1, delay=0)
    assert rates(env, 100, lambda task, action: action)["success"].all()
    first = rates(env, 300, lambda task, action: int(task._places[0]))
    blind = rates(env, 300, lambda task, action: 0)
    assert first["choice"].all()
    chance(first["success"], env.ceiling)
    chance(blind["success"], 1 / PLACES)
    chance(blind["choice"], 4 / PLACES)


def test_the_teacher_succeeds_from_wherever_a_wrong_stride_leads() -> None:
    rng, env = np.random.default_rng(0), room(100, boxes=6, show=1, delay=0)
    env.reset(0)
    for _ in range(6):
        env.step(np.zeros(100, int))
    assert not env.step(rng.integers(PLACES, size=100)).terminated.any()
    won, ended = np.zeros(100), np.zeros(100, bool)
    while not ended.all():
        step = env.step(env.expert(0)[0])
        won += step.reward * ~ended
        ended |= step.terminated
    assert won.all()


def test_a_free_gaze_is_brought_back_from_any_heading() -> None:
    rng, env = np.random.default_rng(0), room(50, boxes=6, show=3, delay=0, gaze="free")
    env.reset(0)
    for place in env._places:
        place.put_agent(Pose.at(0.0, 0.0, 0.0, float(rng.uniform(-np.pi, np.pi))))
    for _ in range(6):
        env.step(env.expert(0)[0])
    assert (np.abs(env.backend.agents()[1]) <= TURN / 2 + 1e-9).all()
    assert rates(env, 50, lambda task, action: action)["success"].all()


def test_boxes_look_alike_and_a_thing_fits_in() -> None:
    env = room(4, boxes=6)
    env.reset(0)
    for row in range(4):
        parts = {env._places[row].world.body(f"box_{i}").parts for i in range(6)}
        assert len(parts) == 1
    for number in range(len(THINGS)):
        lower, upper = thing(number, "it", Pose()).extent
        assert max(upper[0], upper[1], -lower[0], -lower[1]) < HALF - 0.02
        assert lower[2] == 0.0
        assert upper[2] < BOX_HEIGHT - 0.02


def test_names_are_unique_and_eight_in_a_row_differ_in_colour() -> None:
    assert len(set(THINGS)) == 24
    for i in range(len(THINGS) - 7):
        assert len({name.split()[0] for name in THINGS[i : i + 8]}) == len(COLOURS)


def pictures(env: VectorEnv, seed: int, steps: int) -> np.ndarray:
    step = env.reset(seed)
    seen = [step.obs["rgb"]]
    for _ in range(steps):
        step = env.step(np.zeros(env.batch, int))
        seen.append(step.obs["rgb"])
    return np.stack(seen)


def test_after_the_watching_the_picture_says_nothing_about_the_things() -> None:
    """The same boxes with other things in them, in another order, give the same picture: all pixels are equal."""
    env = room(1, size=32, boxes=6, show=1, delay=1)
    last = {pictures(env, seed, 12)[12].tobytes() for seed in range(12)}
    assert len(last) == 1


def test_hidden_things_never_come_out_and_the_same_seed_is_the_same_episode() -> None:
    still = pictures(room(3, size=32, boxes=4, show=2, delay=1, hidden=True), 1, 12)
    shown = pictures(room(3, size=32, boxes=4, show=2, delay=1), 1, 12)
    assert (still == still[:1]).all()
    assert not (shown == shown[:1]).all()
    assert np.array_equal(shown, pictures(room(3, size=32, boxes=4, show=2, delay=1), 1, 12))
    assert np.array_equal(shown[2], still[2])


def test_the_passer_stands_on_the_floor_in_pauses_only_and_is_no_thing_of_the_boxes() -> None:
    env = room(4, boxes=3, show=1, delay=2, distractors=True)
    env.reset(0)
    for frame in range(10):
        for place, task in zip(env._places, env.tasks, strict=True):
            x, y, z = place.pose("passer").position
            pause = frame < 9 and frame % 3 > 0
            assert (x, y, z) == CORNER.position if not pause else (0.9 <= x <= 1.3 and abs(y) <= 0.5 and z == 0.0)
            assert place.world.body("passer").category not in task.names.values()  # type: ignore[attr-defined]
        env.step(np.zeros(4, int))


def test_every_thing_is_asked_for_equally_often_whatever_its_turn_and_place() -> None:
    rng, task = np.random.default_rng(0), HiddenObjects(Camera(8, 8), boxes=3)
    count, times = np.zeros((3, PLACES)), 1800
    for _ in range(times):
        task.world(rng)
        count[task.target, task._places[task.target]] += 1
    expected = times / count.size
    assert ((count - expected) ** 2 / expected).sum() < 48.0  # chi-squared, 17 degrees: 1 in 10,000


def test_a_free_gaze_turns_while_watching_and_a_fixed_one_does_not() -> None:
    free, fixed = room(1, boxes=2, show=3, delay=4, gaze="free"), room(1, boxes=2)
    free.reset(0)
    assert free.expert(0)[0] == [PLACES]
    free.step([PLACES + 1])
    assert free.backend.agent(0)[2] == pytest.approx(TURN)
    action, weight = free.expert(0)
    assert action == [PLACES + 2]
    assert 0.0 < weight[0] * 14 == pytest.approx(1.0)
    assert fixed.action_space.n == PLACES  # type: ignore[attr-defined]


def test_things_are_named_while_they_are_out_and_only_then() -> None:
    env = room(4, boxes=2, show=1, delay=1, named=1.0)
    step = env.reset(0)
    for frame in range(5):
        for heard, task in zip(step.obs["words"], env.tasks, strict=True):
            out = frame in (0, 2)
            assert heard == (task.names[f"thing_{frame // 2}"] if out else "")  # type: ignore[attr-defined]
        step = env.step(np.zeros(4, int))


def test_who_waits_too_long_gets_nothing() -> None:
    env = room(1, boxes=1, show=1, delay=0, gaze="free")
    env.reset(0)
    ends = [bool(env.step([PLACES]).terminated[0]) for _ in range(1 + LATE)]
    assert ends == [False] * LATE + [True]


def test_the_twin_hears_where() -> None:
    env = room(4, boxes=2, show=1, delay=0, twin=True)
    env.reset(0)
    env.step(np.zeros(4, int))
    heard = env.step(np.zeros(4, int)).obs["instruction"]
    for sentence, task in zip(heard, env.tasks, strict=True):
        assert isinstance(task, HiddenObjects)
        assert sentence.endswith(f" at {task._places[task.target] + 1}")


def test_places_do_not_touch_and_are_reached() -> None:
    """Boxes do not touch one another, and whoever is stopped by one, head on, has reached it."""
    gap = np.hypot(*np.subtract(spot(0), spot(1)))
    assert gap > 2 * HALF
    assert REACH > HALF + 0.2


@pytest.mark.parametrize("engine", ["mujoco", "pybullet"])
def test_with_physics_the_teacher_succeeds_and_things_stand(engine: str) -> None:
    pytest.importorskip(engine)
    if engine == "mujoco":
        from loci.sim.backends.mujoco import MujocoBackend as Engine
    else:
        from loci.sim.backends.pybullet import PybulletBackend as Engine  # type: ignore[assignment]
    env = room(2, Engine, boxes=4, show=1, delay=1, distractors=True)
    assert rates(env, 2, lambda task, action: action)["success"].all()
    env.reset(0)
    for frame in range(8):
        for place, task in zip(env._places, env.tasks, strict=True):
            for i in range(4):
                x, y, z = place.pose(f"thing_{i}").position
                height = BOX_HEIGHT if frame == 2 * i else 0.0
                assert np.allclose((x, y, z), (*spot(int(task._places[i])), height), atol=0.02)  # type: ignore[attr-defined]
        env.step(np.zeros(2, int))
    env.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"boxes": [2, 7]}, "boxes must be in 1..6, got"),
        ({"delay": -1}, "delay must be 0 or more, got"),
        ({"show": 0}, "show must be 1 or more, got"),
        ({"things": 4, "distractors": True}, "things must be in 5..24, got"),
        ({"named": 1.5}, "named must lie in .0, 1., got 1.5"),
        ({"gaze": "loose"}, "gaze must be one of fixed, free, got 'loose'"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        room(1, **settings)
