"""Hit rates of the replacement policies, beside the offline optimum: `python -m benchmarks.replacement`.

Prints one JSON object: for every trace and policy the hit rate by capacity, from the start and after the memory was
95 % full for the first time (null where it never was). Made traces: `bursty`, tasks that each ask for a few things
again and again; `shuffled`, the same requests in random order; `zipf`, independent requests; `drifting`, the same with
a popularity that is drawn anew. With `--data folder`, which holds `alfred`, also what its experts touch, house by house
(house k: floor plans k, 200 + k, 300 + k and 400 + k), in recorded and in random order of tasks, by task (one request
for each object and task) and by access.
"""

import argparse
import gzip
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.machine import machine
from loci.memories.maps.optimum import Optimum
from loci.memories.maps.replacement import Policy, policy
from loci.memories.maps.sketch import Key

Trace = list[Key]
Task = dict[str, Any]
"""A row of ALFRED's files."""

CAPACITIES = (3, 5, 10, 20, 25, 50, 100)
KEYS, EXPONENT, DRIFT = 200, 0.9, 250
THINGS, BURST = 4, 20
"""Of a bursty task: things it needs, and how often it asks for one."""
TOUCHES = ("PickupObject", "PutObject", "SliceObject", "ToggleObject")
FULL = 0.95

POLICIES: dict[str, Callable[[int, Trace], Policy]] = {
    "fifo": lambda capacity, trace: policy("fifo", capacity),
    "lru": lambda capacity, trace: policy("lru", capacity),
    "w_tinylfu 1 slot": lambda capacity, trace: policy("w_tinylfu", capacity, window=0.0),
    "w_tinylfu 20 %": lambda capacity, trace: policy("w_tinylfu", capacity, window=0.2),
    "w_tinylfu 50 %": lambda capacity, trace: policy("w_tinylfu", capacity, window=0.5),
    "w_tinylfu 90 %": lambda capacity, trace: policy("w_tinylfu", capacity, window=0.9),
    "w_tinylfu adaptive": lambda capacity, trace: policy("w_tinylfu", capacity, adaptive=True),
    "karma": lambda capacity, trace: policy("karma", capacity),
    "karma 1 slot": lambda capacity, trace: policy("karma", capacity, window=0.0),
    "optimum": Optimum,
}


def zipf(requests: int, rng: np.random.Generator, drift: int | None = None) -> Trace:
    """Independent requests, popularity rank ** -EXPONENT over KEYS keys, drawn anew every `drift` requests."""
    weights = np.arange(1.0, KEYS + 1.0) ** -EXPONENT
    ranks = rng.choice(KEYS, size=requests, p=weights / weights.sum())
    periods = np.arange(requests) // (drift or requests)
    named = np.stack([rng.permutation(KEYS) for _ in range(periods[-1] + 1)])
    return [int(key) for key in named[periods, ranks]]


