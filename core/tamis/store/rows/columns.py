"""COLUMNS: the one table of what a row has, whichever artifact it is in; the only source of identifiers in queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from tamis.errors import ArtifactMissing, UnknownName
from tamis.store.artifacts.examinations import marks
from tamis.store.artifacts.readers import (
    metadata_fields,
    read_cluster_ids,
    read_distances,
    read_scores,
    read_selected_ids,
    read_selection,
    read_token_counts,
)
from tamis.store.artifacts.view import DatasetView
from tamis.store.database.tags import TagState
from tamis.store.rows.engine import Clause

Kind: TypeAlias = Literal["number", "category", "boolean", "text", "list"]
MOST_MARKS = 5  # examinations that are columns, the newest
# A list of the metadata as texts; what is none is null. Bound to a JSON pointer.
ENTRIES = "TRY_CAST(json_extract(meta, ?) AS VARCHAR[])"
Reader: TypeAlias = "Callable[[DatasetView, TagState | None], pa.Array[Any]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One thing a row has: computed by SQL over the examples, or read from another artifact, never both.

    ``kind`` says what can be done with it: a number has a range, a category or boolean has facets, a
    list has as many of them as it has entries, a text can only be shown. Nulls and NaN are missing values.
    """

    key: str
    label: str
    kind: Kind
    sql: Clause | None = None
    read: Reader | None = None


def _stored(key: str, label: str, kind: Kind, sql: str = "") -> Column:
    return Column(key=key, label=label, kind=kind, sql=Clause(sql or key))


def _cluster(view: DatasetView, tags: TagState | None) -> pa.Array[Any]:
    return pa.array(read_cluster_ids(view.require("clustering")))


def _distance(view: DatasetView, tags: TagState | None) -> pa.Array[Any]:
    return pa.array(read_distances(view.require("clustering")))


def _tokens(view: DatasetView, tags: TagState | None) -> pa.Array[Any]:
    return pa.array(np.asarray(read_token_counts(view.require("embeddings"))))


def _selected(view: DatasetView, tags: TagState | None) -> pa.Array[Any]:
    chosen = np.zeros(view.n_rows, dtype=bool)
    chosen[read_selected_ids(view.require("selection"))] = True
    return pa.array(chosen)


def _from_selection(name: str) -> Reader:
    def read(view: DatasetView, tags: TagState | None) -> pa.Array[Any]:
        picked = read_selection(view.require("selection"))
        values = np.full(view.n_rows, np.nan)
        values[picked["example_id"].to_numpy()] = picked[name].to_numpy()
        numbers: pa.Array[Any] = pa.array(values)
        return numbers

    return read


def _all_tags(view: DatasetView, tags: TagState | None) -> pa.Array[Any]:
    labels = np.full(view.n_rows, "", dtype=object)
    for tag, rows in _known(tags).rows.items():
        inside = rows[rows < view.n_rows]
        labels[inside] = [f"{label}, {tag}" if label else tag for label in labels[inside]]
    joined: pa.Array[Any] = pa.array(labels, type=pa.string())
    return joined


COLUMNS: tuple[Column, ...] = (
    _stored("example_id", "row", "number"),
    _stored("prompt", "prompt", "text"),
    _stored("response", "response", "text"),
    _stored("messages", "messages", "text"),
    _stored("source", "source", "category"),
    _stored("source_row", "row in the source", "number"),
    _stored("n_turns", "turns", "number"),
    _stored("prompt_chars", "characters of the prompt", "number", "length(prompt)"),
    _stored("response_chars", "characters of the response", "number", "length(response)"),
    _stored("content_hash", "content hash", "text"),
    _stored("meta", "metadata", "text"),
    _stored("raw", "record in the source", "text"),
    Column(key="cluster", label="cluster", kind="category", read=_cluster),
    Column(key="distance", label="distance to the cluster centre", kind="number", read=_distance),
    Column(key="tokens", label="tokens", kind="number", read=_tokens),
    Column(key="selected", label="selected", kind="boolean", read=_selected),
    Column(key="rank", label="rank in the selection", kind="number", read=_from_selection("rank")),
    Column(key="weight", label="weight in the selection", kind="number", read=_from_selection("weight")),
    Column(key="tags", label="tags", kind="text", read=_all_tags),
)
_BY_KEY = {column.key: column for column in COLUMNS}


def find_column(view: DatasetView, key: str) -> Column:
    """The column with that key: one of COLUMNS, ``score:<scorer>``, ``mark:<examination>``, ``meta:<field>`` or ``tag:<tag>``.

    ``column:<name>`` is a field of the source, or a column that every dataset has: as a quality or a cost names it. Raises UnknownName listing the keys there are, ArtifactMissing for scores that were not computed.
    """
    if key in _BY_KEY:
        return _BY_KEY[key]
    family, colon, name = key.partition(":")
    if not colon or family not in _FAMILIES:
        raise UnknownName("column", key, [*_BY_KEY, *(f"{family}:…" for family in _FAMILIES)])
    return _FAMILIES[family](view, name)


