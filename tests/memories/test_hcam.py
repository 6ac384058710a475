"""What Lampinen et al. 2021 (arXiv 2105.14039) claim of the memory: chunks, eviction, the gradient, the cost."""

import math
import time

import numpy as np
import pytest
import torch

from loci.memories import state as states
from loci.memories.hcam import HCAM
from loci.memories.memory import Percept
from tests.contracts.memory_contract import ENCODER, EVERY_MEMORY
from tests.memories.test_chunk_attention import softmax, stated_block

WIDTH, WINDOW, SIZE, CHUNKS, OPENED, LAYERS = 8, 5, 3, 4, 2, 2


def memory(**arguments) -> HCAM:
    torch.manual_seed(0)
    sizes = {"input_dim": ENCODER["embed_dim"], "width": WIDTH, "local_window": WINDOW, "chunk": SIZE, "chunks": CHUNKS}
    return HCAM(**{**sizes, "k": OPENED, "layers": LAYERS, "heads": 2, **arguments})


def moments(steps: int, batch: int = 2, seed: int = 0) -> Percept:
    return Percept(torch.randn(batch, steps, ENCODER["embed_dim"], generator=torch.Generator().manual_seed(seed)))


def no_resets(steps: int, batch: int = 2) -> torch.Tensor:
    return torch.zeros(batch, steps, dtype=torch.bool)


SMALL = [
    {"chunk": 3, "chunks": 2, "local_window": 4},
    {"chunk": 2, "chunks": 3, "local_window": 2, "k": 3, "stop_gradient": False},
]


@pytest.mark.parametrize("sizes", SMALL)
@pytest.mark.parametrize("check", EVERY_MEMORY, ids=lambda check: check.__name__)
def test_rings_that_overflow_keep_the_contract(check, sizes):
    check(memory(**sizes))


