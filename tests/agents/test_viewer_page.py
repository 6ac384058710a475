"""The page without a browser: a real server on this machine, whose scene and widgets are read back from Python."""

import json
import math
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_module

pytest.importorskip("viser")

from loci.agents.build import build_agent, build_task
from loci.agents.viewer import snippets, views
from loci.agents.viewer.gate import free_port
from loci.agents.viewer.overlay import BOXES, FAULT, Overlay, Spots, error_colours
from loci.agents.viewer.page import Page
from loci.agents.viewer.player import Player
from loci.agents.viewer.session import HIDDEN, Session
from loci.agents.viewer.solids import glb
from loci.agents.viewer.stage import LOW
from loci.memories.layers import Boxes, Edges, Groups, Labels, Moments, Points
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Shape, World
from loci.sim.worlds.house import House


@pytest.fixture(scope="module")
def agent_and_task() -> tuple[Any, Any]:
    with initialize_config_module("loci.conf", version_base="1.3"):
        config = compose("train", ["folder=unused", "name=unused", "scale=debug", "task=playground", "memory=window"])
    return build_agent(config, build_task(config)), build_task(config)


@pytest.fixture
def session(agent_and_task: tuple[Any, Any]) -> Session:
    return Session(agent_and_task[0], KinematicBackend(1), agent_and_task[1], 3)


@pytest.fixture
def page(session: Session) -> Iterator[Page]:
    with Page(session, port=free_port(), title="test") as page:
        yield page


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def visit(target: Any, value: Any) -> SimpleNamespace:
    """An event as a visitor's click makes it."""
    return SimpleNamespace(client_id=1, target=SimpleNamespace(value=value) if target is None else target)


def node(page: Page, name: str) -> Any:
    return page.server.scene.get_handle_by_name(name)


def primitives(data: bytes) -> list[dict[str, np.ndarray]]:
    """Arrays of a glTF file's primitives, read by the letter of the format."""
    assert data[:4] == b"glTF"
    assert struct.unpack("<I", data[8:12])[0] == len(data)
    size = struct.unpack("<I", data[12:16])[0]
    content, binary = json.loads(data[20 : 20 + size]), data[28 + size :]

    def array(number: int) -> np.ndarray:
        accessor = content["accessors"][number]
        view = content["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        flat = np.frombuffer(binary, "<f4", view["byteLength"] // 4, view["byteOffset"])
        return flat.reshape(accessor["count"], -1)

    meshes = content.get("meshes", [{"primitives": []}])
    return [{k: array(n) for k, n in primitive["attributes"].items()} for primitive in meshes[0]["primitives"]]


def test_only_this_machine_can_reach_the_page(page: Page) -> None:
    port = f"{page.server.get_port():04X}"
    rows = [line.split()[1] for name in ("tcp", "tcp6") for line in _rows(Path("/proc/net") / name)]
    bound = {row.split(":")[0] for row in rows if row.endswith(f":{port}")}
    assert bound == {"0100007F"}
    assert page.address.startswith("http://127.0.0.1:")


def _rows(table: Path) -> list[str]:
    return [line for line in table.read_text().splitlines()[1:] if line.split()[3] == "0A"] if table.exists() else []


def test_a_house_is_in_the_scene_soon_and_each_mesh_has_the_size_of_its_body() -> None:
    world = House().world(np.random.default_rng(0))
    glb.cache_clear()
    begun = time.process_time()
    files = [glb(body.parts) for body in world.bodies]
    assert time.process_time() - begun < 2.0
    for body, file in zip(world.bodies, files, strict=True):
        points = np.concatenate([primitive["POSITION"] for primitive in primitives(file)])
        low, high = body.extent
        assert np.all(points.min(axis=0) >= np.array(low) - 1e-5)
        assert np.all(points.max(axis=0) <= np.array(high) + 1e-5)
        if all(part.kind == "box" and part.pose.wxyz[0] == 1.0 for part in body.parts):
            np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [low, high], atol=1e-5)


