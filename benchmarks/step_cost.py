"""What a step of every memory costs after 1,000 and after 20,000 steps of one episode, at its yaml's sizes.

`python -m benchmarks.step_cost` prints one JSON line: CPU milliseconds a step, the ratio late / early, bytes of state.
Batches of steps are taken in turn from the young and the old state, and the fastest of many counts, so that a busy
machine slows both or neither.
"""

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tqdm import tqdm

from benchmarks.machine import machine
from loci.memories.memory import Memory, Percept
from loci.memories.state import clone, nbytes

FOLDER = Path(__file__).parents[1] / "conf" / "memory"
ENCODER = {"vision_dim": 32, "language_dim": 32, "embed_dim": 64}
EARLY, LATE, WINDOW = 1_000, 20_000, 250
ROUNDS, STEPS = 60, 24


def moments(steps: int, seed: int) -> Percept:
    """Random percepts of an agent that walks about in 8 x 8 metres."""
    draw = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, steps, 64, generator=draw)
    place = torch.rand(1, steps, 3, generator=draw) * torch.tensor([8.0, 8.0, 0.0])
    codes = noise[..., :32], noise[..., 32:], noise[..., 16:48]
    return Percept(noise, *codes, position=place, heading=noise[..., :1], control=noise[..., :5])


@torch.no_grad()
def measure(memory: Memory[Any]) -> dict[str, Any]:
    """Milliseconds of a step from the state after EARLY and after LATE steps."""
    none = torch.zeros(1, WINDOW, dtype=torch.bool)
    state, lived = memory.initial(1), {}
    for window in range(1, LATE // WINDOW + 1):
        state, _ = memory.unroll(state, moments(WINDOW, window), none)
        if window * WINDOW in (EARLY, LATE):
            lived[window * WINDOW] = clone(state)
    fastest, percept = dict.fromkeys(lived, math.inf), moments(1, 0).at(0)
    for _ in range(ROUNDS):
        for steps, state in lived.items():
            begun = time.thread_time()
            for _ in range(STEPS):
                state, _ = memory.step(state, percept, none[:, 0])
            fastest[steps] = min(fastest[steps], (time.thread_time() - begun) / STEPS)
            lived[steps] = state
    early, late = (1e3 * fastest[steps] for steps in (EARLY, LATE))
    return {f"ms_after_{EARLY}": round(early, 4), f"ms_after_{LATE}": round(late, 4),
            "late_by_early": round(late / early, 3), "bytes": nbytes(state)}  # fmt: skip


def main() -> None:
    """Print the figures with the machine they were measured on."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = {}
    for path in tqdm(sorted(FOLDER.glob("*.yaml")), unit="memory"):
        section = OmegaConf.create({"encoder": ENCODER, "memory": OmegaConf.load(path)})
        found[path.stem] = measure(instantiate(section.memory).eval())
    print(json.dumps({"memories": found, "torch": torch.__version__, "machine": machine()}))


if __name__ == "__main__":
    main()
