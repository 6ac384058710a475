"""From names and settings to environments, made from the yaml files that the command line composes.

`backend` and `world` name a yaml of their folder in `conf`; every other keyword replaces a setting of the task's yaml.
"""

from functools import partial
from importlib.resources import files
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from loci.sim.env import Env
from loci.sim.gymnasium_vector import GymnasiumVectorEnv
from loci.sim.task import Task
from loci.sim.vector import VectorEnv


def make_env(
    task: str,
    backend: str = "kinematic",
    world: str = "compounds",
    render_mode: str | None = "rgb_array",
    **settings: Any,
) -> Env:
    """One environment. ValueError lists the choices of a mistyped yaml, KeyError the settings of the task."""
    config = composed(task, backend, world, settings)
    return Env(instantiate(config.backend, batch=1), build_task(config), _checked(render_mode))


def make_vector(
    task: str,
    num_envs: int = 1,
    backend: str = "kinematic",
    world: str = "compounds",
    render_mode: str | None = "rgb_array",
    **settings: Any,
) -> GymnasiumVectorEnv:
    """`num_envs` environments stepped and rendered together; errors as in `make_env`."""
    config = composed(task, backend, world, settings)
    rows = VectorEnv(instantiate(config.backend, batch=num_envs), partial(build_task, config))
    return GymnasiumVectorEnv(rows, _checked(render_mode))


def composed(task: str, backend: str, world: str, settings: dict[str, Any]) -> DictConfig:
    """The sections `backend`, `world` and `task`, with some of the task's settings changed."""
    names = {"backend": backend, "world": world, "task": task}
    config = OmegaConf.create({group: _yaml(group, name) for group, name in names.items()})
    unknown = sorted(set(settings) - set(config.task))
    if unknown:
        known = ", ".join(sorted(str(key) for key in config.task if key != "_target_"))
        raise KeyError(f"{task} has no setting {', '.join(unknown)}. Settings: backend, world, render_mode, {known}")
    OmegaConf.set_struct(config, True)
    config.merge_with({"task": settings})
    return config


def build_task(config: DictConfig) -> Task:
    task: Task = instantiate(config.task, _convert_="object")
    return task


def _yaml(group: str, name: str) -> DictConfig:
    folder = files("loci.conf").joinpath(group)
    known = sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml"))
    if name not in known:
        raise ValueError(f"{group} must be one of {', '.join(known)}, got {name!r}")
    section = OmegaConf.create(folder.joinpath(f"{name}.yaml").read_text())
    assert isinstance(section, DictConfig)
    return section


def _checked(render_mode: str | None) -> str | None:
    if render_mode not in (None, *Env.metadata["render_modes"]):
        raise ValueError(f"render_mode must be None or one of {Env.metadata['render_modes']}, got {render_mode!r}")
    return render_mode
