"""Scores that were made elsewhere: a file, and which of its columns say the row and the number."""

from __future__ import annotations

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from tamis.actions.given_scores import ImportedScores, import_scores
from tamis.actions.uploads import store_upload

FROM_FILE = "file"


def show_score_file(context: DatasetContext) -> None:
    """The form; what is joined is a score like any other."""
    st.caption("A table of rows and numbers made elsewhere: CSV, TSV, JSON lines or Parquet, also gz or zst.")
    with st.form("score_file", border=True):
        file = st.file_uploader("File", **asks(context.workspace, store_upload))
        name, key, column = st.columns(3)
        called = name.text_input("Name", placeholder="reward", max_chars=80)
        keyed = key.text_input(
            "Column that says the row", placeholder="found by its name",
            help="content_hash, example_id (the number of the row), or a field of the source such as id.",
        )  # fmt: skip
        number = column.text_input("Column with the number", placeholder="score, or the only number")
        declared = st.checkbox(
            "Never negative", help="0 is the worst there is. Odds in proportion to it are then allowed; the numbers are checked.",
        )  # fmt: skip
        pressed = st.form_submit_button(
            "Join to the rows",
            type="primary",
            icon=":material/join_inner:",
            **asks(context.workspace, import_scores),
        )
    if pressed and file is not None:
        with errors_in_place():
            path = store_upload(context.workspace, file.name, file)
            _say(
                import_scores(
                    context.workspace, context.dataset_id, path, name=called.strip(), key=keyed.strip(),
                    column=number.strip(), non_negative=declared,
                )
            )  # fmt: skip


def _say(done: ImportedScores) -> None:
    text = f"{done.n_scored:,} rows have a score now, from {plain(done.column)} by {plain(done.key)}."
    if done.n_unmatched:
        text += f" {done.n_unmatched:,} lines belong to no row, the first {plain(', '.join(done.unmatched))}."
    st.success(text, icon=":material/check_circle:")
