"""Exact search in memory: brute force is the oracle, whatever the rounding, the blocks and the order of writing."""

import math

import numpy as np
import pytest

from loci.memories.stores.matrix import Matrix, cosines, margin
from tests.contracts.slow_store import cosine

D = 96


def put(matrix: Matrix, key: str, vector: np.ndarray) -> None:
    """Under the number in the key."""
    matrix.put([key], [int(key[1:])], vector[None])


def brute(held: dict[str, np.ndarray], query: np.ndarray, k: int) -> list[str]:
    return sorted(held, key=lambda key: (-cosine(held[key], query), key))[:k]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_random_writing_and_forgetting(rng: np.random.Generator) -> None:
    matrix, held = Matrix(D, block=7), {}
    for _ in range(150):
        key = f"k{rng.integers(40)}"
        if rng.random() < 0.4:
            matrix.drop(key)
            held.pop(key, None)
        else:
            held[key] = rng.standard_normal(D).astype(np.float32)
            put(matrix, key, held[key])
        assert sorted(matrix.keys) == sorted(held)
        query, among = rng.standard_normal(D).astype(np.float32), rng.choice(60, 20, replace=False)
        assert [found for found, _ in matrix.search(query, 5)] == brute(held, query, 5)
        few = {f"k{n}": held[f"k{n}"] for n in among if f"k{n}" in held}
        assert [found for found, _ in matrix.search(query, 5, among)] == brute(few, query, 5)


def test_an_empty_one_finds_nothing(rng: np.random.Generator) -> None:
    query = rng.standard_normal(D).astype(np.float32)
    matrix = Matrix(D)
    assert matrix.search(query, 3) == matrix.search(query, 3, np.array([1])) == []
    put(matrix, "k1", query)
    assert matrix.search(query, 3, np.empty(0, np.int64)) == []


def test_what_float32_cannot_tell_apart_is_ranked_right(rng: np.random.Generator) -> None:
    """Rows almost at right angles to the query whose cosines differ by less than a scan in float32 can see."""
    query = rng.standard_normal(D).astype(np.float32)
    held, matrix = {}, Matrix(D, block=16)
    for n in range(200):
        row = rng.standard_normal(D)
        row -= query * (row @ query) / (query.astype(float) @ query)
        held[f"k{n:03}"] = row.astype(np.float32)
        put(matrix, f"k{n:03}", held[f"k{n:03}"])
    every = np.array([cosine(row, query) for row in held.values()])
    assert np.abs(every).max() < 1e-7 < margin(D)
    assert [key for key, _ in matrix.search(query, 20)] == brute(held, query, 20)


def test_equal_rows_have_the_order_of_their_keys(rng: np.random.Generator) -> None:
    row, matrix = rng.standard_normal(D).astype(np.float32), Matrix(D, block=16)
    names = [f"k{n:03}" for n in rng.permutation(90)]
    for name in names:
        put(matrix, name, row)
    query = rng.standard_normal(D).astype(np.float32)
    found = matrix.search(query, 40)
    assert [key for key, _ in found] == sorted(names)[:40]
    assert len({value for _, value in found}) == 1


@pytest.mark.parametrize("length", [1e-15, 1e-3, 1e15])
def test_lengths_do_not_matter(rng: np.random.Generator, length: float) -> None:
    """From the shortest vector that a record may have to the longest."""
    rows = {f"k{n}": rng.standard_normal(D) for n in range(50)}
    held = {key: (length * row / np.linalg.norm(row)).astype(np.float32) for key, row in rows.items()}
    matrix = Matrix(D)
    for key, row in held.items():
        put(matrix, key, row)
    query = held["k7"]
    found = matrix.search(query, 50)
    assert [key for key, _ in found] == brute(held, query, 50)
    assert found[0] == ("k7", pytest.approx(1.0, abs=1e-15))


def test_cosines_of_right_angles_and_halves() -> None:
    rows = np.array([[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [1.0, math.sqrt(3.0)]], np.float32)
    assert cosines(rows, np.array([5.0, 0.0], np.float32)) == pytest.approx([1.0, 0.0, -1.0, 0.5], abs=1e-7)


def test_bytes_are_those_of_whole_blocks() -> None:
    matrix = Matrix(3, block=4)
    matrix.put("abcde", range(5), np.ones((5, 3), np.float32))
    assert matrix.nbytes == 2 * 4 * (4 * (3 + 1) + 8)
