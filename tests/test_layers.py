"""The import rule: agents may import memories and sim; sim and memories import neither each other nor agents."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {"sim": {"sim"}, "memories": {"memories"}, "agents": {"agents", "memories", "sim"}}
SHORT = {"sim", "agents", "memories", "conf"}
OPTIONAL = ("torch", "pybullet", "mujoco", "imageio", "tensorboard")


def imported(path: Path) -> set[str]:
    """Every module a file imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


@pytest.mark.parametrize("layer", sorted(ALLOWED))
def test_no_arrow_points_the_wrong_way(layer: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files(layer)
        for name in imported(path)
        if name.startswith("loci.") and name.split(".")[1] in SHORT and name.split(".")[1] not in ALLOWED[layer]
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("layer", sorted(ALLOWED))
def test_nothing_is_imported_by_its_short_name(layer: str) -> None:
    wrong = [f"{p.relative_to(ROOT)}: {n}" for p in files(layer) for n in imported(p) if n.split(".")[0] in SHORT]
    assert not wrong, wrong


def test_memories_know_no_camera_and_no_simulator() -> None:
    wrong = [str(p) for p in files("memories") for n in imported(p) if n.split(".")[0] in ("gymnasium", "mujoco")]
    assert not wrong, wrong


def test_conf_holds_data_only() -> None:
    odd = [
        str(p)
        for p in (ROOT / "conf").rglob("*")
        if p.is_file() and p.suffix not in (".yaml", ".pyc") and p.name != "__init__.py"
    ]
    assert not odd, odd


def test_files_stay_short() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for layer in ALLOWED for p in files(layer)}
    assert not {name: n for name, n in lengths.items() if n > 400}
    assert sorted(lengths.values())[len(lengths) // 2] <= 150


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "manager"])
def test_no_drawer_for_odds_and_ends(name: str) -> None:
    assert not [str(p) for layer in ALLOWED for p in (ROOT / layer).rglob(f"*{name}*") if p.suffix in ("", ".py")]


@pytest.mark.parametrize("link", ["sim", "agents", "memories", "conf"])
def test_the_package_is_made_of_links(link: str) -> None:
    path = ROOT / "loci" / link
    assert path.is_symlink(), f"{path} is no link: check out with symlink support (git config core.symlinks true)"
    assert os.readlink(path) == f"../{link}"
    assert path.resolve() == ROOT / link


def test_simulating_needs_no_optional_package() -> None:
    code = (
        "import sys, loci.sim.env, loci.sim.vector, loci.sim.tasks.fast_mapping, loci.sim.backends.kinematic;"
        "import loci.agents.cli;"
        f"print([m for m in {OPTIONAL!r} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]", out.stdout


def test_the_front_of_the_command_line_is_quick_and_explains_itself() -> None:
    code = "import sys; sys.argv=['loci']; from loci.agents.cli import main; main(); print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("False")
    assert all(word in out for word in ("train", "evaluate", "compare", "record"))


def test_an_unknown_command_lists_the_commands() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "loci.agents.cli", "trian"], capture_output=True, text=True, check=False
    )
    assert out.returncode == 2
    assert "no command 'trian'. Commands: train, evaluate, compare, watch, record" in out.stderr
