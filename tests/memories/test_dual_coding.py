"""What Hill et al. 2020 (arXiv 2009.01719) claim of the memory: the read, the ring, the gradient, the bonus."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from loci.memories import novelty
from loci.memories.dual_coding import Bank, DualCoding, DualCodingState, Reader, lstm, newest_first
from loci.memories.memory import Percept

B, T, D, R, K, H = 2, 12, 4, 6, 3, 5


def memory(**arguments) -> DualCoding:
    torch.manual_seed(0)
    return DualCoding(**{"vision_dim": D, "language_dim": D, "code_dim": D, "rows": R, "k": K, "width": H, **arguments})


def percept(vision: torch.Tensor | None = None, language: torch.Tensor | None = None, steps: int = T) -> Percept:
    vision = torch.randn(B, steps, D) if vision is None else vision
    language = torch.randn(B, steps, D) if language is None else language
    return Percept(embed=torch.zeros(B, steps, 1), vision=vision, language=language)


def no_resets(steps: int = T) -> torch.Tensor:
    return torch.zeros(B, steps, dtype=torch.bool)


def bank(rows: torch.Tensor, *columns: int) -> Bank:
    """All rows with the given columns as keys."""
    return Bank(rows, columns)


def everything(rows: torch.Tensor) -> torch.Tensor:
    return torch.zeros(*rows.shape[:2], dtype=torch.float64)


def stated_read(query: np.ndarray, keys: np.ndarray, rows: np.ndarray, strength: float, k: int) -> np.ndarray:
    """The reader written out: cosine top-k, softmax of the k, weighted rows; no mask, no self-attention."""
    r = np.zeros((len(query), rows.shape[-1]))
    for b in range(len(query)):
        norms = np.maximum(np.linalg.norm(keys[b], axis=-1) * np.linalg.norm(query[b]), 1e-12)
        weighted = strength * (keys[b] @ query[b]) / norms
        best = np.argsort(-weighted)[:k]
        share = np.exp(weighted[best] - weighted[best].max())
        r[b] = (share / share.sum()) @ rows[b, best]
    return r


def test_read_equals_its_statement_in_numpy():
    rows, query = torch.randn(B, R, 2 * D), torch.randn(B, 1, D)
    reader = Reader(D, K, queries=1, heads=1, self_attention=False)
    expected = stated_read(query[:, 0].numpy(), rows[..., D:].numpy(), rows.numpy(), 10.0, K)
    read = reader(query, bank(rows, 1), everything(rows))
    np.testing.assert_allclose(read.r.detach(), expected, atol=1e-5)


def test_swapping_columns_and_key_swaps_the_halves_read():
    rows, query = torch.randn(B, R, 2 * D), torch.randn(B, 1, D)
    swap = torch.arange(2 * D).roll(D)
    reader, swapped = (Reader(D, K, queries=1, heads=1, self_attention=True) for _ in range(2))
    with torch.no_grad():
        swapped.mix.query_key.weight.copy_(reader.mix.query_key.weight[:, swap])
        swapped.mix.value.weight.copy_(reader.mix.value.weight[:, swap])
        swapped.mix.out.weight.copy_(reader.mix.out.weight[swap])
    language = reader(query, bank(rows, 1), everything(rows)).r
    vision = swapped(query, bank(rows[..., swap], 0), everything(rows)).r
    torch.testing.assert_close(vision, language[:, swap], atol=1e-6, rtol=0)


def test_either_reads_once_for_each_column():
    rows, query = torch.randn(B, R, 2 * D), torch.randn(B, 2, D)
    both = Reader(D, K, queries=2, heads=1, self_attention=True)
    one = Reader(D, K, queries=1, heads=1, self_attention=True)
    one.mix.load_state_dict(both.mix.state_dict())
    read = both(query, bank(rows, 0, 1), everything(rows))
    for column in (0, 1):
        alone = one(query[:, column : column + 1], bank(rows, column), everything(rows))
        half = slice(column * 2 * D, (column + 1) * 2 * D)
        torch.testing.assert_close(read.r[:, half], alone.r)
        assert torch.equal(read.rows[:, column * K : (column + 1) * K], alone.rows)


def test_a_word_finds_the_view_it_was_heard_with():
    rows = torch.randn(1, R, 2 * D)
    rows[..., D:] = F.pad(torch.eye(D), (0, 0, 0, R - D))  # D distinct words, then silence
    reader = Reader(D, 1, queries=1, heads=1, self_attention=False)
    with torch.no_grad():
        reader.strength.fill_(100.0)
    for row in range(D):
        read = reader(rows[:, row, D:][:, None], bank(rows, 1), everything(rows))
        torch.testing.assert_close(read.r[:, :D], rows[:, row, :D], atol=1e-4, rtol=0)


def test_strength_starts_at_ten_and_sets_the_weight_ratio():
    rows = torch.zeros(1, 2, 2 * D)
    rows[0, 0, D], rows[0, 1, D + 1] = 1.0, 1.0
    query = torch.zeros(1, 1, D)
    query[..., 0] = 3.0  # cosines 1 and 0
    read = Reader(D, 2, queries=1, heads=1, self_attention=False)(query, bank(rows, 1), everything(rows))
    assert read.rows.tolist() == [[0, 1]]
    assert (read.weights[0, 0] / read.weights[0, 1]).item() == pytest.approx(math.exp(10), rel=1e-4)


def test_fewer_rows_than_k_are_all_read_and_nothing_else():
    rows, query = torch.randn(1, R, 2 * D), torch.randn(1, 1, D)
    visible = torch.zeros(1, 1, R, dtype=torch.bool)
    visible[..., [1, 4]] = True
    order = newest_first(torch.arange(R)[None], visible)[:, 0]
    read = Reader(D, K, queries=1, heads=1, self_attention=True)(query, bank(rows, 1), order)
    assert set(read.rows[0].tolist()) == {1, 4, -1}
    assert read.weights[0, 2] == 0
    assert read.weights.sum().item() == pytest.approx(1)


def test_equals_are_read_newest_first():
    rows, time = torch.randn(1, R, 2 * D), torch.tensor([[6, 7, 2, 3, 4, 5]])
    rows[..., D:] = torch.randn(D)
    order = newest_first(time, torch.ones(1, 1, R, dtype=torch.bool))[:, 0]
    read = Reader(D, K, queries=1, heads=1, self_attention=False)(torch.randn(1, 1, D), bank(rows, 1), order)
    assert time[0, read.rows[0]].tolist() == [7, 6, 5]


def test_the_first_moment_reads_zeros_and_each_next_one_the_rows_before_it():
    dual = memory()
    _, recall = dual.unroll(dual.initial(B), percept(), no_resets())
    assert torch.equal(recall.feature[:, 0, H:], torch.zeros(B, 2 * D))
    assert recall.trace["rows"][:, 0].eq(-1).all()
    for moment in range(T):
        read = set(recall.trace["rows"][0, moment].tolist()) - {-1}
        assert len(read) == min(moment, K)
        assert read <= set(range(max(0, moment - R), moment))


def test_unwritten_slots_are_never_read():
    dual, moments = memory(), percept()
    dirty = dual.initial(B)
    dirty.vision.fill_(1e3)
    dirty.language.fill_(1e3)
    _, recall = dual.unroll(dirty, moments, no_resets())
    _, clean = dual.unroll(dual.initial(B), moments, no_resets())
    assert torch.equal(recall.feature, clean.feature)


def test_the_ring_forgets_its_oldest_rows():
    dual, moments = memory(stop_gradient=False), percept(steps=R + 3)
    state, _ = dual.unroll(dual.initial(B), moments, no_resets(R + 3))
    assert state.written.tolist() == [R + 3] * B
    for n in range(3, R + 3):
        assert torch.equal(state.vision[:, n % R], moments.vision[:, n])
        assert torch.equal(state.language[:, n % R], moments.language[:, n])


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_no_gradient_reaches_a_written_row_when_stopped(stop_gradient):
    dual = memory(stop_gradient=stop_gradient)
    with torch.no_grad():  # a query that depends on no input leaves the rows as the only way from codes to r
        dual.from_codes.weight.zero_()
        dual.from_codes.bias.normal_()
        dual.from_hidden.weight.zero_()
    vision, language = (torch.randn(B, T, D, requires_grad=True) for _ in range(2))
    state, recall = dual.unroll(dual.initial(B), percept(vision, language), no_resets())
    assert state.vision.requires_grad is state.language.requires_grad is not stop_gradient
    recall.feature[..., H:].square().sum().backward()
    for codes in (vision, language):
        assert bool(codes.grad.any()) is not stop_gradient


def test_trace_names_the_moment_remembered_across_windows():
    dual = memory(k=1, rows=64)
    with torch.no_grad():  # ask with the word heard
        dual.from_hidden.weight.zero_()
        dual.from_codes.weight.zero_()
        dual.from_codes.bias.zero_()
        dual.from_codes.weight[:D, 2 * D :] = torch.eye(D)
    words = torch.randn(B, T, D)
    state, _ = dual.unroll(dual.initial(B), percept(language=words), no_resets())
    _, recall = dual.unroll(state, percept(language=words.flip(1)), no_resets())
    assert recall.trace["rows"][0, : T // 2, 0].tolist() == list(range(T - 1, T // 2 - 1, -1))


@pytest.mark.parametrize("told", [False, True])
def test_a_fresh_memory_looks_up_the_word_of_the_instruction_or_else_the_word_heard(told):
    dual = memory(k=1, rows=64)
    with torch.no_grad():
        dual.from_hidden.weight.zero_()
    words, others = torch.randn(B, T, D), torch.randn(B, T, D)
    state, _ = dual.unroll(dual.initial(B), percept(language=words), no_resets())
    asked = percept(language=others if told else words.flip(1))
    asked.goal = words.flip(1) if told else None
    _, recall = dual.unroll(state, asked, no_resets())
    assert recall.trace["rows"][0, : T // 2, 0].tolist() == list(range(T - 1, T // 2 - 1, -1))


def test_the_core_equals_torch_lstm_cell():
    torch.manual_seed(0)
    oracle, gates_of = nn.LSTMCell(D, H), torch.randn(B, D)
    hidden, cell = torch.randn(B, H), torch.randn(B, H)
    gates = F.linear(gates_of, oracle.weight_ih, oracle.bias_ih) + F.linear(hidden, oracle.weight_hh, oracle.bias_hh)
    enter, keep, candidate, out = gates.chunk(4, dim=-1)
    ours = lstm(torch.cat([enter, keep, out, candidate], -1), cell)
    for mine, theirs in zip(ours, oracle(gates_of, (hidden, cell)), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_the_core_sees_what_was_read():
    dual, moments = memory(), percept(steps=1)
    past = dual.initial(B)
    empty, full = (DualCodingState(**{**vars(past), "written": torch.tensor([n] * B)}) for n in (0, 1))
    full.vision.normal_()
    full.language.normal_()
    hidden = [dual.unroll(state, moments, no_resets(1))[0].hidden for state in (empty, full)]
    assert not torch.allclose(*hidden)


def test_novelty_bonus_equals_its_statement_step_by_step():
    dual, moments = memory(novelty="language"), percept()
    _, recall = dual.unroll(dual.initial(B), moments, no_resets())
    words, seen = moments.language[0].double().numpy(), []
    for t in range(T):
        squared = np.sort(((words[max(0, t - R) : t] - words[t]) ** 2).sum(-1))[: novelty.NEIGHBOURS]
        if t == 0:
            assert recall.bonus[0, 0] == 0
            continue
        seen.append(squared.mean())
        relative = np.maximum(squared / np.mean(seen) - novelty.CLUSTER, 0)
        similar = (novelty.EPSILON / (relative + novelty.EPSILON)).sum()
        assert recall.bonus[0, t].item() == pytest.approx(1 / math.sqrt(similar + novelty.FLOOR), rel=1e-3)


def test_novelty_of_both_is_the_mean_and_has_no_gradient():
    moments = percept(vision=torch.randn(B, T, D, requires_grad=True))
    bonuses = {}
    for which in ("vision", "language", "both"):
        dual = memory(novelty=which)
        bonuses[which] = dual.unroll(dual.initial(B), moments, no_resets())[1].bonus
        assert not bonuses[which].requires_grad
    torch.testing.assert_close(bonuses["both"], (bonuses["vision"] + bonuses["language"]) / 2)


def test_codes_of_the_right_width_are_stored_as_they_come_and_others_projected():
    assert isinstance(memory().vision_code, nn.Identity)
    dual = memory(vision_dim=9)
    moments = percept(vision=torch.randn(B, T, 9))
    state, _ = dual.unroll(dual.initial(B), moments, no_resets())
    last = (T - 1) % R
    torch.testing.assert_close(state.vision[:, last], dual.vision_code(moments.vision[:, -1]).detach())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 2}, "rows must be at least k, got rows=2, k=3"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"code_dim": 0}, "code_dim must be at least 1, got 0"),
        ({"heads": 3}, "width must be a positive multiple of heads, got width=8, heads=3"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        memory(**arguments)


@pytest.mark.parametrize("name", ["key", "novelty"])
def test_choices_are_listed(name):
    with pytest.raises(Exception, match=name):
        memory(**{name: "smell"})
