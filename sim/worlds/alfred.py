"""Household tasks that people described and an expert solved, read from the files of ALFRED, which are no part of Loci.

ALFRED (Shridhar et al. 2020, arXiv 1912.01734) has 8 051 trajectories in 120 rooms of AI2-THOR: where things are at the
start, what people said, the goal, and the sub-goals of an expert that knew all; the last two not in its test splits.
`read_trajectories` takes either the folder of a split as ALFRED publishes it, with <task>/<trial>/traj_data.json, or a
file of JSON lines, one trajectory each without low-level actions and pictures; `.gz` or not. Where to get them, and the
form of a line: docs/worlds/alfred.md.

Frame: AI2-THOR's is left-handed with y up, so its (x, y, z) is (x, z, y) here, metres; places in the expert's steps are
in units of the grid, 0.25 m. Headings are radians counter-clockwise from x. Middles of things are AI2-THOR's, which are
not always those of their boxes.
"""

import gzip
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loci.sim.geometry import wrap_angle

Point = tuple[float, float, float]
Action = Literal["go", "pick", "put", "slice", "clean", "heat", "cool", "toggle"]

GRID = 4.0
"""Cells to a metre."""
SAME = 0.02
"""Metres within which a step names the thing that lies there; the files round to a centimetre."""
PAGE = "docs/worlds/alfred.md says where to get ALFRED"

ACTIONS: dict[str, Action] = {
    "GotoLocation": "go",
    "PickupObject": "pick",
    "PutObject": "put",
    "SliceObject": "slice",
    "CleanObject": "clean",
    "HeatObject": "heat",
    "CoolObject": "cool",
    "ToggleObject": "toggle",
}
SILENT = ("NoOp", "End")
"""Steps in which nothing happens."""


@dataclass(frozen=True)
class Stand:
    """Where the robot stands, on the ground, and which way its camera looks: `down` below the horizon."""

    x: float
    y: float
    yaw: float
    down: float


@dataclass(frozen=True)
class Lying:
    """A thing that can be moved, at the start. Its class, such as "ButterKnife", and its pose, quaternion wxyz."""

    kind: str
    place: Point
    wxyz: tuple[float, float, float, float]


@dataclass(frozen=True)
class Named:
    """What a step is about, at its place at the *start*, wherever it is by then.

    `number`: which of the trajectory's things, None for furniture. `part`: of a thing that was cut, which slice.
    """

    kind: str
    place: Point
    number: int | None
    part: str = ""


@dataclass(frozen=True)
class Step:
    """A sub-goal of the expert: where to go, or what to do with which thing and in or on which other."""

    action: Action
    stand: Stand | None = None
    thing: Named | None = None
    """None of "go", and of "heat" and "cool", which are done with what is held."""
    holder: Named | None = None
    """Of "put" where to, of "pick" where from as far as it is known, of "heat" and the like what does it."""


@dataclass(frozen=True)
class Goal:
    """What must be so at the end; an empty text where the kind of task has no such thing."""

    task: str
    thing: str
    holder: str
    carrier: str
    """Something to be moved in which the thing shall lie."""
    lamp: str
    sliced: bool


@dataclass(frozen=True)
class Instruction:
    """What one person wrote: the task in a sentence, and each sub-goal."""

    task: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Trajectory:
    """One task in one room. `goal` is None and `steps` is empty where the split keeps them secret."""

    name: str
    split: str
    floor_plan: str
    start: Stand
    things: tuple[Lying, ...]
    goal: Goal | None
    instructions: tuple[Instruction, ...]
    steps: tuple[Step, ...]

    @property
    def house(self) -> int:
        """Kitchen 1 ... 30, living room 201 ..., bedroom 301 ... and bathroom 401 ... of one house, 1 ... 30."""
        return int(self.floor_plan.removeprefix("FloorPlan")) % 100


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """The trajectories of a file of JSON lines in its order, or of a folder of traj_data.json by name.

    Raises FileNotFoundError, and ValueError with file and line for a row that is none of ALFRED's.
    """
    for file, line, text in _texts(Path(path)):
        try:
            row = json.loads(text)
            yield trajectory(row, split=file.parents[2].name if file.name == "traj_data.json" else "")
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{file}, line {line}: not a trajectory of ALFRED: {error!r}") from error


