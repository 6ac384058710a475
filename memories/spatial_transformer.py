"""Spatially-aware transformer: memory filed by place, read place first, and a choice of what to drop when it is full.

Cho, Yoon, Ahn 2024, "Spatially-Aware Transformers for Embodied Agents" (arXiv 2402.15160). A stored token is
m_n = e_n + τ(t_n) + π(p_n): what was sensed, when and where, τ and π sinusoids. Each layer is pre-norm and residual,
x ← x + Places(LN x), x ← x + MLP(LN x), over the same m in all layers, neither normalised nor updated. Places is the
read of Lampinen et al. 2021 with places for chunks: κ_P = mean of W_k m_n over the rows of place P; the k places of
largest q·κ_P / √D get weights w = softmax over those k; o_P = multi-head attention of x over the rows of P alone; the
output is Σ w_P o_P. The flat read is multi-head attention over all rows. Rows leave by a rule (places.py), fixed or
chosen by the agent; a moment is read by later moments only.

The choice (rule `learned`) comes with `control`: its first `actions` numbers are the agent's own action, the next four
are one-hot over fifo, lifo, lvfo, mvfo, or all 0 where nothing was chosen. What was chosen with the action before a
moment decides how that moment is written. Where the percept has no control, or one without these four numbers, or all
four are 0, `fallback` is the rule.

Letters: B environments, T steps, D width, R rows, N = R + T rows of a window's bank (places.py), k places opened.
*Differs from the paper:* rows leave one by one, or `item` steps together (theirs: 32); places are squares of the
ground, from `position`, and π is made of position / cell, not of a room's number; the query has τ and π too, so that it
can ask for "here" and "long ago"; time counts up from the start of the episode, so that a stored code never changes,
and is the true time under every rule; a place is one chunk, bounded by its queue, where the authors cut it into chunks
of 32; layers have no self-attention over the query, which is a single moment; attention has no biases, so that an empty
memory reads exactly 0; the allocator belongs to the agent and may choose at every step (the authors': a bandit that
sees the number of the task and chooses once an episode). As with the authors no gradient is stopped inside a window;
`stop_gradient` cuts it into stored rows, their places included, and then the encoder learns through the query alone.
Which place a moment belongs to, and which row leaves, have no gradient.
"""

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.memories.attention import LARGE, episode_steps, masked_softmax
from loci.memories.layers import Drawing, Labels, Moments
from loci.memories.memory import Memory, Percept, Recall
from loci.memories.places import RULES, Plan, cells, numbered, plan
from loci.memories.state import latest_reset, nbytes

Rule = Literal["fifo", "lifo", "lvfo", "mvfo"]


@dataclass
class Read:
    """What queries read from a bank of rows."""

    feature: Float[Tensor, "B T D"]
    shares: Float[Tensor, "B T N"]
    """Weight of the place times attention inside it, mean over heads; sums to 1, or to 0 with nothing held."""


class PlaceAttention(nn.Module):
    """The k places whose mean key fits best, attention inside each, their weighted sum. Without k: all rows at once."""

    def __init__(self, width: int, heads: int, k: int | None) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, got width={width}, heads={heads}")
        self.heads, self.k = heads, k
        if k is not None:
            self.summary = nn.Linear(width, 2 * width, bias=False)
        self.query_key = nn.Linear(width, 2 * width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        bank: Float[Tensor, "B N D"],
        held: Bool[Tensor, "B T N"],
        place: Int[Tensor, "B N"],
    ) -> Read:
        """`place` numbers the places, each below N."""
        index = place[:, None].expand_as(held)
        if self.k is None:
            index, weight = torch.zeros_like(index), held.to(x.dtype)
        else:
            weight = self._weigh(x, bank, held, index, self.k)
        to_query, to_key = self.query_key.weight.chunk(2)
        q, k, v = (self._split(part) for part in (x @ to_query.t(), bank @ to_key.t(), self.value(bank)))
        logits = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5  # (B, heads, T, N)
        opened = held & (weight > 0)
        shares = softmax_within(logits, opened[:, None].expand_as(logits), index[:, None].expand_as(logits))
        shares = shares * weight[:, None]
        return Read(self.out((shares @ v).transpose(1, 2).flatten(2)), shares.mean(1))

    def _weigh(self, x: Tensor, bank: Tensor, held: Tensor, index: Tensor, k: int) -> Float[Tensor, "B T N"]:
        """Weight of the place of each row, 0 for places that are not opened."""
        to_query, to_key = self.summary.weight.chunk(2)
        fit = (x @ to_query.t()) @ (bank @ to_key.t()).transpose(1, 2) * x.shape[-1] ** -0.5
        count = torch.zeros_like(fit).scatter_add(2, index, held.to(fit.dtype))
        # The mean key is linear in the rows, so its fit is the mean fit.
        fit = torch.zeros_like(fit).scatter_add(2, index, fit * held) / count.clamp(min=1)
        best = torch.where(count > 0, fit, -torch.inf).topk(k).indices
        weight = masked_softmax(fit.gather(2, best), count.gather(2, best) > 0)
        return torch.zeros_like(fit).scatter(2, best, weight).gather(2, index)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, ·, D / heads)


