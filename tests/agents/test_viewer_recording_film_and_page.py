"""Recordings for people: the map, films and the page that needs nothing from outside."""

import base64
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loci.agents.record import LAST
from loci.agents.viewer import recording
from loci.agents.viewer.eye import Eye
from loci.agents.viewer.recording import save
from loci.agents.viewer.shots import SIDE, Shots, large
from loci.agents.viewer.video import EDGE, TOP, stills
from loci.memories.layers import Boxes, Drawing, Edges, Labels, Moments, Points
from loci.sim.sensors import Camera
from tests.agents import viewer_episode
from tests.agents.viewer_episode import ABOUT, every_layer

episode, camera = viewer_episode.episode, viewer_episode.camera


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
