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
)
from loci.sim.render.pack import BOX, CAPSULE, CYLINDER, MESH, PLANE, SPHERE
from loci.sim.render.simd import inner
from loci.sim.render.textures import DENSITY

ROUNDING = 4e-6
"""Metres per metre of distance by which flat patches grow, so that no ray slips between two faces of a box."""


@inner
def set_up(parts, used, light, roots, eye, axes, lens, view):  # type: ignore[no-untyped-def]
    """Fill view.numbers and view.codes; returns how many patches there are.

    `light` (5,) is its direction in camera axes, ambient and diffuse.
    """
    count = 0
    edge_x, edge_y = lens.width / 2.0 / lens.focal, lens.height / 2.0 / lens.focal
    long_x, long_y = math.sqrt(1.0 + edge_x * edge_x), math.sqrt(1.0 + edge_y * edge_y)
    for part in range(used):
        kind, size = parts.kind[part], parts.size[part]
        x, y, z = to_camera(parts.position[part], eye, axes)
        reach = bounding_radius(kind, size)
        seen = z + reach > NEAR and abs(x) - edge_x * z < reach * long_x and abs(y) - edge_y * z < reach * long_y
        if not seen:
            continue
        centre = (x, y, z)
        local, origin = to_local(parts.rotation[part], axes, centre, view.local)
        sun = (
            local[0, 0] * light[0] + local[0, 1] * light[1] + local[0, 2] * light[2],
            local[1, 0] * light[0] + local[1, 1] * light[1] + local[1, 2] * light[2],
            local[2, 0] * light[0] + local[2, 1] * light[1] + local[2, 2] * light[2],
        )
        first = count
        if kind == BOX or kind == PLANE:
            count = add_box(kind, size, centre, local, origin, sun, light, lens, view, count)
        elif kind == SPHERE:
            count = add_ball(size[0], centre, lens, view, count)
        elif kind == CYLINDER:
            count = add_cylinder(size, centre, local, origin, sun, light, lens, view, count)
        elif kind == CAPSULE:
            count = add_capsule(size, centre, local, origin, lens, view, count)
        elif kind == MESH:
            count = add_mesh(roots[parts.mesh[part]], size, centre, local, origin, lens, view, count)
        for n in range(first, count):
            finish(n, part, parts, local, sun, light, view)
    return count


@inner
def to_camera(position, eye, axes):  # type: ignore[no-untyped-def]
    """A world point in camera axes."""
    x, y, z = position[0] - eye[0], position[1] - eye[1], position[2] - eye[2]
    return (
        axes[0, 0] * x + axes[1, 0] * y + axes[2, 0] * z,
        axes[0, 1] * x + axes[1, 1] * y + axes[2, 1] * z,
        axes[0, 2] * x + axes[1, 2] * y + axes[2, 2] * z,
    )


@inner
def bounding_radius(kind, size):  # type: ignore[no-untyped-def]
    """Radius of the sphere around a part's centre that holds it."""
    x, y, z = float(size[0]), float(size[1]), float(size[2])
    if kind == SPHERE or kind == CAPSULE:
        return z
    return math.sqrt(x * x + z * z) if kind == CYLINDER else math.sqrt(x * x + y * y + z * z)


@inner
def to_local(rotation, axes, centre, local):  # type: ignore[no-untyped-def]
    """Matrix from camera axes to a part's axes (rows), and the eye in the part's frame."""
    for k in range(3):
        for j in range(3):
            local[k, j] = rotation[0, k] * axes[0, j] + rotation[1, k] * axes[1, j] + rotation[2, k] * axes[2, j]
    x, y, z = centre
    origin = (
        -(local[0, 0] * x + local[0, 1] * y + local[0, 2] * z),
        -(local[1, 0] * x + local[1, 1] * y + local[1, 2] * z),
        -(local[2, 0] * x + local[2, 1] * y + local[2, 2] * z),
    )
    return local, origin


@inner
def add_box(kind, size, centre, local, origin, sun, light, lens, view, count):  # type: ignore[no-untyped-def]
    """The faces of a box that the eye is in front of: at most three. A plane is the upper face of a flat box."""
    for axis in range(2 if kind == PLANE else 0, 3):
        if abs(origin[axis]) > size[axis] and (kind == BOX or origin[2] > 0.0):
            i, j = 1 if axis == 0 else 0, 1 if axis == 2 else 2
            sign = 1.0 if origin[axis] > 0.0 else -1.0
            flat_numbers(axis, i, j, sign * size[axis], size[i], size[j], local, origin, view.numbers[count])
            view.numbers[count, 11] = light[3] + light[4] * max(0.0, -sign * sun[axis])
            view.codes[count, KIND] = QUAD
            a = (local[i, 0] * size[i], local[i, 1] * size[i], local[i, 2] * size[i])
            b = (local[j, 0] * size[j], local[j, 1] * size[j], local[j, 2] * size[j])
            middle = along(centre, local, axis, sign * size[axis])
            count += bound_quad(view.codes[count], middle, a, b, lens)
    return count


