"""Kill a writer at random moments, and look for what it had acknowledged: for the test and for benchmarks/store.py.

`python -m benchmarks.store_kill PATH` is the writer: it adds facts to the store until somebody ends it, and prints the
number of each when `apply` has returned. A fact comes with a link to the one before it and a decay of all, in one
`apply`, so that half of it would show.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loci.memories.stores.sqlite import SQLiteStore
from loci.memories.stores.store import Add, Decay, Edge, Link, Operation, Record

WIDTH = 32
OPENING = 0.25
"""Share of the kills that fall anywhere from the start of the process, so also into its opening of the store."""
OPENING_SECONDS, WRITING_SECONDS = 0.5, 0.12
EACH_FILE = 20
"""Kills in a row on one file."""


@dataclass
class Toll:
    """What a number of kills did."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged facts that were not there, or not as they were written."""
    broken: int = 0
    """Kills after which something half written, or another damage, was seen."""


def fact(number: int) -> Record:
    """The fact that the writer adds under a number; its confidence fades afterwards."""
    vector = np.random.default_rng(number).standard_normal(WIDTH).astype(np.float32)
    text, attributes = f"cup {number} stands on table {number % 7}", {"class": "cup", "number": number}
    return Record(f"fact {number:06}", text, attributes, vector, valid_from=float(number), learned_at=float(number))


def operations(number: int) -> list[Operation]:
    """What the writer applies at once."""
    new = fact(number)
    before = [Link(Edge(new.key, "after", fact(number - 1).key), new.learned_at)] if number else []
    return [Add(new), *before, Decay(0.999, new.learned_at)]


def write(path: str) -> None:
    """Add facts and print their numbers, for ever."""
    store = SQLiteStore(path, WIDTH)
    number = len(store.records())
    while True:
        store.apply(*operations(number))
        os.write(1, f"{number}\n".encode())
        number += 1


def kill_one(path: Path, rng: np.random.Generator) -> list[int]:
    """Start a writer, kill it at a random moment, and return the numbers that it acknowledged."""
    early, moment = rng.random() < OPENING, rng.random()
    writer = subprocess.Popen([sys.executable, "-m", "benchmarks.store_kill", str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    said = b"" if early else writer.stdout.readline()
    time.sleep(moment * (OPENING_SECONDS if early else WRITING_SECONDS))
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.read()
    assert writer.wait() == -signal.SIGKILL, "the writer ended by itself"
    return [int(line) for line in said[: said.rfind(b"\n") + 1].split()]  # an unfinished line does not count


def inspect(path: Path, expected: int, toll: Toll) -> int:
    """Count what is lost of the first `expected` facts, and whether the store is broken. Returns how many it holds,
    which may be one more: one that was on the disk and not acknowledged yet."""
    with SQLiteStore(path, write=False) as store:
        records = {record.key: record for record in store.records()}
        for number in range(expected):
            held = records.get(fact(number).key)
            toll.lost += held is None or replace(held, confidence=1.0) != fact(number)
        count, state = len(records), store.as_of(store.last())
        whole = store.last() == max(3 * count - 1, 0) and len(store.links()) == max(count - 1, 0)
        follows = (state.records, sorted(state.links)) == (records, store.links())
        toll.broken += not (whole and follows and count - expected in (0, 1) and store.sound())
    return count


def killed(folder: Path, kills: int, rng: np.random.Generator) -> Toll:
    """Kill that many writers, every EACH_FILE of them on one file, and look at the store after each. What was seen once
    is expected from then on like what was acknowledged."""
    toll, expected = Toll(), 0
    for kill in range(kills):
        path = folder / f"{kill // EACH_FILE}.store"
        expected = expected if path.exists() else 0
        numbers = kill_one(path, rng)
        toll.kills, toll.acknowledged = toll.kills + 1, toll.acknowledged + len(numbers)
        if expected or numbers:
            expected = inspect(path, max([expected, *(number + 1 for number in numbers)]), toll)
    return toll


if __name__ == "__main__":
    write(sys.argv[1])
