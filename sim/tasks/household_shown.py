"""All that the household's robot observes, as one sensor: the task takes the pictures itself, where its head looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from loci.sim.backend import Place
from loci.sim.detector import PLAIN
from loci.sim.geometry import multiply_wxyz, yaw_to_wxyz
from loci.sim.sensors import LETTERS, Camera
from loci.sim.tasks.household_eyes import Sight
from loci.sim.tasks.household_words import CATEGORIES, STATES

if TYPE_CHECKING:
    from loci.sim.backend import Backend
    from loci.sim.task import Said

LEVEL = np.array([0.5, -0.5, 0.5, -0.5])
"""From the axes of a level camera to the agent's."""
TEXTS = {"instruction": 300, "goal": 2000, "failure": 200}
"""Letters at most."""
SIGNS = LETTERS + '_{}[]":'


@dataclass(frozen=True)
class Shown:
    """The spaces of a household with such a camera and so many rows of detections."""

    camera: Camera
    rows: int

    def space(self) -> dict[str, spaces.Space[Any]]:
        def box(*shape: int, low: float = -np.inf, high: float = np.inf, kind: Any = np.float32) -> spaces.Box:
            return spaces.Box(low, high, shape, kind)

        size = (self.camera.height, self.camera.width)
        return {
            "rgb": box(*size, 3, low=0, high=255, kind=np.uint8),
            "depth": box(*size, low=0.0),
            "camera_position": box(3),
            "camera_wxyz": box(4, low=-1.0, high=1.0),
            "position": box(3),
            "heading": box(1, low=-np.pi, high=np.pi),
            "objects": box(self.rows, PLAIN + len(STATES)),
            "held": box(1, low=-1.0, high=len(CATEGORIES) - 1.0),
            "way": box(1, low=0.0),
            "time": box(1, low=0.0, kind=np.float64),
            "number": spaces.Box(0, np.iinfo(np.int64).max, (1,), np.int64),
            **{name: spaces.Text(length, min_length=0, charset=SIGNS) for name, length in TEXTS.items()},
        }

    def needs(self) -> frozenset[str]:
        return frozenset({"rgb", "depth", "instance"})

    def read(self, backend: "Backend") -> dict[str, np.ndarray]:
        return {}

    def told(self, said: "Sequence[Said]") -> dict[str, np.ndarray]:
        return {name: np.stack([row.shown[name] for row in said]) for name in self.space()}


def shown(place: Place, sight: Sight, numbers: Mapping[str, float], texts: Mapping[str, str]) -> dict[str, np.ndarray]:
    """What one row observes."""
    x, y, yaw = place.agent()
    held = place.held()
    carried = -1 if held is None else CATEGORIES.index(place.world.body(held).category)
    pitch = sight.camera.pitch / 2.0
    up = np.array([np.cos(pitch), 0.0, -np.sin(pitch), 0.0])
    return {
        "rgb": sight.view.rgb,
        "depth": sight.view.depth,
        "camera_position": sight.view.eye.astype(np.float32),
        "camera_wxyz": multiply_wxyz(multiply_wxyz(yaw_to_wxyz(yaw), up), LEVEL).astype(np.float32),
        "position": np.array([x, y, 0.0], np.float32),
        "heading": np.array([yaw], np.float32),
        "objects": sight.rows,
        "held": np.array([carried], np.float32),
        "way": np.array([numbers["way"]], np.float32),
        "time": np.array([numbers["time"]], np.float64),
        "number": np.array([numbers["number"]], np.int64),
        **{name: np.array(text) for name, text in texts.items()},
    }
