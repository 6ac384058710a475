"""Named patterns that multiply a shape's colour: square tiles of SIZE x SIZE texels, DENSITY texels per metre.

A tile repeats every SIZE / DENSITY = 2 m. Texels are 0x00bbggrr in int32. The patterns are made from formulas and fixed
seeds, so no files are needed and every machine has the same ones.
"""

from functools import cache

import numpy as np

SIZE = 128
DENSITY = 64.0

Tile = np.ndarray
"""(SIZE, SIZE) grey or (SIZE, SIZE, 3) colour, 0..1; the first axis is v (up on walls), the second u."""

V, U = np.mgrid[0:SIZE, 0:SIZE]


def _smooth_noise(seed: int, cells: int) -> Tile:
    """Periodic value noise in 0..1 with `cells` cells along a side, smoothstep between them."""
    lattice = np.random.default_rng(seed).random((cells, cells))
    place = np.arange(SIZE) * cells / SIZE
    low = place.astype(int)
    part = place - low
    ease = part * part * (3.0 - 2.0 * part)
    high = (low + 1) % cells
    rows = lattice[low] * (1.0 - ease[:, None]) + lattice[high] * ease[:, None]
    return rows[:, low] * (1.0 - ease) + rows[:, high] * ease


def _octaves(seed: int, cells: int, count: int = 4) -> Tile:
    """Sum of noises of doubling frequency and halving height, 0..1."""
    weights = 0.5 ** np.arange(1, count + 1)
    layers = [w * _smooth_noise(seed + i, min(cells << i, SIZE)) for i, w in enumerate(weights)]
    return np.sum(layers, axis=0) / weights.sum()


def _tint(grey: Tile, colour: tuple[float, float, float]) -> Tile:
    return grey[..., None] * np.array(colour)


def checker() -> Tile:
    """Squares of 0.5 m."""
    return np.where((V // 32 + U // 32) % 2 == 0, 1.0, 0.45)


def bricks() -> Tile:
    """Bricks of 0.5 x 0.25 m in running bond, light joints."""
    row = V // 16
    along = (U + 16 * (row % 2)) % SIZE
    joint = (V % 16 < 2) | (along % 32 < 2)
    tone = np.random.default_rng(1).uniform(0.75, 1.0, (8, 4))[row, along // 32]
    brick = _tint(tone * (0.85 + 0.15 * _octaves(2, 16)), (0.92, 0.62, 0.52))
    return np.where(joint[..., None], 0.85, brick)


def wood() -> Tile:
    """Planks 0.25 m wide along u, with grain."""
    plank = V // 16
    tone = np.random.default_rng(3).uniform(0.75, 1.0, 8)[plank]
    grain = 0.8 + 0.2 * np.sin(2.0 * np.pi * (V / 8.0 + 1.5 * _smooth_noise(4, 4)))
    return _tint(np.where(V % 16 == 0, 0.45, tone * grain), (1.0, 0.82, 0.62))


def tiles() -> Tile:
    """Tiles of 0.5 m with dark joints."""
    tone = np.random.default_rng(5).uniform(0.85, 1.0, (4, 4))[V // 32, U // 32]
    return np.where((V % 32 < 2) | (U % 32 < 2), 0.5, tone)


def noise() -> Tile:
    """Grey grain."""
    return 0.6 + 0.4 * np.random.default_rng(6).random((SIZE, SIZE))


def stripes() -> Tile:
    """Stripes of 0.25 m, constant along v: upright on walls."""
    return np.where(U // 16 % 2 == 0, 1.0, 0.5)


def dots() -> Tile:
    """Discs of 0.25 m diameter, every 0.5 m."""
    return np.where((V % 32 - 15.5) ** 2 + (U % 32 - 15.5) ** 2 < 64.0, 0.4, 1.0)


def marble() -> Tile:
    """Dark veins on white."""
    veins = np.abs(np.sin(2.0 * np.pi * ((U + V) / SIZE + 1.5 * _octaves(7, 4))))
    return 0.55 + 0.45 * np.sqrt(veins)


def grass() -> Tile:
    """Green patches with blades."""
    blades = np.random.default_rng(9).random((SIZE, SIZE))
    return _tint(0.45 + 0.35 * _octaves(8, 4) + 0.2 * blades, (0.62, 1.0, 0.5))


def planks() -> Tile:
    """Boards 0.25 m wide and 1 m long along u, each of its own tone, with faint straight grain."""
    row = V // 16
    board = (U + 24 * row) % SIZE // 64
    tone = np.random.default_rng(10).uniform(0.78, 1.0, (8, 2))[row, board]
    lattice, place = np.random.default_rng(11).random((SIZE, 8)), np.arange(SIZE) / 16.0
    low, part = place.astype(int), place % 1.0
    grain = lattice[:, low] * (1.0 - part) + lattice[:, (low + 1) % 8] * part
    joint = (V % 16 == 0) | ((U + 24 * row) % 64 == 0)
    return _tint(np.where(joint, 0.62, tone * (0.92 + 0.08 * grain)), (1.0, 0.86, 0.68))


PATTERNS = (checker, bricks, wood, tiles, noise, stripes, dots, marble, grass, planks)
NAMES = ("", *(pattern.__name__ for pattern in PATTERNS))
"""What `Shape.texture` may say; "" is plain."""


def index(name: str) -> int:
    """Position in NAMES, 0 for plain. A KeyError lists the choices."""
    if name not in NAMES:
        raise KeyError(f"no texture {name!r}. Choices: {', '.join(repr(n) for n in sorted(NAMES))}")
    return NAMES.index(name)


@cache
def atlas() -> np.ndarray:
    """All tiles one after the other in the order of NAMES, (len(NAMES) * SIZE * SIZE,) int32, read-only."""
    colours = [np.ones((SIZE, SIZE, 3))]
    for pattern in PATTERNS:
        tile = pattern()
        colours.append(tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=-1))
    octets = np.rint(np.clip(np.stack(colours), 0.0, 1.0) * 255.0).astype(np.int32)
    texels = octets[..., 0] | octets[..., 1] << 8 | octets[..., 2] << 16
    flat = np.ascontiguousarray(texels.reshape(-1))
    flat.setflags(write=False)
    return flat
