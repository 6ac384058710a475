"""Episodic novelty: how unlike everything stored a new code is.

Badia et al. 2020, "Never Give Up" (arXiv 2002.06038, §2, eq. 2-3), as the intrinsic reward of Hill et al. 2020 (§4.2).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from loci.memories.state import latest_reset

NEIGHBOURS = 10
EPSILON = 1e-3
FLOOR = 1e-3
"""c of the paper: keeps the bonus below FLOOR ** -0.5."""
CLUSTER = 0.008
"""Normalised squared distances below this count as 0."""


@torch.no_grad()
def neighbour_distances(
    code: Float[Tensor, "B T D"], stored: Float[Tensor, "B N D"], visible: Bool[Tensor, "B T N"]
) -> Float[Tensor, "B T K"]:
    """Squared distances to the nearest visible rows, nearest first; inf where there are fewer than K."""
    squared = torch.cdist(code, stored, compute_mode="donot_use_mm_for_euclid_dist").square()
    nearest = min(NEIGHBOURS, stored.shape[1])
    return squared.masked_fill(~visible, torch.inf).topk(nearest, largest=False).values


@torch.no_grad()
def bonus(
    squared: Float[Tensor, "*n K"], mean: Float[Tensor, "*n"], epsilon: float = EPSILON, floor: float = FLOOR
) -> Float[Tensor, "*n"]:
    """1 / sqrt(Σ ε / (d² / mean + ε) + c) over the neighbours; 0 where nothing is stored to compare with."""
    relative = (squared / mean.clamp(min=1e-12)[..., None] - CLUSTER).clamp(min=0)
    kernel = epsilon / (relative + epsilon)
    return torch.where(squared[..., 0].isinf(), 0.0, (kernel.sum(-1) + floor).rsqrt())


@torch.no_grad()
def mean_distance(squared: Float[Tensor, "*n K"]) -> Float[Tensor, "*n"]:
    """Mean over the neighbours there are; 0 where there are none."""
    known = squared.isfinite()
    return torch.where(known, squared, 0.0).sum(-1) / known.sum(-1).clamp(min=1)


@torch.no_grad()
def running_sum(
    before: Float[Tensor, " B"], values: Float[Tensor, "B T"], reset: Bool[Tensor, "B T"]
) -> Float[Tensor, "B T"]:
    """Sum of `values` since the episode began, `before` being the sum when the window begins."""
    start, step = latest_reset(reset), torch.arange(reset.shape[1], device=reset.device)
    same = (step <= step[:, None]) & (step >= start[:, :, None])
    return (same * values[:, None]).sum(-1) + torch.where(start < 0, before[:, None], 0.0)
