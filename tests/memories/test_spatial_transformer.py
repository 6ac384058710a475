"""What Cho et al. 2024 (arXiv 2402.15160) claim of the memory: its four rules, and control that chooses among them."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
import torch

from loci.memories.places import RULES, cells, plan, replaced
from tests.memories.small_spatial import CELL, PLAIN, B, C, R, memory, no_resets, part, stored, walk


class Dictionary:
    """The store as its definition reads: a dictionary of places, each a list of step numbers, oldest first."""

    def __init__(self, rows: int, queue: int, item: int = 1) -> None:
        self.rows, self.queue, self.item = rows, queue, item
        self.places: dict[tuple[int, int], list[int]] = defaultdict(list)

    def times(self) -> list[int]:
        return sorted(time for queue in self.places.values() for time in queue)

    def write(self, place: tuple[int, int], time: int, rule: str) -> None:
        full = len(self.times()) == self.rows
        if full and rule == "lifo":
            return
        if len(self.places[place]) == self.queue:
            self._drop(place)
        elif full:
            self._drop(self._loser(rule))
        self.places[place].append(time)

    def _drop(self, place: tuple[int, int]) -> None:
        """The oldest row of the place and all that came in the same steps."""
        queue = self.places[place]
        steps = queue[0] // self.item
        while queue and queue[0] // self.item == steps:
            queue.pop(0)

    def _loser(self, rule: str) -> tuple[int, int]:
        lived = {place: queue for place, queue in self.places.items() if queue}
        visits = {"fifo": 0, "lvfo": 1, "mvfo": -1}[rule]
        return min(lived, key=lambda place: (visits * len(lived[place]), lived[place][0]))


def place_of(position: torch.Tensor) -> tuple[int, int]:
    x, y = np.floor(position[:2].numpy() / np.float32(CELL)).astype(int)
    return int(x), int(y)


@torch.no_grad()
@pytest.mark.parametrize("queue", [C, PLAIN], ids=["queues", "pool"])
@pytest.mark.parametrize("item", [1, 3])
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_keeps_what_a_dictionary_keeps(rule, queue, item):
    spatial, percept = memory(rule=rule, queue=queue, item=item), walk(300)
    state, expected = spatial.initial(B), [Dictionary(R, queue, item) for _ in range(B)]
    for start in range(0, 300, 5):
        state, _ = spatial.unroll(state, part(percept, start, start + 5), no_resets(5))
        for row, store in enumerate(expected):
            for time in range(start, start + 5):
                store.write(place_of(percept.position[row, time]), time, rule)
            assert stored(state, row) == store.times()
    embed = spatial.enter(percept.embed)
    for row in range(B):
        time, filled = state.time[row], state.time[row, :, None] >= 0
        torch.testing.assert_close(state.token[row], embed[row, time] * filled)
        torch.testing.assert_close(state.position[row], percept.position[row, time] * filled)


@torch.no_grad()
@pytest.mark.parametrize("rule", RULES)
def test_rows_leave_one_by_one_and_only_when_a_queue_or_the_store_is_full(rule):
    spatial, percept = memory(rule=rule), walk(80, seed=3)
    rows = spatial.unroll(spatial.initial(B), percept, no_resets(80))[1].trace["rows"]
    for row in range(B):
        for time in range(79):
            before, after = (set(rows[row, step].tolist()) - {-1} for step in (time, time + 1))
            left, here = before - after, place_of(percept.position[row, time])
            crowd = [old for old in before if place_of(percept.position[row, old]) == here]
            assert len(left) <= 1
            assert after - before <= {time}
            if left:
                assert len(before) == R or len(crowd) == C
            if len(crowd) == C:
                assert left <= {min(crowd)}
            assert len(after) <= R


@pytest.mark.parametrize("rule", range(len(RULES)))
def test_a_full_queue_replaces_its_oldest_although_slots_are_empty(rule):
    time, place = torch.tensor([[4, 2, 3, -1, -1, 1]]), torch.tensor([[0, 0, 0, 0, 0, 7]])
    here, chosen = torch.tensor([0]), torch.tensor([rule])
    assert replaced(time, place, here, chosen, queue=3).tolist() == [1]
    assert replaced(time, place, here, chosen, queue=4).tolist() in ([3], [4])
    assert replaced(time, place, here + 7, chosen, queue=1).tolist() == [5]


HITS = {
    "fifo": (1.00, 0.00, 0.325, 0.763),
    "lifo": (0.00, 1.00, 0.675, 0.237),
    "lvfo": (0.396, 0.614, 1.00, 0.257),
    "mvfo": (0.774, 0.238, 0.173, 1.00),
}
"""Room Ballet: how often each rule still holds the target of each task (fifo, lifo, lvfo, mvfo), from a separate
simulation of the paper's visits, 4000 episodes, ties by the lowest place."""


