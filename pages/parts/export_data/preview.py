"""The shape of an export: formats that can and cannot hold the rows, and five rows exactly as they will be written."""

from __future__ import annotations

import hashlib

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.export_scope import keep
from pages.shared.plain_text import plain
from tamis.actions.export_choices import (
    N_PREVIEWED,
    SOURCE_SHAPE,
    ExportTexts,
    FormatChoice,
    choose_formats,
    preview_export,
)
from tamis.formats import FORMATS
from tamis.scorers import scorer_title
from tamis.store.artifacts.store import Artifact
from tamis.types import Int64s

_MAX_SHOWN_CHARS = 12_000
_FORMAT, _CONTAINER, _SCORES = "export_format", "export_container", "export_scores"
_CONTAINERS = {"jsonl": "JSON lines", "json": "JSON", "csv": "CSV", "tsv": "TSV", "parquet": "Parquet"}
_SOURCE_TITLE = "As in the source"


def choose_format(context: DatasetContext, rows: Int64s) -> tuple[str, str]:
    """The conversation format and the kind of file, kept in the address."""
    choice = _formats(context.key, _digest(rows), _context=context, _rows=rows)
    obstacles = choice.obstacles
    asked = st.query_params.get("format")
    st.session_state[_FORMAT] = asked if asked in choice.names else choice.usual
    chosen = st.selectbox(
        "Format",
        choice.names,
        format_func=lambda name: (
            f"{format_title(name)} – cannot hold these rows" if name in obstacles else format_title(name)
        ),
        key=_FORMAT,
        on_change=keep,
        args=("format", _FORMAT),
    )
    if chosen in obstacles:
        st.warning(plain(obstacles[chosen]), icon=":material/block:")
    elif chosen == SOURCE_SHAPE and choice.is_mixed:
        st.caption(
            "The files of this dataset had different formats, so each row keeps the shape of its file."
        )
    elif chosen == SOURCE_SHAPE:
        st.caption("Every untouched row is written with exactly the values it had in its file.")
    else:
        st.caption(f"{FORMATS[chosen].summary[0].upper()}{FORMATS[chosen].summary[1:]}.")
    asked_container = st.query_params.get("container")
    st.session_state[_CONTAINER] = asked_container if asked_container in _CONTAINERS else "jsonl"
    container = st.segmented_control(
        "File", list(_CONTAINERS), required=True, key=_CONTAINER, on_change=keep, args=("container", _CONTAINER),
        format_func=_CONTAINERS.__getitem__, help="The name of the file decides; end it in .gz or .zst to pack it.",
    )  # fmt: skip
    return str(chosen), str(container)


def format_title(format_name: str) -> str:
    """What people call a format."""
    return FORMATS[format_name].title if format_name in FORMATS else _SOURCE_TITLE


def choose_scores(context: DatasetContext, format_name: str) -> tuple[str, ...]:
    """Scores to write beside the rows, kept in the address; the source's own shape has no place for any."""
    if format_name == SOURCE_SHAPE or not context.view.scores:
        return ()
    asked = [one for one in st.query_params.get_all("scores") if one in context.view.scores]
    st.session_state[_SCORES] = asked
    st.multiselect(
        "Scores beside the rows", list(context.view.scores), format_func=scorer_title, key=_SCORES,
        placeholder="None", on_change=_keep_scores,
        help="Each is a column score_NAME, empty where a row has none; tamis_score_NAME where the file has that column.",
    )  # fmt: skip
    return tuple(st.session_state[_SCORES])


def _keep_scores() -> None:
    st.query_params["scores"] = st.session_state[_SCORES]


def show_preview(
    context: DatasetContext,
    chosen: ExportTexts,
    format_name: str,
    container: str,
    scores: tuple[str, ...] = (),
) -> None:
    """The first rows as they will stand in the file; raises CurationError when the format cannot hold one."""
    rows = chosen.rows
    if not len(rows):
        st.caption("No row is in this scope, so there is nothing to show.")
        return
    found = {name: context.view.scores[name] for name in scores}
    about: tuple[str | int, ...] = (
        _digest(rows[:N_PREVIEWED]),
        chosen.mark,
        format_name,
        container,
        *(one.id for one in found.values()),
    )
    lines = _preview(context.key, about, _context=context, _chosen=chosen, _scores=found)
    for line in lines:
        cut = len(line) > _MAX_SHOWN_CHARS
        st.code(
            line[:_MAX_SHOWN_CHARS] + (" …" if cut else ""),
            language=None if container in ("csv", "tsv") else "json",
            wrap_lines=True,
            height=_height(line),
        )
    if container == "parquet":
        st.caption("In Parquet each key is a column; objects whose keys differ from row to row are JSON.")


def _height(line: str) -> int:
    # Short rows stay short; a long one scrolls inside its box.
    return min(190, 52 + 20 * (len(line) // 90))


def _digest(rows: Int64s) -> str:
    return hashlib.blake2b(rows.tobytes(), digest_size=12).hexdigest()


@st.cache_data(max_entries=64, show_spinner=False)
def _preview(
    key: str,
    about: tuple[str | int, ...],
    *,
    _context: DatasetContext,
    _chosen: ExportTexts,
    _scores: dict[str, Artifact],
) -> list[str]:
    _, _, format_name, container, *_ = about
    return preview_export(_context.view.examples, _chosen, str(format_name), str(container), _scores)


@st.cache_data(max_entries=64, show_spinner=False)
def _formats(key: str, digest: str, *, _context: DatasetContext, _rows: Int64s) -> FormatChoice:
    return choose_formats(_context, _rows)
