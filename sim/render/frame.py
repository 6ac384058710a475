"""What the kernel's functions hand to each other: parts of a world, patches of a view, meshes, packets of pixels."""

from typing import Any, NamedTuple

import numpy as np

from loci.sim.render.simd import inner, shift

SIDE = 4
"""A packet is SIDE x SIDE pixels."""
NEAR = 0.01
"""Metres along the camera's z; nearer surfaces are not seen."""
QUAD, DISC, BALL, TUBE, FACES = range(5)
"""Kinds of patches: flat parallelogram, disc, sphere, side of a cylinder, triangles of a mesh."""
KIND, PART, BODY, LEFT, RIGHT, TOP, BOTTOM, TEXTURE, PLAIN, ROOT, CLOSED = range(11)
"""Columns of View.codes. LEFT to BOTTOM: the packets it may cover. PLAIN: its colour if it has only one, else -1."""
COLOUR, SUN, AXES = 20, 23, 26
"""Columns of View.numbers: 255 x colour, direction of the light and, unless flat, camera to part axes."""
NUMBERS, CODES, CASTER = 38, 11, 18
STACK, EDGES = 128, 192
FAR_AWAY = 1e9
Pointer = Any
PATCHES = 3
"""Most patches a part can have."""


class Lens(NamedTuple):
    """A pinhole: focal length and size of the picture in pixels; the optical axis meets its middle."""

    focal: float
    height: int
    width: int


class Parts(NamedTuple):
    """One world of a Scene: pointers to its first slot."""

    kind: Pointer
    position: Pointer
    rotation: Pointer
    size: Pointer
    colour: Pointer
    texture: Pointer
    mesh: Pointer
    body: Pointer


class Meshes(NamedTuple):
    """A meshes.Library."""

    triangles: Pointer
    faces: Pointer
    bounds: Pointer
    links: Pointer
    roots: Pointer


class View(NamedTuple):
    """Scratch of one camera: the patches it sees, and for each pixel the nearest of them.

    Pixels stand packet by packet, 16 together. right, down: slopes of the rays of each column or row of packets.
    casters, outlines: see shadow.set_up_shadows.
    """

    pixels: int
    numbers: Pointer  # float32 (n, NUMBERS)
    inverse: Pointer  # float32 (pixels,) one over depth, 0 = nothing
    right: Pointer  # float32 (columns, 16)
    down: Pointer  # float32 (rows, 16)
    casters: Pointer  # float32 (P, CASTER)
    outlines: Pointer  # float32 (5, P rounded up to 16)
    codes: Pointer  # int32 (n, CODES)
    label: Pointer  # int32 (pixels,) patch or body
    face: Pointer  # int32 (pixels,) triangle
    stack: Pointer  # int32 (STACK,)
    edges: Pointer  # float32 (12, 16) see traverse.try_leaf
    local: Pointer  # float64 (3, 3) camera axes to part axes


def scratch(slots: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Memory for a View of pictures of height x width pixels (multiples of SIDE): float32, int32, float64."""
    reals = slots * (PATCHES * NUMBERS + CASTER) + height * width + SIDE * (height + width) + 5 * (slots + 15) + EDGES
    wholes = slots * PATCHES * CODES + 2 * height * width + STACK
    return np.empty(reals, np.float32), np.empty(wholes, np.int32), np.empty(9, np.float64)


@inner
def make_view(reals, wholes, doubles, slots, height, width):  # type: ignore[no-untyped-def]
    """Cut the memory of `scratch` into a View."""
    inverse = slots * PATCHES * NUMBERS
    right = inverse + height * width
    down = right + SIDE * width
    casters = down + SIDE * height
    label = slots * PATCHES * CODES
    face = label + height * width
    return View(
        height * width,
        reals,
        shift(reals, inverse),
        shift(reals, right),
        shift(reals, down),
        shift(reals, casters),
        shift(reals, casters + slots * CASTER + EDGES),
        wholes,
        shift(wholes, label),
        shift(wholes, face),
        shift(wholes, face + height * width),
        shift(reals, casters + slots * CASTER),
        doubles,
    )


@inner
def numbers_of(view, n):  # type: ignore[no-untyped-def]
    """Row n of View.numbers."""
    return shift(view.numbers, n * NUMBERS)


@inner
def code_of(view, n):  # type: ignore[no-untyped-def]
    """Row n of View.codes."""
    return shift(view.codes, n * CODES)


@inner
def aim(slopes, count, pixels, focal, down):  # type: ignore[no-untyped-def]
    """Fill the slopes of rays through pixel centres, packet by packet; along rows, or down columns.

    `pixels` counts the picture's pixels without padding, so that the optical axis is in its middle.
    """
    for i in range(count):
        lane = i % 16
        pixel = i // 16 * SIDE + (lane // SIDE if down else lane % SIDE)
        slopes[i] = (pixel + 0.5 - pixels / 2.0) / focal
