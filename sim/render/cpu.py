"""The batched ray caster on the CPU: colour, depth and instance images of a Scene, without any graphics library.

A pixel shows the nearest surface on the ray through its centre. Colour is the shape's times its texture's (nearest
texel) times ambient + diffuse * max(0, cosine to the light), in sRGB without gamma. Planes are seen from the front
only, meshes from both sides; a camera inside another shape sees nothing of that shape. Surfaces nearer than
frame.NEAR are not seen. The floating point is strict: the same pictures on every CPU and for any number of threads.
"""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np

from loci.sim.geometry import focal_length
from loci.sim.render import textures
from loci.sim.render.frame import SIDE, Lens, scratch
from loci.sim.render.kernel import average, render_rows
from loci.sim.render.pack import Scene

KINDS: dict[str, tuple[tuple[int, ...], Any]] = {
    "rgb": ((3,), np.uint8),
    "depth": ((), np.float32),
    "instance": ((), np.int32),
}
"""What can be rendered: trailing shape and dtype."""
Images = dict[str, np.ndarray]


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
) -> Images:
    """Images of C cameras in each of the B rows of a scene; only the `kinds` asked for are made.

    `eye` (B, C, 3) metres and `axes` (B, C, 3, 3) are what `geometry.camera_to_world` returns (columns: right, down,
    forward). `fov` is the vertical field of view, radians. rgb (B, C, H, W, 3) uint8 sRGB; depth (B, C, H, W) float32
    metres along the camera's z, 0 = nothing hit; instance (B, C, H, W) int32 index of the body, -1 = nothing hit.
    `supersample=2` averages rgb over 2 x 2 rays a pixel; depth and instance stay those of the centre. `shadows` are
    hard. `out` holds arrays to write into, by kind, of exactly these shapes.
    """
    eye, axes = np.ascontiguousarray(eye, np.float64), np.ascontiguousarray(axes, np.float64)
    _check(scene, eye, axes, height, width, fov, kinds, supersample, threads)
    images = _images(eye.shape[:2], height, width, kinds, out)
    if supersample == 1:
        _cast(scene, eye, axes, height, width, fov, images, shadows, threads)
        return images
    if "rgb" in images:
        fine = _images(eye.shape[:2], 2 * height, 2 * width, ("rgb",), None)
        _cast(scene, eye, axes, 2 * height, 2 * width, fov, fine, shadows, threads)
        average(fine["rgb"].reshape(-1, 2 * height, 2 * width, 3), images["rgb"].reshape(-1, height, width, 3))
    rest = {kind: image for kind, image in images.items() if kind != "rgb"}
    if rest:
        _cast(scene, eye, axes, height, width, fov, rest, shadows, threads)
    return images


def _images(
    lead: tuple[int, ...], height: int, width: int, kinds: Sequence[str], out: Mapping[str, np.ndarray] | None
) -> Images:
    """Arrays for the kinds asked for, the given ones where they fit."""
    images = {}
    for kind, (trail, dtype) in KINDS.items():
        shape = (*lead, height, width, *trail)
        if kind in kinds and out is None:
            images[kind] = np.empty(shape, dtype)
        elif kind in kinds:
            given = (out or {}).get(kind)
            if given is None or given.shape != shape or given.dtype != dtype or not given.flags.c_contiguous:
                found = "nothing" if given is None else f"{given.dtype} {given.shape}"
                raise ValueError(f"out[{kind!r}] must be contiguous {np.dtype(dtype)} {shape}, got {found}")
            images[kind] = given
    return images


def _cast(
    scene: Scene,
    eye: np.ndarray,
    axes: np.ndarray,
    height: int,
    width: int,
    fov: float,
    images: Images,
    shadows: bool,
    threads: int,
) -> None:
    """Fill images; by way of padded ones where the size is not a whole number of packets."""
    if height % SIDE or width % SIDE:
        padded = _images(eye.shape[:2], -(-height // SIDE) * SIDE, -(-width // SIDE) * SIDE, tuple(images), None)
    else:
        padded = images
    lens = Lens(float(focal_length(height, fov)), height, width)
    flat = tuple(
        padded[kind].reshape(-1) if kind in padded else np.empty(0, dtype) for kind, (_, dtype) in KINDS.items()
    )
    wanted = tuple(kind in padded for kind in KINDS)
    s, m = scene, scene.meshes
    fields = (s.kind, s.position, s.rotation, s.size, s.colour, s.texture, s.mesh, s.body)
    library = (m.triangles, m.faces, m.bounds, m.links, m.roots)
    size = next(iter(padded.values())).shape[2:4]

    def work(rows: tuple[int, int]) -> None:
        memory = scratch(s.slots, *size)
        render_rows(
            rows, fields, s.used, s.light, eye, axes, lens, library, textures.atlas(), wanted, shadows, flat, memory
        )

    cuts = [scene.batch * i // threads for i in range(threads + 1)]
    if threads == 1:
        work((0, scene.batch))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, pairwise(cuts)))
    if padded is not images:
        for kind, image in images.items():
            image[...] = padded[kind][:, :, :height, :width]


def _check(
    scene: Scene,
    eye: np.ndarray,
    axes: np.ndarray,
    height: int,
    width: int,
    fov: float,
    kinds: Sequence[str],
    supersample: int,
    threads: int,
) -> None:
    batch = scene.batch
    if eye.ndim != 3 or eye.shape[0] != batch or eye.shape[2] != 3 or axes.shape != (*eye.shape, 3):
        raise ValueError(f"eye must be ({batch}, C, 3) and axes ({batch}, C, 3, 3), got {eye.shape} and {axes.shape}")
    if not (np.isfinite(eye).all() and np.isfinite(axes).all()):
        rows = np.flatnonzero(~(np.isfinite(eye).all(axis=(1, 2)) & np.isfinite(axes).all(axis=(1, 2, 3))))
        raise ValueError(f"eye and axes must be finite, got nan or infinity in rows {rows.tolist()}")
    if height < 1 or width < 1 or not 0.0 < fov < math.pi:
        raise ValueError(f"height and width must be >= 1 and fov in (0, pi) radians, got {height}, {width}, {fov}")
    wrong = sorted(set(kinds) - set(KINDS))
    if wrong or not kinds:
        raise ValueError(f"kinds must be some of {', '.join(KINDS)}, got {tuple(kinds)}")
    if supersample not in (1, 2) or threads < 1:
        raise ValueError(f"supersample must be 1 or 2 and threads >= 1, got {supersample} and {threads}")
