"""Sliding-window transformer: the baseline that attends to everything recent and to nothing older.

Dai et al. 2019 (arXiv 1901.02860): each layer keeps its own last inputs, so a step costs one token a layer and a
window is computed in parallel with exactly the same result; a cache of the first layer's inputs alone would need as
many floats for the same result, and would compute every token again at every step.

Letters: B environments, T steps, D width, W window, Y layers.
*Differs from the paper:* a learned bias for each head and distance instead of sinusoids times queries; pre-norm; the
gradient stops where the caller detaches the state, not at every call.
"""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories.attention import Block, RecencyBias, episode_steps, last_steps, looked_at
from loci.memories.layers import Drawing, Moments
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.state import latest_reset, nbytes


@dataclass
class WindowState:
    cache: Float[Tensor, "B Y W D"]
    """Last inputs of each layer, newest last."""
    written: Int[Tensor, " B"]
    """n, steps since the episode began; the newest min(n, W) inputs are of this episode."""


class Window(Memory[WindowState]):
    """At each step every layer attends to itself and to the `window` steps before, within the episode. F = `width`.

    The trace is the attention of the last layer, mean over heads, to those steps, oldest first: J = W + 1. It is left
    out while gradients are recorded, because it costs an eighth of a window's time and training does not look at it.
    """

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
        visible, distance = last_steps(state.written, start, self.window)
        x = self.enter(percept.embed)
        entered, kept = x, []
        for block, bias, cache in zip(self.blocks, self.biases, state.cache.unbind(1), strict=True):
            source = torch.cat([cache, x], dim=1)  # (B, W + T, D)
            kept.append(source[:, -self.window :])
            entered, x = x, block(x, source, visible, bias(distance))
        count = episode_steps(state.written, start)
        watched = not torch.is_grad_enabled()
        trace = self._trace(entered, source, visible, distance, count) if watched else {}
        return WindowState(torch.stack(kept, dim=1), count[:, -1] + 1), Recall(feature=self.norm(x), trace=trace)

    def draw(self, state: WindowState, recall: Recall, row: int) -> Drawing:
        """What the last layer read, the present step included; the oldest one leaves after a full window.

        Raises ValueError for a recall made while gradients were recorded."""
        return draw_window(state, recall, row)

    def _trace(
        self,
        x: Float[Tensor, "B T D"],
        source: Float[Tensor, "B S D"],
        visible: Bool[Tensor, "B n L R"],
        distance: Int[Tensor, "L R"],
        count: Int[Tensor, "B T"],
    ) -> dict[str, Tensor]:
        """Write times, -1 before the episode, and weights in the last layer, which x enters."""
        block = cast(Block, self.blocks[-1])
        x, source = block.norm_attention(x), block.norm_attention(source)
        weights = block.attention.weights(x, source, visible, self.biases[-1](distance))
        return looked_at(weights.mean(2), count, self.window)


def draw_window(state: WindowState, recall: Recall, row: int) -> Drawing:
    """The steps traced by one row of a memory with such a state. Raises ValueError for a recall without trace."""
    if "rows" not in recall.trace:
        raise ValueError("a window is drawn from a recall with a trace: take the step under torch.no_grad()")
    rows, weights = recall.trace["rows"][row].cpu().numpy(), recall.trace["weights"][row].float().cpu().numpy()
    batch, layers, window, _ = state.cache.shape
    kept = min(int(state.written[row]), window)
    facts = {"steps kept": f"{kept} of {window}", "layers": str(layers), "bytes": f"{nbytes(state) // batch:,}"}
    return Drawing((Moments("window", rows[rows >= 0], weights[rows >= 0].clip(0, 1)),), facts)
