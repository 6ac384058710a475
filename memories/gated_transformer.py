"""Gated transformer-XL (GTrXL): the transformer of reinforcement learning, gates in place of its residual sums.

Parisotto et al. 2020 (arXiv 1910.06764, §3 and equations of the gates); relative positions and cached layer inputs as
in transformer-XL, Dai et al. 2019 (arXiv 1901.02860, §3). For each layer with inputs x and cached inputs m:

    y = g₁(x, relu(attention(norm[x], norm[stop-gradient(m), x])))
    out = g₂(y, relu(feed(norm y)))
    attention weights of query i on key j = softmax of ((qᵢ + u)·kⱼ + (qᵢ + v)·W_R R(i - j)) / √d
    g(x, y) = (1 - z) x + z h,  r = σ(W_r y + U_r x),  z = σ(W_z y + U_z x - b_g),  h = tanh(W_g y + U_g (r x))

R(i - j) are sinusoids of the distance. As b_g starts at 2, z starts near 0.12 and a fresh layer of
width 64 moves random inputs by 0.26 of their length (0.76 with b_g = 0).

Letters: B environments, T steps, D width, W window, Y layers, S = W + T sources, J = W + 1 distances.
*Differs from the paper:* the encoder's embedding enters by a linear map, because its width is not D; every step sees
exactly the W steps before it, where the paper's later steps of a training window see more than W; u and v start at 0.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from loci.memories.attention import episode_steps, hiding, in_blocks, last_steps, looked_at, reached
from loci.memories.layers import Drawing
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.state import latest_reset
from loci.memories.window import WindowState, draw_window


class GatedTransformer(Memory[WindowState]):
    """At each step every layer attends to itself and to the `window` steps before, within the episode. F = `width`.

    The gradient ends at the first step of the window given to `unroll`. `gate_bias` is where b_g starts. The trace is
    that of Window, and left out likewise while gradients are recorded.
    """

    reads = frozenset({"embed"})

    def __init__(
        self, input_dim: int, width: int, window: int, layers: int, heads: int, gate_bias: float = 2.0
    ) -> None:
        super().__init__()
        for name, value in {"input_dim": input_dim, "window": window, "layers": layers}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.width, self.window = width, window
        self.feature_dim, self.attended = width, window
        self.enter = nn.Linear(input_dim, width)
        self.layers = nn.ModuleList(GatedLayer(width, heads, window, gate_bias) for _ in range(layers))

    def initial(self, batch: int) -> WindowState:
        zero = self.enter.weight.new_zeros
        return WindowState(zero(batch, len(self.layers), self.window, self.width), zero(batch, dtype=torch.int64))

    def step(self, state: WindowState, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[WindowState, Recall]:
        state, recall = self.unroll(state, percept.alone(), reset[:, None])
        return state, recall.at(0)

    def unroll(self, state: WindowState, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[WindowState, Recall]:
        start = latest_reset(reset)
        visible, _ = last_steps(state.written, start, self.window)
        count = episode_steps(state.written, start)
        x, kept = self.enter(percept.embed), []
        for layer, cache in zip(self.layers, state.cache.detach().unbind(1), strict=True):
            source = torch.cat([cache, x], dim=1)  # (B, W + T, D)
            kept.append(source[:, -self.window :])
            x, weights = layer(x, source, visible)
        trace = {} if torch.is_grad_enabled() else looked_at(weights.mean(2), count, self.window)
        return WindowState(torch.stack(kept, dim=1), count[:, -1] + 1), Recall(feature=x, trace=trace)

    def draw(self, state: WindowState, recall: Recall, row: int) -> Drawing:
        """As Window.draw."""
        return draw_window(state, recall, row)


class GatedLayer(nn.Module):
    """Attention and feed-forward, each fed by a norm and let in by a gate; no norm lies on the way of x itself."""

    def __init__(self, width: int, heads: int, window: int, gate_bias: float, expansion: int = 4) -> None:
        super().__init__()
        self.attention = RelativeAttention(width, heads, window)
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, expansion * width), nn.ReLU(), nn.Linear(expansion * width, width))
        self.gate_attention, self.gate_feed = Gate(width, gate_bias), Gate(width, gate_bias)

    def forward(
        self, x: Float[Tensor, "B T D"], source: Float[Tensor, "B S D"], visible: Bool[Tensor, "B n L R"]
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B n heads L R"]]:
        """`source` holds layer inputs, cached ones and then x. Also gives the attention weights."""
        source = self.norm_attention(source)
        read, weights = self.attention(source[:, -x.shape[1] :], source, visible)
        x = self.gate_attention(x, read.relu())
        return self.gate_feed(x, self.feed(self.norm_feed(x)).relu()), weights


class Gate(nn.Module):
    """g(x, y) of the module's docstring: x changed by y as a gated recurrent unit would change its state."""

    def __init__(self, width: int, bias: float) -> None:
        super().__init__()
        self.from_y = nn.Linear(width, 3 * width, bias=False)  # W_r, W_z, W_g
        self.from_x = nn.Linear(width, 2 * width, bias=False)  # U_r, U_z
        self.from_reset = nn.Linear(width, width, bias=False)  # U_g
        self.bias = nn.Parameter(torch.full((width,), float(bias)))  # b_g

    def forward(self, x: Float[Tensor, "*n D"], y: Float[Tensor, "*n D"]) -> Float[Tensor, "*n D"]:
        y_reset, y_update, y_new = self.from_y(y).chunk(3, dim=-1)
        x_reset, x_update = self.from_x(x).chunk(2, dim=-1)
        reset = (y_reset + x_reset).sigmoid()
        update = (y_update + x_update - self.bias).sigmoid()
        new = (y_new + self.from_reset(reset * x)).tanh()
        return torch.lerp(x, new, update)