@torch.no_grad()
def stated_memory(hcam: HCAM, embed: np.ndarray, reset: list[bool]) -> np.ndarray:
    """One row, one step at a time, with plain lists: a window, an accumulator and the chunks of every layer."""

    def of(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
        return module(torch.as_tensor(x)[None])[0].numpy()

    def local(layer: torch.nn.Module, inputs: list[np.ndarray]) -> np.ndarray:
        rows = np.stack([of(layer.norm_local, x) for x in inputs])
        attention, part = layer.local, WIDTH // 2
        q = attention.query_key.weight[:WIDTH].numpy() @ rows[-1]
        keys, values = rows @ attention.query_key.weight[WIDTH:].numpy().T, of(attention.value, rows)
        back = np.arange(len(rows))[::-1]
        joined = []
        for h in range(2):
            cut = slice(h * part, (h + 1) * part)
            bias = layer.recency.table[h].numpy()[back]
            joined.append(softmax(keys[:, cut] @ q[cut] / math.sqrt(part) + bias) @ values[:, cut])
        return of(attention.out, np.concatenate(joined))

    hcam, features = hcam.double(), []
    for begins, moment in zip(reset, embed, strict=True):
        if begins:
            window, waiting, chunks = ([[] for _ in hcam.layers] for _ in range(3))
        x = of(hcam.enter, moment)
        for i, layer in enumerate(hcam.layers):
            window[i] = [*window[i], x][-WINDOW - 1 :]
            waiting[i].append(x)
            weights = {name: weight.numpy() for name, weight in layer.chunks.weights.items()}
            weights["within_mem_attn/key/b"] = np.ones(WIDTH)
            x = x + local(layer, window[i])
            keys = [frames.mean(0) for frames in chunks[i]]
            x = x + stated_block(weights, of(layer.norm_chunks, x), keys, chunks[i], OPENED, 2)
            x = x + of(layer.feed, of(layer.norm_feed, x))
            if len(waiting[i]) == SIZE:
                chunks[i] = [*chunks[i], np.stack(waiting[i])][-CHUNKS:]
                waiting[i] = []
        features.append(of(hcam.norm, x))
    return np.stack(features)


def test_the_whole_memory_equals_lists_and_loops():
    hcam, steps = memory(), 40
    with torch.no_grad():
        for layer in hcam.layers:
            layer.recency.table.normal_()
            for name, weight in layer.chunks.weights.items():
                if name.endswith("/b"):
                    weight.normal_()
    percept, reset = moments(steps), no_resets(steps)
    reset[0, 0] = reset[:, 17] = reset[0, 19] = True  # row 0 overflows no ring, row 1 does
    reset[1, 17] = False
    with torch.no_grad():
        features = hcam.unroll(hcam.initial(2), percept, reset)[1].feature.numpy()
    for row in range(2):
        begins = [bool(flag) or t == 0 for t, flag in enumerate(reset[row])]
        expected = stated_memory(hcam, percept.embed[row].double().numpy(), begins)
        np.testing.assert_allclose(features[row], expected, atol=1e-5)


@torch.no_grad()
def test_a_chunk_is_written_when_full_and_read_from_the_next_step():
    hcam, percept, reset = memory(), moments(3 * SIZE), no_resets(3 * SIZE)
    state = hcam.initial(2)
    inputs = hcam.enter(percept.embed)
    for t in range(3 * SIZE):
        state, recall = hcam.step(state, percept.at(t), reset[:, t])
        first, complete = state.layers[0], (t + 1) // SIZE
        assert first.keys.abs().amax((0, 2)).gt(0).tolist() == [slot < complete for slot in range(CHUNKS)]
        assert set(recall.trace["chunks"][0].tolist()) - {-1} == set(range(t // SIZE)[-OPENED:])
    for m in range(3):
        frames = inputs[:, m * SIZE : (m + 1) * SIZE]
        torch.testing.assert_close(first.contents[:, m], frames)
        torch.testing.assert_close(first.keys[:, m], frames.mean(1))


@torch.no_grad()
def test_a_reset_throws_away_the_frames_that_wait():
    hcam, steps = memory(), 2 * SIZE - 1
    reset = no_resets(steps)
    reset[0, SIZE - 1] = True  # two frames wait; the third is the first of a new episode
    percept = moments(steps)
    state, _ = hcam.unroll(hcam.initial(2), percept, reset)
    frames = hcam.enter(percept.embed)
    torch.testing.assert_close(state.layers[0].contents[0, 0], frames[0, SIZE - 1 :])
    torch.testing.assert_close(state.layers[0].contents[1, 0], frames[1, :SIZE])
    assert state.written.tolist() == [SIZE, steps]


@torch.no_grad()
def test_the_oldest_chunk_is_overwritten_and_then_without_effect():
    hcam = memory(layers=1)
    steps = (CHUNKS + 1) * SIZE
    one, other = moments(steps), moments(steps)
    other.embed[:, :SIZE] += 1.0  # another first chunk
    ends = [hcam.unroll(hcam.initial(2), percept, no_resets(steps)) for percept in (one, other)]
    assert torch.equal(ends[0][0].layers[0].contents, ends[1][0].layers[0].contents)
    frames = hcam.enter(one.embed)[:, -SIZE:]
    torch.testing.assert_close(ends[0][0].layers[0].contents[:, 0], frames)
    features = [hcam.step(state, moments(1, seed=1).at(0), no_resets(1)[:, 0])[1].feature for state, _ in ends]
    assert torch.equal(*features)
    wide = memory(layers=1, k=CHUNKS)
    late = [wide.unroll(wide.initial(2), percept, no_resets(steps))[1].feature[:, -1] for percept in (one, other)]
    assert not torch.allclose(*late), "the last step of the window could still read the first chunk"


@torch.no_grad()
@pytest.mark.parametrize("resets", [{0: [0], 1: [0]}, {0: [0], 1: [11]}, {0: [0, 7], 1: []}])
def test_a_window_that_leaves_out_what_no_step_sees_equals_its_steps(resets):
    hcam, steps = memory(), 20
    percept, reset = moments(steps, seed=1), no_resets(steps)
    for row, begins in resets.items():
        reset[row, begins] = True
    state, _ = hcam.unroll(hcam.initial(2), moments(steps), no_resets(steps))  # every ring is full
    after, window = hcam.unroll(state, percept, reset)
    for t in range(steps):
        state, step = hcam.step(state, percept.at(t), reset[:, t])
        torch.testing.assert_close(window.feature[:, t], step.feature, atol=1e-5, rtol=1e-5)
        assert torch.equal(window.trace["chunks"][:, t], step.trace["chunks"])
    onwards = [hcam.unroll(end, moments(steps, seed=2), no_resets(steps))[1].feature for end in (after, state)]
    torch.testing.assert_close(*onwards, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_unwritten_slots_are_never_read():
    hcam, percept, reset = memory(), moments(20), no_resets(20)
    dirty = states.map_tensors(lambda t: t + 1e3 if t.is_floating_point() else t, hcam.initial(2))
    clean = hcam.unroll(hcam.initial(2), percept, reset)[1].feature
    assert torch.equal(hcam.unroll(dirty, percept, reset)[1].feature, clean)


@pytest.mark.parametrize("stop_gradient", [True, False])
def test_the_gradient_of_a_step_reaches_back_one_window_or_through_the_chunks(stop_gradient):
    hcam, steps = memory(layers=1, k=CHUNKS, stop_gradient=stop_gradient), 12
    embed = moments(steps).embed.requires_grad_()
    state, recall = hcam.unroll(hcam.initial(2), Percept(embed), no_resets(steps))
    assert state.layers[0].contents.requires_grad is not stop_gradient
    (recall.feature[:, -1] * torch.randn(WIDTH)).sum().backward()
    reached = embed.grad.abs().amax((0, 2)) > 0
    written = (steps - 1) // SIZE * SIZE
    assert reached.tolist() == [t >= steps - 1 - WINDOW or (not stop_gradient and t < written) for t in range(steps)]
    assert hcam.enter.weight.grad.any()


@torch.no_grad()
def test_the_drawing_shows_the_chunks_and_the_frames_that_were_read():
    hcam, steps = memory(), CHUNKS * SIZE + 2
    percept, reset, state = moments(steps), no_resets(steps), hcam.initial(2)
    for t in range(steps):
        state, recall = hcam.step(state, percept.at(t), reset[:, t])
    drawing = hcam.draw(state, recall, 0)
    groups, frames = drawing.layers
    assert drawing.facts["chunks"] == f"{CHUNKS} of {CHUNKS}"
    assert groups.first.tolist() == [m * SIZE for m in range(CHUNKS)]
    assert (groups.last - groups.first).tolist() == [SIZE - 1] * CHUNKS
    assert groups.opened.sum() == OPENED
    assert groups.weight.sum() == pytest.approx(1, abs=1e-5)
    assert not groups.weight[~groups.opened].any()
    for m in np.flatnonzero(groups.opened):
        mine = frames.group == m
        assert frames.time[mine].tolist() == list(range(m * SIZE, (m + 1) * SIZE))
        assert frames.weight[mine].sum() == pytest.approx(groups.weight[m], abs=1e-6)
    assert frames.opened.all()


@torch.no_grad()
def test_a_chunk_that_was_read_and_then_overwritten_is_still_drawn():
    hcam, steps = memory(k=CHUNKS), (CHUNKS + 1) * SIZE
    percept, reset = moments(steps), no_resets(steps)
    state, _ = hcam.unroll(hcam.initial(2), Percept(percept.embed[:, :-1]), reset[:, :-1])
    state, recall = hcam.step(state, percept.at(-1), reset[:, -1])
    drawing = hcam.draw(state, recall, 0)
    groups = drawing.layers[0]
    assert groups.first.tolist() == [m * SIZE for m in range(CHUNKS + 1)]
    assert groups.opened.tolist() == [True] * CHUNKS + [False]
    assert groups.weight[:CHUNKS].sum() == pytest.approx(1, abs=1e-5)
    assert drawing.facts["chunks"] == f"{CHUNKS} of {CHUNKS}"


def test_a_recall_with_gradients_cannot_be_drawn():
    hcam = memory()
    state, recall = hcam.step(hcam.initial(2), moments(1).at(0), no_resets(1)[:, 0])
    with pytest.raises(ValueError, match="torch.no_grad"):
        hcam.draw(state, recall, 0)


@torch.no_grad()
def test_a_step_costs_as_much_after_20_000_steps_as_after_1_000():
    hcam = memory(layers=1, chunk=8, local_window=8, chunks=6)
    reset, alone = no_resets(500, 1), no_resets(1, 1)[:, 0]
    state, lived, fastest = hcam.initial(1), {}, {}
    for window in range(1, 41):
        state, _ = hcam.unroll(state, moments(500, 1, window), reset)
        if window * 500 in (1_000, 20_000):
            lived[window * 500] = states.clone(state)
    percept = moments(1, 1).at(0)
    for _ in range(40):  # in turn and the fastest of many, so that a busy machine slows both or neither
        for steps, state in lived.items():
            begun = time.thread_time()
            for _ in range(8):  # of which one completes a chunk
                state, _ = hcam.step(state, percept, alone)
            fastest[steps] = min(fastest.get(steps, math.inf), time.thread_time() - begun)
    assert fastest[20_000] == pytest.approx(fastest[1_000], rel=0.15)
    assert states.nbytes(lived[20_000]) == states.nbytes(lived[1_000])


def test_the_state_is_the_stated_number_of_bytes_and_attended_counts_window_and_open_chunks():
    floats = LAYERS * WIDTH * (CHUNKS * (SIZE + 1) + WINDOW)
    assert states.nbytes(memory().initial(2)) == 2 * (4 * floats + torch.int64.itemsize)
    assert memory().attended == WINDOW + OPENED * SIZE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"local_window": 2}, "local_window must be at least chunk, got local_window=2, chunk=3"),
        ({"chunks": 1}, "chunks must be at least k, got chunks=1, k=2"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"heads": 3}, "width must be a positive multiple of heads, got width=8, heads=3"),
        ({"width": 9, "heads": 3}, "width must be even for sines and cosines, got 9"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        memory(**arguments)
