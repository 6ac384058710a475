"""What a record may hold: every check raises ValueError with the name, what was expected and what came."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

SHORTEST, LONGEST = 1e-15, 1e15
"""Lengths of a vector between which its cosines are free of overflow and underflow in float32."""


def token(value: Any) -> str:
    """A JSON value as text that is equal where the values are: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def own_vector(vector: np.ndarray) -> np.ndarray:
    """A read-only copy, (D,) float32; ValueError for anything else, and for lengths of which no cosine can be made."""
    if not isinstance(vector, np.ndarray) or vector.ndim != 1 or vector.dtype != np.float32:
        came = f"{vector.dtype} {vector.shape}" if isinstance(vector, np.ndarray) else type(vector).__name__
        raise ValueError(f"vector must be a float32 array (D,), got {came}; use numpy.asarray(vector, numpy.float32)")
    length = math.sqrt(np.square(vector, dtype=np.float64).sum())
    if not SHORTEST <= length <= LONGEST:  # false for nan too
        raise ValueError(
            f"vector must be finite and of a length within {SHORTEST:g} … {LONGEST:g}, got length {length}"
        )
    own = vector.copy()
    own.flags.writeable = False
    return own


def name(which: str, value: str) -> None:
    """Raise ValueError for the empty string and for what `words` refuses."""
    words(which, value)
    if not value:
        raise ValueError(f"{which} must not be empty")


def words(which: str, value: str) -> None:
    """Raise ValueError for a character that a database would not keep: NUL, and halves of UTF-16 pairs."""
    try:
        kept = b"\0" not in value.encode()
    except UnicodeEncodeError:
        kept = False
    if not kept:
        raise ValueError(f"{which} must be text without NUL and lone surrogates, got {value!r}")


def finite(which: str, value: float) -> None:
    """Raise ValueError for nan and infinities."""
    if not math.isfinite(value):
        raise ValueError(f"{which} must be a finite number of seconds, got {value}")


def share(which: str, value: float) -> None:
    """Raise ValueError outside 0..1."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{which} must be within 0 … 1, got {value}")


def json_only(which: str, value: Mapping[str, Any]) -> None:
    """Raise ValueError unless JSON gives back what it was given."""
    try:
        text = json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
        same = json.loads(text.encode()) == dict(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{which} must be JSON values by name, got {value!r}: {error}") from error
    if not same:
        raise ValueError(
            f"{which} must come back from JSON as they are (lists, no tuples; text as keys), got {value!r}"
        )
    for key in value:
        words(f"a name in {which}", key)
