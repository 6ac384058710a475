"""The pictures of the README: `python -m benchmarks.pictures` writes world.png and house.png into assets/readme.

Left what an agent sees, right the same room or house from above with the agent in red; drawn by the suite's own ray
caster, with shadows.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from loci.agents.film import overhead
from loci.agents.frames import arrow
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera
from loci.sim.world import Body, Light, Pose, Room, Shape, World
from loci.sim.worlds.furniture import bed
from loci.sim.worlds.house import House
from loci.sim.worlds.objects import Compounds

SIDE = 512
"""Pixels along a side of each half."""
GAP = 16
OBJECTS = ((12, -0.55, 1.0), (47, 0.25, 1.5), (231, 1.15, 1.15), (318, -1.25, 0.35), (560, 1.35, 0.1), (733, 0.3, 0.3))
"""Number of a compound object, and where it stands: x and y in metres."""
SPAWN = Pose.at(0.0, -1.75, 0.0, math.radians(91.0))
WALL = 2.0
"""Height of the walls, metres."""
CAMERA = Camera(SIDE, SIDE, fov=1.0, eye=1.25, pitch=-0.27, kinds=("rgb",), supersample=2, shadows=True)


def scene(size: float = 5.0) -> World:
    """A room with a tiled floor, a bed and compound objects, lit from the south-west."""
    family, half = Compounds(width=0.75), size / 2
    floor = Body("floor", "floor", (Shape("plane", (half, half, 0.0), (0.88, 0.85, 0.8), "tiles"),))
    objects = [_at(family.body(number, f"object_{number}"), x, y, 0.7 * number) for number, x, y in OBJECTS]
    room = Room("room", (-half, -half, 0.0), (half, half, WALL))
    bodies = (floor, *(_wall(side, half) for side in range(4)), _at(bed(), -1.6, 1.95, -math.pi / 2), *objects)
    return World(bodies, (room,), (Light((0.3, 0.22, -0.93), 0.5, 0.62),), (SPAWN,), "readme")


def house() -> World:
    """A furnished house, seen from its study."""
    drawn = House().world(np.random.default_rng(3))
    return replace(drawn, spawns=(Pose.at(-3.75, 1.8, 0.0, 1.06),))


def draw(world: World, camera: Camera, path: Path) -> None:
    """Write one picture."""
    backend = KinematicBackend()
    backend.load(0, world)
    view = backend.render(camera, ("rgb",))["rgb"][0]
    above = overhead(world, SIDE)
    top = backend.view(above.eye[None, None], above.axes[None, None], replace(above.camera, shadows=True), ("rgb",))
    picture = Image.fromarray(top["rgb"][0, 0])
    column, row = above.pixels(np.array([world.spawns[0].position]))[0].tolist()
    arrow(ImageDraw.Draw(picture), (column, row), float(backend.agents()[1][0]), 14.0)
    page = Image.new("RGBA", (2 * SIDE + GAP, SIDE))
    page.paste(Image.fromarray(view), (0, 0))
    page.paste(picture, (SIDE + GAP, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path, optimize=True)
    print(f"{page.width} x {page.height} -> {path}")


def main(folder: Path = Path("assets/readme")) -> None:
    """Write both."""
    draw(scene(), CAMERA, folder / "world.png")
    draw(house(), replace(CAMERA, eye=1.4, fov=1.2), folder / "house.png")


def _at(body: Body, x: float, y: float, yaw: float) -> Body:
    return replace(body, pose=Pose.at(x, y, 0.0, yaw))


def _wall(side: int, half: float) -> Body:
    yaw, texture = side * math.pi / 2, "bricks" if side % 2 == 0 else ""
    colour = (0.86, 0.8, 0.74) if texture else (0.72, 0.78, 0.82)
    pose = Pose.at(-(half + 0.05) * math.sin(yaw), (half + 0.05) * math.cos(yaw), WALL / 2, yaw)
    return Body(f"wall_{side}", "wall", (Shape("box", (half, 0.05, WALL / 2), colour, texture),), pose)


if __name__ == "__main__":
    main()