def list_columns(view: DatasetView, tags: TagState | None = None) -> tuple[Column, ...]:
    """Every column this view can answer for, in the order in which a form lists them; a tag is a column too."""
    present = {
        "cluster": view.clustering,
        "distance": view.clustering,
        "tokens": view.embeddings,
        "selected": view.selection,
        "rank": view.selection,
        "weight": view.selection,
        "tags": tags,
    }
    keys = [column.key for column in COLUMNS if present.get(column.key, view.examples) is not None]
    keys += [f"score:{name}" for name in view.scores]
    keys += [f"mark:{one.id}" for one in view.examinations[:MOST_MARKS]]
    keys += [f"meta:{field}" for field in metadata_fields(view.examples)]
    keys += [f"tag:{tag}" for tag in (tags.rows if tags else ())]
    return tuple(find_column(view, key) for key in keys)


def numeric_columns(view: DatasetView, *, own: bool = True) -> tuple[str, ...]:
    """The names of the columns of numbers: fields of the source, or (not ``own``) those that every dataset has."""
    if own:
        return tuple(name for name, kind in metadata_fields(view.examples).items() if kind == "number")
    return tuple(column.key for column in COLUMNS if column.kind == "number" and column.sql is not None)


def json_pointer(field: str) -> str:
    """RFC 6901 pointer to a top-level field: unlike a JSON path it can name any field, whatever is in its name."""
    return "/" + field.replace("~", "~0").replace("/", "~1")


def check_field(view: DatasetView, field: str) -> str:
    """The kind of a metadata field; raises UnknownName listing the fields there are."""
    fields = metadata_fields(view.examples)
    if field not in fields:
        raise UnknownName("metadata field", field, fields)
    return fields[field]


def _score_column(view: DatasetView, name: str) -> Column:
    if name not in view.scores:
        known = ", ".join(view.scores) or "none"
        raise ArtifactMissing(
            f"Dataset {view.dataset_id!r} has no score {name!r} (known: {known}): "
            f"run tamis run score --dataset {view.dataset_id} --scorer {name}."
        )
    artifact = view.scores[name]
    return Column(
        key=f"score:{name}", label=name, kind="number", read=lambda *_: pa.array(read_scores(artifact))
    )


def _mark_column(view: DatasetView, examination: str) -> Column:
    """1 where a model answered rightly, 0 where wrongly, NaN where nothing was marked."""
    found = next((one for one in view.examinations if one.id == examination), None)
    if found is None:
        known = ", ".join(one.id for one in view.examinations) or "none"
        raise ArtifactMissing(
            f"Dataset {view.dataset_id!r} has no examination {examination!r} (known: {known}): "
            f"run tamis run examine --dataset {view.dataset_id}."
        )
    artifact, mark = found, found.summary.get("mark", "")
    return Column(
        key=f"mark:{examination}", label=f"answered rightly ({mark}, {examination[:6]})", kind="number",
        read=lambda view, tags: pa.array(marks(artifact, view.n_rows)),
    )  # fmt: skip


def _meta_column(view: DatasetView, field: str) -> Column:
    kind = check_field(view, field)
    text = "json_extract_string(meta, ?)"
    kinds: dict[str, tuple[Kind, str]] = {
        "number": ("number", f"TRY_CAST({text} AS DOUBLE)"),
        "list": ("list", ENTRIES),
    }
    shown, sql = kinds.get(kind, ("category", text))
    return Column(key=f"meta:{field}", label=field, kind=shown, sql=Clause(sql, (json_pointer(field),)))


def _named_column(view: DatasetView, name: str) -> Column:
    if name not in metadata_fields(view.examples) and name in _BY_KEY:
        return replace(_BY_KEY[name], key=f"column:{name}")
    return replace(_meta_column(view, name), key=f"column:{name}")


def _tag_column(view: DatasetView, tag: str) -> Column:
    def read(view: DatasetView, tags: TagState | None) -> pa.Array[Any]:
        carries = np.zeros(view.n_rows, dtype=bool)
        rows = _known(tags).tagged(tag)
        carries[rows[rows < view.n_rows]] = True
        return pa.array(carries)

    return Column(key=f"tag:{tag}", label=tag, kind="boolean", read=read)


def _known(tags: TagState | None) -> TagState:
    if tags is None:
        raise ValueError("a query about tags needs the tag state: pass tags=tag_state(database, dataset_id)")
    return tags


_FAMILIES: dict[str, Callable[[DatasetView, str], Column]] = {
    "score": _score_column,
    "mark": _mark_column,
    "meta": _meta_column,
    "tag": _tag_column,
    "column": _named_column,
}
