"""Files that are either whole or not there: written to the side first."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path with the same ending to write to; the file takes the place of `path` when the block ends well.

    Raises OSError with the reason (a full disk, say); what was there before is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        yield aside
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        raise OSError(f"could not write {path}: {error}") from error
    finally:
        aside.unlink(missing_ok=True)
