"""What is believed of a thing: sums of log-odds, weighted means and gates in closed form."""

import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import logit as scipy_logit
from scipy.stats import chi2

from loci.memories.maps import things
from loci.memories.maps.things import Detection, Senses, absorb, meet, met, miss


def detection(place=(0.0, 0.0, 0.0), category="mug", **arguments) -> Detection:
    return Detection(category, tuple(map(float, place)), (0.1, 0.1, 0.1), **arguments)


def test_looks_add_up_as_log_odds():
    senses = Senses(hit=0.8, false=0.1, prior=0.2, certain=0.999)
    thing = met(0, detection(confidence=0.5), senses, 0.0, 1)
    assert thing.odds == pytest.approx(math.log(0.2 / 0.8) + 0.5 * math.log(8.0))
    meet(thing, detection(), senses, 1.0, 2)
    assert thing.odds == pytest.approx(math.log(0.25) + 1.5 * math.log(8.0))
    miss(thing, senses, 2.0)
    odds = math.log(0.25) + 1.5 * math.log(8.0) + math.log(0.2 / 0.9)
    assert thing.odds == pytest.approx(odds)
    assert thing.belief == pytest.approx(expit(odds))


@pytest.mark.parametrize("seed", range(3))
def test_belief_is_that_of_bayes(seed):
    rng, senses = np.random.default_rng(seed), Senses(certain=0.999999)
    thing, there, absent = met(0, detection(), senses, 0.0, 1), senses.prior * senses.hit, (1 - senses.prior) * 0.05
    for time in range(8):
        if rng.random() < 0.5:
            meet(thing, detection(), senses, float(time), time)
            there, absent = there * senses.hit, absent * senses.false
        else:
            miss(thing, senses, float(time))
            thing.gone = False
            there, absent = there * (1 - senses.hit), absent * (1 - senses.false)
        assert thing.belief == pytest.approx(there / (there + absent), rel=1e-6)


def test_a_thing_seen_a_hundred_times_is_gone_after_as_many_looks_as_the_bound_says():
    senses = Senses()
    thing = met(0, detection(), senses, 0.0, 1)
    for time in range(100):
        meet(thing, detection(), senses, float(time), time)
    assert thing.odds == scipy_logit(senses.certain) == things.logit(senses.certain)
    looks = math.floor((scipy_logit(senses.certain) - scipy_logit(senses.gone)) / -senses.missed) + 1
    for look in range(looks):
        assert not thing.gone
        miss(thing, senses, 200.0 + look)
    assert (thing.gone, thing.empty, looks) == (True, 200.0, 3)


def test_position_and_extent_are_weighted_means_in_any_order():
    rng = np.random.default_rng(0)
    places, weights = rng.normal(0, 0.05, (20, 3)), rng.uniform(0.1, 1.0, 20)
    ends = []
    for order in (np.arange(20), rng.permutation(20)):
        seen = [detection(places[n], confidence=float(weights[n])) for n in order]
        thing = met(0, seen[0], Senses(), 0.0, 1)
        assert not any(meet(thing, one, Senses(), 1.0, 2) for one in seen[1:])
        ends.append(thing.position)
        assert thing.weight == pytest.approx(weights.sum())
    np.testing.assert_allclose(ends[0], np.average(places, axis=0, weights=weights), atol=1e-12)
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-12)


def test_what_is_farther_than_the_limit_has_moved_and_begins_a_new_mean():
    thing = met(0, detection(), Senses(), 0.0, 1)
    assert not meet(thing, detection((0.2, 0.0, 0.0)), Senses(), 1.0, 2)
    assert thing.position.tolist() == [0.1, 0.0, 0.0]
    assert meet(thing, detection((5.0, 0.0, 0.0)), Senses(), 2.0, 3)
    assert (thing.position.tolist(), thing.weight, thing.since, thing.arrived) == ([5.0, 0.0, 0.0], 1.0, 3, 2.0)


