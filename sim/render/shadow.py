"""Hard shadows: which of a packet's points see the light.

All rays go the same way, so every part has a rectangle in the plane across the light; only parts whose rectangle meets
the packet's are tried, sixteen rectangles at once.
"""

import math

from loci.sim.render.frame import CASTER, FAR_AWAY, PART, code_of
from loci.sim.render.pack import BOX, CAPSULE, CYLINDER, MESH, PLANE, SPHERE
from loci.sim.render.patches import to_camera, to_local
from loci.sim.render.simd import (
    bits,
    greatest,
    inner,
    larger,
    least,
    load,
    lowest,
    magnitude,
    opposite,
    repeat,
    root,
    shift,
    smaller,
    where,
)
from loci.sim.render.traverse import blocked_by_faces

BIAS = 1e-3
"""Metres towards the light within which nothing casts a shadow."""
THIN = 1e-9
LOW_A, HIGH_A, LOW_B, HIGH_B, LOW_L = range(5)


@inner
def set_up_shadows(parts, used, light, eye, axes, view):  # type: ignore[no-untyped-def]
    """Fill view.casters, one row a part: 0-8 camera to local axes, 9-11 eye, 12-14 way to the light, 15-17 size; and
    view.outlines: for each part its extent along two axes across the light, and its side nearest to the light.

    Returns those axes a, b and the light's direction, in camera axes.
    """
    a, b, c = across(light[0], light[1], light[2])
    padded = (used + 15) // 16 * 16
    for i in range(5 * padded):
        view.outlines[i] = FAR_AWAY
    for part in range(used):
        centre = to_camera(shift(parts.position, 3 * part), eye, axes)
        local, origin = to_local(shift(parts.rotation, 9 * part), axes, centre, view.local)
        row, size = shift(view.casters, CASTER * part), shift(parts.size, 3 * part)
        reach_a, reach_b, reach_c = 0.0, 0.0, 0.0
        for k in range(3):
            row[9 + k], row[15 + k] = origin[k], size[k]
            row[12 + k] = -(local[3 * k] * c[0] + local[3 * k + 1] * c[1] + local[3 * k + 2] * c[2])
            for j in range(3):
                row[3 * k + j] = local[3 * k + j]
            reach_a += size[k] * abs(local[3 * k] * a[0] + local[3 * k + 1] * a[1] + local[3 * k + 2] * a[2])
            reach_b += size[k] * abs(local[3 * k] * b[0] + local[3 * k + 1] * b[1] + local[3 * k + 2] * b[2])
            reach_c += size[k] * abs(row[12 + k])
        x, y, z = dot(centre, a), dot(centre, b), dot(centre, c)
        view.outlines[LOW_A * padded + part], view.outlines[HIGH_A * padded + part] = x - reach_a, x + reach_a
        view.outlines[LOW_B * padded + part], view.outlines[HIGH_B * padded + part] = y - reach_b, y + reach_b
        view.outlines[LOW_L * padded + part] = z - reach_c
    return a, b, c


@inner
def dot(u, v):  # type: ignore[no-untyped-def]
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


@inner
def across(x, y, z):  # type: ignore[no-untyped-def]
    """Two unit vectors at right angles to the unit vector (x, y, z), and that vector."""
    if abs(x) < 0.7:
        length = math.sqrt(y * y + z * z)
        a = (0.0, z / length, -y / length)
    else:
        length = math.sqrt(x * x + z * z)
        a = (-z / length, 0.0, x / length)
    return a, (y * a[2] - z * a[1], z * a[0] - x * a[2], x * a[1] - y * a[0]), (x, y, z)


@inner
def lit_lanes(view, n, mask, x, y, t, basis, parts, used, meshes):  # type: ignore[no-untyped-def]
    """1 where the points at depth t along the slopes x, y see the light, else 0."""
    a, b, c = basis
    px, py = x * t, y * t
    along_a, along_b = px * a[0] + py * a[1] + t * a[2], px * b[0] + py * b[1] + t * b[2]
    along_c = px * c[0] + py * c[1] + t * c[2]
    low_a, high_a = least(where(mask, along_a, FAR_AWAY)), greatest(where(mask, along_a, -FAR_AWAY))
    low_b, high_b = least(where(mask, along_b, FAR_AWAY)), greatest(where(mask, along_b, -FAR_AWAY))
    high_c = greatest(where(mask, along_c, -FAR_AWAY))
    own, outlines, open_lanes = code_of(view, n)[PART], view.outlines, mask
    padded = (used + 15) // 16 * 16
    for group in range(0, used, 16):
        meets = (load(outlines, LOW_A * padded + group) <= high_a) & (load(outlines, HIGH_A * padded + group) >= low_a)
        meets = (
            meets
            & (load(outlines, LOW_B * padded + group) <= high_b)
            & (load(outlines, HIGH_B * padded + group) >= low_b)
        )
        left = bits(meets & (load(outlines, LOW_L * padded + group) < high_c))
        while left != 0:
            part = group + lowest(left)
            left &= left - 1
            if part != own or parts.kind[part] == MESH:
                blocked = blocks(parts.kind[part], view, part, px, py, t, parts, meshes)
                open_lanes = open_lanes & opposite(blocked)
    return where(open_lanes, repeat(1.0), 0.0)


