"""Colours of what is visible: for each packet, each patch in it is shaded once and written where it is seen."""

from loci.sim.render import textures
from loci.sim.render.frame import AXES, BALL, COLOUR, DISC, FACES, KIND, SUN, TEXTURE, code_of, numbers_of
from loci.sim.render.meshes import LEAF, WORDS
from loci.sim.render.simd import (
    floor,
    gather,
    inner,
    larger,
    load,
    magnitude,
    real,
    repeat,
    root,
    shift,
    smaller,
    where,
)

TEXELS = textures.SIZE * textures.SIZE
LAST = textures.SIZE - 1
SIZE = textures.SIZE
DENSITY = textures.DENSITY


@inner
def shade(view, n, mask, x, y, t, place, light, lit, texels, meshes):  # type: ignore[no-untyped-def]
    """Colours 0x00bbggrr of patch n at depth t along the slopes x, y; only lanes in `mask` count.

    `light` is ambient and diffuse, `lit` is 1 where the light arrives and 0 in shadow.
    """
    kind = code_of(view, n)[KIND]
    if kind <= DISC:
        return shade_flat(view, n, mask, x, y, t, light, lit, texels)
    if kind == BALL:
        return shade_ball(view, n, mask, x, y, t, light, lit, texels)
    if kind == FACES:
        return shade_faces(view, n, mask, x, y, t, place, light, lit, texels, meshes)
    return shade_tube(view, n, mask, x, y, t, light, lit, texels)


@inner
def shade_flat(view, n, mask, x, y, t, light, lit, texels):  # type: ignore[no-untyped-def]
    q, code = numbers_of(view, n), code_of(view, n)
    brightness = (q[11] - light[0]) * lit + light[0]
    if code[TEXTURE] == 0:
        return mix(q, brightness)
    u = (x * q[3] + (y * q[4] + q[5])) * t * q[9]
    v = (x * q[6] + (y * q[7] + q[8])) * t * q[10]
    return mix_texel(q, brightness, texel(texels, code[TEXTURE], mask, u, v))


@inner
def shade_ball(view, n, mask, x, y, t, light, lit, texels):  # type: ignore[no-untyped-def]
    q, code = numbers_of(view, n), code_of(view, n)
    px, py, pz = x * t + q[0], y * t + q[1], t + q[2]
    facing = (px * q[SUN] + py * q[SUN + 1] + pz * q[SUN + 2]) * -q[5]
    brightness = larger(facing, 0.0) * lit * light[1] + light[0]
    if code[TEXTURE] == 0:
        return mix(q, brightness)
    a = shift(q, AXES)
    return mix_texel(q, brightness, solid_texel(
        texels, code[TEXTURE], mask, px * a[0] + py * a[1] + pz * a[2], px * a[3] + py * a[4] + pz * a[5],
        px * a[6] + py * a[7] + pz * a[8], px * a[0] + py * a[1] + pz * a[2], px * a[3] + py * a[4] + pz * a[5],
        px * a[6] + py * a[7] + pz * a[8]))  # fmt: skip


@inner
def shade_tube(view, n, mask, x, y, t, light, lit, texels):  # type: ignore[no-untyped-def]
    q, code = numbers_of(view, n), code_of(view, n)
    px = (x * q[9] + (y * q[10] + q[11])) * t + q[15]
    py = (x * q[12] + (y * q[13] + q[14])) * t + q[16]
    brightness = larger((px * q[SUN] + py * q[SUN + 1]) * -q[36], 0.0) * lit * light[1] + light[0]
    if code[TEXTURE] == 0:
        return mix(q, brightness)
    pz = (x * q[6] + (y * q[7] + q[8])) * t + q[17]
    return mix_texel(q, brightness, solid_texel(texels, code[TEXTURE], mask, px, py, pz, px, py, repeat(0.0)))


@inner
def shade_faces(view, n, mask, x, y, t, place, light, lit, texels, meshes):  # type: ignore[no-untyped-def]
    """Flat triangles, lit on the side that is seen; a face's colour multiplies the shape's."""
    q, code = numbers_of(view, n), code_of(view, n)
    face = where(mask, load(view.face, place), 0)
    normal = (face >> 4) * WORDS + (face & (LEAF - 1)) + 9 * LEAF
    nx = gather(meshes.triangles, normal) * (1.0 / q[12])
    ny = gather(meshes.triangles, normal + LEAF) * (1.0 / q[13])
    nz = gather(meshes.triangles, normal + 2 * LEAF) * (1.0 / q[14])
    a = shift(q, AXES)
    dx, dy, dz = x * a[0] + (y * a[1] + a[2]), x * a[3] + (y * a[4] + a[5]), x * a[6] + (y * a[7] + a[8])
    towards = nx * dx + ny * dy + nz * dz
    facing = (nx * q[SUN] + ny * q[SUN + 1] + nz * q[SUN + 2]) / root(nx * nx + ny * ny + nz * nz)
    brightness = larger(where(towards > 0.0, facing, facing * -1.0), 0.0) * lit * light[1] + light[0]
    red = brightness * gather(meshes.faces, face * 3) * q[COLOUR]
    green = brightness * gather(meshes.faces, face * 3 + 1) * q[COLOUR + 1]
    blue = brightness * gather(meshes.faces, face * 3 + 2) * q[COLOUR + 2]
    if code[TEXTURE] == 0:
        return packed(red, green, blue)
    px, py, pz = dx * t + q[9] * q[12], dy * t + q[10] * q[13], dz * t + q[11] * q[14]
    tint = solid_texel(texels, code[TEXTURE], mask, px, py, pz, nx, ny, nz)
    return packed(red * part(tint, 0), green * part(tint, 8), blue * part(tint, 16))


@inner
def solid_texel(texels, texture, mask, px, py, pz, nx, ny, nz):  # type: ignore[no-untyped-def]
    """Texel at a point p of a curved surface, seen along the axis nearest to the normal n."""
    ax, ay, az = magnitude(nx), magnitude(ny), magnitude(nz)
    flat = (az > ax) & (az > ay)
    u = where(flat | (ay >= ax), px, py)
    return texel(texels, texture, mask, u * DENSITY, where(flat, py, pz) * DENSITY)


@inner
def texel(texels, texture, mask, u, v):  # type: ignore[no-untyped-def]
    """Nearest texel, the tile repeating; u and v in texels."""
    column, row = floor(where(mask, u, 0.0)) & LAST, floor(where(mask, v, 0.0)) & LAST
    return gather(texels, row * SIZE + column + texture * TEXELS)


@inner
def part(colours, shift):  # type: ignore[no-untyped-def]
    """One of the three colours of texels as floats 0..1."""
    return real((colours >> shift) & 255) * (1.0 / 255.0)


@inner
def mix(q, brightness):  # type: ignore[no-untyped-def]
    return packed(brightness * q[COLOUR], brightness * q[COLOUR + 1], brightness * q[COLOUR + 2])


@inner
def mix_texel(q, brightness, tint):  # type: ignore[no-untyped-def]
    red, green, blue = part(tint, 0) * q[COLOUR], part(tint, 8) * q[COLOUR + 1], part(tint, 16) * q[COLOUR + 2]
    return packed(brightness * red, brightness * green, brightness * blue)


@inner
def packed(red, green, blue):  # type: ignore[no-untyped-def]
    """Ints 0x00bbggrr of channels 0..255, rounded; brighter is cut off."""
    return octet(red) | (octet(green) << 8) | (octet(blue) << 16)


@inner
def octet(channel):  # type: ignore[no-untyped-def]
    return floor(smaller(larger(channel, 0.0) + 0.5, 255.0))
