import pytest
import torch
from torch import nn

from loci.memories.gru import GRU, GRUState
from loci.memories.memory import Percept

B, T, D, H = 3, 7, 5, 8


def no_resets() -> torch.Tensor:
    return torch.zeros(B, T, dtype=torch.bool)


def test_one_block_equals_torch_gru():
    torch.manual_seed(0)
    ours, oracle = GRU(D, H), nn.GRU(D, H, batch_first=True)
    with torch.no_grad():
        oracle.weight_ih_l0.copy_(ours.input_weight[0].t())
        oracle.bias_ih_l0.copy_(ours.input_bias[0, 0])
        oracle.weight_hh_l0.copy_(ours.hidden_weight[0].t())
        oracle.bias_hh_l0.copy_(ours.hidden_bias[0, 0])
    embed, hidden = torch.randn(B, T, D), torch.randn(B, H)
    expected, _ = oracle(embed, hidden[None])
    state, recall = ours.unroll(GRUState(hidden), Percept(embed), no_resets())
    torch.testing.assert_close(recall.feature, expected)
    torch.testing.assert_close(state.hidden, expected[:, -1])


def influence(memory: GRU) -> torch.Tensor:
    """Which of the old state's floats (columns) move which of the new state's (rows)."""
    embed = torch.randn(1, D)

    def advance(hidden: torch.Tensor) -> torch.Tensor:
        return memory.step(GRUState(hidden), Percept(embed), torch.tensor([False]))[0].hidden

    return torch.autograd.functional.jacobian(advance, torch.randn(1, H))[0, :, 0] != 0


def test_blocks_talk_only_through_the_shared_code():
    memory = GRU(D, H, blocks=4, rank=3)
    assert influence(memory).all()
    with torch.no_grad():
        memory.hidden_to_code.weight.zero_()
    block = torch.arange(H) // 2
    assert torch.equal(influence(memory), block[:, None] == block)


def test_blocks_make_the_recurrence_cheaper():
    def recurrent(blocks: int) -> int:
        return GRU(D, 512, blocks).hidden_weight.numel()

    assert recurrent(1) == 512 * 3 * 512
    assert recurrent(8) == recurrent(1) // 8


def test_readout_is_a_linear_reading_of_the_state():
    memory = GRU(D, H, readout=2)
    state, recall = memory.unroll(memory.initial(B), Percept(torch.randn(B, T, D)), no_resets())
    assert memory.feature_dim == 2
    torch.testing.assert_close(recall.feature[:, -1], memory.reading(state.hidden))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"readout": 0}, "readout must be at least 1, got 0"),
        ({"blocks": 3}, "width must be a multiple of blocks, got width=8, blocks=3"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        GRU(**{"input_dim": D, "width": H, **arguments})