def bursty(requests: int, rng: np.random.Generator) -> Trace:
    """Task after task, each with THINGS of KEYS / 4 things and BURST requests."""
    tasks = [rng.choice(KEYS // 4, THINGS, replace=False) for _ in range(-(-requests // BURST))]
    trace: Trace = [int(key) for things in tasks for key in rng.choice(things, BURST)]
    return trace[:requests]


def made(requests: int, seed: int) -> dict[str, list[Trace]]:
    """The made traces, one of each."""
    rng = np.random.default_rng(seed)
    bursts = bursty(requests, rng)
    mixed: Trace = [bursts[at] for at in rng.permutation(requests)]
    return {
        "bursty": [bursts],
        "shuffled": [mixed],
        "zipf": [zipf(requests, rng)],
        "drifting": [zipf(requests, rng, DRIFT)],
    }


def houses(folder: Path) -> list[list[Task]]:
    """The recorded tasks of the 30 houses of ALFRED."""
    found: dict[int, list[Task]] = defaultdict(list)
    for name in ("train", "valid_seen"):
        with gzip.open(folder / f"{name}.jsonl.gz", "rt") as lines:
            for task in map(json.loads, lines):
                found[task["scene"]["scene_num"] % 100].append(task)
    return [found[house] for house in sorted(found)]


def recorded(tasks: list[Task]) -> list[Task]:
    """In the order of recording: its time is part of a task's name."""
    return sorted(tasks, key=lambda task: task["task_id"])


def shuffled(tasks: list[Task], seed: int) -> list[Task]:
    """In random order."""
    mixed = list(tasks)
    random.Random(seed).shuffle(mixed)
    return mixed


def touched(tasks: list[Task], by_task: bool) -> Trace:
    """Floor plan and class of all that the experts touch; once in a task, or as often as it is touched."""
    trace: Trace = []
    for task in tasks:
        steps = [step for step in task["high_pddl"] if step["discrete_action"]["action"] in TOUCHES]
        kinds = [step["planner_action"]["coordinateObjectId"][0] for step in steps]
        trace += [f"{task['scene']['floor_plan']}:{kind}" for kind in (dict.fromkeys(kinds) if by_task else kinds)]
    return trace


def alfred(folder: Path, seed: int) -> dict[str, list[Trace]]:
    """A trace for each house, in both orders, counted in both ways."""
    lived = houses(folder)
    orders = {"shuffled": [shuffled(tasks, seed) for tasks in lived], "recorded": [recorded(tasks) for tasks in lived]}
    return {
        f"alfred {order} by {per}": [touched(tasks, per == "task") for tasks in ordered]
        for order, ordered in orders.items()
        for per in ("task", "access")
    }


def rates(make: Callable[[int, Trace], Policy], capacity: int, traces: list[Trace]) -> tuple[float, float | None]:
    """Share of hits over all traces, each with an empty memory: from the start, and once it was full."""
    hits, warm = [], []
    for trace in traces:
        memory, full = make(capacity, trace), False
        for key in trace:
            full = full or len(memory) >= FULL * capacity
            hits.append(memory.touch(key).hit)
            warm += hits[-1:] if full else []
    return round(float(np.mean(hits)), 4), round(float(np.mean(warm)), 4) if warm else None


def table(traces: dict[str, list[Trace]], capacities: list[int]) -> dict[str, Any]:
    """Trace, policy, capacity: hit rates."""
    cells = [(name, label, capacity) for name in traces for label in POLICIES for capacity in capacities]
    found: dict[str, Any] = {name: {label: {} for label in POLICIES} for name in traces}
    for name, label, capacity in tqdm(cells, desc="replacement", unit="cell"):
        start, warm = rates(POLICIES[label], capacity, traces[name])
        found[name][label][str(capacity)] = {"rate": start, "warm": warm}
    return found


def summary(found: dict[str, Any]) -> str:
    """How far the default, half a window, is behind the best online policy at worst."""
    gaps = {
        (name, capacity): max(found[name][label][capacity]["rate"] for label in POLICIES if label != "optimum")
        - found[name]["w_tinylfu 50 %"][capacity]["rate"]
        for name in found
        for capacity in found[name]["fifo"]
    }
    worst = max(gaps, key=gaps.__getitem__)
    return f"w_tinylfu 50 % is at most {gaps[worst]:.3f} behind the best, on {worst[0]} with {worst[1]} units"


def main() -> None:
    """Measure all traces at all capacities."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that holds alfred")
    parser.add_argument("--requests", type=int, default=10_000, help="length of the made traces")
    parser.add_argument("--capacity", type=int, nargs="+", default=list(CAPACITIES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    traces = made(options.requests, options.seed)
    if options.data is not None:
        traces |= alfred(options.data / "alfred", options.seed)
    found = table(traces, options.capacity)
    sizes = {
        name: {
            "traces": len(several),
            "requests": sum(map(len, several)) / len(several),
            "keys": sum(len(set(trace)) for trace in several) / len(several),
        }
        for name, several in traces.items()
    }
    print(json.dumps({"seed": options.seed, "traces": sizes, "hit_rates": found, "machine": machine()}))
    print(summary(found), file=sys.stderr)


if __name__ == "__main__":
    main()
