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
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories.attention import masked_softmax
from loci.memories.chunks import picked

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
    if x.shape[1] * min(k, keys.shape[1]) <= keys.shape[1]:
        return _read(params, x, keys, contents, visible, k, heads, _opened)
    some = _seen(visible, k)
    keys, contents, visible = keys.index_select(1, some), contents.index_select(1, some), visible[:, :, some]
    read = _read(params, x, keys, contents, visible, k, heads, _among_all)
    return replace(read, chunks=torch.where(read.chunks < 0, -1, some[read.chunks]))


def _seen(visible: Bool[Tensor, "B Q M"], k: int) -> Int[Tensor, " n"]:
    """The chunks that any query sees, and as many more as make k of them."""
    seen = visible.flatten(0, 1).any(0)
    return seen.to(torch.uint8).sort(descending=True, stable=True).indices[: max(k, int(seen.sum()))]


def _read(
    params: Mapping[str, Tensor],
    x: Float[Tensor, "B Q E"],
    keys: Float[Tensor, "B M D"],
    contents: Float[Tensor, "B M C D"],
    visible: Bool[Tensor, "B Q M"],
    k: int,
    heads: int,
    attend: Callable[..., tuple[Tensor, Tensor]],
) -> Read:
    """Σ w_m o_m, and what every frame counted for."""
    to_keys = params["query/w"] @ params["key/w"].t() * params["key/w"].shape[1] ** -0.5  # (E, D)
    relevance = x @ to_keys @ keys.transpose(1, 2)
    chosen = torch.where(visible, relevance, -torch.inf).topk(min(k, keys.shape[1])).indices
    seen = visible.gather(2, chosen)
    weights = masked_softmax(relevance.gather(2, chosen), seen)
    matrix = {name: params[f"within_mem_attn/{name}/w"] for name in ("query", "key", "value", "linear")}
    bias = {name: params[f"within_mem_attn/{name}/b"] for name in ("query", "value", "linear")}
    scale = (bias["query"].shape[0] // heads) ** -0.5
    query = (x @ (matrix["query"] * scale) + bias["query"] * scale).unflatten(2, (heads, -1))
    value, shares = attend(query, contents, matrix["key"], matrix["value"], chosen, weights)
    total = weights.sum(-1, keepdim=True)  # 1, or 0 with nothing visible
    feature = (value + total * bias["value"]) @ matrix["linear"] + total * bias["linear"]
    return Read(feature, chosen.masked_fill(~seen, -1), shares)


def _opened(
    query: Float[Tensor, "B Q h f"],
    contents: Float[Tensor, "B M C D"],
    to_key: Float[Tensor, "D F"],
    to_value: Float[Tensor, "D F"],
    chosen: Int[Tensor, "B Q k"],
    weights: Float[Tensor, "B Q k"],
) -> tuple[Float[Tensor, "B Q F"], Float[Tensor, "B Q k C"]]:
    """The weighted sum of values, and the share of each frame: the chosen chunks are copied for every query. Keys and
    values are linear in the frames, so their matrices are applied to the query and to the weighted sum of frames."""
    heads = query.shape[2]
    opened = _placed(picked(contents, chosen))
    asked = torch.einsum("bqhf,dhf->bqhd", query, to_key.unflatten(1, (heads, -1)))
    shares = torch.einsum("bqhd,bqkcd->bqhkc", asked, opened).softmax(-1) * weights[:, :, None, :, None]
    mixed = torch.einsum("bqhkc,bqkcd->bqhd", shares, opened)
    return torch.einsum("bqhd,dhf->bqhf", mixed, to_value.unflatten(1, (heads, -1))).flatten(2), shares.mean(2)


def _among_all(
    query: Float[Tensor, "B Q h f"],
    contents: Float[Tensor, "B M C D"],
    to_key: Float[Tensor, "D F"],
    to_value: Float[Tensor, "D F"],
    chosen: Int[Tensor, "B Q k"],
    weights: Float[Tensor, "B Q k"],
) -> tuple[Float[Tensor, "B Q F"], Float[Tensor, "B Q k C"]]:
    """The same without copies: every query looks into every chunk, and those not chosen weigh nothing. Cheaper where
    many queries share few chunks. Queries come last, so that what runs over frames or chunks runs over whole rows."""
    batch, queries, heads, _ = query.shape
    chunks, size = contents.shape[1:3]
    every = _placed(contents).flatten(1, 2)
    key = (every @ to_key).unflatten(2, (heads, -1)).transpose(1, 2)  # (B, h, M C, f)
    value = (every @ to_value).unflatten(2, (heads, -1)).permute(0, 2, 3, 1)  # (B, h, f, M C)
    spread = weights.new_zeros(batch, queries, chunks).scatter(2, chosen, weights).transpose(1, 2).contiguous()
    logits = (key @ query.permute(0, 2, 3, 1)).view(batch, heads, chunks, size, queries)
    shares = logits.softmax(3) * spread[:, None, :, None]
    mixed = (value @ shares.flatten(2, 3)).permute(0, 3, 1, 2).flatten(2)
    place = chosen[..., None].expand(-1, -1, -1, size)
    return mixed, shares.mean(1).permute(0, 3, 1, 2).gather(2, place)


def _placed(frames: Float[Tensor, "*n C D"]) -> Float[Tensor, "*n C D"]:
    """Frames with their positions."""
    return frames + position_code(*frames.shape[-2:]).to(frames)


@cache
def position_code(frames: int, width: int) -> Float[Tensor, "C D"]:
    """Sines, then cosines, of positions that count down to 0 for the newest frame; frequencies 10000^(-f / D) for even
    f. Raises ValueError for an odd width."""
    if width % 2:
        raise ValueError(f"width must be even for sines and cosines, got {width}")
    angle = torch.arange(frames).flip(0)[:, None] * 10000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


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