def test_the_gate_is_that_of_the_normal_law_and_never_below_rest():
    assert chi2.ppf(0.99, 3) == pytest.approx(things.QUANTILE, rel=1e-12)
    wide = Senses(noise=0.2, rest=0.0)
    assert wide.gate(4.0) == pytest.approx(0.2 * math.sqrt(chi2.ppf(0.99, 3) * 1.25))
    assert Senses(noise=0.01, rest=0.25).gate(1.0) == 0.25
    rng = np.random.default_rng(1)
    means = rng.normal(0, 0.2, (20_000, 4, 3)).mean(1)
    apart = np.linalg.norm(rng.normal(0, 0.2, (20_000, 3)) - means, axis=1)
    assert (apart <= wide.gate(4.0)).mean() == pytest.approx(0.99, abs=0.003)


def test_the_name_is_that_of_most_votes():
    thing = met(0, detection(category="cup", confidence=0.5), Senses(), 0.0, 1)
    meet(thing, detection(category="bowl", confidence=0.5), Senses(), 1.0, 2)
    assert thing.label == "bowl"
    meet(thing, detection(category="cup", confidence=0.1), Senses(), 2.0, 3)
    assert thing.label == "cup"


def test_votes_fade_so_that_a_name_changes_after_as_many_reports_as_the_bound_says():
    """Full of one name: after n reports of another the old one has a share of (N / (N + 1))^n."""
    thing = met(0, detection(category="cup"), Senses(), 0.0, 1)
    for _ in range(50):
        meet(thing, detection(category="cup"), Senses(), 1.0, 2)
    reports = math.ceil(math.log(0.5) / math.log(things.NAMED / (things.NAMED + 1.0)))
    for report in range(reports):
        assert thing.label == "cup"
        meet(thing, detection(category="bowl"), Senses(), 2.0 + report, 3)
    assert (thing.label, reports) == ("bowl", 5)
    assert sum(thing.votes.values()) == pytest.approx(things.NAMED)


def test_joining_two_means_is_the_mean_of_all_looks():
    rng = np.random.default_rng(2)
    places = rng.normal(0, 0.05, (9, 3))
    one, other = met(0, detection(places[0]), Senses(), 1.0, 1), met(1, detection(places[5]), Senses(), 0.5, 1)
    for place in places[1:5]:
        meet(one, detection(place), Senses(), 2.0, 2)
    for place in places[6:]:
        meet(other, detection(place), Senses(), 3.0, 3)
    absorb(one, other, Senses())
    np.testing.assert_allclose(one.position, places.mean(0), atol=1e-12)
    assert (one.weight, one.first, one.seen, one.votes) == (9.0, 0.5, 3.0, {"mug": things.NAMED})


def test_a_clone_is_independent():
    thing = met(0, detection(), Senses(), 0.0, 1)
    twin = thing.clone()
    meet(twin, detection((0.1, 0.0, 0.0)), Senses(), 1.0, 2)
    assert (thing.position.tolist(), thing.votes, thing.seen) == ([0.0, 0.0, 0.0], {"mug": 1.0}, 0.0)


def test_what_is_wrong_is_refused():
    for call, text in (
        (lambda: detection(category=""), "category must have 1 to 60 characters, got ''"),
        (lambda: detection((math.nan, 0, 0)), "position of 'mug' must be three finite metres"),
        (lambda: Detection("mug", (0.0, 0.0, 0.0), (0.1, 0.0, 0.1)), "extent of 'mug' must be above 0 m"),
        (lambda: detection(confidence=0.0), "confidence of 'mug' must lie in 0..1 and not be 0"),
        (lambda: detection(states={"": True}), "name of a state must have 1 to 60 characters"),
        (lambda: detection(states={"filled": "x" * 61}), "state 'filled' must have at most 60 characters, got 61"),
        (lambda: Senses(hit=1.0), "hit must lie between 0 and 1, got 1.0"),
        (lambda: Senses(hit=0.1, false=0.2), "hit must exceed false"),
        (lambda: Senses(gone=0.95), "gone < confirmed < certain must hold"),
        (lambda: Senses(noise=-1.0), "noise must be 0 m or more"),
        (lambda: Senses(memory=0.5), "memory must be 1 or more"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
