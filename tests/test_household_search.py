"""The order of search: exact means against enumeration of all orders."""

import itertools

import numpy as np
import pytest

from benchmarks.household_search import AREAS, distribution


@pytest.mark.parametrize(
    ("score", "targets"),
    [([0, 0, 0, 0, 0], {2}), ([0, 0, 0, 0, 0], {1, 4}), ([2, 1, 1, 0, 0], {2, 3}), ([1, 1, 0, 0, 0], {0, 1})],
)
def test_the_distribution_is_that_of_all_orders(score: list[int], targets: set[int]) -> None:
    """Of five areas; the other four score less."""
    whole = np.array([*score, *[-1] * (AREAS - 5)], float)
    visits = []
    for order in itertools.permutations(range(5)):
        if all(score[one] >= score[other] for one, other in itertools.pairwise(order)):
            visits.append(1 + min(order.index(target) for target in targets))
    expected = np.bincount(visits, minlength=AREAS + 1) / len(visits)
    assert distribution(whole, targets) == pytest.approx(expected)


def test_no_target_is_refused() -> None:
    with pytest.raises(ValueError, match="targets must be areas"):
        distribution(np.zeros(AREAS), set())
