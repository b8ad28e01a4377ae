"""How many rows an import would read, where that can be told without reading the files as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tamis.actions.imports import ExaminedFile
from tamis.formats.detect import MOST_PROBLEMS
from tamis.formats.layout import HUB_PREFIX

MOST_BYTES = 300_000_000  # lines are counted at about a gigabyte a second


def count_records(files: Sequence[ExaminedFile]) -> int | None:
    """Rows of these files, None where one cannot be told at once.

    What a file whose every record was looked at has of broken records is left out; those of a longer one are counted.
    """
    counts = [_count(one) for one in files]
    known = [one for one in counts if one is not None]
    return sum(known) if len(known) == len(counts) and known else None


def _count(file: ExaminedFile) -> int | None:
    seen = file.inspection
    if seen is None or file.path.startswith(HUB_PREFIX):
        return None
    if seen.is_whole_file:
        return seen.n_sampled - (len(seen.problems) if len(seen.problems) < MOST_PROBLEMS else 0)
    path = Path(file.path)
    if not path.is_file() or seen.layout.compression != "none":
        return None
    if seen.container == "parquet":
        return _count_parquet(path)
    one_line_each = seen.container == "jsonl" and not seen.layout.form and seen.layout.encoding == "utf-8"
    return _count_lines(path) if one_line_each else None


def _count_parquet(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return None


def _count_lines(path: Path) -> int | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        with path.open("rb") as stream:
            return sum(bool(line.strip()) for line in stream)
    except OSError:
        return None
