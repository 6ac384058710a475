"""Pictures of layers: where the ink is, is what the layer says."""

import time

import numpy as np
import pytest
from PIL import ImageColor

from loci.agents.viewer.pictures import EDGE, HUES, LOOKS, PITCH, THUMB, Axis, heat, pairs, timeline
from loci.memories.layers import Drawing, Groups, Labels, Moments, Signals

WIDE, HIGH = 700, 200
PICTURE = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def moments(weights, title="rows", **more):
    return Moments(title, np.arange(len(weights)), np.array(weights, float), **more)


def columns(picture, colour):
    """How many pixels of exactly this colour stand in each column."""
    return (picture == np.array(ImageColor.getrgb(colour))).all(-1).sum(0)


def step_at(column, steps):
    axis = Axis(EDGE + 54, WIDE - EDGE, steps)
    return int((column + 0.5 - axis.left) * steps / (axis.right - axis.left))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_line_of_time_has_the_size_asked_for(theme):
    layers = (moments([0.2, 0.8]), Signals("state", np.zeros(5)), Labels("map", np.zeros((1, 3)), ("chair",)))
    picture = timeline([Drawing(layers)] * 3, 2, WIDE, HIGH, theme)
    assert (picture.shape, picture.dtype) == ((HIGH, WIDE, 3), np.uint8)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tallest_bar_stands_at_the_heaviest_moment(theme):
    weights = np.full(40, 0.01)
    weights[[7, 23, 31]] = 0.1, 0.4, 0.2
    picture = timeline([Drawing((moments(weights),))] * 40, 39, WIDE, HIGH, theme)
    tall = columns(picture, LOOKS[theme].accent)
    assert step_at(int(tall.argmax()), 40) == 23
    heights = [tall[Axis(EDGE + 54, WIDE - EDGE, 40).edge(step + 0.5)] for step in (7, 31, 23)]
    assert heights[0] < heights[1] < heights[2]
    assert heights[1] / heights[2] == pytest.approx(0.5, abs=0.03)


def test_a_heavier_group_stands_out_more_and_an_opened_one_is_outlined():
    first = np.array([0, 10])
    for theme, look in LOOKS.items():
        ground = np.array(ImageColor.getrgb(look.panel), int)
        shut, opened = (
            timeline(
                [Drawing((Groups("chunks", first, first + 9, np.array([0.1, 0.9]), np.array(flags)),))],
                0,
                WIDE,
                HIGH,
                theme,
            )
            for flags in ([False, False], [False, True])
        )
        light, heavy = (np.abs(shut[60, Axis(EDGE + 54, WIDE - EDGE, 20).edge(at)] - ground).sum() for at in (3, 13))
        assert heavy > light
        more = columns(opened, look.ink) - columns(shut, look.ink)
        assert {step_at(column, 20) for column in np.flatnonzero(more)} == set(range(10, 20))


