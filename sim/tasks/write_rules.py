"""What a store with room for 9 of room ballet's 18 solos still holds in the end, and how well it can answer at most.

Cho et al. 2024 (arXiv 2402.15160): fixed rules for what leaves a full store. The right rule always holds the target;
any rule answers the others by a guess among 8 dances, so its ceiling is hit + (1 - hit) / 8 (independent dances).
"""

from typing import Literal

import numpy as np
from numba import njit

from loci.sim.tasks.room_ballet import KEPT, KINDS, SOLOS, RoomBallet
from loci.sim.tasks.solos import ANSWERS

Rule = Literal["fifo", "lifo", "lvfo", "mvfo"]
RULES: tuple[Rule, ...] = ("fifo", "lifo", "lvfo", "mvfo")
"""Of each of room_ballet's KINDS in turn: the rule that suits it. First in first out, last in, least visited, most."""


def kept(room: np.ndarray, rule: Rule, room_for: int = KEPT) -> np.ndarray:
    """Which solos (N, 18) in the given rooms, numbers from 0, are in the store in the end. Of rooms visited equally
    often the one whose solo is oldest loses it; only solos that are in the store count as visits."""
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    return _kept(np.ascontiguousarray(room), {"fifo": 0, "lifo": 2, "lvfo": 1, "mvfo": -1}[rule], room_for)


def hit_rates(rule: Rule, episodes: int = 4000, seed: int = 0) -> np.ndarray:
    """How often (4,) the target of each kind is still held."""
    rates = []
    for kind in KINDS:
        env = RoomBallet(episodes, rest=0, frames=16, kinds=[kind])
        env.reset(seed)
        rates.append(kept(env.room, rule)[np.arange(episodes), env.target].mean())
    return np.array(rates)


def ceilings(rule: Rule, episodes: int = 4000, seed: int = 0) -> np.ndarray:
    """The best success (4,) at each kind with independent dances."""
    hit = hit_rates(rule, episodes, seed)
    return hit + (1 - hit) / len(ANSWERS)


@njit(cache=True, nogil=True)
def _kept(room, leaning, room_for):  # type: ignore[no-untyped-def]
    """`leaning` orders rooms by their visits: 1 fewest first, -1 most first, 0 not at all; 2 refuses the new."""
    held = np.zeros(room.shape, np.bool_)
    for n in range(len(room)):
        visits = np.zeros(room.max() + 1, np.int64)
        for solo in range(room.shape[1]):
            if solo >= room_for:
                if leaning == 2:
                    break
                leaves, least = 0, np.inf
                for old in range(solo):
                    rank = leaning * visits[room[n, old]] * (SOLOS + 1) + old
                    if held[n, old] and rank < least:
                        leaves, least = old, rank
                held[n, leaves] = False
                visits[room[n, leaves]] -= 1
            held[n, solo] = True
            visits[room[n, solo]] += 1
    return held