def ballet(episodes: int) -> np.ndarray:
    """Rooms of 18 solos: room 0 eight times, others 3, 2, 1, 1, 1, 1, 1; at least 4 of the first 8 in room 0."""
    rng = np.random.default_rng(0)
    rooms = np.tile(np.repeat(np.arange(8), (8, 3, 2, 1, 1, 1, 1, 1)), (episodes, 1))
    rooms[:, 4:] = rng.permuted(rooms[:, 4:], axis=1)
    rooms[:, :8] = rng.permuted(rooms[:, :8], axis=1)
    return rooms


@pytest.mark.parametrize("item", [1, 3])
@pytest.mark.parametrize("rule", RULES)
def test_room_ballet_hit_rates(rule, item):
    episodes, items = 4000, 18
    rooms, steps, empty = ballet(episodes), items * item, 9 * item
    time = torch.full((episodes, empty + steps), -1)
    time[:, empty:] = torch.arange(steps)
    cell = torch.zeros(episodes, empty + steps, 2, dtype=torch.int64)
    cell[:, empty:, 0] = torch.from_numpy(rooms.repeat(item, axis=1))
    chosen = torch.full((episodes, steps), RULES.index(rule))
    after = plan(time, cell, chosen, no_resets(steps, episodes), PLAIN, item).after.numpy() - empty
    rows = (after[:, :, None] // item == np.arange(items)).sum(1)
    assert np.isin(rows, (0, item)).all()
    held = rows == item
    assert (held.sum(1) == 9).all()
    last = np.stack([items - 1 - (rooms[:, ::-1] == room).argmax(1) for room in range(8)], axis=1)
    hits = (held[:, 9:], held[:, :9], held[rooms == 0], np.take_along_axis(held, last, axis=1))
    own = RULES.index(rule)
    assert hits[own].all()
    assert [hit.mean() for hit in hits] == pytest.approx(HITS[rule], abs=0.025)


def test_places_are_half_open_squares_on_both_sides_of_zero():
    x = torch.tensor([-1.01, -1.0, -0.5, -1e-6, 0.0, 0.5, 0.99, 1.0])
    assert cells(torch.stack([x, -x, x], dim=-1), 1.0).tolist() == [
        [-2, 1], [-1, 1], [-1, 0], [-1, 0], [0, 0], [0, -1], [0, -1], [1, -1],
    ]  # fmt: skip
    assert cells(torch.tensor([-0.6, 0.6, 40.0]), 0.5).tolist() == [-2, 1]
    with pytest.raises(ValueError, match="position must be finite"):
        cells(torch.tensor([0.0, torch.nan, 0.0]), 1.0)


def control(choices: torch.Tensor, actions: int) -> torch.Tensor:
    """An action of any kind, then one-hot of the rule, all 0 for -1."""
    chosen = torch.nn.functional.one_hot(choices + 1, len(RULES) + 1)[..., 1:].float()
    return torch.cat([torch.randn(*choices.shape, actions), chosen], dim=-1)


@torch.no_grad()
@pytest.mark.parametrize("actions", [0, 3])
def test_control_chooses_the_rule_at_every_step(actions):
    spatial = memory(rule="learned", fallback="mvfo", actions=actions)
    choices = torch.randint(-1, 4, (B, 200), generator=torch.Generator().manual_seed(2))
    percept = replace(walk(200), control=control(choices, actions))
    state, recall = spatial.unroll(spatial.initial(B), percept, no_resets(200))
    assert torch.equal(recall.trace["rule"], torch.where(choices < 0, RULES.index("mvfo"), choices))
    for row in range(B):
        store = Dictionary(R, C)
        for time, choice in enumerate(choices[row].tolist()):
            store.write(place_of(percept.position[row, time]), time, RULES[choice] if choice >= 0 else "mvfo")
        assert stored(state, row) == store.times()


@torch.no_grad()
@pytest.mark.parametrize("given", [None, torch.ones(B, 60, 3)], ids=["no control", "the action alone"])
def test_without_a_choice_the_fallback_is_the_rule(given):
    learned, fixed = memory(rule="learned", fallback="lvfo", actions=3), memory(rule="lvfo")
    percept = replace(walk(60), control=given)
    one, other = (spatial.unroll(spatial.initial(B), percept, no_resets(60))[0] for spatial in (learned, fixed))
    assert torch.equal(one.time, other.time)


@torch.no_grad()
def test_a_fixed_rule_ignores_control():
    percept = replace(walk(60), control=control(torch.ones(B, 60, dtype=torch.int64), 0))
    state, _ = memory(rule="fifo").unroll(memory().initial(B), percept, no_resets(60))
    assert torch.equal(state.time, memory().unroll(memory().initial(B), walk(60), no_resets(60))[0].time)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.zeros(B, 1, 5), "3 numbers of the action and then 4 of the rule .* got 5"),
        (torch.zeros(B, 1, 2), "got 2"),
        (torch.ones(B, 1, 7), "one-hot over fifo, lifo, lvfo, mvfo"),
        (torch.full((B, 1, 7), 0.5), "one-hot"),
    ],
)
def test_controls_of_another_layout_are_refused(given, message):
    spatial = memory(rule="learned", actions=3)
    with pytest.raises(ValueError, match=message):
        spatial.unroll(spatial.initial(B), replace(walk(1), control=given), no_resets(1))
