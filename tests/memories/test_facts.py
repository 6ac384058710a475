"""Facts in two times: against a list of all statements, replayed, permuted, and in too little room."""

import itertools
import math

import numpy as np
import pytest

from loci.memories.maps.facts import ADDED, ROW, Fact, Facts


def spoken(facts: Facts, statements: list[dict]) -> Facts:
    for statement in statements:
        facts.tell(**statement)
    return facts


def stream(seed: int, count: int = 120, operator: float = 0.0, late: float = 0.0) -> list[dict]:
    """Statements about 4 subjects, each with a value of its own and at a time of its own."""
    rng = np.random.default_rng(seed)
    statements = []
    for number in range(count):
        learned = float(number)
        ago = float(rng.uniform(0.01, 30.0)) if rng.random() < late else 0.001 * float(rng.uniform(0.01, 1.0))
        source = "operator" if rng.random() < operator else "detection"
        statements.append(
            {
                "subject": int(rng.integers(4)), "predicate": "position", "value": f"place {number}",
                "time": learned - ago, "learned": learned, "source": source,
            }
        )  # fmt: skip
    return statements


def rank(statement: dict) -> int:
    return int(statement["source"] == "operator")


def silenced(one: dict, by: dict) -> bool:
    """Whether `by`, an operator, speaks of the time of the statement `one` with more right."""
    speaks = rank(by) > 0 and by["time"] <= one["time"] <= by["learned"]
    return speaks and (rank(by) > rank(one) or by["learned"] > one["learned"])


def expected(statements: list[dict], subject: int, time: float, believed: float):
    """The value by the whole list: of those that nobody silences the last."""
    known = [one for one in statements if one["learned"] <= believed and one["subject"] == subject]
    heard = [one for one in known if one["time"] <= time and not any(silenced(one, by) for by in known)]
    return max(heard, key=lambda one: one["time"])["value"] if heard else None


