"""Word phases: the timetable is kept, the teacher solves it, nobody else can without the names."""

import numpy as np
import pytest

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.tasks.fast_mapping import FORWARD, GRASP, LEFT
from loci.sim.tasks.word_phases import WordPhases
from loci.sim.vector import Step, VectorEnv
from loci.sim.worlds.objects import Compounds

CAMERA = Camera(8, 8, kinds=("rgb",))


def env(batch: int = 32, **settings: object) -> VectorEnv:
    return VectorEnv(
        KinematicBackend(batch), lambda: WordPhases(**({"family": Compounds(), "camera": CAMERA} | settings))
    )  # type: ignore[arg-type]


def played(world: VectorEnv, episodes: int, seed: int = 0, blind: bool = False) -> dict[str, np.ndarray]:
    """Metrics of episodes in which the teacher acts; a blind one picks up the first object it comes to."""
    world.reset(seed)
    found: dict[str, list[float]] = {}
    while len(found.get("success", [])) < episodes:
        step = world.step(first_seen(world) if blind else world.expert(0)[0])
        for name, values in step.metrics.items():
            found.setdefault(name, []).extend(values[np.isfinite(values)])
    return {name: np.asarray(values) for name, values in found.items()}


def first_seen(world: VectorEnv) -> np.ndarray:
    actions = world.expert(0)[0]
    for row, task in enumerate(world.tasks):
        if task.phase == "instruction" and not world._done[row]:
            here = world._places[row].agent()
            ahead = any(abs(task._bearing(name, *here)) <= task._turn / 2 for name in task._spots)
            actions[row] = GRASP if task._faced(*here) else FORWARD if ahead else LEFT
    return actions


def episode(world: VectorEnv, seed: int) -> list[tuple[int, str, Step]]:
    """(visit, phase, step) of each moment of one episode of row 0 that the teacher plays."""
    task, step, moments = world.tasks[0], world.reset(seed), []
    while True:
        moments.append((task._visit, task.phase, step))
        if step.terminated[0]:
            return moments
        step = world.step(world.expert(0)[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"phases": [0, 1, 2]},
        {"phases": 10, "split": "held_out"},
        {"phases": 1, "objects": [2, 5]},
        {"lessons": 4},
        {"phases": 5, "lessons": 2, "split": "held_out"},
    ],
)
def test_the_teacher_solves_at_least_98_percent(settings: dict) -> None:
    metrics = played(env(**settings), 100)
    for name in ("success", "answered", "introduced", "choice"):
        assert metrics[name].mean() >= 0.98, name


@pytest.mark.parametrize("settings", [{"phases": 2}, {"lessons": 2}])
def test_picking_the_first_object_seen_succeeds_by_chance_only(settings: dict) -> None:
    """Right once in 3 times: 700 episodes, five standard errors of 0.018. Earlier questions are no easier."""
    metrics = played(env(64, **settings), 700, seed=1, blind=True)
    assert abs(metrics["success"].mean() - 1 / 3) < 0.09
    assert abs(metrics["answered"].mean() - 1 / 3) < 0.09
    assert metrics["choice"].mean() == 1.0


def test_the_ceiling_is_one_in_the_number_of_objects() -> None:
    assert env(1, phases=[0, 5]).tasks[0].ceiling == pytest.approx(1 / 3)
    assert env(1, objects=[2, 4], lessons=3).tasks[0].ceiling == pytest.approx((1 / 2 + 1 / 4) / 2)


def timetable(world: VectorEnv, seed: int) -> list[tuple[frozenset[str], str]]:
    """The names of each visit and the name that is asked for, "" where none is."""
    world.reset(seed)
    visits = world.tasks[0].visits
    return [(frozenset(v.group.names.values()), v.group.names[v.asked] if v.asked else "") for v in visits]


def test_a_lesson_is_names_then_phases_then_a_question_about_the_first_names() -> None:
    rooms = timetable(env(1, phases=4), 0)
    names = [room for room, asked in rooms if not asked]
    assert len(names) == 5
    assert [bool(asked) for _, asked in rooms] == [False] * 5 + [True]
    assert rooms[-1][1] in names[0]
    assert len(frozenset().union(*names)) == 15, "no name comes twice"


@pytest.mark.parametrize(("lessons", "phases"), [(4, 0), (2, 5), (3, 1)])
def test_the_last_of_many_lessons_asks_for_another_name_of_the_first(lessons: int, phases: int) -> None:
    world = env(1, phases=phases, lessons=lessons)
    for seed in range(10):
        rooms = timetable(world, seed)
        asked = [name for _, name in rooms if name]
        first = [rooms[lesson * (phases + 2)][0] for lesson in range(lessons)]
        assert len(rooms) == lessons * (phases + 2)
        assert len(asked) == lessons
        assert all(name in own for name, own in zip(asked[:-1], first, strict=False))
        assert asked[-1] in first[0] - {asked[0]}


def test_no_object_comes_twice_in_an_episode_and_all_are_of_the_split() -> None:
    world = env(1, phases=5, lessons=2, split="held_out")
    world.reset(0)
    rooms = [visit.group for visit in world.tasks[0].visits if not visit.asked]
    members = [int(body.category.removeprefix("compound_")) for room in rooms for body in room.bodies]
    assert len(set(members)) == len(members) == 36
    assert set(members) <= set(Compounds().split("held_out"))


