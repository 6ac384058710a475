"""Memories are compared at equal bytes of state, and the short window at equal attended moments."""

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from loci.memories import state as states
from loci.memories.memory import Memory
from tests.contracts.memory_contract import ENCODER
from tests.contracts.test_memory_contract import FOLDER, NAMES

EXEMPT = {"none", "window_k", "mem4nav_published"}
"""One keeps nothing, one equals dual_coding in moments attended, one has the sizes of its paper."""


def default(name: str) -> Memory:
    root = OmegaConf.create({"encoder": ENCODER, "memory": OmegaConf.load(FOLDER / f"{name}.yaml")})
    return instantiate(root.memory)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in EXEMPT])
def test_default_sizes_have_the_bytes_of_dual_coding(name):
    expected = states.nbytes(default("dual_coding").initial(1))
    assert states.nbytes(default(name).initial(1)) == pytest.approx(expected, rel=0.02)


def test_the_short_window_attends_to_as_many_moments_as_dual_coding():
    assert default("window_k").attended == default("dual_coding").attended == 8


def test_dual_coding_holds_its_rows_and_its_core():
    rows, codes, width = 128, 32, 128
    floats = 2 * rows * codes + 2 * width + 2
    assert states.nbytes(default("dual_coding").initial(1)) == 4 * floats + torch.int64.itemsize
