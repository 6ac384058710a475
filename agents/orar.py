"""A recurrent policy for instructions that tell a way: it reads the sentence along while it walks.

After ORAR (Schumann & Riezler 2022, arXiv 2203.13838): a first LSTM over what is sensed, attention of its state over
the words of the instruction, and a second LSTM from which the action is read. What the memory recalls goes into the
second.

Letters: B environments, T steps, S sentences, L words, W width of a word's vector, H hidden units, F of the recall.
*Differs from the paper:* words are fixed vectors, whose order is told by two LSTMs in ORAR and by a bidirectional GRU
here; what is seen are landmarks in the same space, so that the words attended to are compared with each direction; both
LSTMs begin anew with every instruction.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from loci.agents.policy import Policy
from loci.agents.street_encoder import StreetObservation
from loci.memories.memory import Percept, Recall

Cell = tuple[Float[Tensor, "B H"], Float[Tensor, "B H"]]


@dataclass
class Reading:
    """Where the policy is in an instruction."""

    walk: Cell
    act: Cell
    leg: Int[Tensor, " B"]
    """Number of the instruction; -1 before the first."""


class Orar(Policy):
    """`word_dim` is W, `width` is H; the first four arguments are those of every policy."""

    def __init__(
        self,
        embed_dim: int,
        vision_dim: int,
        feature_dim: int,
        actions: int,
        word_dim: int,
        width: int = 128,
        heads: int = 2,
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise ValueError(f"width must be a multiple of 2 heads, got width={width}, heads={heads}")
        self.width, self.heads = width, heads
        self.text = nn.GRU(word_dim, width // 2, batch_first=True, bidirectional=True)
        self.walk = nn.LSTMCell(embed_dim, width)
        self.query = nn.Linear(width, width)
        self.norm = nn.LayerNorm(feature_dim)
        self.act = nn.LSTMCell(2 * width + 5 * heads + feature_dim, width)
        self.logits, self.value = nn.Linear(width, actions), nn.Linear(width, 1)

    def initial(self, batch: int) -> Reading:
        zero = self.query.weight.new_zeros(batch, self.width)
        return Reading((zero, zero), (zero, zero), zero.new_full((batch,), -1, dtype=torch.int64))

    def forward(
        self, state: Reading, obs: StreetObservation, percept: Percept, recall: Recall, reset: Bool[Tensor, "B T"]
    ) -> tuple[Reading, Float[Tensor, "B T A"], Float[Tensor, "B T"]]:
        codes, absent = self._read(obs.sentences)
        remembered, hidden, leg = self.norm(recall.feature), [], state.leg
        walk, act = state.walk, state.act
        for t in range(reset.shape[1]):
            fresh = reset[:, t] | (obs.leg[:, t] != leg)
            walk, act, leg = _anew(walk, fresh), _anew(act, fresh), obs.leg[:, t]
            walk = self.walk(percept.embed[:, t], walk)
            told = obs.told[:, t]
            said, share = self._attend(walk[0], codes[told], absent[told])
            spoken = torch.einsum("bhl,blw->bhw", share, obs.sentences[told])
            seen = torch.einsum("bhw,bdw->bhd", spoken, obs.landmarks[:, t]).flatten(1)
            act = self.act(torch.cat([walk[0], said, seen, remembered[:, t]], dim=-1), act)
            hidden.append(act[0])
        out = torch.stack(hidden, dim=1)
        return Reading(walk, act, leg), self.logits(out), self.value(out).squeeze(-1)

    def _read(self, sentences: Float[Tensor, "S L W"]) -> tuple[Float[Tensor, "S L H"], Bool[Tensor, "S L"]]:
        """Codes of the words in their order, and where there are none."""
        absent = ~sentences.any(dim=-1)
        absent[:, 0] = False
        packed = nn.utils.rnn.pack_padded_sequence(
            sentences, (~absent).sum(dim=1).cpu(), batch_first=True, enforce_sorted=False
        )
        codes, _ = self.text(packed)
        return nn.utils.rnn.pad_packed_sequence(codes, batch_first=True, total_length=sentences.shape[1])[0], absent

    def _attend(
        self, walk: Float[Tensor, "B H"], codes: Float[Tensor, "B L H"], absent: Bool[Tensor, "B L"]
    ) -> tuple[Float[Tensor, "B H"], Float[Tensor, "B h L"]]:
        """What the words say to the walker, and how much each head attends to each word."""
        query = self.query(walk).unflatten(1, (self.heads, -1))
        keys = codes.unflatten(2, (self.heads, -1))
        logits = torch.einsum("bhe,blhe->bhl", query, keys) * query.shape[-1] ** -0.5
        share = logits.masked_fill(absent[:, None], -torch.inf).softmax(dim=-1)
        return torch.einsum("bhl,blhe->bhe", share, keys).flatten(1), share


def _anew(cell: Cell, fresh: Bool[Tensor, " B"]) -> Cell:
    keep = (~fresh)[:, None].to(cell[0].dtype)
    return cell[0] * keep, cell[1] * keep
