"""What callers say about single rows, checked once for every selection method: always in, never in, tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tamis.errors import InvalidOptions
from tamis.types import Bools, Int64s


def pins_and_exclusions(n: int, pinned: ArrayLike | None, excluded: ArrayLike | None) -> tuple[Bools, Bools]:
    """Both masks as (n,) bool, all False where None was given.

    Raises InvalidOptions for a mask of another shape or type, and for a row that is in both.
    """
    pin, out = _mask(pinned, n, "pinned"), _mask(excluded, n, "excluded")
    both = np.flatnonzero(pin & out)
    if both.size:
        raise InvalidOptions(
            f"Row {both[0]} is both pinned and excluded ({both.size} in all): undo one of the two."
        )
    return pin, out


def checked_counts(token_counts: ArrayLike, n: int) -> Int64s:
    """Tokens of each row, (n,) int64; raises InvalidOptions for another shape or a negative count."""
    counts = np.asarray(token_counts, dtype=np.int64)
    if counts.shape != (n,):
        raise InvalidOptions(f"There are {counts.size} token counts for {n} rows: give one per row.")
    bad = np.flatnonzero(counts < 0)
    if bad.size:
        raise InvalidOptions(f"Row {bad[0]} has {counts[bad[0]]} tokens: counts must be 0 or more.")
    return counts


def _mask(mask: ArrayLike | None, n: int, name: str) -> Bools:
    if mask is None:
        return np.zeros(n, dtype=bool)
    values: NDArray[Any] = np.asarray(mask)
    if values.dtype != np.bool_ or values.shape != (n,):
        raise InvalidOptions(
            f"{name} must be one true or false per row ({n}), got {values.dtype} {values.shape}."
        )
    return values
