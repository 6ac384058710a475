"""Recordings: what is written is what is read, in our file without loss, in the others as far as each can hold it."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from loci.agents.build import build_agent, build_task
from loci.agents.record import LAST
from loci.agents.viewer import recording
from loci.agents.viewer.eye import Eye
from loci.agents.viewer.packing import Table
from loci.agents.viewer.recording import ENDINGS, Replay, check_ending, read, save, write
from loci.agents.viewer.session import Session
from loci.agents.viewer.shots import SIDE, Shots, large
from loci.agents.viewer.snapshot import Snapshot
from loci.agents.viewer.video import EDGE, TOP, stills
from loci.memories.layers import KINDS, Boxes, Drawing, Edges, Groups, Labels, Layer, Moments, Points, Signals
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.geometry import camera_to_world, project
from loci.sim.pose import Pose
from loci.sim.sensors import Camera
from loci.sim.world import Body, Shape, World

ABOUT = {"title": "a <b>test</b>", "actions": ["forward", "back", "turn left", "turn right", "pick up"], "seconds": 0.5}

STRANGE = "this is a dax </script>&amp;"
"""Words that would end a page's script, were they not kept from it."""


@pytest.fixture(scope="module")
def episode() -> tuple[Snapshot, ...]:
    """Some steps of an agent that has learnt nothing, with words, an instruction and two arrangements."""
    with initialize_config_module("loci.conf", version_base="1.3"):
        chosen = compose("train", ["folder=unused", "name=unused", "scale=debug", "task=playground"])
    one = Session(build_agent(chosen, build_task(chosen)), KinematicBackend(1), build_task(chosen), 3)
    one.say("this is a dax")
    one.act(0)
    one.instruct("pick up the dax")
    one.rearrange()
    for action in (2, 0, 1):
        one.act(action)
    return tuple(replace(snapshot, words=snapshot.words and STRANGE) for snapshot in one.history)


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera(32, 32, fov=1.1, eye=0.9, pitch=-0.25, kinds=("rgb",))


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal in type, dtype, shape and every member."""
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, Snapshot | Drawing | Layer):
        return all(same(getattr(first, part.name), getattr(second, part.name)) for part in fields(first))
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def layer(draw: st.DrawFn, kind: type, title: str) -> Layer:
    """A random layer of a kind; members that may be left out sometimes are."""
    count = draw(st.integers(0, 4))
    numbers = {"elements": st.floats(-9, 9, width=32)}

    def array(dtype: Any, *shape: int, **values: Any) -> np.ndarray:
        return draw(hnp.arrays(dtype, (count, *shape), **values))

    def reals(*shape: int) -> np.ndarray:
        return array(draw(st.sampled_from(["f4", "f8", ">f8"])), *shape, **numbers)

    def maybe(value: Any, nothing: Any = None) -> Any:
        return value if draw(st.booleans()) else nothing

    texts = tuple(draw(st.lists(st.text(max_size=5), min_size=count, max_size=count)))
    made: dict[type, Callable[[], Layer]] = {
        Moments: lambda: Moments(title, array("i8"), reals(), maybe(array("i4")), maybe(array(bool)), maybe(texts, ())),
        Groups: lambda: Groups(title, array("i8"), array("i2"), reals(), array(bool)),
        Signals: lambda: Signals(title, reals(), maybe(texts, ())),
        Points: lambda: Points(title, reals(3), array("u1", 3), draw(st.floats(0.01, 1)), maybe(reals())),
        Boxes: lambda: Boxes(title, reals(3), reals(3), array("u1", 3), maybe(reals())),
        Edges: lambda: Edges(title, reals(2, 3), array("u1", 3)),
        Labels: lambda: Labels(title, reals(3), texts, maybe(texts, ()), maybe(array(bool))),
    }
    return made[kind]()


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    kinds = draw(st.lists(st.sampled_from(list(KINDS.values())), max_size=9))
    layers = tuple(layer(draw, kind, f"{number}") for number, kind in enumerate(kinds))
    return Drawing(layers, draw(st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3)))


def every_layer() -> Drawing:
    """One layer of each kind with two members."""
    time, weight, places = np.array([0, 1]), np.array([0.25, 0.75]), np.array([[0.0, 0.5, 1.0], [1.0, -0.5, 0.2]])
    colours = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    return Drawing(
        (
            Moments("rows", time, weight, kept=("first", "recent")), Signals("hidden", weight),
            Groups("chunks", time, time, weight, np.array([True, False])), Points("cloud", places, colours),
            Boxes("tree", places, np.full((2, 3), 0.1), colours, weight), Labels("things", places, ("cup", "door")),
            Edges("graph", np.stack([places, places + 1.0]), colours),
        )
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@given(drawing=drawings(), plain=st.tuples(st.floats(), st.text(max_size=9), st.none() | st.integers(0, 9)))
@settings(max_examples=60, deadline=None)
def test_every_step_comes_back_exactly(
    drawing: Drawing, plain: tuple[float, str, int | None], episode: tuple[Snapshot, ...], camera: Camera,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "episode.loci"
    number, text, action = plain
    changed = replace(
        episode[0], drawing=drawing, reward=0.0 if np.isnan(number) else number, words=text, action=action
    )
    found = read(write([changed, *episode], path, camera, ABOUT))
    assert same(found.history, (changed, *episode))
    assert found.camera == camera
    assert found.about == ABOUT


def test_a_recording_is_small_and_holds_each_room_once(episode: Any, camera: Camera, tmp_path: Path) -> None:
    path = write(episode, tmp_path / "episode.loci", camera, ABOUT)
    assert path.stat().st_size < 60_000 * len(episode)
    rooms = sum(name.startswith("world-") for name in zipfile.ZipFile(path).namelist())
    assert rooms == 2 == len({snapshot.room for snapshot in episode})


def test_a_replay_shows_what_was_seen_and_refuses_the_rest(episode: Any, camera: Camera, tmp_path: Path) -> None:
    found = read(write(episode, tmp_path / "episode.loci", camera, ABOUT))
    assert found.actions == tuple(ABOUT["actions"])
    for before, after in zip(episode, found.history, strict=True):
        for kind, image in Eye().look(before, camera).items():
            np.testing.assert_array_equal(image, Eye().look(after, camera)[kind])
    acts = [name for name, value in vars(Session).items() if callable(value) and not name.startswith("_")]
    assert len(acts) >= 8
    for name in acts:
        with pytest.raises(RuntimeError, match="a recording cannot be acted on"):
            getattr(found, name)(0)


def test_broken_and_foreign_files_are_refused(episode: Any, camera: Camera, tmp_path: Path) -> None:
    whole = write(episode, tmp_path / "episode.loci", camera, ABOUT)
    other = tmp_path / "other.loci"
    content = whole.read_bytes()
    for broken in (b"", b"no zip", content[: len(content) // 2], content[:-30]):
        other.write_bytes(broken)
        with pytest.raises(ValueError, match="broken or no recording"):
            read(other)
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match="broken or no recording"):
        read(other)
    with pytest.raises(FileNotFoundError, match="no recording at"):
        read(tmp_path / "none.loci")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format=99), "format is 99, expected 1"),
        (lambda c: c.update(steps=[]), "holds no steps"),
        (lambda c: c["steps"][0]["plain"].pop("words"), "words"),
        (lambda c: c["steps"][0]["arrays"].update(seen=10_000), "index"),
        (lambda c: c["steps"][0]["drawing"]["layers"].append({"kind": "song", "plain": {}, "arrays": {}}), "signals"),
        (lambda c: c["camera"].update(fov=9.0), "fov"),
    ],
)
def test_wrong_content_is_named(episode: Any, camera: Camera, tmp_path: Path, change: Any, message: str) -> None:
    path = write(episode, tmp_path / "episode.loci", camera, ABOUT)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    content = json.loads(parts["recording.json"])
    change(content)
    with zipfile.ZipFile(path, "w") as file:
        for name, part in (parts | {"recording.json": json.dumps(content).encode()}).items():
            file.writestr(name, part)
    with pytest.raises(ValueError, match=message):
        read(path)


def test_what_cannot_be_kept_is_refused(episode: Any, camera: Camera, tmp_path: Path) -> None:
    path = tmp_path / "episode.loci"
    with pytest.raises(ValueError, match="holds what JSON can hold"):
        write(episode, path, camera, {"agent": object()})
    with pytest.raises(ValueError, match="must hold numbers"):
        Table().add(np.array([None]))
    assert not list(tmp_path.iterdir())
    for ending in ENDINGS:
        if ending != ".mcap":
            with pytest.raises(ValueError, match="at least one step"):
                save([], path.with_suffix(ending), camera, ABOUT)


def test_a_full_disk_costs_nothing_that_was_there(
    episode: Any, camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(episode, tmp_path / "episode.loci", camera, ABOUT)

    def full(file: Any, *_: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recording.np, "savez_compressed", full)
    with pytest.raises(OSError, match=r"could not write .*episode\.loci.*No space left"):
        write(episode[:1], path, camera, ABOUT)
    assert len(read(path).history) == len(episode)
    assert list(tmp_path.iterdir()) == [path]


def test_other_endings_are_refused_with_the_choices(episode: Any, camera: Camera, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.loci, \.html, \.mp4, \.gif, \.mcap, got 'episode\.avi'"):
        save(episode, tmp_path / "episode.avi", camera, ABOUT)
    for ending in ENDINGS:
        assert check_ending(tmp_path / f"episode{ending}") == ending


def test_the_map_shows_the_agent_and_what_the_memory_places(episode: Any, camera: Camera) -> None:
    bare = np.asarray(Shots([replace(episode[0], drawing=Drawing())], camera).above(0), int)
    for one in every_layer().layers:
        drawn = np.asarray(Shots([replace(episode[0], drawing=Drawing((one,)))], camera).above(0), int)
        assert (np.abs(drawn - bare).sum() > 0) == isinstance(one, Points | Boxes | Edges | Labels | Moments)
    moved = replace(episode[0], agent=(1.0, 1.0, 0.0))
    changed = np.abs(np.asarray(Shots([moved], camera).above(0), int) - bare).sum(axis=2) > 60
    row, column = np.argwhere(changed).max(axis=0)[0], np.argwhere(changed).max(axis=0)[1]
    assert column > SIDE / 2 > row / 2


def test_a_film_shows_each_step_as_the_eye_sees_it(episode: Any, camera: Camera, tmp_path: Path) -> None:
    history = [replace(snapshot, drawing=every_layer()) for snapshot in episode[:3]]
    pictures = stills(history, camera, "dark", tuple(ABOUT["actions"]))
    for snapshot, picture in zip(history, pictures, strict=True):
        view = np.asarray(picture)[TOP : TOP + SIDE, EDGE : EDGE + SIDE]
        np.testing.assert_array_equal(view, Eye().look(snapshot, large(camera))["rgb"])
        assert picture.size == pictures[0].size
        assert not any(side % 16 for side in picture.size)
    with Image.open(save(history, tmp_path / "episode.gif", camera, ABOUT)) as film:
        assert film.n_frames == len(history)
        assert film.info["duration"] == 500


def test_an_mp4_has_every_step(episode: Any, camera: Camera, tmp_path: Path) -> None:
    pytest.importorskip("imageio_ffmpeg")
    import imageio.v3 as iio

    path = save(episode[:3], tmp_path / "episode.mp4", camera, ABOUT)
    assert iio.imread(path).shape[0] == 3 + LAST - 1
    assert iio.immeta(path)["fps"] == 2


@pytest.mark.parametrize(
    ("ending", "writer"), [("mp4", "loci.agents.viewer.video.save"), ("mcap", "foxglove.open_mcap")]
)
def test_a_writer_that_fails_without_a_word_leaves_no_file(
    ending: str, writer: str, episode: Any, camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("imageio_ffmpeg" if ending == "mp4" else "foxglove")

    def cut(*arguments: Any, **_: Any) -> None:
        path = next(argument for argument in arguments if isinstance(argument, Path))
        path.write_bytes(b"half a film")
        if ending == "mcap":
            raise RuntimeError("FoxgloveError: a write method failed")

    monkeypatch.setattr(writer, cut)
    with pytest.raises(OSError, match=f"could not write .*episode.{ending}"):
        save(episode[:2], tmp_path / f"episode.{ending}", camera, ABOUT)
    assert not list(tmp_path.iterdir())


class Reader(HTMLParser):
    """Checks that tags are closed in order, and keeps ids, addresses and the text of scripts."""

    VOID = ("meta", "link", "img", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [] if tag in self.VOID else [tag]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.scripts += [""] if tag == "script" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text += data


@pytest.fixture(scope="module")
def page(episode: Any, camera: Camera, tmp_path_factory: pytest.TempPathFactory) -> str:
    history = [replace(snapshot, drawing=every_layer()) for snapshot in episode]
    path = save(history, tmp_path_factory.mktemp("page") / "episode.html", camera, ABOUT)
    assert path.stat().st_size < 200_000 * len(episode)
    return path.read_text(encoding="utf-8")


def test_a_page_is_whole_and_needs_nothing_from_outside(page: str) -> None:
    found = Reader(page)
    assert "http" not in page
    assert all(address.startswith("data:image/") for address in found.addresses)
    assert len(set(found.ids)) == len(found.ids)
    asked = {text.split('"')[0] for text in found.scripts[1].split('part("')[1:]}
    assert asked <= set(found.ids)
    assert "a <b>test</b>" in found.text


def test_a_page_holds_every_step_with_its_pictures(page: str, episode: Any, camera: Camera) -> None:
    content = json.loads(Reader(page).scripts[0])
    assert content["actions"] == ABOUT["actions"]
    assert [step["words"] for step in content["steps"]] == [snapshot.words for snapshot in episode]
    assert [step["action"] for step in content["steps"]] == [None, 0, None, 2, 0, 1, None]
    assert len(set(content["pictures"])) == len(content["pictures"])
    for step, snapshot in zip(content["steps"], episode, strict=True):
        seen = Image.open(io.BytesIO(base64.b64decode(content["pictures"][step["seen"]].split(",")[1])))
        np.testing.assert_array_equal(np.asarray(seen), snapshot.seen)
        view = Image.open(io.BytesIO(base64.b64decode(content["pictures"][step["views"]["rgb"]].split(",")[1])))
        exact = Eye().look(snapshot, large(camera))["rgb"].astype(int)
        assert np.abs(np.asarray(view, int) - exact).mean() < 8
        assert step["reads"][0]["moments"] == [[1, 0.75, "recent"], [0, 0.25, "first"]]
    assert content["steps"][1]["seen"] != content["steps"][2]["seen"]


def test_the_theme_of_a_page_follows_the_reader_or_is_fixed(episode: Any, camera: Camera, tmp_path: Path) -> None:
    path = tmp_path / "episode.html"
    assert "@media (prefers-color-scheme: dark)" in recording.html(episode[:1], path, camera, ABOUT).read_text()
    fixed = recording.html(episode[:1], path, camera, ABOUT, "dark").read_text()
    assert "@media all {" in fixed
    assert "prefers-color-scheme" not in fixed
    with pytest.raises(ValueError, match="auto, light, dark, got 'blue'"):
        recording.html(episode[:1], path, camera, ABOUT, "blue")


def messages(path: Path) -> tuple[dict[str, list[Any]], dict[str, str], list[tuple[str, int]]]:
    """What an independent reader finds: {topic: messages}, {topic: schema}, and topics with times in the file's order.
    Foxglove's messages are decoded with the descriptors that the file itself holds."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from mcap.reader import make_reader

    found: dict[str, list[Any]] = {}
    schemas, order = {}, []
    with open(path, "rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            assert schema is not None
            if channel.message_encoding == "json":
                decoded = json.loads(message.data)
            else:
                pool = descriptor_pool.DescriptorPool()
                for part in descriptor_pb2.FileDescriptorSet.FromString(schema.data).file:
                    pool.Add(part)
                decoded = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name))()
                decoded.ParseFromString(message.data)
            found.setdefault(channel.topic, []).append(decoded)
            schemas[channel.topic] = schema.name
            order.append((channel.topic, message.log_time))
    return found, schemas, order


