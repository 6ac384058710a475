"""How Mem4Nav reads: places found in the short-term cache or among the long-term tokens, and one answer made of them.

Mem4Nav 2025 (arXiv 2506.19433, memory retrieval). The cache is asked first; where its best cosine stays below τ, the
long-term tokens nearest to Proj([v; p]) are decoded instead (cache.py, retrieval.py, tokens.py).

Letters: B environments, Q queries, k places found by each, D code width, M long-term slots.
*Differs from the paper:* what is retrieved is averaged with weights softmax(β cosine), β = STRENGTH, not evenly, since
nothing else would teach the projection which tokens to find; the projection is added to the token that the query itself
would be written as, R(0 ‖ v), so that an agent finds what looks alike before it has learnt anything; the place of a
token is where it was written, not read off the decoded vector by an MLP; all tokens are compared (an index of
neighbours pays from 10,000 on, retrieval.py), and equally near ones have an order.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from loci.memories.attention import masked_softmax
from loci.memories.maps.cache import NONE, SHORT, Cache, Look, look, read
from loci.memories.reversible import ReversibleStack
from loci.memories.state import map_tensors
from loci.memories.tokens import Chained, Learned, LongTerm, Overwrite, Token, cycle_loss, pick, put

STRENGTH = 10.0
"""Cosines that differ by 0.1 differ in weight by a factor of e."""
GRAIN = 2.0**10
"""A leaf and a landmark that hold the same view have the same token but for rounding."""
EXTENT = 100.0
"""Metres: positions enter the projection divided by this, the edge of the paper's cube."""


@dataclass
class Places:
    """Long-term memory: a token and a place for every leaf and landmark."""

    token: Token
    position: Float[Tensor, "B M 3"]
    """Metres, world frame: of a leaf where it was written last, of a landmark its mean."""
    since: Int[Tensor, "B M"]
    """Step of the episode at which something was first seen there."""


@dataclass
class Found:
    """Places found, (B, Q, k) or of a window (B, T, Q, k), best first; what is not `held` is 0, its slot -1."""

    held: Bool[Tensor, "*n k"]
    vector: Float[Tensor, "*n k D"]
    cosine: Float[Tensor, "*n k"]
    position: Float[Tensor, "*n k 3"]
    slot: Int[Tensor, "*n k"]

    def weights(self) -> Float[Tensor, "*n k"]:
        """softmax(β cosine) over what was found; 0 where nothing was."""
        return masked_softmax(STRENGTH * self.cosine, self.held)


def nothing(asked: Float[Tensor, "B Q D"], k: int) -> Found:
    """What an empty memory finds."""
    rows, queries, width = asked.shape
    held = torch.zeros(rows, queries, k, dtype=torch.bool, device=asked.device)
    cosine, vector = asked.new_zeros(rows, queries, k), asked.new_zeros(rows, queries, k, width)
    return Found(held, vector, cosine, asked.new_zeros(rows, queries, k, 3), held.long() - 1)


def either(source: Int[Tensor, "B Q"], short: Found, long: Found) -> Found:
    """`short` where it is the source, nothing where there is none, else `long`."""
    recent, held = (source == SHORT)[..., None], (source != NONE)[..., None]
    vector = torch.where(recent[..., None], short.vector, long.vector)
    position = torch.where(recent[..., None], short.position, long.position)
    held = held & torch.where(recent, short.held, long.held)
    return Found(
        held,
        vector * held[..., None],
        torch.where(recent, short.cosine, long.cosine) * held,
        position * held[..., None],
        torch.where(recent, short.slot, long.slot).masked_fill(~held, -1),
    )


def recent(
    cache: Cache,
    asked: Float[Tensor, "B Q D"],
    here: Float[Tensor, "B 3"],
    now: Int[Tensor, " B"],
    k: int,
    radius: float,
) -> tuple[Found, Look]:
    """What the cache holds of earlier steps within `radius` metres of `here`, and the look itself, (B Q, k)."""
    queries = asked.shape[1]
    cache = map_tensors(lambda part: part.repeat_interleave(queries, dim=0), cache)
    here, now = here.repeat_interleave(queries, dim=0), now.repeat_interleave(queries, dim=0)
    seen = look(cache, asked.flatten(0, 1), here, now, k, radius)
    row = torch.arange(len(here), device=here.device)[:, None]
    parts = (seen.held, seen.vector, seen.cosine, cache.position[row, seen.index], cache.slot[row, seen.index])
    return Found(*(part.unflatten(0, (-1, queries)) for part in parts)), seen


