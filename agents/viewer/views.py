"""The camera panel as one picture: the agent's view, large, beside it what the agent was given and a legend."""

import colorsys

import matplotlib
import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageColor, ImageDraw

from loci.agents.frames import fitted, font
from loci.agents.viewer.pictures import LOOKS, Look, Theme
from loci.sim.world import World

SIDE, SMALL, GAP = 256, 116, 12
"""Sides of the large and the small picture, and what lies between them, pixels."""
WIDTH, HEIGHT = SIDE + GAP + SMALL, SIDE
PAPER: dict[Theme, str] = {"light": "#ffffff", "dark": "#242424"}
"""What viser's panels are made of."""
LINE = 15
NOTHING = 0.22
"""Grey of what no ray has hit."""
GOLDEN = 0.618034


def panel(
    kind: str, images: dict[str, np.ndarray], seen: UInt8[np.ndarray, "_ _ 3"], world: World, theme: Theme = "light"
) -> UInt8[np.ndarray, "H W 3"]:
    """`images` as from `Eye.look`, of which `kind` ("rgb", "depth" or "instance") is shown; `seen` is enlarged without
    smoothing."""
    look = LOOKS[theme]
    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER[theme])
    draw = ImageDraw.Draw(page)
    page.paste(_fitted(coloured(kind, images[kind]), SIDE), (0, 0))
    page.paste(_fitted(seen, SMALL), (SIDE + GAP, 0))
    left = SIDE + GAP
    draw.text((left, SMALL + 10), f"given: {seen.shape[1]} × {seen.shape[0]}", look.muted, font(11), anchor="lm")
    if kind == "depth":
        _scale(page, left, SMALL + 30, images[kind], look)
    elif kind == "instance":
        _names(draw, left, SMALL + 30, images[kind], world, look)
    return np.asarray(page)


def coloured(kind: str, image: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    """A camera image as colours."""
    if kind == "rgb":
        return image
    if kind == "depth":
        low, high = depth_range(image)
        colours = matplotlib.colormaps["viridis_r"]((image - low) / (high - low), bytes=True)[..., :3]
        return np.where((image > 0.0)[..., None], colours, np.uint8(255 * NOTHING)).astype(np.uint8)
    return id_colours(image)


def depth_range(depth: Float[np.ndarray, "H W"]) -> tuple[float, float]:
    """Nearest and farthest metres in a depth image, 0 and 1 where nothing was hit."""
    hit = depth[depth > 0.0]
    low, high = (float(hit.min()), float(hit.max())) if len(hit) else (0.0, 1.0)
    return low, max(high, low + 1e-3)


def id_colours(ids: Int[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n 3"]:
    """A colour for each instance id, the same at every step: hues a golden section apart; grey for nothing."""
    names, places = np.unique(ids, return_inverse=True)
    table = [_hue(int(name)) if name >= 0 else (NOTHING,) * 3 for name in names]
    return (255 * np.array(table)).astype(np.uint8)[places].reshape(*np.shape(ids), 3)


def _hue(name: int) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(name * GOLDEN % 1.0, 0.45 + 0.2 * (name % 3), 0.95 - 0.15 * (name // 3 % 3))


def _fitted(image: np.ndarray, side: int) -> Image.Image:
    """Enlarged without smoothing until it fills a square as far as its shape allows."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (round(width * scale), round(height * scale))
    return Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.NEAREST)


def _scale(page: Image.Image, left: int, top: int, depth: np.ndarray, look: Look) -> None:
    """A bar of the colours with their metres; the nearest is at the top."""
    low, high = depth_range(depth)
    low = max(low, 1e-3)
    tall, draw = HEIGHT - top - 8, ImageDraw.Draw(page)
    bar = np.repeat(np.linspace(low, high, tall)[:, None], 16, axis=1)
    page.paste(Image.fromarray(coloured("depth", bar)), (left, top))
    for share in (0.0, 0.5, 1.0):
        text = f"{low + share * (high - low):.2f} m"
        draw.text((left + 22, top + share * (tall - 10) + 5), text, look.ink, font(11), anchor="lm")


def _names(draw: ImageDraw.ImageDraw, left: int, top: int, ids: np.ndarray, world: World, look: Look) -> None:
    """What is seen, largest first."""
    found, counts = np.unique(ids[ids >= 0], return_counts=True)
    order = found[np.argsort(-counts, kind="stable")][: (HEIGHT - top) // LINE]
    for place, name in enumerate(order.tolist()):
        row = top + LINE * place
        red, green, blue = id_colours(np.array([name]))[0].tolist()
        draw.rectangle((left, row + 2, left + 9, row + 11), (red, green, blue))
        text = fitted(world.bodies[name].name, SMALL - 16, font(11))
        draw.text((left + 15, row + 6), text, ImageColor.getrgb(look.ink), font(11), anchor="lm")
