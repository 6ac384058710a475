from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from loci.memories import state as states


class Octree:
    """A leaf with operations of its own."""

    nbytes = 100

    def __init__(self):
        self.cells = [1]

    def clone(self):
        other = Octree()
        other.cells = list(self.cells)
        return other


@dataclass
class Inner:
    tokens: Tensor


@dataclass
class State:
    hidden: Tensor
    inner: Inner
    by_name: dict
    pair: tuple
    name: str = "kept"
    maps: list = field(default_factory=list)


def state(value: float = 1.0, rows: int = 2, maps: bool = True) -> State:
    def full(*shape):
        return torch.full((rows, *shape), value)

    return State(full(3), Inner(full(2, 2)), {"a": full()}, (full(1), None), maps=[Octree()] if maps else [])


def test_bytes_count_tensors_and_leaves_that_report_them():
    floats = 2 * (3 + 4 + 1 + 1)
    assert states.nbytes(state()) == 4 * floats + 100


def test_detach_cuts_the_gradient_and_keeps_the_values():
    before = state()
    before.inner.tokens.requires_grad_()
    after = states.detach(before)
    assert not after.inner.tokens.requires_grad
    assert torch.equal(after.inner.tokens, before.inner.tokens)
    assert after.maps[0] is before.maps[0]


def test_clone_shares_nothing():
    before = state()
    after = states.clone(before)
    before.hidden.zero_()
    before.by_name["a"].zero_()
    before.pair[0].zero_()
    before.maps[0].cells.append(2)
    assert after.hidden.min() == after.by_name["a"].min() == after.pair[0].min() == 1
    assert after.maps[0].cells == [1]
    assert after.name == "kept"


def test_reset_rows_takes_initial_rows_where_told():
    mixed = states.reset_rows(state(1.0, maps=False), state(0.0, maps=False), torch.tensor([True, False]))
    for tensor in (mixed.hidden, mixed.inner.tokens, mixed.by_name["a"]):
        assert tensor[0].max() == 0
        assert tensor[1].min() == 1


def test_reset_rows_refuses_leaves_it_cannot_choose_from():
    with pytest.raises(TypeError, match="Octree"):
        states.reset_rows(state(), state(), torch.tensor([True, False]))


def test_rows_takes_the_rows_of_tensors_and_copies_of_their_maps():
    whole = state(rows=3)
    whole.maps = [Octree() for _ in range(3)]
    for number, one in enumerate(whole.maps):
        one.cells = [number]
    part = states.rows(whole, torch.tensor([2, 0]))
    torch.testing.assert_close(part.hidden, whole.hidden[[2, 0]])
    torch.testing.assert_close(part.inner.tokens, whole.inner.tokens[[2, 0]])
    assert [one.cells for one in part.maps] == [[2], [0]]
    part.maps[0].cells.append(9)
    assert whole.maps[2].cells == [2]
    assert part.name == "kept"


def test_latest_reset_is_the_step_the_episode_began():
    reset = torch.tensor([[0, 0, 1, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.bool)
    expected = torch.tensor([[-1, -1, 2, 2, 4], [0, 0, 0, 0, 0], [-1, -1, -1, -1, -1]])
    assert torch.equal(states.latest_reset(reset), expected)
