"""Street navigation: frames a CPU-second, what tours are like, and what agents reach that read no text.

`python -m benchmarks.street_nav` prints one JSON line about generated cities, with the settings of the yaml files;
`--data folder` adds the recorded streets of that folder.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.machine import machine
from loci.sim.compose import build_arrays, composed
from loci.sim.tasks.street_nav import StreetNav, by_visits
from loci.sim.worlds.street_moves import Move

BATCH, STEPS, REPEATS = 512, 200, 3
Act = Callable[[StreetNav], np.ndarray]


def make(task: str, batch: int = BATCH, **settings: Any) -> StreetNav:
    """The task of a yaml with some settings changed."""
    env = build_arrays(composed(task, "kinematic", "compounds", settings), batch)
    assert isinstance(env, StreetNav)
    return env


def frames_a_second(env: StreetNav, act: Act) -> int:
    """The best of REPEATS runs of STEPS batched steps, by CPU time of the process; `act` is part of it."""
    env.reset(0)
    env.step(act(env))
    best = np.inf
    for _ in range(REPEATS):
        begun = time.process_time()
        for _ in range(STEPS):
            env.step(act(env))
        best = min(best, time.process_time() - begun)
    return round(env.batch * STEPS / best)


def played(env: StreetNav, act: Act, episodes: int) -> dict[str, np.ndarray]:
    """The metrics of so many episodes or a few more."""
    env.reset(1)
    found: dict[str, list[float]] = {}
    while len(found.get("success", ())) < episodes:
        for name, values in env.step(act(env)).metrics.items():
            found.setdefault(name, []).extend(values[~np.isnan(values)])
    return {name: np.array(values) for name, values in found.items()}


def teacher(env: StreetNav) -> np.ndarray:
    return env.expert(Move.STOP)[0]


def walker(rng: np.random.Generator) -> Act:
    """Moves at random, and stops with the chance that fits the length of the leg."""
    return lambda env: np.where(
        rng.random(env.batch) < 1.0 / env.pool.moves[env.leg], Move.STOP, rng.integers(4, size=env.batch)
    )


def straight(env: StreetNav) -> np.ndarray:
    """Forward as often as the route has panoramas, which only an oracle knows."""
    size = np.diff(env.pool.first)[env.leg]
    return np.where(env.clock >= size - 1, Move.STOP, Move.FORWARD)


def floors(env: StreetNav, episodes: int) -> dict[str, Any]:
    """What who reads nothing reaches, in percent of legs, with nDTW in both forms."""
    agents: dict[str, Act] = {"stop at once": lambda env: np.full(env.batch, Move.STOP), "straight on": straight}
    agents["random"] = walker(np.random.default_rng(0))
    names = ("success", "spd", "ndtw_orar", "ndtw")
    return {
        name: {part: round(float(metrics[part].mean()), 4) for part in names}
        for name, act in agents.items()
        for metrics in [played(env, act, episodes)]
    }


def tour_figures(env: StreetNav, episodes: int) -> dict[str, Any]:
    """Of the teacher's tours: legs, how they end by earlier visits, and the share of steps at known panoramas."""
    stances, known, moments = env.pool.world.stances, 0, 0

    def act(env: StreetNav) -> np.ndarray:
        nonlocal known, moments
        here = env.pool.local[stances.node[env.stance]]
        known += int((env.visits[np.arange(env.batch), here] > 1).sum())
        moments += env.batch
        return teacher(env)

    metrics = played(env, act, episodes)
    size = np.diff(env.pool.first)[np.unique(env.pool.tours)]
    return {
        "legs": by_visits(metrics),
        "success": float(metrics["success"].mean()),
        "panoramas_a_leg": {
            "mean": round(float(size.mean()), 1),
            "percentiles": np.percentile(size, (5, 50, 95)).tolist(),
        },
        "steps_at_known_panoramas": round(known / moments, 3),
        "steps_a_tour": round(float(env.pool.moves[env.pool.tours].sum(axis=1).mean()), 1),
    }


def main() -> None:
    """Print the figures with the machine they were measured on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of recorded streets (docs/worlds/streets.md)")
    data = parser.parse_args().data
    begun = time.process_time()
    single, tours = make("street_nav"), make("street_tours")
    figures: dict[str, Any] = {"build_cpu_seconds": round(time.process_time() - begun, 2)}
    for name, env in (("single", single), ("tours", tours)):
        figures[name] = {
            "frames_forward": frames_a_second(env, lambda env: np.zeros(env.batch, int)),
            "frames_teacher": frames_a_second(env, teacher),
            "floors": floors(env, 2000 if env.tour == 1 else 200),
        }
    noisy = make("street_nav", noise=0.3, dropout=0.1)
    figures["single"]["frames_with_noise"] = frames_a_second(noisy, teacher)
    figures["tours"] |= tour_figures(make("street_tours", 64), 64)
    for split in ("develop", "touchdown") if data else ():
        env = make("street_nav", 64, data_dir=data, split=split)
        figures[split] = {"frames_teacher": frames_a_second(env, teacher), "floors": floors(env, 800)}
        figures[split] |= {"teacher": float(played(env, teacher, 800)["success"].mean())}
        chained = make("street_nav", 64, data_dir=data, split=split, tour=12, tours=64, radius=600.0)
        figures[f"{split}_tours"] = tour_figures(chained, 64)
    print(json.dumps(figures | {"batch": BATCH, "machine": machine()}))


if __name__ == "__main__":
    main()
