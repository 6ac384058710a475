"""Household: chores can be done, not by doing nothing; what is said, seen and counted is what happens."""

import json
from typing import Any

import numpy as np
import pytest

from loci.sim.env import Env
from loci.sim.geometry import camera_to_world, wxyz_to_matrix
from loci.sim.manipulation import rests
from loci.sim.sensors import Camera
from loci.sim.tasks.household import Household
from loci.sim.tasks.household_people import DAY, free_pose, live
from loci.sim.tasks.household_words import CATEGORIES, FURNITURE, STATES, THINGS, Skill
from loci.sim.vector import VectorEnv
from loci.sim.worlds.house import House
from tests.contracts.engines import engine

CAMERA = Camera(96, 96, fov=1.3, eye=1.4, pitch=-0.35)
SMALL = Camera(16, 16, fov=1.3, eye=1.4, pitch=-0.35)
HOUSE = House(bedrooms=(1, 1), study=0.0, things=(40, 50))
DONE = np.array([Skill.DONE, 0, 0, 0, -1], np.float32)


def make(camera: Camera = CAMERA, **settings: Any) -> VectorEnv:
    settings = {"house": HOUSE, **settings}
    return VectorEnv(engine("kinematic", 1), lambda: Household(camera, **settings))


def solve(env: VectorEnv, seed: int) -> list[Any]:
    """The records of an episode that the teacher plays."""
    task = env.tasks[0]
    assert isinstance(task, Household)
    env.reset(seed)
    while True:
        step = env.step(env.expert(DONE)[0])
        if step.terminated[0] or step.truncated[0]:
            return list(task.records)


def test_the_teacher_does_nearly_every_chore_of_twenty_houses() -> None:
    env = make(steps=120, tasks=3)
    records = [record for seed in range(20) for record in solve(env, seed)]
    assert len(records) == 60
    assert np.mean([record.success for record in records]) >= 0.95
    assert {record.kind for record in records} == {"simple", "composite", "complex"}
    assert all(record.share == 1.0 for record in records if record.success)


def test_nothing_is_reached_by_doing_nothing() -> None:
    env = make(SMALL, tasks=6)
    for seed in range(3):
        env.reset(seed)
        for k in range(6):
            step = env.step(DONE[None])
            assert step.reward[0] == 0.0
            assert bool(step.terminated[0]) == (k == 5)
        assert step.metrics["success"][0] == step.metrics["share"][0] == 0.0


def test_a_task_ends_after_its_steps_and_the_next_instruction_is_in_force() -> None:
    env = make(SMALL, tasks=2, steps=3)
    step, texts = env.reset(0), []
    look = np.array([[Skill.LOOK, 0.0, 0.0, 1.0, -1]], np.float32)
    for _ in range(6):
        texts.append((int(step.obs["number"][0, 0]), str(step.obs["instruction"][0])))
        step = env.step(look)
    assert [number for number, _ in texts] == [0, 0, 0, 1, 1, 1]
    assert len(set(texts)) == 2
    assert step.truncated[0]
    assert step.metrics["steps"][0] == 3.0


def test_the_same_seed_is_the_same_day_whatever_the_robot_does() -> None:
    env, said = make(SMALL, tasks=6, steps=4), []
    for action in (DONE, np.array([Skill.LOOK, 1.0, 0.0, 1.0, -1], np.float32)):
        env.reset(3)
        step = env.step(action[None])
        while not (step.terminated[0] or step.truncated[0]):
            step = env.step(action[None])
        task = env.tasks[0]
        assert isinstance(task, Household)
        said.append([(record.instruction, record.moved) for record in task.records])
    assert said[0] == said[1]


def test_observations_lie_in_their_spaces_and_the_picture_fits_the_camera() -> None:
    env = Env(engine("kinematic", 1), Household(CAMERA, house=HOUSE, tasks=1))
    obs, _ = env.reset(seed=0)
    place, task, spaces = env._place, env.task, task_spaces(env)
    for _ in range(12):
        assert set(obs) == set(spaces)
        for name, space in spaces.items():
            value = obs[name]
            assert space.contains(value), name
        advice = task.expert(place)
        assert advice is not None
        obs, _, over, late, _ = env.step(advice.action)
        if over or late:
            break
        x, y, yaw = place.agent()
        assert obs["position"][:2] == pytest.approx([x, y])
        pitch = np.arcsin(np.clip(wxyz_to_matrix(obs["camera_wxyz"])[2, 2], -1.0, 1.0))
        _, axes = camera_to_world(np.array([x, y, 0.0]), np.asarray(yaw), 1.0, float(pitch))
        assert wxyz_to_matrix(obs["camera_wxyz"]) == pytest.approx(axes, abs=1e-5)


def task_spaces(env: Env) -> dict[str, Any]:
    return {name: space for sensor in env.task.sensors for name, space in sensor.space().items()}


def test_rows_of_objects_are_where_things_are() -> None:
    env = make(tasks=1)
    step = env.reset(0)
    place = env._places[0]
    for _ in range(8):
        rows = step.obs["objects"][0]
        for row in rows[rows[:, 0] >= 0]:
            body = place.world.bodies[int(row[8])]
            assert CATEGORIES[int(row[0])] == body.category
            assert np.all(np.abs(np.array(place.pose(body.name).point(body.middle)) - row[1:4]) <= row[4:7] / 2 + 0.35)
        step = env.step(env.expert(DONE)[0])


