"""Dual-coding episodic memory: a picture code and a word code of every moment, stored side by side.

Hill, Tieleman, von Glehn, Wong, Merzic, Clark 2020, "Grounded Language Learning Fast and Slow" (arXiv 2009.01719).
A word finds the view it was heard with and a view finds its word. Each step reads the memory as it was before the
step, runs the core, then appends a row; the read is a cosine top-k, the softmax of the k, self-attention, a sum.

Letters: B environments, T steps, V L widths of the codes that come in, D code width, R rows, N rows of a window's bank
(ring.py), Q columns queried, k rows read by each query, H core width.
*Differs from the paper:* the query is made from the core's inputs h_{t-1}, v_t, l_t, and from the instruction g_t where
the percept has one (a channel beside the words, so that an instruction is not stored at every step it is in force); a
word is looked up when it is heard (the paper leaves open which state of the core asks). A query starts as the code of
its own column, g_t for language; codes whose width is not D are projected, and the
projection learns through the core like the encoder; empty rows are masked; rows equally similar (to 2^-16) are taken
newest first; self-attention is residual; d_m² of the novelty bonus is the mean over the episode, since a reset
forgets everything. The reconstruction losses, without which the codes are not worth storing in the 3D task, belong to
the agent's decoders.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories import novelty
from loci.memories.attention import MultiHeadAttention, masked_softmax
from loci.memories.layers import Drawing, Moments
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.ring import Plan, plan
from loci.memories.state import nbytes

COLUMNS = {"vision": (0,), "language": (1,), "either": (0, 1), "both": (0, 1)}
STRENGTH = 10.0
"""β at the start: rows whose cosines differ by 0.1 differ in weight by a factor of e."""
GRAIN = 2.0**16
"""Cosines are compared to 1 / GRAIN."""


@dataclass
class DualCodingState:
    vision: Float[Tensor, "B R D"]
    language: Float[Tensor, "B R D"]
    written: Int[Tensor, " B"]
    """n, rows written since the episode began; the next goes to slot n mod R."""
    hidden: Float[Tensor, "B H"]
    cell: Float[Tensor, "B H"]
    spread: Float[Tensor, "B 2"]
    """Sum over the episode's steps of the mean squared distance to the nearest rows of each column."""


