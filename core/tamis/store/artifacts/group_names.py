"""Names that a language model gave to clusters and to the groups above them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tamis.store.artifacts.store import Artifact

KIND, FILE = "names", "names.parquet"
_COLUMNS: list[pa.Field[Any]] = [
    pa.field("level", pa.int32()),  # 0: clusters; 1: the coarsest groups of them, and finer ones
    pa.field("number", pa.int32()),  # of the cluster or of the group, from 0
    pa.field("name", pa.string()),  # empty where the reply holds none
    pa.field("reply", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)


def read_group_names(names: Artifact) -> pa.Table:
    """A line per cluster and per group: SCHEMA."""
    return pq.read_table(names.file(FILE))
