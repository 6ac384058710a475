"""The batched ray caster on the CPU: colour, depth and instance images of a Scene, without any graphics library."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from loci.sim.geometry import focal_length
from loci.sim.render import textures
from loci.sim.render.frame import BODY, PLAIN, SIDE, Lens, Meshes, Parts, aim, make_view
from loci.sim.render.pack import Scene
from loci.sim.render.patches import set_up
from loci.sim.render.shade import shade
from loci.sim.render.simd import bits, inner, load, lowest, repeat, store_colours, store_rows, where
from loci.sim.render.visible import find_visible

BACKGROUND = 0x00DCBEA0
"""0x00bbggrr of the sky, sRGB (160, 190, 220)."""


@inner
def resolve(view, lens, wanted, light, texels, meshes, images, first, stride):  # type: ignore[no-untyped-def]
    """From the nearest patches to the images; `first` is the picture's first pixel in them, `stride` its row."""
    rgb, depth, instance = images
    columns = stride // SIDE
    for packet in range(len(view.inverse) // 16):
        row, column = packet // columns, packet % columns
        pixel = first + row * SIDE * stride + column * SIDE
        w, label = load(view.inverse, packet * 16), load(view.label, packet * 16)
        seen = w > 0.0
        t = where(seen, 1.0 / w, 0.0)
        if wanted[1]:
            store_rows(depth, pixel, stride, t)
        if wanted[0]:
            x, y = load(view.right, column * 16), load(view.down, row * 16)
            colour, body, left = repeat(BACKGROUND), repeat(-1), bits(seen)
            while left != 0:
                n = view.label[packet * 16 + lowest(left)]
                mask = label == n
                if view.codes[n, PLAIN] >= 0:
                    colour = where(mask, view.codes[n, PLAIN], colour)
                else:
                    made = shade(view, n, mask, x, y, t, packet * 16, light, repeat(1.0), texels, meshes)
                    colour = where(mask, made, colour)
                body = where(mask, view.codes[n, BODY], body)
                left &= ~bits(mask)
            store_colours(rgb, 3 * pixel, 3 * stride, colour)
            label = body
        if wanted[2]:
            store_rows(instance, pixel, stride, label)


@njit(cache=True, nogil=True, error_model="numpy")
def render_rows(rows, parts, used, lights, eye, axes, lens, meshes, texels, wanted, images):  # type: ignore[no-untyped-def]
    """Rows rows[0] to rows[1] - 1 of a Scene, every camera; images are flat and padded to whole packets."""
    cameras = eye.shape[1]
    height, width = (lens.height + 3) // SIDE * SIDE, (lens.width + 3) // SIDE * SIDE
    view = make_view(parts.kind.shape[1], height, width)
    aim(view.right, lens.width, lens.focal, False)
    aim(view.down, lens.height, lens.focal, True)
    light = np.empty(5)
    for b in range(rows[0], rows[1]):
        own = Parts(parts.kind[b], parts.position[b], parts.rotation[b], parts.size[b], parts.colour[b],
                    parts.texture[b], parts.mesh[b], parts.body[b])  # fmt: skip
        for c in range(cameras):
            for j in range(3):
                light[j] = axes[b, c, 0, j] * lights[b, 0] + axes[b, c, 1, j] * lights[b, 1] + axes[b, c, 2, j] * lights[b, 2]
            light[3], light[4] = lights[b, 3], lights[b, 4]
            count = set_up(own, used[b], light, meshes.roots, eye[b, c], axes[b, c], lens, view)
            find_visible(view, count, meshes, width // SIDE, wanted[0])
            shine = (np.float32(light[3]), np.float32(light[4]))
            first = (b * cameras + c) * height * width
            resolve(view, lens, wanted, shine, texels, meshes, images, first, width)


KINDS: dict[str, tuple[tuple[int, ...], Any]] = {"rgb": ((3,), np.uint8), "depth": ((), np.float32), "instance": ((), np.int32)}


def render(
    scene: Scene,
    eye: np.ndarray,
    axes: np.ndarray,
    height: int,
    width: int,
    fov: float,
    kinds: Sequence[str] = ("rgb", "depth", "instance"),
    supersample: int = 1,
    shadows: bool = False,
    threads: int = 1,
    out: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    lens = Lens(float(focal_length(height, fov)), height, width)
    batch, cameras = eye.shape[:2]
    padded = (-(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE)
    images = {}
    for kind, (shape, dtype) in KINDS.items():
        size = (batch, cameras, *padded, *shape) if kind in kinds else (0,)
        images[kind] = np.empty(size, dtype)
    wanted = tuple(kind in kinds for kind in KINDS)
    parts = Parts(scene.kind, scene.position, scene.rotation, scene.size, scene.colour, scene.texture, scene.mesh, scene.body)
    m = scene.meshes
    meshes = Meshes(m.triangles, m.faces, m.bounds, m.links, m.roots)
    flat = tuple(image.reshape(-1) for image in images.values())
    texels = textures.atlas()
    def work(rows): render_rows(rows, parts, scene.used, scene.light, eye, axes, lens, meshes, texels, wanted, flat)
    work((0, batch))
    return {kind: images[kind][:, :, :height, :width] for kind in KINDS if kind in kinds}
