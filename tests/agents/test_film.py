"""A film is made on the debug scale with untrained agents; its pictures are compared pixel by pixel."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from PIL import Image, ImageColor

from loci.agents.build import build_agent, build_env
from loci.agents.film import Crew, Film, Recalled, film, recalled_moments
from loci.agents.frames import (
    ABOVE,
    ACCENT,
    CARDS,
    EDGE,
    EYE,
    HEIGHT,
    PITCH,
    READ,
    THUMB,
    WIDTH,
    fitted,
    font,
    frame,
    frames,
    marker,
    thumbnail,
)
from loci.sim.backend import Unsupported
from loci.sim.geometry import project
from loci.sim.tasks.ballet import Ballet


def _config(memory: str):
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose("train", overrides=["scale=debug", f"memory={memory}", "name=film", "folder=unused"])


@cache
def _film(memory: str = "dual_coding", seed: int = 0) -> Film:
    """An untrained agent with its teacher's hands, so that an episode visits everything in about 20 steps."""
    config = _config(memory)
    env = build_env(config, 1, distractors=3)
    agent = build_agent(config, env)
    think = agent.act

    def taught(*args: Any) -> Any:
        state, _, thought = think(*args)
        return state, torch.from_numpy(env.expert(0)[0]), thought

    agent.act = taught
    return film(agent, env, seed)


def _cut(page: Image.Image, corner: tuple[int, int], side: int) -> np.ndarray:
    column, row = corner
    return np.asarray(page.crop((column, row, column + side, row + side)))


def test_the_same_seed_makes_the_same_film():
    first, second = _film(), _film.__wrapped__()
    assert len(first.moments) == len(second.moments)
    for a, b in zip(first.moments, second.moments, strict=True):
        assert a.action == b.action
        assert a.recalled == b.recalled
        assert a.words == b.words
        np.testing.assert_array_equal(a.above, b.above)


def test_there_is_a_moment_for_every_step_and_one_after_the_last():
    taken = _film()
    assert all(moment.action is not None for moment in taken.moments[:-1])
    assert taken.moments[-1].action is None
    assert taken.moments[-1].recalled == ()
    assert all(sum(moment.chances) == pytest.approx(1.0) for moment in taken.moments[:-1])
    assert set(taken.metrics) == {"success", "choice", "introduced"}


def test_phases_and_rooms_follow_one_another():
    taken = _film()
    assert list(dict.fromkeys(m.phase for m in taken.moments)) == ["discovery", "distraction", "instruction"]
    rooms = [moment.room for moment in taken.moments]
    assert rooms[0] == 0
    assert all(later - now in (0, 1) for now, later in pairwise(rooms))
    assert len(taken.path(len(rooms) - 1)) == rooms.count(rooms[-1])


def test_only_earlier_moments_are_read_and_weights_add_up():
    for step, moment in enumerate(_film().moments[1:-1], start=1):
        assert all(0 <= read.time < step for read in moment.recalled)
        assert sum(read.weight for read in moment.recalled) == pytest.approx(1.0, abs=1e-5)
        weights = [read.weight for read in moment.recalled]
        assert weights == sorted(weights, reverse=True)


def test_the_table_of_reads_holds_every_weight():
    taken = _film()
    table = taken.reads()
    assert table.shape == (len(taken.moments) - 1,) * 2
    for step, moment in enumerate(taken.moments[:-1]):
        assert table[step].sum() == pytest.approx(sum(read.weight for read in moment.recalled))
        assert all(table[step, read.time] == pytest.approx(read.weight) for read in moment.recalled)


def test_a_moment_read_by_several_queries_is_counted_together():
    trace = {"rows": torch.tensor([[4, 2, 4, -1]]), "weights": torch.tensor([[0.5, 0.5, 0.25, 0.75]])}
    assert recalled_moments(trace) == (Recalled(4, 0.75), Recalled(2, 0.5))
    assert recalled_moments({}) == ()


def test_recalled_pictures_are_those_of_the_traced_times():
    taken = _film()
    step = len(taken.moments) - 2
    page = frame(taken, step)
    reads = taken.moments[step].recalled[:CARDS]
    assert reads
    for place, read in enumerate(reads):
        then = Image.fromarray(taken.moments[read.time].rgb).resize((THUMB, THUMB), Image.Resampling.NEAREST)
        np.testing.assert_array_equal(_cut(page, (EDGE + place * PITCH, READ), THUMB), np.asarray(then))


def test_the_agents_own_picture_is_what_it_was_given():
    taken = _film()
    shown = _cut(frame(taken, 2), EYE, 256)
    np.testing.assert_array_equal(shown[4::8, 4::8], taken.moments[2].rgb)


def test_the_marker_is_where_project_says():
    taken = _film()
    for step in (0, len(taken.moments) // 2, len(taken.moments) - 1):
        moment = taken.moments[step]
        camera = moment.overhead.camera
        size = (camera.height, camera.width, camera.fov)
        place, depth = project(moment.position[None], *size, moment.overhead.eye, moment.overhead.axes)
        assert depth[0] > 0
        assert marker(moment) == pytest.approx(tuple(place[0]))
        column, row = (round(corner + value) for corner, value in zip(ABOVE, marker(moment), strict=True))
        shown = np.asarray(frame(taken, step).getpixel((column, row)))
        assert np.abs(shown - ImageColor.getrgb(ACCENT)).max() <= 6


def test_up_on_the_map_is_y_and_right_is_x():
    above = _film().moments[0].overhead
    centre, east, north = above.pixels(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    assert centre == pytest.approx([128.0, 128.0])
    assert east[0] > centre[0]
    assert east[1] == pytest.approx(centre[1])
    assert north[1] < centre[1]
    assert north[0] == pytest.approx(centre[0])


def test_a_task_without_phases_is_drawn_without_their_names():
    taken = _film()
    plain = replace(taken, moments=tuple(replace(moment, phase="") for moment in taken.moments))
    assert frame(plain, 3).size == frame(taken, 3).size


def test_all_frames_have_one_size():
    taken = _film()
    assert {picture.size for picture in frames(taken)} == {(WIDTH, HEIGHT)}
    assert thumbnail(taken.moments[0]).size == (THUMB, THUMB)


@pytest.mark.parametrize("memory", ["gru", "none"])
def test_a_memory_without_moments_says_so(memory: str):
    taken = _film(memory)
    assert not taken.keeps_moments
    assert taken.reads().sum() == 0.0
    panel = _cut(frame(taken, 3), (EDGE, READ), THUMB)
    assert len(np.unique(panel.reshape(-1, 3), axis=0)) < 64


def test_a_film_shows_one_environment():
    config = _config("none")
    with pytest.raises(ValueError, match="batch=2"):
        Crew(build_env(config, 2))


def test_a_backend_without_free_cameras_is_refused():
    env = build_env(_config("none"), 1)
    env.backend = SimpleNamespace()
    with pytest.raises(Unsupported, match="free cameras"):
        Crew(env)


def test_long_words_are_shortened():
    assert fitted("short", 500, font(12)) == "short"
    assert fitted("a very long sentence indeed", 60, font(12)).endswith("…")
    assert font(12).getlength(fitted("a very long sentence indeed", 60, font(12))) <= 60


def test_a_task_in_arrays_has_nothing_to_film() -> None:
    with pytest.raises(Unsupported, match="Ballet is held in arrays and has no world to film"):
        Crew(Ballet(1))
