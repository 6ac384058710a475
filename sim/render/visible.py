"""Which patch is nearest in each pixel: every patch is tried on the packets of its rectangle.

The depth buffer holds w = 1 / depth, 0 where nothing is, so nearer is larger and flat patches need no division.
"""

from loci.sim.render.frame import (
    BALL,
    BODY,
    BOTTOM,
    DISC,
    FACES,
    KIND,
    LEFT,
    NEAR,
    QUAD,
    RIGHT,
    TOP,
    TUBE,
    code_of,
    numbers_of,
)
from loci.sim.render.simd import inner, load, magnitude, repeat, root, store, where
from loci.sim.render.traverse import draw_faces

FAR_SIDE = 1.0 / NEAR
"""Largest w that is seen."""


@inner
def find_visible(view, count, meshes, across, by_patch):  # type: ignore[no-untyped-def]
    """Fill view.inverse, view.label (patch, or else body) and view.face; `across` is the packets in a row.

    Meshes come last, because walking them costs most and what hides them spares it.
    """
    nothing, none = repeat(0.0), repeat(-1)
    for i in range(0, view.pixels, 16):
        store(view.inverse, i, nothing)
        store(view.label, i, none)
    for n in range(count):
        kind = code_of(view, n)[KIND]
        label = n if by_patch else code_of(view, n)[BODY]
        if kind in (QUAD, DISC):
            draw_flat(view, n, label, across, kind == DISC)
        elif kind == BALL:
            draw_ball(view, n, label, across)
        elif kind == TUBE:
            draw_tube(view, n, label, across)
    for n in range(count):
        if code_of(view, n)[KIND] == FACES:
            draw_faces(view, n, n if by_patch else code_of(view, n)[BODY], meshes, across, FAR_SIDE)


@inner
def keep(view, place, hit, w, label):  # type: ignore[no-untyped-def]
    """Store w and label where `hit` and nearer than before."""
    best = load(view.inverse, place)
    nearer = hit & (w > best) & (w < FAR_SIDE)
    store(view.inverse, place, where(nearer, w, best))
    store(view.label, place, where(nearer, label, load(view.label, place)))


@inner
def draw_flat(view, n, label, across, disc):  # type: ignore[no-untyped-def]
    """A parallelogram, |u| <= w and |v| <= w, or a disc, u² + v² <= w²."""
    q, code, name = numbers_of(view, n), code_of(view, n), repeat(label)
    for row in range(code[TOP], code[BOTTOM]):
        y = load(view.down, row * 16)
        w_row, u_row, v_row = y * q[1] + q[2], y * q[4] + q[5], y * q[7] + q[8]
        for column in range(code[LEFT], code[RIGHT]):
            x = load(view.right, column * 16)
            w, u, v = x * q[0] + w_row, x * q[3] + u_row, x * q[6] + v_row
            place = (row * across + column) * 16
            if disc:
                keep(view, place, u * u + v * v <= w * w, w, name)
            else:
                keep(view, place, (magnitude(u) <= w) & (magnitude(v) <= w), w, name)


@inner
def draw_ball(view, n, label, across):  # type: ignore[no-untyped-def]
    """A sphere: w = (√(r² d·d - |o × d|²) - o·d) / (o·o - r²), the nearer of the two crossings."""
    q, code, name = numbers_of(view, n), code_of(view, n), repeat(label)
    ox, oy, oz = q[0], q[1], q[2]
    for row in range(code[TOP], code[BOTTOM]):
        y = load(view.down, row * 16)
        first, along_row, length_row = oy - y * oz, y * oy + oz, y * y + 1.0
        for column in range(code[LEFT], code[RIGHT]):
            x = load(view.right, column * 16)
            second, third = x * oz - ox, y * ox - x * oy
            rest = (x * x + length_row) * q[3] - (first * first + second * second + third * third)
            w = (root(where(rest > 0.0, rest, 0.0)) - (x * ox + along_row)) * q[4]
            keep(view, (row * across + column) * 16, rest > 0.0, w, name)


@inner
def draw_tube(view, n, label, across):  # type: ignore[no-untyped-def]
    """The side of a cylinder along z: as a sphere in x and y, and |z| <= half height."""
    q, code, name = numbers_of(view, n), code_of(view, n), repeat(label)
    half, oz = q[35], q[17]
    for row in range(code[TOP], code[BOTTOM]):
        y = load(view.down, row * 16)
        cross_row, along_row, z_row = y * q[1] + q[2], y * q[4] + q[5], y * q[7] + q[8]
        dx_row, dy_row = y * q[10] + q[11], y * q[13] + q[14]
        for column in range(code[LEFT], code[RIGHT]):
            x = load(view.right, column * 16)
            dx, dy, cross = x * q[9] + dx_row, x * q[12] + dy_row, x * q[0] + cross_row
            rest = (dx * dx + dy * dy) * q[18] - cross * cross
            w = (root(where(rest > 0.0, rest, 0.0)) - (x * q[3] + along_row)) * q[19]
            inside = magnitude(w * oz + (x * q[6] + z_row)) <= w * half
            keep(view, (row * across + column) * 16, (rest > 0.0) & inside, w, name)
