"""Import: choose files, see how they would be read, agree; afterwards what was imported and what was rejected."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.parts.import_data.inspection import count_import_rows, inspect_files
from pages.parts.import_data.mapping import show_import_file, summary_table
from pages.parts.import_data.result import IMPORTED, show_import
from pages.parts.import_data.sources import choose_sources
from pages.shared.frame import open_workspace_page
from pages.shared.identity import asks
from pages.shared.plain_text import count_of
from pages.shared.wording import table_height
from tamis.actions.imports import (
    ExaminedFile,
    default_import_name,
    left_out_files,
    plan_examined,
    start_import,
)
from tamis.actions.pipeline import submit_missing
from tamis.formats import FORMATS
from tamis.formats.kinds import said_kinds
from tamis.formats.repairs import REPAIRS
from tamis.store.workspace import Workspace


def show_formats() -> None:
    """What can be imported, while nothing is chosen yet."""
    st.space("small")
    st.markdown("**Conversation formats that are recognised**")
    listed = [(one.title, f"{one.summary[0].upper()}{one.summary[1:]}") for one in FORMATS.values()]
    st.table(pd.DataFrame(listed, columns=["Format", "Shape"]), border="horizontal", hide_index=True)
    st.caption(
        f"In {said_kinds()}, or as a saved Hugging Face dataset. Before "
        "anything is imported you see three rows as they are and as they become, and can change the mapping."
    )


def show_files(files: Sequence[ExaminedFile]) -> None:
    """How each file would be read; of several, one at a time."""
    st.subheader("How it is read", anchor=False)
    if len(files) == 1:
        show_import_file(files[0], files)
        return
    st.dataframe(
        summary_table(files),
        hide_index=True,
        height=table_height(len(files), 300),
        column_config={"Reads": st.column_config.NumberColumn(format="%.0f %%", help="Share of the sample")},
    )
    shown = st.selectbox(
        "Look at", range(len(files)), format_func=lambda number: files[number].name, key="looked_at"
    )
    show_import_file(files[shown], files)


def show_left_out(paths: Sequence[str]) -> None:
    """The files of the chosen folders that are not read."""
    left_out = left_out_files(paths)
    if left_out:
        with st.expander(f"{count_of(len(left_out), 'file')} of the folder not read", icon=":material/rule:"):
            st.dataframe(
                pd.DataFrame([{"File": file.path, "Why": file.reason} for file in left_out]), hide_index=True
            )


def _say_amount(files: Sequence[ExaminedFile]) -> str:
    n_rows = count_import_rows(files)
    return count_of(len(files), "file") if n_rows is None else count_of(n_rows, "row")


def show_agreement(workspace: Workspace, files: Sequence[ExaminedFile], paths: Sequence[str]) -> None:
    """The name and the button, which stay in view; nothing is imported before it is pressed."""
    unread = [file for file in files if not file.ready]
    with st.container(border=True, key="import_foot", gap="xsmall"):
        # Beside each other: what stays in view takes little of it.
        named, repaired, pressed = st.columns([2, 2, 1], vertical_alignment="bottom")
        # A new choice of files is a new field, so that the suggestion follows it until the person types.
        name = named.text_input(
            "Name", value=default_import_name(paths), max_chars=200, key=f"name:{paths[0]}"
        )
        repairs = repaired.multiselect(
            "Repairs", REPAIRS, key="repairs", placeholder="None: what is broken is rejected with its reason",
            help="What would be rejected is repaired and counted; the line of the file is kept beside the row.",
        )  # fmt: skip
        agreed = pressed.button(
            f"Import {_say_amount(files)}",
            type="primary",
            icon=":material/check:",
            width="stretch",
            **asks(workspace, start_import, disabled=bool(unread) or not name.strip()),
        )
        onward = st.checkbox(
            "Then run the pipeline", key="import_then_run",
            **asks(workspace, submit_missing, words="Embeds, clusters, maps, scores, and selects a tenth."),
        )  # fmt: skip
        if unread:
            st.caption(f":orange[Choose how to read {unread[0].name!r}, or take it out, before you import.]")
    if agreed:
        with st.spinner("Reading the files once to name them by their content", show_time=True):
            plan = plan_examined(files, name, repairs)
        start_import(workspace, plan)
        if onward:
            submit_missing(workspace, plan.dataset_id)
        st.query_params[IMPORTED] = plan.dataset_id
        st.rerun()


with open_workspace_page("Import", activity=IMPORTED not in st.query_params) as here:
    if IMPORTED in st.query_params:
        show_import(here, st.query_params[IMPORTED])
    else:
        chosen = choose_sources(here)
        if chosen:
            examined = inspect_files(here, chosen)
            show_files(examined)
            show_left_out(chosen)
            show_agreement(here, examined, chosen)
        else:
            show_formats()
