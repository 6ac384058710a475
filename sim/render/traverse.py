"""Packets of rays through a bounding volume hierarchy.

All rays of a packet begin at the eye, so a triangle's edge tests are dot products of the direction with vectors that are
the same for the whole packet (Möller and Trumbore 1997, rearranged).
"""

from loci.sim.render.frame import BOTTOM, CLOSED, LEFT, RIGHT, ROOT, TOP, code_of, numbers_of
from loci.sim.render.simd import bits, inner, larger, load, magnitude, repeat, shift, smaller, store, where

THIN = 1e-12
"""Direction components below this become it, so that no 0 times infinity arises."""
MIDDLE = 5
"""A lane in the middle of a packet."""
GROW = -2e-5
"""Barycentric coordinates may be this much outside: neighbours overlap rather than leave a gap."""


@inner
def draw_faces(view, n, label, meshes, across, limit):  # type: ignore[no-untyped-def]
    """The triangles of a mesh, seen from both sides unless it is closed."""
    q, code = numbers_of(view, n), code_of(view, n)
    for row in range(code[TOP], code[BOTTOM]):
        y = load(view.down, row * 16)
        for column in range(code[LEFT], code[RIGHT]):
            x = load(view.right, column * 16)
            d = (x * q[0] + (y * q[1] + q[2]), x * q[3] + (y * q[4] + q[5]), x * q[6] + (y * q[7] + q[8]))
            x_middle, y_middle = view.right[column * 16 + MIDDLE], view.down[row * 16 + MIDDLE]
            ahead = (
                q[0] * x_middle + q[1] * y_middle + q[2] > 0.0,
                q[3] * x_middle + q[4] * y_middle + q[5] > 0.0,
                q[6] * x_middle + q[7] * y_middle + q[8] > 0.0,
            )
            o = (q[9], q[10], q[11])
            walk(view, (row * across + column) * 16, d, o, ahead, code[ROOT], code[CLOSED] != 0, label, meshes, limit)


@inner
def reciprocal(x):  # type: ignore[no-untyped-def]
    return 1.0 / where(magnitude(x) > THIN, x, THIN)


@inner
def walk(view, place, d, o, ahead, start, closed, label, meshes, limit):  # type: ignore[no-untyped-def]
    """Nearest triangle for a packet; direction d and eye o in the mesh's frame, where its half extents are 1. `ahead`
    tells on which axes the packet looks upwards: the child that is nearer then is visited first."""
    rx, ry, rz = reciprocal(d[0]), reciprocal(d[1]), reciprocal(d[2])
    far = 1.0 / load(view.inverse, place)
    stack, bounds, links = view.stack, meshes.bounds, meshes.links
    stack[0], depth = start, 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        near, beyond = slab(bounds, node * 6, rx, ry, rz, o[0], o[1], o[2])
        if bits((near <= beyond) & (near < far) & (beyond > 0.0)) == 0:
            continue
        first, count = links[2 * node], links[2 * node + 1]
        if count < 0:
            second = 1 if ahead[-1 - count] else 0
            stack[depth], stack[depth + 1] = first + second, first + 1 - second
            depth += 2
            continue
        for face in range(first, first + count):
            try_face(view, place, face, closed, label, meshes.triangles, d, o, limit)
        far = 1.0 / load(view.inverse, place)


@inner
def slab(bounds, at, rx, ry, rz, ox, oy, oz):  # type: ignore[no-untyped-def]
    """Where the rays enter and leave a box."""
    x0, x1 = rx * (bounds[at] - ox), rx * (bounds[at + 3] - ox)
    y0, y1 = ry * (bounds[at + 1] - oy), ry * (bounds[at + 4] - oy)
    z0, z1 = rz * (bounds[at + 2] - oz), rz * (bounds[at + 5] - oz)
    near = larger(larger(smaller(x0, x1), smaller(y0, y1)), smaller(z0, z1))
    return near, smaller(smaller(larger(x0, x1), larger(y0, y1)), larger(z0, z1))


