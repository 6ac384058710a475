"""A small spatial transformer and random walks for it to remember."""

import torch

from loci.memories.memory import Percept
from loci.memories.spatial_transformer import SpatialState, SpatialTransformer

B, D, E, R, C, K = 2, 8, 5, 12, 3, 2
CELL = 0.75
PLAIN = 10**6
"""A queue without bound: the rules alone."""


def memory(**arguments) -> SpatialTransformer:
    torch.manual_seed(0)
    sizes = {"input_dim": E, "width": D, "rows": R, "queue": C, "cell": CELL, "k": K, "layers": 1, "heads": 2}
    return SpatialTransformer(**{**sizes, **arguments})


def walk(steps: int, seed: int = 0, stride: float = 0.5) -> Percept:
    """Random walks over both signs of both axes."""
    draw = torch.Generator().manual_seed(seed)
    position = (torch.randn(B, steps, 3, generator=draw) * stride).cumsum(1)
    return Percept(torch.randn(B, steps, E, generator=draw), position=position)


def no_resets(steps: int, batch: int = B) -> torch.Tensor:
    return torch.zeros(batch, steps, dtype=torch.bool)


def part(percept: Percept, start: int, end: int) -> Percept:
    control = None if percept.control is None else percept.control[:, start:end]
    return Percept(percept.embed[:, start:end], position=percept.position[:, start:end], control=control)


def stored(state: SpatialState, row: int) -> list[int]:
    return sorted(time for time in state.time[row].tolist() if time >= 0)
