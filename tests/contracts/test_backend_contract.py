"""Every backend in conf/backend holds the contract; one whose engine is not installed is skipped by name."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

import loci.conf
from loci.sim.backend import Backend
from tests.contracts.backend_contract import LAWS

FOLDER = Path(next(iter(loci.conf.__path__))) / "backend"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def engine(name: str, batch: int) -> Backend:
    try:
        backend = instantiate(OmegaConf.load(FOLDER / f"{name}.yaml"), batch=batch)
    except (ImportError, FileNotFoundError) as missing:
        pytest.skip(f"{name}: {missing}")
    assert isinstance(backend, Backend)
    return backend


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_backend(law, name: str) -> None:  # type: ignore[no-untyped-def]
    law(lambda batch: engine(name, batch))
