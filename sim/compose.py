"""From names and settings to environments, made from the yaml files that the command line composes.

`backend` and `world` name a yaml of their folder in `conf`; every other keyword replaces a setting of the task's yaml.
"""

from functools import partial
from importlib.resources import files
from typing import Any

from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from loci.sim.array_env import ArrayEnv
from loci.sim.env import Env
from loci.sim.gymnasium_vector import GymnasiumVectorEnv
from loci.sim.single import SingleEnv
from loci.sim.task import Task
from loci.sim.vector import VectorEnv


def make_env(
    task: str,
    backend: str = "kinematic",
    world: str = "compounds",
    render_mode: str | None = "rgb_array",
    **settings: Any,
) -> Env | SingleEnv:
    """One environment. ValueError lists the choices of a mistyped yaml, KeyError the settings of the task."""
    config = composed(task, backend, world, settings)
    if in_arrays(config):
        return SingleEnv(build_arrays(config, 1), _checked(render_mode))
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
    return GymnasiumVectorEnv(build_rows(config, num_envs), _checked(render_mode))


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


def build_rows(config: DictConfig, batch: int) -> VectorEnv:
    """`batch` environments of the sections `backend` and `task`; a task in arrays needs no backend."""
    if in_arrays(config):
        return build_arrays(config, batch)
    return VectorEnv(instantiate(config.backend, batch=batch), partial(build_task, config))


def build_arrays(config: DictConfig, batch: int) -> ArrayEnv:
    rows: ArrayEnv = instantiate(config.task, batch=batch, _convert_="object")
    return rows


def build_task(config: DictConfig) -> Task:
    """ValueError for a task in arrays, of which there is no single one in a world."""
    if in_arrays(config):
        name = config.task._target_.rsplit(".", 1)[1]
        raise ValueError(f"{name} is held in arrays and has no world: it can be trained and evaluated, not entered")
    task: Task = instantiate(config.task, _convert_="object")
    return task


def in_arrays(config: DictConfig) -> bool:
    """Whether the task holds its episodes in arrays."""
    return issubclass(get_class(config.task._target_), ArrayEnv)


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
