"""Recordings: what is written is what is read, without loss; what is broken, foreign or cut short is refused."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from loci.agents.viewer import recording
from loci.agents.viewer.eye import Eye
from loci.agents.viewer.packing import Table
from loci.agents.viewer.recording import ENDINGS, Replay, check_ending, read, save, write
from loci.agents.viewer.session import Session
from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import KINDS, Boxes, Drawing, Edges, Groups, Labels, Layer, Moments, Points, Signals
from loci.sim.sensors import Camera
from tests.agents import viewer_episode
from tests.agents.viewer_episode import ABOUT

episode, camera = viewer_episode.episode, viewer_episode.camera


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


def test_a_replay_is_a_value(episode: Any, camera: Camera) -> None:
    assert Replay(episode, camera, {}).now is episode[-1]
    assert Replay(episode, camera, {}).actions == ()
