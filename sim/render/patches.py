"""From the parts of a world to the patches one camera sees: everything about a ray that is linear in its slopes.

A ray has the direction d = (x, y, 1) in camera axes, so its parameter t is planar depth. With w = 1 / t the points of a
plane, and a point's place on it times w, are linear in x and y: flat patches need no division. Rows of View.numbers:
QUAD, DISC: 0-2 w, 3-5 and 6-8 place / half size times w (each: factor of x, of y, constant), 9-10 half sizes x texels
  per metre, 11 brightness.
BALL: 0-2 centre to eye (camera axes), 3 r², 4 1 / (o·o - r²), 5 1 / r.
TUBE: 0-2 (o × d)_z, 3-5 (o · d)_xy, 6-8 d_z, 9-14 d_x and d_y, 15-17 o, 18 r², 19 1 / (o·o - r²)_xy,
  35 half height, 36 1 / r.
FACES: 0-8 d / half size, 9-11 o / half size, 12-14 half size.
AXES (9): the direction in the part's own axes, for textures. Set-up is in float64.
"""

import math

from loci.sim.render.bounds import bound_box, bound_disc, bound_quad, bound_tube
from loci.sim.render.frame import (
    AXES,
    BALL,
    BODY,
    CLOSED,
    COLOUR,
    DISC,
    FACES,
    KIND,
    NEAR,
    PART,
    PLAIN,
    QUAD,
    ROOT,
    SUN,
    TEXTURE,
    TUBE,
    code_of,
    numbers_of,
)
from loci.sim.render.pack import BOX, CAPSULE, CYLINDER, MESH, PLANE, SPHERE
from loci.sim.render.simd import inner, shift
from loci.sim.render.textures import DENSITY

ROUNDING = 4e-6
"""Metres per metre of distance by which flat patches grow, so that no ray slips between two faces of a box."""


@inner
def set_up(parts, used, light, roots, eye, axes, lens, view):  # type: ignore[no-untyped-def]
    """Fill view.numbers and view.codes; returns how many patches there are.

    `light` is its direction in camera axes, ambient and diffuse.
    """
    count = 0
    edge_x, edge_y = lens.width / 2.0 / lens.focal, lens.height / 2.0 / lens.focal
    long_x, long_y = math.sqrt(1.0 + edge_x * edge_x), math.sqrt(1.0 + edge_y * edge_y)
    for part in range(used):
        kind, size = parts.kind[part], shift(parts.size, 3 * part)
        x, y, z = to_camera(shift(parts.position, 3 * part), eye, axes)
        reach = bounding_radius(kind, size)
        seen = z + reach > NEAR and abs(x) - edge_x * z < reach * long_x and abs(y) - edge_y * z < reach * long_y
        if not seen:
            continue
        centre = (x, y, z)
        local, origin = to_local(shift(parts.rotation, 9 * part), axes, centre, view.local)
        sun = (
            local[0] * light[0] + local[1] * light[1] + local[2] * light[2],
            local[3] * light[0] + local[4] * light[1] + local[5] * light[2],
            local[6] * light[0] + local[7] * light[1] + local[8] * light[2],
        )
        first = count
        if kind in (BOX, PLANE):
            count = add_box(kind, size, centre, local, origin, sun, light, lens, view, count)
        elif kind == SPHERE:
            count = add_ball(size[0], centre, lens, view, count)
        elif kind == CYLINDER:
            count = add_cylinder(size, centre, local, origin, sun, light, lens, view, count)
        elif kind == CAPSULE:
            count = add_capsule(size, centre, local, origin, lens, view, count)
        elif kind == MESH:
            count = add_mesh(shift(roots, 2 * parts.mesh[part]), size, centre, local, origin, lens, view, count)
        for n in range(first, count):
            finish(n, part, parts, local, sun, light, view)
    return count


@inner
def to_camera(position, eye, axes):  # type: ignore[no-untyped-def]
    """A world point in camera axes."""
    x, y, z = position[0] - eye[0], position[1] - eye[1], position[2] - eye[2]
    return (
        axes[0] * x + axes[3] * y + axes[6] * z,
        axes[1] * x + axes[4] * y + axes[7] * z,
        axes[2] * x + axes[5] * y + axes[8] * z,
    )


