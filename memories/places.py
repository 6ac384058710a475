"""A store of R rows filed by place, seen from a window of steps: what each step reads, and which row it replaces.

Cho, Yoon, Ahn 2024 (arXiv 2402.15160). A place is a square of the ground, its rows are a queue of at most C. A moment
is written after it is read. When the place's queue is full its own oldest row leaves; when the whole store is full, the
rule says which row leaves:

- fifo: the oldest of all;
- lifo: none, the new moment is refused, even where its place's queue is full;
- lvfo (least visited first out): the oldest row of the place with the fewest rows in the store;
- mvfo (most visited first out): the oldest row of the place with the most.

What is dropped together is an *item*: the rows that one place got in the same `item` steps, counted from the start of
the episode. With 1 it is the row; with more, rows leave item by item, and a store of full items keeps what it would
keep if each were a single row.

Letters: B environments, T steps, R rows, C queue. The *bank* of a window is the R rows at its start followed by the T
moments of the window, N = R + T; no step has to copy the store. Visits are rows in the store, not steps of the episode.
*Differs from the paper:* an item is a moment by default, not 32 frames; of places with equally many rows the one with
the oldest row is taken (theirs: the lowest index); queues and rules act together, so C ≥ R is their rules alone and a
store with room for all queues is their place memory alone.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

RULES = ("fifo", "lifo", "lvfo", "mvfo")
LEANING = (0, 0, 1, -1)
"""Of each rule: how the number of rows of a place orders its rows for leaving, before their age does."""
APART = 2**40
"""More than the steps of any episode, so that one row more or less counts before any age."""


@dataclass
class Plan:
    time: Int[Tensor, "B N"]
    """Step of the episode at which each row of the bank was made; -1 in an empty slot."""
    place: Int[Tensor, "B N"]
    """Numbers below N, equal for rows of the same place."""
    slots: Int[Tensor, "B T R"]
    """Row of the bank in each slot when the step reads, -1 where empty."""
    after: Int[Tensor, "B R"]
    """The same after the window."""

    def held(self) -> Bool[Tensor, "B T N"]:
        """Which rows of the bank each step reads."""
        batch, steps, _ = self.slots.shape
        rows = self.time.shape[1]
        spare = torch.zeros(batch, steps, rows + 1, dtype=torch.bool, device=self.slots.device)
        return spare.scatter(2, self.slots % (rows + 1), True)[:, :, :rows]  # -1 goes to the spare column


def cells(position: Float[Tensor, "*n 3"], size: float) -> Int[Tensor, "*n 2"]:
    """Square of the ground on which each position (metres) lies: cell i covers i size ≤ x < (i + 1) size. Storeys are
    not told apart. Raises ValueError for a position that is not finite."""
    if not bool(position.isfinite().all()):
        raise ValueError("position must be finite to be filed by place, got nan or inf")
    return (position[..., :2].detach() / size).floor().long()


def plan(
    time: Int[Tensor, "B N"],
    cell: Int[Tensor, "B N 2"],
    rule: Int[Tensor, "B T"],
    reset: Bool[Tensor, "B T"],
    queue: int,
    item: int = 1,
) -> Plan:
    """Bookkeeping of a window; `rule` numbers the RULES, `queue` is C, `time` is -1 in empty slots."""
    steps = reset.shape[1]
    rows = time.shape[1] - steps
    place = numbered(cell[..., 0] * 2**32 + cell[..., 1])
    slots = torch.where(time[:, :rows] < 0, -1, torch.arange(rows, device=time.device))
    before = []
    for moment in range(steps):
        slots = slots.masked_fill(reset[:, moment, None], -1)
        before.append(slots)
        here = place[:, rows + moment]
        at = slots.clamp(min=0)
        since, where = time.gather(1, at).masked_fill(slots < 0, -1), place.gather(1, at)
        slot = replaced(since, where, here, rule[:, moment], queue)
        if item > 1:
            slots = slots.masked_fill(_item(since // item, where, slot), -1)
        written = slots.scatter(1, slot.clamp(min=0)[:, None], rows + moment)
        slots = torch.where(slot[:, None] < 0, slots, written)
    return Plan(time, place, torch.stack(before, dim=1), slots)


def numbered(code: Int[Tensor, "B N"]) -> Int[Tensor, "B N"]:
    """Different codes counted from 0, in ascending order."""
    order = code.sort(dim=1)
    new = functional.pad(order.values.diff(dim=1) != 0, (1, 0))
    return torch.zeros_like(order.indices).scatter(1, order.indices, new.cumsum(1))


def replaced(
    time: Int[Tensor, "B R"],
    place: Int[Tensor, "B R"],
    here: Int[Tensor, " B"],
    rule: Int[Tensor, " B"],
    queue: int,
) -> Int[Tensor, " B"]:
    """Slot that takes the new moment of place `here`, -1 where it is refused. An empty slot (time -1) goes first."""
    filled = time >= 0
    count = _visits(place, filled)
    mine = filled & (place == here[:, None])
    leaning = torch.tensor(LEANING, device=time.device)[rule]
    order = (leaning[:, None] * count * APART + time).masked_fill(~filled, -(2**62))
    crowded = mine.sum(1) >= queue
    slot = order.masked_fill(crowded[:, None] & ~mine, 2**62).argmin(1)
    refused = filled.all(1) & (rule == RULES.index("lifo"))
    return slot.masked_fill(refused, -1)


def _item(number: Int[Tensor, "B R"], place: Int[Tensor, "B R"], slot: Int[Tensor, " B"]) -> Bool[Tensor, "B R"]:
    """Rows of the same item as the one in the slot; none for an empty slot (number -1) or none at all (slot -1)."""
    at = slot.clamp(min=0)[:, None]
    mine = number.gather(1, at)
    return (number == mine) & (place == place.gather(1, at)) & (mine >= 0) & (slot >= 0)[:, None]


def _visits(place: Int[Tensor, "B R"], filled: Bool[Tensor, "B R"]) -> Int[Tensor, "B R"]:
    """Rows in the store of the place of each row."""
    total = place.new_zeros(len(place), int(place.max()) + 1).scatter_add(1, place, filled.long())
    return total.gather(1, place)
