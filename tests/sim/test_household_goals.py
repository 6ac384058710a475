"""Goals: the earliest step for each group is exact, and nothing counts that was never brought about."""

from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest

from loci.sim.tasks.household_goals import Condition, Goal, Progress


def once(name: str) -> Condition:
    return Condition((name,), states=(("dirty", False),))


def end(name: str) -> Condition:
    return Condition((name,), states=(("dirty", False),), mode="end")


def armed(truth: np.ndarray) -> np.ndarray:
    """What counts of a table (T, C): a condition from the step on at which it was false before, or is false."""
    was_false = np.cumsum(~truth, axis=0) > 0
    return np.asarray(truth & was_false)


def by_all_choices(sizes: list[int], last: int, truth: np.ndarray) -> bool:
    """Whether steps t_1 <= t_2 <= … exist at which the groups hold, and the end conditions hold at the last step."""
    counted, edges = armed(truth), np.cumsum([0, *sizes]).tolist()
    groups = [np.asarray(counted[:, a:b].all(axis=1)) for a, b in pairwise(edges)]
    ways = combinations_with_replacement(range(len(truth)), len(sizes))
    met = any(all(group[t] for group, t in zip(groups, way, strict=True)) for way in ways)
    return met and bool(counted[-1, edges[-1] : edges[-1] + last].all())


def test_the_earliest_step_agrees_with_every_choice_of_steps() -> None:
    rng, outcomes = np.random.default_rng(0), []
    for _ in range(2000):
        sizes, last = [int(n) for n in rng.integers(1, 3, rng.integers(1, 4))], int(rng.integers(0, 2))
        truth = rng.random((int(rng.integers(1, 7)), sum(sizes) + last)) < 0.6
        progress = Progress(Goal(tuple((once("x"),) * n for n in sizes), (end("x"),) * last))
        for row in truth:
            progress.see(row.tolist())
        assert progress.complete == by_all_choices(sizes, last, truth)
        outcomes.append(progress.complete)
    assert 0.1 < np.mean(outcomes) < 0.9


def test_what_was_true_in_the_beginning_counts_only_after_it_was_false() -> None:
    progress = Progress(Goal(((once("a"),),), (end("b"),)))
    for _ in range(3):
        progress.see([True, True])
    assert not progress.complete
    assert progress.share == 0.0
    progress.see([False, False])
    progress.see([True, True])
    assert progress.complete
    assert progress.share == 1.0


def test_order_matters() -> None:
    goal = Goal(((once("a"),), (once("b"),)))
    first, second = Progress(goal), Progress(goal)
    for row in ([False, False], [True, False], [False, True]):
        first.see(row)
    for row in ([False, False], [False, True], [True, False]):
        second.see(row)
    assert first.complete
    assert not second.complete
    assert second.share == 0.5, "the first condition is met, the second was met too early"


def test_the_next_condition_is_the_first_that_is_not_met() -> None:
    goal = Goal(((once("a"), once("b")),), (end("c"),))
    progress = Progress(goal)
    progress.see([False, False, False])
    assert progress.next == goal.groups[0][0]
    progress.see([True, False, False])
    assert progress.next == goal.groups[0][1]
    progress.see([True, True, False])
    assert progress.next == goal.end[0]
    progress.see([False, False, True])
    assert progress.next is None


def test_goals_without_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"count must lie in 1..1, got 2"):
        Condition(("a",), states=(("dirty", False),), count=2)
    with pytest.raises(ValueError, match="places or states"):
        Condition(("a",))
    with pytest.raises(ValueError, match="opened, on, .*got wet"):
        Condition(("a",), states=(("wet", True),))
    with pytest.raises(ValueError, match="mode once"):
        Goal(((end("a"),),))
