"""CPU milliseconds of one training pass of a memory on one core: a short episode as one window, forward and backward.

`python -m benchmarks.memory_pass` prints one JSON line. The window is an episode of Ballet with four dancers and delay
4; the loss looks at its last steps alone, as imitation of the final choice does.
"""

import json
import statistics
import time
from typing import Any

import torch

from benchmarks.machine import machine
from loci.memories.gated_transformer import GatedTransformer
from loci.memories.hcam import HCAM
from loci.memories.memory import Memory, Percept
from loci.memories.window import Window

ROWS, STEPS, LOOKED_AT, REPEATS = 32, 80, 4, 20
SIZES: dict[str, Any] = {"input_dim": 64, "width": 64, "layers": 2, "heads": 4}
CHUNKS: dict[str, Any] = {"local_window": 19, "chunk": 19, "chunks": 14, "k": 4}


def memories() -> dict[str, Memory]:
    """The memories that are timed, all of one width."""
    return {
        "hcam": HCAM(**SIZES, **CHUNKS),
        "hcam_gradient_through_chunks": HCAM(**SIZES, **CHUNKS, stop_gradient=False),
        "window_80": Window(**SIZES, window=80),
        "window_16": Window(**SIZES, window=16),
        "gated_transformer_80": GatedTransformer(**SIZES, window=80),
    }


def milliseconds(memory: Memory) -> float:
    """The median of REPEATS passes by CPU time of the process; every row begins an episode at the first step."""
    embed = torch.randn(ROWS, STEPS, SIZES["input_dim"], requires_grad=True)
    reset = torch.zeros(ROWS, STEPS, dtype=torch.bool)
    reset[:, 0] = True
    taken = []
    for _ in range(REPEATS + 2):  # the first two warm up
        begun = time.process_time()
        _, recall = memory.unroll(memory.initial(ROWS), Percept(embed), reset)
        recall.feature[:, -LOOKED_AT:].sum().backward()
        taken.append(time.process_time() - begun)
    return round(1000 * statistics.median(taken[2:]), 1)


def main() -> None:
    """Print the figures with the machine they were measured on."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    passes = {f"milliseconds_{name}": milliseconds(memory) for name, memory in memories().items()}
    print(json.dumps(passes | {"rows": ROWS, "steps": STEPS, "torch": torch.__version__, "machine": machine()}))


if __name__ == "__main__":
    main()