def use(cache: Cache, seen: Look, used: Bool[Tensor, "B Q"]) -> Cache:
    """The cache after the answers to some queries have been used."""
    folded = map_tensors(lambda part: part.unflatten(0, used.shape).flatten(1, 2), seen)
    held = folded.held & used.repeat_interleave(seen.index.shape[1], dim=1)
    return read(cache, replace(folded, held=held), used.any(1))


class Distant(nn.Module):
    """Finds long-term tokens: the k nearest to the query's own token plus Proj([v; p]), and decodes them. Distances are
    compared to 1 / GRAIN; of equally near tokens those of the lower slots come first, a leaf before a landmark."""

    def __init__(self, codec: LongTerm, hidden: int) -> None:
        super().__init__()
        self.codec = codec
        last = nn.Linear(hidden, 2 * codec.width)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.mul_(0.1)
        self.project = nn.Sequential(nn.Linear(codec.width + 3, hidden), nn.ReLU(), last)

    def probe(self, asked: Float[Tensor, "*n D"], here: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n E"]:
        """What is searched for, as a token is filed."""
        alone = self.codec.write(self.codec.initial(*asked.shape[:-1]), asked)
        return self.codec.filed(alone) + self.project(torch.cat([asked, here / EXTENT], dim=-1))

    def forward(self, places: Places, probe: Float[Tensor, "B Q E"], k: int) -> Found:
        slot = self._nearest(places.token, probe, k)
        row, at = torch.arange(len(slot), device=slot.device)[:, None, None], slot.clamp(min=0)
        token = pick(places.token, at)
        cosine = functional.cosine_similarity(probe[:, :, None], self.codec.filed(token), dim=-1)
        return Found(slot >= 0, self.codec.read(token), cosine, places.position[row, at], slot)

    @torch.no_grad()
    def _nearest(self, token: Token, probe: Float[Tensor, "B Q E"], k: int) -> Int[Tensor, "B Q k"]:
        apart = torch.cdist(probe, self.codec.filed(token), compute_mode="donot_use_mm_for_euclid_dist")
        order = (GRAIN * apart).round().masked_fill((token.written == 0)[:, None], torch.inf)
        near = order.sort(dim=-1, stable=True)
        return near.indices[..., :k].masked_fill(near.values[..., :k].isinf(), -1)


def codec(token: Literal["overwrite", "chained", "learned"], width: int, depth: int, history: int) -> LongTerm:
    """The long-term tokens of one kind. Raises ValueError for another."""
    if token == "learned":
        return Learned(width, history)
    if token == "chained":
        return Chained(ReversibleStack(width, depth, heads=1), history)
    if token == "overwrite":
        return Overwrite(ReversibleStack(width, depth, heads=1))
    raise ValueError(f"token must be overwrite, chained or learned, got {token!r}")


def refile(
    codec: LongTerm,
    places: Places,
    slot: Int[Tensor, "B K"],
    fresh: Bool[Tensor, "B K"],
    position: Float[Tensor, "B K 3"],
    view: Float[Tensor, "B D"],
    now: Int[Tensor, " B"],
) -> tuple[Places, Float[Tensor, " B"] | None]:
    """The places, which are spent, after the view of step `now` was written into the tokens of K slots a row, in
    `fresh` ones as the first; and of a token that learns to remember, what it misses (cycle_loss). A view that shows
    nothing, 0, leaves a token as it is, and a fresh one empty; nothing is written to slot -1."""
    seen = view.any(1, keepdim=True).expand(slot.shape)
    before = _where(~fresh, pick(places.token, slot.clamp(min=0)))
    looks = view[:, None].expand(-1, slot.shape[1], -1)
    written, token = codec.write(before, looks), places.token
    pairs = ((written.code, before.code), (written.residuals, before.residuals), (written.written, before.written))
    after = Token(*(torch.where(_wide(seen, new), new, old) for new, old in pairs))
    for kind in range(slot.shape[1]):
        token = put(token, slot[:, kind], pick(after, torch.full_like(slot[:, 0], kind)))
    first = seen & (after.written == 1)
    row, column = (seen & (slot >= 0)).nonzero(as_tuple=True)
    at = (row, slot[row, column])
    since = torch.where(first, now[:, None], places.since.gather(1, slot.clamp(min=0)))[row, column]
    places = Places(token, places.position.index_put_(at, position[row, column]), places.since.index_put_(at, since))
    if not isinstance(codec, Learned):
        return places, None
    return places, (cycle_loss(codec, before, after, looks, codec.span) * seen).mean(1)


def _where(kept: Bool[Tensor, "B K"], token: Token) -> Token:
    """Tokens with those that are not kept made empty."""
    return map_tensors(lambda part: part.masked_fill(~_wide(kept, part), 0), token)


def _wide(mask: Bool[Tensor, "B K"], like: Tensor) -> Tensor:
    return mask.view(*mask.shape, *[1] * (like.dim() - 2))
