"""Layers refuse what cannot be drawn, and the drawings of the memories show what was read."""

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from loci.memories.dual_coding import DualCoding
from loci.memories.gru import GRU, SHOWN, GRUState
from loci.memories.layers import KINDS, Boxes, Drawing, Edges, Groups, Labels, Moments, Points, Signals
from loci.memories.memory import Percept, Recall
from loci.memories.window import Window

T, W = 9, 3
TIMES, SHARES = np.arange(3), np.full(3, 0.5)
PLACES, COLOURS = np.zeros((3, 3)), np.zeros((3, 3), np.uint8)
WHOLE = {
    Moments: {"time": TIMES, "weight": SHARES, "group": TIMES, "opened": TIMES > 1, "kept": ("a", "b", "c")},
    Groups: {"first": TIMES, "last": TIMES, "weight": SHARES, "opened": TIMES > 1},
    Signals: {"values": SHARES, "names": ("a", "b", "c")},
    Points: {"positions": PLACES, "colours": COLOURS, "error": SHARES},
    Boxes: {"centres": PLACES, "halves": PLACES, "colours": COLOURS, "weight": SHARES},
    Edges: {"ends": np.zeros((3, 2, 3)), "colours": COLOURS},
    Labels: {"positions": PLACES, "texts": ("a", "b", "c"), "records": ("", "", ""), "changed": TIMES > 1},
}
LISTS = [(kind, name) for kind, parts in WHOLE.items() for name in list(parts)[1:]]


def test_every_kind_is_tried_here():
    assert set(KINDS.values()) == set(WHOLE)


@pytest.mark.parametrize(("kind", "name"), LISTS)
def test_lists_of_unequal_length_are_refused(kind, name):
    assert kind("it", **WHOLE[kind]).title == "it"
    shorter = {**WHOLE[kind], name: WHOLE[kind][name][:2]}
    with pytest.raises((ValueError, TypeCheckError), match=name):  # the suite checks the shapes of arrays first
        kind("it", **shorter)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_must_be_finite(wrong):
    with pytest.raises(ValueError, match="weight of 'it' must be finite"):
        Moments("it", TIMES, np.array([0.0, wrong, 0.0]))


def test_titles_must_be_unique():
    with pytest.raises(ValueError, match="unique"):
        Drawing((Signals("it", SHARES), Moments("it", TIMES, SHARES)))


def test_a_wide_state_is_drawn_as_means_of_equal_parts():
    gru, hidden = GRU(input_dim=2, width=4 * SHOWN), torch.randn(2, 4 * SHOWN)
    signals = gru.draw(GRUState(hidden), Recall(hidden), 1).layers[0]
    np.testing.assert_allclose(signals.values, hidden[1].view(SHOWN, 4).mean(1), rtol=1e-5)


@torch.no_grad()
def lived(memory, percept, steps):
    state = memory.initial(1)
    for moment in range(steps):
        state, recall = memory.step(state, percept.at(moment), torch.tensor([moment == 0]))
    return state, recall


def test_the_window_traces_the_attention_of_its_last_layer():
    """With the identity for values and output, one head's attention returns its weights times the sources."""
    torch.manual_seed(0)
    window = Window(input_dim=5, width=6, window=W, layers=2, heads=1)
    embed, no = torch.randn(1, T, 5), torch.zeros(1, T, dtype=torch.bool)
    attention, seen = window.blocks[-1].attention, []
    with torch.no_grad():
        window.biases[-1].table.normal_()
        for part in (attention.value, attention.out):
            part.weight.copy_(torch.eye(6))
    attention.register_forward_hook(lambda _, given, returned: seen.append((given[1], returned)))
    with torch.no_grad():
        _, recall = window.unroll(window.initial(1), Percept(embed), no)
    (sources, returned), trace = seen[0], recall.trace
    for moment in range(T):
        rows, weights = trace["rows"][0, moment], trace["weights"][0, moment]
        assert rows.tolist() == [max(time, -1) for time in range(moment - W, moment + 1)]
        assert weights[rows < 0].eq(0).all()
        read = sources[0, W + rows.clamp(min=0)]
        torch.testing.assert_close(weights @ read, returned[0, moment])