class Bank:
    """All rows a window may read: [vision, language] of each, and the queried columns brought to length 1."""

    def __init__(self, rows: Float[Tensor, "B N D2"], columns: tuple[int, ...]) -> None:
        batch, places, width = rows.shape
        parts = rows.chunk(2, dim=-1)
        self.keys = torch.stack([F.normalize(parts[column], dim=-1) for column in columns], dim=1)  # (B, Q, N, D)
        self._rows, self._keys = rows.reshape(-1, width), self.keys.view(-1, width // 2)
        queries = torch.arange(batch * len(columns), device=rows.device).view(batch, -1, 1)
        self._first_key, self._first_row = queries * places, queries // len(columns) * places

    def pick(self, chosen: Int[Tensor, "B Q k"]) -> tuple[Float[Tensor, "B Q k D2"], Float[Tensor, "B Q k D"]]:
        """Rows and keys at these places; index_select of flat tables is three times as fast as gather."""
        rows = self._rows.index_select(0, (chosen + self._first_row).view(-1))
        keys = self._keys.index_select(0, (chosen + self._first_key).view(-1))
        return rows.view(*chosen.shape, -1), keys.view(*chosen.shape, -1)


@dataclass
class Read:
    """What is read at one moment: r and, query after query, which rows of the bank with which weights."""

    r: Float[Tensor, "*n M"]
    rows: Int[Tensor, "*n J"]
    """-1 where fewer than k rows are visible; most similar first."""
    weights: Float[Tensor, "*n J"]


class Reader(nn.Module):
    """For each query: the k rows of largest β cos(q, key), softmax over those k alone, each row times its weight,
    self-attention (residual) over the k, sum."""

    def __init__(self, code_dim: int, k: int, queries: int, heads: int, self_attention: bool) -> None:
        super().__init__()
        self.k = k
        self.strength = nn.Parameter(torch.full((queries,), math.log(math.expm1(STRENGTH))))
        self.mix = MultiHeadAttention(2 * code_dim, heads) if self_attention else None

    def forward(self, query: Float[Tensor, "B Q D"], bank: Bank, order: Float[Tensor, "B N"]) -> Read:
        """`order` (newest_first) says what is visible; nothing visible gives zeros."""
        query = F.normalize(query, dim=-1)[..., None]
        chosen, visible = self._choose(query, bank, order)  # (B, Q, k)
        rows, keys = bank.pick(chosen)
        weights = masked_softmax(F.softplus(self.strength)[:, None] * (keys @ query)[..., 0], visible)
        rows = weights[..., None] * rows
        r = rows.sum(2)
        if self.mix is not None:
            r = r + self.mix.summed(rows.flatten(0, 1), visible.flatten(0, 1)).view_as(r)
        return Read(r.flatten(1), chosen.masked_fill(~visible, -1).flatten(1), weights.flatten(1))

    @torch.no_grad()
    def _choose(self, query: Tensor, bank: Bank, order: Tensor) -> tuple[Tensor, Tensor]:
        # Not a matrix product, which may round equal rows differently.
        cosine = (bank.keys * query.transpose(-1, -2)).sum(-1)
        best = (cosine * GRAIN).round().double().add(order[:, None]).topk(self.k)
        return best.indices, best.values > -torch.inf


def newest_first(time: Int[Tensor, "B N"], visible: Bool[Tensor, "B T N"]) -> Float[Tensor, "B T N"]:
    """Added to whole numbers, orders equals by time and takes hidden rows out of the choice."""
    return torch.where(visible, time.double()[:, None] * 2.0**-32, -torch.inf)


class DualCoding(Memory[DualCodingState]):
    """F = H + 2 D Q: [h_t, r_t], so that policy and decoders can use both. `key` says which column is queried; `either`
    asks both (Q = 2, two strengths, 2 k rows). The bonus has no gradient."""

    reads = frozenset({"vision", "language"})

    def __init__(
        self,
        vision_dim: int,
        language_dim: int,
        code_dim: int,
        rows: int,
        k: int,
        width: int,
        key: Literal["language", "vision", "either"] = "language",
        heads: int = 1,
        self_attention: bool = True,
        stop_gradient: bool = True,
        novelty: Literal["language", "vision", "both"] | None = None,
    ) -> None:
        super().__init__()
        sizes = {"vision_dim": vision_dim, "language_dim": language_dim, "code_dim": code_dim, "k": k, "width": width}
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if rows < k:
            raise ValueError(f"rows must be at least k, got rows={rows}, k={k}")
        if key not in ("language", "vision", "either"):
            raise ValueError(f"key must be language, vision or either, got {key!r}")
        if novelty not in ("language", "vision", "both", None):
            raise ValueError(f"novelty must be language, vision, both or None, got {novelty!r}")
        self.code_dim, self.rows, self.k, self.width = code_dim, rows, k, width
        self.columns, self.stop_gradient = COLUMNS[key], stop_gradient
        self.novel = COLUMNS[novelty] if novelty else ()
        queries = len(self.columns)
        self.attended, self.feature_dim = queries * k, width + queries * 2 * code_dim
        self.vision_code = _projection(vision_dim, code_dim)
        self.language_code = _projection(language_dim, code_dim)
        self.from_codes = nn.Linear(3 * code_dim, queries * code_dim + 4 * width)
        self.from_hidden = nn.Linear(width, queries * code_dim + 4 * width, bias=False)
        self.from_read = nn.Linear(queries * 2 * code_dim, 4 * width, bias=False)
        self._ask_for_what_is_sensed()
        self.reader = Reader(code_dim, k, queries, heads, self_attention)

    @torch.no_grad()
    def _ask_for_what_is_sensed(self) -> None:
        """Each query starts as a code of its own column: a word asks for rows with that word, a view for such views."""
        asked, own = len(self.columns) * self.code_dim, [(0, 2)[column] for column in self.columns]
        self.from_codes.weight[:asked] = torch.eye(3 * self.code_dim).unflatten(0, (3, -1))[own].flatten(0, 1)
        self.from_codes.bias[:asked] = 0.0
        self.from_hidden.weight[:asked] *= 0.1

    def initial(self, batch: int) -> DualCodingState:
        zero = self.from_codes.weight.new_zeros
        return DualCodingState(
            vision=zero(batch, self.rows, self.code_dim),
            language=zero(batch, self.rows, self.code_dim),
            written=zero(batch, dtype=torch.int64),
            hidden=zero(batch, self.width),
            cell=zero(batch, self.width),
            spread=zero(batch, 2),
        )

    def step(
        self, state: DualCodingState, percept: Percept, reset: Bool[Tensor, " B"]
    ) -> tuple[DualCodingState, Recall]:
        state, recall = self.unroll(state, percept.alone(), reset[:, None])
        return state, recall.at(0)

    def unroll(
        self, state: DualCodingState, percept: Percept, reset: Bool[Tensor, "B T"]
    ) -> tuple[DualCodingState, Recall]:
        self.check(percept)
        codes = torch.cat([self.vision_code(percept.vision), self.language_code(percept.language)], dim=-1)
        asked = percept.language if percept.goal is None else percept.goal
        entering = torch.cat([codes, self.language_code(asked)], dim=-1)
        ring = plan(state.written, reset, self.rows)
        old = torch.cat([state.vision, state.language], dim=-1)
        rows = torch.cat([old, codes.detach() if self.stop_gradient else codes], dim=1)
        hidden, cell, feature, read = self._run(state, entering, Bank(rows, self.columns), ring, reset)
        bonus, spread = self._bonus(state.spread, codes, rows, ring, reset)
        kept = rows.gather(1, ring.slots[:, :, None].expand(-1, -1, rows.shape[-1]))
        vision, language = kept.split(self.code_dim, dim=-1)
        trace = {"rows": _times(ring.time, read.rows), "weights": read.weights.detach()}
        state = DualCodingState(vision, language, ring.written, hidden, cell, spread)
        return state, Recall(feature=feature, bonus=bonus, trace=trace)

    def draw(self, state: DualCodingState, recall: Recall, row: int) -> Drawing:
        """The rows held, and the one just overwritten if it was read; weights of two queries are added, at most 1."""
        written = int(state.written[row])
        held = np.arange(max(written - self.rows, 0), written)
        read, weights = recall.trace["rows"][row].cpu().numpy(), recall.trace["weights"][row].float().cpu().numpy()
        total = np.zeros(written)
        np.add.at(total, read[read >= 0], weights[read >= 0])
        time = np.union1d(held, read[read >= 0])
        facts = {
            "rows": f"{len(held)} of {self.rows}",
            "k": str(self.k),
            "bytes": f"{nbytes(self.initial(1)):,}",
        }
        return Drawing((Moments("rows", time, total[time].clip(0, 1)),), facts)

    def _run(
        self,
        state: DualCodingState,
        codes: Float[Tensor, "B T D3"],
        bank: Bank,
        ring: Plan,
        reset: Bool[Tensor, "B T"],
    ) -> tuple[Tensor, Tensor, Float[Tensor, "B T F"], Read]:
        """Read, then core, step after step; the last hidden and cell, features and reads of all steps."""
        hidden, cell = state.hidden, state.cell
        keep, forgets = (~reset).to(hidden.dtype)[:, :, None].unbind(1), reset.any(0).tolist()
        orders = newest_first(ring.time, ring.visible).unbind(1)
        split = [len(self.columns) * self.code_dim, 4 * self.width]
        hiddens, reads = [], []
        for moment, entering in enumerate(self.from_codes(codes).unbind(1)):
            if forgets[moment]:
                hidden, cell = hidden * keep[moment], cell * keep[moment]
            query, gates = (entering + self.from_hidden(hidden)).split(split, dim=-1)
            read = self.reader(query.unflatten(-1, (-1, self.code_dim)), bank, orders[moment])
            hidden, cell = lstm(gates + self.from_read(read.r), cell)
            hiddens.append(hidden)
            reads.append(read)
        r, rows, weights = (
            torch.stack([getattr(read, name) for read in reads], 1) for name in ("r", "rows", "weights")
        )
        return hidden, cell, torch.cat([torch.stack(hiddens, 1), r], dim=-1), Read(r, rows, weights)

    def _bonus(
        self,
        spread: Float[Tensor, "B 2"],
        codes: Float[Tensor, "B T D2"],
        rows: Float[Tensor, "B N D2"],
        ring: Plan,
        reset: Bool[Tensor, "B T"],
    ) -> tuple[Float[Tensor, "B T"] | None, Float[Tensor, "B 2"]]:
        """Mean over the novel columns of the bonus of each, and the spread after the window."""
        if not self.novel:
            return None, spread
        new, stored = codes.split(self.code_dim, dim=-1), rows.split(self.code_dim, dim=-1)
        bonuses, spread = [], spread.clone()
        for column in self.novel:
            squared = novelty.neighbour_distances(new[column], stored[column], ring.visible)
            total = novelty.running_sum(spread[:, column], novelty.mean_distance(squared), reset)
            steps = ring.time[:, self.rows :].clamp(min=1)  # steps of the episode with something to compare
            bonuses.append(novelty.bonus(squared, total / steps))
            spread[:, column] = total[:, -1]
        return torch.stack(bonuses).mean(0), spread


def lstm(gates: Float[Tensor, "B H4"], cell: Float[Tensor, "B H"]) -> tuple[Float[Tensor, "B H"], Float[Tensor, "B H"]]:
    """Hidden and cell after one step of an LSTM; gates in the order input, forget, output, candidate."""
    width = cell.shape[1]
    opening = gates[:, : 3 * width].sigmoid()
    enter, keep, out = opening.chunk(3, dim=-1)
    cell = torch.addcmul(keep * cell, enter, gates[:, 3 * width :].tanh())
    return out * cell.tanh(), cell


def _projection(width: int, code_dim: int) -> nn.Module:
    return nn.Identity() if width == code_dim else nn.Linear(width, code_dim, bias=False)


def _times(time: Int[Tensor, "B N"], rows: Int[Tensor, "B T J"]) -> Int[Tensor, "B T J"]:
    """Write times in place of places in the bank; -1 stays."""
    times = time[:, None].expand(-1, rows.shape[1], -1).gather(2, rows.clamp(min=0))
    return times.masked_fill(rows < 0, -1)
