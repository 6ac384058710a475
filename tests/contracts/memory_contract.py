"""The contract of memories as functions: each takes a memory and fails by AssertionError where the contract is broken.

Plumbing only; what each paper claims is tested in tests/memories. Sizes are tiny and lengths odd, so that rings wrap
and windows are cut where nothing ends.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from loci.memories import state as states
from loci.memories.layers import Drawing
from loci.memories.memory import MapMemory, Memory, Percept, Recall

ENCODER = {"embed_dim": 12, "vision_dim": 10, "language_dim": 6}
"""What the root configuration would say about the encoder."""
B, T = 3, 20
CLOSE = {"atol": 1e-5, "rtol": 1e-4}
PLACE = (0.0, 0.0, 0.0)
LONG = 50
"""Steps after which every ring of the contract is full."""

torch.set_num_threads(1)  # more threads than idle cores make small operations ten times slower


def sense(memory: Memory, steps: int = T, seed: int = 0, batch: int = B) -> Percept:
    """A window of random moments with the fields the memory declares, `embed`, and `goal` where language is read."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, steps, *shape, generator=draw)

    everything = {
        "embed": normal(ENCODER["embed_dim"]),
        "vision": normal(ENCODER["vision_dim"]),
        "language": normal(ENCODER["language_dim"]),
        "goal": normal(ENCODER["language_dim"]),
        "position": normal(3).cumsum(1),
        "heading": normal(1),
        "time": torch.arange(steps)[None, :, None].expand(batch, -1, -1) * 0.1,
        "points": normal(4, 3),
        "control": normal(2),
    }
    given = memory.reads | {"embed"} | ({"goal"} if "language" in memory.reads else set())
    return Percept(**{name: part for name, part in everything.items() if name in given})


def resets(steps: int = T, seed: int = 0) -> Tensor:
    """Random episode starts; the first step is always one."""
    reset = torch.rand(B, steps, generator=torch.Generator().manual_seed(seed)) < 0.15
    reset[:, 0] = True
    return reset


def no_resets(steps: int = T) -> Tensor:
    return torch.zeros(B, steps, dtype=torch.bool)


def parts(percept: Percept) -> dict[str, Tensor]:
    return {f.name: getattr(percept, f.name) for f in fields(percept) if getattr(percept, f.name) is not None}


def each(percept: Percept, change: Callable[[Tensor], Tensor]) -> Percept:
    return replace(percept, **{name: change(part) for name, part in parts(percept).items()})


def other_where(where: Tensor, other: Percept, percept: Percept) -> Percept:
    """`other` where the mask (B, T) is true, `percept` elsewhere."""
    theirs = parts(other)

    def choose(name: str, part: Tensor) -> Tensor:
        return torch.where(where.view(*where.shape, *[1] * (part.dim() - 2)), theirs[name], part)

    return replace(percept, **{name: choose(name, part) for name, part in parts(percept).items()})


def run_steps(memory: Memory, state: Any, percept: Percept, reset: Tensor) -> tuple[Any, Recall]:
    """A window one moment at a time, whatever the memory's own unroll does."""
    return Memory.unroll(memory, state, percept, reset)


@torch.no_grad()
def lived(memory: Memory, seed: int = 7) -> Any:
    """A state with a past."""
    return memory.unroll(memory.initial(B), sense(memory, seed=seed), no_resets())[0]


def same(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, **CLOSE)


