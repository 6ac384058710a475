"""Hierarchical chunk attention memory: a coarse look at summaries of the past picks k chunks, a fine look reads them.

Lampinen, Chan, Banino, Hill 2021, "Towards mental time travel: a hierarchical memory for reinforcement learning agents"
(arXiv 2105.14039). Every layer appends its inputs to its own memory, C at a time: contents are the C inputs of a chunk,
its key their mean at write time. A layer is local self-attention over a recent window, x + HCAM(LayerNorm(x)), and a
feed-forward net. No gradient runs into keys and contents: the encoder learns through the local window.

Letters: B environments, T steps, D width, M chunks of C moments, W local window, S = W + T sources of a window,
N chunks of its bank (chunks.py), k chunks opened.
*Differs from the paper:* finite capacity: the newest M chunks are kept and the oldest is overwritten, as a ring; the
accumulator is no tensor of its own, since the moments that wait for a full chunk are the newest inputs of the local
window (hence W must reach C, or they would be seen nowhere); local attention has a learned recency bias, as in
window.py; chunks hold layer inputs before any norm (the paper leaves it open); the block's own differences stand in
chunk_attention.py. The reconstruction losses belong to the agent's decoders.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories.attention import MultiHeadAttention, RecencyBias, last_steps
from loci.memories.chunk_attention import ChunkAttention, Read, position_code
from loci.memories.chunks import ChunkPlan, picked, plan
from loci.memories.layers import Drawing, Groups, Moments
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.state import latest_reset, nbytes


class Layer(nn.Module):
    """Local self-attention, chunks, feed-forward; each pre-norm and residual."""

    def __init__(self, width: int, window: int, k: int, heads: int, stop_gradient: bool) -> None:
        super().__init__()
        self.norm_local, self.norm_chunks, self.norm_feed = (nn.LayerNorm(width) for _ in range(3))
        self.local = MultiHeadAttention(width, heads)
        self.recency = RecencyBias(heads, window)
        self.chunks = ChunkAttention(width, k, heads, stop_gradient)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        source: Float[Tensor, "B S D"],
        recent: Bool[Tensor, "B n L R"],
        distance: Int[Tensor, "L R"],
        keys: Float[Tensor, "B N D"],
        contents: Float[Tensor, "B N C D"],
        visible: Bool[Tensor, "B T N"],
    ) -> tuple[Float[Tensor, "B T D"], Read]:
        """`source` holds layer inputs, as `x` does: cached ones and those of the present window. `recent` and
        `distance` are last_steps; `visible` says which of the N chunks each step may read."""
        x = x + self.local(self.norm_local(x), self.norm_local(source), recent, self.recency(distance))
        read = self.chunks(self.norm_chunks(x), keys, contents, visible)
        x = x + read.feature
        return x + self.feed(self.norm_feed(x)), read


@dataclass
class Past:
    """What one layer keeps."""

    cache: Float[Tensor, "B W D"]
    """Last inputs, newest last; the newest n mod C of them wait for a full chunk."""
    keys: Float[Tensor, "B M D"]
    """Mean of each chunk."""
    contents: Float[Tensor, "B M C D"]


@dataclass
class HCAMState:
    layers: list[Past]
    written: Int[Tensor, " B"]
    """n, steps since the episode began; n // C chunks are complete, chunk m lies in slot m mod M."""


