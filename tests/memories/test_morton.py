"""Morton keys against a loop over bits, and the cells they stand for."""

import numpy as np
import pytest

from loci.memories.maps.morton import BITS, HALF, OUTSIDE, cells, decode, encode, key_at

CORNERS = np.array([(x, y, z) for x in (-HALF, HALF - 1) for y in (-HALF, -1, 0, HALF - 1) for z in (-HALF, HALF - 1)])


def some_cells(number: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(-HALF, HALF, (number, 3))
    return np.concatenate([drawn, drawn // 2**12, CORNERS])


def by_bits(cell: np.ndarray) -> np.ndarray:
    """The definition: bit n of an axis is bit 3n + axis of the key."""
    key = np.zeros(len(cell), np.int64)
    for axis in range(3):
        for bit in range(BITS):
            key |= (cell[:, axis] + HALF >> bit & 1) << 3 * bit + axis
    return key


def test_keys_equal_a_loop_over_bits_on_a_million_cells():
    cell = some_cells(10**6)
    assert (encode(cell) == by_bits(cell)).all()


def test_decoding_undoes_encoding_on_both_sides_of_the_origin():
    cell = some_cells(10**5)
    assert (decode(encode(cell)) == cell).all()
    key = np.random.default_rng(1).integers(0, 2**63, 10**5)
    assert (encode(decode(key)) == key).all()


def test_keys_of_different_cells_differ():
    """The public code gave one key to all of 20,000 points."""
    cell = np.unique(some_cells(20_000), axis=0)
    assert len(np.unique(encode(cell))) == len(cell) > 20_000


def test_a_key_shifted_by_three_is_that_of_the_cell_twice_as_wide():
    cell = some_cells(1000)
    for level in range(1, BITS):
        wide = (cell + HALF >> level) - HALF
        assert (encode(cell) >> 3 * level == encode(wide)).all()


def test_the_shape_is_kept():
    cell = some_cells(10)[:24].reshape(2, 3, 4, 3)
    assert encode(cell).shape == (2, 3, 4)
    assert (decode(encode(cell)) == cell).all()
    assert encode(cell[0, 0, 0]).shape == ()
    assert encode(np.zeros((0, 3), int)).shape == (0,)


@pytest.mark.parametrize("leaf", [0.5, 5.0, 0.1])
def test_a_cell_covers_its_width_from_below(leaf):
    position = np.random.default_rng(2).uniform(-1e3, 1e3, (1000, 3))
    cell = cells(position, leaf)
    assert (cell * leaf <= position + 1e-9).all()
    assert (position < (cell + 1) * leaf + 1e-9).all()
    assert cells((-1e-9, 0.0, leaf), leaf).tolist() == [-1, 0, 1]
    one_by_one = [key_at(*point, leaf) for point in position]
    assert one_by_one == encode(cell).tolist()


def test_the_cube_ends_where_it_says():
    edge = HALF * 2.0
    assert cells((-edge, 0.0, np.nextafter(edge, 0.0)), 2.0).tolist() == [-HALF, 0, HALF - 1]
    for outside in ((edge, 0.0, 0.0), (0.0, np.nextafter(-edge, -np.inf), 0.0), (0.0, 0.0, np.nan), (np.inf, 0.0, 0.0)):
        assert key_at(*outside, 2.0) == OUTSIDE
        with pytest.raises(ValueError, match=r"position must lie within ±2\.09715e\+06 m .* of 2 m cover, got \("):
            cells(np.array([(0.0, 0.0, 0.0), outside]), 2.0)


def test_what_is_no_cell_and_no_key_is_refused():
    with pytest.raises(ValueError, match=r"position must have shape \(\.\.\., 3\), got \(2,\)"):
        cells((0.0, 0.0), 1.0)
    with pytest.raises(ValueError, match=r"cell must have shape \(\.\.\., 3\), got \(4,\)"):
        encode(np.zeros(4, int))
    with pytest.raises(ValueError, match=r"cell must lie in -1048576\.\.1048575, got 0\.\.1048576"):
        encode(np.array([0, 0, HALF]))
    with pytest.raises(ValueError, match="key must lie in 0.*got -1"):
        decode(np.array([-1]))
