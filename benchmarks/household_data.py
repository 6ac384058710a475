"""What memories make of the real households of ALFRED: `python -m benchmarks.household_data --data folder`.

`folder` holds `alfred` (docs/worlds/alfred.md). Prints tables, and last one line of JSON. Parts, `--parts` for some:

- `replay`: trajectories that can be replayed, and how many reach the goal that the files name;
- `recall`: which of the movable classes of a room a sentence means, on valid_seen after the sentences of train, and
  after only some of them; ties count by chance;
- `search`: areas visited until a thing is found (household_search.py);
- `replacement`: hit rates of short-term memories, a request for each thing and task (replacement.py has more);
- `graph`: a scene graph that lives in the rooms (household_life.py), the first `--days` trajectories of each.
"""

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.household_life import lives
from benchmarks.household_search import search
from benchmarks.machine import machine
from benchmarks.replacement import CAPACITIES, POLICIES, alfred, rates, zipf
from loci.memories.maps.word_association import WordAssociation, meant
from loci.memories.recall_text import TextRecall
from loci.sim.worlds.alfred import Trajectory, read_trajectories
from loci.sim.worlds.alfred_replay import Replay

PARTS = ("replay", "recall", "search", "replacement", "graph")
TOLD = (30, 100, 300, 1000, 3000)
"""Trajectories of train after which recall is measured too, spread evenly."""
FIRST = (1, 3, 5)
SHOWN = ("fifo", "lru", "w_tinylfu 1 slot", "w_tinylfu 50 %", "w_tinylfu 90 %", "karma", "optimum")
BASINS = {"Sink": "SinkBasin", "Bathtub": "BathtubBasin"}
TREATED = {"clean": "cleaned", "heat": "heated", "cool": "cooled"}
WHOLE, CLOSE = 99.0, 1.5
"""Metres within which things are seen."""

Table = dict[str, dict[str, Any]]


def reached(replay: Replay) -> bool:
    """Whether the goal of a trajectory holds now: the things treated and put where they shall be, or held by a lamp."""
    goal = replay.trajectory.goal
    assert goal is not None
    kind = f"{goal.thing}Sliced" if goal.sliced else goal.thing
    if goal.lamp:
        return replay.held is not None and replay.items[replay.held].kind == kind
    state = next((done for word, done in TREATED.items() if f"_{word}_" in goal.task), None)
    mine = [item for item in replay.items.values() if item.kind == kind and (state is None or state in item.states)]
    if goal.carrier:
        mine = [item for item in mine if item.holder == goal.carrier]
    good = 0
    for item in mine:
        while goal.carrier and item.within is not None:
            item = replay.items[item.within]
        good += item.holder == BASINS.get(goal.holder, goal.holder)
    return good >= (2 if "two" in goal.task else 1)


def replayed(trajectories: Iterable[Trajectory]) -> Table:
    """Events by kind, and whether the goal holds after the last, by kind of task."""
    events: Counter[str] = Counter()
    tasks: dict[str, list[bool]] = defaultdict(list)
    for one in trajectories:
        replay = Replay(one)
        events.update(event.what for event in replay.events())
        assert one.goal is not None
        tasks[one.goal.task].append(reached(replay))
    goals = {task: {"trajectories": len(good), "reached": sum(good)} for task, good in sorted(tasks.items())}
    return {"events": dict(events)} | goals