def test_the_window_draws_its_steps_and_their_shares():
    torch.manual_seed(0)
    window = Window(input_dim=5, width=6, window=W, layers=1, heads=2)
    state, recall = lived(window, Percept(torch.randn(1, T, 5)), T)
    drawing = window.draw(state, recall, 0)
    moments = drawing.layers[0]
    assert moments.time.tolist() == list(range(T - 1 - W, T))
    assert moments.weight.sum() == pytest.approx(1)
    assert drawing.facts["steps kept"] == f"{W} of {W}"


def test_a_window_in_its_first_step_draws_that_step_alone():
    window = Window(input_dim=5, width=6, window=W, layers=1, heads=2)
    state, recall = lived(window, Percept(torch.randn(1, T, 5)), 1)
    moments = window.draw(state, recall, 0).layers[0]
    assert (moments.time.tolist(), moments.weight.tolist()) == ([0], [1.0])


def test_a_window_traces_nothing_in_training_and_says_so():
    window, reset = Window(input_dim=5, width=6, window=W, layers=1, heads=2), torch.tensor([True])
    state, recall = window.step(window.initial(1), Percept(torch.randn(1, 5)), reset)
    assert not recall.trace
    with pytest.raises(ValueError, match="no_grad"):
        window.draw(state, recall, 0)


def coding(**changes):
    torch.manual_seed(0)
    return DualCoding(**{"vision_dim": 4, "language_dim": 4, "code_dim": 4, "rows": 5, "k": 1, "width": 3, **changes})


def test_dual_coding_draws_its_newest_rows_with_the_weight_on_the_one_that_was_meant():
    """Codes of different steps are at right angles, so each word finds the row it was heard with."""
    memory, codes = coding(), torch.eye(4)[None, [0, 1, 2, 3]]
    state, _ = lived(memory, Percept(codes[:, :, :1], vision=codes, language=codes, goal=codes), 4)
    again = Percept(codes[:, 1, :1], vision=codes[:, 1], language=codes[:, 1], goal=codes[:, 1])
    with torch.no_grad():
        memory.from_hidden.weight.zero_()
    state, recall = memory.step(state, again, torch.tensor([False]))
    drawing = memory.draw(state, recall, 0)
    moments = drawing.layers[0]
    assert moments.time.tolist() == [0, 1, 2, 3, 4]
    assert moments.weight.tolist() == [0, 1, 0, 0, 0]
    assert drawing.facts["rows"] == "5 of 5"


def test_a_row_overwritten_in_the_step_that_read_it_is_still_drawn():
    memory, codes = coding(rows=3), torch.eye(4)[None]
    state, _ = lived(memory, Percept(codes[:, :, :1], vision=codes, language=codes, goal=codes), 3)
    first = codes[:, 0]
    with torch.no_grad():
        memory.from_hidden.weight.zero_()
    state, recall = memory.step(state, Percept(first, vision=first, language=first, goal=first), torch.tensor([False]))
    drawing = memory.draw(state, recall, 0)
    assert drawing.layers[0].time.tolist() == [0, 1, 2, 3]
    assert drawing.layers[0].weight.tolist() == [1, 0, 0, 0]
    assert drawing.facts["rows"] == "3 of 3"


def test_weights_of_two_queries_are_added_and_stay_shares():
    memory, codes = coding(key="either"), torch.eye(4)[None]
    state, recall = lived(memory, Percept(codes[:, :, :1], vision=codes, language=codes), 2)
    assert recall.trace["weights"].sum() == pytest.approx(2)
    assert memory.draw(state, recall, 0).layers[0].weight.tolist() == [1, 0]
