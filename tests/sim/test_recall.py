"""Recall and rewriting: players that read the pictures reach the closed forms, and nothing but the pairs tells."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loci.agents.encoder import Encoder
from loci.agents.language import Tokenizer
from loci.agents.rollout import Demonstrations
from loci.sim.gymnasium_vector import GymnasiumVectorEnv
from loci.sim.tasks.recall import COLOURS, PICTURES, Recall, any_ceiling, capacity_ceiling, first_ceiling

NAMES = list(COLOURS)
Seen = list[tuple[bytes, int]]
"""Keys and colours in the order in which a player saw them."""


def read(picture: np.ndarray) -> tuple[bytes, int]:
    """The outer blocks of a picture, and the number of the colour in its middle, -1 for black."""
    middle, outer = picture[4, 4].tolist(), picture.copy()
    outer[3:6, 3:6] = 0
    return outer.tobytes(), [list(colour) for colour in COLOURS.values()].index(middle) if any(middle) else -1


def played(env: Recall, seed: int, recall: Callable[[Seen, bytes], int]) -> dict[str, np.ndarray]:
    """Metrics of one episode a row, answered by `recall` (pairs seen, key asked), which knows pictures alone."""
    step = env.reset(seed)
    seen: list[Seen] = [[] for _ in range(env.batch)]
    found: dict[str, np.ndarray] = {}
    done = np.zeros(env.batch, bool)
    while not done.all():
        actions = np.zeros(env.batch, int)
        for row in np.flatnonzero(~done):
            key, colour = read(step.obs["rgb"][row])
            if step.obs["instruction"][row] == "look":
                seen[row].append((key, colour))
            elif step.obs["instruction"][row] == "what colour":
                assert colour == -1
                actions[row] = recall(seen[row], key)
        step = env.step(actions)
        ended = (step.terminated | step.truncated) & ~done
        for name, values in step.metrics.items():
            found[name] = np.where(ended, values, found.get(name, np.zeros(env.batch)))
        done |= ended
    return found


def newest(capacity: int) -> Callable[[Seen, bytes], int]:
    """Holds the last so many pairs and answers with the newest; red where it knows nothing."""

    def recall(seen: Seen, key: bytes) -> int:
        known = [colour for k, colour in seen[len(seen) - min(capacity, len(seen)) :] if k == key]
        return known[-1] if known else 0

    return recall


def close(rate: np.ndarray, expected: float) -> bool:
    """Within five standard errors of a share."""
    return bool(abs(rate.mean() - expected) <= 5 * np.sqrt(expected * (1 - expected) / len(rate)) + 1e-12)


@pytest.mark.parametrize(
    ("pairs", "writes", "values", "capacity"),
    [(6, 1, 8, 0), (6, 1, 8, 2), (6, 1, 3, 5), (6, 1, 8, 6), (3, 4, 8, 1), (3, 4, 8, 4), (3, 4, 2, 9), (5, 2, 8, 3)],
)
def test_a_memory_of_the_last_pairs_reaches_its_closed_form(
    pairs: int, writes: int, values: int, capacity: int
) -> None:
    """3000 episodes."""
    env = Recall(3000, pairs, writes, 2, values)
    expected = capacity_ceiling(capacity, pairs, values, writes)
    assert close(played(env, 1, newest(capacity))["success"], expected)


def test_closed_forms_by_hand() -> None:
    assert capacity_ceiling(0, 8, 4) == env_ceiling(4) == 1 / 4
    assert capacity_ceiling(2, 8, 4) == pytest.approx(2 / 8 + 6 / 8 / 4)
    assert capacity_ceiling(8, 8, 4) == capacity_ceiling(99, 8, 4) == 1.0
    assert capacity_ceiling(2, 2, 2, 2) == pytest.approx(
        5 / 6 + 1 / 12
    )  # of the 6 orders of AABB one ends in AA, one in BB
    assert first_ceiling(8, 1) == any_ceiling(8, 1) == 1.0
    assert first_ceiling(8, 4) == 1 / 8
    assert any_ceiling(8, 4) == pytest.approx(1 / 4 + 3 / 4 / 8)


def env_ceiling(values: int) -> float:
    return Recall(1, values=values).ceiling


def test_the_last_pairs_are_counted_over_every_order() -> None:
    """All orders of 3 keys written twice: how often a key is among the last m."""
    orders = set(itertools.permutations([0, 0, 1, 1, 2, 2]))
    for m in range(7):
        held = np.mean([k in order[6 - m :] for order in orders for k in range(3)])
        assert capacity_ceiling(m, 3, 8, 2) == pytest.approx(held + (1 - held) / 8)


@pytest.mark.parametrize("writes", [2, 5])
def test_a_memory_of_the_first_or_of_any_colour_reaches_its_closed_form(writes: int) -> None:
    env, rng = Recall(3000, 3, writes, 1, 4), np.random.default_rng(0)
    first = played(env, 2, lambda seen, key: next(c for k, c in seen if k == key))
    some = played(env, 3, lambda seen, key: int(rng.choice([c for k, c in seen if k == key])))
    assert close(first["success"], first_ceiling(4, writes))
    assert close(first["stale"], 1 - first_ceiling(4, writes))
    assert close(some["success"], any_ceiling(4, writes))
    assert np.array_equal(some["success"] + some["stale"], np.ones(3000))


def test_a_perfect_memory_never_fails_and_without_colours_it_guesses() -> None:
    lists: dict[str, Any] = {"pairs": [1, 3, 8], "writes": [1, 3], "delay": [0, 5], "queries": 3}
    assert played(Recall(500, **lists), 4, newest(99))["success"].all()
    blank = played(Recall(3000, 4, 2, 1, 5, blank=True), 4, lambda seen, key: max(0, newest(99)(seen, key)))
    assert close(blank["success"], 1 / 5)
    guess = played(Recall(3000, 3, 4, 1, 5), 5, lambda seen, key: 2)
    assert close(guess["success"], 1 / 5)
    assert close(guess["stale"], (1 - 1 / 5) * (1 - (1 - 1 / 5) ** 3))


def test_the_clock_and_the_teacher() -> None:
    """3 pairs twice, 4 distractors, 2 questions."""
    env = Recall(3, 3, 2, 4, queries=2)
    step = env.reset(0)
    for frame in range(12):
        said = "look" if frame < 6 else "wait" if frame < 10 else "what colour"
        assert step.obs["instruction"].tolist() == [said] * 3
        assert not step.obs["words"].any()
        actions, weight = env.expert(default=3)
        assert (weight == (frame >= 10)).all()
        assert frame >= 10 or (actions == 3).all()
        step = env.step(actions)
        assert (step.reward == 0.5 * (frame >= 10)).all()
        assert (step.terminated == (frame == 11)).all()
    assert step.metrics["success"].tolist() == [1.0] * 3
    assert env.max_steps == 12
    again = env.step(np.zeros(3, int))
    assert again.reset.all()
    assert (again.obs["instruction"] == "look").all()


def test_every_key_is_written_as_often_and_distractors_have_keys_of_their_own() -> None:
    env = Recall(200, 5, 3, 7)
    step, rows = env.reset(0), []
    for _ in range(22):
        rows.append([read(picture) for picture in step.obs["rgb"]])
        step = env.step(np.zeros(200, int))
    for row in zip(*rows, strict=True):
        keys = [key for key, _ in row]
        assert sorted(map(keys[:15].count, set(keys[:15]))) == [3] * 5
        assert not set(keys[:15]) & set(keys[15:])
        assert all(colour >= 0 for _, colour in row)


def test_everything_is_drawn_alike() -> None:
    """4000 episodes: five standard errors of each count; neighbours in time are independent."""
    env = Recall(4000, [2, 4], 2, [0, 3], 8)
    env.reset(0)
    first, last = env.value[:, 0] - 1, env.answer[np.arange(4000), env.length - 1] - 1
    for drawn, count in ((first, 8), (last, 8), (env.key[:, 0], 70), (env.length, 4)):
        _, found = np.unique(drawn, return_counts=True)
        assert len(found) == count
        assert abs(found - 4000 / count).max() < 5 * np.sqrt(4000 / count)
    table = np.corrcoef([first, env.value[:, 1], env.key[:, 0], env.length])
    assert abs(table - np.eye(4)).max() < 5 / np.sqrt(4000)


def test_the_twin_is_told_and_every_sentence_can_be_spelled() -> None:
    env = Recall(50, 3, 2, 1, twin=True)
    step = env.reset(0)
    for _ in range(7):
        step = env.step(np.zeros(50, int))
    told = [sentence.removeprefix("what colour this is ") for sentence in step.obs["instruction"].tolist()]
    assert [NAMES.index(name) for name in told] == env.expert(0)[0].tolist()
    assert Tokenizer().encode(step.obs["instruction"]).shape[0] == 50
    assert env.step(env.expert(0)[0]).reward.all()


def test_no_two_pictures_are_alike_and_every_key_is_as_bright() -> None:
    assert len(PICTURES) == 70 * 9 == len({picture.tobytes() for picture in PICTURES})
    assert (PICTURES[::9].sum(axis=(1, 2, 3)) == 4 * 9 * 3 * 255).all()


def trace(batch: int, seed: int, rows: int) -> list[np.ndarray]:
    env = Recall(batch, [2, 5], [1, 3], [0, 4], queries=2)
    step, taken = env.reset(seed), []
    for t in range(60):
        taken += [step.obs[name][:rows].copy() for name in ("rgb", "instruction")] + [step.reward[:rows]]
        step = env.step(np.full(batch, t % 8))
    return taken


def test_rows_are_the_same_whatever_the_batch_and_differ_from_seed_to_seed() -> None:
    first, same, wide, other = trace(2, 5, 2), trace(2, 5, 2), trace(9, 5, 2), trace(2, 6, 2)
    assert all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(first, same, wide, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert not np.array_equal(first[0][0], first[0][1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pairs": 65}, "pairs must lie in 1..64, got"),
        ({"pairs": []}, "pairs must lie in 1..64, got"),
        ({"writes": [1, 0]}, "writes must be 1 or more"),
        ({"delay": -1}, "delay must be 0 or more"),
        ({"values": 9}, "values must lie in 2..8"),
        ({"queries": 0}, "queries must be 1 or more"),
    ],
)
def test_what_cannot_be_recalled_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recall(2, **settings)
    with pytest.raises(ValueError, match="capacity must be 0 or more"):
        capacity_ceiling(-1, 2, 2)


def test_demonstrations_and_gymnasium_take_it_as_it_is() -> None:
    window = Demonstrations(Recall(4, 3, delay=2, queries=2), Encoder(16, 16, 8, channels=2), 0.0, 0).window(16)
    assert window.obs.rgb.shape == (4, 16, 9, 9, 3)
    assert window.finished == 8
    assert window.weight.sum() == 4 * 2 * 2
    env = GymnasiumVectorEnv(Recall(3))
    assert env.observation_space.contains(env.reset(seed=0)[0])
    assert env.observation_space.contains(env.step(np.zeros(3, int))[0])
