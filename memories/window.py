"""Sliding-window transformer: the baseline that attends to everything recent and to nothing older.

Dai et al. 2019 (arXiv 1901.02860): each layer keeps its own last inputs, so a step costs one token a layer and a
window is computed in parallel with exactly the same result; a cache of the first layer's inputs alone would need as
many floats for the same result, and would compute every token again at every step.

Letters: B environments, T steps, D width, W window, Y layers.
*Differs from the paper:* a learned bias for each head and distance instead of sinusoids times queries; pre-norm; the
gradient stops where the caller detaches the state, not at every call.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories.attention import Block, RecencyBias
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.state import latest_reset


@dataclass
class WindowState:
    cache: Float[Tensor, "B Y W D"]
    """Last inputs of each layer, newest last."""
    filled: Int[Tensor, " B"]
    """How many of them belong to this episode, 0 … W."""


class Window(Memory[WindowState]):
    """At each step every layer attends to itself and to the `window` steps before, within the episode. F = `width`."""

    reads = frozenset({"embed"})

    def __init__(self, input_dim: int, width: int, window: int, layers: int, heads: int) -> None:
        super().__init__()
        for name, value in {"input_dim": input_dim, "width": width, "window": window, "layers": layers}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.width, self.window, self.layers = width, window, layers
        self.feature_dim, self.attended = width, window
        self.enter = nn.Linear(input_dim, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.biases = nn.ModuleList(RecencyBias(heads, window) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def initial(self, batch: int) -> WindowState:
        zero = self.enter.weight.new_zeros
        return WindowState(zero(batch, self.layers, self.window, self.width), zero(batch, dtype=torch.int64))

    def step(self, state: WindowState, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[WindowState, Recall]:
        state, recall = self.unroll(state, percept.alone(), reset[:, None])
        return state, recall.at(0)

    def unroll(self, state: WindowState, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[WindowState, Recall]:
        start = latest_reset(reset)
        visible, distance = self._visible(state.filled, start)
        x = self.enter(percept.embed)
        sources = []
        for block, bias, cache in zip(self.blocks, self.biases, state.cache.unbind(1), strict=True):
            sources.append(torch.cat([cache, x], dim=1))  # (B, W + T, D)
            x = block(x, sources[-1], visible, bias(distance))
        cache = torch.stack([source[:, -self.window :] for source in sources], dim=1)
        return WindowState(cache, self._filled(state.filled, start)), Recall(feature=self.norm(x))

    def _visible(
        self, filled: Int[Tensor, " B"], start: Int[Tensor, "B T"]
    ) -> tuple[Bool[Tensor, "B T S"], Int[Tensor, "T S"]]:
        """Which of the S = W + T sources (cached ones first) each step may see, and how far back each lies."""
        steps = start.shape[1]
        source = torch.arange(-self.window, steps, device=start.device)  # 0 is the first step of the window
        distance = torch.arange(steps, device=start.device)[:, None] - source
        begin = torch.where(start < 0, -filled[:, None], start)
        return (distance >= 0) & (distance <= self.window) & (source >= begin[:, :, None]), distance

    def _filled(self, filled: Int[Tensor, " B"], start: Int[Tensor, "B T"]) -> Int[Tensor, " B"]:
        steps, last = start.shape[1], start[:, -1]
        return torch.where(last < 0, filled + steps, steps - last).clamp(max=self.window)
