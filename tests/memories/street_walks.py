"""Walks along streets with a view at every step, and Mem4Nav as their tests make it."""

import math

import torch

from loci.memories.mem4nav import Mem4Nav
from loci.memories.memory import Percept

D, SPACING = 16, 10.0
"""Width of the views, and metres between places, as between panoramas of a street."""


def memory(**arguments) -> Mem4Nav:
    torch.manual_seed(0)
    made = Mem4Nav(
        **{"vision_dim": D, "language_dim": D, "code_dim": D, "width": 8, "query": "view", "k": 3, **arguments}
    )
    if made.goal is not None:  # words that mean the view they are the code of
        made.goal.weight.data, made.goal.bias.data = torch.eye(D), torch.zeros(D)
    return made.eval()


def looks(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, D, generator=torch.Generator().manual_seed(seed))


def walk(vision: torch.Tensor, place: torch.Tensor, goal: torch.Tensor | None = None) -> Percept:
    """Views (B, T, D) at places (B, T, 2) metres, heading east."""
    position = torch.cat([place, torch.zeros_like(place[..., :1])], dim=-1)
    heading = torch.zeros(*place.shape[:2], 1)
    return Percept(vision, vision=vision, goal=goal, position=position, heading=heading)


def straight(steps: int, batch: int = 1, seed: int = 0) -> Percept:
    """Another view at every step, 10 m on."""
    place = torch.stack([SPACING * torch.arange(steps), torch.zeros(steps)], dim=-1)
    return walk(looks(batch, steps, seed=seed), place.expand(batch, -1, -1))


def loop(places: int, laps: int, noise: float, batch: int = 4) -> Percept:
    """Round and round a circle; at every visit a place looks a little different."""
    turn = 2 * math.pi * (torch.arange(places * laps) % places) / places
    radius = SPACING * places / (2 * math.pi)
    place = radius * torch.stack([turn.cos(), turn.sin()], dim=-1)
    vision = looks(batch, places).repeat(1, laps, 1) + noise * looks(batch, places * laps, seed=1)
    return walk(vision, place.expand(batch, -1, -1))


@torch.no_grad()
def lived(made: Mem4Nav, percept: Percept):
    """State and recall after a window from the beginning."""
    batch, steps = percept.embed.shape[:2]
    return made.unroll(made.initial(batch), percept, torch.zeros(batch, steps, dtype=torch.bool))


def corner(out: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """10 m steps to the east, then to the north: places (2 out + 1, 2), and a view of each."""
    legs = [(SPACING * step, 0.0) for step in range(out + 1)]
    legs += [(SPACING * out, SPACING * step) for step in range(1, out + 1)]
    return torch.tensor(legs), looks(2 * out + 1)