@inner
def try_face(view, place, face, closed, label, triangles, d, o, limit):  # type: ignore[no-untyped-def]
    """One triangle: w, and the barycentric coordinates times w, as dot products with d."""
    p = shift(triangles, 12 * face)
    dx, dy, dz = d
    sx, sy, sz = o[0] - p[0], o[1] - p[1], o[2] - p[2]
    height = sx * p[9] + sy * p[10] + sz * p[11]
    if closed and height <= 0.0:
        return
    scale = 1.0 / height
    ux, uy, uz = (p[7] * sz - p[8] * sy) * scale, (p[8] * sx - p[6] * sz) * scale, (p[6] * sy - p[7] * sx) * scale
    vx, vy, vz = (sy * p[5] - sz * p[4]) * scale, (sz * p[3] - sx * p[5]) * scale, (sx * p[4] - sy * p[3]) * scale
    w = dx * (-p[9] * scale) + dy * (-p[10] * scale) + dz * (-p[11] * scale)
    u, v = dx * ux + dy * uy + dz * uz, dx * vx + dy * vy + dz * vz
    grown, best = w * GROW, load(view.inverse, place)
    hit = (u >= grown) & (v >= grown) & (u + v <= w - grown) & (w > best) & (w < limit)
    if bits(hit) != 0:
        store(view.inverse, place, where(hit, w, best))
        store(view.label, place, where(hit, repeat(label), load(view.label, place)))
        store(view.face, place, where(hit, repeat(face), load(view.face, place)))


@inner
def blocked_by_faces(stack, start, x, y, z, dx, dy, dz, meshes, least_distance):  # type: ignore[no-untyped-def]
    """Where rays from points (x, y, z), all along d, meet a triangle beyond `least_distance` times d."""
    rx, ry, rz = 1.0 / far_from_zero(dx), 1.0 / far_from_zero(dy), 1.0 / far_from_zero(dz)
    blocked = x > x
    bounds, links = meshes.bounds, meshes.links
    stack[0], depth = start, 1
    while depth > 0:
        depth -= 1
        node = stack[depth]
        at = node * 6
        x0, x1 = (x - bounds[at]) * -rx, (x - bounds[at + 3]) * -rx
        y0, y1 = (y - bounds[at + 1]) * -ry, (y - bounds[at + 4]) * -ry
        z0, z1 = (z - bounds[at + 2]) * -rz, (z - bounds[at + 5]) * -rz
        near = larger(larger(smaller(x0, x1), smaller(y0, y1)), smaller(z0, z1))
        beyond = smaller(smaller(larger(x0, x1), larger(y0, y1)), larger(z0, z1))
        if bits((near <= beyond) & (beyond > least_distance)) == 0:
            continue
        first, count = links[2 * node], links[2 * node + 1]
        if count < 0:
            stack[depth], stack[depth + 1] = first, first + 1
            depth += 2
        for face in range(first, first + count):
            blocked = blocked | face_blocks(meshes.triangles, face, x, y, z, dx, dy, dz, least_distance)
    return blocked


@inner
def far_from_zero(d):  # type: ignore[no-untyped-def]
    return d if abs(d) > THIN else THIN


@inner
def face_blocks(triangles, face, x, y, z, dx, dy, dz, least_distance):  # type: ignore[no-untyped-def]
    p = shift(triangles, 12 * face)
    hx, hy, hz = dy * p[8] - dz * p[7], dz * p[6] - dx * p[8], dx * p[7] - dy * p[6]
    scale = 1.0 / (p[3] * hx + p[4] * hy + p[5] * hz)
    sx, sy, sz = x - p[0], y - p[1], z - p[2]
    u = sx * (hx * scale) + sy * (hy * scale) + sz * (hz * scale)
    kx, ky, kz = dy * p[5] - dz * p[4], dz * p[3] - dx * p[5], dx * p[4] - dy * p[3]
    v = sx * (-kx * scale) + sy * (-ky * scale) + sz * (-kz * scale)
    t = sx * (p[9] * scale) + sy * (p[10] * scale) + sz * (p[11] * scale)
    return (u >= 0.0) & (v >= 0.0) & (u + v <= 1.0) & (t > least_distance)