def trajectory(row: dict[str, Any], split: str = "") -> Trajectory:
    """One row, of either form. KeyError, TypeError or ValueError where it is none."""
    scene, notes = row["scene"], row["turk_annotations"]
    things = tuple(map(_lying, scene["object_poses"]))
    plan = row.get("high_pddl") or row.get("plan", {}).get("high_pddl") or []
    begin = scene["init_action"]
    return Trajectory(
        name=row["task_id"],
        split=row.get("split") or split,
        floor_plan=scene["floor_plan"],
        start=stand(begin["x"], begin["z"], begin["rotation"], begin["horizon"]),
        things=things,
        goal=_goal(row["task_type"], row["pddl_params"]) if row.get("pddl_params") else None,
        instructions=tuple(
            Instruction(note["task_desc"], tuple(note["high_descs"]))
            for note in (notes["anns"] if isinstance(notes, dict) else notes)
        ),
        steps=tuple(
            _step(one["planner_action"], things) for one in plan if one["planner_action"]["action"] not in SILENT
        ),
    )


def point(position: dict[str, float]) -> Point:
    """A position of AI2-THOR in Loci's frame. ValueError where it is not finite."""
    place = float(position["x"]), float(position["z"]), float(position["y"])
    if not all(map(math.isfinite, place)):
        raise ValueError(f"a position must be finite, got {position}")
    return place


def stand(x: float, z: float, rotation: float, horizon: float) -> Stand:
    """From AI2-THOR's ground plane, its degrees clockwise from z, and degrees below the horizon."""
    return Stand(float(x), float(z), float(wrap_angle(math.radians(90.0 - rotation))), math.radians(horizon))


def turn(rotation: dict[str, float]) -> tuple[float, float, float, float]:
    """Unity's angles in degrees, about z, then x, then y, as wxyz in Loci's frame.

    Two axes change places, so each axis of a turn does and its sense is the other way round.
    """
    (cx, sx), (cy, sy), (cz, sz) = (
        (math.cos(half), math.sin(half)) for half in (math.radians(rotation[axis]) / 2.0 for axis in "xyz")
    )
    w, x = cy * cx * cz + sy * sx * sz, cy * sx * cz + sy * cx * sz
    y, z = sy * cx * cz - cy * sx * sz, cy * cx * sz - sy * sx * cz
    return w, -x, -z, -y


def lines(path: Path, page: str = PAGE) -> Iterator[tuple[int, str]]:
    """Lines of a file, gzipped or not, and their numbers from 1. FileNotFoundError says where to get it."""
    found = path if path.is_file() else path.with_name(f"{path.name}.gz")
    if not found.is_file():
        raise FileNotFoundError(f"no file {path}: {page}")
    with gzip.open(found, "rt") if found.suffix == ".gz" else found.open() as file:
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\n")


def _texts(path: Path) -> Iterator[tuple[Path, int, str]]:
    if not path.is_dir():
        yield from ((path, number, line) for number, line in lines(path))
        return
    files = sorted(path.glob("*/*/traj_data.json"))
    if not files:
        raise FileNotFoundError(f"no <task>/<trial>/traj_data.json in {path}: {PAGE}")
    yield from ((file, 1, file.read_text()) for file in files)


def _lying(row: dict[str, Any]) -> Lying:
    return Lying(row["objectName"].split("_")[0], point(row["position"]), turn(row["rotation"]))


def _goal(task: str, row: dict[str, Any]) -> Goal:
    return Goal(
        task,
        row["object_target"],
        row["parent_target"],
        row["mrecep_target"],
        row["toggle_target"],
        bool(row["object_sliced"]),
    )


def _step(row: dict[str, Any], things: tuple[Lying, ...]) -> Step:
    name = row["action"]
    if name not in ACTIONS:
        raise ValueError(f"a sub-goal must be one of {', '.join(ACTIONS)}, got {name!r}")
    if name == "GotoLocation":
        _, x, z, quarter, horizon = row["location"].split("|")
        return Step("go", stand(int(x) / GRID, int(z) / GRID, 90.0 * int(quarter), float(horizon)))
    thing = _named(row["coordinateObjectId"], things, row) if "coordinateObjectId" in row else None
    holder = row.get("coordinateReceptacleObjectId")
    return Step(ACTIONS[name], None, thing, None if holder is None else _named(holder, things))


def _named(row: Sequence[Any], things: tuple[Lying, ...], whole: dict[str, Any] | None = None) -> Named:
    """Class and place, the latter as [x, x, z, z, y, y] in cells; of several things there, the first."""
    kind, cells = row
    x, _, z, _, y, _ = cells
    place = point({"x": x / GRID, "y": y / GRID, "z": z / GRID})
    near = (n for n, one in enumerate(things) if one.kind == kind and math.dist(one.place, place) < SAME)
    tail = str((whole or {}).get("objectId", "")).split("|")[4:]
    return Named(kind, place, next(near, None), tail[0] if tail and "Sliced" in tail[0] else "")
