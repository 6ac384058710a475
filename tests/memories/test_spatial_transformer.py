"""What Cho et al. 2024 (arXiv 2402.15160) claim of the memory: the four rules, the read place first, the allocator."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from loci.memories import state as states
from loci.memories.memory import Percept
from loci.memories.places import RULES, cells, plan, replaced
from loci.memories.spatial_transformer import PlaceAttention, SpatialState, SpatialTransformer, softmax_within
from tests.contracts.memory_contract import EVERY_MEMORY
from tests.contracts.test_memory_contract import build

B, D, E, R, C, K = 2, 8, 5, 12, 3, 2
CELL = 0.75
PLAIN = 10**6
"""A queue without bound: the rules alone."""


def memory(**arguments) -> SpatialTransformer:
    torch.manual_seed(0)
    sizes = {"input_dim": E, "width": D, "rows": R, "queue": C, "cell": CELL, "k": K, "layers": 1, "heads": 2}
    return SpatialTransformer(**{**sizes, **arguments})


def walk(steps: int, seed: int = 0, stride: float = 0.5) -> Percept:
    """Random walks over both signs of both axes."""
    draw = torch.Generator().manual_seed(seed)
    position = (torch.randn(B, steps, 3, generator=draw) * stride).cumsum(1)
    return Percept(torch.randn(B, steps, E, generator=draw), position=position)


def no_resets(steps: int, batch: int = B) -> torch.Tensor:
    return torch.zeros(batch, steps, dtype=torch.bool)


def part(percept: Percept, start: int, end: int) -> Percept:
    control = None if percept.control is None else percept.control[:, start:end]
    return Percept(percept.embed[:, start:end], position=percept.position[:, start:end], control=control)


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


def stored(state: SpatialState, row: int) -> list[int]:
    return sorted(time for time in state.time[row].tolist() if time >= 0)


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


def stated_read(spatial: PlaceAttention, x: np.ndarray, rows: np.ndarray, places: list[int], k: int) -> np.ndarray:
    """One query over the rows held, written out: means of keys, k best, softmax, attention inside each place."""

    def weights(linear: torch.nn.Linear, count: int) -> np.ndarray:
        return np.split(linear.weight.detach().double().numpy(), count)

    def softmax(logits: np.ndarray) -> np.ndarray:
        grown = np.exp(logits - logits.max())
        return grown / grown.sum()

    ask, key = weights(spatial.summary, 2)
    members = {place: rows[[n for n, other in enumerate(places) if other == place]] for place in places}
    fit = {place: (ask @ x) @ (rows @ key.T).mean(0) / np.sqrt(D) for place, rows in members.items()}
    best = sorted(fit, key=fit.__getitem__, reverse=True)[:k]
    total, heads = np.zeros(D), spatial.heads
    (to_query, to_key), (to_value,), (out,) = (
        weights(layer, n) for layer, n in ((spatial.query_key, 2), (spatial.value, 1), (spatial.out, 1))
    )
    for weight, place in zip(softmax(np.array([fit[place] for place in best])), best, strict=True):
        inside = members[place]
        for head in range(heads):
            part = slice(head * D // heads, (head + 1) * D // heads)
            logits = (inside @ to_key.T)[:, part] @ (to_query @ x)[part] / np.sqrt(D / heads)
            total[part] += weight * softmax(logits) @ (inside @ to_value.T)[:, part]
    return out @ total


@torch.no_grad()
@pytest.mark.parametrize("k", [1, 2, 9])
def test_read_equals_its_statement_in_numpy(k):
    torch.manual_seed(1)
    read, steps, rows = PlaceAttention(D, 2, k), 4, 14
    x, bank, held = torch.randn(B, steps, D), torch.randn(B, rows, D), torch.rand(B, steps, rows) < 0.7
    place = torch.randint(0, 5, (B, rows))
    got = read(x, bank, held, place)
    for row in range(B):
        for step in range(steps):
            seen = held[row, step]
            places = place[row][seen].tolist()
            expected = stated_read(read, x[row, step].double().numpy(), bank[row][seen].double().numpy(), places, k)
            np.testing.assert_allclose(got.feature[row, step].numpy(), expected, atol=1e-5)
            opened = {int(place[row, n]) for n in range(rows) if got.shares[row, step, n] > 0}
            assert len(opened) == min(k, len(set(places)))
    torch.testing.assert_close(got.shares.sum(-1), torch.ones(B, steps))
    assert not got.shares[~held].any()


def test_an_empty_store_reads_exactly_nothing():
    read = PlaceAttention(D, 2, K)
    nothing = read(torch.randn(1, 1, D), torch.randn(1, 4, D), no_resets(4, 1)[:, None], torch.arange(4)[None])
    assert not nothing.feature.any()
    assert not nothing.shares.any()


def test_softmax_within_groups_of_very_different_logits():
    logits, group = torch.tensor([500.0, 501.0, -500.0, -501.0, 7.0]), torch.tensor([0, 0, 3, 3, 3])
    visible = torch.tensor([True, True, True, True, False])
    expected = torch.cat([logits[:2].softmax(0), logits[2:4].softmax(0), torch.zeros(1)])
    torch.testing.assert_close(softmax_within(logits, visible, group), expected)


def lived(spatial: SpatialTransformer, position: torch.Tensor | None = None) -> SpatialState:
    percept = walk(30, seed=5, stride=0.3)
    percept = percept if position is None else replace(percept, position=position.expand(B, 30, 3))
    return spatial.unroll(spatial.initial(B), percept, no_resets(30))[0]


def read_of(spatial: SpatialTransformer, state: SpatialState) -> torch.Tensor:
    return spatial.step(states.clone(state), walk(1, seed=9).at(0), no_resets(1)[:, 0])[1].feature


@torch.no_grad()
@pytest.mark.parametrize("read", ["places", "flat"])
def test_slots_have_no_order(read):
    spatial = memory(read=read)
    state, order = lived(spatial), torch.randperm(R)
    shuffled = SpatialState(state.token[:, order], state.position[:, order], state.time[:, order], state.written)
    torch.testing.assert_close(read_of(spatial, shuffled), read_of(spatial, state), atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("coded", [True, False])
def test_time_matters_through_its_code_alone(coded):
    spatial = memory(time_code=coded)
    state = lived(spatial)
    other = replace(state, time=state.time.flip(1))
    assert torch.allclose(read_of(spatial, other), read_of(spatial, state), atol=1e-5) != coded


@torch.no_grad()
@pytest.mark.parametrize("coded", [True, False])
def test_place_matters_to_a_flat_read_through_its_code_alone(coded):
    spatial = memory(read="flat", place_code=coded)
    state = lived(spatial)
    other = replace(state, position=state.position.flip(1))
    assert torch.allclose(read_of(spatial, other), read_of(spatial, state), atol=1e-5) != coded


@torch.no_grad()
def test_place_matters_to_the_read_by_place_without_any_code():
    spatial = memory(place_code=False)
    state = lived(spatial)
    other = replace(state, position=state.position.flip(1))
    assert not torch.allclose(read_of(spatial, other), read_of(spatial, state), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("read", ["places", "flat"])
def test_places_are_measured_in_cells(read):
    metres, doubled = memory(read=read), memory(read=read, cell=2 * CELL)
    percept = walk(30)
    one = metres.unroll(metres.initial(B), percept, no_resets(30))[1]
    far = replace(percept, position=2 * percept.position)
    torch.testing.assert_close(doubled.unroll(doubled.initial(B), far, no_resets(30))[1].feature, one.feature)


@torch.no_grad()
def test_one_place_that_holds_all_is_flat_attention():
    places, flat = memory(queue=R, layers=2), memory(queue=R, layers=2, read="flat")
    flat.load_state_dict({name: part for name, part in places.state_dict().items() if "summary" not in name})
    percept = replace(walk(30), position=torch.rand(B, 30, 3) * CELL)
    one, other = (spatial.unroll(spatial.initial(B), percept, no_resets(30))[1] for spatial in (places, flat))
    torch.testing.assert_close(one.feature, other.feature)
    percept.position[:, ::2, 0] -= CELL
    one, other = (spatial.unroll(spatial.initial(B), percept, no_resets(30))[1] for spatial in (places, flat))
    assert not torch.allclose(one.feature, other.feature, atol=1e-3)


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


@pytest.mark.parametrize("stop", [True, False])
def test_gradient_into_stored_rows(stop):
    spatial, percept = memory(stop_gradient=stop), walk(6)
    percept.embed.requires_grad_()
    percept.position.requires_grad_()
    _, recall = spatial.unroll(spatial.initial(B), percept, no_resets(6))
    (recall.feature[:, -1] * torch.randn(D)).sum().backward()
    for gradient in (percept.embed.grad, percept.position.grad):
        assert gradient[:, -1].any()
        assert bool(gradient[:, :-1].any()) != stop


@torch.no_grad()
def test_empty_slots_are_never_read():
    spatial, percept = memory(), walk(6)
    dirty = spatial.initial(B)
    dirty.token.fill_(1e3)
    dirty.position.fill_(0.5)
    _, one = spatial.unroll(dirty, percept, no_resets(6))
    _, other = spatial.unroll(spatial.initial(B), percept, no_resets(6))
    assert torch.equal(one.feature, other.feature)


@torch.no_grad()
def test_drawing_shows_rows_by_place():
    spatial, percept = memory(cell=2.0), walk(40)
    state, _ = spatial.unroll(spatial.initial(B), part(percept, 0, 39), no_resets(39))
    held, position = stored(state, 1), percept.position[1]
    state, recall = spatial.step(state, percept.at(39), no_resets(1)[:, 0])
    drawing = spatial.draw(state, recall, 1)
    rows, labels = drawing.layers
    assert sorted(rows.time.tolist()) == held
    assert rows.weight.sum() == pytest.approx(1.0, abs=1e-5)
    assert (rows.opened == (rows.weight > 0)).all()
    assert len(set(rows.group[rows.opened].tolist())) <= K
    for time, group in zip(rows.time, rows.group, strict=True):
        middle = (torch.floor(position[time, :2] / 2.0) + 0.5) * 2.0
        np.testing.assert_allclose(labels.positions[group][:2], middle.numpy())
    for group, record in enumerate(labels.records):
        times = rows.time[rows.group == group]
        assert record.startswith(f"{len(times)} of {C} rows, steps {times.min()} to {times.max()}, weight ")
        assert labels.positions[group][2] == pytest.approx(float(position[times, 2].mean()), abs=1e-5)
    assert drawing.facts["rows"] == f"{len(held)} of {R}"
    assert drawing.facts["places"] == str(len(labels.texts))
    assert drawing.facts["rule"] == "fifo"
    gone = sorted(set(held) - set(stored(state, 1)))
    assert [step for step, word in zip(rows.time, rows.kept, strict=True) if word == "dropped now"] == gone
    assert len(gone) == 1


def test_a_recall_without_trace_is_not_drawn():
    spatial = memory()
    state, recall = spatial.step(spatial.initial(B), walk(1).at(0), no_resets(1)[:, 0])
    with pytest.raises(ValueError, match="under torch.no_grad"):
        spatial.draw(state, recall, 0)


def test_sizes_are_as_stated():
    spatial = memory()
    assert states.nbytes(spatial.initial(B)) == B * (R * (4 * D + 12 + 8) + 8)
    assert spatial.attended == K * C
    assert memory(queue=PLAIN).attended == memory(read="flat").attended == R


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"queue": 0}, "queue must be at least 1, got 0"),
        ({"width": 6}, "multiple of 4 .* got 6"),
        ({"width": 12, "heads": 5}, "multiple of heads, got width=12, heads=5"),
        ({"rows": 1}, "rows must be at least k, got rows=1, k=2"),
        ({"item": 5}, "multiples of item, got rows=12, queue=3, item=5"),
        ({"item": 2}, "multiples of item, got rows=12, queue=3, item=2"),
        ({"cell": 0.0}, "cell must be above 0 metres, got 0.0"),
        ({"actions": -1}, "actions must be at least 0, got -1"),
        ({"rule": "learned"}, "rule learned needs actions"),
        ({"rule": "lru"}, "rule"),
        ({"fallback": "learned"}, "fallback"),
        ({"read": "tree"}, "read"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises((ValueError, TypeCheckError), match=message):  # the suite checks the choices of words first
        memory(**arguments)


@pytest.mark.parametrize("changes", [{"rule": "lvfo", "queue": 2}, {"rule": "mvfo", "read": "flat"}], ids=str)
@pytest.mark.parametrize("check", EVERY_MEMORY, ids=lambda check: check.__name__)
def test_other_rules_and_reads_keep_the_contract(changes, check):
    check(build("spatial_transformer", **changes))
