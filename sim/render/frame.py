"""What the kernel's functions hand to each other: parts of a world, patches of a view, meshes and the picture's packets."""

from typing import NamedTuple

import numpy as np

from loci.sim.render.simd import inner

SIDE = 4
"""A packet is SIDE x SIDE pixels."""
NEAR = 0.01
"""Metres along the camera's z; nearer surfaces are not seen."""
QUAD, DISC, BALL, TUBE, FACES = range(5)
"""Kinds of patches: flat parallelogram, disc, sphere, side of a cylinder, triangles of a mesh."""
KIND, PART, BODY, LEFT, RIGHT, TOP, BOTTOM, TEXTURE, PLAIN, ROOT = range(10)
"""Columns of View.codes. LEFT to BOTTOM: the packets it may cover. PLAIN: its colour if it has only one, else -1."""
COLOUR, SUN, AXES = 20, 23, 26
"""Columns of View.numbers that every kind has: 255 x colour, direction of the light, and (curved) camera to part axes."""
NUMBERS = 38
PATCHES = 3
"""Most patches a part can have."""


class Lens(NamedTuple):
    """A pinhole: focal length and size of the picture in pixels; the optical axis meets its middle."""

    focal: float
    height: int
    width: int


class Parts(NamedTuple):
    """One world of a Scene, (P, …)."""

    kind: np.ndarray
    position: np.ndarray
    rotation: np.ndarray
    size: np.ndarray
    colour: np.ndarray
    texture: np.ndarray
    mesh: np.ndarray
    body: np.ndarray


class Meshes(NamedTuple):
    """The flat arrays of a meshes.Library."""

    triangles: np.ndarray
    faces: np.ndarray
    bounds: np.ndarray
    links: np.ndarray
    roots: np.ndarray


class View(NamedTuple):
    """Scratch of one camera: the patches it sees, and for each packet the nearest of them.

    numbers (n, NUMBERS) float32, codes (n, 10) int32, local (3, 3) float64 camera to part axes · inverse (pixels,) float32 one over depth,
    0 = nothing · label (pixels,) int32 patch or body · face (pixels,) int32 triangle · right, down (columns or rows of
    packets x 16) float32 slopes of the rays · stack (128,) int32.
    """

    numbers: np.ndarray
    codes: np.ndarray
    local: np.ndarray
    inverse: np.ndarray
    label: np.ndarray
    face: np.ndarray
    right: np.ndarray
    down: np.ndarray
    stack: np.ndarray


@inner
def make_view(slots, height, width):  # type: ignore[no-untyped-def]
    """Scratch for pictures of height x width pixels (multiples of SIDE)."""
    count = PATCHES * slots
    return View(
        np.empty((count, NUMBERS), np.float32),
        np.empty((count, 10), np.int32),
        np.empty((3, 3), np.float64),
        np.empty(height * width, np.float32),
        np.empty(height * width, np.int32),
        np.empty(height * width, np.int32),
        np.empty(width * SIDE, np.float32),
        np.empty(height * SIDE, np.float32),
        np.empty(128, np.int32),
    )


@inner
def aim(slopes, pixels, focal, down):  # type: ignore[no-untyped-def]
    """Fill the slopes of rays through pixel centres, packet by packet; along rows, or down columns.

    `pixels` counts the picture's pixels without padding, so that the optical axis is in its middle.
    """
    for i in range(len(slopes)):
        lane = i % 16
        pixel = i // 16 * SIDE + (lane // SIDE if down else lane % SIDE)
        slopes[i] = (pixel + 0.5 - pixels / 2.0) / focal
