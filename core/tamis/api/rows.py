"""Rows of a dataset: which match, narrowed step by step, read as a table, and written as a training file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tamis.actions import read_rows as rows_of
from tamis.actions.data_card import write_card
from tamis.actions.dataset_context import DatasetContext, open_context
from tamis.actions.export import ExportRequest
from tamis.actions.export import export as write_export
from tamis.api.show import SHOWN_ROWS, Shown, Tabular, head_of
from tamis.registry import parse_options
from tamis.reprs import Head
from tamis.steps.resolve_rows import EVERY
from tamis.store.rows.scope import ALL_ROWS, Scope, describe_scope

Array = TypeVar("Array", bound="np.ndarray[Any, Any]")

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tamis.store.workspace import Workspace
    from tamis.types import JSON, Float32s, Int64s, Message

_NO_ROW = 2**53 - 1  # an id that no dataset reaches, for a filter that means no row
_SHOWN_COLUMNS = ("example_id", "prompt", "response")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Rows(Tabular):
    """Rows of a dataset as they were when they were asked for; what they carry (scores, tags) is read when it is asked for."""

    _workspace: Workspace
    _dataset_id: str
    _scope: Scope  # a filter that means these rows
    _title: str
    ids: Int64s  # (m,) example ids, in order
    similarity: Float32s | None = None  # (m,) cosine to what was searched for by meaning

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def columns(self) -> list[str]:
        """The columns that there are to read: of the examples, clusters, scores, selections, tags and metadata."""
        return [column.key for column in rows_of.columns_of(self._context())]

    def where(self, kind: str, value: JSON = True, on: str = "") -> Rows:
        """The rows among these that meet one more condition of a filter, in the same order.

        ``where("contains", "salt", on="response")``, ``where("range", [0.5, None], on="score:alignment")``,
        ``where("cluster", [3, 7])``, ``where("tagged", ["check"])``, ``where("source", ["forum.jsonl"])``,
        ``where("sample", [100, 42])``. Raises InvalidOptions, and UnknownName for a column.
        """
        scope = self._scope.and_where(kind, value, on)
        kept = np.isin(self.ids, rows_of.matching(self._context(), scope))
        similarity = None if self.similarity is None else self.similarity[kept]
        text = describe_scope(Scope(conditions=scope.conditions[-1:]))
        title = text if self._scope == ALL_ROWS else f"{self._title} and {text}"
        return replace(self, _scope=scope, _title=title, ids=frozen(self.ids[kept]), similarity=similarity)

    def sorted_by(self, column: str, *, descending: bool = False) -> Rows:
        """The same rows in the order of a column, those without a value last; raises UnknownName."""
        order = rows_of.sort_rows(self._context(), np.sort(self.ids), column, descending=descending)
        similarity = None
        if self.similarity is not None:
            place = np.argsort(self.ids)
            similarity = self.similarity[place[np.searchsorted(self.ids, order, sorter=place)]]
        return replace(self, ids=frozen(order), similarity=similarity)

    def to_numpy(self) -> Int64s:
        """The example ids, (m,) int64."""
        return self.ids

    def to_arrow(self, columns: Sequence[str] = ()) -> pa.Table:
        """The named columns; without a name the text, its source and every number there is (see ``columns``)."""
        return self._read(self.ids, columns or self._usual())

    def to_pandas(self, columns: Sequence[str] = ()) -> pd.DataFrame:
        """``to_arrow`` as a data frame."""
        return self.to_arrow(columns).to_pandas()

    def messages(self) -> list[list[Message]]:
        """The conversations, as the file had them."""
        return rows_of.read_messages(self._context(), self.ids)

    def export(self, path: Path | str, *, format: str = "source", **options: Any) -> ExportedRows:  # noqa: A002, ANN401
        """Write these rows in the order of the dataset, with a manifest beside that can be replayed.

        ``format`` is a conversation format, or source for that of the file; ``container`` jsonl, json, csv, tsv or
        parquet (by the name of the file when left out, which may also end in .gz or .zst); ``decisions`` current, an
        artifact id, or none; ``scores`` names of scores to write as columns ``score_NAME``, in a named format. Raises InvalidOptions and CurationError.
        """
        return export_rows(
            self._workspace,
            self._dataset_id,
            path,
            format,
            {"selection": EVERY, "scope": self._scope.to_url(), **options},
        )

    def _usual(self) -> list[str]:
        numbers = {"cluster", *(column for column in self.columns if column.startswith("score:"))}
        wanted = ["example_id", "prompt", "response", "source"]
        return [column for column in self.columns if column in wanted or column in numbers]

    def _read(self, ids: Int64s, columns: Sequence[str]) -> pa.Table:
        table = rows_of.read_rows(self._context(), ids, list(columns))
        if self.similarity is None:
            return table
        import pyarrow as pa

        return table.append_column("similarity", pa.array(self.similarity[: len(ids)]))

    def _context(self) -> DatasetContext:
        return open_context(self._workspace, self._dataset_id)

    def _head(self) -> Head:
        return head_of(self._read(self.ids[:SHOWN_ROWS], _SHOWN_COLUMNS))

    def _line(self) -> str:
        return f"{len(self):,} rows of {self._dataset_id}: {self._title}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ExportedRows(Shown):
    """A file that was written; ``manifest_path`` says how its rows can be made again (``tamis.replay``)."""

    path: Path
    manifest_path: Path
    n_rows: int
    sha256: str
    decisions: str  # artifact id of the decisions that were applied; empty for none
    skipped: Mapping[str, int] = field(default_factory=dict)  # why rows were left out, with how many
    skipped_path: Path | None = None  # the list of these rows
    score_columns: Mapping[str, str] = field(default_factory=dict)  # the columns of scores, by their name
    taken: str = "all"  # which rows: of a selection, a tag, a filter

    def card(self, path: Path | str = "") -> Path:
        """Write the data card of this export, README.md beside it when no path is given; raises InvalidOptions for one that is there."""
        return write_card(self.manifest_path, Path(path) if path else self.path.with_name("README.md"))

    def _line(self) -> str:
        applied = f", decisions {self.decisions} applied" if self.decisions else ""
        left = f", {sum(self.skipped.values()):,} left out" if self.skipped else ""
        return f"{self.path}: {self.n_rows:,} rows ({self.taken}){left}{applied}, sha256 {self.sha256}"


def match_rows(workspace: Workspace, dataset_id: str, scope: Scope, title: str = "") -> Rows:
    """The rows that a filter means."""
    ids = rows_of.matching(open_context(workspace, dataset_id), scope)
    return Rows(
        _workspace=workspace,
        _dataset_id=dataset_id,
        _scope=scope,
        _title=title or describe_scope(scope),
        ids=frozen(ids),
    )


def list_rows(
    workspace: Workspace, dataset_id: str, ids: Int64s, title: str, similarity: Float32s | None = None
) -> Rows:
    """These rows, in their order."""
    scope = ALL_ROWS.and_where("rows", ids.tolist() or [_NO_ROW])
    return Rows(
        _workspace=workspace,
        _dataset_id=dataset_id,
        _scope=scope,
        _title=title,
        ids=frozen(ids),
        similarity=similarity,
    )


def export_rows(
    workspace: Workspace, dataset_id: str, path: Path | str, format_name: str, values: dict[str, Any]
) -> ExportedRows:
    """One call of the action; ``values`` are fields of its request."""
    target = Path(path).expanduser()
    asked = {"dataset_id": dataset_id, "format_name": format_name, **values}
    done = write_export(workspace, parse_options(ExportRequest, asked), target)
    return ExportedRows(
        path=done.path,
        manifest_path=done.manifest_path,
        n_rows=done.n_rows,
        sha256=done.sha256,
        decisions=done.manifest.decisions,
        skipped=done.obstacles,
        skipped_path=done.skipped_path,
        score_columns=dict(done.score_columns),
        taken=done.taken,
    )


def frozen(array: Array) -> Array:
    """The array, not to be written to."""
    array.flags.writeable = False
    return array
