"""The contract fails on memories that are broken on purpose, and passes on the sound one they are made from."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from loci.memories.layers import Drawing, Moments, Signals
from loci.memories.memory import Entry, MapMemory, Memory, Recall
from tests.contracts import memory_contract as contract
from tests.contracts.memory_contract import ENCODER, EVERY_MEMORY

D = ENCODER["embed_dim"]


@dataclass
class Trace:
    """A fading sum of inputs, and whatever a broken memory keeps beside it."""

    sum: Tensor
    extra: Any = None


class Sound(Memory[Trace]):
    """h ← keep · h / 2 + W x"""

    reads = frozenset({"embed"})
    feature_dim = D

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(D, D)

    def initial(self, batch):
        return Trace(torch.zeros(batch, D))

    def step(self, state, percept, reset):
        now = self.kept(state.sum, reset) / 2 + self.enter(percept.embed)
        return replace(state, sum=now), Recall(feature=now)

    def kept(self, past, reset):
        return past * ~reset[:, None]

    def draw(self, state, recall, row):
        return Drawing((Signals("sum", state.sum[row].numpy().copy()),))


class ForgetsToReset(Sound):
    def kept(self, past, reset):
        return past


class ResetsAfterTheWrite(Sound):
    def step(self, state, percept, reset):
        now = state.sum / 2 + self.enter(percept.embed)
        return Trace(self.kept(now, reset)), Recall(feature=now)


class InitialIsNoReset(Sound):
    def initial(self, batch):
        return Trace(torch.ones(batch, D))


class RemembersNothing(Sound):
    def kept(self, past, reset):
        return past * 0


class RowsShareState(Sound):
    def kept(self, past, reset):
        return past.mean(0, keepdim=True) * ~reset[:, None]


class PeeksAtTheEnd(Sound):
    def unroll(self, state, percept, reset):
        state, recall = super().unroll(state, percept, reset)
        return state, replace(recall, feature=recall.feature + percept.embed[:, -1:])


class UnrollIgnoresResets(Sound):
    def unroll(self, state, percept, reset):
        reset = torch.cat([reset[:, :1], torch.zeros_like(reset[:, 1:])], dim=1)
        return super().unroll(state, percept, reset)


class BeginsAnewInEveryWindow(Sound):
    def unroll(self, state, percept, reset):
        return super().unroll(self.initial(len(reset)), percept, reset)


class KeepsStateInTheModule(Sound):
    last = 0.0

    def step(self, state, percept, reset):
        state, recall = super().step(state, percept, reset)
        recall.feature = recall.feature + self.last
        self.last = recall.feature.mean().item()
        return state, recall


class GrowsForEver(Sound):
    def step(self, state, percept, reset):
        state, recall = super().step(state, percept, reset)
        return replace(state, extra=[*(state.extra or []), recall.feature]), recall


class Opaque:
    """A leaf no state operation can walk into, and whose clone is itself."""

    nbytes = 0

    def __init__(self, rows):
        self.rows = rows

    def clone(self):
        return self


class CloneShares(Sound):
    """Counts steps in a leaf that is mutated in place."""

    def initial(self, batch):
        return Trace(torch.zeros(batch, D), Opaque([0] * batch))

    def step(self, state, percept, reset):
        state, recall = super().step(state, percept, reset)
        counts = state.extra.rows
        counts[:] = [1 if new else count + 1 for count, new in zip(counts, reset.tolist(), strict=True)]
        return state, Recall(feature=recall.feature + torch.tensor(counts)[:, None])


class GradientLeaks(Sound):
    """Reads the past from a leaf that detach cannot see."""

    def initial(self, batch):
        return Trace(torch.zeros(batch, D), Opaque(torch.zeros(batch, D)))

    def step(self, state, percept, reset):
        now = self.kept(state.extra.rows, reset) / 2 + self.enter(percept.embed)
        return Trace(now.detach(), Opaque(now)), Recall(feature=now)


class CutsTheGradient(Sound):
    def step(self, state, percept, reset):
        state, recall = super().step(state, percept, reset)
        return state, replace(recall, feature=recall.feature.detach() + percept.embed)


class ReadsWhatItDoesNotDeclare(Sound):
    def step(self, state, percept, reset):
        state, recall = super().step(state, percept, reset)
        return state, replace(recall, feature=recall.feature + percept.position.sum(-1, keepdim=True))


class AcceptsAnything(Sound):
    """Declares words, and does without them when they are not there."""

    reads = frozenset({"embed", "language"})


class OneStateForAll(Sound):
    def initial(self, batch):
        return Trace(torch.zeros(batch, D), torch.zeros(100))


class DrawsNothing(Sound):
    def draw(self, state, recall, row):
        return Drawing()


class Drawn(Sound):
    """Draws one moment."""

    time, weight = 0, 1.0

    def draw(self, state, recall, row):
        return Drawing((Moments("first", np.array([self.time]), np.array([self.weight])),))


class DrawsTheFuture(Drawn):
    time = 40


class DrawsTheTimeBefore(Drawn):
    time = -1


class DrawsTooMuchWeight(Drawn):
    weight = 1.5


class RenamesItsLayers(Sound):
    def draw(self, state, recall, row):
        return Drawing((Signals(f"sum {state.sum[row, 0]:.2f}", state.sum[row].numpy()),))


class DrawsOnItsState(Sound):
    def draw(self, state, recall, row):
        state.sum[row] += 1e-3
        return Drawing(facts={"sum": "drawn"})


class CountsItsLookers(Sound):
    looks = 0

    def draw(self, state, recall, row):
        self.looks += 1
        return Drawing(facts={"looks": str(self.looks)})


class DrawsAllRows(Sound):
    def draw(self, state, recall, row):
        return Drawing((Signals("sum", state.sum.mean(0).numpy()),))


BROKEN = [
    (ForgetsToReset, contract.reset_forgets_everything),
    (ForgetsToReset, contract.initial_is_a_reset),
    (ResetsAfterTheWrite, contract.initial_is_a_reset),
    (InitialIsNoReset, contract.initial_is_a_reset),
    (RemembersNothing, contract.reset_forgets_everything),
    (RowsShareState, contract.rows_do_not_touch),
    (PeeksAtTheEnd, contract.no_peeking),
    (PeeksAtTheEnd, contract.unroll_equals_steps),
    (UnrollIgnoresResets, contract.unroll_equals_steps),
    (BeginsAnewInEveryWindow, contract.a_window_can_be_cut_anywhere),
    (KeepsStateInTheModule, contract.the_module_keeps_no_state),
    (GrowsForEver, contract.state_stops_growing),
    (CloneShares, contract.a_snapshot_is_independent),
    (GradientLeaks, contract.gradients_stay_in_the_window),
    (CutsTheGradient, contract.gradients_stay_in_the_window),
    (AcceptsAnything, contract.percepts_lacking_a_field_are_refused),
    (OneStateForAll, contract.bytes_are_per_row),
    (DrawsNothing, contract.drawings_show_the_episode),
    (DrawsTheFuture, contract.drawings_show_the_episode),
    (DrawsTheTimeBefore, contract.drawings_show_the_episode),
    (DrawsTooMuchWeight, contract.drawings_show_the_episode),
    (RenamesItsLayers, contract.drawings_show_the_episode),
    (DrawsOnItsState, contract.drawing_changes_nothing),
    (CountsItsLookers, contract.drawing_changes_nothing),
    (DrawsAllRows, contract.drawings_of_rows_do_not_touch),
]


@pytest.mark.parametrize("check", EVERY_MEMORY, ids=lambda check: check.__name__)
def test_a_sound_memory_passes(check):
    torch.manual_seed(0)
    check(Sound())


@pytest.mark.parametrize(("broken", "check"), BROKEN, ids=lambda part: part.__name__)
def test_a_broken_memory_fails(broken, check):
    torch.manual_seed(0)
    memory = broken()
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(memory)


def test_a_sound_drawing_of_moments_passes():
    contract.drawings_show_the_episode(Drawn())


def test_a_memory_that_reads_what_it_does_not_declare_fails():
    with pytest.raises(AttributeError):
        contract.unroll_equals_steps(ReadsWhatItDoesNotDeclare())


class Places(Sound, MapMemory[Trace]):
    """A map of four fixed things."""

    def maps(self, state):
        return [Row(self.order) for _ in range(len(state.sum))]

    order = 1


class FarthestFirst(Places):
    order = -1


class Row:
    def __init__(self, order):
        self.order = order

    def near(self, position, k):
        entries = [Entry(i, "chair", (float(i), 0.0, 0.0), float(i), -float(i)) for i in range(4)]
        return entries[:k][:: self.order]

    def find(self, query, k):
        return self.near(contract.PLACE, k)

    def neighbours(self, key):
        return []

    def describe(self, max_entries):
        return "four chairs"


def test_a_map_must_answer_nearest_first():
    contract.maps_answer(Places())
    with pytest.raises(AssertionError):
        contract.maps_answer(FarthestFirst())
