"""Gated recurrent unit, with an optional block-diagonal recurrence that makes very wide states affordable.

Cho et al. 2014 (arXiv 1406.1078), in the form of torch.nn.GRU, which `blocks=1` equals. With more blocks each block of
the state sees itself and a code of `rank` numbers made from the present embedding and from the whole state, through
which blocks talk to each other: the idea of the block GRU of DreamerV3 (Hafner et al. 2023, arXiv 2301.04104, v2).

Letters: B environments, T steps, D input, G blocks, W width of a block, M rank.
*Differs from DreamerV3:* one shared code for input and state instead of one each, to stay cheap on a CPU.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from loci.memories import state as states
from loci.memories.layers import Drawing, Signals
from loci.memories.memory import Memory, Percept, Recall

SHOWN = 64
"""Numbers of the state that are drawn; a wider state is averaged in so many equal parts."""


@dataclass
class GRUState:
    hidden: Float[Tensor, "B width"]


class GRU(Memory[GRUState]):
    """State of `width` floats. F = `readout`, a linear reading of the state; without it the state itself."""

    reads = frozenset({"embed"})

    def __init__(self, input_dim: int, width: int, blocks: int = 1, rank: int = 64, readout: int | None = None) -> None:
        super().__init__()
        sizes = {"input_dim": input_dim, "width": width, "blocks": blocks, "rank": rank}
        sizes["readout"] = width if readout is None else readout
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if width % blocks:
            raise ValueError(f"width must be a multiple of blocks, got width={width}, blocks={blocks}")
        self.width, self.blocks = width, blocks
        self.feature_dim = sizes["readout"]
        block = width // blocks
        entering = input_dim if blocks == 1 else rank
        self.input_weight = nn.Parameter(torch.empty(blocks, entering, 3 * block))
        self.input_bias = nn.Parameter(torch.empty(blocks, 1, 3 * block))
        self.hidden_weight = nn.Parameter(torch.empty(blocks, block, 3 * block))
        self.hidden_bias = nn.Parameter(torch.empty(blocks, 1, 3 * block))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(block**-0.5), block**-0.5)
        self.embed_to_code = nn.Linear(input_dim, rank, bias=False) if blocks > 1 else None
        self.hidden_to_code = nn.Linear(width, rank, bias=False) if blocks > 1 else None
        self.reading = nn.Identity() if readout is None else nn.Linear(width, readout)

    def initial(self, batch: int) -> GRUState:
        return GRUState(self.hidden_bias.new_zeros(batch, self.width))

    def step(self, state: GRUState, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[GRUState, Recall]:
        state = states.reset_rows(state, self.initial(reset.shape[0]), reset)
        hidden = self._to_blocks(state.hidden)
        entering = self._enter(percept.embed[:, None])[0]
        hidden = self._to_rows(self._gate(entering, hidden))
        return GRUState(hidden), Recall(feature=self.reading(hidden))

    def unroll(self, state: GRUState, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[GRUState, Recall]:
        hidden = self._to_blocks(state.hidden)
        keep = (~reset).to(hidden.dtype).t()[:, None, :, None]
        forgets = reset.any(0).tolist()
        hiddens = []
        for moment, entering in enumerate(self._enter(percept.embed)):
            hidden = self._gate(entering, hidden * keep[moment] if forgets[moment] else hidden)
            hiddens.append(hidden)
        rows = torch.stack(hiddens).permute(2, 0, 1, 3).flatten(2)  # (T, G, B, W) -> (B, T, G W)
        return GRUState(self._to_rows(hidden)), Recall(feature=self.reading(rows))

    def draw(self, state: GRUState, recall: Recall, row: int) -> Drawing:
        hidden = state.hidden[row].detach().float()
        shown = F.adaptive_avg_pool1d(hidden[None], min(self.width, SHOWN))[0]
        facts = {"units": f"{self.width:,}", "bytes": f"{states.nbytes(self.initial(1)):,}"}
        return Drawing((Signals("state", shown.cpu().numpy()),), facts)

    def _enter(self, embed: Float[Tensor, "B T D"]) -> tuple[Tensor, ...]:
        """Everything about the inputs that needs no state, for all steps at once."""
        if self.embed_to_code is not None:
            return self.embed_to_code(embed).unbind(1)  # T × (B, M)
        gates = embed.transpose(0, 1) @ self.input_weight[0] + self.input_bias[0]
        return gates[:, None].unbind(0)  # T × (1, B, 3 W)

    def _gate(self, entering: Tensor, hidden: Float[Tensor, "G B W"]) -> Float[Tensor, "G B W"]:
        from_input = entering if self.hidden_to_code is None else self._mix(entering, hidden)
        from_hidden = torch.baddbmm(self.hidden_bias, hidden, self.hidden_weight)
        width = hidden.shape[-1]
        reset, update = (from_input[..., : 2 * width] + from_hidden[..., : 2 * width]).sigmoid().chunk(2, dim=-1)
        candidate = torch.addcmul(from_input[..., 2 * width :], reset, from_hidden[..., 2 * width :]).tanh()
        return torch.lerp(candidate, hidden, update)

    def _mix(self, entering: Float[Tensor, "B M"], hidden: Float[Tensor, "G B W"]) -> Float[Tensor, "G B W3"]:
        """Every block's input gates from the shared code."""
        assert self.hidden_to_code is not None
        code = entering + self.hidden_to_code(self._to_rows(hidden))
        code = F.silu(F.rms_norm(code, code.shape[-1:]))
        return torch.baddbmm(self.input_bias, code.expand(self.blocks, -1, -1), self.input_weight)

    def _to_blocks(self, hidden: Float[Tensor, "B width"]) -> Float[Tensor, "G B W"]:
        return hidden.unflatten(1, (self.blocks, -1)).transpose(0, 1)

    def _to_rows(self, hidden: Float[Tensor, "G B W"]) -> Float[Tensor, "B width"]:
        return hidden.transpose(0, 1).flatten(1)
