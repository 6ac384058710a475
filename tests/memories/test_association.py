"""Which detection is which thing: against the Hungarian method where that is easy, and the rules one by one."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from loci.memories.maps.association import associate, displaced, distances, moved
from loci.memories.maps.things import Detection, Senses, Thing, met

SENSES = Senses()


def seen(category: str, x: float, y: float = 0.0, width: float = 0.1, instance: int | None = None) -> Detection:
    return Detection(category, (float(x), float(y), 0.0), (width, width, width), instance)


def known(*detections: Detection) -> list[Thing]:
    things = [met(key, one, SENSES, 0.0, 1) for key, one in enumerate(detections)]
    for thing in things:
        thing.known = True
    return things


def pairs(detections: list[Detection], things: list[Thing]) -> dict[int, int]:
    return {number: thing.key for number, thing in associate(detections, things, SENSES).items()}


@pytest.mark.parametrize("seed", range(20))
def test_where_things_stand_apart_the_pairs_are_those_of_the_hungarian_method(seed):
    rng = np.random.default_rng(seed)
    places = [(x, y) for x, y in itertools.product(range(5), range(4))]
    places = [places[n] for n in rng.permutation(20)[:12]]
    names = rng.choice(["cup", "bowl"], 12)
    things = known(*(seen(name, *place) for name, place in zip(names, places, strict=True)))
    order = rng.permutation(12)[:9]
    detections = [seen(names[n], *(np.array(places[n]) + rng.normal(0, 0.04, 2))) for n in order]
    cost = distances(detections, things) + 99.0 * np.array(
        [[a.category != t.label for t in things] for a in detections]
    )
    rows, columns = linear_sum_assignment(cost)
    assert pairs(detections, things) == dict(zip(rows.tolist(), columns.tolist(), strict=True))
    assert pairs(detections, things) == dict(enumerate(order.tolist()))


@pytest.mark.parametrize("seed", range(10))
def test_of_what_is_left_no_two_are_nearer_to_each_other_than_to_their_partners(seed):
    """In a crowd too the pairs are stable: mutual nearest, taken again and again."""
    rng = np.random.default_rng(seed)
    things = known(*(seen("cup", *rng.uniform(0, 0.8, 2)) for _ in range(9)))
    detections = [seen("cup", *rng.uniform(0, 0.8, 2)) for _ in range(7)]
    found, apart = pairs(detections, things), distances(detections, things)
    assert len(set(found.values())) == len(found) > 3
    holder = {key: number for number, key in found.items()}
    for m, n in itertools.product(range(7), range(9)):
        mine = apart[m, found[m]] if m in found else SENSES.gate(1.0)
        theirs = apart[holder[n], n] if n in holder else SENSES.gate(1.0)
        assert apart[m, n] >= min(mine, theirs)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_detections_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    things = known(*(seen("cup", *rng.uniform(0, 0.8, 2)) for _ in range(9)))
    detections = [seen("cup", *rng.uniform(0, 0.8, 2)) for _ in range(7)]
    order = rng.permutation(7)
    found = pairs([detections[n] for n in order], things)
    assert {int(order[place]): key for place, key in found.items()} == pairs(detections, things)


def test_a_number_is_believed_wherever_the_thing_is():
    things = known(seen("cup", 0, instance=7), seen("cup", 1, instance=8))
    assert pairs([seen("cup", 1, instance=7), seen("bowl", 9, instance=8)], things) == {0: 0, 1: 1}
    assert pairs([seen("cup", 1, instance=9)], things) == {}
    assert pairs([seen("cup", 1)], things) == {0: 1}


def test_four_apples_and_five_bottles_keep_apart():
    """Ten centimetres between any two, and two are hidden."""
    truth = [seen("apple", 0.1 * n) for n in range(4)] + [seen("bottle", 0.1 * n, 0.1) for n in range(5)]
    things = known(*truth)
    looked = [one for n, one in enumerate(truth) if n not in (1, 6)]
    assert list(pairs(looked, things).values()) == [0, 2, 3, 4, 5, 7, 8]


def test_beyond_the_gate_nothing_is_the_same():
    assert pairs([seen("cup", 0.249)], known(seen("cup", 0))) == {0: 0}
    assert pairs([seen("cup", 0.251)], known(seen("cup", 0))) == {}


def test_under_a_wrong_name_a_thing_of_that_size_is_the_same():
    things = known(seen("cup", 0), seen("table", 0.1, width=1.0))
    assert pairs([seen("bowl", 0.05)], things) == {0: 0}
    assert pairs([seen("bowl", 0.05), seen("cup", 0.2)], things) == {1: 0}
    assert pairs([seen("bowl", 0.05, width=0.2)], things) == {}


def test_the_only_one_of_its_kind_has_moved_when_its_place_is_free():
    detections, things = [seen("cup", 5)], known(seen("cup", 0), seen("bowl", 1))
    assert moved(detections, things, {}, set()) == {}
    assert moved(detections, things, {}, {0}) == {0: things[0]}
    assert moved([seen("cup", 5), seen("cup", 6)], things, {}, {0}) == {}
    assert moved(detections, [*things, met(2, seen("cup", 2), SENSES, 0.0, 1)], {}, {0}) == {0: things[0]}
    assert moved(detections, known(seen("cup", 0), seen("cup", 2)), {}, {0}) == {}
    things[0].gone = True
    assert moved(detections, things, {}, set()) == {0: things[0]}
    assert moved(detections, things, {1: things[0]}, set()) == {}


def test_a_place_that_something_else_fills_is_taken():
    things = known(seen("cup", 0), seen("bowl", 3), seen("cupboard", 6, width=1.0))
    assert displaced([seen("box", 0.02), seen("bowl", 3), seen("cup", 6)], things) == {0}
    assert displaced([seen("box", 0.049)], things) == {0}
    assert displaced([seen("box", 0.051)], things) == set()
    assert displaced([seen("box", 0, width=0.125)], things) == {0}
    assert displaced([seen("box", 0, width=0.127)], things) == set()
    assert displaced([], things) == displaced([seen("box", 0)], []) == set()
