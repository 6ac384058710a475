"""Every yaml composes and builds what it names; the wheel holds them all; typos are answered with the choices."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from hydra.errors import ConfigCompositionException, InstantiationException, MissingConfigException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from loci.agents.build import build_agent, build_env, build_learner, build_task
from loci.agents.jobs import plan
from loci.memories.state import nbytes
from loci.sim.compose import in_arrays

CONF = Path(__file__).parents[1] / "conf"
GROUPS = sorted(p.name for p in CONF.iterdir() if p.is_dir() and not p.name.startswith("__"))
CHOICES = [(group, p.stem) for group in GROUPS for p in sorted((CONF / group).glob("*.yaml"))]
PLAIN = ["folder=unused", "name=unused"]


def train(*overrides: str) -> DictConfig:
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose("train", overrides=[*PLAIN, *overrides])


STREETS = ["task=street_nav", "task.cities=1", "task.tours=8", "encoder=streets"]


def chosen(group: str, choice: str, *overrides: str) -> DictConfig:
    """A task in arrays shows cells, streets show landmarks."""
    if choice in ("streets", "orar"):
        return train(*STREETS, f"{group}={choice}", *overrides)
    if group == "experiment" and choice.startswith("street"):
        return train(f"{group}={choice}", "task.tours=8", *overrides)
    config = train(f"{group}={choice}", *overrides)
    if not in_arrays(config):
        return config
    return train(f"{group}={choice}", *overrides, "encoder=streets" if choice.startswith("street") else "encoder=cells")


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_and_builds(group: str, choice: str) -> None:
    if choice == "meshes":
        pytest.importorskip("pybullet_data")
    config = chosen(group, choice)
    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    build_learner(config)
    shown = build_env(config, 1) if in_arrays(config) else build_task(config)
    if choice == "household":  # its actions are aimed at points
        with pytest.raises(ValueError, match=r"an agent chooses among numbered actions, but the task takes Box"):
            build_agent(config, shown)
        return
    agent = build_agent(config, shown)
    assert in_arrays(config) or build_task(config).max_steps > 0
    assert nbytes(agent.initial(2)) == 2 * nbytes(agent.initial(1))


@pytest.mark.parametrize("choice", [c for g, c in CHOICES if g in ("backend", "world", "task")])
def test_every_world_can_be_entered(choice: str) -> None:
    if choice == "meshes":
        pytest.importorskip("pybullet_data")
    group = next(g for g, c in CHOICES if c == choice)
    try:
        env = build_env(train(f"{group}={choice}", "scale=debug"), 2)
    except InstantiationException as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        pytest.skip(f"{choice}: {error.__cause__}")
    step = env.reset(0)
    assert all(len(part) == 2 for part in step.obs.values())
    env.step(env.expert(0)[0])


@pytest.mark.parametrize("root", sorted(p.stem for p in CONF.glob("*.yaml")))
def test_every_root_composes_and_says_what_it_is(root: str) -> None:
    assert (CONF / f"{root}.yaml").read_text().startswith("# loci ")
    with initialize_config_module("loci.conf", version_base="1.3"):
        compose(root)


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_yaml_says_what_it_is(group: str, choice: str) -> None:
    lines = (CONF / group / f"{choice}.yaml").read_text().splitlines()
    assert any(line.startswith("# ") and len(line) > 20 for line in lines[:2])


@pytest.mark.parametrize("experiment", sorted(p.stem for p in (CONF / "experiment").glob("*.yaml")))
def test_every_row_and_cell_of_an_experiment_composes(experiment: str) -> None:
    few = ["task.tours=8"] if experiment.startswith("street") else []
    config = train(f"experiment={experiment}")
    for job in plan(dict(config.rows), [0], Path("unused"), [f"experiment={experiment}", *PLAIN[1:], *few]):
        with initialize_config_module("loci.conf", version_base="1.3"):
            row = job.config()
        assert row.folder == f"unused/{job.row}-s0"
        instantiate(row.memory)
        for settings in row.evaluation.cells.values():
            assert build_env(row, 1, **OmegaConf.to_container(settings)).ceiling <= 1.0  # type: ignore[arg-type]


def test_a_mistyped_choice_lists_the_choices() -> None:
    with pytest.raises(MissingConfigException, match=r"(?s)memory/dual_codin.*dual_coding.*gru"):
        train("memory=dual_codin")


def test_a_mistyped_key_is_refused() -> None:
    with pytest.raises(ConfigCompositionException, match="learner.rtae"):
        train("learner.rtae=1")


def test_a_cell_with_an_unknown_setting_lists_the_settings() -> None:
    with pytest.raises(KeyError, match="task has no setting object. Settings: .*objects"):
        build_task(train(), object=3)


@pytest.mark.parametrize("command", ["train", "evaluate", "compare", "record"])
def test_help_teaches(command: str) -> None:
    out = subprocess.run(
        [sys.executable, "-m", "loci.agents.cli", command, "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert f"loci {command}" in out or "memory" in out


def test_the_wheel_holds_every_yaml_and_module(tmp_path: Path) -> None:
    root, source = CONF.parent, tmp_path / "source"
    source.mkdir()
    for name in ("loci", "sim", "agents", "memories", "conf"):
        shutil.copytree(root / name, source / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    build = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    subprocess.run(build, check=True, capture_output=True)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    for layer in ("sim", "agents", "memories", "conf"):
        for path in (root / layer).rglob("*"):
            if path.suffix in (".py", ".yaml"):
                assert f"loci/{path.relative_to(root)}" in names
    assert "loci/py.typed" in names


def test_what_an_experiment_or_a_scale_says_is_not_overruled_by_the_root() -> None:
    assert train("experiment=ballet").policy.direct
    assert train("scale=gpu").policy.width == 256
    assert train("experiment=ballet", "policy.direct=false").policy.direct is False
