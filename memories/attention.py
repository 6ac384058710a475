"""Attention pieces shared by the transformers: masked multi-head attention, recency bias, pre-norm block, and what the
steps of a window may see of the last W steps.

Letters: B batch, Q queries, K keys, D width, heads; T steps, W cached ones before them, S = W + T, J = W + 1.
Vaswani et al. 2017 (arXiv 1706.03762); a learned bias for each head and distance as in Raffel et al. 2020 (arXiv
1910.10683, §2.1), without their buckets.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

LARGE = 1e4
"""Enough to hide a logit (e^-10000 is 0) and small enough for half precision."""


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention without biases, so that a query with nothing visible gives exactly 0."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width < 1 or width % heads:
            raise ValueError(f"width must be a positive multiple of heads, got width={width}, heads={heads}")
        self.heads = heads
        self.query_key = nn.Linear(width, 2 * width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self,
        query: Float[Tensor, "B Q D"],
        source: Float[Tensor, "B K D"],
        visible: Bool[Tensor, "#B #Q K"],
        bias: Float[Tensor, "heads #Q K"] | None = None,
    ) -> Float[Tensor, "B Q D"]:
        """What each query reads from the visible entries of `source`; `bias` is added to the logits."""
        to_query, to_key = self.query_key.weight.chunk(2)
        q, k, v = (self._split(part) for part in (query @ to_query.t(), source @ to_key.t(), self.value(source)))
        logits = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5  # (B, heads, Q, K)
        weights = masked_softmax(logits if bias is None else logits + bias, visible[:, None])
        return self.out((weights @ v).transpose(1, 2).flatten(2))

    def summed(self, x: Float[Tensor, "B K D"], visible: Bool[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        """Σ over the visible queries of self-attention among the visible rows. Values and output are linear, so they
        are applied once to the sum and not to each row."""
        q, k = (self._split(part) for part in self.query_key(x).chunk(2, dim=-1))
        weights = masked_softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, visible[:, None, None])
        shares = visible.to(x.dtype)[:, None, None] @ weights  # (B, heads, 1, K)
        total = (shares[:, :, 0] @ x).transpose(0, 1)  # (heads, B, D)
        value = self.value.weight.unflatten(0, (self.heads, -1)).transpose(1, 2)  # (heads, D, D / heads)
        return self.out((total @ value).transpose(0, 1).flatten(1))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, ·, D / heads)


def masked_softmax(logits: Float[Tensor, "*n K"], visible: Bool[Tensor, "*m K"]) -> Float[Tensor, "*n K"]:
    """Softmax over the visible entries; hidden ones get exactly 0, and so does everything when none is visible."""
    shown = visible.to(logits.dtype)
    return (logits + (shown - 1) * LARGE).softmax(-1) * shown


class RecencyBias(nn.Module):
    """One learned number for each head and distance 0 … `reach`; starts at 0."""

    def __init__(self, heads: int, reach: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(heads, reach + 1))

    def forward(self, distance: Int[Tensor, "Q K"]) -> Float[Tensor, "heads Q K"]:
        """Steps from query back to key; those outside the table must be masked by the caller."""
        return self.table[:, distance.clamp(0, self.table.shape[1] - 1)]


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x): the pre-norm transformer block."""

    def __init__(self, width: int, heads: int, expansion: int = 4) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(width, heads)
        self.norm_attention = nn.LayerNorm(width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width))

    def forward(
        self,
        x: Float[Tensor, "B Q D"],
        source: Float[Tensor, "B K D"],
        visible: Bool[Tensor, "#B #Q K"],
        bias: Float[Tensor, "heads #Q K"] | None = None,
    ) -> Float[Tensor, "B Q D"]:
        """`source` holds block inputs, as `x` does: cached ones and those of the present window."""
        x = x + self.attention(self.norm_attention(x), self.norm_attention(source), visible, bias)
        return x + self.feed(self.norm_feed(x))


def last_steps(
    written: Int[Tensor, " B"], start: Int[Tensor, "B T"], window: int
) -> tuple[Bool[Tensor, "B T S"], Int[Tensor, "T S"]]:
    """Which of the S sources (cached ones first) each step may see, and how far back each lies: itself and the `window`
    steps before, of its own episode. `written` counts the episode's steps so far; `start` is latest_reset."""
    steps = start.shape[1]
    source = torch.arange(-window, steps, device=start.device)  # 0 is the first step of the window
    distance = torch.arange(steps, device=start.device)[:, None] - source
    begin = torch.where(start < 0, -written[:, None], start)
    return (distance >= 0) & (distance <= window) & (source >= begin[:, :, None]), distance


def episode_steps(written: Int[Tensor, " B"], start: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """Steps of the episode before each step of the window."""
    step = torch.arange(start.shape[1], device=start.device)
    return torch.where(start < 0, written[:, None] + step, step - start)


def looked_at(weights: Float[Tensor, "B T S"], count: Int[Tensor, "B T"], window: int) -> dict[str, Tensor]:
    """Trace of the J steps each step could look at, oldest first: write times, -1 before the episode, and weights.
    `count` is episode_steps."""
    column = torch.arange(window + 1, device=weights.device)
    reach = column + torch.arange(weights.shape[1], device=weights.device)[:, None]  # (T, J) places among the sources
    rows = (count[:, :, None] + column - window).clamp(min=-1)
    return {"rows": rows, "weights": weights.gather(2, reach.expand(len(weights), -1, -1))}
