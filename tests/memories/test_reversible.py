"""R⁻¹ undoes R, before and after training; R is the formula; one token needs no queries and keys."""

import numpy as np
import pytest
import torch
from scipy.special import erf

from loci.memories.reversible import ReversibleStack, inverse_error


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stack(width: int = 16, depth: int = 3, heads: int = 4, **arguments) -> ReversibleStack:
    torch.manual_seed(0)
    return ReversibleStack(width, depth, heads, **arguments)


def train(codec: ReversibleStack, shape: tuple[int, ...], steps: int) -> None:
    """Some steps towards random outputs, which move every weight."""
    x1, x2, y1, y2 = (draw(*shape, seed=seed) for seed in range(4))
    for _ in range(steps):
        made1, made2 = codec(x1, x2)
        codec.zero_grad()
        ((made1 - y1).square().mean() + (made2 - y2).square().mean()).backward()
        with torch.no_grad():
            for weight in codec.parameters():
                weight -= 1.0 * weight.grad


@pytest.mark.parametrize("attends", [False, True])
def test_the_inverse_undoes_the_stack_before_and_after_training(attends):
    codec = stack(width=32, depth=6, heads=8, attends=attends)
    shape = (16, 3, 32) if attends else (48, 32)
    halves = draw(*shape, seed=5), draw(*shape, seed=6)
    assert inverse_error(codec, *halves) < 1e-5
    before = [weight.clone() for weight in codec.parameters()]
    train(codec, shape, steps=25)
    assert all((old - new).abs().max() > 0.02 for old, new in zip(before, codec.parameters(), strict=True))
    assert inverse_error(codec, *halves) < 1e-5
    assert inverse_error(codec.double(), *(half.double() for half in halves)) < 1e-13


def test_published_sizes_keep_the_bound_in_single_precision_and_not_in_half():
    codec = stack(width=384, depth=6, heads=8)
    halves = draw(16, 384, seed=1), draw(16, 384, seed=2)
    assert inverse_error(codec, *halves) < 1e-5
    assert inverse_error(codec.bfloat16(), *(half.bfloat16() for half in halves)) > 1e-3


def test_the_error_grows_with_the_weights():
    codec, halves = stack(), (draw(16, 16, seed=1), draw(16, 16, seed=2))
    small = inverse_error(codec, *halves)
    with torch.no_grad():
        for weight in codec.parameters():
            weight *= 8
    assert inverse_error(codec, *halves) > 20 * small


def test_a_half_without_contrast_is_given_back_less_exactly():
    """A layer norm divides by the spread of its input: near 0 it magnifies rounding about 300 times."""
    codec = stack(width=32, depth=6, heads=8)
    assert 1e-5 < inverse_error(codec, torch.zeros(9, 32), torch.zeros(9, 32)) < 0.1
    assert inverse_error(codec, torch.zeros(9, 32), draw(9, 32)) < 1e-5


@torch.no_grad()
def test_every_block_is_the_stated_formula():
    """In numpy: attention over one token is its value and output maps, whatever the heads."""
    codec = stack().double()
    x1, x2 = (draw(5, 16, seed=seed).double().numpy() for seed in (1, 2))
    made = codec(torch.as_tensor(x1), torch.as_tensor(x2))

    def norm(layer: torch.nn.LayerNorm, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
        return scaled * layer.weight.numpy() + layer.bias.numpy()

    for block in codec.blocks:
        value, out = block.attention.value.weight.numpy(), block.attention.out.weight.numpy()
        x1 = x1 + norm(block.norm_attention, x2) @ value.T @ out.T
        first, _, second = block.feed
        hidden = norm(block.norm_feed, x1) @ first.weight.numpy().T + first.bias.numpy()
        x2 = x2 + (hidden * (1 + erf(hidden / 2**0.5)) / 2) @ second.weight.numpy().T + second.bias.numpy()
    np.testing.assert_allclose(made[0].numpy(), x1, atol=1e-12)
    np.testing.assert_allclose(made[1].numpy(), x2, atol=1e-12)


def test_one_token_is_full_attention_over_a_sequence_of_length_one():
    single, full = stack(), stack(attends=True)
    for alone, block in zip(single.blocks, full.blocks, strict=True):
        attention = block.attention.attention
        alone.attention.load_state_dict({"value.weight": attention.value.weight, "out.weight": attention.out.weight})
        for name in ("norm_attention", "norm_feed", "feed"):
            getattr(alone, name).load_state_dict(getattr(block, name).state_dict())
    halves = draw(7, 16, seed=1), draw(7, 16, seed=2)
    wide = full(*(half[:, None] for half in halves))
    for one, many in zip(single(*halves), wide, strict=True):
        torch.testing.assert_close(one, many[:, 0], rtol=0, atol=1e-6)
    sum(half.square().sum() for half in wide).backward()
    assert not full.blocks[0].attention.attention.query_key.weight.grad.any()
    assert full.blocks[0].attention.attention.value.weight.grad.any()


def test_every_weight_of_a_single_token_stack_gets_a_gradient():
    codec = stack()
    sum((half * draw(4, 16, seed=9)).sum() for half in codec(draw(4, 16, seed=1), draw(4, 16, seed=2))).backward()
    assert all(weight.grad.any() for weight in codec.parameters())


@pytest.mark.parametrize(
    ("sizes", "word"), [({"width": 10, "heads": 4}, "heads"), ({"depth": 0}, "depth"), ({"ratio": 0.0}, "ratio")]
)
def test_sizes_are_checked(sizes, word):
    with pytest.raises(ValueError, match=word):
        stack(**sizes)
