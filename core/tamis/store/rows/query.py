"""Answers to what a page asks about rows: which match, what they hold, how many of each, how a number is spread.

Every function takes a view and reads only the columns that it needs, the examples at most once. Row sets are sorted
unique int64 arrays of example ids; columns are named by the keys of ``columns.COLUMNS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tamis.errors import InvalidOptions, no_such_row
from tamis.store.artifacts.readers import EXAMPLES
from tamis.store.artifacts.view import DatasetView
from tamis.store.database.tags import TagState
from tamis.store.row_sets import row_set
from tamis.store.rows.columns import Column, find_column
from tamis.store.rows.conditions import Question
from tamis.store.rows.engine import Clause, scan_parquet
from tamis.store.rows.scope import Scope
from tamis.types import JSON, Bools, Float64s, Int64s

Order: TypeAlias = Literal["ascending", "descending"]

_ID = Clause("example_id")
# Below this share of the rows a scan is told which rows it needs; above, reading all and picking is faster.
_FEW_ROWS_FRACTION = 0.1


@dataclass(frozen=True, slots=True)
class Facets:
    """How often each value occurs, most frequent first, ties by value; ``n_missing`` rows have none."""

    counts: tuple[tuple[JSON, int], ...]
    n_distinct: int
    n_missing: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How a number is spread. All but the counts are NaN when no row has a value; ``edges`` has one more than ``counts``."""

    n: int
    n_missing: int
    low: float
    high: float
    mean: float
    quartiles: tuple[float, float, float]
    counts: tuple[int, ...]
    edges: tuple[float, ...]


def matching_rows(view: DatasetView, scope: Scope, *, tags: TagState | None = None) -> Int64s:
    """Sorted ids of the rows that a scope means.

    ``tags`` is needed when a condition is about tags. Raises InvalidOptions for a value that cannot be used with
    this dataset (a bad regular expression, a range on a text), UnknownName, ArtifactMissing.
    """
    question = Question(view, tags)
    clauses: list[Clause] = []
    mask: Bools | None = None
    for condition in scope.conditions:
        if condition.row.find is None:
            continue
        clause_or_mask = condition.row.find(question, condition.on, condition.value)
        if isinstance(clause_or_mask, Clause):
            clauses.append(clause_or_mask)
        else:
            mask = clause_or_mask if mask is None else mask & clause_or_mask
    rows = _rows_of(view, clauses, mask)
    for condition in scope.conditions:
        if condition.row.draw is not None:
            rows = condition.row.draw(rows, condition.value)
    return rows


def fetch_rows(
    view: DatasetView, rows: NDArray[np.integer], columns: Sequence[str], *, tags: TagState | None = None
) -> pa.Table:
    """The named columns of these rows, in the order in which ``rows`` lists them; for a page, pass its slice.

    Raises InvalidOptions for an id that the dataset does not have.
    """
    wanted = np.asarray(rows, dtype=np.int64)
    n_rows = view.n_rows
    if len(wanted) and (wanted.min() < 0 or wanted.max() >= n_rows):
        odd = int(wanted[(wanted < 0) | (wanted >= n_rows)][0])
        raise no_such_row(odd, n_rows)
    known = [find_column(view, key) for key in columns]
    stored = _fetch_stored(view, wanted, [column for column in known if column.sql is not None], n_rows)
    arrays = [
        stored[column.key] if column.read is None else column.read(view, tags).take(wanted)
        for column in known
    ]
    return pa.table(arrays, names=list(columns))


def column_values(view: DatasetView, column: str, *, tags: TagState | None = None) -> NDArray[Any]:
    """One column for every row, shape (n,), for colours and sorting.

    A list comes as objects, each a tuple of texts. A number comes as float or int (NaN = missing), a boolean as bool, a category or text as objects (None = missing);
    the cluster is int32 with -1 for noise.
    """
    loaded = _load(view, find_column(view, column), tags)
    if pa.types.is_list(loaded.type):
        lists = np.empty(len(loaded), dtype=object)
        lists[:] = [None if one is None else tuple(one) for one in loaded.to_pylist()]
        return lists
    values: NDArray[Any] = loaded.to_numpy(zero_copy_only=False)
    return values


def sort_rows(
    view: DatasetView,
    rows: Int64s,
    column: str,
    descending: bool = False,
    *,
    tags: TagState | None = None,
) -> Int64s:
    """The rows ordered by a column, ties by id, rows without a value last in both directions."""
    values = _load(view, find_column(view, column), tags).take(rows)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    order: Order = "descending" if descending else "ascending"
    # Where nulls go is not part of a sort key in every version of Arrow, so presence is a key of its own.
    table = pa.table({"missing": pc.is_null(values), "value": values, "id": pa.array(rows)})
    keys: list[tuple[str, Order]] = [("missing", "ascending"), ("value", order), ("id", "ascending")]
    ranked: Int64s = rows[pc.sort_indices(table, sort_keys=keys).to_numpy()]
    return ranked


