"""Hit rates in recorded households beside those that another implementation measured."""

import json
import subprocess
import sys

import pytest

from tests.real_data import DATA, needs

EXPECTED = {
    "alfred shuffled by task": {
        10: (0.313, 0.325, 0.410, 0.401, 0.382, 0.341, 0.399, 0.604),
    },
    "alfred recorded by task": {
        10: (0.677, 0.686, 0.627, 0.693, 0.697, 0.688, 0.652, 0.796),
    },
}
"""Hit rates that another implementation with another hash measured, by trace and capacity, for the policies LABELS."""
WINDOWS = ["1 slot", "20 %", "50 %", "90 %"]
LABELS = ["fifo", "lru", *(f"w_tinylfu {window}" for window in WINDOWS), "karma 90 % with doorkeeper", "optimum"]

HOUSEHOLDS = """
import json, pathlib, sys
from benchmarks.replacement import POLICIES, alfred, rates
from loci.memories.maps.replacement import Karma
folder, labels, cells = sys.argv[1], *map(json.loads, sys.argv[2:])
traces = alfred(pathlib.Path(folder), seed=0)
known = lambda capacity, trace: Karma(capacity, 0.9, doorkeeper=True)
found = [[rates(POLICIES.get(one, known), capacity, traces[name])[0] for one in labels] for name, capacity in cells]
print(json.dumps(found))
"""


@needs("alfred")
def test_hit_rates_in_recorded_households():
    """In a process without checks of types, which is ten times as fast."""
    cells = [(name, capacity) for name in EXPECTED for capacity in EXPECTED[name]]
    arguments = [str(DATA / "alfred"), json.dumps(LABELS), json.dumps(cells)]
    run = subprocess.run([sys.executable, "-c", HOUSEHOLDS, *arguments], capture_output=True, text=True, check=True)
    for (name, capacity), found in zip(cells, json.loads(run.stdout), strict=True):
        assert found == pytest.approx(list(EXPECTED[name][capacity]), abs=0.01)
        assert found[LABELS.index("w_tinylfu 50 %")] >= found[LABELS.index("lru")] - 0.02