class RelativeAttention(nn.Module):
    """Multi-head attention whose logits depend on contents and on distances, never on absolute time."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        if heads < 1 or width < 2 or width % heads or width % 2:
            raise ValueError(f"width must be even and a positive multiple of heads, got width={width}, heads={heads}")
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.position = nn.Linear(width, width, bias=False)  # W_R
        self.out = nn.Linear(width, width, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(heads, 1, width // heads))  # u
        self.position_bias = nn.Parameter(torch.zeros(heads, 1, width // heads))  # v
        self.sinusoids: Tensor
        self.register_buffer("sinusoids", sinusoids(window, width), persistent=False)

    def forward(
        self, query: Float[Tensor, "B T D"], source: Float[Tensor, "B S D"], visible: Bool[Tensor, "B n L R"]
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B n heads L R"]]:
        """What each step reads from the visible sources, and with which weights; blocks as in last_steps."""
        q = self._split(in_blocks(self.query(query), visible))
        k, v = (self._split(part) for part in reached(self.key_value(source), visible).chunk(2, dim=-1))
        far = self._split(self.position(self.sinusoids))  # (heads, J, D / heads)
        scale = q.shape[-1] ** -0.5
        content = (q + self.content_bias) * scale @ k.transpose(-1, -2)
        place = to_sources((q + self.position_bias) * scale @ far.transpose(-1, -2))[..., -k.shape[-2] :]
        weights = (content + place + hiding(visible, q.dtype)[:, :, None]).softmax(-1)
        read = (weights @ v).transpose(2, 3).flatten(3).flatten(1, 2)
        return self.out(read[:, : query.shape[1]]), weights

    def _split(self, x: Float[Tensor, "*n K D"]) -> Float[Tensor, "*n heads K d"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)


def sinusoids(window: int, width: int) -> Float[Tensor, "J D"]:
    """sin and cos of the distances W, W-1 … 0, at wavelengths from 2π to nearly 10000 · 2π steps (Vaswani et al. 2017,
    §3.5)."""
    frequency = 10000 ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(window, -1, -1)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def to_sources(by_distance: Float[Tensor, "*n L J"]) -> Float[Tensor, "*n L R"]:
    """From columns that are distances W … 0 to columns that are sources: row t moves t places right, 0 elsewhere.

    Rows padded to R + 1 and read again as rows of R = L + W do just that (Dai et al. 2019, appendix B)."""
    steps, reach = by_distance.shape[-2:]
    rows = F.pad(by_distance, (0, steps)).flatten(-2)  # reach + steps is R + 1
    return rows[..., :-steps].unflatten(-1, (steps, reach + steps - 1))
