"""Saving and loading what a run needs to go on: written to the side first, so that a crash never costs the old one."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

FORMAT = 1


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint so that `path` holds either the old or the new one at any moment.

    Raises OSError with the reason (a full disk, say); what was there before is then untouched.
    """
    aside = path.with_name(path.name + ".part")
    try:
        with open(aside, "wb") as file:
            torch.save({"format": FORMAT} | content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        kept = "the previous checkpoint is untouched" if path.exists() else "there was no earlier one"
        raise OSError(f"could not save checkpoint {path}: {error}; {kept}") from error


def load(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint; FileNotFoundError when there is none, ValueError when it is broken or of another format."""
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}: give the folder of a run that `loci train` made")
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError, KeyError) as error:
        raise ValueError(f"checkpoint {path} is broken ({error}); delete it to begin again") from error
    found = content.get("format") if isinstance(content, dict) else type(content).__name__
    if found != FORMAT:
        raise ValueError(f"checkpoint {path} has format {found}, expected {FORMAT}")
    return dict(content)
