"""Where data that is not part of the project lies: the folder LOCI_DATA, by default shared/data beside the checkout."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("LOCI_DATA", Path(__file__).parents[2] / "shared" / "data"))


def needs(*folders: str) -> pytest.MarkDecorator:
    """Skips a test by name where one of the folders is absent."""
    absent = [folder for folder in folders if not (DATA / folder).is_dir()]
    return pytest.mark.skipif(bool(absent), reason=f"no data in {', '.join(absent)}: set LOCI_DATA to their folder")
