"""A writer is killed at random moments; nothing it had acknowledged is lost and nothing half written is seen."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.store_kill import Toll, inspect, killed, operations
from loci.memories.stores.sqlite import SQLiteStore

KILLS = 10


def test_no_acknowledged_fact_is_lost(tmp_path: Path) -> None:
    toll = killed(tmp_path, KILLS, np.random.default_rng(0))
    assert (toll.kills, toll.lost, toll.broken) == (KILLS, 0, 0)
    assert toll.acknowledged > KILLS
    with SQLiteStore(tmp_path / "0.store") as store:
        count = len(store.records())
        assert count >= toll.acknowledged
        store.apply(*operations(count))


@pytest.mark.parametrize(
    ("facts", "damage", "lost", "broken"),
    [
        (5, "", 0, 0),
        (4, "", 1, 1),
        (6, "", 0, 0),
        (7, "", 0, 1),
        (5, "DELETE FROM link WHERE head = 'fact 000003'", 0, 1),
        (5, "UPDATE log SET body = replace(body, 'cup 2', 'mug 2')", 1, 0),
        (5, "UPDATE record SET confidence = 0.5 WHERE key = 'fact 000001'", 0, 1),
    ],
)
def test_the_inspection_sees_damage(tmp_path: Path, facts: int, damage: str, lost: int, broken: int) -> None:
    """Five facts were acknowledged."""
    store, toll = SQLiteStore(tmp_path / "a.store", 32), Toll()
    for number in range(facts):
        store.apply(*operations(number))
    if damage:
        store._run(damage)
    inspect(tmp_path / "a.store", 5, toll)
    assert (toll.lost, toll.broken) == (lost, broken)
    store.close()