@inner
def along(centre, local, axis, length):  # type: ignore[no-untyped-def]
    """The point at `length` from a part's centre along one of its axes, in camera axes."""
    return (
        centre[0] + length * local[axis, 0],
        centre[1] + length * local[axis, 1],
        centre[2] + length * local[axis, 2],
    )


@inner
def flat_numbers(axis, i, j, height, half_i, half_j, local, origin, numbers):  # type: ignore[no-untyped-def]
    """w and the places along axes i and j, for the plane at `height` along `axis`."""
    scale = 1.0 / (height - origin[axis])
    slack = ROUNDING * (abs(origin[0]) + abs(origin[1]) + abs(origin[2]))
    for c in range(3):
        w = local[axis, c] * scale
        numbers[c] = w
        numbers[3 + c] = (origin[i] * w + local[i, c]) / (half_i + slack)
        numbers[6 + c] = (origin[j] * w + local[j, c]) / (half_j + slack)
    numbers[9], numbers[10] = (half_i + slack) * DENSITY, (half_j + slack) * DENSITY


@inner
def add_ball(radius, centre, lens, view, count):  # type: ignore[no-untyped-def]
    """A sphere, unless the eye is inside."""
    x, y, z = centre
    rest = x * x + y * y + z * z - radius * radius
    if rest <= 0.0:
        return count
    numbers = view.numbers[count]
    numbers[0], numbers[1], numbers[2] = -x, -y, -z
    numbers[3], numbers[4], numbers[5] = radius * radius, 1.0 / rest, 1.0 / radius
    view.codes[count, KIND] = BALL
    return count + bound_disc(view.codes[count], centre, (0.0, 0.0, 0.0), radius, lens)


@inner
def add_cylinder(size, centre, local, origin, sun, light, lens, view, count):  # type: ignore[no-untyped-def]
    """The side, and the cap that the eye is in front of."""
    count = add_tube(size[0], size[2], centre, local, origin, lens, view, count)
    if abs(origin[2]) > size[2]:
        sign = 1.0 if origin[2] > 0.0 else -1.0
        flat_numbers(2, 0, 1, sign * size[2], size[0], size[1], local, origin, view.numbers[count])
        view.numbers[count, 11] = light[3] + light[4] * max(0.0, -sign * sun[2])
        view.codes[count, KIND] = DISC
        normal = (local[2, 0], local[2, 1], local[2, 2])
        middle = along(centre, local, 2, sign * size[2])
        count += bound_disc(view.codes[count], middle, normal, size[0], lens)
    return count


@inner
def add_tube(radius, half, centre, local, origin, lens, view, count):  # type: ignore[no-untyped-def]
    """The side of a cylinder, unless the eye is within its radius."""
    rest = origin[0] * origin[0] + origin[1] * origin[1] - radius * radius
    if rest <= 0.0:
        return count
    numbers = view.numbers[count]
    for c in range(3):
        x, y = local[0, c], local[1, c]
        numbers[c], numbers[3 + c] = origin[0] * y - origin[1] * x, origin[0] * x + origin[1] * y
        numbers[6 + c], numbers[9 + c], numbers[12 + c] = local[2, c], x, y
        numbers[15 + c] = origin[c]
    slack = ROUNDING * (abs(origin[0]) + abs(origin[1]) + abs(origin[2]))
    numbers[18], numbers[19], numbers[35], numbers[36] = radius * radius, 1.0 / rest, half + slack, 1.0 / radius
    view.codes[count, KIND] = TUBE
    axis = (local[2, 0], local[2, 1], local[2, 2])
    return count + bound_tube(view.codes[count], centre, axis, radius, half, lens)


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
    numbers = view.numbers[count]
    for k in range(3):
        numbers[9 + k], numbers[12 + k] = origin[k] / size[k], size[k]
        for c in range(3):
            numbers[3 * k + c] = local[k, c] / size[k]
    view.codes[count, KIND], view.codes[count, ROOT] = FACES, root
    return count + bound_box(view.codes[count], centre, local, size, lens)


@inner
def finish(n, part, parts, local, sun, light, view):  # type: ignore[no-untyped-def]
    """What every kind of patch has: whose it is, its colour, light and axes."""
    code, numbers, colour = view.codes[n], view.numbers[n], parts.colour[part]
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
                numbers[AXES + 3 * k + c] = local[k, c]
