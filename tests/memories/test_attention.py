import pytest
import torch
from torch import nn

from loci.memories.attention import Block, MultiHeadAttention, RecencyBias, last_steps, masked_softmax

B, Q, K, D, HEADS = 2, 3, 5, 8, 4


def some_visible() -> torch.Tensor:
    visible = torch.rand(B, Q, K, generator=torch.Generator().manual_seed(1)) < 0.5
    visible[:, :, 0] = True
    return visible


def test_equals_torch_multihead_attention():
    torch.manual_seed(0)
    ours, oracle = MultiHeadAttention(D, HEADS), nn.MultiheadAttention(D, HEADS, bias=False, batch_first=True)
    with torch.no_grad():
        oracle.in_proj_weight.copy_(torch.cat([ours.query_key.weight, ours.value.weight]))
        oracle.out_proj.weight.copy_(ours.out.weight)
    query, source, visible = torch.randn(B, Q, D), torch.randn(B, K, D), some_visible()
    expected, _ = oracle(query, source, source, attn_mask=~visible.repeat_interleave(HEADS, dim=0))
    torch.testing.assert_close(ours(query, source, visible[:, None]), expected)


def test_a_query_that_sees_nothing_gives_zero_with_a_finite_gradient():
    attention, visible = MultiHeadAttention(D, HEADS), some_visible()
    visible[0, 1] = False
    source = torch.randn(B, K, D, requires_grad=True)
    out = attention(torch.randn(B, Q, D), source, visible[:, None])
    assert torch.equal(out[0, 1], torch.zeros(D))
    out.sum().backward()
    assert source.grad is not None
    assert source.grad.isfinite().all()


def test_what_is_hidden_has_no_influence():
    attention, visible = MultiHeadAttention(D, HEADS), some_visible()
    visible[:, :, 2] = False
    query, source = torch.randn(B, Q, D), torch.randn(B, K, D)
    changed = source.clone()
    changed[:, 2] = 1e3
    before, after = (attention(query, rows, visible[:, None]) for rows in (source, changed))
    assert torch.equal(before, after)


@pytest.mark.parametrize("heads", [1, 2])
def test_summed_is_the_sum_of_self_attention_over_visible_queries(heads):
    attention, x = MultiHeadAttention(D, heads), torch.randn(3, K, D)
    visible = torch.tensor([[True] * 5, [True, False, True, False, False], [False] * 5])
    rows = attention(x, x, visible[:, None, None].expand(-1, 1, K, -1))
    torch.testing.assert_close(attention.summed(x, visible), (rows * visible[..., None]).sum(1))


def test_masked_softmax_of_two_equals_the_logistic_function():
    logits = torch.tensor([0.3, 9.0, -1.2])
    weights = masked_softmax(logits, torch.tensor([True, False, True]))
    torch.testing.assert_close(weights[0], torch.tensor(1.5).sigmoid())
    assert weights[1] == 0


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 13])
@pytest.mark.parametrize("begins", [[-9, -9], [-1, -9], [-1, -2], [0, 0]])
def test_steps_in_blocks_see_what_they_see_pair_by_pair(steps, begins):
    torch.manual_seed(steps)
    window, start = 4, torch.tensor(begins)[:, None].expand(-1, steps).clone()
    start[0, steps // 2 :] = steps // 2  # row 0 starts an episode in the middle
    attention, bias = MultiHeadAttention(D, HEADS), torch.randn(HEADS, window + 1)
    source = torch.randn(2, window + steps, D)
    back = torch.arange(steps)[:, None] - torch.arange(-window, steps)
    of_episode = torch.arange(-window, steps) >= start[..., None]
    pairs = ((back >= 0) & (back <= window) & of_episode)[:, None]
    expected = attention(source[:, window:], source, pairs, bias[:, back.clamp(0, window)])
    written, start = -torch.tensor(begins).clamp(max=0), torch.where(start < 0, -1, start)
    visible, distance = last_steps(written, start, window)
    got = attention(source[:, window:], source, visible, bias[:, distance.clamp(0, window)])
    torch.testing.assert_close(got, expected)


def test_an_episode_that_begins_with_the_window_leaves_the_cache_out():
    start = torch.zeros(2, 3, dtype=torch.int64)
    assert last_steps(torch.tensor([7, 9]), start, 5)[0].shape == (2, 1, 3, 3)
    assert last_steps(torch.tensor([2, 1]), start - 1, 5)[0].shape == (2, 1, 3, 5)


def test_recency_bias_depends_on_distance_alone():
    bias = RecencyBias(HEADS, reach=3)
    with torch.no_grad():
        bias.table.copy_(torch.arange(4.0).expand(HEADS, -1))
    distance = torch.tensor([[2, 1, 0], [3, 2, 1]])
    assert torch.equal(bias(distance)[1], distance.float())


def test_a_block_without_anything_visible_is_its_feed_forward():
    block, x = Block(D, HEADS), torch.randn(B, Q, D)
    nothing = torch.zeros(B, 1, Q, K, dtype=torch.bool)
    torch.testing.assert_close(block(x, torch.randn(B, K, D), nothing), x + block.feed(block.norm_feed(x)))


def test_width_must_be_a_multiple_of_heads():
    with pytest.raises(ValueError, match="width must be a positive multiple of heads, got width=8, heads=3"):
        MultiHeadAttention(8, 3)