def recall(told: Sequence[Trajectory], asked: Sequence[Trajectory]) -> Table:
    """Share of sentences whose thing is among the first 1, 3 and 5."""
    learned = association(told)
    rows: Table = {"word": {}, "letters": {}, "association": {}, "both": {}}
    for name in rows:
        rows[name] = ranked(name, asked, learned)
    for number in TOLD:
        few = told[:: max(len(told) // number, 1)][:number]
        rows[f"both, {number} trajectories told"] = ranked("both", asked, association(few))
    return rows


def association(told: Iterable[Trajectory]) -> WordAssociation:
    """Learned from what people wrote and what was meant."""
    learned = WordAssociation()
    for one in told:
        for said in one.instructions:
            assert one.goal is not None
            learned.add(said.task, one.goal.thing)
    return learned


def ranked(name: str, asked: Iterable[Trajectory], learned: WordAssociation) -> dict[str, Any]:
    found = []
    for one in asked:
        kinds = sorted({thing.kind for thing in one.things})
        letters = TextRecall(len(kinds))
        for kind in kinds:
            letters.add(kind, kind)
        assert one.goal is not None
        right = kinds.index(one.goal.thing)
        for said in one.instructions:
            score = _score(name, said.task, letters, kinds, learned)
            above, level = (score > score[right]).sum(), (score == score[right]).sum()
            found.append([np.clip((first - above) / level, 0.0, 1.0) for first in FIRST])
    shares = np.mean(found, axis=0).round(4).tolist()
    return {f"top {first}": share for first, share in zip(FIRST, shares, strict=True)} | {"sentences": len(found)}


def _score(name: str, said: str, letters: TextRecall, kinds: list[str], learned: WordAssociation) -> np.ndarray:
    if name == "word":
        close = re.sub(r"[^a-z]+", "", said.lower())
        held = set(re.findall(r"[a-z]+", said.lower()))
        return np.array([kind.lower() in held or (len(kind) > 5 and kind.lower() in close) for kind in kinds], float)
    if name == "letters":
        return letters.cosines(said)
    return learned.scores(said, kinds) if name == "association" else meant(said, letters, kinds, learned)


def replacement(folder: Path, capacities: Sequence[int], seed: int) -> Table:
    """Hit rates from an empty memory, by trace and policy."""
    traces = {name: found for name, found in alfred(folder, seed).items() if name.endswith("task")}
    traces["zipf"] = [zipf(10_000, np.random.default_rng(seed))]
    return {
        f"{name}, {label}": {str(capacity): rates(POLICIES[label], capacity, found)[0] for capacity in capacities}
        for name, found in traces.items()
        for label in SHOWN
    }


def graph(rooms: dict[str, list[Trajectory]], days: int) -> Table:
    """Shares, bytes and facts of the scene graph."""
    return {
        "whole room in view": lives(rooms, WHOLE, days),
        f"{CLOSE} m in view": lives(rooms, CLOSE, days),
        f"{CLOSE} m in view, fresh graph": lives(rooms, CLOSE, days, fresh=True),
    }


def printed(title: str, table: Table) -> None:
    """One table; rows may have different columns."""
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    print(f"\n{title}\n| | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(str(row.get(column, "")) for column in columns) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds alfred")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--capacity", type=int, nargs="+", default=list(CAPACITIES))
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--every", type=int, default=1, help="of the rooms take one in so many")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    folder = chosen.data / "alfred"
    train, valid = (list(read_trajectories(folder / f"{split}.jsonl")) for split in ("train", "valid_seen"))
    rooms: dict[str, list[Trajectory]] = defaultdict(list)
    for one in sorted([*train, *valid], key=lambda one: (one.floor_plan, one.name)):
        rooms[one.floor_plan].append(one)
    some = {plan: rooms[plan] for plan in list(rooms)[:: chosen.every]}
    parts = {
        "replay": lambda: replayed(one for room in some.values() for one in room),
        "recall": lambda: recall(train, valid),
        "search": lambda: {name: found._asdict() for name, found in search(some, folder / "layouts").items()},
        "replacement": lambda: replacement(folder, chosen.capacity, chosen.seed),
        "graph": lambda: graph(some, chosen.days),
    }
    results: dict[str, Any] = {}
    for name in chosen.parts:
        results[name] = parts[name]()
        printed(name, results[name])
    sizes = {"trajectories": len(train) + len(valid), "rooms": len(some), "days": chosen.days, "seed": chosen.seed}
    print(json.dumps({"benchmark": "household_data", **sizes, **results, "machine": machine()}))


if __name__ == "__main__":
    main()
