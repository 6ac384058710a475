"""Every backend in conf/backend holds the contract; one whose engine is not installed is skipped by name."""

import pytest

from tests.contracts.backend_contract import LAWS
from tests.contracts.engines import NAMES, engine


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_backend(law, name: str) -> None:  # type: ignore[no-untyped-def]
    law(lambda batch: engine(name, batch))
