"""Packets of rays through a bounding volume hierarchy.

All rays of a packet begin at the eye, so a triangle's edge tests are dot products of the direction with vectors that
are the same for the whole packet (Möller and Trumbore 1997, rearranged).
"""

from loci.sim.render.frame import BOTTOM, CLOSED, LEFT, RIGHT, ROOT, TOP, code_of, numbers_of
from loci.sim.render.meshes import LEAF, WORDS
from loci.sim.render.simd import bits, inner, larger, load, lowest, magnitude, repeat, shift, smaller, store, where

THIN = 1e-12
"""Direction components below this become it, so that no 0 times infinity arises."""
GROW = 2e-5
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
            o = (q[9], q[10], q[11])
            corners = (
                slopes_to_direction(q, view.right[column * 16], view.down[row * 16]),
                slopes_to_direction(q, view.right[column * 16 + 3], view.down[row * 16]),
                slopes_to_direction(q, view.right[column * 16], view.down[row * 16 + 12]),
                slopes_to_direction(q, view.right[column * 16 + 3], view.down[row * 16 + 12]),
            )
            place = (row * across + column) * 16
            walk(view, place, d, corners, o, code[ROOT], code[CLOSED] != 0, label, meshes, limit)


@inner
def slopes_to_direction(q, x, y):  # type: ignore[no-untyped-def]
    return q[0] * x + (q[1] * y + q[2]), q[3] * x + (q[4] * y + q[5]), q[6] * x + (q[7] * y + q[8])


@inner
def reciprocal(x):  # type: ignore[no-untyped-def]
    return 1.0 / where(magnitude(x) > THIN, x, THIN)


@inner
def walk(view, place, d, corners, o, start, closed, label, meshes, limit):  # type: ignore[no-untyped-def]
    """Nearest triangle for a packet; direction d and eye o in the mesh's frame, where its half extents are 1. Of two
    children the one that is nearer along the packet's first ray is visited first."""
    rx, ry, rz = reciprocal(d[0]), reciprocal(d[1]), reciprocal(d[2])
    ahead = (corners[0][0] > 0.0, corners[0][1] > 0.0, corners[0][2] > 0.0)
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
        left = meet_leaf(view.edges, shift(meshes.triangles, first * WORDS), corners, o, closed)
        while left != 0:
            lane = lowest(left)
            left &= left - 1
            try_face(view, place, first * LEAF + lane, shift(view.edges, lane), label, d, limit)
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
def cross(a, b):  # type: ignore[no-untyped-def]
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@inner
def dot(a, b):  # type: ignore[no-untyped-def]
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@inner
def meet_leaf(edges, leaf, corners, o, closed):  # type: ignore[no-untyped-def]
    """Which of a leaf's triangles some ray of the packet may hit, as bits; here lanes are triangles.

    Fills `edges`: four vectors for each triangle whose dot products with d are w and, times w, the barycentric
    coordinates u, v, 1 - u - v. They are linear, so a triangle is out if one of them is negative in all `corners`.
    """
    s = (repeat(o[0]) - load(leaf, 0), repeat(o[1]) - load(leaf, LEAF), repeat(o[2]) - load(leaf, 2 * LEAF))
    first = (load(leaf, 3 * LEAF), load(leaf, 4 * LEAF), load(leaf, 5 * LEAF))
    second = (load(leaf, 6 * LEAF), load(leaf, 7 * LEAF), load(leaf, 8 * LEAF))
    normal = (load(leaf, 9 * LEAF), load(leaf, 10 * LEAF), load(leaf, 11 * LEAF))
    height = dot(s, normal)
    scale, u, v = 1.0 / height, cross(second, s), cross(s, first)
    inside_u, inside_v, inside_w = height > height, height > height, height > height
    for k in range(3):
        w = normal[k] * scale * -1.0
        store(edges, k * LEAF, w)
        store(edges, (3 + k) * LEAF, u[k] * scale + w * GROW)
        store(edges, (6 + k) * LEAF, v[k] * scale + w * GROW)
        store(edges, (9 + k) * LEAF, w * (1.0 + GROW) - (u[k] + v[k]) * scale)
    for n in range(4):
        inside_u = inside_u | (edge(edges, 3, corners[n]) >= 0.0)
        inside_v = inside_v | (edge(edges, 6, corners[n]) >= 0.0)
        inside_w = inside_w | (edge(edges, 9, corners[n]) >= 0.0)
    inside = inside_u & inside_v & inside_w
    return bits(inside & (height > 0.0)) if closed else bits(inside)


@inner
def edge(edges, row, d):  # type: ignore[no-untyped-def]
    """Dot products of a direction with one vector of each triangle."""
    return load(edges, row * LEAF) * d[0] + load(edges, (row + 1) * LEAF) * d[1] + load(edges, (row + 2) * LEAF) * d[2]


@inner
def try_face(view, place, face, e, label, d, limit):  # type: ignore[no-untyped-def]
    """One triangle, sixteen rays."""
    w = d[0] * e[0] + d[1] * e[LEAF] + d[2] * e[2 * LEAF]
    u = d[0] * e[3 * LEAF] + d[1] * e[4 * LEAF] + d[2] * e[5 * LEAF]
    v = d[0] * e[6 * LEAF] + d[1] * e[7 * LEAF] + d[2] * e[8 * LEAF]
    rest = d[0] * e[9 * LEAF] + d[1] * e[10 * LEAF] + d[2] * e[11 * LEAF]
    best = load(view.inverse, place)
    hit = (u >= 0.0) & (v >= 0.0) & (rest >= 0.0) & (w > best) & (w < limit)
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
        for face in range(max(count, 0)):
            p = shift(meshes.triangles, first * WORDS + face)
            blocked = blocked | face_blocks(p, x, y, z, dx, dy, dz, least_distance)
    return blocked


@inner
def far_from_zero(d):  # type: ignore[no-untyped-def]
    return d if abs(d) > THIN else THIN


@inner
def face_blocks(p, x, y, z, dx, dy, dz, least_distance):  # type: ignore[no-untyped-def]
    """One triangle, whose numbers are LEAF apart, and sixteen points."""
    first = (p[3 * LEAF], p[4 * LEAF], p[5 * LEAF])
    h = cross((dx, dy, dz), (p[6 * LEAF], p[7 * LEAF], p[8 * LEAF]))
    k = cross((dx, dy, dz), first)
    scale = 1.0 / dot(first, h)
    sx, sy, sz = x - p[0], y - p[LEAF], z - p[2 * LEAF]
    u = sx * (h[0] * scale) + sy * (h[1] * scale) + sz * (h[2] * scale)
    v = sx * (-k[0] * scale) + sy * (-k[1] * scale) + sz * (-k[2] * scale)
    t = sx * (p[9 * LEAF] * scale) + sy * (p[10 * LEAF] * scale) + sz * (p[11 * LEAF] * scale)
    return (u >= 0.0) & (v >= 0.0) & (u + v <= 1.0) & (t > least_distance)
