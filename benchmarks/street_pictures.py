"""The picture of docs/worlds/streets.md: `python -m benchmarks.street_pictures` writes streets.png into assets/readme.

Left a city from above with its graph and landmarks, right what is seen from one panorama of it to four sides, clockwise
from ahead.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from loci.agents.film import overhead
from loci.agents.frames import arrow
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.world import World
from loci.sim.worlds.city import City
from loci.sim.worlds.landmarks import COLOURS, Landmarks
from loci.sim.worlds.street_graph import StreetGraph
from loci.sim.worlds.street_lots import street_edges
from loci.sim.worlds.streets import EYE, Streets, views

SIDE, GAP = 512, 16
"""Pixels along a side of each half, and between them."""
SEED, NODE = 3, 13
GRAPH = (130, 225, 255)


def from_above(world: World, graph: StreetGraph, landmarks: Landmarks | None = None, size: int = SIDE) -> Image.Image:
    """A city from above, north up: light dots and lines are its graph, large dots its landmarks in their colours."""
    backend, above = KinematicBackend(), overhead(world, size)
    backend.load(0, world)
    image = backend.view(above.eye[None, None], above.axes[None, None], above.camera, ("rgb",))["rgb"][0, 0]
    picture = Image.fromarray(image)
    draw, node = ImageDraw.Draw(picture), above.pixels(_flat(graph.position))
    for a, b in street_edges(graph).tolist():
        draw.line([*node[a], *node[b]], GRAPH)
    for x, y in node.tolist():
        draw.ellipse((x - 1, y - 1, x + 1, y + 1), GRAPH)
    if landmarks is not None:
        for (x, y), colour in zip(above.pixels(_flat(landmarks.position)).tolist(), landmarks.colour, strict=True):
            fill = tuple(round(255 * part) for part in COLOURS[colour])
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill, (0, 0, 0))
    return picture


def page(world: World, graph: StreetGraph, landmarks: Landmarks, node: int) -> Image.Image:
    """The city from above with a panorama as an arrow, and the four views from there."""
    picture, above = from_above(world, graph, landmarks), overhead(world, SIDE)
    column, row = above.pixels(_flat(graph.position[[node]]))[0].tolist()
    arrow(ImageDraw.Draw(picture), (column, row), float(graph.yaw[node]), 14.0)
    backend = KinematicBackend()
    backend.load(0, world)
    side = (SIDE - GAP) // 2
    camera = replace(EYE, height=side, width=side, kinds=("rgb",), supersample=2)
    yaw = graph.yaw[node] - np.arange(4)[None] * math.pi / 2.0
    paper = Image.new("RGB", (2 * SIDE + GAP, SIDE), (255, 255, 255))
    paper.paste(picture, (0, 0))
    for number, view in enumerate(views(backend, graph, [node], yaw, camera)["rgb"][0]):
        paper.paste(Image.fromarray(view), (SIDE + GAP + number % 2 * (side + GAP), number // 2 * (side + GAP)))
    return paper


def main(folder: Path = Path("assets/readme")) -> None:
    """Write it."""
    graph, landmarks = City(columns=4, rows=5).draw(np.random.default_rng(SEED))
    world = Streets().world(np.random.default_rng(SEED), graph, landmarks)
    page(world, graph, landmarks, NODE).quantize(256, method=Image.Quantize.FASTOCTREE).save(
        folder / "streets.png", optimize=True
    )


def _flat(places: np.ndarray) -> np.ndarray:
    """(P, 3) on the ground."""
    return np.concatenate([places, np.zeros((len(places), 1))], axis=1)


if __name__ == "__main__":
    main()
