"""The rows that a slow selection has picked so far, kept so that a run that is stopped goes on from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tamis.types import Int64s

WRITE_EVERY_S = 3.0


class SelectionCheckpoint:
    """A file of picked rows in the order picked, replaced every few seconds."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._written_at = clock()

    def read(self) -> Int64s | None:
        """The rows of the run before, or None when there are none."""
        if not self._path.exists():
            return None
        rows: Int64s = np.load(self._path, allow_pickle=False)
        return rows

    def record(self, rows: list[int]) -> None:
        """Take in the rows so far; called after every row."""
        if self._clock() - self._written_at < WRITE_EVERY_S:
            return
        aside = self._path.with_suffix(".aside")
        with aside.open("wb") as stream:
            np.save(stream, np.asarray(rows, dtype=np.int64), allow_pickle=False)
        aside.replace(self._path)
        self._written_at = self._clock()
