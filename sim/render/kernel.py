"""The compiled part of the ray caster: rows of a scene in, images out."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit

from loci.sim.render.frame import (
    BODY,
    DISC,
    KIND,
    PLAIN,
    SIDE,
    Meshes,
    Parts,
    aim,
    code_of,
    make_view,
    numbers_of,
)
from loci.sim.render.patches import set_up
from loci.sim.render.shade import shade
from loci.sim.render.shadow import lit_lanes, set_up_shadows
from loci.sim.render.simd import bits, inner, load, lowest, pointer, repeat, shift, store_colours, store_rows, where
from loci.sim.render.visible import find_visible

BACKGROUND = 0x00DCBEA0
"""0x00bbggrr where nothing is hit: sky, sRGB (160, 190, 220)."""
NOWHERE = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def digest() -> str:
    """Of the sources in this folder."""
    texts = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"".join(texts)).hexdigest()


@inner
def write_geometry(view, wanted, images, first, stride):  # type: ignore[no-untyped-def]
    """Depth and labels of every packet; `first` is the picture's first pixel in the images, `stride` its row."""
    columns = stride // SIDE
    for packet in range(view.pixels // 16):
        pixel = first + packet // columns * SIDE * stride + packet % columns * SIDE
        if wanted[1]:
            w = load(view.inverse, packet * 16)
            store_rows(images[1], pixel, stride, where(w > 0.0, 1.0 / w, 0.0))
        if wanted[2]:
            store_rows(images[2], pixel, stride, load(view.label, packet * 16))


@inner
def write_colours(view, light, basis, parts, used, texels, meshes, images, wanted, shadows, first, stride):  # type: ignore[no-untyped-def]
    """Colours, depth and bodies of every packet, whose labels are patches."""
    columns = stride // SIDE
    for packet in range(view.pixels // 16):
        row, column = packet // columns, packet % columns
        pixel = first + row * SIDE * stride + column * SIDE
        w = load(view.inverse, packet * 16)
        ray = (load(view.right, column * 16), load(view.down, row * 16), where(w > 0.0, 1.0 / w, 0.0))
        colour, body = shade_packet(
            view, packet * 16, bits(w > 0.0), ray, light, basis, parts, used, texels, meshes, shadows
        )
        store_colours(images[0], 3 * pixel, 3 * stride, colour)
        if wanted[1]:
            store_rows(images[1], pixel, stride, ray[2])
        if wanted[2]:
            store_rows(images[2], pixel, stride, body)


@inner
def shade_packet(view, place, left, ray, light, basis, parts, used, texels, meshes, shadows):  # type: ignore[no-untyped-def]
    """Colours and bodies of a packet: each patch that is in it is shaded once. `left` has the bits of lanes that hit
    something, `ray` is two slopes and the depth."""
    x, y, t = ray
    colour, body, label = repeat(BACKGROUND), repeat(-1), load(view.label, place)
    while left != 0:
        n = view.label[place + lowest(left)]
        code, mask = code_of(view, n), label == n
        left &= ~bits(mask)
        body = where(mask, code[BODY], body)
        shaded = shadows and turned_to_light(view, n, light)
        if code[PLAIN] >= 0 and not shaded:
            colour = where(mask, code[PLAIN], colour)
            continue
        lit = repeat(1.0)
        if shaded:
            lit = lit_lanes(view, n, mask, x, y, t, basis, parts, used, meshes)
        colour = where(mask, shade(view, n, mask, x, y, t, place, light, lit, texels, meshes), colour)
    return colour, body


@inner
def turned_to_light(view, n, light):  # type: ignore[no-untyped-def]
    """Whether light can reach some of a patch, as far as its direction goes."""
    return code_of(view, n)[KIND] > DISC or numbers_of(view, n)[11] > light[0]


@inner
def row_of(fields, first):  # type: ignore[no-untyped-def]
    """The Parts of the world whose first slot is `first`."""
    return Parts(
        shift(pointer(fields[0]), first),
        shift(pointer(fields[1]), 3 * first),
        shift(pointer(fields[2]), 9 * first),
        shift(pointer(fields[3]), 3 * first),
        shift(pointer(fields[4]), 3 * first),
        shift(pointer(fields[5]), first),
        shift(pointer(fields[6]), first),
        shift(pointer(fields[7]), first),
    )


@inner
def turn_light(world, axes):  # type: ignore[no-untyped-def]
    """A row of Scene.light with its direction in camera axes."""
    x, y, z = world[0], world[1], world[2]
    return (
        axes[0] * x + axes[3] * y + axes[6] * z,
        axes[1] * x + axes[4] * y + axes[7] * z,
        axes[2] * x + axes[5] * y + axes[8] * z,
        np.float64(world[3]),
        np.float64(world[4]),
    )


@inner
def draw(view, parts, used, light, shot, lens, meshes, texels, wanted, shadows, images):  # type: ignore[no-untyped-def]
    """One picture. `shot` is the eye, the camera's axes, the picture's first pixel and its row length."""
    eye, axes, first, stride = shot
    count = set_up(parts, used, light, meshes.roots, eye, axes, lens, view)
    find_visible(view, count, meshes, stride // SIDE, wanted[0])
    if not wanted[0]:
        write_geometry(view, wanted, images, first, stride)
        return
    basis = NOWHERE
    if shadows:
        basis = set_up_shadows(parts, used, light, eye, axes, view)
    shine = (light[3], light[4])
    write_colours(view, shine, basis, parts, used, texels, meshes, images, wanted, shadows, first, stride)


def make_kernel(sources: str) -> Callable[..., None]:
    """The compiled function. numba's cache looks at one file only; the digest, being used, makes it look at all."""

    @njit(cache=True, nogil=True, error_model="numpy")
    def render_rows(rows, fields, used, lights, eye, axes, lens, library, texels, wanted, shadows, images, memory):  # type: ignore[no-untyped-def]
        """Rows rows[0] to rows[1] - 1 of a Scene, every camera; images are flat and padded to whole packets.

        `fields` and `library` are arrays in the order of Parts and Meshes, `memory` is that of frame.scratch.
        """
        if sources == "":
            return
        slots, cameras = fields[0].shape[1], eye.shape[1]
        height, width = (lens.height + SIDE - 1) // SIDE * SIDE, (lens.width + SIDE - 1) // SIDE * SIDE
        view = make_view(pointer(memory[0]), pointer(memory[1]), pointer(memory[2]), slots, height, width)
        aim(view.right, SIDE * width, lens.width, lens.focal, False)
        aim(view.down, SIDE * height, lens.height, lens.focal, True)
        a, d, e, f, g = library
        meshes = Meshes(pointer(a), pointer(d), pointer(e), pointer(f), pointer(g))
        outputs = (pointer(images[0]), pointer(images[1]), pointer(images[2]))
        for b in range(rows[0], rows[1]):
            parts = row_of(fields, b * slots)
            for c in range(cameras):
                n = b * cameras + c
                shot = (shift(pointer(eye), 3 * n), shift(pointer(axes), 9 * n), n * height * width, width)
                light = turn_light(shift(pointer(lights), 5 * b), shot[1])
                draw(view, parts, used[b], light, shot, lens, meshes, pointer(texels), wanted, shadows, outputs)

    return render_rows


render_rows = make_kernel(digest())


@njit(cache=True, nogil=True)
def average(fine, coarse):  # type: ignore[no-untyped-def]
    """Means of 2 x 2 pixels, (N, 2H, 2W, 3) to (N, H, W, 3) uint8, halves rounded up."""
    for n in range(coarse.shape[0]):
        for i in range(coarse.shape[1]):
            for j in range(coarse.shape[2]):
                for k in range(3):
                    total = int(fine[n, 2 * i, 2 * j, k]) + int(fine[n, 2 * i, 2 * j + 1, k])
                    total += int(fine[n, 2 * i + 1, 2 * j, k]) + int(fine[n, 2 * i + 1, 2 * j + 1, k])
                    coarse[n, i, j, k] = (total + 2) // 4
