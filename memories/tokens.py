"""Long-term tokens: a few numbers for each slot of a map, into which one observation after another is written.

Mem4Nav 2025 (arXiv 2506.19433, long-term memory) writes θ_w = R(θ_r ‖ v), R being reversible.py, and says that R⁻¹
gives everything back. A reversible map does not compress: 2D numbers come from D + D numbers, so a token gives back one
observation and one half, no more. Hence three variants, which differ in what they keep and say so:

- Overwrite: θ = R(0 ‖ v). The last observation, exactly; 2D numbers. This is what the published order of calls comes
  to, since the half it decodes before a write is the one of the write before, which was 0 from the beginning.
- Chained: θ_t, r_t = R(θ_{t-1} ‖ v_t), and the last `capacity` halves r are kept. The last `capacity` observations,
  exactly but for rounding, which grows with the age; (1 + capacity) D numbers, as many as the observations themselves.
- Learned: a gated recurrent unit of 2D numbers with a linear readout for each of the last `lags` observations. Lossy.

Letters: *n any leading axes, such as (B) or (B, M); M slots, D width of an observation, C and R numbers and rows of a
token, J observations read.
*Differs from the paper:* Chained and Learned; an unwritten token reads 0; π_v, the projection after R⁻¹, is its second
half and nothing learned. The cycle loss of Overwrite and Chained is 0 by construction and trains nothing.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories import state as states
from loci.memories.reversible import ReversibleStack


@dataclass
class Token:
    code: Float[Tensor, "*n C"]
    """What the next write builds on."""
    residuals: Float[Tensor, "*n R D"]
    """Ring of the halves that the writes left; the one of write i lies in row i mod R."""
    written: Int[Tensor, "*n"]
    """Writes so far."""


class LongTerm(nn.Module, ABC):
    """Writes and reads tokens. `width` is D, `span` the greatest number of observations that `history` gives back."""

    width: int
    span: int
    shape: tuple[int, int, int]
    """C, R and D of the token."""

    def initial(self, *shape: int) -> Token:
        """Tokens into which nothing has been written."""
        weight = next(self.parameters())
        code, rows, width = self.shape
        counter = torch.zeros(shape, dtype=torch.long, device=weight.device)
        return Token(weight.new_zeros(*shape, code), weight.new_zeros(*shape, rows, width), counter)

    @property
    def slot_bytes(self) -> int:
        """Bytes of one token, its counter included."""
        return states.nbytes(self.initial(1))

    @abstractmethod
    def write(self, token: Token, observation: Float[Tensor, "*n D"]) -> Token:
        """The tokens with one more observation each."""

    @abstractmethod
    def history(self, token: Token, count: int) -> tuple[Float[Tensor, "*n J D"], Bool[Tensor, "*n J"]]:
        """The last `count` observations, newest first, and which of them there are; 0 where there is none. Raises
        ValueError where `count` is not within 1 … span."""

    @abstractmethod
    def filed(self, token: Token) -> Float[Tensor, "*n E"]:
        """The 2D numbers by which an index finds the token: θ_w of the paper."""

    def read(self, token: Token) -> Float[Tensor, "*n D"]:
        """The last observation; 0 where nothing was written."""
        return self.history(token, 1)[0][..., 0, :]

    def check(self, count: int) -> None:
        if not 1 <= count <= self.span:
            raise ValueError(f"{type(self).__name__} gives back 1 … {self.span} observations, got count={count}")


class Chained(LongTerm):
    def __init__(self, stack: ReversibleStack, capacity: int) -> None:
        super().__init__()
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.stack = stack
        self.width, self.span = stack.width, capacity
        self.shape = (stack.width, capacity, stack.width)

    def write(self, token: Token, observation: Float[Tensor, "*n D"]) -> Token:
        code, residual = self.stack(token.code, observation)
        row = self._row(token.written)
        return Token(code, token.residuals.scatter(-2, row, residual[..., None, :]), token.written + 1)

    def history(self, token: Token, count: int) -> tuple[Float[Tensor, "*n J D"], Bool[Tensor, "*n J"]]:
        self.check(count)
        code, found = token.code, []
        for back in range(1, count + 1):
            residual = token.residuals.gather(-2, self._row(token.written - back))[..., 0, :]
            code, observation = self.stack.inverse(code, residual)
            found.append(observation)
        held = token.written[..., None] > torch.arange(count, device=token.written.device)
        return torch.where(held[..., None], torch.stack(found, dim=-2), 0.0), held

    def filed(self, token: Token) -> Float[Tensor, "*n E"]:
        newest = token.residuals.gather(-2, self._row(token.written - 1))[..., 0, :]
        return torch.cat([token.code, newest], dim=-1)

    def _row(self, write: Int[Tensor, "*n"]) -> Int[Tensor, "*n 1 D"]:
        return (write % self.span)[..., None, None].expand(*write.shape, 1, self.width)


class Overwrite(Chained):
    def __init__(self, stack: ReversibleStack) -> None:
        super().__init__(stack, capacity=1)

    def write(self, token: Token, observation: Float[Tensor, "*n D"]) -> Token:
        return super().write(replace(token, code=torch.zeros_like(token.code)), observation)


class Learned(LongTerm):
    """Train it with `cycle_loss` over as many observations as it shall keep."""

    def __init__(self, width: int, lags: int) -> None:
        super().__init__()
        if width < 1 or lags < 1:
            raise ValueError(f"width and lags must be at least 1, got width={width}, lags={lags}")
        self.width, self.span = width, lags
        self.shape = (2 * width, 0, width)
        self.update = nn.GRUCell(width, 2 * width)
        self.readout = nn.Linear(2 * width, lags * width)

    def write(self, token: Token, observation: Float[Tensor, "*n D"]) -> Token:
        code = self.update(observation.reshape(-1, self.width), token.code.reshape(-1, 2 * self.width))
        return Token(code.view_as(token.code), token.residuals, token.written + 1)

    def history(self, token: Token, count: int) -> tuple[Float[Tensor, "*n J D"], Bool[Tensor, "*n J"]]:
        self.check(count)
        found = self.readout(token.code).unflatten(-1, (self.span, self.width))[..., :count, :]
        held = token.written[..., None] > torch.arange(count, device=token.written.device)
        return torch.where(held[..., None], found, 0.0), held

    def filed(self, token: Token) -> Float[Tensor, "*n E"]:
        return token.code


def cycle_loss(
    codec: LongTerm, before: Token, after: Token, observation: Float[Tensor, "*n D"], count: int = 1
) -> Float[Tensor, "*n"]:
    """Mean square of what `count` readings of `after` miss: the newest must be the observation just written, the others
    what `before` read one place earlier. L_cycle = ‖v - R⁻¹(R(θ ‖ v))‖² with count 1, divided by D.

    No gradient runs into the targets, or the encoder would learn to say nothing."""
    now, held = codec.history(after, count)
    target = observation[..., None, :]
    if count > 1:
        target = torch.cat([target, codec.history(before, count - 1)[0]], dim=-2)
    missed = (now - target.detach()).square().mean(-1)
    return (missed * held).sum(-1) / held.sum(-1).clamp(min=1)


def pick(tokens: Token, slot: Int[Tensor, "B *m"]) -> Token:
    """The tokens in the given slots of (B, M) tokens."""
    row = torch.arange(len(slot), device=slot.device).view(-1, *[1] * (slot.dim() - 1))
    return states.map_tensors(lambda part: part[row, slot], tokens)


def put(tokens: Token, slot: Int[Tensor, " B"], token: Token) -> Token:
    """The (B, M) tokens with one slot of each row replaced; rows with slot -1 stay. `tokens` are spent: they are
    changed in place, since a copy of all slots at each step would cost more than the memory itself."""
    rows = (slot >= 0).nonzero()[:, 0]
    place = (rows, slot[rows])
    parts = ((tokens.code, token.code), (tokens.residuals, token.residuals), (tokens.written, token.written))
    return Token(*(old.index_put_(place, new[rows]) for old, new in parts))
