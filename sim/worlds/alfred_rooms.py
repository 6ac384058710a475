"""The 120 rooms of ALFRED: where a robot can stand, what is in them, and where their receptacles are.

A folder of layouts holds three files for each floor plan: `FloorPlan<n>-layout.npy`, the cells that can be reached, (N,
2) x and z on a grid of 0.25 m; `-objects.json`, the classes of things; `-openable.json`, of each receptacle its name
with its place, and from where the robot faces it. Frame and source: alfred.py.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loci.sim.worlds.alfred import PAGE, Point, Stand, lines, point, stand


@dataclass(frozen=True)
class Receptacle:
    """Furniture that holds things, and where the robot stands to open or to reach it."""

    kind: str
    place: Point
    stand: Stand


@dataclass(frozen=True, eq=False)
class Layout:
    """A room. `cells`: (N, 3) float64 metres at height 0, read only. `kinds`: classes of all that is in it."""

    floor_plan: str
    cells: np.ndarray
    kinds: frozenset[str]
    receptacles: tuple[Receptacle, ...]


def read_layout(folder: Path, floor_plan: str) -> Layout:
    """A room by its name, such as "FloorPlan1". Raises FileNotFoundError, and ValueError with the bad file."""
    path = Path(folder) / f"{floor_plan}-layout.npy"
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: {PAGE}")
    ground = np.load(path)
    if ground.ndim != 2 or ground.shape[1] != 2 or not len(ground) or not np.isfinite(ground).all():
        raise ValueError(f"{path}: expected cells (N, 2), finite, got shape {ground.shape}")
    cells = np.column_stack([ground.astype(np.float64), np.zeros(len(ground))])
    cells.flags.writeable = False
    kinds, held = (Path(folder) / f"{floor_plan}-{name}.json" for name in ("objects", "openable"))
    try:
        rows = json.loads("".join(text for _, text in lines(held))).items()
        receptacles = tuple(_receptacle(name, pose) for name, pose in rows)
        return Layout(floor_plan, cells, frozenset(json.loads("".join(text for _, text in lines(kinds)))), receptacles)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{kinds} or {held.name}: not a layout of ALFRED: {error!r}") from error


def floor_plans(folder: Path) -> list[str]:
    """Names of the rooms in a folder of layouts, by number. Raises FileNotFoundError where there is none."""
    names = [path.name.removesuffix("-layout.npy") for path in Path(folder).glob("FloorPlan*-layout.npy")]
    if not names:
        raise FileNotFoundError(f"no layouts in {folder}: {PAGE}")
    return sorted(names, key=lambda name: int(name.removeprefix("FloorPlan")))


def _receptacle(name: str, pose: list[float]) -> Receptacle:
    """From "Sink|-01.90|+00.97|-01.50|SinkBasin" and [x, z, degrees, degrees]."""
    kind, x, y, z, *part = name.split("|")
    place = point({"x": float(x), "y": float(y), "z": float(z)})
    return Receptacle(part[0] if part else kind, place, stand(*pose))