def test_a_mesh_has_linear_colours_unit_normals_outwards_and_patterns_to_scale() -> None:
    ball = Shape("sphere", (0.5, 0.5, 0.5), (1.0, 0.5, 0.0), pose=Pose((1.0, 2.0, 3.0)))
    floor = Shape("plane", (3.0, 1.0, 0.0), (0.5, 0.5, 0.5), "tiles")
    plain, patterned = primitives(glb((ball, floor)))
    out = plain["POSITION"] - [1.0, 2.0, 3.0]
    assert ((out * plain["NORMAL"]).sum(axis=1) > 0.45).all()
    np.testing.assert_allclose(plain["COLOR_0"][0], [1.0, 0.21404, 0.0], atol=1e-4)  # IEC 61966-2-1 of one half
    assert "COLOR_0" not in patterned
    place = patterned["TEXCOORD_0"]
    np.testing.assert_allclose(np.ptp(place, axis=0), [3.0, 1.0])  # 6 x 2 m of a tile that repeats every 2 m


def test_walls_are_cut_and_what_lies_above_is_left_out() -> None:
    wall = Shape("box", (2.0, 0.1, 1.3), pose=Pose((0.0, 0.0, 1.3)))
    lintel = Shape("box", (0.5, 0.1, 0.3), texture="bricks", pose=Pose((0.0, 0.0, 2.3)))
    (cut,) = primitives(glb((wall, lintel), LOW))
    assert cut["POSITION"][:, 2].max() == pytest.approx(LOW)
    assert cut["POSITION"][:, 2].min() == 0.0
    assert primitives(glb((lintel,), LOW)) == []


def test_only_bodies_that_moved_are_sent_again(page: Page, session: Session) -> None:
    until(lambda: node(page, "/world/0000") is not None)
    page._end.set()
    page._thread.join()
    page.stage.show(session.now)
    assert page.stage.show(session.now) == 0
    page.player.fetch("object_0")
    assert page.stage.show(page.player.shown.now) == 1
    x, y, yaw = session.place.agent()
    handle = node(page, f"/world/{session.place.world.index('object_0'):04d}")
    np.testing.assert_allclose(handle.position[:2], [x + 0.9 * math.cos(yaw), y + 0.9 * math.sin(yaw)])
    page.player.hide("object_0")
    page.stage.show(page.player.shown.now)
    assert not handle.visible
    assert page.player.shown.now.poses[:, 2].min() == HIDDEN
    page.player.hide("object_0")
    page.stage.show(page.player.shown.now)
    assert handle.visible


def test_another_room_replaces_the_world(page: Page, session: Session) -> None:
    until(lambda: node(page, "/world/0000") is not None)
    before = node(page, "/world/0000")
    page.player.reset(11)
    until(lambda: node(page, "/world/0000") not in (None, before))
    until(lambda: node(page, f"/world/{len(session.place.world.bodies) - 1:04d}") is not None)
    assert node(page, f"/world/{len(session.place.world.bodies):04d}") is None


def test_the_figure_stands_where_the_agent_is(page: Page, session: Session) -> None:
    page.player.act(2)
    page.player.act(0)
    x, y, yaw = session.now.agent
    until(lambda: np.allclose(node(page, "/agent").position, (x, y, 0.0)))
    np.testing.assert_allclose(node(page, "/agent").wxyz, Pose.at(0, 0, 0, yaw).wxyz, atol=1e-6)
    until(lambda: "turn left" in page.panel.words.content or "step 2" in page.panel.words.content)
    until(lambda: page.panel.playback.slider.value == 2)


