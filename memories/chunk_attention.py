"""The block of hierarchical chunk attention: summaries pick k chunks, one attention inside each reads their frames.

Lampinen, Chan, Banino, Hill 2021 (arXiv 2105.14039). With q = W_q x and κ_m = W_k sg(key_m), the k chunks of largest
q·κ_m / √F get weights w = softmax over those k; o_m = multi-head attention of x over sg(content_m + position), with the
same weights for every chunk; the output is Σ w_m o_m.

Letters: B batch, Q queries of width E, M chunks of C frames of width D, F features, k chunks opened.
*Differs from the paper:* the softmax is over the k chosen chunks, as in the authors' code (the text: over all, then
the k largest); a query with nothing visible reads exactly 0 (their code reads arbitrary chunks); the bias of the keys
inside a chunk is left out, since it shifts all logits of a query alike and softmax cancels it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories.attention import masked_softmax

SCALE = 2.0
"""Variance of a weight at the start, times its fan-in."""
TRUNCATION = 0.87962566103423978
"""Standard deviation of a standard normal cut at ±2."""
CANCELLED = "within_mem_attn/key/b"


@dataclass
class Read:
    """What queries read: the chunks opened by each, best first, and what every frame of theirs counted for."""

    feature: Float[Tensor, "B Q F"]
    chunks: Int[Tensor, "B Q k"]
    """-1 where fewer than k are visible."""
    frames: Float[Tensor, "B Q k C"]
    """Weight of the chunk times attention inside it, mean over heads; sums to 1, or to 0 with nothing visible."""


def hcam_block(
    params: Mapping[str, Tensor],
    x: Float[Tensor, "B Q E"],
    keys: Float[Tensor, "B M D"],
    contents: Float[Tensor, "B M C D"],
    visible: Bool[Tensor, "B Q M"],
    k: int,
    heads: int,
    stop_gradient: bool = True,
) -> Read:
    """The block alone; weights `…/w` are (in, out), named as in the authors' code."""
    if stop_gradient:
        keys, contents = keys.detach(), contents.detach()
    relevance = (x @ params["query/w"]) @ (keys @ params["key/w"]).transpose(1, 2) / params["key/w"].shape[1] ** 0.5
    chosen = torch.where(visible, relevance, -torch.inf).topk(min(k, keys.shape[1])).indices
    seen = visible.gather(2, chosen)
    weights = masked_softmax(relevance.gather(2, chosen), seen)
    attend = _among_all if x.shape[1] * chosen.shape[2] > keys.shape[1] else _opened
    feature, shares = _within(params, x, contents, chosen, weights, heads, attend)
    return Read(feature, chosen.masked_fill(~seen, -1), shares)


def _within(
    params: Mapping[str, Tensor],
    x: Float[Tensor, "B Q E"],
    contents: Float[Tensor, "B M C D"],
    chosen: Int[Tensor, "B Q k"],
    weights: Float[Tensor, "B Q k"],
    heads: int,
    attend: Callable[..., tuple[Tensor, Tensor]],
) -> tuple[Float[Tensor, "B Q F"], Float[Tensor, "B Q k C"]]:
    """Σ w_m o_m, and what every frame counted for. Keys and values are linear in the frames, so their matrices are
    applied to the query and to the weighted sum of frames, never to every frame."""
    matrix = {name: params[f"within_mem_attn/{name}/w"] for name in ("query", "key", "value", "linear")}
    bias = {name: params[f"within_mem_attn/{name}/b"] for name in ("query", "value", "linear")}
    query = (x @ matrix["query"] + bias["query"]).unflatten(2, (heads, -1))  # (B, Q, heads, F / heads)
    asked = torch.einsum("bqhf,dhf->bqhd", query, matrix["key"].unflatten(1, (heads, -1))) / query.shape[-1] ** 0.5
    code = position_code(contents.shape[2], contents.shape[3]).to(contents)
    mixed, shares = attend(asked, contents, code, chosen, weights)
    value = torch.einsum("bqhd,dhf->bqhf", mixed, matrix["value"].unflatten(1, (heads, -1))).flatten(2)
    total = weights.sum(-1, keepdim=True)  # 1, or 0 with nothing visible
    return (value + total * bias["value"]) @ matrix["linear"] + total * bias["linear"], shares