@inner
def bounding_radius(kind, size):  # type: ignore[no-untyped-def]
    """Radius of the sphere around a part's centre that holds it."""
    x, y, z = float(size[0]), float(size[1]), float(size[2])
    if kind in (SPHERE, CAPSULE):
        return z
    return math.sqrt(x * x + z * z) if kind == CYLINDER else math.sqrt(x * x + y * y + z * z)


@inner
def to_local(rotation, axes, centre, local):  # type: ignore[no-untyped-def]
    """Matrix from camera axes to a part's axes (rows), and the eye in the part's frame."""
    for k in range(3):
        for j in range(3):
            local[3 * k + j] = rotation[k] * axes[j] + rotation[3 + k] * axes[3 + j] + rotation[6 + k] * axes[6 + j]
    x, y, z = centre
    origin = (
        -(local[0] * x + local[1] * y + local[2] * z),
        -(local[3] * x + local[4] * y + local[5] * z),
        -(local[6] * x + local[7] * y + local[8] * z),
    )
    return local, origin


@inner
def add_box(kind, size, centre, local, origin, sun, light, lens, view, count):  # type: ignore[no-untyped-def]
    """The faces of a box that the eye is in front of: at most three. A plane is the upper face of a flat box."""
    for axis in range(2 if kind == PLANE else 0, 3):
        if abs(origin[axis]) > size[axis] and (kind == BOX or origin[2] > 0.0):
            i, j = 1 if axis == 0 else 0, 1 if axis == 2 else 2
            sign = 1.0 if origin[axis] > 0.0 else -1.0
            flat_numbers(axis, i, j, sign * size[axis], size[i], size[j], local, origin, numbers_of(view, count))
            numbers_of(view, count)[11] = light[3] + light[4] * max(0.0, -sign * sun[axis])
            code_of(view, count)[KIND] = QUAD
            a = (local[3 * i] * size[i], local[3 * i + 1] * size[i], local[3 * i + 2] * size[i])
            b = (local[3 * j] * size[j], local[3 * j + 1] * size[j], local[3 * j + 2] * size[j])
            middle = along(centre, local, axis, sign * size[axis])
            count += bound_quad(code_of(view, count), middle, a, b, lens)
    return count


@inner
def along(centre, local, axis, length):  # type: ignore[no-untyped-def]
    """The point at `length` from a part's centre along one of its axes, in camera axes."""
    return (
        centre[0] + length * local[3 * axis],
        centre[1] + length * local[3 * axis + 1],
        centre[2] + length * local[3 * axis + 2],
    )


@inner
def flat_numbers(axis, i, j, height, half_i, half_j, local, origin, numbers):  # type: ignore[no-untyped-def]
    """w and the places along axes i and j, for the plane at `height` along `axis`."""
    scale = 1.0 / (height - origin[axis])
    slack = ROUNDING * (abs(origin[0]) + abs(origin[1]) + abs(origin[2]))
    for c in range(3):
        w = local[3 * axis + c] * scale
        numbers[c] = w
        numbers[3 + c] = (origin[i] * w + local[3 * i + c]) / (half_i + slack)
        numbers[6 + c] = (origin[j] * w + local[3 * j + c]) / (half_j + slack)
    numbers[9], numbers[10] = (half_i + slack) * DENSITY, (half_j + slack) * DENSITY


@inner
def add_ball(radius, centre, lens, view, count):  # type: ignore[no-untyped-def]
    """A sphere, unless the eye is inside."""
    x, y, z = centre
    rest = x * x + y * y + z * z - radius * radius
    if rest <= 0.0:
        return count
    numbers = numbers_of(view, count)
    numbers[0], numbers[1], numbers[2] = -x, -y, -z
    numbers[3], numbers[4], numbers[5] = radius * radius, 1.0 / rest, 1.0 / radius
    code_of(view, count)[KIND] = BALL
    return count + bound_disc(code_of(view, count), centre, (0.0, 0.0, 0.0), radius, lens)


