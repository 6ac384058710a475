"""Watching agents of streets: trained without pictures, shown in the city; marks that are seen in a town."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig

pytest.importorskip("viser")

from loci.agents.build import build_agent, build_env
from loci.agents.rollout import play
from loci.agents.train import Run
from loci.agents.viewer import snippets
from loci.agents.viewer.controls import hotkeys
from loci.agents.viewer.gate import free_port
from loci.agents.viewer.overlay import tints
from loci.agents.viewer.page import Page
from loci.agents.viewer.recording import read, save
from loci.agents.viewer.scale import STREET, lifted, magnified
from loci.agents.viewer.session import Session
from loci.agents.watch import about, camera, session
from loci.memories.layers import Boxes, Edges, Labels
from loci.sim.tasks.street_views import StreetViews
from loci.sim.world import Body, Pose, Room, Shape, World
from loci.sim.worlds.street_moves import Move

CITY = ["task.cities=1", "task.tours=6", "task.city.columns=4", "task.city.rows=4"]
AGENT = ["encoder=streets", "policy=orar", "memory=mem4nav"]
SEEN = ["task=street_views", *CITY]


def config(root: str, *overrides: str) -> DictConfig:
    plain = ["folder=unused", "name=unused"] if root == "train" else []
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose(root, [*plain, *overrides])


@pytest.fixture(scope="module")
def walked() -> Session:
    """A tour of two legs that the teacher has walked."""
    shown = session(config("watch", *SEEN, *AGENT, "driver=teacher", "task.tour=2", "task.first_pass=true"), set())
    while not shown.now.over:
        shown.act()
    return shown


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in the array task that has learnt nothing yet."""
    folder = tmp_path_factory.mktemp("run")
    chosen = config("train", "task=street_tours", *CITY, *AGENT, f"folder={folder}", "task.tour=2", "learner.image=0.0")
    Run(chosen).save()
    return folder


def test_an_agent_of_the_array_task_does_the_same_where_it_is_seen() -> None:
    """`play` gives the same metrics in both, to the last bit."""
    told = config("train", "task=street_nav", *CITY, *AGENT)
    seen = config("train", *SEEN, *AGENT)
    agent = build_agent(told, build_env(told, 1))
    one, other = (play(agent, build_env(chosen, 2), 4, 3) for chosen in (told, seen))
    assert set(one) == set(other)
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_checkpoint_of_the_array_task_is_watched_in_the_city(run: Path) -> None:
    chosen = config("watch", f"checkpoint={run}", *SEEN, "task.tour=2")
    shown = session(chosen, {"task"})
    assert isinstance(shown.task, StreetViews)
    shown.act()
    assert len(shown.history) == 2
    with pytest.raises(ValueError, match=r"trained on width 64 and 5 actions, the task has width 32 and 5"):
        session(config("watch", f"checkpoint={run}", *SEEN, "task.width=32"), {"task"})
    with pytest.raises(ValueError, match="needs landmarks, but the task shows"):
        session(config("watch", f"checkpoint={run}", "task=playground"), {"task"})


def test_the_teacher_arrives_and_the_memory_is_drawn(walked: Session) -> None:
    assert walked.now.metrics["success"] == 1.0
    assert walked.now.total == 2.0
    drawing = walked.now.drawing
    assert [layer.title for layer in drawing.layers] == ["leaves", "landmarks", "ways", "found", "routes"]
    assert {drawing.facts["view"].split(",")[0], drawing.facts["goal"].split(",")[0]} <= {"short", "long"}
    leaves = next(layer for layer in drawing.layers if isinstance(layer, Boxes))
    places = np.array([(*snapshot.agent[:2], 0.0) for snapshot in walked.history])
    off = np.abs(places[:, None] - leaves.centres).max(axis=2).min(axis=0)
    assert (off <= 2.5 + 1e-4).all(), "every leaf holds a place where the agent stood"