def _opened(
    asked: Float[Tensor, "B Q h D"],
    contents: Float[Tensor, "B M C D"],
    code: Float[Tensor, "C D"],
    chosen: Int[Tensor, "B Q k"],
    weights: Float[Tensor, "B Q k"],
) -> tuple[Float[Tensor, "B Q h D"], Float[Tensor, "B Q k C"]]:
    """The weighted sum of frames, and the share of each: the chosen chunks are copied for every query."""
    opened = _picked(contents, chosen) + code
    logits = torch.einsum("bqhd,bqkcd->bqhkc", asked, opened)
    shares = logits.softmax(-1) * weights[:, :, None, :, None]
    return torch.einsum("bqhkc,bqkcd->bqhd", shares, opened), shares.mean(2)


def _among_all(
    asked: Float[Tensor, "B Q h D"],
    contents: Float[Tensor, "B M C D"],
    code: Float[Tensor, "C D"],
    chosen: Int[Tensor, "B Q k"],
    weights: Float[Tensor, "B Q k"],
) -> tuple[Float[Tensor, "B Q h D"], Float[Tensor, "B Q k C"]]:
    """The same without copies: every query looks into every chunk, and those not chosen weigh nothing. Cheaper where
    many queries share few chunks."""
    batch, queries, heads, _ = asked.shape
    every = (contents + code).flatten(1, 2)
    logits = (asked.flatten(1, 2) @ every.transpose(1, 2)).view(batch, queries, heads, *contents.shape[1:3])
    spread = torch.zeros_like(logits[:, :, 0, :, 0]).scatter(2, chosen, weights)
    shares = logits.softmax(-1) * spread[:, :, None, :, None]
    mixed = (shares.view(batch, queries * heads, -1) @ every).view(asked.shape)
    return mixed, shares.mean(2).gather(2, chosen[..., None].expand(-1, -1, -1, contents.shape[2]))


def position_code(frames: int, width: int) -> Float[Tensor, "C D"]:
    """Sines, then cosines, of positions that count down to 0 for the newest frame; frequencies 10000^(-f / D) for even
    f. Raises ValueError for an odd width."""
    if width % 2:
        raise ValueError(f"width must be even for sines and cosines, got {width}")
    angle = torch.arange(frames).flip(0)[:, None] * 10000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def _picked(contents: Float[Tensor, "B M C D"], chosen: Int[Tensor, "B Q k"]) -> Float[Tensor, "B Q k C D"]:
    """The chosen chunks; index_select of a flat table copies nothing else."""
    batch, chunks = contents.shape[:2]
    first = torch.arange(batch, device=chosen.device)[:, None, None] * chunks
    picked = contents.flatten(0, 1).index_select(0, (chosen + first).flatten())
    return picked.view(*chosen.shape, *contents.shape[2:])


class ChunkAttention(nn.Module):
    """The block with its weights, E = D = F = `width`. Weights start truncated normal with variance 2 / fan-in, biases
    at 0 (the authors' initialisation)."""

    def __init__(self, width: int, k: int, heads: int, stop_gradient: bool = True) -> None:
        super().__init__()
        self.k, self.heads, self.stop_gradient = k, heads, stop_gradient
        matrices = ("query/w", "key/w", *(f"within_mem_attn/{part}/w" for part in ("query", "key", "value", "linear")))
        biases = [f"within_mem_attn/{part}/b" for part in ("query", "value", "linear")]
        self.weights = nn.ParameterDict({name: torch.empty(width, width) for name in matrices})
        self.weights.update({name: torch.zeros(width) for name in biases})
        deviation = math.sqrt(SCALE / width) / TRUNCATION
        for name in matrices:
            nn.init.trunc_normal_(self.weights[name], std=deviation, a=-2 * deviation, b=2 * deviation)

    def forward(
        self,
        x: Float[Tensor, "B Q D"],
        keys: Float[Tensor, "B M D"],
        contents: Float[Tensor, "B M C D"],
        visible: Bool[Tensor, "B Q M"],
    ) -> Read:
        return hcam_block(self._named(), x, keys, contents, visible, self.k, self.heads, self.stop_gradient)

    @torch.no_grad()
    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take weights named and laid out as in the authors' code; the bias of the keys inside a chunk has no effect
        and is dropped. Raises ValueError when a name is missing or unknown, or a shape is another."""
        named = self._named()
        if set(arrays) - {CANCELLED} != set(named):
            raise ValueError(f"arrays must be {sorted(named)}, optionally {CANCELLED}, got {sorted(arrays)}")
        for name, weight in named.items():
            if arrays[name].shape != tuple(weight.shape):
                raise ValueError(f"{name} must have shape {tuple(weight.shape)}, got {arrays[name].shape}")
        for name, weight in named.items():
            weight.copy_(torch.as_tensor(arrays[name]))

    def _named(self) -> dict[str, Tensor]:
        return dict(self.weights.items())
