"""What Mem4Nav tells the policy: the answers to its queries as numbers in the agent's own frame; and their trace.

Letters: B environments, T steps, Q queries, k places found by each, D code width, N landmarks, I numbers told.
"""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from loci.memories.maps.cache import SOURCES
from loci.memories.street_read import Found

TOO_NEAR = 0.1
"""Metres below which a direction fades to 0."""
TOLD = 3 + 3 + 1 + 1 + len(SOURCES)
"""Numbers told of each query, beside the mean of the vectors found."""


@dataclass
class Answer:
    """What the queries of a moment, (B, …), or of a window, (B, T, …), got."""

    found: Found
    source: Int[Tensor, "*n Q"]
    """One of SOURCES."""
    ahead: Float[Tensor, "*n Q 3"]
    """From the agent to the next waypoint, metres, world axes; 0 where there is no way."""
    way: Int[Tensor, "*n Q N"]
    """Landmarks of the planned way, then -1."""


def joined(moments: list[Answer]) -> Answer:
    """Answers of single moments as those of a window."""

    def stack(parts: list[Tensor]) -> Tensor:
        return torch.stack(parts, dim=1)

    found = [stack([getattr(moment.found, part.name) for moment in moments]) for part in fields(Found)]
    parts = [stack([getattr(moment, name) for moment in moments]) for name in ("source", "ahead", "way")]
    return Answer(Found(*found), *parts)


def told(
    answer: Answer, view: Float[Tensor, "B T D"], here: Float[Tensor, "B T 3"], heading: Float[Tensor, "B T 1"]
) -> Float[Tensor, "B T I"]:
    """The view and, of each query: means over the places found, with their weights, of vectors, directions, log(1 +
    metres) and cosines; the direction of the waypoint; the source, one-hot. The best place alone would say as much, but
    which place is best has no gradient, and a task could then never teach what to look for."""
    found = answer.found
    offset = found.position - here[:, :, None, None]  # (B, T, Q, k, 3)
    each = (found.vector, egocentric(_unit(offset), heading), offset.norm(dim=-1, keepdim=True).log1p())
    mean = (found.weights()[..., None] * torch.cat([*each, found.cosine[..., None]], dim=-1)).sum(-2)
    waypoint = egocentric(_unit(answer.ahead), heading)
    source = functional.one_hot(answer.source, len(SOURCES)).to(view.dtype)
    return torch.cat([view, torch.cat([mean, waypoint, source], dim=-1).flatten(2)], dim=-1)


def traced(answer: Answer, here: Float[Tensor, "B T 3"]) -> dict[str, Tensor]:
    """For the log and the viewer; distances are metres from the agent."""
    found = answer.found
    position, cosine = found.position.detach(), found.cosine.detach()
    distance = (position - here.detach()[:, :, None, None]).norm(dim=-1) * found.held
    parts = {"source": answer.source, "slot": found.slot, "cosine": cosine, "distance": distance}
    return parts | {"position": position, "ahead": answer.ahead, "way": answer.way}


def egocentric(offset: Float[Tensor, "B T *m 3"], heading: Float[Tensor, "B T 1"]) -> Float[Tensor, "B T *m 3"]:
    """World axes to (forward, left, up) of agents with a heading, radians counterclockwise from x."""
    heading = heading.view(*heading.shape[:2], *[1] * (offset.dim() - 3))
    cos, sin, (x, y, z) = heading.cos(), heading.sin(), offset.unbind(-1)
    return torch.stack([cos * x + sin * y, cos * y - sin * x, z], dim=-1)


def _unit(offset: Float[Tensor, "*m 3"]) -> Float[Tensor, "*m 3"]:
    """Brought to length 1; shorter where it is within TOO_NEAR metres, 0 at 0."""
    return offset / offset.norm(dim=-1, keepdim=True).clamp(min=TOO_NEAR)