@torch.no_grad()
def unroll_equals_steps(memory: Memory) -> None:
    percept, reset = sense(memory), resets()
    after, window = memory.unroll(memory.initial(B), percept, reset)
    after_steps, steps = run_steps(memory, memory.initial(B), percept, reset)
    assert window.feature.shape == (B, T, memory.feature_dim)
    same(window.feature, steps.feature)
    assert (window.bonus is None) == (steps.bonus is None)
    if window.bonus is not None:
        same(window.bonus, steps.bonus)
    for mine, theirs in ((window.losses, steps.losses), (window.trace, steps.trace)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            same(mine[name], theirs[name])
    onwards = sense(memory, seed=1)
    _, window = memory.unroll(after, onwards, no_resets())
    _, steps = run_steps(memory, after_steps, onwards, no_resets())
    same(window.feature, steps.feature)


@torch.no_grad()
def a_window_can_be_cut_anywhere(memory: Memory) -> None:
    percept, reset = sense(memory), resets()
    whole = memory.unroll(memory.initial(B), percept, reset)[1].feature
    for cut in (1, 7, T - 1):
        state, head = memory.unroll(memory.initial(B), each(percept, lambda x, c=cut: x[:, :c]), reset[:, :cut])
        _, tail = memory.unroll(states.detach(state), each(percept, lambda x, c=cut: x[:, c:]), reset[:, cut:])
        same(torch.cat([head.feature, tail.feature], dim=1), whole)


@torch.no_grad()
def reset_forgets_everything(memory: Memory) -> None:
    percept, reset, middle = sense(memory), no_resets(), 9
    reset[1, middle] = True
    onwards = memory.unroll(lived(memory), percept, reset)[1].feature[:, middle:]
    tail = each(percept, lambda x: x[:, middle:])
    fresh = memory.unroll(memory.initial(B), tail, no_resets(T - middle))[1].feature
    same(onwards[1], fresh[1])
    if states.nbytes(memory.initial(B)):
        assert not torch.allclose(onwards[0], fresh[0], **CLOSE), "a row that was not reset remembers nothing"


@torch.no_grad()
def initial_is_a_reset(memory: Memory) -> None:
    percept, reset = sense(memory), no_resets()
    unflagged = memory.unroll(memory.initial(B), percept, reset)[1].feature
    reset[:, 0] = True
    same(memory.unroll(memory.initial(B), percept, reset)[1].feature, unflagged)
    same(memory.unroll(lived(memory), percept, reset)[1].feature, unflagged)


@torch.no_grad()
def rows_do_not_touch(memory: Memory) -> None:
    percept, reset = sense(memory), resets()
    before = memory.unroll(lived(memory), percept, reset)[1].feature
    row = torch.zeros(B, T, dtype=torch.bool)
    row[2] = True
    reset[2] = ~reset[2]
    after = memory.unroll(lived(memory), other_where(row, sense(memory, seed=1), percept), reset)[1].feature
    same(after[:2], before[:2])
    assert not torch.allclose(after[2], before[2], **CLOSE)


@torch.no_grad()
def no_peeking(memory: Memory) -> None:
    percept, reset = sense(memory), resets()
    before = memory.unroll(memory.initial(B), percept, reset)[1].feature
    for moment in (1, 11, T - 1):
        later = (torch.arange(T) >= moment).expand(B, T)
        changed = other_where(later, sense(memory, seed=1), percept)
        after = memory.unroll(memory.initial(B), changed, reset | later)[1].feature
        same(after[:, :moment], before[:, :moment])


@torch.no_grad()
def a_snapshot_is_independent(memory: Memory) -> None:
    snapshot = states.clone(lived(memory))
    percept = sense(memory, seed=1)
    first = memory.unroll(states.clone(snapshot), percept, no_resets())[1].feature
    same(memory.unroll(snapshot, percept, no_resets())[1].feature, first)


@torch.no_grad()
def the_module_keeps_no_state(memory: Memory) -> None:
    percept, reset = sense(memory), resets()
    first = memory.unroll(memory.initial(B), percept, reset)[1].feature
    lived(memory)
    torch.testing.assert_close(memory.unroll(memory.initial(B), percept, reset)[1].feature, first, atol=0, rtol=0)


@torch.no_grad()
def state_stops_growing(memory: Memory) -> None:
    state, sizes = memory.initial(B), []
    for window in range(20):
        state, _ = memory.unroll(state, sense(memory, seed=window), no_resets())
        sizes.append(states.nbytes(state))
    assert len(set(sizes[-3:])) == 1, f"bytes of the state after each window: {sizes}"


def gradients_stay_in_the_window(memory: Memory) -> None:
    memory.zero_grad()
    earlier, later = (each(sense(memory, seed=seed), lambda x: x.clone().requires_grad_()) for seed in (0, 1))
    state, _ = memory.unroll(memory.initial(B), earlier, resets())
    _, recall = memory.unroll(states.detach(state), later, no_resets())
    weight = torch.randn(recall.feature.shape, generator=torch.Generator().manual_seed(2))
    total = (recall.feature * weight).sum() + sum(loss.sum() for loss in recall.losses.values())
    total.backward()
    for name in memory.reads:
        before, now = getattr(earlier, name).grad, getattr(later, name).grad
        assert before is None or not before.any(), f"gradient of {name} flows through a detached state"
        assert now is not None, f"no gradient reaches {name}"
        assert now.isfinite().all()
        assert now.any(), f"the gradient of {name} is 0"
    for name, parameter in memory.named_parameters():
        assert parameter.grad is not None, f"no gradient reaches {name}"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"
        assert parameter.grad.any(), f"the gradient of {name} is 0"


def bytes_are_per_row(memory: Memory) -> None:
    assert states.nbytes(memory.initial(2 * B)) == 2 * states.nbytes(memory.initial(B))


def percepts_lacking_a_field_are_refused(memory: Memory) -> None:
    for name in memory.reads - {"embed"}:
        lacking = replace(sense(memory), **{name: None})
        with pytest.raises(ValueError, match=name):
            memory.unroll(memory.initial(B), lacking, no_resets())


def watched(memory: Memory, percept: Percept, reset: Tensor) -> Iterator[tuple[Any, Recall]]:
    """State and recall after each step of a window."""
    state = memory.initial(B)
    for moment in range(reset.shape[1]):
        state, recall = memory.step(state, percept.at(moment), reset[:, moment])
        yield state, recall


def drawn(memory: Memory, percept: Percept, reset: Tensor) -> list[list[Drawing]]:
    """The drawing of each row after each step."""
    return [[memory.draw(state, recall, row) for row in range(B)] for state, recall in watched(memory, percept, reset)]


def same_drawing(a: Drawing, b: Drawing, **tolerance: float) -> None:
    assert a.facts == b.facts
    assert [type(layer) for layer in a.layers] == [type(layer) for layer in b.layers]
    for mine, theirs in zip(a.layers, b.layers, strict=True):
        for part in fields(mine):
            one, other = getattr(mine, part.name), getattr(theirs, part.name)
            if isinstance(one, np.ndarray):
                np.testing.assert_allclose(one, other, **tolerance)
            else:
                assert one == other, f"{part.name} of {mine.title}"


def lies_within(drawing: Drawing, steps: int) -> None:
    """Times are of the episode, which has had so many steps; weights are shares."""
    for layer in drawing.layers:
        for name in ("time", "first", "last"):
            times = getattr(layer, name, np.zeros(0, int))
            assert ((times >= 0) & (times < steps)).all(), f"{name} of {layer.title} after {steps} steps: {times}"
        if hasattr(layer, "first"):
            assert (layer.first <= layer.last).all()
        weight = getattr(layer, "weight", None)
        assert weight is None or (np.isfinite(weight) & (weight >= 0) & (weight <= 1)).all(), f"{layer.title}: {weight}"


@torch.no_grad()
def drawings_show_the_episode(memory: Memory) -> None:
    """From the first step, through more steps than fit, and after a reset; titles and facts stay the same ones."""
    reset = no_resets(LONG)
    reset[:, 0] = reset[1, 45] = True
    before: Drawing | None = None
    for moment, drawings in enumerate(drawn(memory, sense(memory, LONG), reset)):
        for row, drawing in enumerate(drawings):
            assert drawing.layers or drawing.facts, "nothing is drawn"
            lies_within(drawing, moment - 44 if row == 1 and moment >= 45 else moment + 1)
            before = before or drawing
            assert [layer.title for layer in drawing.layers] == [layer.title for layer in before.layers]
            assert drawing.facts.keys() == before.facts.keys()


@torch.no_grad()
def drawing_changes_nothing(memory: Memory) -> None:
    """The state stays bit by bit, the memory goes on as if nobody had looked, and a second look shows the same."""
    percept, onwards = sense(memory), sense(memory, seed=1)
    for state, recall in watched(memory, percept, resets()):
        untouched, twin = states.clone(state), states.clone(state)
        for row in range(B):
            same_drawing(memory.draw(state, recall, row), memory.draw(state, recall, row), rtol=0)
        for mine, theirs in zip(tensors(state), tensors(untouched), strict=True):
            torch.testing.assert_close(mine, theirs, atol=0, rtol=0, equal_nan=True)
    after = memory.unroll(state, onwards, no_resets())[1].feature
    torch.testing.assert_close(after, memory.unroll(twin, onwards, no_resets())[1].feature, atol=0, rtol=0)


@torch.no_grad()
def drawings_of_rows_do_not_touch(memory: Memory) -> None:
    """What another row lives through changes no drawing; what the row itself lives through may."""
    percept, reset = sense(memory), resets()
    before = drawn(memory, percept, reset)
    row = torch.zeros(B, T, dtype=torch.bool)
    row[2] = True
    reset[2] = ~reset[2]
    after = drawn(memory, other_where(row, sense(memory, seed=1), percept), reset)
    for mine, theirs in zip(before, after, strict=True):
        for still in (0, 1):
            same_drawing(mine[still], theirs[still], **CLOSE)


def tensors(state: Any) -> list[Tensor]:
    found: list[Tensor] = []
    states.map_tensors(lambda tensor: found.append(tensor) or tensor, state)
    return found


@torch.no_grad()
def maps_answer(memory: Memory) -> None:
    """One map a row; nearest first, at most k, distances true; neighbours known; descriptions within their length."""
    assert isinstance(memory, MapMemory)
    maps = memory.maps(lived(memory))
    assert len(maps) == B
    for view in maps:
        entries = view.near(PLACE, 4)
        assert len(entries) <= 4
        distances = [entry.distance for entry in entries]
        assert distances == sorted(distances)
        for entry in entries:
            assert entry.distance == pytest.approx(math.dist(entry.position, PLACE), abs=1e-4)
            assert all(cost >= 0 for _, cost in view.neighbours(entry.key))
        scores = [entry.score for entry in view.find("chair", 4)]
        assert len(scores) <= 4
        assert scores == sorted(scores, reverse=True)
        assert isinstance(view.describe(4), str)


EVERY_MEMORY = (
    unroll_equals_steps,
    a_window_can_be_cut_anywhere,
    reset_forgets_everything,
    initial_is_a_reset,
    rows_do_not_touch,
    no_peeking,
    a_snapshot_is_independent,
    the_module_keeps_no_state,
    state_stops_growing,
    gradients_stay_in_the_window,
    bytes_are_per_row,
    percepts_lacking_a_field_are_refused,
    drawings_show_the_episode,
    drawing_changes_nothing,
    drawings_of_rows_do_not_touch,
)
