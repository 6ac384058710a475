"""Statistics against closed forms, and against their own promises by simulation."""

import numpy as np
import pytest
from scipy import stats

from loci.agents.statistics import bootstrap, holm, paired_test, stratified_bootstrap

RNG = np.random.default_rng(0)


def test_the_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = RNG.normal(3.0, 2.0, 400)
    found = bootstrap(values)
    error = values.std() / 20.0
    assert found["mean"] == pytest.approx(values.mean())
    assert found["low"] == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found["high"] == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_a_constant_has_an_interval_of_no_width() -> None:
    assert bootstrap([1.0] * 9) == {"mean": 1.0, "low": 1.0, "high": 1.0, "count": 9}


def test_seeds_that_disagree_widen_the_interval() -> None:
    agree = stratified_bootstrap([[0.0, 1.0] * 50] * 3)
    differ = stratified_bootstrap([[0.0] * 100, [0.0, 1.0] * 50, [1.0] * 100])
    assert agree["mean"] == differ["mean"] == 0.5
    assert differ["high"] - differ["low"] > 3 * (agree["high"] - agree["low"])


def test_seeds_with_different_numbers_of_episodes_are_refused() -> None:
    with pytest.raises(ValueError, match="same number of episodes, got"):
        stratified_bootstrap([[1.0], [1.0, 0.0]])


@pytest.mark.parametrize("bad", [[], [np.nan, 1.0]])
def test_values_that_are_not_finite_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="bootstrap needs finite values"):
        bootstrap(bad)


def test_the_paired_test_agrees_with_the_exact_sign_flip_distribution() -> None:
    a, b = [[1.0, 1.0, 1.0, 0.0, 1.0, 1.0]], [[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]
    exact = 2 * (1 + 6) / 2**6  # |sum| >= 4 of six fair signs: all or five the same
    assert paired_test(a, b) == pytest.approx(exact, abs=0.03)


def test_equal_rows_are_no_evidence() -> None:
    assert paired_test([[0.0, 1.0, 1.0]], [[0.0, 1.0, 1.0]]) == 1.0


def test_under_no_difference_the_paired_test_errs_as_often_as_it_says() -> None:
    """300 draws at level 0.1: 30 expected, standard deviation 5.2; allowed 12 to 48 (3.5 of them)."""
    p = [paired_test([RNG.normal(size=20).tolist()], [RNG.normal(size=20).tolist()], seed) for seed in range(300)]
    assert 12 <= sum(value <= 0.1 for value in p) <= 48


def test_holm_by_hand_and_by_its_law() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    p = RNG.uniform(size=7)
    assert all(a >= b for a, b in zip(holm(list(p)), p, strict=True))


def test_the_paired_test_is_close_to_the_t_test_for_many_normal_pairs() -> None:
    a, b = RNG.normal(0.15, 1, 300), RNG.normal(0, 1, 300)
    assert paired_test([a.tolist()], [b.tolist()]) == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.02)
