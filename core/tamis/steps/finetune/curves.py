"""The curves of a training as a file, for a fine-tuning as for the round model of a refinement's round."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.recipes import Point


def write_curves(curves: Sequence[Point], path: Path) -> None:
    """Write the columns step (int64), name and value (float64; NaN: became no number), in the order given."""
    table = pa.table(
        {
            "step": pa.array([point.step for point in curves], pa.int64()),
            "name": pa.array([point.name for point in curves], pa.string()),
            "value": pa.array([point.value for point in curves], pa.float64()),
        }
    )
    pq.write_table(table, path, compression="zstd")