def test_ways_of_keeping_have_colours_that_later_words_do_not_change():
    early = Drawing((moments([0.5, 0.5], kept=("first", "recent")),))
    late = Drawing((moments([0.3, 0.3, 0.4], kept=("first", "odd", "recent")),))
    picture = timeline([early] * 2 + [late], 2, WIDE, HIGH)
    held = [step_at(int(columns(picture, hue)[: WIDE // 2].argmax()), 20) for hue in HUES[:3]]
    assert held == [0, 2, 1]


def test_groups_with_opened_moments_are_filled():
    def filled(*opened):
        layer = moments([0.5, 0.5, 0.0, 0.0], group=np.array([0, 0, 1, 1]), opened=np.array(opened))
        return columns(timeline([Drawing((layer,))], 0, WIDE, HIGH), HUES[1]).sum()

    assert filled(True, True, True, True) > 2 * filled(True, True, False, False) > 0


def test_signals_are_stacked_over_time_with_the_first_number_on_top():
    history = [Drawing((Signals("state", np.array([float(step == 3), 0.0])),)) for step in range(40)]
    picture = timeline(history, 30, WIDE, HIGH)
    rows, found = np.nonzero((picture == np.asarray(heat(np.ones((1, 1)), 1, 1))).all(-1))
    assert {step_at(column, 40) for column in found} == {3}
    blue = np.nonzero((picture == picture[rows.max() + 5, found[0]]).all(-1))
    assert rows.max() < blue[0].max()
    assert step_at(int(blue[1].max()), 40) == 30


def test_heat_enlarges_cells_and_keeps_their_order():
    picture = np.asarray(heat(np.array([[0.0, 1.0]]), 10, 4))
    assert picture.shape == (4, 10, 3)
    assert picture[:, :5].mean() < picture[:, 5:].mean()
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("history", [[], [Drawing()], [Drawing(facts={"memory": "none"})], [Drawing((moments([]),))]])
def test_what_has_nothing_to_show_is_drawn_all_the_same(history):
    light, dark = (timeline(history, 0, WIDE, HIGH, theme) for theme in ("light", "dark"))
    assert light.shape == dark.shape == (HIGH, WIDE, 3)
    assert len(np.unique(light.reshape(-1, 3), axis=0)) > 2


def test_themes_differ_in_ground():
    drawing = Drawing((moments([0.5, 0.5]),))
    light, dark = (timeline([drawing], 0, WIDE, HIGH, theme) for theme in ("light", "dark"))
    assert light.mean() > 200
    assert dark.mean() < 60
    light, dark = (pairs(moments([]), {}, {}, WIDE, theme=theme) for theme in ("light", "dark"))
    assert light.mean() > 200
    assert dark.mean() < 60


def test_five_hundred_steps_are_drawn_in_a_moment():
    rng = np.random.default_rng(0)
    group = np.arange(500) // 20
    layers = (moments(rng.random(500), group=group, opened=group % 5 == 0, kept=("a", "b") * 250),)
    history = [Drawing((*layers, Signals("state", rng.normal(size=64)))) for _ in range(500)]
    timeline(history, 499, 900, 300)
    spent = []
    for _ in range(5):
        begun = time.process_time()
        timeline(history, 499, 900, 300)
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.05


def test_cards_show_the_heaviest_first_and_the_picture_of_then():
    layer = moments([0.1, 0.0, 0.6, 0.3])
    pictures = {0: 0 * PICTURE, 2: PICTURE, 3: 255 + 0 * PICTURE}
    page = pairs(layer, pictures, {2: "this is a dax"}, 4 * PITCH)
    row = next(r for r in range(page.shape[0]) if (page[r, EDGE : EDGE + 12] == PICTURE[0, 0]).all())
    cards = [page[row : row + THUMB, EDGE + n * PITCH :][:, :THUMB] for n in range(3)]
    np.testing.assert_array_equal(cards[0][6::12, 6::12], PICTURE)
    assert cards[1].min() == 255
    assert cards[2].max() == 0
    bars = columns(page[row + THUMB :], LOOKS["light"].accent)
    lengths = [int((bars[EDGE + n * PITCH :][:THUMB] > 0).sum()) for n in range(3)]
    assert lengths == [pytest.approx(THUMB * share, abs=1.5) for share in (0.6, 0.3, 0.1)]


def test_words_of_then_are_written_beneath():
    heard, silent = (pairs(moments([1.0]), {0: PICTURE}, words, WIDE) for words in ({0: "a dax"}, {}))
    assert (heard != silent).any()
    assert (heard[: EDGE + THUMB] == silent[: EDGE + THUMB]).all()


def test_no_more_cards_than_asked_for_and_rows_that_fit_the_width():
    many, few = (pairs(moments([0.1] * 9), {}, {}, 3 * PITCH + 2 * EDGE, most=most) for most in (7, 3))
    assert many.shape[1] == few.shape[1] == 3 * PITCH + 2 * EDGE
    assert many.shape[0] - few.shape[0] == 2 * (few.shape[0] - 32)


def test_nothing_read_is_said():
    page = pairs(moments([0.0, 0.0]), {0: PICTURE}, {}, WIDE)
    assert columns(page, LOOKS["light"].accent).sum() == 0
    assert columns(page, LOOKS["light"].panel).sum() > 0


def crowd(count):
    steps = np.arange(3)
    shares, opened = np.full(3, 0.3), steps > 1
    first = Groups("chunks", steps, steps, shares, opened)
    rest = (Moments(f"ring {n}", steps, shares, group=steps, opened=opened) for n in range(count - 2))
    return first, *rest, Signals("state", shares[:1])


@pytest.mark.parametrize("count", [2, 4, 8])
def test_many_layers_are_drawn_in_the_least_height(count):
    picture = timeline([Drawing(crowd(count))], 0, 160, 34 + 40 * count)
    assert picture.shape == (34 + 40 * count, 160, 3)


def test_wrong_arguments_are_refused():
    history = [Drawing((moments([1.0]),))]
    with pytest.raises(IndexError, match=r"0\.\.0, got 1"):
        timeline(history, 1, WIDE, HIGH)
    with pytest.raises(ValueError, match="160 x 90"):
        timeline(history, 0, 100, HIGH)
    with pytest.raises(ValueError, match="4 layers need a height of at least 194, got 193"):
        timeline([Drawing(crowd(4))], 0, WIDE, 193)
    with pytest.raises(ValueError, match="got 20 and 8"):
        pairs(moments([1.0]), {}, {}, 20)
