"""What is written down of each task of an episode, and the metrics of an episode."""

from dataclasses import dataclass

import numpy as np

from loci.sim.tasks.household_days import SETS
from loci.sim.tasks.household_goals import Progress
from loci.sim.tasks.household_search import Search


@dataclass
class Record:
    """One task: its set and instruction, what people moved before it, and how it went; `seconds` are the robot's."""

    kind: str
    instruction: str
    moved: tuple[str, ...] = ()
    success: float = 0.0
    share: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    metres: float = 0.0
    areas: int = 0
    areas_left: int = 0

    def close(self, progress: Progress, search: Search, success: float) -> None:
        self.success, self.share = success, progress.share
        self.areas, self.areas_left = search.areas, search.areas_left


def averages(records: list[Record]) -> dict[str, float]:
    """Means over the tasks of an episode; nan for a set without any."""
    names = ("success", "share", "steps", "seconds", "metres", "areas", "areas_left")
    table = {name: float(np.mean([getattr(record, name) for record in records])) for name in names}
    for kind in SETS:
        for name in ("success", "share", "areas"):
            values = [getattr(record, name) for record in records if record.kind == kind]
            table[f"{name}_{kind}"] = float(np.mean(values)) if values else float("nan")
    return table | {"moved": float(sum(len(record.moved) for record in records))}