def test_every_question_is_uniform_over_the_names() -> None:
    world = env(1, lessons=3)
    places = []
    for seed in range(300):
        world.reset(seed)
        asked = [visit for visit in world.tasks[0].visits if visit.asked]
        places.append([list(visit.group.names).index(visit.asked) for visit in asked])
    for question in np.asarray(places).T:
        assert abs(np.bincount(question, minlength=3) - 100).max() < 5 * np.sqrt(300 * 2 / 9)


def test_what_is_said_is_what_the_timetable_says() -> None:
    world = env(1, phases=2, lessons=2)
    heard: dict[int, set[str]] = {}
    told: dict[int, set[str]] = {}
    for visit, _, step in episode(world, 3):
        heard.setdefault(visit, set()).add(str(step.obs["words"][0]))
        told.setdefault(visit, set()).add(str(step.obs["instruction"][0]))
    assert sorted(heard) == list(range(8))
    for number, visit in enumerate(world.tasks[0].visits):
        spoken = set() if visit.asked else {f"this is a {name}" for name in visit.group.names.values()}
        asked = f"pick up the {visit.group.names[visit.asked]}" if visit.asked else ""
        assert heard[number] - {""} == spoken
        assert told[number] == {asked}


def test_reward_is_a_tenth_an_introduction_and_one_a_right_answer_and_never_resets() -> None:
    moments = episode(env(1, phases=1, lessons=3), 5)
    total = sum(float(step.reward[0]) for _, _, step in moments)
    assert total == pytest.approx(3 * 2 * 3 * 0.1 + 3)
    assert [bool(step.reset[0]) for _, _, step in moments] == [True] + [False] * (len(moments) - 1)


def test_phases_are_drawn_anew_and_every_one_takes_as_long_as_the_first() -> None:
    """The teacher needs as many moments for a distractor room as for the first one, on average."""
    world = env(1, phases=12)
    visits = np.concatenate(
        [[visit for visit, phase, _ in episode(world, s) if phase == "discovery"] for s in range(8)]
    )
    lengths = np.bincount(visits) / 8
    assert lengths.shape == (13,)
    assert abs(lengths[1:].mean() - lengths[0]) < 2.5
    drawn = {len(timetable(env(1, phases=[0, 1, 2]), seed)) for seed in range(20)}
    assert drawn == {2, 3, 4}


def test_the_question_is_asked_in_the_first_room_rearranged() -> None:
    world = env(1, phases=1)
    world.reset(2)
    task, place = world.tasks[0], world._places[0]
    walls, before = place.world.body("wall_0").parts, {n: place.pose(n).position for n in task.names}
    distractors: set[str] = set()
    while task.phase == "discovery":
        world.step(world.expert(0)[0])
        distractors |= set(task._spots) - set(before) if task._visit == 1 else set()
    assert set(task._spots) == set(before)
    assert all(before[name] != place.pose(name).position for name in before)
    assert place.world.body("wall_0").parts == walls
    assert len(distractors) == 3


def test_mute_says_no_name_in_any_room() -> None:
    world = env(8, mute=True, phases=1, lessons=2)
    step, asked = world.reset(0), 0
    for _ in range(80):
        assert set(step.obs["words"].tolist()) == {""}
        asked += int((step.obs["instruction"] != "").sum())
        step = world.step(world.expert(0)[0])
    assert asked > 0


def test_the_twin_says_here_exactly_while_the_right_thing_is_ahead() -> None:
    world = env(8, twin=True, lessons=2)
    step, here = world.reset(0), 0
    for _ in range(60):
        for row, task in enumerate(world.tasks):
            if task.phase == "instruction" and task.target in task._spots:
                said = str(step.obs["instruction"][row]).endswith(" it is here")
                assert said == (abs(task._bearing(task.target, *world._places[row].agent())) <= task._turn / 2)
                here += said
        step = world.step(world.expert(0)[0])
    assert here > 10


def test_wrong_answers_end_a_question_but_not_the_episode() -> None:
    world = env(16, lessons=3)
    world.reset(0)
    for _ in range(200):
        step = world.step(first_seen(world))
        for row in np.flatnonzero(step.terminated):
            assert world.tasks[row]._visit == 5
            assert step.metrics["answered"][row] in (0.0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0)


def test_who_does_nothing_meets_every_time_limit_and_the_end() -> None:
    world = env(4, phases=1, lessons=2)
    step, steps = world.reset(0), 0
    while not step.terminated.any():
        step, steps = world.step(np.full(4, LEFT)), steps + 1
    assert step.terminated.all()
    assert not step.truncated.any()
    assert steps == 4 * (22 + 1) + 60 + 1 + 60
    assert steps <= world.tasks[0].max_steps
    assert step.metrics["introduced"].tolist() == step.metrics["choice"].tolist() == [0.0] * 4


def test_the_same_seed_gives_the_same_episodes() -> None:
    first, second = env(4, phases=[0, 1, 2], lessons=2), env(4, phases=[0, 1, 2], lessons=2)
    one, other = first.reset(7), second.reset(7)
    for _ in range(60):
        for name in one.obs:
            np.testing.assert_array_equal(one.obs[name], other.obs[name])
        np.testing.assert_array_equal(one.reward, other.reward)
        one, other = first.step(first.expert(0)[0]), second.step(second.expert(0)[0])
    assert timetable(first, 8) == timetable(second, 8) != timetable(second, 9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"phases": -1}, "phases must be 0 or more"),
        ({"phases": []}, "phases must be 0 or more"),
        ({"lessons": 0}, "lessons must be 1 or more, got 0"),
        ({"objects": 9}, "do not fit around the agent, at most 8"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        env(1, **settings)