def test_playing_acts_seeking_looks_and_going_on_forgets(session: Session) -> None:
    player = Player(session)
    player.start()
    player.speed = 50.0
    player.toggle()
    until(lambda: len(session.history) > 6)
    player.toggle()
    last = player.shown.last
    assert player.shown.at == last
    player.seek(2)
    assert player.shown.now is session.history[2]
    assert len(session.history) == last + 1
    player.step()
    player.back()
    assert player.shown.at == 2
    assert len(session.history) == last + 1
    with pytest.raises(RuntimeError, match=f"step 2 of {last}"):
        player.act(0)
    player.go_on()
    assert len(session.history) == 3
    player.step()
    assert player.shown.at == 3
    with pytest.raises(ValueError, match=r"no step 99.*0\.\.3"):
        player.seek(99)
    player.close()


def test_playing_from_the_past_walks_through_it_before_it_acts(session: Session) -> None:
    player, shown = Player(session), []
    for _ in range(4):
        player.act(2)
    player.seek(0)
    for _ in range(6):
        player.step()
        shown.append((player.shown.at, len(session.history)))
    assert shown == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 6), (6, 7)]


def test_nothing_moves_by_itself_when_you_drive(session: Session) -> None:
    player = Player(session)
    player.drive("you")
    player.start()
    player.speed = 100.0
    player.toggle()
    time.sleep(0.2)
    assert len(session.history) == 1
    assert player.shown.playing
    player.act(2)
    assert len(session.history) == 2
    assert session.history[0].driver == "you"
    with pytest.raises(RuntimeError, match="you drive"):
        player.step()
    player.close()


def test_the_end_of_an_episode_ends_playing_and_says_so(session: Session) -> None:
    session.task.max_steps, told = 3, []
    player = Player(session, told.append)
    player.start()
    player.speed = 100.0
    player.toggle()
    until(lambda: not player.shown.playing and len(told) == 1)
    assert player.shown.now.over
    assert "reset()" in told[0]
    player.close()


def test_what_is_refused_becomes_a_notice_and_what_the_page_sets_is_no_wish(page: Page, session: Session) -> None:
    refused = page.desk.when(lambda _: page.player.seek(77))
    refused(SimpleNamespace(client_id=None, target=None))
    assert page.desk.notices == []
    refused(visit(None, 0))
    assert len(page.desk.notices) == 1
    assert "no step 77" in page.desk.notices[0]
    for _ in range(3):
        page.player.act(2)
    until(lambda: page.panel.playback.slider.value == 3)
    page.player.seek(1)
    until(lambda: page.panel.playback.slider.value == 1)
    time.sleep(0.2)
    assert page.player.shown.at == 1
    assert len(page.desk.notices) == 1


def test_teaching_goes_through_the_page(page: Page, session: Session) -> None:
    assert "this is a dax" in page.player.say("this is a dax")
    assert session.now.words == "this is a dax"
    page.player.instruct("pick up the dax")
    assert session.now.instruction == "pick up the dax"
    until(lambda: "pick up the dax" in page.panel.words.content)
    with pytest.raises(ValueError, match="expected letters"):
        page.player.instruct("pick up the <dax>")
    page.player.act(2)
    assert len(session.history) == 4
    page.player.remember(False)
    until(lambda: not page.panel.playback.memory.value)
    assert not session.memory_on


def test_a_recording_is_watched_and_not_acted_on(session: Session) -> None:
    for _ in range(3):
        session.act(2)
    with Page(SimpleNamespace(history=tuple(session.history)), port=free_port()) as page:
        assert page.player.shown.at == 0
        assert not page.player.live
        page.player.step()
        until(lambda: "step 1" in page.panel.words.content)
        with pytest.raises(RuntimeError, match="recording"):
            page.player.act(0)
        assert not hasattr(page.panel.playback, "driver")


