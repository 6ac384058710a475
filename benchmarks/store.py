"""What the persistent store takes and gives: `python -m benchmarks.store` prints one JSON line.

Queries for the 10 most alike of `--records` vectors of width `--width`, exact, without and with a filter that an eighth
of the records passes; single durable inserts; the bytes of the file; how long it takes to open it, up to the first
answer; a simulated year of household days; and `--kills` writers ended by SIGKILL. Times are in ms, of the clock and of
the processor: on a busy machine the clock tells more about the others. The vectors have 200 topics.

A day of the household has `--facts` operations, about 300 objects: 70 % UPDATE (moved, opened, dirty, …; a new
sentence and its vector), 20 % LINK (half of them take an edge away), 10 % ADD of events, and a DECAY each night.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from benchmarks.store_kill import killed
from loci.memories.stores.sqlite import SQLiteStore
from loci.memories.stores.store import Add, Decay, Edge, Link, Operation, Record, Update

TOPICS, AREAS, OBJECTS, K, WARM_UP, BATCH = 200, 8, 300, 10, 20, 1000
SHARES = {"update": 0.7, "link": 0.2, "add": 0.1}
DAY = 86_400.0


class Sentences:
    """Records about household things, with vectors around TOPICS directions."""

    def __init__(self, width: int, seed: int):
        self.rng = np.random.default_rng(seed)
        self.topics = self.rng.standard_normal((TOPICS, width)) + 0.4

    def vector(self) -> np.ndarray:
        """(D,) float32 of length 1."""
        topic = self.topics[self.rng.integers(TOPICS)]
        vector = topic + self.rng.standard_normal(len(topic))
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def record(self, key: str, at: float, vector: bool = True) -> Record:
        kind, area = self.rng.integers(50), int(self.rng.integers(AREAS))
        text = f"the thing of class {kind} is on the table in area {area}, clean and closed"
        attributes = {"class": f"class {kind}", "area": area}
        return Record(key, text, attributes, self.vector() if vector else None, valid_from=at, learned_at=at)


def times(acts: Iterator[Callable[[], Any]]) -> dict[str, float]:
    """Median and 99th percentile in ms, by the clock and by the processor."""
    spent = []
    for act in acts:
        clock, processor = time.perf_counter(), time.process_time()
        act()
        spent.append((time.perf_counter() - clock, time.process_time() - processor))
    figures: dict[str, float] = {}
    for name, part in zip(("clock", "cpu"), 1e3 * np.array(spent).T, strict=True):
        median, rare = np.quantile(part, (0.5, 0.99)).round(2).tolist()
        figures |= {f"{name}_p50": median, f"{name}_p99": rare}
    return figures


def size(path: Path) -> float:
    """Bytes of the store and its write-ahead log, in units of 10⁶."""
    return round(sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) / 1e6, 1)


def retrieval(folder: Path, records: int, width: int, queries: int, inserts: int) -> dict[str, Any]:
    """The figures of one large store."""
    path, sentences = folder / "large.store", Sentences(width, 0)
    begun = time.process_time()
    with SQLiteStore(path, width) as store:
        for first in range(0, records, BATCH):
            batch = range(first, min(first + BATCH, records))
            store.apply(*(Add(sentences.record(f"thing {n:07}", float(n))) for n in batch))
    loaded = time.process_time() - begun
    megabytes = size(path)
    begun = time.perf_counter()
    store = SQLiteStore(path)
    opened = time.perf_counter() - begun
    store.search(sentences.vector(), K)
    answered = time.perf_counter() - begun
    for _ in range(WARM_UP):
        store.search(sentences.vector(), K)
    asked = [sentences.vector() for _ in range(queries)]
    figures = {
        "query_ms": times((lambda q=q: store.search(q, K)) for q in asked),  # type: ignore[misc]
        "filtered_ms": times((lambda q=q: store.search(q, K, {"area": 3})) for q in asked),  # type: ignore[misc]
    }
    new = [Add(sentences.record(f"new {n:07}", float(records))) for n in range(inserts)]
    figures["insert_ms"] = times((lambda add=add: store.apply(add)) for add in new)  # type: ignore[misc]
    store.close()
    return figures | {
        "records": records,
        "width": width,
        "loaded_per_cpu_second": round(records / loaded),
        "megabytes": megabytes,
        "open_s": round(opened, 3),
        "open_to_first_answer_s": round(answered, 2),
    }


def day(sentences: Sentences, number: int, facts: int, linked: set[Edge], vector: bool) -> list[Operation]:
    """What a household day writes; `linked` are the edges so far and is kept up to date."""
    rng, morning = sentences.rng, number * DAY
    operations: list[Operation] = []
    for n, kind in enumerate(rng.choice(list(SHARES), facts, p=list(SHARES.values()))):
        at = morning + n * DAY / (facts + 1)
        if kind == "add":
            operations.append(Add(sentences.record(f"event {number} {n}", at, vector)))
        elif kind == "update":
            operations.append(Update(sentences.record(f"object {rng.integers(OBJECTS)}", at, vector)))
        else:
            thing, place = rng.choice(OBJECTS, 2, replace=False)
            edge = Edge(f"object {thing}", "on", f"object {place}")
            edge = min(linked) if len(linked) >= OBJECTS else edge
            operations.append(Link(edge, at, held=edge not in linked))
            linked ^= {edge}
    return [*operations, Decay(0.999, morning + DAY)]


def year(folder: Path, days: int, facts: int, width: int, vector: bool) -> dict[str, Any]:
    """What `days` of the household come to."""
    path, sentences, linked = folder / f"year_{vector}.store", Sentences(width, 1), set[Edge]()
    begun = time.process_time()
    with SQLiteStore(path, width) as store:
        store.apply(*(Add(sentences.record(f"object {n}", 0.0, vector)) for n in range(OBJECTS)))
        for number in range(days):
            store.apply(*day(sentences, number, facts, linked, vector))
        present = len(store.records())
    spent, begun = time.process_time() - begun, time.perf_counter()
    with SQLiteStore(path) as store:
        store.search(sentences.vector(), K)
        answered, begun = time.perf_counter() - begun, time.perf_counter()
        operations, story = store.last(), len(store.history("object 0"))
        told, begun = time.perf_counter() - begun, time.process_time()
        store.as_of(store.sequence_at(days * DAY / 2))
        return {
            "operations": operations,
            "present": present,
            "megabytes": size(path),
            "write_cpu_s": round(spent, 1),
            "open_to_first_answer_s": round(answered, 2),
            "history_s": round(told, 2),
            "history_changes": story,
            "as_of_half_a_year_ago_cpu_s": round(time.process_time() - begun, 2),
        }


def main() -> None:
    """Measure all of it, at the sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"records": 100_000, "width": 384, "queries": 500, "inserts": 500, "days": 365, "facts": 500, "kills": 200}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{default} without")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = retrieval(folder, options.records, options.width, options.queries, options.inserts)
        years = {
            f"year_{label}": year(folder, options.days, options.facts, options.width, vector)
            for label, vector in (("with_vectors", True), ("without_vectors", False))
        }
        memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
        toll = killed(folder, options.kills, np.random.default_rng(0))
    household = {"days": options.days, "facts_a_day": options.facts, "objects": OBJECTS}
    print(json.dumps(figures | household | years | {"peak_megabytes": memory} | vars(toll) | {"machine": machine()}))


if __name__ == "__main__":
    main()
