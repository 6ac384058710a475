import numpy as np
from numba import njit

from loci.sim.render import simd

X = np.linspace(-3.1, 4.4, 16).astype(np.float32)
Y = np.roll(X, 5)


@njit
def compute(a, b, out, whole):
    p, q, r = simd.pointer(a), simd.pointer(b), simd.pointer(out)
    x, y = simd.load(p, 0), simd.load(q, 0)
    values = (
        x + y * 2.0 - 1.0 / y,
        simd.root(x * x) + simd.magnitude(y),
        simd.where((x < y) & simd.opposite(y >= 2.0), x, 7.0),
        simd.smaller(x, y) - simd.larger(x, 0.5),
        simd.real((simd.floor(x * 4.0) & 7) << 2),
        simd.gather(p, simd.floor(y) & 15),
    )
    for i in range(6):
        simd.store(r, 16 * i, values[i])
    whole[0], whole[1] = simd.bits(x > y), simd.lowest(simd.bits(x > 0.0))
    return simd.least(y), simd.greatest(y)


@njit
def rows(image, picture, numbers, colours):
    simd.store_rows(simd.pointer(image), 2, 8, simd.load(simd.pointer(numbers), 0))
    simd.store_colours(simd.pointer(picture), 3, 15, simd.load(simd.pointer(colours), 0))


def test_lanes_compute_what_numpy_computes():
    out, whole = np.zeros((6, 16), np.float32), np.zeros(2, np.int64)
    assert compute(X, Y, out.reshape(-1), whole) == (Y.min(), Y.max())
    np.testing.assert_array_equal(out[0], X + Y * 2 - 1 / Y)
    np.testing.assert_array_equal(out[1], np.abs(X) + np.abs(Y))
    np.testing.assert_array_equal(out[2], np.where((X < Y) & ~(Y >= 2), X, 7))
    np.testing.assert_array_equal(out[3], np.minimum(X, Y) - np.maximum(X, np.float32(0.5)))
    np.testing.assert_array_equal(out[4], (np.floor(X * 4).astype(int) & 7) << 2)
    np.testing.assert_array_equal(out[5], X[np.floor(Y).astype(int) & 15])
    assert whole.tolist() == [sum(1 << i for i in range(16) if X[i] > Y[i]), int(np.argmax(X > 0))]


def test_a_packet_is_written_as_four_rows_of_four_and_nothing_beside_them():
    image, picture = np.full((4, 8), -1, np.float32), np.full((4, 5, 3), 255, np.uint8)
    octets = np.arange(48, dtype=np.int32).reshape(16, 3)
    colours = octets[:, 0] | octets[:, 1] << 8 | octets[:, 2] << 16
    rows(image.reshape(-1), picture.reshape(-1), X, colours)
    np.testing.assert_array_equal(image[:, 2:6], X.reshape(4, 4))
    assert (image[:, [0, 1, 6, 7]] == -1).all()
    np.testing.assert_array_equal(picture[:, 1:], octets.reshape(4, 4, 3))
    assert (picture[:, 0] == 255).all()
