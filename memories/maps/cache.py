"""A short-term cache: the last things seen, kept by how often they are read and how old they are.

Mem4Nav 2025 (arXiv 2506.19433, short-term memory). Of K entries the one with the least

    score = λ frequency - (1 - λ) (now - time)

makes room for a new one; an empty place goes first, then the least score, of equal ones the older, of equally old ones
the one of the lower index. A look takes the entries within `radius` metres of the agent, ranks them by cosine and
returns the best k. The rule of sources: the cache answers where the best cosine reaches a threshold τ; elsewhere
long-term memory is asked; where it is empty too, nothing answers.

Positions are in the world frame; coordinates relative to a node of a graph are made when they are asked for
(`relative`), so they never belong to a node that is no longer the current one. The distance of two places does not
depend on the node they are told from.

Letters: B environments, K entries, D width, k entries read. All functions are pure.
*Differs from the paper's published code:* entries keep world positions, not offsets from the node of their time, which
it compares with offsets from the present node; reading raises the frequency, without which λ changes nothing and the
cache is a queue; a look sees only entries of earlier steps, so it never finds what has just been written.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

NONE, SHORT, LONG = range(3)
SOURCES = ("none", "short", "long")


@dataclass
class Cache:
    vector: Float[Tensor, "B K D"]
    position: Float[Tensor, "B K 3"]
    """Where it was seen from, metres, world frame."""
    anchor: Int[Tensor, "B K"]
    """The node of the graph that was current when it was written."""
    slot: Int[Tensor, "B K"]
    """What the entry is about: a number of the caller's."""
    time: Int[Tensor, "B K"]
    """Step of the episode at which it was written; -1 in an empty place."""
    frequency: Int[Tensor, "B K"]
    """How often it was read."""


@dataclass
class Look:
    """Entries found, best first."""

    index: Int[Tensor, "B k"]
    held: Bool[Tensor, "B k"]
    """False where fewer than k were near enough; the other fields mean nothing there."""
    cosine: Float[Tensor, "B k"]
    distance: Float[Tensor, "B k"]
    """Metres from the agent."""
    vector: Float[Tensor, "B k D"]

    def best(self) -> Float[Tensor, " B"]:
        """The greatest cosine; -inf where nothing was found."""
        return torch.where(self.held[:, 0], self.cosine[:, 0], -torch.inf)


def empty(batch: int, capacity: int, width: int, device: torch.device | str = "cpu") -> Cache:
    """Caches of K = `capacity` places. Raises ValueError for sizes below 1."""
    for name, value in {"batch": batch, "capacity": capacity, "width": width}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    numbers = torch.zeros(batch, capacity, dtype=torch.long, device=device)
    vector, position = (torch.zeros(batch, capacity, size, device=device) for size in (width, 3))
    return Cache(vector, position, numbers - 1, numbers - 1, numbers - 1, numbers)


def scores(cache: Cache, now: Int[Tensor, " B"], weight: float) -> Float[Tensor, "B K"]:
    """λ frequency - (1 - λ) (now - time) with λ = `weight`; -inf in empty places."""
    age = (now[:, None] - cache.time).double()
    score = weight * cache.frequency.double() - (1 - weight) * age
    return score.masked_fill(cache.time < 0, -torch.inf)


def leaving(cache: Cache, now: Int[Tensor, " B"], weight: float) -> Int[Tensor, " B"]:
    """The place that the next entry takes."""
    score = scores(cache, now, weight)
    least = score == score.min(dim=1, keepdim=True).values
    oldest = cache.time.masked_fill(~least, torch.iinfo(torch.long).max)
    return oldest.argmin(dim=1)  # the first of equal ones


def write(
    cache: Cache,
    vector: Float[Tensor, "B D"],
    position: Float[Tensor, "B 3"],
    anchor: Int[Tensor, " B"],
    slot: Int[Tensor, " B"],
    now: Int[Tensor, " B"],
    weight: float,
) -> Cache:
    """The cache with one more entry in every row whose vector is not 0; `now` is the step of the episode, `weight`
    λ."""
    place = leaving(cache, now, weight)
    here = (torch.arange(cache.time.shape[1], device=now.device) == place[:, None]) & vector.any(1, keepdim=True)
    return Cache(
        vector=torch.where(here[..., None], vector[:, None], cache.vector),
        position=torch.where(here[..., None], position[:, None], cache.position),
        anchor=torch.where(here, anchor[:, None], cache.anchor),
        slot=torch.where(here, slot[:, None], cache.slot),
        time=torch.where(here, now[:, None], cache.time),
        frequency=cache.frequency.masked_fill(here, 0),
    )


def look(
    cache: Cache,
    query: Float[Tensor, "B D"],
    position: Float[Tensor, "B 3"],
    now: Int[Tensor, " B"],
    k: int,
    radius: float,
) -> Look:
    """The k entries most like `query` of those written before step `now` within `radius` metres of `position` (world
    frame, the border included). Equal cosines keep the order of their places. Raises ValueError for k beyond K."""
    if not 1 <= k <= cache.time.shape[1]:
        raise ValueError(f"k must be within 1 … capacity {cache.time.shape[1]}, got {k}")
    distance = relative(cache, position).norm(dim=-1)
    near = (cache.time >= 0) & (cache.time < now[:, None]) & (distance <= radius)
    cosine = functional.cosine_similarity(cache.vector, query[:, None], dim=-1)
    order = cosine.masked_fill(~near, -torch.inf).sort(dim=1, descending=True, stable=True).indices[:, :k]
    wide = order[..., None].expand(-1, -1, cache.vector.shape[2])
    held, cosine, distance = (part.gather(1, order) for part in (near, cosine, distance))
    return Look(order, held, cosine, distance, cache.vector.gather(1, wide))


def relative(cache: Cache, origin: Float[Tensor, "B 3"]) -> Float[Tensor, "B K 3"]:
    """Where the entries are from `origin`, such as the current node: metres, world axes."""
    return cache.position - origin[:, None]


def read(cache: Cache, found: Look, used: Bool[Tensor, " B"]) -> Cache:
    """The cache after what was found has been used in the rows `used`: its frequency is one more."""
    once = (found.held & used[:, None]).long()
    return replace(cache, frequency=cache.frequency.scatter_add(1, found.index, once))


def source(found: Look, threshold: float, long_term: Bool[Tensor, " B"]) -> Int[Tensor, " B"]:
    """Who answers in each row, one of SOURCES: SHORT where the best cosine reaches `threshold` τ, elsewhere LONG where
    `long_term` holds something, else NONE."""
    return torch.where(found.best() >= threshold, SHORT, torch.where(long_term, LONG, NONE))
