"""Robots that can ride on the agent's base: MJCF files, by path or by their name in `assets/robots`."""

from pathlib import Path

import mujoco

from loci.sim.backends.mujoco.base import BASE, FIXED, FREE, HIDDEN, JOINTED

FOLDER = Path(__file__).resolve().parents[3] / "assets" / "robots"
PREFIX = "robot/"


def find(robot: str) -> Path:
    """The file of a robot; ValueError with the names in `assets/robots` when there is none."""
    for path in (FOLDER / f"{robot}.xml", Path(robot)):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in FOLDER.glob("*.xml"))) or "none"
    raise ValueError(f"robot must be the path of an MJCF file or one of: {names}; got {robot!r}")


def attach(spec: mujoco.MjSpec, agent: mujoco.MjsBody, robot: str) -> None:
    """Fix a robot to the agent's base, its names beginning with "robot/". It touches what the base touches."""
    child = mujoco.MjSpec.from_file(str(find(robot)))
    for geom in child.geoms:
        if geom.contype or geom.conaffinity:
            geom.contype, geom.conaffinity = BASE, FIXED | FREE | JOINTED
        geom.group = HIDDEN
    spec.attach(child, frame=agent.add_frame(), prefix=PREFIX)