def test_layers_are_drawn_capped_switched_off_and_removed(page: Page) -> None:
    told: list[str] = []
    overlay = Overlay(page.server, told.append)
    spots = Spots(np.array([(n, 0.0, 0.1) for n in range(6)], float), np.array([0, 0, 0, 0, 1, 1]), 3)
    far = np.stack([np.arange(3000.0), np.zeros(3000), np.zeros(3000)], axis=1)
    grey = np.full((3000, 3), 90, np.uint8)
    moments = Moments("rows", np.array([0, 2, 4]), np.array([0.9, 0.1, 0.5]))
    layers = (
        Boxes("boxes", far, np.full_like(far, 0.1), grey), Points("points", far, grey, error=far[:, 0]),
        Edges("edges", far[:4].reshape(2, 2, 3), grey[:2]), Labels("names", far[:2], ("a", "b"), ("first", "second")),
        moments, Groups("chunks", np.array([0]), np.array([3]), np.array([1.0]), np.array([True])),
    )  # fmt: skip
    overlay.show(layers, spots)
    places = node(page, "/memory/0").batched_positions
    assert len(places) == BOXES
    assert places[:, 0].max() == BOXES - 1
    np.testing.assert_array_equal(node(page, "/memory/1").colors, error_colours(far[:, 0]))
    assert node(page, "/memory/2").points.shape == (2, 2, 3)
    assert node(page, "/memory/3_label_1").text == "b"
    marked = node(page, "/memory/4").batched_positions
    np.testing.assert_allclose(marked[:, 0], [0.0, 2.0])  # step 4 was in another room
    assert node(page, "/memory/4_reads_2").points[0, 1, 0] == 0.0
    assert len(node(page, "/memory/5").points) == 3
    overlay.hidden.add("boxes")
    overlay.show(layers[:4], spots)
    assert node(page, "/memory/0") is None
    assert node(page, "/memory/4") is None
    assert node(page, "/memory/2") is not None
    overlay.show((), spots)
    assert node(page, "/memory/3_label_1") is None


def test_error_colours_end_where_they_say() -> None:
    colours = error_colours(np.array([0.0, FAULT, 10.0]))
    assert (colours[1] == colours[2]).all()
    assert (colours[0] != colours[1]).any()


def test_ids_keep_their_colours_and_near_is_told_from_far() -> None:
    colours = views.id_colours(np.arange(-1, 60))
    assert len({tuple(c) for c in colours.tolist()}) == 61
    np.testing.assert_array_equal(views.id_colours(np.array([[7, 3]])), colours[[[8, 4]]])
    depth = np.array([[0.0, 1.0], [2.0, 4.0]], np.float32)
    assert views.depth_range(depth) == (1.0, 4.0)
    pixels = views.coloured("depth", depth)
    assert len({tuple(c) for c in pixels.reshape(-1, 3).tolist()}) == 4


@pytest.mark.parametrize("kind", ["rgb", "depth", "instance"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_picture_holds_the_view_and_what_was_given(kind: str, theme: Any, session: Session) -> None:
    from loci.agents.viewer.eye import Eye

    images = Eye().look(session.now, Camera(views.SIDE, views.SIDE), ("rgb", kind))
    picture = views.panel(kind, images, session.now.seen, session.now.world, theme)
    assert picture.shape == (views.HEIGHT, views.WIDTH, 3)
    np.testing.assert_array_equal(picture[:, : views.SIDE], views.coloured(kind, images[kind]))
    corner = picture[1, views.SIDE + views.GAP + 1]
    np.testing.assert_array_equal(corner, session.now.seen[0, 0])


def test_words_of_a_world_cannot_become_markup(session: Session) -> None:
    now = replace(session.now, words="<script>alert(1)</script>")
    body = Body("<b>x</b>", "<i>", (Shape("box", (0.1, 0.1, 0.1)),), mass=0.5)
    assert "<script>" not in snippets.moment(now, session.actions, 1)
    assert "&lt;script&gt;" in snippets.moment(now, session.actions, 1)
    there = replace(now, world=World((body,)), poses=np.ones((1, 7)))
    text = snippets.record(body, there, frozenset({"<u>"}), "<s>")
    assert not any(tag in text for tag in ("<b>x", "<i>", "<u>", "<s>"))
