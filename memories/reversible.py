"""A stack of reversible transformer blocks: its inputs can be computed back from its outputs.

The codec R of Mem4Nav 2025 (arXiv 2506.19433, long-term memory); the blocks are those of the Reformer (Kitaev, Kaiser,
Levskaya 2020, arXiv 2001.04451, §3). With halves x1, x2 and LN a layer norm:

    y1 = x1 + F(LN(x2))     y2 = x2 + G(LN(y1))
    x2 = y2 - G(LN(y1))     x1 = y1 - F(LN(x2))

F is multi-head self-attention over the tokens of a sequence, G is Linear(D → ratio D), GELU, Linear.

A long-term token is a sequence of length 1. A softmax over one logit is 1 whatever queries and keys say, so F is then
one linear map, out(value(x)), the same for any number of heads; queries and keys would never get a gradient. Hence they
are not made at length 1 (SingleToken); a test holds it against the full attention.

The inverse is exact up to rounding: at depth 6 about 1e-6 in single precision, 1e-2 or worse in half precision. It
grows with the weights, so it must be measured after training (`inverse_error`). Halves that are nearly constant, such
as all 0, come back with errors of about 1e-3: a layer norm magnifies the rounding of an input without contrast.

Letters: N sequences, L tokens, D width of a half.
*Differs from the paper:* no dropout (0.1 there: the inverse would draw other masks and miss by about 1); attention has
no biases, as in attention.py.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from loci.memories.attention import MultiHeadAttention


class SelfAttention(nn.Module):
    """Every token attends to every token of its sequence."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(width, heads)

    def forward(self, x: Float[Tensor, "N L D"]) -> Float[Tensor, "N L D"]:
        visible = torch.ones(1, 1, x.shape[1], x.shape[1], dtype=torch.bool, device=x.device)
        return self.attention(x, x, visible)


class SingleToken(nn.Module):
    """What self-attention is for sequences of length 1: values and output, each token for itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Float[Tensor, "*n D"]) -> Float[Tensor, "*n D"]:
        return self.out(self.value(x))


class ReversibleBlock(nn.Module):
    def __init__(self, width: int, attention: nn.Module, ratio: float) -> None:
        super().__init__()
        hidden = round(ratio * width)
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = attention
        self.feed = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(
        self, x1: Float[Tensor, "*n D"], x2: Float[Tensor, "*n D"]
    ) -> tuple[Float[Tensor, "*n D"], Float[Tensor, "*n D"]]:
        y1 = x1 + self.attention(self.norm_attention(x2))
        return y1, x2 + self.feed(self.norm_feed(y1))

    def inverse(
        self, y1: Float[Tensor, "*n D"], y2: Float[Tensor, "*n D"]
    ) -> tuple[Float[Tensor, "*n D"], Float[Tensor, "*n D"]]:
        x2 = y2 - self.feed(self.norm_feed(y1))
        return y1 - self.attention(self.norm_attention(x2)), x2


class ReversibleStack(nn.Module):
    """`depth` blocks on halves of `width` D each. Halves are (…, D), each vector a sequence of its own, or with
    `attends` (N, L, D). `heads` matters only there, yet width must be a multiple of it in both, as in the paper."""

    def __init__(self, width: int, depth: int, heads: int, ratio: float = 4.0, attends: bool = False) -> None:
        super().__init__()
        if width < 1 or heads < 1 or width % heads:
            raise ValueError(f"width must be a positive multiple of heads, got width={width}, heads={heads}")
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        if round(ratio * width) < 1:
            raise ValueError(f"ratio must give at least one hidden unit, got ratio={ratio}, width={width}")
        self.width = width
        self.blocks = nn.ModuleList(
            ReversibleBlock(width, SelfAttention(width, heads) if attends else SingleToken(width), ratio)
            for _ in range(depth)
        )

    def forward(
        self, x1: Float[Tensor, "*n D"], x2: Float[Tensor, "*n D"]
    ) -> tuple[Float[Tensor, "*n D"], Float[Tensor, "*n D"]]:
        for block in self.blocks:
            x1, x2 = block(x1, x2)
        return x1, x2

    def inverse(
        self, y1: Float[Tensor, "*n D"], y2: Float[Tensor, "*n D"]
    ) -> tuple[Float[Tensor, "*n D"], Float[Tensor, "*n D"]]:
        """The halves from which `forward` makes y1, y2."""
        for block in reversed(self.blocks):
            y1, y2 = cast(ReversibleBlock, block).inverse(y1, y2)
        return y1, y2


@torch.no_grad()
def inverse_error(stack: ReversibleStack, x1: Float[Tensor, "*n D"], x2: Float[Tensor, "*n D"]) -> float:
    """Greatest |R⁻¹(R(x)) - x| over all entries."""
    back1, back2 = stack.inverse(*stack(x1, x2))
    return max(float((back1 - x1).abs().max()), float((back2 - x2).abs().max()))
