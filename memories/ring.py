"""An append-only ring of rows seen from a window of steps: which rows each step sees, and what the ring holds after.

Letters: B environments, T steps, R rows of the ring. The *bank* of a window is the R rows of the ring at its start
followed by the T rows the window writes, so no step has to copy the ring. Reading comes before writing.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from loci.memories.state import latest_reset


@dataclass
class Plan:
    time: Int[Tensor, "B N"]
    """When each of the N = R + T rows of the bank was written, steps since its episode began; negative if never."""
    visible: Bool[Tensor, "B T N"]
    """Row is in the ring when the step reads: of this episode, already written, not yet overwritten."""
    slots: Int[Tensor, "B R"]
    """Which row of the bank each slot of the ring holds after the window."""
    written: Int[Tensor, " B"]
    """Rows written since the episode began, after the window."""


def plan(written: Int[Tensor, " B"], reset: Bool[Tensor, "B T"], rows: int) -> Plan:
    """Bookkeeping of a window; `written` counts before it. Row n of an episode lies in slot n mod R."""
    steps = reset.shape[1]
    start, step = latest_reset(reset), torch.arange(steps, device=reset.device)
    count = torch.where(start < 0, written[:, None] + step, step - start)  # rows written before each step
    time = torch.cat([_newest(written, rows), count], dim=1)
    visible = torch.cat([_of_ring(start, rows), _of_window(start)], dim=2)
    visible &= time[:, None] >= (count - rows).clamp(min=0)[:, :, None]
    written = count[:, -1] + 1
    after = _newest(written, rows)
    moment = after - written[:, None] + steps  # the step at which the slot was written, if in this window
    inside = moment >= start[:, -1:].clamp(min=0)
    slots = torch.where(inside, rows + moment, torch.arange(rows, device=reset.device))
    return Plan(time, visible, slots, written)


def _newest(written: Int[Tensor, " B"], rows: int) -> Int[Tensor, "B R"]:
    """Time of the newest row in each slot, negative where none was written."""
    last = written[:, None] - 1
    return last - (last - torch.arange(rows, device=written.device)) % rows


def _of_ring(start: Int[Tensor, "B T"], rows: int) -> Bool[Tensor, "B T R"]:
    return (start < 0)[:, :, None].expand(-1, -1, rows)


def _of_window(start: Int[Tensor, "B T"]) -> Bool[Tensor, "B T T"]:
    step = torch.arange(start.shape[1], device=start.device)
    return (step < step[:, None]) & (step >= start[:, :, None])
