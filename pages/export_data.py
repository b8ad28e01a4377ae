"""Export: exactly the rows of a scope as a training file, with what made them beside it."""

from __future__ import annotations

import streamlit as st

from pages.parts.export_data.decisions import choose_decisions
from pages.parts.export_data.panel import FILE, show_exports, show_opened
from pages.parts.export_data.preview import choose_format, choose_scores, show_preview
from pages.parts.export_data.run import write_export
from pages.shared.dataset_context import open_dataset_context
from pages.shared.forms.export_scope import ChosenRows, choose_rows, show_counts
from pages.shared.frame import OpenDataset, errors_in_place, open_page
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from tamis.actions.export import ExportRequest, export
from tamis.actions.export_choices import EVERY, ExportTexts
from tamis.actions.export_files import default_export_name, export_path


def show_button(
    dataset: OpenDataset,
    chosen: ChosenRows,
    decided: ExportTexts,
    written_as: tuple[str, str],
    scores: tuple[str, ...],
) -> None:
    """The name of the file and the button that writes it, in a format and a container."""
    format_name, container = written_as
    suggested = default_export_name(
        dataset.name, chosen.label, format_name, container, decided=decided.is_decided
    )
    # Another scope or format is another field, so that the suggestion follows until the person types a name.
    name = st.text_input("File name", value=suggested, key=f"name:{suggested}", max_chars=150)
    path = export_path(dataset.workspace, name, container)
    if path.exists() and st.query_params.get(FILE) != path.name:
        st.caption(f":orange[{plain(path.name)} is there already and will be replaced.]")
    skip_unfit = st.checkbox(
        "Leave out rows that the format cannot hold",
        key="skip_unfit",
        help="They are counted, and listed in a file beside the export. Otherwise nothing is written.",
    )
    request = ExportRequest(
        dataset_id=dataset.dataset_id,
        selection=chosen.selection or EVERY,
        tag=chosen.tag,
        scope=chosen.scope,
        decisions=decided.pointer,
        format_name=format_name,
        skip_unfit=skip_unfit,
        scores=scores,
    )
    pressed = st.button(
        f"Write {count_of(len(decided.rows), 'row')}",
        type="primary",
        icon=":material/save:",
        width="stretch",
        **asks(dataset.workspace, export, disabled=not len(decided.rows)),
    )
    if pressed:
        written = write_export(dataset.workspace, request, path, len(decided.rows))
        st.query_params[FILE] = written.path.name
        st.toast(
            f"{count_of(written.n_rows, 'row')} written to {plain(written.path.name)}"
            + (f", {len(written.skipped):,} left out" if written.skipped else ""),
            icon=":material/check:",
        )
        st.rerun()


with open_page("Export") as here:
    context = open_dataset_context(here)
    show_opened(here.workspace, here.dataset_id)
    form, preview = st.columns([2, 3], gap="medium")
    with form:
        chosen = choose_rows(context)
        decided = choose_decisions(context, chosen.rows, chosen.selection)
        show_counts(context, decided.rows)
        shape, kind = choose_format(context, chosen.rows)
        scores = choose_scores(context, shape)
        with errors_in_place():
            show_button(here, chosen, decided, (shape, kind), scores)
    with preview:
        st.markdown("**The first five rows, exactly as they will be written**")
        with errors_in_place():
            show_preview(context, decided, shape, kind, scores)
    show_exports(here.workspace, here.dataset_id)
