"""Every conf/memory/*.yaml keeps the contract. A yaml is enrolled by lying in the folder.

Sizes: a yaml's own argument keeps its value unless its name stands in TINY, which applies to all memories alike.
"""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import loci
from loci.memories.memory import MapMemory, Memory
from tests.contracts.memory_contract import ENCODER, EVERY_MEMORY, maps_answer

FOLDER = Path(loci.__file__).parent / "conf" / "memory"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
TINY = {"width": 8, "blocks": 2, "rank": 3, "readout": 5, "window": 4, "rows": 5, "k": 2, "code_dim": 4}
TINY |= {"chunk": 3, "chunks": 3, "local_window": 4}


def build(name: str, **changes: object) -> Memory:
    """The memory of a yaml with the encoder's widths of the contract and the sizes of TINY."""
    root = OmegaConf.create({"encoder": ENCODER, "memory": OmegaConf.load(FOLDER / f"{name}.yaml")})
    sizes = {key: value for key, value in TINY.items() if root.memory.get(key) is not None}
    root.memory.update({**sizes, **changes})
    torch.manual_seed(0)
    return instantiate(root.memory)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", EVERY_MEMORY, ids=lambda check: check.__name__)
def test_memory_keeps_the_contract(name, check):
    check(build(name))


@pytest.mark.parametrize("name", NAMES)
def test_maps_answer(name):
    memory = build(name)
    if not isinstance(memory, MapMemory):
        pytest.skip(f"{name} is not a map")
    maps_answer(memory)


VARIANTS = [
    ("dual_coding", {"key": "either", "novelty": "both"}),
    ("dual_coding", {"key": "vision", "novelty": "language", "stop_gradient": False}),
    ("dual_coding", {"self_attention": False, "code_dim": 6, "rows": 40}),
    ("gru", {"blocks": 1, "readout": None}),
    ("window", {"window": 30, "layers": 1}),
    ("mem4nav", {"token": "chained", "octree": False}),
    ("mem4nav", {"token": "learned", "graph": False, "query": "goal"}),
    ("mem4nav", {"long": False, "instruction_cost": "goal"}),
    ("mem4nav", {"short": False, "query": "view", "two_way": False}),
]


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
@pytest.mark.parametrize("check", EVERY_MEMORY, ids=lambda check: check.__name__)
def test_variants_keep_the_contract(name, changes, check):
    check(build(name, **changes))
