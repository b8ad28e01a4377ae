"""Scores that Tamis did not compute: a column of the dataset, or a file made elsewhere that is joined to its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tamis.actions.roles import needs
from tamis.errors import CurationError, InvalidOptions, InvalidRecord, UnknownName
from tamis.formats.layout import detect_layout
from tamis.formats.parsing import read_records
from tamis.formats.reader import iter_chunks
from tamis.jobs.limited_process import run_limited
from tamis.jobs.limits import ReadLimits, limited_for_now
from tamis.scorers import SCORERS
from tamis.steps.import_file.identify import file_hash
from tamis.steps.reach import allowed_data
from tamis.steps.score.step import describe_scores
from tamis.steps.select.options import COLUMN, NO_QUALITY
from tamis.store.artifacts.readers import SCORES, iter_examples
from tamis.store.artifacts.store import Artifact, ArtifactStore, Manifest, artifact_id, make_manifest
from tamis.store.artifacts.view import open_view
from tamis.store.rows.columns import find_column, numeric_columns
from tamis.store.rows.query import column_values
from tamis.store.workspace import Workspace
from tamis.types import JSON, Float64s

KIND = "scores"
# What made them, in manifests.
TAKE: Final = "take_column"
JOIN: Final = "import_scores"
HASH, ROW = "content_hash", "example_id"
_KEYS = (HASH, ROW, "id", "row", "row_id", "hash")
_CALLED = {"row": ROW, "row_id": ROW, "hash": HASH}
_NAME = re.compile(r"[A-Za-z][\w.-]{0,79}")
_BLOCK_BYTES, _BATCH_ROWS = 1 << 20, 5_000


@dataclass(frozen=True, slots=True)
class ImportedScores:
    """Scores of a file and how they were joined.

    ``n_matched`` lines of the file belong to ``n_scored`` rows; ``unmatched`` are the first keys that no row has, of
    ``n_unmatched``; ``n_repeated`` lines say of a row again what an earlier one said otherwise: the last counts.
    """

    scores: Artifact
    key: str
    column: str
    n_matched: int
    n_scored: int
    n_unmatched: int
    n_repeated: int
    unmatched: tuple[str, ...]


@needs("curator")
def take_column(store: ArtifactStore, dataset_id: str, column: str) -> Artifact:
    """The numbers of a column as scores called ``column:NAME``; the same column again is the same artifact.

    ``column`` is a field of the source, or a column that every dataset has (``response_chars``, ``n_turns``). Text that is
    a number counts as one. Raises UnknownName for a column that there is not, InvalidOptions for one without numbers.
    """
    examples = store.examples(dataset_id)
    named = {"scorer": f"{COLUMN}{column}"}
    inputs = {"examples": examples.id}
    identifier = artifact_id(KIND, options={"step": TAKE} | named, inputs=inputs, format_version=1)
    made = store.find_whole(dataset_id, KIND, identifier)
    if made is not None:
        return made
    values = _numbers(store, dataset_id, column)
    return write_scores(store, dataset_id, identifier, (TAKE, named, inputs), values, {})


@needs("curator", noted="import")
def import_scores(
    workspace: Workspace,
    dataset_id: str,
    path: Path,
    *,
    name: str,
    key: str = "",
    column: str = "",
    non_negative: bool = False,
) -> ImportedScores:
    """Join a file of scores (CSV, TSV, JSON, JSON lines or Parquet) to the rows, as a score of that name.

    ``key`` is the file's column that says which row: ``content_hash``, ``example_id`` (the row's number), or a field of the
    source (``id``); ``column`` the one that holds the number. Left out, they are found by their names.
    ``non_negative`` declares that the score is never below 0, which is the worst there is, so that odds may be in proportion
    to it. Raises UnreadableFile, and InvalidOptions for a name that is taken, where no line belongs to a row, and for a
    negative number in scores that are declared to have none.
    """
    if not _NAME.fullmatch(name) or name in SCORERS or name == NO_QUALITY:
        raise InvalidOptions(
            f"{name!r} cannot be the name of a score: take letters, digits, '-', '_' and '.', and not the name of one "
            f"that Tamis computes ({', '.join(SCORERS)})."
        )
    path = Path(allowed_data(workspace, str(path)))
    given: dict[str, JSON] = {"scorer": name, "content_hash": file_hash(path), "key": key, "column": column}
    given |= {"non_negative": True} if non_negative else {}
    limits = ReadLimits.of_look(workspace.settings)
    if workspace.confined:
        return run_limited(_join, workspace.artifacts, dataset_id, path, given, limits=limits)
    with limited_for_now(limits):
        return _join(workspace.artifacts, dataset_id, path, given)


def numeric_quality(workspace: Workspace, dataset_id: str) -> tuple[str, ...]:
    """The columns of the source that can be a quality, as ``column:NAME``."""
    view = open_view(workspace.artifacts, dataset_id)
    return tuple(f"{COLUMN}{name}" for name in numeric_columns(view))


def cost_columns(workspace: Workspace, dataset_id: str) -> tuple[str, ...]:
    """What the budget of a selection can count: the columns of numbers as ``column:NAME``, then the scores there are."""
    view = open_view(workspace.artifacts, dataset_id)
    columns = [f"{COLUMN}{name}" for name in numeric_columns(view)]
    return tuple(dict.fromkeys([*columns, *view.scores]))


def remake_scores(store: ArtifactStore, recorded: Manifest, sources: Sequence[Path]) -> Artifact:
    """Scores as a manifest says that they were made, the file found by its content; raises CurationError when it is gone."""
    if recorded.step == TAKE:
        return take_column(store, recorded.dataset_id, str(recorded.options["scorer"]).removeprefix(COLUMN))
    wanted = recorded.options["content_hash"]
    for path in (Path(str(recorded.summary["path"])), *sources):
        if path.is_file() and file_hash(path) == wanted:
            return _join(store, recorded.dataset_id, path, recorded.options).scores
    raise CurationError(
        f"The scores {recorded.options['scorer']!r} came from {recorded.summary['path']}, which is not there or another "
        "file by now. Name the file where it is now as a source."
    )


def _numbers(store: ArtifactStore, dataset_id: str, column: str) -> Float64s:
    view = open_view(store, dataset_id)
    fields = [*numeric_columns(view), *(view.examples.summary.get("meta_fields") or {})]
    if f"meta:{column}" in (f"meta:{one}" for one in fields):
        described = find_column(view, f"meta:{column}")
    elif column in numeric_columns(view, own=False):
        described = find_column(view, column)
    else:
        raise UnknownName("column of numbers", column, dict.fromkeys(fields))
    raw = column_values(view, described.key)
    values = raw.astype(np.float64) if raw.dtype != object else np.array([_number(one) for one in raw])
    if not np.isfinite(values).any():
        raise InvalidOptions(f"The column {column!r} holds no numbers, so it cannot rank rows.")
    return np.where(np.isfinite(values), values, np.nan)


def _number(value: JSON) -> float:
    if isinstance(value, bool) or value in ("true", "false"):
        return float(value in (True, "true"))
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _join(store: ArtifactStore, dataset_id: str, path: Path, given: Mapping[str, JSON]) -> ImportedScores:
    examples = store.examples(dataset_id)
    lines = list(_records(path))
    key, column = _columns_of(path, lines, str(given["key"]), str(given["column"]))
    rows_of = _rows_by_key(examples, _CALLED.get(key, key))
    values = np.full(int(examples.summary["n_examples"]), np.nan)
    seen: dict[str, float] = {}
    missing: list[str] = []
    n_matched = n_repeated = 0
    for line in lines:
        named, number = _text(line.get(key)), _number(line.get(column))
        rows = rows_of.get(named, [])
        if not rows:
            missing.append(named)
            continue
        n_matched += 1
        n_repeated += named in seen and seen[named] != number
        seen[named] = number
        values[rows] = number
    if not np.isfinite(values).any():
        raise InvalidOptions(
            f"No line of {path.name} belongs to a row of {dataset_id!r} by {key!r} and has a number in {column!r} (the first "
            f"key is {missing[0] if missing else ''!r}). Say which columns these are, by "
            "the options key and column (tamis scores import FILE --key NAME --column NAME)."
        )
    if given.get("non_negative"):
        _refuse_negative(values, str(given["scorer"]))
    options = {**given, "key": key, "column": column}
    inputs = {"examples": examples.id}
    identifier = artifact_id(KIND, options={"step": JOIN} | options, inputs=inputs, format_version=1)
    about = {"path": str(path.resolve()), "n_unmatched": len(missing), "n_repeated": n_repeated}
    made = store.find_whole(dataset_id, KIND, identifier)
    scores = made or write_scores(store, dataset_id, identifier, (JOIN, options, inputs), values, about)
    n_scored = int(np.isfinite(values).sum())
    return ImportedScores(
        scores, key, column, n_matched, n_scored, len(missing), n_repeated, tuple(missing[:5])
    )


def _refuse_negative(values: Float64s, name: str) -> None:
    below = np.flatnonzero(values < 0)
    if len(below):
        raise InvalidOptions(
            f"{name} is declared never to be negative, and {len(below):,} of {np.isfinite(values).sum():,} rows are: the lowest "
            f"is {values[below].min():g}. Import it without that, or with the numbers that it should have."
        )


def _records(path: Path) -> Iterator[dict[str, JSON]]:
    layout = detect_layout(path)
    if (
        layout.container == "parquet"
    ):  # a table of scores may well hold no text, which one of examples may not
        for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH_ROWS):
            yield from batch.to_pylist()
        return
    for chunk in iter_chunks(path, layout, block_bytes=_BLOCK_BYTES, batch_rows=_BATCH_ROWS):
        for number, _, record in read_records(chunk):
            if isinstance(record, InvalidRecord):
                raise InvalidOptions(f"Line {number:,} of {path.name} cannot be read: {record}")
            yield record


def _columns_of(path: Path, lines: Sequence[Mapping[str, JSON]], key: str, column: str) -> tuple[str, str]:
    """Which column of the file says the row, and which the number."""
    known = list(dict.fromkeys(name for line in lines[:1000] for name in line))
    key = key or next((name for name in _KEYS if name in known), "")
    numeric = [name for name in known if name != key and _is_numeric(lines, name)]
    column = column or ("score" if "score" in numeric else numeric[0] if len(numeric) == 1 else "")
    for asked, flag, what in ((key, "--key", "says the row"), (column, "--column", "holds the number")):
        if asked not in known:
            raise InvalidOptions(
                f"Say which column of {path.name} {what}: {flag} NAME. Its columns are {', '.join(known) or 'none'}."
            )
    return key, column


def _is_numeric(lines: Sequence[Mapping[str, JSON]], name: str) -> bool:
    values = [line.get(name) for line in lines[:1000]]
    return any(np.isfinite(_number(value)) for value in values if value is not None)


def _rows_by_key(examples: Artifact, key: str) -> dict[str, list[int]]:
    """The rows of every value of a key; a field of the source that no row has is no key."""
    rows: dict[str, list[int]] = {}
    for batch in iter_examples(examples, ["example_id", "content_hash", "meta"]):
        for row in batch.to_pylist():
            for value in _values_of(row, key):
                rows.setdefault(value, []).append(int(row["example_id"]))
    return rows


def _values_of(row: Mapping[str, Any], key: str) -> Iterator[str]:
    if key in (HASH, ROW):
        yield _text(row[key])
        return
    value = orjson.loads(row["meta"] or "{}").get(key)
    if value is not None:
        yield _text(value)


def _text(value: JSON) -> str:
    # A table may have read whole numbers as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def write_scores(
    store: ArtifactStore,
    dataset_id: str,
    identifier: str,
    made: tuple[str, Mapping[str, JSON], Mapping[str, str]],
    values: Float64s,
    about: Mapping[str, JSON],
) -> Artifact:
    """Keep the scores (n,) of every row under a name; ``made`` is the step, its options and its inputs."""
    step, options, inputs = made
    with store.writing(dataset_id, KIND, identifier) as writer:
        pq.write_table(pa.table({"score": pa.array(values)}), writer.path / SCORES, compression="zstd")
        summary = {"scorer": options["scorer"], **describe_scores(values), **about}
        writer.commit(
            make_manifest(
                writer, kind=KIND, identifier=identifier, dataset_id=dataset_id, step=step, options=options,
                inputs=inputs, format_version=1, summary=summary,
            )
        )  # fmt: skip
    return store.get(dataset_id, KIND, identifier)
