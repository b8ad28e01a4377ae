"""DuckDB locked down to reading one parquet file: no other file, no network, no extension, no setting can be reached."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa

from tamis.errors import InvalidOptions
from tamis.types import JSON

MAX_THREADS = 4  # several people query at once; more threads would only fight


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of SQL and the values bound to its question marks, in order.

    The SQL comes from this package's own tables; everything a person or a dataset provides is a value.
    """

    sql: str
    values: tuple[JSON, ...] = ()


def scan_parquet(path: Path, columns: Sequence[Clause], where: Sequence[Clause] = ()) -> pa.Table:
    """One scan of a parquet file: the columns (named c0, c1 …) of the rows that meet every clause, in file order."""
    listed = ", ".join(f"{column.sql} AS c{number}" for number, column in enumerate(columns))
    met = " AND ".join(f"({clause.sql})" for clause in where) or "true"
    query = f"SELECT {listed} FROM read_parquet(?) WHERE {met}"
    values = [value for column in columns for value in column.values]
    values += [str(path), *(value for clause in where for value in clause.values)]
    # A cursor per call: connections must not be shared between threads.
    with _open_locked(str(path)).cursor() as cursor:
        table: pa.Table = cursor.sql(query, params=values).to_arrow_table()
        return table


def check_pattern(pattern: str) -> None:
    """Raise InvalidOptions with RE2's own message when a regular expression cannot be used."""
    with _open_locked("").cursor() as cursor:
        try:
            cursor.execute("SELECT regexp_matches('', ?)", [pattern])
        except duckdb.InvalidInputException as error:
            reason = str(error).removeprefix("Invalid Input Error: ")
            raise InvalidOptions(
                f"{pattern!r} is not a regular expression ({reason}). The syntax is RE2's: "
                "put a backslash before a character that should stand for itself."
            ) from error


@lru_cache(maxsize=32)
def _open_locked(path: str) -> duckdb.DuckDBPyConnection:
    # Kept open, because opening one costs more (20 ms) than most queries; it holds no data, only the permission to
    # read a file that never changes.
    connection = duckdb.connect(":memory:")
    quoted = "'" + path.replace("'", "''") + "'"  # SET takes no bound values
    connection.execute(f"SET allowed_paths = [{quoted if path else ''}]")
    connection.execute(f"SET threads = {min(MAX_THREADS, os.cpu_count() or 1)}")
    connection.execute("SET temp_directory = ''")
    connection.execute("SET python_enable_replacements = false")  # a table name never means a Python variable
    connection.execute("SET enable_external_file_cache = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
