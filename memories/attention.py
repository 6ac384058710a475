"""Attention pieces shared by the transformers: masked multi-head attention, recency bias, pre-norm block, and what the
steps of a window may see of the last W steps.

Letters: B batch, Q queries, K keys, D width, heads; T steps, W cached ones before them, J = W + 1; n blocks
of L steps, each with the R sources it can reach.
Vaswani et al. 2017 (arXiv 1706.03762); a learned bias for each head and distance as in Raffel et al. 2020 (arXiv
1910.10683, §2.1), without their buckets.
"""

import torch
import torch.nn.functional as F
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
        visible: Bool[Tensor, "#B n L R"],
        bias: Float[Tensor, "heads L R"] | None = None,
    ) -> Float[Tensor, "B Q D"]:
        """What each query reads from the visible entries of `source`, in n blocks (in_blocks); `bias` is added to the
        logits. With one block, `visible` and `bias` say it of all queries and sources: L = Q, R = K."""
        value = self._split(reached(self.value(source), visible))
        read = (self.weights(query, source, visible, bias) @ value).transpose(2, 3).flatten(3)
        read = read * visible.any(-1, keepdim=True)
        return self.out(read.flatten(1, 2)[:, : query.shape[1]])

    def weights(
        self,
        query: Float[Tensor, "B Q D"],
        source: Float[Tensor, "B K D"],
        visible: Bool[Tensor, "#B n L R"],
        bias: Float[Tensor, "heads L R"] | None = None,
    ) -> Float[Tensor, "B n heads L R"]:
        """How much each query attends to what; without meaning where it sees nothing."""
        to_query, to_key = self.query_key.weight.chunk(2)
        q = self._split(in_blocks(query @ to_query.t() * (query.shape[2] // self.heads) ** -0.5, visible))
        k = self._split(reached(source @ to_key.t(), visible))  # (B, n, heads, R, D / heads)
        logits = q @ k.transpose(-1, -2)
        logits = (logits if bias is None else logits + bias) + hiding(visible, q.dtype)[:, :, None]
        return logits.softmax(-1)

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
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)


def masked_softmax(logits: Float[Tensor, "*n K"], visible: Bool[Tensor, "*m K"]) -> Float[Tensor, "*n K"]:
    """Softmax over the visible entries; hidden ones get exactly 0, and so does everything when none is visible."""
    return (logits + hiding(visible, logits.dtype)).softmax(-1) * visible


def hiding(visible: Bool[Tensor, "*n"], dtype: torch.dtype) -> Float[Tensor, "*n"]:
    """What to add to logits: 0 where visible, far below 0 elsewhere."""
    return (visible.to(dtype) - 1) * LARGE


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
        visible: Bool[Tensor, "#B n L R"],
        bias: Float[Tensor, "heads L R"] | None = None,
    ) -> Float[Tensor, "B Q D"]:
        """`source` holds block inputs, as `x` does: cached ones and those of the present window."""
        x = x + self.attention(self.norm_attention(x), self.norm_attention(source), visible, bias)
        return x + self.feed(self.norm_feed(x))


def last_steps(
    written: Int[Tensor, " B"], start: Int[Tensor, "B T"], window: int
) -> tuple[Bool[Tensor, "B n L R"], Int[Tensor, "L R"]]:
    """Which of the W + T sources each step may see, and how far back each lies: itself and the `window` steps before,
    of its own episode. `written` counts the episode's steps so far; `start` is latest_reset.

    Steps come in blocks of about W, each with the sources it can reach (R = L + W). Where one block is all,
    it leaves out the oldest sources that no step sees; a single step is not worth the look."""
    steps = start.shape[1]
    begin = torch.where(start < 0, -written[:, None], start)  # 0 is the first step of the window
    blocks = -(-steps // window)
    size, back = -(-steps // blocks), window
    if blocks == 1 and steps > 1:
        back = min(max(-int(begin[:, 0].min()), 0), window)
    step = torch.arange(blocks * size, device=start.device).view(blocks, size)
    source = torch.arange(-back, size, device=start.device)
    distance = step[0, :, None] - source
    begin = begin[:, step.clamp(max=steps - 1)] if blocks > 1 else begin[:, None]
    return (distance >= 0) & (distance <= window) & (source + step[:, :1, None] >= begin[..., None]), distance


def in_blocks(query: Float[Tensor, "B Q D"], visible: Bool[Tensor, "#B n L R"]) -> Float[Tensor, "B n L D"]:
    """Queries in n blocks of L; the last is filled up with zeros."""
    blocks, size = visible.shape[1:3]
    if blocks == 1:
        return query[:, None]
    return F.pad(query, (0, 0, 0, blocks * size - query.shape[1])).unflatten(1, (blocks, size))


def reached(source: Float[Tensor, "B K D"], visible: Bool[Tensor, "#B n L R"]) -> Float[Tensor, "B n R D"]:
    """Sources of each block: the first R, then those from L on, and so on; past the end it is the last one."""
    blocks, size, reach = visible.shape[1:]
    if blocks == 1:
        return source[:, None, -reach:]
    first = size * torch.arange(blocks, device=source.device)[:, None]
    place = (first + torch.arange(reach, device=source.device)).clamp(max=source.shape[1] - 1)
    return source.index_select(1, place.flatten()).unflatten(1, (blocks, reach))


def episode_steps(written: Int[Tensor, " B"], start: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
    """Steps of the episode before each step of the window."""
    step = torch.arange(start.shape[1], device=start.device)
    return torch.where(start < 0, written[:, None] + step, step - start)


def looked_at(weights: Float[Tensor, "B n L R"], count: Int[Tensor, "B T"], window: int) -> dict[str, Tensor]:
    """Trace of the J steps each step could look at, oldest first: write times, -1 before the episode, and weights.
    `count` is episode_steps."""
    blocks, size, reach = weights.shape[1:]
    if reach < window + size:
        weights = F.pad(weights, (window + size - reach, 0))
    column = torch.arange(window + 1, device=weights.device)
    place = column + torch.arange(size, device=weights.device)[:, None]  # (L, J) among the sources of a block
    rows = (count[:, :, None] + column - window).clamp(min=-1)
    weights = weights.gather(3, place.expand(len(weights), blocks, -1, -1)).flatten(1, 2)
    return {"rows": rows, "weights": weights[:, : count.shape[1]]}