@pytest.fixture(scope="module")
def logged(episode: Any, camera: Camera, tmp_path_factory: pytest.TempPathFactory) -> Any:
    for package in ("foxglove", "mcap", "google.protobuf"):
        pytest.importorskip(package)
    history = [replace(snapshot, drawing=every_layer()) for snapshot in episode]
    return messages(save(history, tmp_path_factory.mktemp("mcap") / "episode.mcap", camera, ABOUT))


def test_a_log_has_the_topics_and_types_that_foxglove_knows(logged: Any, episode: Any) -> None:
    found, schemas, order = logged
    kinds = {
        "/camera": "CompressedImage", "/seen": "CompressedImage", "/camera/depth": "RawImage", "/scene": "SceneUpdate",
        "/tf": "FrameTransforms", "/camera/calibration": "CameraCalibration", "/memory/cloud": "SceneUpdate",
        "/memory/tree": "SceneUpdate", "/memory/graph": "SceneUpdate", "/memory/things": "SceneUpdate",
    }  # fmt: skip
    for topic, kind in kinds.items():
        assert schemas[topic] == f"foxglove.{kind}"
        assert len(found[topic]) == len(episode)
    for topic in ("/reward", "/memory/rows", "/memory/hidden", "/memory/chunks"):
        assert len(found[topic]) == len(episode)
    assert [one.message for one in found["/words"]] == [STRANGE]
    assert [one.message for one in found["/instruction"]] == ["pick up the dax"]
    assert [one["name"] for one in found["/action"]] == ["forward", "turn left", "forward", "back"]
    assert found["/memory/rows"][0]["words"] == [snapshot.words for snapshot in episode[:2]]
    times = [time for _, time in order]
    assert times == sorted(times)
    assert sorted(set(times)) == [500_000_000 * step for step in range(len(episode))]