def test_the_plan_of_a_planner_is_drawn_while_it_goes_by_the_map() -> None:
    planner = ["encoder=streets", "policy=street_planner", "memory=mem4nav", "memory.code_dim=128"]
    tour = ["task.tour=4", "task.recall=0.5", "task.first_pass=true", "driver=agent"]
    shown = session(config("watch", *SEEN, *planner, "memory.leaves=128", *tour), set())
    while not shown.now.over:
        shown.act()
    by: dict[str, list[np.ndarray]] = {"the text": [], "the map": []}
    for drawing in (snapshot.drawing for snapshot in shown.history):
        plan = next(layer for layer in drawing.layers if layer.title == "plan")
        assert isinstance(plan, Edges)
        by.setdefault(drawing.facts["goes by"].split(",")[0], []).append(plan.ends)
    assert by["the text"]
    assert not any(len(ends) for ends in by["the text"])
    ways = [ends for ends in by["the map"] if len(ends)]
    assert max(map(len, ways)) > 3
    assert all(np.array_equal(ends[1:, 0], ends[:-1, 1]) for ends in ways), "one way, from waypoint to waypoint"


def test_going_back_in_a_tour_and_on_is_as_if_nothing_had_been(walked: Session) -> None:
    before = [(*s.agent, s.instruction, s.reward, *s.chances, int(s.seen.sum())) for s in walked.history]
    walked.back_to(len(before) // 2)
    while not walked.now.over:
        walked.act()
    assert [(*s.agent, s.instruction, s.reward, *s.chances, int(s.seen.sum())) for s in walked.history] == before


@pytest.mark.parametrize("ending", ["loci", "html", "gif"])
def test_an_episode_in_a_city_is_recorded(walked: Session, ending: str, tmp_path: Path) -> None:
    history = walked.history[-3:]
    path = save(history, tmp_path / f"episode.{ending}", camera(walked.task), about(walked, config("watch", *SEEN)))
    assert path.stat().st_size > 20_000
    if ending == "loci":
        again = read(path)
        assert again.actions == ("forward", "left", "right", "turn around", "stop")
        assert all(np.array_equal(a.poses, b.poses) for a, b in zip(again.history, history, strict=True))


def test_the_page_shows_the_town_in_its_size(walked: Session) -> None:
    with Page(walked, port=free_port()) as page:
        page.player.seek(12)
        page.draw()
        handles = {name: page.server.scene.get_handle_by_name(name) for name in ("/memory/0", "/memory/1", "/path")}
        boxes: Any = handles["/memory/0"]
        assert page.stage.scale == magnified(walked.now.world) > 20.0
        np.testing.assert_allclose(boxes.batched_scales, 2.5)
        assert handles["/memory/1"].batched_scales.min() > 1.0  # type: ignore[union-attr]
        assert page.server.initial_camera.far > 500.0
        assert not page.player.teachable


def test_marks_grow_in_a_town_and_nowhere_else() -> None:
    post = Shape("box", (0.1, 0.1, 0.1))
    street = World(tuple(Body(f"post_{n}", "post", (post,), Pose((100.0 * n, 0.0, 0.0))) for n in range(5)))
    room = World((), (Room("room", (0.0, 0.0, 0.0), (30.0, 4.0, 2.5)),))
    assert magnified(street) == 400.0 / STREET
    assert magnified(room) == 1.0
    assert np.array_equal(lifted(np.ones((2, 3)), 1.0), np.ones((2, 3)))


def test_keys_go_by_the_names_of_actions() -> None:
    street = hotkeys(StreetViews.action_names)
    assert [street[move] for move in Move] == ["arrowup", "arrowleft", "arrowright", "arrowdown", "enter"]
    room = hotkeys(("forward", "back", "turn left", "turn right", "pick up", "put on"))
    assert list(room.values()) == ["arrowup", "arrowdown", "arrowleft", "arrowright", "enter"]
    other = hotkeys(tuple(f"point {n}" for n in range(8)))
    assert list(other.values()) == ["arrowup", "arrowdown", "arrowleft", "arrowright", "enter"]
    twice = hotkeys(("left", "turn left", "wait"))
    assert twice == {0: "arrowleft", 1: "arrowup", 2: "arrowdown"}


def test_a_legend_has_the_colours_of_each_layer() -> None:
    points = np.zeros((3, 3))
    colours = np.array([[1, 2, 3], [9, 9, 9], [1, 2, 3]], np.uint8)
    boxes = Boxes("<leaves>", points, points, colours)
    assert tints(boxes) == [(1, 2, 3), (9, 9, 9)]
    assert tints(Edges("none", np.zeros((0, 2, 3)), colours[:0])) == []
    assert len(tints(Labels("new", points, ("a", "b", "c"), changed=np.array([True, False, False])))) == 2
    text = snippets.legend({"<leaves>": tints(boxes), "none": []})
    assert "&lt;leaves&gt;" in text
    assert "rgb(9, 9, 9)" in text
    assert "none" not in text
