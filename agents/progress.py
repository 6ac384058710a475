"""The bar over long work: redrawn at once on a terminal, every half minute where its lines end in a log."""

import sys
from typing import Any

from tqdm import tqdm

IN_A_LOG = 30.0
"""Seconds between two lines."""


def progress(*args: Any, **settings: Any) -> "tqdm[Any]":
    """tqdm with its arguments."""
    return tqdm(*args, mininterval=0.1 if sys.stderr.isatty() else IN_A_LOG, **settings)