def test_the_goal_tuple_hides_what_an_instruction_only_refers_to() -> None:
    env = make(SMALL, tasks=6)
    task = env.tasks[0]
    assert isinstance(task, Household)
    found = 0
    for seed in range(4):
        step = env.reset(seed)
        while not step.terminated[0]:
            goal = json.loads(str(step.obs["goal"][0]))
            conditions = [condition for group in goal for condition in group]
            assert all(set(c["things"]) <= set(THINGS) | {"television"} for c in conditions)
            assert all(
                set(c["places"]) <= {*FURNITURE, *THINGS} and set(c["states"]) <= set(STATES) for c in conditions
            )
            if task.chore.kind == "complex":
                found += 1
                referent = place_category(env, task.chore.referent)
                assert all(c["things"] != [referent] for c in conditions)
                assert conditions[0]["reference"]["event"] in ("put", "take", "clean", "heat", "cool", "slice", "fill")
                assert task.chore.referent not in str(step.obs["goal"][0])
            step = env.step(DONE[None])
    assert found >= 5


def place_category(env: VectorEnv, name: str) -> str:
    return env._places[0].world.body(name).category


def test_people_move_as_many_things_as_they_are_told_to_and_shut_doors() -> None:
    env = make(SMALL, tasks=1)
    env.reset(0)
    place, rng = env._places[0], np.random.default_rng(0)
    place.drive("fridge_1_door", 1.0)
    moved = [len(live(place, rng, 2.0, 3.0)) for _ in range(40)]
    assert place.opening("fridge_1_door") == 0.0
    assert 3.0 < np.mean(moved) <= 6.6, "6 on average, less those for which no room was found"
    assert live(place, rng, 10.0, 0.0) == []


def test_what_people_put_somewhere_rests_there_and_touches_nothing() -> None:
    env = make(SMALL, tasks=1)
    env.reset(0)
    place, rng = env._places[0], np.random.default_rng(0)
    fridge = place.world.body("fridge_1")
    mug = next(body for body in place.world.bodies if body.category == "mug")
    for space in fridge.receptacles * 4:
        pose = free_pose(place, rng, mug, fridge, space)
        assert pose is not None
        place.place(mug.name, pose)
        assert rests(place, mug.name, "fridge_1", "in")


def test_heat_fades_and_time_runs() -> None:
    env = make(SMALL, tasks=1, fade=1.0)
    step = env.reset(0)
    place = env._places[0]
    mug = next(body.name for body in place.world.bodies if body.category == "mug")
    assert step.obs["time"][0, 0] == 8 * 3600.0
    place.mark(mug, "heated", True)
    look = np.array([[Skill.LOOK, 0.0, 0.0, 1.0, -1]], np.float32)
    warm = 0
    while "heated" in place.states(mug):
        step, warm = env.step(look), warm + 1
        assert warm < 100
    assert warm == 62, "from the first step on for more than 60 s"
    assert step.obs["time"][0, 0] == 8 * 3600.0 + 62.0


def test_tasks_are_asked_for_by_day() -> None:
    env = make(SMALL, tasks=12, pause=3.0)
    step, times = env.reset(1), []
    while not step.terminated[0]:
        times.append(float(step.obs["time"][0, 0]))
        step = env.step(DONE[None])
    assert times == sorted(times)
    assert all(8 * 3600 <= time % DAY < 20 * 3600 for time in times)
    assert times[-1] > DAY, "twelve tasks take more than one day"


def test_a_row_is_the_same_alone_and_beside_another() -> None:
    alone, both = make(), VectorEnv(engine("kinematic", 2), lambda: Household(CAMERA, house=HOUSE))
    first, second = alone.reset(5), both.reset(5)
    for _ in range(25):
        assert all(np.array_equal(first.obs[k][0], second.obs[k][0]) for k in first.obs)
        first, second = alone.step(alone.expert(DONE)[0]), both.step(both.expert(DONE)[0])


def test_a_detector_that_errs_makes_the_hands_err() -> None:
    exact, blind = (solve(make(steps=30, tasks=2, misses=misses), 0) for misses in (0.0, 1.0))
    assert [record.success for record in exact] == [1.0, 1.0]
    assert [record.success for record in blind] == [0.0, 0.0], "what is not detected cannot be handled"


@pytest.mark.parametrize("action", [[14, 0, 0, 0, -1], [0, 0, 0, 0, len(CATEGORIES)], [0, np.nan, 0, 0, -1]])
def test_actions_outside_the_space_are_refused(action: list[float]) -> None:
    env = make(SMALL, tasks=1)
    env.reset(0)
    with pytest.raises(ValueError, match=r"action must be \[skill"):
        env.step(np.array([action], np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"order": ("hard",)}, "order of"), ({"rate": -1.0}, "0 or more"), ({"tasks": 0}, "tasks, steps >= 1")],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Household(SMALL, **settings)
