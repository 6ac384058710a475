"""Which packets of a picture a patch may cover: exact bounds of flat polygons, discs and spheres in perspective.

All values are in camera axes (x right, y down, z forward), metres, float64. Slopes are x / z and y / z.
"""

import math

from loci.sim.render.frame import BOTTOM, LEFT, NEAR, RIGHT, SIDE, TOP
from loci.sim.render.simd import inner

EVERYWHERE = 1e6
SLACK = 1e-3
"""Pixels by which bounds grow, for rounding."""


@inner
def packets(low, high, focal, pixels):  # type: ignore[no-untyped-def]
    """First packet and one past the last along an axis of `pixels` pixels whose centres lie between two slopes."""
    first = math.ceil(max(low * focal + pixels / 2.0 - 0.5 - SLACK, 0.0))
    last = math.floor(min(high * focal + pixels / 2.0 - 0.5 + SLACK, pixels - 1.0))
    return (first // SIDE, last // SIDE + 1) if first <= last else (0, 0)


@inner
def set_bounds(code, low_x, high_x, low_y, high_y, lens):  # type: ignore[no-untyped-def]
    """Write the rectangle of packets into a row of View.codes; False if it is empty."""
    left, right = packets(low_x, high_x, lens.focal, lens.width)
    top, bottom = packets(low_y, high_y, lens.focal, lens.height)
    code[LEFT], code[RIGHT], code[TOP], code[BOTTOM] = left, right, top, bottom
    return left < right and top < bottom


@inner
def bound_quad(code, centre, a, b, lens):  # type: ignore[no-untyped-def]
    """Rectangle around the parallelogram centre ± a ± b, cut off at the near plane."""
    low_x, high_x, low_y, high_y = EVERYWHERE, -EVERYWHERE, EVERYWHERE, -EVERYWHERE
    x0, y0, z0 = centre[0] + a[0] - b[0], centre[1] + a[1] - b[1], centre[2] + a[2] - b[2]
    for corner in range(4):
        p, q = (1.0, 1.0, -1.0, -1.0)[corner], (1.0, -1.0, -1.0, 1.0)[corner]
        x1, y1, z1 = centre[0] + q * a[0] + p * b[0], centre[1] + q * a[1] + p * b[1], centre[2] + q * a[2] + p * b[2]
        if (z0 < NEAR) != (z1 < NEAR):
            part = (NEAR - z0) / (z1 - z0)
            x, y = (x0 + part * (x1 - x0)) / NEAR, (y0 + part * (y1 - y0)) / NEAR
            low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
        if z1 >= NEAR:
            x, y = x1 / z1, y1 / z1
            low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
        x0, y0, z0 = x1, y1, z1
    return set_bounds(code, low_x, high_x, low_y, high_y, lens)


@inner
def slopes_of_disc(x, z, across, along, cross, radius):  # type: ignore[no-untyped-def]
    """Least and greatest x / z on a disc with unit normal n: across = n_x², along = n_z², cross = n_x n_z; n = 0 for a
    sphere. The tangent planes solve (x - k z)² = r² (1 + k² - (n_x - k n_z)²).
    """
    square = radius * radius
    lead = z * z - square * (1.0 - along)
    if z <= 0.0 or lead <= 1e-9:
        return -EVERYWHERE, EVERYWHERE
    middle = x * z + square * cross
    rest = math.sqrt(max(middle * middle - lead * (x * x - square * (1.0 - across)), 0.0))
    return (middle - rest) / lead, (middle + rest) / lead


@inner
def bound_disc(code, centre, normal, radius, lens):  # type: ignore[no-untyped-def]
    """Rectangle around a disc (or a sphere, with normal 0)."""
    x, y, z = normal
    low_x, high_x = slopes_of_disc(centre[0], centre[2], x * x, z * z, x * z, radius)
    low_y, high_y = slopes_of_disc(centre[1], centre[2], y * y, z * z, y * z, radius)
    return set_bounds(code, low_x, high_x, low_y, high_y, lens)


@inner
def bound_tube(code, centre, axis, radius, half, lens):  # type: ignore[no-untyped-def]
    """Rectangle around the hull of two discs at centre ± half * axis."""
    low_x, high_x, low_y, high_y = EVERYWHERE, -EVERYWHERE, EVERYWHERE, -EVERYWHERE
    nx, ny, nz = axis
    for end in (-half, half):
        x, y, z = centre[0] + end * nx, centre[1] + end * ny, centre[2] + end * nz
        first, last = slopes_of_disc(x, z, nx * nx, nz * nz, nx * nz, radius)
        low_x, high_x = min(low_x, first), max(high_x, last)
        first, last = slopes_of_disc(y, z, ny * ny, nz * nz, ny * nz, radius)
        low_y, high_y = min(low_y, first), max(high_y, last)
    return set_bounds(code, low_x, high_x, low_y, high_y, lens)


@inner
def bound_box(code, centre, local, size, lens):  # type: ignore[no-untyped-def]
    """Rectangle around the eight corners of a box; the whole picture if one is behind the near plane."""
    low_x, high_x, low_y, high_y = EVERYWHERE, -EVERYWHERE, EVERYWHERE, -EVERYWHERE
    for corner in range(8):
        p = size[0] if corner & 1 else -size[0]
        q = size[1] if corner & 2 else -size[1]
        r = size[2] if corner & 4 else -size[2]
        z = centre[2] + p * local[2] + q * local[5] + r * local[8]
        if z < NEAR:
            return set_bounds(code, -EVERYWHERE, EVERYWHERE, -EVERYWHERE, EVERYWHERE, lens)
        x = (centre[0] + p * local[0] + q * local[3] + r * local[6]) / z
        y = (centre[1] + p * local[1] + q * local[4] + r * local[7]) / z
        low_x, high_x, low_y, high_y = min(low_x, x), max(high_x, x), min(low_y, y), max(high_y, y)
    return set_bounds(code, low_x, high_x, low_y, high_y, lens)
