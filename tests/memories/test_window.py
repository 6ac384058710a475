import pytest
import torch

from loci.memories import state as states
from loci.memories.memory import Percept
from loci.memories.window import Window

B, T, D, W = 2, 9, 6, 3


def memory(**arguments) -> Window:
    torch.manual_seed(0)
    built = Window(**{"input_dim": 5, "width": D, "window": W, "layers": 2, "heads": 2, **arguments})
    with torch.no_grad():
        for bias in built.biases:
            bias.table.normal_()
    return built


def resets(*moments: int) -> torch.Tensor:
    reset = torch.zeros(B, T, dtype=torch.bool)
    reset[:, list(moments)] = True
    return reset


def dense(window: Window, embed: torch.Tensor, reset: torch.Tensor) -> torch.Tensor:
    """The same transformer over the whole sequence at once, masked pair by pair."""
    x = window.enter(embed)
    episode = reset[0].cumsum(0)
    visible = torch.zeros(1, 1, T, T, dtype=torch.bool)
    distance = torch.zeros(T, T, dtype=torch.int64)
    for t in range(T):
        for s in range(t + 1):
            visible[0, 0, t, s] = t - s <= window.window and episode[t] == episode[s]
            distance[t, s] = t - s
    for block, bias in zip(window.blocks, window.biases, strict=True):
        x = block(x, x, visible, bias(distance))
    return window.norm(x)


def test_equals_dense_masked_attention():
    window, embed, reset = memory(), torch.randn(B, T, 5), resets(0, 2)
    _, recall = window.unroll(window.initial(B), Percept(embed), reset)
    torch.testing.assert_close(recall.feature, dense(window, embed, reset))


def test_each_layer_reaches_one_window_back_and_no_further():
    for layers in (1, 2):
        window, embed = memory(layers=layers), torch.randn(1, T, 5, requires_grad=True)
        no = torch.zeros(1, T, dtype=torch.bool)
        _, recall = window.unroll(window.initial(1), Percept(embed), no)
        (recall.feature[0, -1] * torch.randn(D)).sum().backward()
        seen = embed.grad[0].abs().sum(-1) > 0
        assert seen.tolist() == [T - 1 - t <= layers * W for t in range(T)]


def test_the_empty_cache_is_never_read():
    window, embed = memory(), torch.randn(B, T, 5)
    state = window.initial(B)
    state.cache.fill_(1e3)
    _, dirty = window.unroll(state, Percept(embed), resets())
    _, clean = window.unroll(window.initial(B), Percept(embed), resets())
    assert torch.equal(dirty.feature, clean.feature)


def test_the_state_is_the_stated_number_of_bytes():
    assert states.nbytes(memory().initial(B)) == B * (2 * W * D * 4 + 8)
    assert memory().attended == W


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"window": 0}, "window must be at least 1, got 0"), ({"heads": 4}, "multiple of heads, got width=6, heads=4")],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        memory(**arguments)
