"""An exported file: download, checksum, what made it, and the commands that make it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from pages.parts.export_data.preview import format_title
from pages.parts.export_data.trainers import show_axolotl, show_llama_factory, show_trl
from pages.shared.plain_text import count_of, plain
from pages.shared.queries import list_exports
from pages.shared.wording import ago, size, table_height
from tamis.actions.artifact_names import artifact_names
from tamis.actions.data_card import data_card
from tamis.actions.export_files import ExportedFile, export_command, named_scope, replay_command
from tamis.actions.manifests import ExportManifest
from tamis.actions.report.dataset_report import REPORT_ENDING, render_dataset_report
from tamis.store.workspace import Workspace

FILE = "file"


def show_opened(workspace: Workspace, dataset_id: str) -> None:
    """The file that was just written, or that the address names; nothing when it names none."""
    asked = st.query_params.get(FILE)
    opened = next((one for one in list_exports(workspace, dataset_id) if one.path.name == asked), None)
    if opened is not None:
        show_file(workspace, opened, artifact_names(workspace, dataset_id, "selection"))


def show_exports(workspace: Workspace, dataset_id: str) -> None:
    """The earlier exports of a dataset to choose from."""
    files = list_exports(workspace, dataset_id)
    if files:
        st.subheader("Earlier exports", anchor=False)
        _show_list(files, artifact_names(workspace, dataset_id, "selection"))


def _close() -> None:
    st.query_params.pop(FILE, None)


def show_file(workspace: Workspace, file: ExportedFile, selections: Mapping[str, str]) -> None:
    """Everything about one exported file."""
    manifest = file.manifest
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(f":material/task: {plain(file.path.name)}", anchor=False, width="content")
            with st.container(horizontal=True, width="content", gap="small"):
                _show_downloads(workspace, file)
        left = f", {manifest.n_skipped:,} left out" if manifest.n_skipped else ""
        st.caption(
            f"{count_of(manifest.n_rows, 'row')}{left} · {format_title(manifest.format_name)} · {size(file.n_bytes)} · written "
            f"{ago(manifest.created_at)} to {plain(str(file.path))}"
        )
        made, llama_factory, axolotl, trl, commands = st.tabs(
            ["What made it", "LLaMA-Factory", "Axolotl", "TRL", "Command line"]
        )
        with made:
            _show_manifest(manifest, selections)
        with llama_factory:
            show_llama_factory(manifest)
        with axolotl:
            show_axolotl(manifest)
        with trl:
            show_trl(manifest)
        with commands:
            _show_commands(workspace, file)


def _show_downloads(workspace: Workspace, file: ExportedFile) -> None:
    st.download_button(
        "Download", data=lambda: file.path.read_bytes(), file_name=file.path.name, type="primary",
        icon=":material/download:", on_click="ignore", key="download_file",
    )  # fmt: skip
    st.download_button(
        "Manifest", data=lambda: file.manifest_path.read_bytes(), file_name=file.manifest_path.name,
        icon=":material/receipt_long:", on_click="ignore", key="download_manifest", mime="application/json",
    )  # fmt: skip
    st.download_button(
        "Data card", data=lambda: data_card(file.manifest_path).encode(), file_name="README.md",
        icon=":material/article:", on_click="ignore", key="download_card", mime="text/markdown",
        help="As Hugging Face has it: sources, steps, decisions by whom, replay, citations",
    )  # fmt: skip
    st.download_button(
        "Report", data=lambda: render_dataset_report(workspace, file.manifest_path),
        file_name=f"{file.path.name}{REPORT_ENDING}", icon=":material/summarize:", on_click="ignore", key="download_report",
        mime="text/html", help="One page of the whole path, to send: pictures, steps, decisions by whom, citations, replay",
    )  # fmt: skip
    st.button("", icon=":material/close:", key="close_file", type="tertiary", help="Close", on_click=_close)


def _show_list(files: Sequence[ExportedFile], selections: Mapping[str, str]) -> None:
    shown = pd.DataFrame(
        [
            {
                "File": one.path.name,
                "Rows": one.manifest.n_rows,
                "Format": format_title(one.manifest.format_name),
                "Which rows": say_scope(one.manifest, selections),
                "Size": size(one.n_bytes),
                "Written": ago(one.manifest.created_at),
            }
            for one in files
        ]
    )
    names = [one.path.name for one in files]

    def opened() -> None:
        picked = st.session_state["exports_table"].selection.rows
        if picked:
            st.query_params[FILE] = names[picked[0]]

    st.dataframe(
        shown,
        hide_index=True,
        height=table_height(len(shown), 300),
        on_select=opened,
        selection_mode="single-row",
        key="exports_table",
        column_config={"Rows": st.column_config.NumberColumn(format="localized", width="small")},
    )
    st.caption("Tick a file to download it or to see what made it.")


def say_scope(manifest: ExportManifest, selections: Mapping[str, str]) -> str:
    """Which rows, in a word, selections by their name: the coded filter of a link means nothing to a reader."""
    asked = named_scope(manifest)
    selection = asked.get("selection", "")
    parts = [selections.get(selection, f"selection {selection}")] if selection else []
    parts += [f"tag {asked['tag']}"] if "tag" in asked else []
    if "scope" in asked:
        parts.append("filter")
    return " and ".join(parts) or "whole dataset"


def _show_manifest(manifest: ExportManifest, selections: Mapping[str, str]) -> None:
    rows = count_of(manifest.n_rows, "row")
    lines = [{"Step": "Rows", "Result": say_scope(manifest, selections), "Made with": rows}]
    lines += [
        {
            "Step": made.step,
            "Result": f"{made.kind} {made.artifact_id}",
            "Made with": _say_options(made.options),
        }
        for made in manifest.artifacts
    ]
    st.dataframe(pd.DataFrame(lines), hide_index=True, height=table_height(len(lines), 320))
    st.caption(f"SHA-256 of the file: `{manifest.sha256}`")
    with st.expander("Versions and the whole manifest", icon=":material/data_object:", type="compact"):
        st.caption(plain(", ".join(f"{name} {version}" for name, version in manifest.packages.items())))
        st.json(manifest.model_dump(mode="json"), expanded=1)


def _say_options(options: dict[str, object]) -> str:
    if "files" in options:
        files = options["files"]
        return count_of(len(files), "file") if isinstance(files, list) else ""
    flat: dict[str, object] = {}
    for key, value in options.items():
        # The options of a plug-in stand beside its name; a reader wants them in one line.
        flat.update(value if isinstance(value, dict) else {key: value})
    return ", ".join(f"{key} {value}" for key, value in flat.items() if value not in ("", None))


def _show_commands(workspace: Workspace, file: ExportedFile) -> None:
    st.caption("Write the same file again, from this workspace:")
    st.code(export_command(workspace, file), language="bash", wrap_lines=True)
    st.caption("Rebuild every step from the source file and compare, anywhere:")
    st.code(replay_command(file), language="bash", wrap_lines=True)
