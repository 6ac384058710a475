"""What the README shows is what is there: its memory keeps the contract, its links and commands exist."""

import re
import sys
import types
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from loci.agents.cli import COMMANDS
from loci.memories.memory import Memory
from tests.contracts.memory_contract import ENCODER, EVERY_MEMORY

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """The README's memory, made from the README's yaml."""
    module = types.ModuleType("loci.memories.mean")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(block("python"), module.__dict__)
    root = OmegaConf.create({"encoder": ENCODER, "memory": OmegaConf.create(block("yaml"))})
    torch.manual_seed(0)
    arguments = OmegaConf.to_container(root.memory, resolve=True)
    assert isinstance(arguments, dict)
    assert arguments.pop("_target_") == "loci.memories.mean.Mean"
    return module.Mean(**arguments)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("check", EVERY_MEMORY, ids=lambda check: check.__name__)
def test_the_example_memory_keeps_the_contract(example: Memory, check: object) -> None:
    check(example)  # type: ignore[operator]


def test_the_example_is_about_thirty_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) <= 30


def test_every_link_and_picture_exists() -> None:
    for path in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / path).exists(), path


def test_every_command_shown_exists() -> None:
    shown = set(re.findall(r"^loci (\w+)", README, re.MULTILINE))
    assert shown == set(COMMANDS)
    targets = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
