"""The backends in conf/backend, made by name."""

from pathlib import Path

import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

import loci.conf
from loci.sim.backend import Backend

FOLDER = Path(next(iter(loci.conf.__path__))) / "backend"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def engine(name: str, batch: int) -> Backend:
    """The backend of a yaml; the test is skipped, by name, where what it needs is not installed."""
    try:
        backend = instantiate(OmegaConf.load(FOLDER / f"{name}.yaml"), batch=batch)
    except InstantiationException as error:
        if isinstance(error.__cause__, ImportError):
            pytest.skip(f"{name}: {error.__cause__}")
        raise
    assert isinstance(backend, Backend)
    return backend
