"""What every store must hold, whatever database is behind it. Each law gets a function that makes an empty store."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loci.memories.stores.replay import live, replay
from loci.memories.stores.store import (
    Add,
    Closed,
    Decay,
    Delete,
    Edge,
    Link,
    Merge,
    Operation,
    Record,
    Rollback,
    Store,
    Update,
)
from tests.contracts.slow_store import SlowStore

D = 5
Make = Callable[[], Store]


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(D).astype(np.float32)


def record(key: str, at: float = 0.0, **parts: Any) -> Record:
    return Record(**({"key": key, "text": f"the {key}", "learned_at": at, "vector": vector(len(key))} | parts))


def filled(make: Make) -> Store:
    """A cup on a table, a lamp that was removed at 5, and a mug that is like the cup; seven operations."""
    store = make()
    store.apply(
        Add(record("cup", 1.0, attributes={"class": "cup", "area": 1}, confidence=0.8)),
        Add(record("table", 1.0, attributes={"class": "table", "area": 1}, vector=None)),
        Add(record("lamp", 2.0, attributes={"class": "lamp", "area": 2}, valid_from=1.0, valid_to=5.0)),
    )
    store.apply(Link(Edge("cup", "on", "table"), 2.0), Link(Edge("lamp", "near", "cup"), 2.0))
    store.apply(Add(record("mug", 3.0, attributes={"class": "cup", "area": 2.0}, source="told")))
    store.apply(Link(Edge("mug", "near", "cup"), 3.0))
    return store


def present(store: Store) -> tuple[list[Record], list[Edge]]:
    return store.records(), store.links()


def what_is_put_comes_back(make: Make) -> None:
    odd = "ключ ☕ 'a' \"b\" % ? \\ \n"
    everything = Record(
        key=odd,
        text=odd,
        attributes={odd: {"list": [1, 2.5, None, True], "text": odd}, "zero": "a\0b"},
        vector=np.array([1e-9, 3.4e8, 1 / 3, -0.0, 7.0], np.float32),
        valid_from=-1e300,
        valid_to=1 / 3,
        learned_at=0.1 + 0.2,
        source=odd,
        confidence=0.1 + 0.2,
    )
    store = make()
    assert store.apply(Add(everything)) == store.last() == 1
    assert store.get(odd) == everything
    assert store.log()[0].operation == Add(everything)
    assert store.records({"zero": "a\0b"}) == [everything]
    store.close()


def replaying_the_log_gives_the_present(make: Make) -> None:
    store = filled(make)
    store.apply(Merge("cup", "mug", 4.0), Decay(0.5, 4.0, {"class": "cup"}), Delete("lamp", 4.0))
    entries = store.log()
    assert [entry.sequence for entry in entries] == list(range(1, 11))
    state = replay(entries).state()
    assert (list(state.records.values()), sorted(state.links)) == present(store)
    assert store.as_of(store.last()) == state
    assert store.as_of(0).records == {}
    store.close()


def rollback_is_the_state_as_of_then_and_can_be_taken_back(make: Make) -> None:
    store = filled(make)
    store.apply(Merge("cup", "mug", 4.0), Decay(0.5, 4.0))
    for to in (0, 3, 6, 8, 7, 11, 10):  # the last two are rollbacks
        before = store.as_of(to)
        now = store.apply(Rollback(to, 5.0))
        assert store.as_of(now) == before == store.as_of(to)
        assert present(store) == (list(before.records.values()), sorted(before.links))
        found = {hit.record.key for hit in store.search(vector(0), 9)}
        assert found == {key for key, held in before.records.items() if held.vector is not None}
    assert store.last() == 9 + 7
    store.close()


def history_tells_every_change_of_a_key(make: Make) -> None:
    store = filled(make)
    store.apply(Update(record("cup", 4.0, text="a blue cup", attributes={"class": "cup"}, confidence=0.4)))
    store.apply(Decay(0.5, 5.0, {"class": "cup"}), Decay(0.5, 5.0, {"class": "lamp"}))
    store.apply(Delete("cup", 6.0), Rollback(8, 7.0), Merge("table", "cup", 8.0))
    changes = store.history("cup")
    assert [change.sequence for change in changes] == [1, 4, 5, 7, 8, 9, 11, 12, 13]
    confidences = [None if change.record is None else change.record.confidence for change in changes]
    assert confidences == [0.8, 0.8, 0.8, 0.8, 0.4, 0.2, None, 0.4, None]
    for change in changes:
        assert store.as_of(change.sequence).records.get("cup") == change.record
    with pytest.raises(KeyError, match="no record 'spoon'. Keys near it: lamp, mug, table"):
        store.history("spoon")
    store.close()


def what_was_believed_and_what_was_true_have_answers(make: Make) -> None:
    store = filled(make)
    assert [store.sequence_at(time) for time in (0.9, 1.0, 2.5, 3.0, 99.0)] == [0, 2, 5, 7, 7]
    assert set(store.as_of(store.sequence_at(2.5)).records) == {"cup", "table", "lamp"}
    keys = [[r.key for r in store.records(valid_at=moment)] for moment in (0.5, 4.9, 5.0)]
    assert keys == [["cup", "mug", "table"], ["cup", "lamp", "mug", "table"], ["cup", "mug", "table"]]
    assert [hit.record.key for hit in store.search(vector(4), 9, valid_at=5.0)] == ["cup", "mug"]
    store.close()


def filters_take_equal_json(make: Make) -> None:
    store = filled(make)
    store.apply(Add(record("flag", 4.0, attributes={"area": True, "held": None, "at": [1, 2]})))
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({"class": "cup"}, ["cup", "mug"]),
        ({"area": 2}, ["lamp", "mug"]),
        ({"area": 1.0, "class": "cup"}, ["cup"]),
        ({"area": 1, "class": "lamp"}, []),
        ({"area": True}, ["flag"]),
        ({"held": None}, ["flag"]),
        ({"at": [1, 2]}, ["flag"]),
        ({"at": [1]}, []),
        ({"colour": "red"}, []),
    ]
    for where, keys in asked:
        assert [r.key for r in store.records(where)] == keys
        found = {hit.record.key for hit in store.search(vector(1), 9, where)}
        assert found == {key for key in keys if store.get(key).vector is not None}
    store.close()


def a_merge_keeps_links(make: Make) -> None:
    store = filled(make)
    assert len(store.search(vector(0), 9)) == 3
    store.apply(Link(Edge("mug", "on", "table"), 4.0), Link(Edge("table", "near", "mug"), 4.0))
    before = store.get("cup")
    store.apply(Merge("cup", "mug", 5.0))
    assert store.get("cup") == before
    assert store.links() == [("cup", "on", "table"), ("lamp", "near", "cup"), ("table", "near", "cup")]
    assert store.links("lamp") == [("lamp", "near", "cup")]
    assert {hit.record.key for hit in store.search(vector(0), 9)} == {"cup", "lamp"}
    with pytest.raises(KeyError, match="'mug': it was merged into 'cup' by operation 10"):
        store.get("mug")
    store.close()


def decay_never_raises_confidence(make: Make) -> None:
    store = filled(make)
    for factor in (1.0, 0.9, 0.3, 0.0):
        before = {r.key: r.confidence for r in store.records()}
        store.apply(Decay(factor, 4.0, {"class": "cup"}))
        for held in store.records():
            assert held.confidence == before[held.key] * (factor if held.attributes["class"] == "cup" else 1.0)
    with pytest.raises(ValueError, match=r"factor must be within 0 … 1, got 1\.1"):
        Decay(1.1, 5.0)
    store.close()


def exact_search_is_brute_force(make: Make) -> None:
    """With equal vectors under many keys, and vectors that differ in the last place of float32."""
    rng = np.random.default_rng(7)
    store, slow = make(), SlowStore(D)
    kinds = rng.standard_normal((12, D)).astype(np.float32)
    rows = kinds[rng.integers(12, size=60)] * rng.choice([1.0, 2.0], (60, 1)).astype(np.float32)
    rows[::7, 0] = np.nextafter(rows[::7, 0], np.float32(9))
    names = [f"k{n:02}" for n in rng.permutation(60)]
    adds = [Add(record(name, vector=row)) for name, row in zip(names, rows, strict=True)]
    assert store.apply(*adds) == slow.apply(*adds)
    for query in rng.standard_normal((8, D)).astype(np.float32):
        for k in (1, 7, 60, 99):
            hits, expected = store.search(query, k), slow.search(query, k)
            assert [hit.record.key for hit in hits] == [key for key, _ in expected]
            assert [hit.cosine for hit in hits] == pytest.approx([value for _, value in expected], abs=1e-14)
    store.close()


def all_of_an_apply_or_none(make: Make) -> None:
    store = filled(make)
    before = present(store), store.last()
    cases: list[tuple[type[Exception], str, list[Operation]]] = [
        (KeyError, "no record 'cupp'. Keys near it: cup, lamp, mug, new", [Update(record("cupp", 9.0))]),
        (ValueError, "a record 'cup' is there already", [Add(record("cup", 9.0))]),
        (ValueError, "width 5 of this store, got 3", [Add(record("a", 9.0, vector=np.ones(3, np.float32)))]),
        (ValueError, "before the last operation's 9.0, got 8.0", [Delete("table", 8.0)]),
        (ValueError, "at must be a finite number", [Delete("table", float("nan"))]),
        (KeyError, "no record 'x'", [Link(Edge("cup", "on", "x"), 9.0)]),
        (ValueError, "is there already", [Link(Edge("cup", "on", "table"), 9.0)]),
        (ValueError, "is not there", [Link(Edge("cup", "in", "table"), 9.0, held=False)]),
        (KeyError, "no record 'x'", [Merge("cup", "x", 9.0)]),
        (KeyError, "no record 'x'", [Merge("x", "cup", 9.0)]),
        (KeyError, "'lamp': it was deleted by operation 9", [Delete("lamp", 9.0), Delete("lamp", 9.0)]),
        (ValueError, "0 … 8, got 9", [Rollback(9, 9.0)]),
        (ValueError, "0 … 8, got -1", [Rollback(-1, 9.0)]),
    ]
    for error, message, operations in cases:
        with pytest.raises(error) as caught:
            store.apply(Add(record("new", 9.0)), *operations)
        assert message in str(caught.value)
        assert (present(store), store.last()) == before
        assert "new" not in {hit.record.key for hit in store.search(vector(3), 99)}
    store.close()


def questions_are_checked(make: Make) -> None:
    store = filled(make)
    for message, ask in {
        "k must be at least 1, got 0": lambda: store.search(vector(0), 0),
        "vector must have the width 5 of this store, got 4": lambda: store.search(np.ones(4, np.float32), 1),
        "vector must be a float32 array": lambda: store.search(np.ones(5), 1),
        "sequence must be within 0 … 7, got 8": lambda: store.as_of(8),
        "valid_at must be a finite number": lambda: store.records(valid_at=float("inf")),
        "where must be JSON values": lambda: store.records({"area": {1, 2}}),
    }.items():
        with pytest.raises(ValueError, match=message):
            ask()
    with pytest.raises(KeyError, match="no record 'x'"):
        store.links("x")
    store.close()


def a_closed_store_says_so(make: Make) -> None:
    store = filled(make)
    store.close()
    store.close()
    for ask in (store.last, store.records, store.log, lambda: store.apply(Delete("cup", 9.0))):
        with pytest.raises(Closed, match="was closed"):
            ask()


KEYS = st.sampled_from("abcd")
WHERE = st.dictionaries(st.sampled_from(["class", "area"]), st.sampled_from([0, 1, "x", None]), max_size=2)
RECORDS = st.builds(
    lambda key, seed, where, confidence, begin, length: record(
        key,
        vector=None if seed is None else vector(seed),
        attributes=where,
        confidence=confidence,
        valid_from=begin,
        valid_to=None if length is None else begin + length,
    ),
    KEYS,
    st.none() | st.integers(0, 2),
    WHERE,
    st.floats(0.0, 1.0),
    st.integers(0, 3).map(float),
    st.none() | st.integers(0, 3).map(float),
)
EDGES = st.builds(Edge, KEYS, st.sampled_from(["on", "in"]), KEYS).filter(lambda edge: edge.head != edge.tail)
PAIRS = st.tuples(KEYS, KEYS).filter(lambda pair: pair[0] != pair[1])
OPERATIONS = st.one_of(
    st.builds(Add, RECORDS),
    st.builds(Add, RECORDS),
    st.builds(Update, RECORDS),
    st.builds(Delete, KEYS, st.just(0.0)),
    st.builds(Link, EDGES, st.just(0.0), st.just(False)),
    st.builds(Link, EDGES, st.just(0.0)),
    st.builds(lambda pair: Merge(*pair, 0.0), PAIRS),
    st.builds(lambda pair: Merge(*pair, 0.0), PAIRS),
    st.builds(Decay, st.sampled_from([1.0, 0.7, 0.1]), st.just(0.0), WHERE),
    st.builds(Rollback, st.integers(0, 7), st.just(0.0)),
)


def any_operations_do_what_the_slow_store_does(make: Make, examples: int = 40) -> None:
    done: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.lists(OPERATIONS, min_size=1, max_size=2), min_size=6, max_size=10))
    def check(batches: list[list[Operation]]) -> None:
        store, slow = make(), SlowStore(D)
        for batch in [[Add(record(key)) for key in "abcd"], *batches]:
            outcomes = [_outcome(one, batch) for one in (store, slow)]
            assert outcomes[0] == outcomes[1]
            assert [(h.record.key, h.cosine) for h in store.search(vector(1), 3)] == [
                (key, pytest.approx(value, abs=1e-14)) for key, value in slow.search(vector(1), 3)
            ]
        _same(store, slow)
        done.update(type(operation).__name__ for operation in slow.operations)
        store.close()

    check()
    assert len(done) == 7
    assert min(done.values()) >= examples / 10, done  # every kind was done often enough to be tested


def _outcome(store: Any, batch: list[Operation]) -> int | type[Exception]:
    try:
        return int(store.apply(*batch))
    except (KeyError, ValueError) as error:
        return type(error)


def _same(store: Store, slow: SlowStore) -> None:
    """Every answer of the two."""
    assert [entry.operation for entry in store.log()] == slow.operations
    assert store.links() == sorted(slow.states[-1][1])
    for where in ({}, {"class": 1}, {"class": "x", "area": None}):
        for valid_at in (None, 2.0):
            assert store.records(where, valid_at) == slow.records(where, valid_at)
            found = [hit.record.key for hit in store.search(vector(2), 3, where, valid_at)]
            assert found == [key for key, _ in slow.search(vector(2), 3, where, valid_at)]
    for sequence, (records, links) in enumerate(slow.states):
        state = store.as_of(sequence)
        assert (state.records, state.links) == (dict(sorted(records.items())), links)
    rollbacks = [(n, op.to) for n, op in enumerate(slow.operations, 1) if isinstance(op, Rollback)]
    numbers = [n for first, last in live(rollbacks, store.last()) for n in range(first, last + 1)]
    assert replay(entry for entry in store.log() if entry.sequence in numbers).state() == store.as_of(store.last())
    for key in "abcd":
        if any(key in records for records, _ in slow.states):
            told = {change.sequence: change.record for change in store.history(key)}
            _history_is_whole(told, [records.get(key) for records, _ in slow.states])


def _history_is_whole(told: dict[int, Record | None], truth: list[Record | None]) -> None:
    """Between the changes told, nothing changed."""
    now = None
    for sequence, record in enumerate(truth):
        now = told.get(sequence, now)
        assert now == record


LAWS = [
    what_is_put_comes_back,
    replaying_the_log_gives_the_present,
    rollback_is_the_state_as_of_then_and_can_be_taken_back,
    history_tells_every_change_of_a_key,
    what_was_believed_and_what_was_true_have_answers,
    filters_take_equal_json,
    a_merge_keeps_links,
    decay_never_raises_confidence,
    exact_search_is_brute_force,
    all_of_an_apply_or_none,
    questions_are_checked,
    a_closed_store_says_so,
    any_operations_do_what_the_slow_store_does,
]