@pytest.mark.parametrize(("operator", "late"), [(0.0, 0.0), (0.0, 0.5), (0.2, 0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_any_question_is_answered_as_by_the_list_of_all_statements(seed, operator, late):
    statements = stream(seed, operator=operator, late=late)
    facts = spoken(Facts(4000), statements)
    rng = np.random.default_rng(100 + seed)
    answers = set()
    for _ in range(300):
        subject, time, believed = int(rng.integers(4)), float(rng.uniform(-5, 125)), float(rng.uniform(-5, 125))
        answer = facts.value(subject, "position", time, believed)
        assert answer == expected(statements, subject, time, believed)
        answers.add(answer)
    assert len(answers) > 20


@pytest.mark.parametrize("seed", range(3))
def test_replaying_up_to_a_moment_gives_what_was_believed_then(seed):
    statements = stream(seed, operator=0.2, late=0.4)
    whole = spoken(Facts(4000), statements)
    for number in (1, 17, 60, 119):
        part = spoken(Facts(4000), statements[:number])
        for time in np.linspace(-10.0, 125.0, 28).tolist():
            told = [(row.subject, row.value, row.source) for row in part.at(time)]
            assert told == [(row.subject, row.value, row.source) for row in whole.at(time, believed=part.now)]


def test_superseding_loses_nothing():
    statements = stream(7, operator=0.2, late=0.5)
    facts = spoken(Facts(4000), statements)
    filed = {(row.subject, row.value, row.told) for subject in range(4) for row in facts.record(subject)}
    assert filed == {(one["subject"], one["value"], one["learned"]) for one in statements}
    assert facts.dropped == 0


def test_of_one_subject_no_two_values_are_valid_at_once_and_no_moment_is_left_out():
    facts = spoken(Facts(4000), stream(3, operator=0.1, late=0.5))
    for subject, believed in itertools.product(range(4), (40.0, 90.0, math.inf)):
        rows = facts.history(subject, believed=believed)
        assert rows[-1].valid_to == math.inf
        assert [row.valid_to for row in rows[:-1]] == [row.valid_from for row in rows[1:]]


def test_statements_about_different_times_may_come_in_any_order():
    told = [("a", 1.0), ("b", 4.0), ("c", 6.0), ("d", 9.0)]
    lines = set()
    for order in itertools.permutations(told):
        facts = Facts(99)
        for value, time in order:
            facts.tell(0, "area", value, time, learned=10.0)
        lines.add(tuple((row.value, row.valid_from, row.valid_to) for row in facts.history(0)))
    assert lines == {(("a", 1.0, 4.0), ("b", 4.0, 6.0), ("c", 6.0, 9.0), ("d", 9.0, math.inf))}


@pytest.mark.parametrize("before", [None, "a", "b", "c"])
def test_statements_about_one_instant_may_come_in_any_order(before):
    """The one that changes something, then the more confident, then the greater text."""
    told = [("a", 0.5), ("b", 0.5), ("c", 0.4), ("a", 0.5)]
    won = set()
    for order in itertools.permutations(told):
        facts = Facts(99)
        if before:
            facts.tell(0, "area", before, 1.0)
        for value, confidence in order:
            facts.tell(0, "area", value, 5.0, confidence=confidence)
        won.add((facts.value(0, "area"), facts.value(0, "area", 4.9)))
    assert won == {({None: "b", "a": "b", "b": "a", "c": "b"}[before], before)}


def test_statements_about_different_things_may_come_in_any_order():
    statements = [{"subject": n, "predicate": "in", "value": 9, "time": 2.0} for n in range(4)]
    rows = set()
    for order in itertools.permutations(statements):
        facts = spoken(Facts(99), list(order))
        rows.add(tuple((row.subject, row.value, row.valid_from) for row in facts.at(3.0)))
    assert len(rows) == 1


def test_what_was_in_the_world_and_what_was_believed_are_two_questions():
    """A mug is moved at 5; that is learnt at 8."""
    facts = Facts(99)
    facts.tell(1, "on", "shelf", 2.0)
    facts.tell(1, "on", "table", 5.0, learned=8.0)
    assert [facts.value(1, "on", time) for time in (1.0, 2.0, 4.9, 5.0, 99.0)] == [
        None, "shelf", "shelf", "table", "table",
    ]  # fmt: skip
    assert facts.value(1, "on", 6.0, believed=7.0) == "shelf"
    assert facts.value(1, "on", 6.0, believed=8.0) == "table"
    assert facts.value(1, "on", 6.0, believed=1.0) is None
    assert [(row.value, row.valid_from, row.valid_to) for row in facts.history(1)] == [
        ("shelf", 2.0, 5.0),
        ("table", 5.0, math.inf),
    ]
    assert [(row.value, row.superseded) for row in facts.record(1)] == [
        ("shelf", 8.0), ("shelf", math.inf), ("table", math.inf),
    ]  # fmt: skip
    assert [row.value for row in facts.changed(2.0)] == ["table"]


def test_what_ceases_is_not_known_from_then_on():
    facts = Facts(99)
    facts.tell(1, "on", "shelf", 2.0)
    facts.tell(1, "on", None, 6.0, holds=False)
    assert [facts.value(1, "on", time) for time in (5.9, 6.0)] == ["shelf", None]
    assert facts.at(7.0) == []
    facts.tell(1, "on", "shelf", 4.0, learned=9.0)
    assert facts.value(1, "on") is None
    facts.tell(1, "on", "shelf", 9.5)
    assert facts.value(1, "on") == "shelf"


def test_a_repetition_leaves_no_row_and_an_earlier_one_moves_the_beginning():
    facts = Facts(99)
    first = facts.tell(1, "on", "shelf", 4.0)
    assert facts.tell(1, "on", "shelf", 6.0) == first
    assert len(facts) == 1
    facts.tell(1, "on", "shelf", 3.0, learned=7.0)
    assert [(row.valid_from, row.valid_to) for row in facts.history(1)] == [(3.0, math.inf)]
    assert facts.value(1, "on", 3.5, believed=6.0) is None


def test_an_operator_is_believed_until_there_is_evidence_from_after_it_spoke():
    facts = Facts(99)
    facts.tell(1, "on", "table", 5.0)
    facts.tell(1, "on", "shelf", 4.0, learned=10.0, source="operator")
    assert [facts.value(1, "on", time) for time in (3.9, 4.0, 5.0, 10.0)] == [None, "shelf", "shelf", "shelf"]
    for time in (9.0, 10.0):
        late = facts.tell(1, "on", "floor", time, learned=11.0)
        assert not late.believed
        assert late in facts.record(1)
    assert facts.value(1, "on") == "shelf"
    facts.tell(1, "on", "sofa", 12.0)
    assert [facts.value(1, "on", time) for time in (9.0, 11.9, 12.0)] == ["shelf", "shelf", "sofa"]
    assert facts.value(1, "on", 6.0, believed=9.0) == "table"


def test_an_operator_overrules_what_was_seen_at_the_moment_it_speaks():
    facts = Facts(99)
    facts.tell(1, "on", "table", 5.0)
    facts.tell(1, "on", "shelf", 4.0, learned=5.0, source="operator")
    assert [facts.value(1, "on", time) for time in (4.0, 5.0, 9.0)] == ["shelf"] * 3


def test_predicates_with_several_values_hold_them_side_by_side():
    facts = Facts(99, many=frozenset({"connects"}))
    for other in (3, 2):
        facts.tell(1, "connects", other, 1.0)
    facts.tell(1, "connects", 3, 5.0, holds=False)
    assert facts.values(1, "connects", 2.0) == (2, 3)
    assert facts.values(1, "connects") == (2,)
    assert facts.values(1, "connects", 2.0, believed=0.5) == ()
    with pytest.raises(ValueError, match="'connects' has several values at a time; ask values"):
        facts.value(1, "connects")


@pytest.mark.parametrize("seed", range(4))
def test_in_too_little_room_history_is_lost_and_nothing_that_holds(seed):
    rng = np.random.default_rng(seed)
    large, small = Facts(10_000), Facts(40)
    for number in range(600):
        subject, value = int(rng.integers(9)), f"place {rng.integers(5)}"
        for facts in (large, small):
            facts.tell(subject, "area", value, float(number))
        assert len(small) <= 40
    assert small.at(600.0) == large.at(600.0)
    assert all(large.rows[number] == row for number, row in small.rows.items())
    assert small.dropped == len(large) - len(small) > 500
    for _ in range(200):
        subject, time, believed = int(rng.integers(9)), *rng.uniform(0, 600, 2).tolist()
        assert facts.value(subject, "area", time, believed) in (None, large.value(subject, "area", time, believed))


def test_what_was_superseded_longest_ago_goes_first_then_what_ended_then_what_does_not_hold():
    facts = Facts(11)
    facts.tell(8, "in", None, 0.0, holds=False)
    for number, value in enumerate("abcd"):
        facts.tell(0, "area", value, float(number))
    gone = []
    for number in range(7):
        before = set(facts.rows.values())
        facts.tell(1 + number, "area", "hall", 4.0)
        gone += [(row.value, row.believed) for row in before - set(facts.rows.values())]
    assert gone == [("a", False), ("b", False), ("c", False), ("a", True), ("b", True), ("c", True)]
    facts.tell(20, "area", "hall", 4.0)
    assert facts.history(8, "in") == []
    with pytest.raises(OverflowError, match="all of 11 facts but 0 hold now"):
        facts.tell(21, "area", "hall", 4.0)


def test_when_all_holds_nothing_more_is_taken():
    facts = Facts(6)
    for subject in range(4):
        facts.tell(subject, "area", "hall", 0.0)
    kept = dict(facts.rows)
    with pytest.raises(OverflowError, match="all of 6 facts but 0 hold now; give facts a larger capacity"):
        facts.tell(9, "area", "hall", 1.0)
    assert (facts.rows, facts.now) == (kept, 0.0)
    facts.forget(2)
    facts.tell(9, "area", "hall", 1.0)
    assert [row.subject for row in facts.at(1.0)] == [0, 1, 3, 9]


def test_a_clone_and_what_was_restored_live_alike_and_apart():
    statements = stream(1, operator=0.2, late=0.5)
    facts = spoken(Facts(200), statements[:60])
    twin, back = facts.clone(), Facts(200)
    back.restore(facts.rows.values(), facts.now, facts.filed, facts.dropped)
    kept = dict(facts.rows)
    spoken(twin, statements[60:])
    assert facts.rows == kept
    spoken(back, statements[60:])
    spoken(facts, statements[60:])
    assert facts.rows == twin.rows == back.rows
    assert facts.history(0) == back.history(0)
    assert facts.nbytes == Facts(200).nbytes == 200 * ROW


def test_what_is_wrong_is_refused_and_files_nothing():
    facts = Facts(99)
    facts.tell(1, "on", "shelf", 5.0)
    good = {"subject": 1, "predicate": "on", "value": "x", "time": 6.0}
    for wrong, text in (
        ({"source": "dream"}, "source must be one of detection, action, inferred, operator, got 'dream'"),
        ({"confidence": 1.5}, r"confidence must lie in 0\.\.1, got 1\.5"),
        ({"predicate": "x" * 65}, "predicate must have at most 64 characters, got 65"),
        ({"value": "x" * 65}, "value must have at most 64 characters, got 65"),
        ({"learned": 5.5}, "time must be finite and not after learned"),
        ({"time": math.nan}, "time must be finite"),
        ({"time": 4.0}, r"learned must not run back, got 4\.0 s after 5\.0 s"),
    ):
        with pytest.raises(ValueError, match=text):
            facts.tell(**(good | wrong))
    with pytest.raises(ValueError, match=f"capacity must be {ADDED} rows or more, got 2"):
        Facts(2)
    with pytest.raises(ValueError, match="capacity is 3 rows, got 4"):
        Facts(3).restore([_row(number) for number in range(4)], 0.0, 4, 0)
    with pytest.raises(ValueError, match="rows must have ascending numbers below filed = 1"):
        Facts(3).restore([_row(1)], 0.0, 1, 0)
    assert (len(facts), facts.now, facts.filed) == (1, 5.0, 1)


def _row(number: int) -> Fact:
    return Fact(number, 0, "on", "x", True, 0.0, math.inf, 0.0, math.inf, 0.0, "detection", 1.0)