@inner
def add_cylinder(size, centre, local, origin, sun, light, lens, view, count):  # type: ignore[no-untyped-def]
    """The side, and the cap that the eye is in front of."""
    count = add_tube(size[0], size[2], centre, local, origin, lens, view, count)
    if abs(origin[2]) > size[2]:
        sign = 1.0 if origin[2] > 0.0 else -1.0
        flat_numbers(2, 0, 1, sign * size[2], size[0], size[1], local, origin, numbers_of(view, count))
        numbers_of(view, count)[11] = light[3] + light[4] * max(0.0, -sign * sun[2])
        code_of(view, count)[KIND] = DISC
        normal = (local[6], local[7], local[8])
        middle = along(centre, local, 2, sign * size[2])
        count += bound_disc(code_of(view, count), middle, normal, size[0], lens)
    return count


@inner
def add_tube(radius, half, centre, local, origin, lens, view, count):  # type: ignore[no-untyped-def]
    """The side of a cylinder, unless the eye is within its radius."""
    rest = origin[0] * origin[0] + origin[1] * origin[1] - radius * radius
    if rest <= 0.0:
        return count
    numbers = numbers_of(view, count)
    for c in range(3):
        x, y = local[c], local[3 + c]
        numbers[c], numbers[3 + c] = origin[0] * y - origin[1] * x, origin[0] * x + origin[1] * y
        numbers[6 + c], numbers[9 + c], numbers[12 + c] = local[6 + c], x, y
        numbers[15 + c] = origin[c]
    slack = ROUNDING * (abs(origin[0]) + abs(origin[1]) + abs(origin[2]))
    numbers[18], numbers[19], numbers[35], numbers[36] = radius * radius, 1.0 / rest, half + slack, 1.0 / radius
    code_of(view, count)[KIND] = TUBE
    axis = (local[6], local[7], local[8])
    return count + bound_tube(code_of(view, count), centre, axis, radius, half, lens)


@inner
def add_capsule(size, centre, local, origin, lens, view, count):  # type: ignore[no-untyped-def]
    """A tube between two balls, unless the eye is inside."""
    radius, half = float(size[0]), float(size[2]) - float(size[0])
    above = max(abs(origin[2]) - half, 0.0)
    if origin[0] * origin[0] + origin[1] * origin[1] + above * above <= radius * radius:
        return count
    if half > 0.0:
        count = add_tube(radius, half, centre, local, origin, lens, view, count)
    for end in (-half, half):
        count = add_ball(radius, along(centre, local, 2, end), lens, view, count)
    return count


@inner
def add_mesh(root, size, centre, local, origin, lens, view, count):  # type: ignore[no-untyped-def]
    numbers = numbers_of(view, count)
    for k in range(3):
        numbers[9 + k], numbers[12 + k] = origin[k] / size[k], size[k]
        for c in range(3):
            numbers[3 * k + c] = local[3 * k + c] / size[k]
    code = code_of(view, count)
    code[KIND], code[ROOT], code[CLOSED] = FACES, root[0], root[1]
    return count + bound_box(code_of(view, count), centre, local, size, lens)


@inner
def finish(n, part, parts, local, sun, light, view):  # type: ignore[no-untyped-def]
    """What every kind of patch has: whose it is, its colour, light and axes."""
    code, numbers, colour = code_of(view, n), numbers_of(view, n), shift(parts.colour, 3 * part)
    code[PART], code[BODY], code[TEXTURE], code[PLAIN] = part, parts.body[part], parts.texture[part], -1
    for c in range(3):
        numbers[COLOUR + c] = 255.0 * colour[c]
        numbers[SUN + c] = sun[c]
    if code[KIND] == BALL:
        for c in range(3):
            numbers[SUN + c] = light[c]
    if code[KIND] <= DISC and code[TEXTURE] == 0:
        code[PLAIN] = 0
        for c in range(3):
            octet = int(min(255.0 * colour[c] * numbers[11] + 0.5, 255.0))
            code[PLAIN] |= octet << (8 * c)
    if code[KIND] > DISC:
        for k in range(3):
            for c in range(3):
                numbers[AXES + 3 * k + c] = local[3 * k + c]
