"""Rows in memory as the lines of a JSON file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import orjson

from tamis.errors import InvalidOptions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tamis.types import JSON


def json_lines(rows: pd.DataFrame | pa.Table | Iterable[Mapping[str, JSON]]) -> bytes:
    """A line per row; a missing number is null. Raises InvalidOptions for a row or a value that JSON cannot hold."""
    lines = []
    for number, row in enumerate(_mappings(rows)):
        if not isinstance(row, Mapping):
            raise InvalidOptions(
                f"Row {number} is {type(row).__name__}: give a mapping of columns to values."
            )
        try:
            lines.append(
                orjson.dumps(dict(row), option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
            )
        except (TypeError, orjson.JSONEncodeError) as error:
            raise InvalidOptions(f"Row {number} cannot be written as JSON: {error}.") from error
    return b"".join(lines)


def _mappings(rows: pd.DataFrame | pa.Table | Iterable[Mapping[str, JSON]]) -> Iterable[Mapping[str, JSON]]:
    import pyarrow as pa

    if isinstance(rows, pa.Table):
        return rows.to_pylist()
    if hasattr(rows, "iloc"):  # a data frame, told without importing pandas
        return pa.Table.from_pandas(cast("pd.DataFrame", rows), preserve_index=False).to_pylist()
    return rows
