"""The read of Cho et al. 2024 (arXiv 2402.15160): the place first, then its rows; codes, gradients, drawing, errors."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from loci.memories import state as states
from loci.memories.spatial_transformer import PlaceAttention, SpatialState, SpatialTransformer, softmax_within
from tests.contracts.memory_contract import EVERY_MEMORY
from tests.contracts.test_memory_contract import build
from tests.memories.small_spatial import CELL, PLAIN, B, C, D, K, R, memory, no_resets, part, stored, walk


def stated_read(spatial: PlaceAttention, x: np.ndarray, rows: np.ndarray, places: list[int], k: int) -> np.ndarray:
    """One query over the rows held, written out: means of keys, k best, softmax, attention inside each place."""

    def weights(linear: torch.nn.Linear, count: int) -> np.ndarray:
        return np.split(linear.weight.detach().double().numpy(), count)

    def softmax(logits: np.ndarray) -> np.ndarray:
        grown = np.exp(logits - logits.max())
        return grown / grown.sum()

    ask, key = weights(spatial.summary, 2)
    members = {place: rows[[n for n, other in enumerate(places) if other == place]] for place in places}
    fit = {place: (ask @ x) @ (rows @ key.T).mean(0) / np.sqrt(D) for place, rows in members.items()}
    best = sorted(fit, key=fit.__getitem__, reverse=True)[:k]
    total, heads = np.zeros(D), spatial.heads
    (to_query, to_key), (to_value,), (out,) = (
        weights(layer, n) for layer, n in ((spatial.query_key, 2), (spatial.value, 1), (spatial.out, 1))
    )
    for weight, place in zip(softmax(np.array([fit[place] for place in best])), best, strict=True):
        inside = members[place]
        for head in range(heads):
            part = slice(head * D // heads, (head + 1) * D // heads)
            logits = (inside @ to_key.T)[:, part] @ (to_query @ x)[part] / np.sqrt(D / heads)
            total[part] += weight * softmax(logits) @ (inside @ to_value.T)[:, part]
    return out @ total


@torch.no_grad()
@pytest.mark.parametrize("k", [1, 2, 9])
def test_read_equals_its_statement_in_numpy(k):
    torch.manual_seed(1)
    read, steps, rows = PlaceAttention(D, 2, k), 4, 14
    x, bank, held = torch.randn(B, steps, D), torch.randn(B, rows, D), torch.rand(B, steps, rows) < 0.7
    place = torch.randint(0, 5, (B, rows))
    got = read(x, bank, held, place)
    for row in range(B):
        for step in range(steps):
            seen = held[row, step]
            places = place[row][seen].tolist()
            expected = stated_read(read, x[row, step].double().numpy(), bank[row][seen].double().numpy(), places, k)
            np.testing.assert_allclose(got.feature[row, step].numpy(), expected, atol=1e-5)
            opened = {int(place[row, n]) for n in range(rows) if got.shares[row, step, n] > 0}
            assert len(opened) == min(k, len(set(places)))
    torch.testing.assert_close(got.shares.sum(-1), torch.ones(B, steps))
    assert not got.shares[~held].any()


def test_an_empty_store_reads_exactly_nothing():
    read = PlaceAttention(D, 2, K)
    nothing = read(torch.randn(1, 1, D), torch.randn(1, 4, D), no_resets(4, 1)[:, None], torch.arange(4)[None])
    assert not nothing.feature.any()
    assert not nothing.shares.any()


def test_softmax_within_groups_of_very_different_logits():
    logits, group = torch.tensor([500.0, 501.0, -500.0, -501.0, 7.0]), torch.tensor([0, 0, 3, 3, 3])
    visible = torch.tensor([True, True, True, True, False])
    expected = torch.cat([logits[:2].softmax(0), logits[2:4].softmax(0), torch.zeros(1)])
    torch.testing.assert_close(softmax_within(logits, visible, group), expected)


def lived(spatial: SpatialTransformer, position: torch.Tensor | None = None) -> SpatialState:
    percept = walk(30, seed=5, stride=0.3)
    percept = percept if position is None else replace(percept, position=position.expand(B, 30, 3))
    return spatial.unroll(spatial.initial(B), percept, no_resets(30))[0]


def read_of(spatial: SpatialTransformer, state: SpatialState) -> torch.Tensor:
    return spatial.step(states.clone(state), walk(1, seed=9).at(0), no_resets(1)[:, 0])[1].feature


@torch.no_grad()
@pytest.mark.parametrize("read", ["places", "flat"])
def test_slots_have_no_order(read):
    spatial = memory(read=read)
    state, order = lived(spatial), torch.randperm(R)
    shuffled = SpatialState(state.token[:, order], state.position[:, order], state.time[:, order], state.written)
    torch.testing.assert_close(read_of(spatial, shuffled), read_of(spatial, state), atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("coded", [True, False])
def test_time_matters_through_its_code_alone(coded):
    spatial = memory(time_code=coded)
    state = lived(spatial)
    other = replace(state, time=state.time.flip(1))
    assert torch.allclose(read_of(spatial, other), read_of(spatial, state), atol=1e-5) != coded


@torch.no_grad()
@pytest.mark.parametrize("coded", [True, False])
def test_place_matters_to_a_flat_read_through_its_code_alone(coded):
    spatial = memory(read="flat", place_code=coded)
    state = lived(spatial)
    other = replace(state, position=state.position.flip(1))
    assert torch.allclose(read_of(spatial, other), read_of(spatial, state), atol=1e-5) != coded


@torch.no_grad()
def test_place_matters_to_the_read_by_place_without_any_code():
    spatial = memory(place_code=False)
    state = lived(spatial)
    other = replace(state, position=state.position.flip(1))
    assert not torch.allclose(read_of(spatial, other), read_of(spatial, state), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("read", ["places", "flat"])
def test_places_are_measured_in_cells(read):
    metres, doubled = memory(read=read), memory(read=read, cell=2 * CELL)
    percept = walk(30)
    one = metres.unroll(metres.initial(B), percept, no_resets(30))[1]
    far = replace(percept, position=2 * percept.position)
    torch.testing.assert_close(doubled.unroll(doubled.initial(B), far, no_resets(30))[1].feature, one.feature)


@torch.no_grad()
def test_one_place_that_holds_all_is_flat_attention():
    places, flat = memory(queue=R, layers=2), memory(queue=R, layers=2, read="flat")
    flat.load_state_dict({name: part for name, part in places.state_dict().items() if "summary" not in name})
    percept = replace(walk(30), position=torch.rand(B, 30, 3) * CELL)
    one, other = (spatial.unroll(spatial.initial(B), percept, no_resets(30))[1] for spatial in (places, flat))
    torch.testing.assert_close(one.feature, other.feature)
    percept.position[:, ::2, 0] -= CELL
    one, other = (spatial.unroll(spatial.initial(B), percept, no_resets(30))[1] for spatial in (places, flat))
    assert not torch.allclose(one.feature, other.feature, atol=1e-3)


@pytest.mark.parametrize("stop", [True, False])
def test_gradient_into_stored_rows(stop):
    spatial, percept = memory(stop_gradient=stop), walk(6)
    percept.embed.requires_grad_()
    percept.position.requires_grad_()
    _, recall = spatial.unroll(spatial.initial(B), percept, no_resets(6))
    (recall.feature[:, -1] * torch.randn(D)).sum().backward()
    for gradient in (percept.embed.grad, percept.position.grad):
        assert gradient[:, -1].any()
        assert bool(gradient[:, :-1].any()) != stop


@torch.no_grad()
def test_empty_slots_are_never_read():
    spatial, percept = memory(), walk(6)
    dirty = spatial.initial(B)
    dirty.token.fill_(1e3)
    dirty.position.fill_(0.5)
    _, one = spatial.unroll(dirty, percept, no_resets(6))
    _, other = spatial.unroll(spatial.initial(B), percept, no_resets(6))
    assert torch.equal(one.feature, other.feature)


@torch.no_grad()
def test_drawing_shows_rows_by_place():
    spatial, percept = memory(cell=2.0), walk(40)
    state, _ = spatial.unroll(spatial.initial(B), part(percept, 0, 39), no_resets(39))
    held, position = stored(state, 1), percept.position[1]
    state, recall = spatial.step(state, percept.at(39), no_resets(1)[:, 0])
    drawing = spatial.draw(state, recall, 1)
    rows, labels = drawing.layers
    assert sorted(rows.time.tolist()) == held
    assert rows.weight.sum() == pytest.approx(1.0, abs=1e-5)
    assert (rows.opened == (rows.weight > 0)).all()
    assert len(set(rows.group[rows.opened].tolist())) <= K
    for time, group in zip(rows.time, rows.group, strict=True):
        middle = (torch.floor(position[time, :2] / 2.0) + 0.5) * 2.0
        np.testing.assert_allclose(labels.positions[group][:2], middle.numpy())
    for group, record in enumerate(labels.records):
        times = rows.time[rows.group == group]
        assert record.startswith(f"{len(times)} of {C} rows, steps {times.min()} to {times.max()}, weight ")
        assert labels.positions[group][2] == pytest.approx(float(position[times, 2].mean()), abs=1e-5)
    assert drawing.facts["rows"] == f"{len(held)} of {R}"
    assert drawing.facts["places"] == str(len(labels.texts))
    assert drawing.facts["rule"] == "fifo"
    gone = sorted(set(held) - set(stored(state, 1)))
    assert [step for step, word in zip(rows.time, rows.kept, strict=True) if word == "dropped now"] == gone
    assert len(gone) == 1


def test_a_recall_without_trace_is_not_drawn():
    spatial = memory()
    state, recall = spatial.step(spatial.initial(B), walk(1).at(0), no_resets(1)[:, 0])
    with pytest.raises(ValueError, match="under torch.no_grad"):
        spatial.draw(state, recall, 0)


def test_sizes_are_as_stated():
    spatial = memory()
    assert states.nbytes(spatial.initial(B)) == B * (R * (4 * D + 12 + 8) + 8)
    assert spatial.attended == K * C
    assert memory(queue=PLAIN).attended == memory(read="flat").attended == R


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"queue": 0}, "queue must be at least 1, got 0"),
        ({"width": 6}, "multiple of 4 .* got 6"),
        ({"width": 12, "heads": 5}, "multiple of heads, got width=12, heads=5"),
        ({"rows": 1}, "rows must be at least k, got rows=1, k=2"),
        ({"item": 5}, "multiples of item, got rows=12, queue=3, item=5"),
        ({"item": 2}, "multiples of item, got rows=12, queue=3, item=2"),
        ({"cell": 0.0}, "cell must be above 0 metres, got 0.0"),
        ({"actions": -1}, "actions must be at least 0, got -1"),
        ({"rule": "learned"}, "rule learned needs actions"),
        ({"rule": "lru"}, "rule"),
        ({"fallback": "learned"}, "fallback"),
        ({"read": "tree"}, "read"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises((ValueError, TypeCheckError), match=message):  # the suite checks the choices of words first
        memory(**arguments)


@pytest.mark.parametrize("changes", [{"rule": "lvfo", "queue": 2}, {"rule": "mvfo", "read": "flat"}], ids=str)
@pytest.mark.parametrize("check", EVERY_MEMORY, ids=lambda check: check.__name__)
def test_other_rules_and_reads_keep_the_contract(changes, check):
    check(build("spatial_transformer", **changes))