def softmax_within(
    logits: Float[Tensor, "*n N"], visible: Bool[Tensor, "*n N"], group: Int[Tensor, "*n N"]
) -> Float[Tensor, "*n N"]:
    """Softmax over the visible entries of each group (numbers below N) by itself; hidden entries get exactly 0."""
    logits = logits.masked_fill(~visible, -LARGE)
    peak = torch.full_like(logits, -LARGE).scatter_reduce(-1, group, logits.detach(), "amax")
    grown = (logits - peak.gather(-1, group)).exp() * visible
    total = torch.zeros_like(grown).scatter_add(-1, group, grown)
    return grown / total.gather(-1, group).clamp(min=1)  # the largest of a group counts 1


def sinusoids(value: Float[Tensor, "*n"], width: int) -> Float[Tensor, "*n D"]:
    """D = `width`: sines, then cosines, of the value times 10000^(-f / D) for even f."""
    frequency = 10000.0 ** (-torch.arange(0, width, 2, device=value.device) / width)
    angle = value[..., None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Layer(nn.Module):
    """Read, then feed-forward."""

    def __init__(self, width: int, heads: int, k: int | None) -> None:
        super().__init__()
        self.norm_read, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.places = PlaceAttention(width, heads, k)
        self.feed = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor, bank: Tensor, held: Tensor, place: Tensor) -> tuple[Float[Tensor, "B T D"], Read]:
        read = self.places(self.norm_read(x), bank, held, place)
        x = x + read.feature
        return x + self.feed(self.norm_feed(x)), read


@dataclass
class SpatialState:
    token: Float[Tensor, "B R D"]
    """e, without codes."""
    position: Float[Tensor, "B R 3"]
    """Metres, world frame."""
    time: Int[Tensor, "B R"]
    """Step of the episode, -1 in an empty slot."""
    written: Int[Tensor, " B"]
    """Steps since the episode began, refused ones too."""


