"""The tasks and the long-term memories of KARMA, read from its published files, which are no part of Loci.

Tasks: `ALFRED_L_{simple,composite}_tasks.json`, a list of floor plan, number, goal and instruction under one name.
Long-term memory: areas by the text of their middle, "(x, y, z)", each with the things that are found there. Object
lists: class, position and the simulator's own name of each thing. KARMA: arXiv 2409.14908; where to get the files:
docs/worlds/alfred.md. Positions are AI2-THOR's in the files and Loci's here, as in alfred.py.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loci.sim.worlds.alfred import Point, lines, point
from loci.sim.worlds.karma_goals import ALIASES, STATES, Condition, classes, parse

PAGE = "docs/worlds/alfred.md says where to get KARMA's files"
QUALIFIERS = ("clean", "two", "empty", "left", "right", "tall")
"""Words that tell which thing is meant or how it shall be."""
MOVABLE = (
    "apple book bottle bowl box bread candle cd cellphone cloth cup egg fork kettle knife ladle laptop lettuce mug pan "
    "pen pencil pillow plate plunger pot potato spatula spoon statue tomato towel turner vase watch"
)
"""What instructions may name and a goal forget."""


@dataclass(frozen=True)
class KarmaTask:
    """`repairs`: of its goal, each a name of karma_goals.REPAIRS and the predicate that was mended.

    `unnamed`: words of the goal that the instruction does not say. `left_out`: classes and qualifiers that the
    instruction says and the goal does not, so that the goal asks for less, or for something else, than was said.
    """

    floor_plan: str
    number: int
    instruction: str
    goal: str
    conditions: tuple[Condition, ...]
    repairs: tuple[tuple[str, str], ...]
    unnamed: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Remembered:
    """A thing in a memory. `name`: the simulator's, empty where there is none; `extent`: widths of its box, metres."""

    kind: str
    place: Point
    name: str = ""
    extent: Point | None = None
    state: str = ""

    @property
    def contradicts(self) -> bool:
        """Whether the name is that of another class."""
        return bool(self.name) and self.kind not in self.name.split("|")


@dataclass(frozen=True)
class Area:
    """The middle of an area on the floor, and what was found in it."""

    place: Point
    contents: tuple[Remembered, ...]


def read_tasks(path: Path) -> list[KarmaTask]:
    """The tasks of a file in its order. Raises FileNotFoundError, and ValueError with file and task."""
    rows = _json(path)
    if not isinstance(rows, dict) or len(rows) != 1 or not isinstance(next(iter(rows.values())), list):
        raise ValueError(f'{path}: expected {{"SimpleTasks": [...]}} or the like, got {str(rows)[:60]!r}')
    return [_task(path, number, row) for number, row in enumerate(next(iter(rows.values())), 1)]


def read_areas(path: Path) -> list[Area]:
    """A long-term memory: areas and their contents. Raises FileNotFoundError, and ValueError with file and area."""
    rows = _json(path)
    if not isinstance(rows, dict):
        raise ValueError(f'{path}: expected {{"(x, y, z)": [...]}}, got {str(rows)[:60]!r}')
    areas = []
    for name, things in rows.items():
        try:
            x, y, z = re.fullmatch(r"\(([^,]+),([^,]+),([^,]+)\)", name).groups()  # type: ignore[union-attr]
            areas.append(Area(point({"x": x, "y": y, "z": z}), tuple(map(_remembered, things))))  # type: ignore[dict-item]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}, area {name!r}: expected things with class and position: {error!r}") from error
    return areas


def read_objects(path: Path) -> list[Remembered]:
    """A list of things. Raises FileNotFoundError, and ValueError with file and number."""
    rows, things = _json(path), []
    if not isinstance(rows, list):
        raise ValueError(f"{path}: expected a list of things, got {str(rows)[:60]!r}")
    for number, row in enumerate(rows, 1):
        try:
            things.append(_remembered(row))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}, thing {number}: expected class and position: {error!r}") from error
    return things


def _json(path: Path) -> Any:
    try:
        return json.loads("\n".join(text for _, text in lines(Path(path), PAGE)))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error


def _task(path: Path, number: int, row: dict[str, Any]) -> KarmaTask:
    try:
        goal, said = row["Goal Condition"], row["Instruction"].strip()
        parsed = parse(goal)
        plan, number = f"FloorPlan{int(row['FloorPlan'])}", int(row["ID"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}, task {number}: {error!r}") from error
    words = _words(goal)
    wanted = {kind for word in words for kind in classes(word)}
    states = {condition.state for condition in parsed.conditions}
    return KarmaTask(
        plan,
        number,
        said,
        goal,
        parsed.conditions,
        parsed.repairs,
        tuple(word for word in words if not _says(said, word)),
        (*_left_out(said, wanted), *(word for word in QUALIFIERS if _whole(said, word) and not _kept(word, states))),
    )


def _words(goal: str) -> list[str]:
    """What stands for things in a goal, each once."""
    pairs = re.findall(r"(\w+)\(\s*([^(),]+?)\s*(?:,\s*([^(),]+?)\s*)?\)", goal)
    return list(dict.fromkeys(word for name, *both in pairs for word in both[: 1 if name == "STATE" else 2] if word))


def _says(said: str, word: str) -> bool:
    """Whether an instruction says a word, in one word or two, or another of the same classes."""
    close = said.lower().replace(" ", "")
    same = [other for other, kinds in ALIASES.items() if set(kinds) & set(classes(word))]
    return any(one.lower().replace(" ", "") in close for one in (word, *same, *classes(word)))


def _left_out(said: str, wanted: set[str]) -> list[str]:
    """Things that an instruction names, in the singular or plural, and the goal does not."""
    named = [
        kind for word in MOVABLE.split() if re.search(rf"\b{word}(e?s)?\b", said.lower()) for kind in classes(word)
    ]
    return [kind for kind in named if not wanted & {kind, f"{kind}Sliced"}]


def _whole(said: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", said.lower()) is not None


def _kept(word: str, states: set[str]) -> bool:
    return STATES.get(word, word) in states


def _remembered(row: dict[str, Any]) -> Remembered:
    box = row.get("axisAlignedBoundingBox")
    extent = None
    if box is not None:
        corners = np.array(box["cornerPoints"], np.float64).reshape(-1, 3)
        x, y, z = np.ptp(corners, axis=0).tolist()
        extent = (x, z, y)
    return Remembered(row["objectType"], point(row["position"]), row.get("objectId", ""), extent, row.get("state", ""))
