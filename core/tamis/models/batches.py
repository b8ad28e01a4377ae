"""Sequences grouped into batches of about the same amount of work."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tamis.types import Int64s


def token_batches(lengths: Int64s, budget: int) -> Iterator[Int64s]:
    """Positions grouped so that rows × longest row stays within ``budget``, longest first.

    Rows of similar length share a batch, so little padding is computed; a row longer than the budget is alone. Depends
    on the lengths alone, so the same texts always meet in the same batches.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        rows = max(1, budget // max(1, int(lengths[order[start]])))
        yield order[start : start + rows]
        start += rows
