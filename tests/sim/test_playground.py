"""Playground: words are bound to what is faced, instructions are judged by them, and nothing ends."""

import numpy as np
import pytest

from loci.sim.backend import Place
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.tasks.fast_mapping import BACK, FORWARD, GRASP, LEFT
from loci.sim.tasks.playground import Playground
from loci.sim.worlds.objects import Compounds


@pytest.fixture
def play() -> tuple[Playground, Place]:
    task, place = Playground(Compounds(), Camera(16, 16, kinds=("rgb",))), Place(KinematicBackend(1), 0)
    rng = np.random.default_rng(0)
    place.load(task.world(rng))
    task.begin(place, rng)
    return task, place


def act(play: tuple[Playground, Place], action: int) -> float:
    task, place = play
    command = task.command(action, place)
    place.backend.step({name: np.asarray([value]) for name, value in command.items()}, task.seconds)
    outcome = task.outcome(place)
    assert not outcome.terminated
    return outcome.reward


def face_something(play: tuple[Playground, Place], but: str = "") -> str:
    """Walk to an object and stand before it."""
    for _ in range(12):
        act(play, FORWARD)
        if play[0].faced(play[1]) not in ("", but):
            return play[0].faced(play[1])
        act(play, BACK)
        act(play, LEFT)
    raise AssertionError("no object found")


def test_what_is_said_is_heard_once_and_names_what_is_faced(play: tuple[Playground, Place]) -> None:
    task, place = play
    assert task.say("this is a dax", place) == "", "nothing is faced in the middle"
    thing = face_something(play)
    assert task.say("this is a dax", place) == thing
    assert task.outcome(place).said.words == "this is a dax"
    assert task.outcome(place).said.words == ""
    assert task.say("good morning", place) == ""
    assert task.names == {thing: "dax"}


def test_a_name_said_of_another_object_moves_there(play: tuple[Playground, Place]) -> None:
    task, place = play
    first = face_something(play)
    task.say("this is a dax", place)
    act(play, BACK)
    second = face_something(play, but=first)
    task.say("this is a dax", place)
    assert task.names == {second: "dax"}


def test_an_instruction_stays_until_something_is_picked_up_and_is_judged(play: tuple[Playground, Place]) -> None:
    task, place = play
    thing = face_something(play)
    task.say("this is a dax", place)
    assert task.instruct("pick up the zog") == ""
    assert act(play, GRASP) == 0.0
    assert task.sentence == ""
    assert task.instruct("pick up the dax") == thing
    act(play, BACK)
    assert task.outcome(place).said.instruction == "pick up the dax"
    before = place.pose(thing)
    act(play, FORWARD)
    assert act(play, GRASP) == 1.0
    assert task.outcome(place).said.instruction == ""
    assert place.held() is None
    assert place.pose(thing) == before, "it is put back"


def test_the_teacher_finds_what_was_asked_for_after_all_is_rearranged(play: tuple[Playground, Place]) -> None:
    task, place = play
    assert task.expert(place) is None
    thing = face_something(play)
    task.say("this is a dax", place)
    task.instruct("pick up the dax")
    before = place.pose(thing)
    task.rearrange(place)
    assert place.pose(thing) != before
    reward = 0.0
    for _ in range(30):
        advice = task.expert(place)
        if advice is None:
            break
        reward += act(play, advice.action)
    assert reward == 1.0
    assert task.success == 1.0


def test_a_body_that_was_moved_is_faced_where_it_is_now(play: tuple[Playground, Place]) -> None:
    task, place = play
    thing = face_something(play)
    pose = place.pose(thing)
    place.place(thing, type(pose)((0.0, 0.0, -50.0), pose.wxyz))
    act(play, LEFT)
    assert task.faced(place) != thing