def test_pictures_of_a_log_are_those_of_the_eye(logged: Any, episode: Any, camera: Camera) -> None:
    found, _, _ = logged
    for step, snapshot in enumerate(episode):
        exact = Eye().look(snapshot, large(camera))
        depth = found["/camera/depth"][step]
        values = np.frombuffer(depth.data, "<f4").reshape(depth.height, depth.width)
        np.testing.assert_array_equal(values, exact["depth"])
        assert (depth.encoding, depth.step) == ("32FC1", 4 * depth.width)
        view = np.asarray(Image.open(io.BytesIO(found["/camera"][step].data)), int)
        assert np.abs(view - exact["rgb"]).mean() < 8
        seen = np.asarray(Image.open(io.BytesIO(found["/seen"][step].data)))
        np.testing.assert_array_equal(seen, snapshot.seen)


def test_a_log_places_bodies_where_they_are(logged: Any, episode: Any) -> None:
    found, _, _ = logged
    compared = 0
    for scene, snapshot in zip(found["/scene"], episode, strict=True):
        assert [entity.id for entity in scene.entities] == [body.name for body in snapshot.world.bodies]
        for entity, body, row in zip(scene.entities, snapshot.world.bodies, snapshot.poses.tolist(), strict=True):
            solids = [shape for shape in body.parts if shape.kind in ("box", "cylinder")]
            shown = [*entity.cubes, *entity.cylinders]
            if {shape.kind for shape in body.parts} - {"box", "cylinder"}:
                continue
            assert len(shown) == len(solids)
            for cube, shape in zip(shown, sorted(solids, key=lambda solid: solid.kind), strict=True):
                compared += 1
                where = Pose(tuple(row[:3]), tuple(row[3:])) @ shape.pose
                size, position, turn = cube.size, cube.pose.position, cube.pose.orientation
                np.testing.assert_allclose((position.x, position.y, position.z), where.position, atol=1e-9)
                np.testing.assert_allclose((turn.w, turn.x, turn.y, turn.z), where.wxyz, atol=1e-9)
                np.testing.assert_allclose((size.x, size.y, size.z), 2 * np.array(shape.size))
                np.testing.assert_allclose((cube.color.r, cube.color.g, cube.color.b), shape.colour)
    assert compared >= 4 * len(episode)


