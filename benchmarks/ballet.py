"""Frames of Ballet a CPU-second on one core: random actions in 512 episodes at once, new episodes included.

`python -m benchmarks.ballet` prints one JSON line: cells only, and with pictures of 11 x 11 and 99 x 99 pixels.
"""

import json
import time

import numpy as np

from benchmarks.machine import machine
from loci.sim.tasks.ballet import Ballet

BATCH, STEPS, REPEATS = 512, 500, 3
PICTURE_STEPS = 40


def frames_a_second(dancers: int, delay: int, pixels: int, steps: int = STEPS) -> float:
    """The best of REPEATS runs of `steps` batched steps, by CPU time of the process."""
    env = Ballet(BATCH, dancers, delay, pixels=pixels)
    env.reset(0)
    env.step(np.zeros(BATCH, int))
    draws = np.random.default_rng(0).integers(8, size=(steps, BATCH))
    best = np.inf
    for _ in range(REPEATS):
        begun = time.process_time()
        for actions in draws:
            env.step(actions)
        best = min(best, time.process_time() - begun)
    return round(BATCH * steps / best)


def main() -> None:
    """Print the figures with the machine they were measured on."""
    levels = ((2, 16), (8, 16), (8, 48))
    cells = {f"cell_frames_per_cpu_second_{n}_delay{d}": frames_a_second(n, d, 0) for n, d in levels}
    pictures = {f"frames_per_cpu_second_2_delay16_{11 * p}px": frames_a_second(2, 16, p, PICTURE_STEPS) for p in (1, 9)}
    print(json.dumps(cells | pictures | {"batch": BATCH, "machine": machine()}))


if __name__ == "__main__":
    main()
