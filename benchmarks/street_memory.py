"""What Mem4Nav finds on tours before anything is learnt: who answers, and whether the places found are the right ones.

`python -m benchmarks.street_memory` prints one JSON line about tours through generated cities that no agent is trained
in, the teacher driving; `--data folder` adds the recorded streets of that folder (split unseen). Sizes are those of
`experiment=street_tours`.

sources: shares of the answers to the view ("where have I seen this?") that came from the cache, from long-term memory,
and of moments at which nothing was known. returned: at panoramas that the tour has passed before, with its signs in
view, the share of the k = 3 places found that lie within NEAR metres, those that long-term memory found alone beside
it. named: of the texts that refer back, the share of the three places that look most like the name or the kind which
lie within NEAR metres of the goal; among_three, of the texts for which at least one does.
"""

import argparse
import json
from typing import Any

import numpy as np
import torch

from benchmarks.machine import machine
from benchmarks.street_nav import make
from loci.agents.street_encoder import StreetEncoder
from loci.agents.street_reader import refers_back
from loci.memories.maps.cache import LONG, SOURCES
from loci.memories.mem4nav import Mem4Nav, Mem4NavState
from loci.sim.tasks.street_nav import StreetNav
from loci.sim.worlds.street_moves import Move

BATCH, NEAR, K = 16, 15.0, 3


def answers(env: StreetNav, memory: Mem4Nav, encoder: StreetEncoder, seed: int) -> dict[str, float | None]:
    """Of one tour a row."""
    step, state = env.reset(seed), memory.initial(env.batch)
    before, over = np.full(env.batch, -1), np.zeros(env.batch, bool)
    sources, returned, named = np.zeros(len(SOURCES)), [], []
    legs = np.full(env.batch, -1)
    while not over.all():
        seen = {name: step.obs[name][:, None] for name in encoder.sees}
        percept = encoder(encoder.observe(seen, before[:, None]))
        state, recall = memory.step(state, percept.at(0), torch.from_numpy(step.reset))
        source = recall.trace["source"][:, 0].numpy()
        sources += np.bincount(source[~over], minlength=len(SOURCES))
        known = _visits(env) > 1
        for row in np.flatnonzero(~over & known & step.obs["landmarks"].any(axis=(1, 2))):
            far = recall.trace["distance"][row, 0, :K].numpy()
            returned.append((source[row] == LONG, float((far <= NEAR).mean())))
        named += [_named(env, memory, encoder, state, int(row)) for row in np.flatnonzero(~over & (env.leg != legs))]
        legs, actions = env.leg.copy(), env.expert(Move.STOP)[0]
        step = env.step(actions)
        before, over = actions, over | step.terminated | step.truncated
    right = np.array(returned).reshape(-1, 2)
    found = [share for share in named if share is not None]
    long = right[right[:, 0] > 0, 1]
    shares = {name: round(float(part), 3) for name, part in zip(SOURCES, sources / sources.sum(), strict=True)}
    return shares | {
        "returned": len(right),
        "returned_precision": _mean(right[:, 1]),
        "returned_from_long": len(long),
        "returned_from_long_precision": _mean(long),
        "named": len(found),
        "named_precision": _mean(np.array(found)),
        "named_among_three": _mean(np.array(found) > 0.0),
    }


def _visits(env: StreetNav) -> np.ndarray:
    node = env.pool.world.stances.node[env.stance]
    return env.visits[np.arange(env.batch), env.pool.local[node]]


def _named(env: StreetNav, memory: Mem4Nav, encoder: StreetEncoder, state: Mem4NavState, row: int) -> float | None:
    """Share of the places found that are the goal's; None for a text that tells a way."""
    asked = refers_back(str(env.pool.text[env.leg[row]]))
    if asked is None:
        return None
    goal = env.pool.world.graph.position[env.pool.route(int(env.leg[row]))[-1]]
    best = memory.maps(state, encoder.place)[row].find(asked.what, K)
    return float(np.mean([np.linalg.norm(np.array(entry.position[:2]) - goal) <= NEAR for entry in best]))


def _mean(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 3) if len(values) else None


@torch.no_grad()
def figures(tours: int, **settings: Any) -> dict[str, float | None]:
    """Means over batches of tours."""
    env = make("street_tours", BATCH, tours=128, **settings)
    encoder = StreetEncoder(env.vectors.shape[1], len(Move), 2 * env.vectors.shape[1], env.vectors.shape[1])
    looks = encoder.vision_dim
    memory = Mem4Nav(looks, encoder.language_dim, looks, 128, query="view", k=K, leaves=160, landmarks=80, rows=32)
    found = [answers(env, memory, encoder, seed) for seed in range(-(-tours // BATCH))]
    return {name: _mean(np.array([one[name] for one in found if one[name] is not None])) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of recorded streets")
    parser.add_argument("--tours", type=int, default=32)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    places: dict[str, dict[str, Any]] = {"cities": {"split": "develop"}}
    if chosen.data:
        places["recorded streets"] = {"split": "unseen", "data_dir": chosen.data}
    signs = {"signs always seen": False, "signs seen once": True}
    results = {
        f"{place}, {name}": figures(chosen.tours, first_pass=once, **settings)
        for place, settings in places.items()
        for name, once in signs.items()
    }
    print(json.dumps({"benchmark": "street_memory", "tours": chosen.tours, "near": NEAR, **results, **machine()}))


if __name__ == "__main__":
    main()