def facet_counts(
    view: DatasetView,
    column: str,
    rows: Int64s | None = None,
    limit: int = 50,
    *,
    tags: TagState | None = None,
) -> Facets:
    """The most frequent values of a column among ``rows`` (all rows when None); of lists, in how many rows each entry is."""
    values = _load(view, find_column(view, column), tags)
    if rows is not None:
        values = values.take(rows)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    n_missing = values.null_count
    present = values.drop_null()
    if pa.types.is_list(present.type):
        n_missing = len(values) - sum(map(bool, present.to_pylist()))
        present = pa.array(
            [entry for row in present.to_pylist() for entry in dict.fromkeys(row or ())], pa.string()
        ).drop_null()
    counted = pa.Table.from_struct_array(pc.value_counts(present))
    order = pc.sort_indices(counted, sort_keys=[("counts", "descending"), ("values", "ascending")])
    top = counted.take(order[:limit])
    counts = [int(count) for count in top["counts"].to_numpy()]
    pairs = zip(top["values"].to_pylist(), counts, strict=True)
    return Facets(tuple(pairs), counted.num_rows, n_missing)


def summarise(
    view: DatasetView,
    column: str,
    rows: Int64s | None = None,
    *,
    bins: int = 30,
    tags: TagState | None = None,
) -> Summary:
    """How a number column is spread among ``rows`` (all rows when None), with a histogram of equal bins.

    Raises InvalidOptions when the column holds no numbers.
    """
    described = find_column(view, column)
    if described.kind != "number":
        raise InvalidOptions(
            f"{described.label} is a {described.kind}, not a number: count its values instead."
        )
    numbers = _load(view, described, tags).to_numpy(zero_copy_only=False).astype(np.float64)
    numbers = numbers if rows is None else numbers[rows]
    known = numbers[np.isfinite(numbers)]
    return _summary(known, len(numbers) - len(known), bins)


def _summary(known: Float64s, n_missing: int, bins: int) -> Summary:
    if not len(known):
        nan = float("nan")
        return Summary(0, n_missing, nan, nan, nan, (nan, nan, nan), (), ())
    counts, edges = np.histogram(known, bins=bins)
    first, middle, third = (float(q) for q in np.quantile(known, (0.25, 0.5, 0.75)))
    return Summary(
        n=len(known),
        n_missing=n_missing,
        low=float(known.min()),
        high=float(known.max()),
        mean=float(known.mean()),
        quartiles=(first, middle, third),
        counts=tuple(counts.tolist()),
        edges=tuple(edges.tolist()),
    )


def _rows_of(view: DatasetView, clauses: list[Clause], mask: Bools | None) -> Int64s:
    if not clauses:
        rows: Int64s = np.arange(view.n_rows) if mask is None else np.flatnonzero(mask)
        return rows
    if mask is not None:
        allowed = np.flatnonzero(mask)
        if not len(allowed):
            return allowed
        if len(allowed) < _FEW_ROWS_FRACTION * len(mask):
            clauses = [_among(allowed), *clauses]
    matching = scan_parquet(view.examples.file(EXAMPLES), [_ID], clauses)["c0"].to_numpy()
    # Scans keep the order of the file, which is the order of the ids; sorting sorted numbers is cheap insurance.
    matching = np.sort(matching.astype(np.int64, copy=False))
    return matching if mask is None else matching[mask[matching]]


def _fetch_stored(
    view: DatasetView, wanted: Int64s, columns: list[Column], n_rows: int
) -> dict[str, pa.ChunkedArray[Any]]:
    if not columns:
        return {}
    listed = [_ID, *(column.sql for column in columns if column.sql is not None)]
    few = len(wanted) < _FEW_ROWS_FRACTION * n_rows
    clauses = [_among(row_set(wanted))] if few else []
    table = scan_parquet(view.examples.file(EXAMPLES), listed, clauses)
    ids = table["c0"].to_numpy()
    order = np.argsort(ids, kind="stable")
    ordered = table.take(order[np.searchsorted(ids, wanted, sorter=order)])
    return {column.key: ordered[f"c{number}"] for number, column in enumerate(columns, start=1)}


def _among(ids: Int64s) -> Clause:
    # The bounds let the scan skip row groups by their statistics before it looks at single ids.
    if not len(ids):
        return Clause("false")
    return Clause(
        "example_id BETWEEN ? AND ? AND example_id IN (SELECT unnest(?::BIGINT[]))",
        (int(ids[0]), int(ids[-1]), ids.tolist()),
    )


def _load(view: DatasetView, column: Column, tags: TagState | None) -> pa.Array[Any]:
    if column.read is not None:
        return column.read(view, tags)
    assert column.sql is not None
    loaded = scan_parquet(view.examples.file(EXAMPLES), [column.sql])["c0"]
    return loaded.combine_chunks()
