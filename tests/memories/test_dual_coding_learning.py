"""Dual coding learns words in a miniature of fast mapping; without a memory, or with it shuffled, the agent guesses.

Three objects (vectors) are each shown for three frames with a nonsense word, words dealt anew every episode, and one
silent blank frame; then one word is said, and one of three fresh noisy views is to be chosen. Chance is 1/3.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from loci.memories.dual_coding import DualCoding
from loci.memories.memory import Memory, Percept
from loci.memories.none import NoMemory

B, N, D, WORDS, NOISE = 32, 3, 32, 30, 0.3
T = 4 * N + 1
EVALUATIONS = 16  # batches: 512 episodes, standard error of chance 0.021

torch.set_num_threads(1)  # more threads than idle cores make small operations ten times slower


def episode(draw: torch.Generator, idle: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views (B, T, D), words heard (B, T) with 0 for silence, candidates (B, N, D), which is right (B,)."""
    objects = torch.randn(B, N, D, generator=draw)
    names = torch.rand(B, WORDS, generator=draw).argsort(1)[:, :N] + 1
    views, heard = torch.zeros(B, T + idle, D), torch.zeros(B, T + idle, dtype=torch.int64)
    for i in range(N):
        shown = slice(4 * i, 4 * i + 3)
        views[:, shown] = objects[:, i, None] + NOISE * torch.randn(B, 3, D, generator=draw)
        heard[:, shown] = names[:, i, None]
    views[:, 4 * N : -1] = torch.randn(B, idle, D, generator=draw)
    asked = torch.randint(N, (B,), generator=draw)
    heard[:, -1] = names[torch.arange(B), asked]
    order = torch.rand(B, N, generator=draw).argsort(1)
    fresh = objects + NOISE * torch.randn(B, N, D, generator=draw)
    candidates = fresh.gather(1, order[..., None].expand(-1, -1, D))
    return views, heard, candidates, (order == asked[:, None]).long().argmax(1)


class Chooser(nn.Module):
    """Scores a candidate by its product with a linear reading of the memory's feature."""

    def __init__(self, memory: Memory):
        super().__init__()
        self.memory, self.words = memory, nn.Embedding(WORDS + 1, D)
        self.expect = nn.Linear(memory.feature_dim, D)

    def discover(self, views, heard):
        return self.memory.unroll(self.memory.initial(B), *self.sense(views[:, :-1], heard[:, :-1]))[0]

    def choose(self, state, views, heard, candidates):
        _, recall = self.memory.unroll(state, *self.sense(views[:, -1:], heard[:, -1:]))
        return (self.expect(recall.feature[:, 0])[:, None] * candidates).sum(-1) * D**-0.5

    def sense(self, views, heard):
        words = self.words(heard)
        percept = Percept(embed=torch.cat([views, words], -1), vision=views, language=words)
        return percept, torch.zeros(views.shape[:2], dtype=torch.bool)


def train(memory: Memory, updates: int) -> Chooser:
    draw, chooser = torch.Generator().manual_seed(0), Chooser(memory)
    optimiser = torch.optim.Adam(chooser.parameters(), 2e-3)
    for _ in range(updates):
        views, heard, candidates, right = episode(draw)
        loss = F.cross_entropy(chooser.choose(chooser.discover(views, heard), views, heard, candidates), right)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(chooser.parameters(), 1)
        optimiser.step()
    return chooser


@torch.no_grad()
def accuracy(chooser: Chooser, idle: int = 0, change=lambda state, draw: state) -> float:
    draw, right = torch.Generator().manual_seed(1), 0.0
    for _ in range(EVALUATIONS):
        views, heard, candidates, target = episode(draw, idle)
        state = change(chooser.discover(views, heard), draw)
        right += (chooser.choose(state, views, heard, candidates).argmax(1) == target).float().mean().item()
    return right / EVALUATIONS


def shuffled(state, draw):
    """Every word keeps its row; the views change places among the rows written."""
    order = torch.rand(B, T - 1, generator=draw).argsort(1)[..., None].expand(-1, -1, D)
    views = state.vision.clone()
    views[:, : T - 1] = state.vision[:, : T - 1].gather(1, order)
    return replace(state, vision=views)


def test_dual_coding_learns_words_and_needs_its_pairs():
    torch.manual_seed(0)
    chooser = train(DualCoding(D, D, D, rows=64, k=8, width=32), updates=350)
    assert accuracy(chooser) > 0.8
    assert accuracy(chooser, idle=50) > 0.75
    assert 0.25 < accuracy(chooser, change=shuffled) < 0.42


def test_without_memory_it_guesses():
    torch.manual_seed(0)
    assert 0.25 < accuracy(train(NoMemory(2 * D, 32), updates=100)) < 0.42