class SpatialTransformer(Memory[SpatialState]):
    """F = `width`. `cell` is the side of a place in metres, `queue` the most rows one place may have (no bound from
    `rows` on), `item` the steps whose rows leave together, `k` the places opened by the read `places`; `attended` =
    min(k queue, rows), or all rows for the read `flat`.

    The trace is the store as the last layer read it; it is left out while gradients are recorded, as in window.py.
    """

    reads = frozenset({"embed", "position"})

    def __init__(
        self,
        input_dim: int,
        width: int,
        rows: int,
        queue: int,
        cell: float,
        k: int,
        layers: int,
        heads: int,
        rule: Rule | Literal["learned"] = "fifo",
        fallback: Rule = "fifo",
        actions: int | None = None,
        read: Literal["places", "flat"] = "places",
        item: int = 1,
        time_code: bool = True,
        place_code: bool = True,
        stop_gradient: bool = False,
    ) -> None:
        super().__init__()
        sizes = {"input_dim": input_dim, "rows": rows, "queue": queue, "k": k, "layers": layers, "heads": heads}
        for name, value in (sizes | {"item": item}).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if width < 4 or width % 4:
            raise ValueError(f"width must be a positive multiple of 4 for codes of x and y, got {width}")
        if rows < k:
            raise ValueError(f"rows must be at least k, got rows={rows}, k={k}")
        if rows % item or (queue < rows and queue % item):
            raise ValueError(f"rows and queue must be multiples of item, got rows={rows}, queue={queue}, item={item}")
        if not cell > 0:
            raise ValueError(f"cell must be above 0 metres, got {cell}")
        if actions is not None and actions < 0:
            raise ValueError(f"actions must be at least 0, got {actions}")
        if rule == "learned" and actions is None:
            raise ValueError("rule learned needs actions: how many numbers of control are the agent's own action")
        for name, chosen, choices in (
            ("rule", rule, (*RULES, "learned")),
            ("fallback", fallback, RULES),
            ("read", read, ("places", "flat")),
        ):
            if chosen not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {chosen!r}")
        self.width, self.rows, self.queue, self.cell, self.item, self.k = width, rows, queue, cell, item, k
        self.learned, self.rule = rule == "learned", RULES.index(fallback if rule == "learned" else rule)
        self.actions, self.time_code, self.place_code = actions or 0, time_code, place_code
        self.stop_gradient = stop_gradient
        self.feature_dim, self.attended = width, rows if read == "flat" else min(k * queue, rows)
        self.enter = nn.Linear(input_dim, width)
        self.layers = nn.ModuleList(Layer(width, heads, None if read == "flat" else k) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def initial(self, batch: int) -> SpatialState:
        zero = self.enter.weight.new_zeros
        empty = zero(batch, self.rows, dtype=torch.int64) - 1
        token, position = zero(batch, self.rows, self.width), zero(batch, self.rows, 3)
        return SpatialState(token, position, empty, zero(batch, dtype=torch.int64))

    def step(self, state: SpatialState, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[SpatialState, Recall]:
        state, recall = self.unroll(state, percept.alone(), reset[:, None])
        return state, recall.at(0)

    def unroll(self, state: SpatialState, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[SpatialState, Recall]:
        self.check(percept)
        here = cast(Tensor, percept.position)
        entered, now = self.enter(percept.embed), episode_steps(state.written, latest_reset(reset))
        new, where = entered, here
        if self.stop_gradient:
            new, where = new.detach(), where.detach()
        token, position = torch.cat([state.token, new], dim=1), torch.cat([state.position, where], dim=1)
        time, rule = torch.cat([state.time, now], dim=1), self.rules(percept)
        planned = plan(time, cells(position, self.cell), rule, reset, self.queue, self.item)
        bank, held = self.coded(token, time, position), planned.held()
        some = _held_by_some(held, self.k)
        x = self.coded(entered, now, here)
        for layer in self.layers:
            x, read = layer(x, bank[:, some], held[:, :, some], numbered(planned.place[:, some]))
        trace = {} if torch.is_grad_enabled() else _trace(read, some, planned, position, rule)
        state = SpatialState(
            token=_kept(token, planned.after),
            position=_kept(position, planned.after),
            time=time.gather(1, planned.after.clamp(min=0)).masked_fill(planned.after < 0, -1),
            written=now[:, -1] + 1,
        )
        return state, Recall(feature=self.norm(x), trace=trace)

    def draw(self, state: SpatialState, recall: Recall, row: int) -> Drawing:
        """The store as this step read it, before the step itself was written: every row with its share in the last
        layer, grouped by place, and whether it was dropped now; and the places where they lie, at the mean height of
        their rows; a group is the number of its place in that list.

        Raises ValueError for a recall made while gradients were recorded."""
        if "rows" not in recall.trace:
            raise ValueError("places are drawn from a recall with a trace: take the step under torch.no_grad()")
        trace = {name: part[row].cpu() for name, part in recall.trace.items()}
        held = trace["rows"] >= 0
        position, time = trace["positions"][held], trace["rows"][held].numpy()
        share = trace["weights"][held].float().numpy().clip(0, 1)
        cell, group = np.unique(cells(position, self.cell).numpy().reshape(-1, 2), axis=0, return_inverse=True)
        group = group.reshape(-1)
        labels = self._labels(cell, group, position[:, 2].float().numpy(), time, share)
        facts = {
            "rows": f"{len(time)} of {self.rows}",
            "places": str(len(cell)),
            "rule": RULES[int(trace["rule"])],
            "bytes": f"{nbytes(self.initial(1)):,}",
        }
        stays = set(state.time[row].tolist())
        kept = tuple("" if step in stays else "dropped now" for step in time.tolist())
        return Drawing((Moments("rows", time, share, group, share > 0, kept), labels), facts)

    def rules(self, percept: Percept) -> Int[Tensor, "B T"]:
        """Number of the rule by which each moment is written. Raises ValueError for a control of another layout."""
        named = torch.full(percept.embed.shape[:2], self.rule, device=percept.embed.device)
        if not self.learned or percept.control is None or percept.control.shape[-1] == self.actions:
            return named
        choice = percept.control[..., self.actions :]
        if choice.shape[-1] != len(RULES):
            raise ValueError(
                f"control must be {self.actions} numbers of the action and then {len(RULES)} of the rule "
                f"({', '.join(RULES)}), or the action alone, got {percept.control.shape[-1]}; set actions"
            )
        chosen = choice != 0
        if bool(((choice != 1) & chosen).any()) or bool((chosen.sum(-1) > 1).any()):
            raise ValueError(f"the rule in control must be one-hot over {', '.join(RULES)}, or all 0")
        return torch.where(chosen.any(-1), chosen.byte().argmax(-1), named)

    def coded(
        self, token: Float[Tensor, "B n D"], time: Int[Tensor, "B n"], position: Float[Tensor, "B n 3"]
    ) -> Float[Tensor, "B n D"]:
        """m = e + τ + π; π is [sinusoids of x / cell, of y / cell], half the width each."""
        if self.time_code:
            token = token + sinusoids(time.to(token.dtype), self.width)
        if self.place_code:
            token = token + sinusoids(position[..., :2] / self.cell, self.width // 2).flatten(-2)
        return token

    def _labels(
        self, cell: np.ndarray, group: np.ndarray, height: np.ndarray, time: np.ndarray, share: np.ndarray
    ) -> Labels:
        """Middles of the places, metres, with how many rows they have, of when, and what they count for."""
        positions, records = np.zeros((len(cell), 3)), []
        for number, square in enumerate(cell):
            mine = group == number
            positions[number] = *((square + 0.5) * self.cell), height[mine].mean()
            rows = f"{mine.sum()} of {min(self.queue, self.rows)} rows, steps {time[mine].min()} to {time[mine].max()}"
            records.append(f"{rows}, weight {share[mine].sum():.2f}")
        texts = tuple(f"{x:.1f}, {y:.1f} m" for x, y, _ in positions)
        return Labels("places", positions, texts, tuple(records))


def _kept(bank: Float[Tensor, "B N n"], slots: Int[Tensor, "B R"]) -> Float[Tensor, "B R n"]:
    """What the slots hold; zeros where empty."""
    rows = bank.gather(1, slots.clamp(min=0)[:, :, None].expand(-1, -1, bank.shape[2]))
    return rows.masked_fill((slots < 0)[:, :, None], 0.0)


def _held_by_some(held: Bool[Tensor, "B T N"], least: int) -> Int[Tensor, " n"]:
    """Rows of the bank that some step reads, at least `least`; where an episode begins the store is empty."""
    some = held.any(1).any(0)
    some[:least] = True
    return some.nonzero()[:, 0]


def _trace(
    read: Read, rows: Int[Tensor, " n"], planned: Plan, position: Float[Tensor, "B N 3"], rule: Int[Tensor, "B T"]
) -> dict[str, Tensor]:
    """Slot after slot: step of the episode (-1 empty), share and position of the row; and the rule in force."""
    empty, slots = planned.slots < 0, planned.slots.clamp(min=0)
    environment = torch.arange(len(slots), device=slots.device)[:, None, None]
    shares = read.shares.new_zeros(*read.shares.shape[:2], planned.time.shape[1]).index_copy(2, rows, read.shares)
    return {
        "rows": planned.time[environment, slots].masked_fill(empty, -1),
        "weights": shares.gather(2, slots).masked_fill(empty, 0.0),
        "positions": position[environment, slots].masked_fill(empty[..., None], 0.0),
        "rule": rule,
    }
