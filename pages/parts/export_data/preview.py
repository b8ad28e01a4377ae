"""The shape of an export: formats that can and cannot hold the rows, and five rows exactly as they will be written."""

from __future__ import annotations

import hashlib
from itertools import islice

import numpy as np
import orjson
import streamlit as st

from pages.parts.export_data.decisions import DecidedRows
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.export_scope import keep
from pages.shared.plain_text import plain
from tamis.actions.export import files_of, stored_examples
from tamis.errors import CurationError
from tamis.formats import FORMATS
from tamis.formats.writer import (
    EXPORT_FORMATS,
    SOURCE_SHAPE,
    StoredExample,
    export_rows,
)
from tamis.store.rows.query import column_values, fetch_rows
from tamis.types import Int64s

N_SHOWN = 5
_N_TRIED = 40
_MAX_SHOWN_CHARS = 12_000
_FORMAT, _CONTAINER = "export_format", "export_container"
_SOURCE_TITLE = "As in the source"


def choose_format(context: DatasetContext, rows: Int64s) -> tuple[str, str]:
    """The conversation format and the kind of file, kept in the address."""
    obstacles = _obstacles(context.key, _digest(rows), _context=context, _rows=rows)
    mixed = len({str(file["format"]) for file in files_of(context.view.examples)}) > 1
    default = "messages" if mixed else SOURCE_SHAPE
    names = sorted(
        (SOURCE_SHAPE, *EXPORT_FORMATS), key=lambda name: (name in obstacles, name != SOURCE_SHAPE)
    )
    names = list(dict.fromkeys(names))
    asked = st.query_params.get("format")
    st.session_state[_FORMAT] = asked if asked in names else default
    chosen = st.selectbox(
        "Format",
        names,
        format_func=lambda name: (
            f"{format_title(name)} – cannot hold these rows" if name in obstacles else format_title(name)
        ),
        key=_FORMAT,
        on_change=keep,
        args=("format", _FORMAT),
    )
    if chosen in obstacles:
        st.warning(plain(obstacles[chosen]), icon=":material/block:")
    elif chosen == SOURCE_SHAPE and mixed:
        st.caption(
            "The files of this dataset had different formats, so each row keeps the shape of its file."
        )
    elif chosen == SOURCE_SHAPE:
        st.caption("Every untouched row is written with exactly the values it had in its file.")
    else:
        st.caption(f"{FORMATS[chosen].summary[0].upper()}{FORMATS[chosen].summary[1:]}.")
    st.session_state[_CONTAINER] = "parquet" if st.query_params.get("container") == "parquet" else "jsonl"
    container = st.segmented_control(
        "File", ["jsonl", "parquet"], required=True, key=_CONTAINER, on_change=keep, args=("container", _CONTAINER),
        format_func=lambda name: {"jsonl": "JSON lines", "parquet": "Parquet"}[name],
    )  # fmt: skip
    return str(chosen), str(container)


def format_title(format_name: str) -> str:
    """What people call a format."""
    return FORMATS[format_name].title if format_name in FORMATS else _SOURCE_TITLE


def show_preview(context: DatasetContext, chosen: DecidedRows, format_name: str, container: str) -> None:
    """The first rows as they will stand in the file; raises CurationError when the format cannot hold one."""
    rows = chosen.rows
    if not len(rows):
        st.caption("No row is in this scope, so there is nothing to show.")
        return
    about = (_digest(rows[:N_SHOWN]), chosen.revision, format_name, container)
    lines = _preview(context.key, about, _context=context, _chosen=chosen)
    for line in lines:
        cut = len(line) > _MAX_SHOWN_CHARS
        st.code(
            line[:_MAX_SHOWN_CHARS] + (" …" if cut else ""),
            language="json",
            wrap_lines=True,
            height=_height(line),
        )
    if container == "parquet":
        st.caption(
            "In Parquet each key is a column; other fields of the source stand as JSON text in `meta`."
        )


def _height(line: str) -> int:
    # Short rows stay short; a long one scrolls inside its box.
    return min(190, 52 + 20 * (len(line) // 90))


def _digest(rows: Int64s) -> str:
    return hashlib.blake2b(rows.tobytes(), digest_size=12).hexdigest()


@st.cache_data(max_entries=64, show_spinner=False)
def _preview(
    key: str, about: tuple[str, int, str, str], *, _context: DatasetContext, _chosen: DecidedRows
) -> list[str]:
    _, _, format_name, container = about
    stored = stored_examples(_context.view.examples, _chosen.rows[:N_SHOWN], _chosen.replaced)
    lines = export_rows(stored, format_name=format_name, keep_meta=container == "jsonl")
    return [line.decode("utf-8", "replace") for line in islice(lines, N_SHOWN)]


@st.cache_data(max_entries=64, show_spinner=False)
def _obstacles(key: str, digest: str, *, _context: DatasetContext, _rows: Int64s) -> dict[str, str]:
    """Why a format cannot hold these rows, tried on the first of them and on those with the most turns."""
    examples = _tried(_context, _rows)
    found: dict[str, str] = {}
    for name in FORMATS:
        try:
            for _ in export_rows(iter(examples), format_name=name):
                pass
        except CurationError as error:
            found[name] = str(error)
    return found


def _tried(context: DatasetContext, rows: Int64s) -> list[StoredExample]:
    turns = column_values(context.view, "n_turns")[rows]
    longest = rows[np.argsort(-turns, kind="stable")[:_N_TRIED]]
    wanted = np.union1d(rows[:_N_TRIED], longest)
    table = fetch_rows(context.view, wanted, ["messages", "source", "source_row", "meta"])
    return [
        StoredExample(
            messages=orjson.loads(row["messages"]),
            source=row["source"] or "",
            source_row=row["source_row"],
            meta=orjson.loads(row["meta"] or "{}"),
        )
        for row in table.to_pylist()
    ]