def test_frames_and_calibration_of_a_log_project_as_the_suite_does(logged: Any, episode: Any, camera: Camera) -> None:
    found, _, _ = logged
    points = np.array([[0.3, 0.2, 0.1], [1.0, -1.0, 0.5]])
    fine = large(camera)
    for step, snapshot in enumerate(episode):
        chain = Pose()
        parents = ["world", "agent"]
        for one, parent in zip(found["/tf"][step].transforms, parents, strict=True):
            assert one.parent_frame_id == parent
            t, q = one.translation, one.rotation
            chain = chain @ Pose((t.x, t.y, t.z), (q.w, q.x, q.y, q.z))
        local = np.array([chain.inverse().point(point) for point in points])
        image = local @ np.array(found["/camera/calibration"][step].K).reshape(3, 3).T
        x, y, yaw = snapshot.agent
        eye, axes = camera_to_world(np.array([x, y, 0.0]), np.array(yaw), camera.eye, camera.pitch)
        pixels, depth = project(points, fine.height, fine.width, fine.fov, eye, axes)
        np.testing.assert_allclose(local[:, 2], depth, atol=1e-9)
        front = depth > 0
        np.testing.assert_allclose((image[:, :2] / image[:, 2:])[front], pixels[front], atol=1e-6)


def test_every_kind_of_shape_is_in_a_log(episode: Any, camera: Camera, tmp_path: Path) -> None:
    for package in ("foxglove", "mcap", "google.protobuf"):
        pytest.importorskip(package)
    mesh = tmp_path / "wedge.obj"
    mesh.write_text("v 0 0 0\nv 2 0 0\nv 0 2 0\nv 0 0 2\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    shapes = (
        Shape("sphere", (0.1, 0.1, 0.1)), Shape("cylinder", (0.1, 0.1, 0.4)), Shape("capsule", (0.1, 0.1, 0.4)),
        Shape("plane", (1.0, 2.0, 0.0)), Shape("mesh", (0.5, 0.25, 0.25), mesh=str(mesh)),
    )  # fmt: skip
    world = World((Body("all", "thing", shapes, Pose((0.0, 0.0, 1.0))),))
    step = replace(episode[0], world=world, poses=np.array([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]]))
    (scene,) = messages(save([step], tmp_path / "shapes.mcap", camera, ABOUT))[0]["/scene"]
    (entity,) = scene.entities
    assert [round(one.pose.position.z, 9) for one in entity.spheres] == [1.0, 0.7, 1.3]
    assert [round(one.size.z, 9) for one in entity.cylinders] == [0.8, 0.6]
    assert [one.bottom_scale for one in entity.cylinders] == [1.0, 1.0]
    (floor,) = entity.cubes
    assert floor.pose.position.z + floor.size.z / 2 == pytest.approx(1.0)
    corners = np.array([(p.x, p.y, p.z) for p in entity.triangles[0].points])
    assert len(corners) == 12 == len(entity.triangles[0].colors)
    np.testing.assert_allclose(np.abs(corners).max(axis=0), (0.5, 0.25, 0.25), rtol=1e-6)


def test_a_missing_package_is_named_with_its_cure(
    episode: Any, camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "foxglove", None)
    with pytest.raises(ImportError, match=r"pip install 'loci\[viewer\]'"):
        save(episode, tmp_path / "episode.mcap", camera, ABOUT)
    assert not list(tmp_path.iterdir())


def test_a_replay_is_a_value(episode: Any, camera: Camera) -> None:
    assert Replay(episode, camera, {}).now is episode[-1]
    assert Replay(episode, camera, {}).actions == ()