@inner
def blocks(kind, view, part, px, py, pz, parts, meshes):  # type: ignore[no-untyped-def]
    """Where a part stands between points (camera axes) and the light."""
    m = shift(view.casters, CASTER * part)
    x = px * m[0] + py * m[1] + pz * m[2] + m[9]
    y = px * m[3] + py * m[4] + pz * m[5] + m[10]
    z = px * m[6] + py * m[7] + pz * m[8] + m[11]
    dx, dy, dz = m[12], m[13], m[14]
    if kind == BOX:
        return box_blocks(x, y, z, dx, dy, dz, m[15], m[16], m[17])
    if kind == SPHERE:
        return ball_blocks(x, y, z, dx, dy, dz, m[15])
    if kind == CYLINDER:
        return tube_blocks(x, y, z, dx, dy, dz, m[15], m[17])
    if kind == CAPSULE:
        half = m[17] - m[15]
        ends = ball_blocks(x, y, z - half, dx, dy, dz, m[15]) | ball_blocks(x, y, z + half, dx, dy, dz, m[15])
        return ends | tube_blocks(x, y, z, dx, dy, dz, m[15], half)
    if kind == PLANE:
        away = z * (-1.0 / dz if dz < -THIN else 0.0)
        inside = (magnitude(x + away * dx) <= m[15]) & (magnitude(y + away * dy) <= m[16])
        return inside & (away > BIAS)
    root_node = meshes.roots[2 * parts.mesh[part]]
    return blocked_by_faces(view.stack, root_node, x * (1 / m[15]), y * (1 / m[16]), z * (1 / m[17]),
                            dx / m[15], dy / m[16], dz / m[17], meshes, BIAS)  # fmt: skip


@inner
def slope(d):  # type: ignore[no-untyped-def]
    """1 / d, finite."""
    return 1.0 / d if abs(d) > THIN else 1.0 / THIN


@inner
def box_blocks(x, y, z, dx, dy, dz, half_x, half_y, half_z):  # type: ignore[no-untyped-def]
    rx, ry, rz = slope(dx), slope(dy), slope(dz)
    x0, x1, y0, y1 = (x + half_x) * -rx, (x - half_x) * -rx, (y + half_y) * -ry, (y - half_y) * -ry
    z0, z1 = (z + half_z) * -rz, (z - half_z) * -rz
    near = larger(larger(smaller(x0, x1), smaller(y0, y1)), smaller(z0, z1))
    far = smaller(smaller(larger(x0, x1), larger(y0, y1)), larger(z0, z1))
    return (near <= far) & (far > BIAS)


@inner
def ball_blocks(x, y, z, dx, dy, dz, radius):  # type: ignore[no-untyped-def]
    towards = x * dx + y * dy + z * dz
    ex, ey, ez = x - towards * dx, y - towards * dy, z - towards * dz
    rest = repeat(radius * radius) - (ex * ex + ey * ey + ez * ez)
    return (rest > 0.0) & (root(where(rest > 0.0, rest, 0.0)) - towards > BIAS)


@inner
def tube_blocks(x, y, z, dx, dy, dz, radius, half):  # type: ignore[no-untyped-def]
    lead, cross, towards = max(dx * dx + dy * dy, THIN), x * dy - y * dx, x * dx + y * dy
    rest = repeat(lead * radius * radius) - cross * cross
    inside = (rest > 0.0) & (x * x + y * y < radius * radius) if lead <= THIN else rest > 0.0
    spread = root(where(rest > 0.0, rest, 0.0))
    z0, z1 = (z + half) * -slope(dz), (z - half) * -slope(dz)
    first, last = smaller(z0, z1), larger(z0, z1)
    if lead > THIN:
        first, last = (
            larger(first, (spread + towards) * (-1.0 / lead)),
            smaller(last, (spread - towards) * (1.0 / lead)),
        )
    return inside & (first <= last) & (last > BIAS)
