"""Records and operations refuse at the door what a store could not keep, and keep what they were given."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from loci.memories.stores.rows import Row, decode, encode
from loci.memories.stores.store import Add, Decay, Delete, Edge, Link, Merge, Operation, Record, Rollback, Update
from loci.memories.stores.values import token


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"key": ""}, "key must not be empty"),
        ({"source": ""}, "source must not be empty"),
        ({"key": "a\0"}, "key must be text without NUL"),
        ({"text": "\ud800"}, "text must be text without NUL and lone surrogates"),
        ({"confidence": 1.01}, "confidence must be within 0 … 1, got 1.01"),
        ({"confidence": math.nan}, "confidence must be within 0 … 1, got nan"),
        ({"valid_from": math.nan}, "valid_from must be a finite number of seconds, got nan"),
        ({"valid_to": math.inf}, "valid_to must be a finite number"),
        ({"valid_from": 2.0, "valid_to": 1.0}, "valid_to must not be before valid_from, got 1.0 and 2.0"),
        ({"attributes": {"at": (1, 2)}}, "attributes must come back from JSON as they are"),
        ({"attributes": {"at": math.nan}}, "attributes must be JSON values by name"),
        ({"attributes": {"at": {1}}}, "attributes must be JSON values by name"),
        ({"attributes": {"a\0": 1}}, "a name in attributes must be text without NUL"),
        ({"vector": np.ones(3)}, r"vector must be a float32 array \(D,\), got float64 \(3,\); use numpy.asarray"),
        ({"vector": np.ones((1, 3), np.float32)}, r"got float32 \(1, 3\)"),
        ({"vector": np.zeros(3, np.float32)}, "of a length within 1e-15 … 1e\\+15, got length 0.0"),
        ({"vector": np.array([1.0, np.inf], np.float32)}, "vector must be finite"),
        ({"vector": np.array([1.0, np.nan], np.float32)}, "vector must be finite"),
        ({"vector": np.array([1e16], np.float32)}, "got length 1"),
    ],
)
def test_a_record_that_cannot_be_kept_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Record(**({"key": "cup", "text": "a cup"} | parts))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Link(Edge("a", "on", "a"), 0.0), "a link joins two records, got 'a' at both ends"),
        (lambda: Link(Edge("a", "", "b"), 0.0), "relation must not be empty"),
        (lambda: Merge("a", "a", 0.0), "a merge takes two records, got 'a' twice"),
        (lambda: Decay(-0.1, 0.0), "factor must be within 0 … 1, got -0.1"),
        (lambda: Decay(0.1, 0.0, {"at": (1, 2)}), "where must come back from JSON"),
    ],
)
def test_an_operation_without_sense_is_refused(make: Callable[[], Operation], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_record_owns_its_vector() -> None:
    vector = np.ones(3, np.float32)
    record = Record("cup", "a cup", vector=vector)
    vector[:] = 0.0
    assert record.vector is not None
    assert record.vector.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        record.vector[0] = 2.0


def test_records_are_equal_when_all_of_them_is() -> None:
    one = Record("cup", "a cup", vector=np.ones(3, np.float32))
    assert one == Record("cup", "a cup", vector=np.ones(3, np.float32))
    assert one != Record("cup", "a cup")
    assert one != Record("cup", "a cup", vector=np.array([1.0, 1.0, 1.0000001], np.float32))
    assert one != "cup"


@pytest.mark.parametrize(("moment", "valid"), [(0.9, False), (1.0, True), (1.9, True), (2.0, False)])
def test_a_fact_is_true_from_its_first_moment_to_before_its_last(moment: float, valid: bool) -> None:
    assert Record("cup", "a cup", valid_from=1.0, valid_to=2.0).valid(moment) is valid
    assert Record("cup", "a cup", valid_from=1.0).valid(moment) is (moment >= 1.0)


def test_tokens_are_equal_where_json_values_are() -> None:
    assert token(1) == token(1.0) != token(True)
    assert token({"b": 1, "a": 2}) == token({"a": 2, "b": 1})
    assert len({token(value) for value in (0, False, None, "", "0", [], [0], 0.5)}) == 8


RECORD = Record("k", "t", {"a": [1, None]}, None, 1.0, 2.0, 3.0, "told", 0.25)


@pytest.mark.parametrize(
    "operation",
    [
        Add(RECORD),
        Update(RECORD),
        Delete("k", 1.5),
        Link(Edge("k", "on", "l"), 1.5),
        Link(Edge("k", "on", "l"), 1.5, held=False),
        Merge("k", "l", 1.5),
        Decay(0.3, 1.5, {"a": None}),
        Rollback(3, 1.5),
    ],
)
def test_an_operation_comes_back_from_its_row(operation: Operation) -> None:
    assert decode(encode(operation)) == operation


def test_a_row_of_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no operation is called 'FORGET': the log was written by other code"):
        decode(Row(0.0, "FORGET", None, None, "{}"))
