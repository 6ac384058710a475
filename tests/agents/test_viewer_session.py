"""A session: the same seed is the same episode, one can go back in it, and people take part like the world does."""

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from loci.agents.build import build_agent, build_task
from loci.agents.viewer.eye import Eye
from loci.agents.viewer.session import Session
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.tasks.fast_mapping import BACK, FORWARD, GRASP, LEFT


def config(*overrides: str) -> DictConfig:
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose("train", ["folder=unused", "name=unused", "scale=debug", *overrides])


def session(*overrides: str, seed: int = 3) -> Session:
    chosen = config(*overrides)
    return Session(build_agent(chosen, build_task(chosen)), KinematicBackend(1), build_task(chosen), seed)


@pytest.fixture(scope="module")
def play() -> Session:
    return session("task=playground")


def seen(of: Session) -> list[tuple[float, ...]]:
    return [(*s.agent, s.reward, *s.chances, float(s.seen.sum())) for s in of.history]


def face_something(play: Session) -> str:
    play.reset(3)
    for _ in range(12):
        play.act(FORWARD)
        if play.task.faced(play.place):
            return str(play.task.faced(play.place))
        play.act(BACK)
        play.act(LEFT)
    raise AssertionError("no object found")


def test_the_same_seed_is_the_same_episode() -> None:
    first, second = session(), session()
    for one in (first, second):
        for _ in range(8):
            one.act()
    assert seen(first) == seen(second)
    second.reset(4)
    assert seen(second)[0] != seen(first)[0]


LEARNED = ("memory=spatial_transformer", "memory.rule=learned", "memory.actions=5")
OTHERS = [(), ("memory=gru",), ("memory=window",), LEARNED, ("task=put_away", "memory=none")]


@pytest.mark.parametrize("overrides", OTHERS)
def test_going_back_and_on_is_as_if_nothing_had_been(overrides: tuple[str, ...]) -> None:
    chosen = config(*overrides)
    task = build_task(chosen)
    one = Session(build_agent(chosen, task), KinematicBackend(1), task, 1, driver="teacher")
    for _ in range(9):
        one.act()
    before = seen(one)
    one.back_to(4)
    assert seen(one) == before[:5]
    for _ in range(5):
        one.act()
    assert seen(one) == before


def test_a_snapshot_holds_what_happened() -> None:
    one = session()
    one.act(LEFT)
    one.driver = "teacher"
    one.act()
    first, second, last = one.history
    assert (first.action, first.driver) == (LEFT, "you")
    assert second.driver == "teacher"
    assert last.action is None
    assert [s.step for s in one.history] == [0, 1, 2]
    assert sum(first.chances) == pytest.approx(1.0)
    assert first.memory_bytes > 0
    assert first.drawing.layers or first.drawing.facts


def test_an_episode_that_is_over_goes_no_further() -> None:
    one = session()
    one.driver = "teacher"
    while not one.now.over:
        one.act()
    assert one.now.metrics["success"] == 1.0
    assert one.now.total == pytest.approx(1.3)
    with pytest.raises(RuntimeError, match="episode is over"):
        one.act()


def test_a_word_is_taught_and_asked_for(play: Session) -> None:
    thing = face_something(play)
    seen = play.now.seen
    assert thing in play.say("this is a dax")
    assert play.now.words == "this is a dax"
    assert np.array_equal(play.now.seen, seen), "it is heard with what is faced"
    play.act(BACK)
    assert play.now.words == ""
    assert thing in play.instruct("pick up the dax")
    play.rearrange()
    play.driver = "teacher"
    for _ in range(30):
        if play.now.reward == 1.0:
            break
        play.act()
    play.driver = "agent"
    assert play.now.reward == 1.0
    assert play.now.instruction == ""
    assert play.now.room == 1


def test_hidden_things_are_not_seen_until_they_come_back(play: Session) -> None:
    thing, eye, camera = face_something(play), Eye(), Camera(64, 64, fov=1.1, eye=0.7, pitch=-0.2)
    play.act(GRASP)
    number = play.now.world.index(thing)
    assert (eye.look(play.now, camera)["instance"] == number).any()
    play.hide(thing)
    play.act(GRASP)
    assert not (eye.look(play.now, camera)["instance"] == number).any()
    assert (eye.look(play.history[-2], camera)["instance"] == number).any(), "the past stays as it was"
    play.hide(thing)
    play.act(GRASP)
    assert (eye.look(play.now, camera)["instance"] == number).any()


def test_a_body_is_moved_on_the_floor(play: Session) -> None:
    thing = face_something(play)
    height = play.place.pose(thing).position[2]
    play.move(thing, -1.0, 0.5)
    assert play.place.pose(thing).position == (-1.0, 0.5, height)


def test_what_was_hidden_later_is_not_hidden_when_one_goes_back(play: Session) -> None:
    thing = face_something(play)
    step = play.now.step
    play.hide(thing)
    play.act(GRASP)
    play.back_to(step)
    play.hide(thing)
    assert play.place.pose(thing).position[2] < -1.0, "it is hidden now, not brought back"


def test_words_that_cannot_be_read_are_refused_before_anything_happens(play: Session) -> None:
    steps = len(play.history)
    for tell in (play.say, play.instruct):
        with pytest.raises(ValueError, match="<"):
            tell("this is a <b>")
    assert len(play.history) == len(play.saved) == steps
    play.act(LEFT)


def test_without_memory_nothing_stays() -> None:
    one = session()
    for _ in range(4):
        one.act(LEFT)
    remembered = one.state.memory.written.item()
    one.memory_on = False
    one.act(LEFT)
    assert remembered == 5
    assert one.state.memory.written.item() == 1
    assert not one.now.memory_on


def test_what_cannot_be_done_is_said(play: Session) -> None:
    with pytest.raises(ValueError, match="FastMapping has no say: start with task=playground"):
        session().say("this is a dax")
    with pytest.raises(ValueError, match=r"step must lie in 0\.\.\d+, got 99999"):
        play.back_to(99999)
    with pytest.raises(ValueError, match="Discrete"):
        play.act(7)
    with pytest.raises(ValueError, match="driver must be one of agent, teacher, you"):
        Session(play.agent, KinematicBackend(1), play.task, driver="dog")
    with pytest.raises(ValueError, match="one row, got 2"):
        Session(play.agent, KinematicBackend(2), play.task)
    with pytest.raises(KeyError, match="no body 'moon'"):
        play.hide("moon")


def test_the_eye_sees_what_the_backend_renders() -> None:
    one, camera = session(), Camera(48, 48, fov=1.1, eye=0.7, pitch=-0.2)
    one.act(FORWARD)
    direct = one.backend.render(camera, ("rgb", "depth", "instance"))
    drawn = Eye().look(one.now, camera)
    for kind, image in direct.items():
        assert np.array_equal(drawn[kind], image[0]), kind
