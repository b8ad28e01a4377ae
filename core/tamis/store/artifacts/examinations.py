"""Examinations: what a model answered, whether that is right, and how often it is in each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.compute.augment.marks import GroupMark
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s

KIND = "examination"
EXAMINATION, GROUPS = "examination.parquet", "groups.parquet"
_COLUMNS: list[pa.Field[Any]] = [
    pa.field("example_id", pa.int64()),
    pa.field("answer", pa.string()),
    pa.field("mark", pa.float32()),  # 1 right, 0 wrong, NaN not marked
    pa.field("value", pa.float32()),
    pa.field("group", pa.string()),
    pa.field("why", pa.string()),  # why a row has no mark: cut, not_answered, no_gold, unread; else ""
]
SCHEMA = pa.schema(_COLUMNS)


class Examined(NamedTuple):
    """One row: what was answered, its mark (1 right, 0 wrong, NaN not marked), and its group."""

    answer: str
    mark: float
    group: str


def read_examination(examination: Artifact) -> pa.Table:
    """One row per example asked, ascending by id: SCHEMA."""
    return pq.read_table(examination.file(EXAMINATION), memory_map=True)


def read_examined(examination: Artifact) -> dict[int, Examined]:
    """What was answered about each row that was asked."""
    table = read_examination(examination)
    columns = (table[name].to_pylist() for name in ("example_id", "answer", "mark", "group"))
    return {
        row: Examined(answer or "", mark, group) for row, answer, mark, group in zip(*columns, strict=True)
    }


def wrong_rows(examination: Artifact) -> Int64s:
    """Ids of the rows that were answered wrongly, ascending; what could not be marked is not wrong."""
    table = read_examination(examination)
    ids: Int64s = table["example_id"].to_numpy()[table["mark"].to_numpy() == 0]
    return ids


def write_groups(path: Any, groups: Sequence[GroupMark]) -> None:  # noqa: ANN401 - a path or a stream
    """The table of groups."""
    names = list(GroupMark.__dataclass_fields__)
    rows = [asdict(one) for one in groups]
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in names}), path)


def read_groups(examination: Artifact) -> list[GroupMark]:
    """How often the answers of every group are right."""
    return [GroupMark(**row) for row in pq.read_table(examination.file(GROUPS)).to_pylist()]


def marks(examination: Artifact, n_rows: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The mark of every row of the dataset, shape (n,): 1 right, 0 wrong, NaN not marked or not asked."""
    table = read_examination(examination)
    values = np.full(n_rows, np.nan)
    values[table["example_id"].to_numpy()] = table["mark"].to_numpy()
    return values