class HCAM(Memory[HCAMState]):
    """F = `width`. Each layer attends to its input now, to `local_window` inputs before, and to `k` chunks of `chunk`
    complete before now; `attended` = local_window + k chunk, per layer, the present step not counted (as in window.py).

    The trace is the read of the last layer; it is left out while gradients are recorded, as in window.py.
    """

    reads = frozenset({"embed"})

    def __init__(
        self,
        input_dim: int,
        width: int,
        local_window: int,
        chunk: int,
        chunks: int,
        k: int,
        layers: int,
        heads: int,
        stop_gradient: bool = True,
    ) -> None:
        super().__init__()
        sizes = {"input_dim": input_dim, "width": width, "chunk": chunk, "k": k, "layers": layers}
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if local_window < chunk:
            raise ValueError(
                f"local_window must be at least chunk, got local_window={local_window}, chunk={chunk}: "
                "moments that wait for a full chunk are seen nowhere else"
            )
        if chunks < k:
            raise ValueError(f"chunks must be at least k, got chunks={chunks}, k={k}")
        position_code(chunk, width)
        self.width, self.window, self.chunk, self.chunks, self.k = width, local_window, chunk, chunks, k
        self.stop_gradient = stop_gradient
        self.feature_dim, self.attended = width, local_window + k * chunk
        self.enter = nn.Linear(input_dim, width)
        self.layers = nn.ModuleList(Layer(width, local_window, k, heads, stop_gradient) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def initial(self, batch: int) -> HCAMState:
        zero = self.enter.weight.new_zeros
        sizes = (self.window,), (self.chunks,), (self.chunks, self.chunk)
        layers = [Past(*(zero(batch, *size, self.width) for size in sizes)) for _ in self.layers]
        return HCAMState(layers, zero(batch, dtype=torch.int64))

    def step(self, state: HCAMState, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[HCAMState, Recall]:
        state, recall = self.unroll(state, percept.alone(), reset[:, None])
        return state, recall.at(0)

    def unroll(self, state: HCAMState, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[HCAMState, Recall]:
        planned = plan(state.written, reset, self.chunk, self.chunks)
        recent, distance = last_steps(state.written, latest_reset(reset), self.window)
        x, after = self.enter(percept.embed), []
        for layer, past in zip(self.layers, state.layers, strict=True):
            source = torch.cat([past.cache, x], dim=1)  # (B, W + T, D)
            bank = self._bank(past, source, planned)
            x, read = layer(x, source, recent, distance, *bank, planned.visible)
            after.append(Past(source[:, -self.window :], *(_kept(part, planned) for part in bank)))
        trace = {} if torch.is_grad_enabled() else _trace(read, planned)
        return HCAMState(after, planned.count[:, -1] + 1), Recall(feature=self.norm(x), trace=trace)

    def draw(self, state: HCAMState, recall: Recall, row: int) -> Drawing:
        """Chunks held, and the one just overwritten if it was read, with their weights in the last layer; every frame
        of the opened ones with its share of what was read.

        Raises ValueError for a recall made while gradients were recorded."""
        if "chunks" not in recall.trace:
            raise ValueError("hcam is drawn from a recall with a trace: take the step under torch.no_grad()")
        chunks, frames = recall.trace["chunks"][row].cpu().numpy(), recall.trace["frames"][row].float().cpu().numpy()
        opened, frames = chunks[chunks >= 0], frames[chunks >= 0].clip(0, 1)
        complete = int(state.written[row]) // self.chunk
        held = np.arange(max(complete - self.chunks, 0), complete)
        number = np.union1d(held, opened)
        weight = np.zeros(number.shape)
        weight[np.searchsorted(number, opened)] = frames.sum(1).clip(0, 1)
        first = number * self.chunk
        groups = Groups("chunks", first, first + self.chunk - 1, weight, np.isin(number, opened))
        time = (opened[:, None] * self.chunk + np.arange(self.chunk)).ravel()
        group = opened.repeat(self.chunk)
        moments = Moments("opened frames", time, frames.ravel(), group, np.ones(len(time), dtype=bool))
        facts = {"chunks": f"{len(held)} of {self.chunks}", "k": str(self.k), "bytes": f"{nbytes(self.initial(1)):,}"}
        return Drawing((groups, moments), facts)

    def _bank(
        self, past: Past, source: Float[Tensor, "B S D"], planned: ChunkPlan
    ) -> tuple[Float[Tensor, "B N D"], Float[Tensor, "B N C D"]]:
        """Keys and contents of the chunks held and of those completed in this window; nothing is copied without any."""
        if not planned.ends.shape[1]:
            return past.keys, past.contents
        source = source.detach() if self.stop_gradient else source
        frames = torch.arange(1 - self.chunk, 1, device=source.device)
        place = (self.window + planned.ends[:, :, None] + frames).clamp(max=source.shape[1] - 1)
        new = picked(source, place)
        return torch.cat([past.keys, new.mean(2)], dim=1), torch.cat([past.contents, new], dim=1)


def _kept(bank: Float[Tensor, "B N *n"], planned: ChunkPlan) -> Float[Tensor, "B M *n"]:
    """What the ring holds after the window."""
    return picked(bank, planned.slots) if planned.ends.shape[1] else bank


def _trace(read: Read, planned: ChunkPlan) -> dict[str, Tensor]:
    """Numbers of the opened chunks in their episode, -1 where none, and the weights of their frames."""
    number = planned.number[:, None].expand(-1, read.chunks.shape[1], -1).gather(2, read.chunks.clamp(min=0))
    return {"chunks": number.masked_fill(read.chunks < 0, -1), "frames": read.frames}
