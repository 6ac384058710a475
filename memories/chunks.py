"""Chunks of C moments in a ring, seen from a window of steps: which chunks each step sees, what the ring holds after.

Letters: B environments, T steps, M chunks of the ring, P chunks that any row completes in the window at most, D width.
The *bank* of a window is the M chunks of the ring at its start followed by the P new ones. Chunk m of an episode holds
its moments m C … (m + 1) C - 1, lies in slot m mod M, and is read only by later moments.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from loci.memories.attention import episode_steps
from loci.memories.state import latest_reset


@dataclass
class ChunkPlan:
    count: Int[Tensor, "B T"]
    """Moments of the episode before each step."""
    ends: Int[Tensor, "B P"]
    """Step at which each new chunk got its last moment; T where a row has fewer than P."""
    number: Int[Tensor, "B N"]
    """Which chunk of its episode each of the N = M + P chunks of the bank is; negative if none."""
    visible: Bool[Tensor, "B T N"]
    """Chunk can be read at the step: of this episode, complete before it, not yet overwritten."""
    slots: Int[Tensor, "B M"]
    """Which chunk of the bank each slot of the ring holds after the window."""


def plan(written: Int[Tensor, " B"], reset: Bool[Tensor, "B T"], size: int, chunks: int) -> ChunkPlan:
    """Bookkeeping of a window with C = `size` and M = `chunks`; `written` counts the episode's moments before it."""
    steps = reset.shape[1]
    start, step = latest_reset(reset), torch.arange(steps, device=reset.device)
    count = episode_steps(written, start)
    full = (count + 1) % size == 0
    ends = torch.where(full, step, steps).sort(dim=1).values[:, : int(full.sum(1).max())]
    made = torch.where(ends < steps, count.gather(1, ends.clamp(max=steps - 1)) // size, -1)
    number = torch.cat([_newest(written // size, chunks), made], dim=1)
    old = (start < 0)[:, :, None].expand(-1, -1, chunks)
    new = (ends[:, None] < step[:, None]) & (ends[:, None] >= start[:, :, None])
    oldest = (count // size - chunks).clamp(min=0)
    visible = torch.cat([old, new], dim=2) & (number[:, None] >= oldest[:, :, None])
    return ChunkPlan(count, ends, number, visible, _slots(count[:, -1] + 1, start[:, -1], ends, steps, size, chunks))


def picked(bank: Float[Tensor, "B N *n"], index: Int[Tensor, "B *m"]) -> Float[Tensor, "B ..."]:
    """Rows of each environment's own bank; index_select of a flat table copies nothing else."""
    first = torch.arange(len(bank), device=bank.device) * bank.shape[1]
    place = index + first.view(-1, *[1] * (index.dim() - 1))
    return bank.flatten(0, 1).index_select(0, place.flatten()).view(*index.shape, *bank.shape[2:])


def _newest(complete: Int[Tensor, " B"], chunks: int) -> Int[Tensor, "B M"]:
    """Number of the newest chunk in each slot, negative where there is none."""
    last = complete[:, None] - 1
    return last - (last - torch.arange(chunks, device=complete.device)) % chunks


def _slots(
    written: Int[Tensor, " B"], start: Int[Tensor, " B"], ends: Int[Tensor, "B P"], steps: int, size: int, chunks: int
) -> Int[Tensor, "B M"]:
    """`written` counts after the window; `start` is the step at which the last episode began, -1 if before."""
    after = _newest(written // size, chunks)
    end = (after + 1) * size - 1 - written[:, None] + steps
    inside = end >= start[:, None].clamp(min=0)
    slots = torch.arange(chunks, device=written.device)
    return torch.where(inside, chunks + torch.searchsorted(ends.contiguous(), end.contiguous()), slots)
