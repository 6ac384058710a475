"""The plan of a window against a ring simulated one row at a time."""

import torch

from loci.memories.ring import plan

B, T, R = 4, 11, 3


def simulate(written: list[int], reset: torch.Tensor):
    """What each step sees, as write times, and what each slot holds in the end, in plain Python."""
    seen = [[set() for _ in range(T)] for _ in range(B)]
    slots = []
    for b in range(B):
        ring = {n % R: n for n in range(written[b])}
        count = written[b]
        for t in range(T):
            if reset[b, t]:
                ring, count = {}, 0
            seen[b][t] = set(ring.values())
            ring[count % R] = count
            count += 1
        slots.append(ring)
    return seen, slots


def test_equals_a_ring_simulated_row_by_row():
    for seed in range(5):
        draw = torch.Generator().manual_seed(seed)
        reset = torch.rand(B, T, generator=draw) < 0.15
        written = [0, 2, 3, 8]
        ring = plan(torch.tensor(written), reset, R)
        seen, slots = simulate(written, reset)
        for b in range(B):
            for t in range(T):
                assert set(ring.time[b][ring.visible[b, t]].tolist()) == seen[b][t]
                assert int(ring.visible[b, t].sum()) == len(seen[b][t])
            after = {slot: int(ring.time[b, ring.slots[b, slot]]) for slot in slots[b]}
            assert after == slots[b]


def test_counts_rows_of_the_present_episode():
    reset = torch.zeros(2, T, dtype=torch.bool)
    reset[1, 4] = True
    assert plan(torch.tensor([5, 5]), reset, R).written.tolist() == [5 + T, T - 4]
