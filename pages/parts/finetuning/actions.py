"""What can be done with a finished run: take it elsewhere, merge it, use it in the app, train on, delete."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.parts.finetuning.picker import PICKER
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import CLONED
from pages.shared.runs.picker import NEW, VIEW, forget
from pages.shared.wording import size
from tamis.actions.adapters import (
    adapter_bytes,
    check_merge_target,
    delete_adapter,
    is_low_rank,
    is_merged,
    merge_elsewhere,
    merge_problem,
    merged_bytes,
    merged_folder,
    pack_adapter,
    weights_folder,
)
from tamis.actions.models import PREFIX
from tamis.actions.runs import Run
from tamis.errors import CurationError
from tamis.store.artifacts.store import Artifact

MOST_DOWNLOADED_BYTES = 500_000_000  # more is better copied from its folder than sent through a browser


def show_adapter_actions(context: DatasetContext, run: Run, adapter: Artifact) -> None:
    """One row of buttons."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _offer_use(adapter)
        _offer_export(context, adapter)
        if st.button(
            "Train further", icon=":material/fast_forward:", help="A new run that starts from this one."
        ):
            _go({VIEW: NEW, "model": f"{PREFIX}{adapter.id}"}, context)
        if run.job is not None and st.button("Clone and change", icon=":material/content_copy:"):
            _go({CLONED: run.job.job_id}, context)
        _offer_deletion(context, adapter)


def _offer_use(adapter: Artifact) -> None:
    with st.popover("Use it", icon=":material/smart_toy:", type="primary"):
        st.markdown("**As a language model anywhere in the app**")
        st.caption(
            "Scores, Auto-Correct and Refinement take it as the language model *Local model*. Give this as its model:"
        )
        st.code(f"{PREFIX}{adapter.id}", language=None)
        st.caption("From the command line:")
        st.code(
            f"tamis run propose --dataset {adapter.manifest.dataset_id} --method correct --llm transformers "
            f"--model {PREFIX}{adapter.id}",
            language="bash", wrap_lines=True,
        )  # fmt: skip


def _offer_export(context: DatasetContext, adapter: Artifact) -> None:
    with st.popover("Export", icon=":material/download:"):
        n_bytes = adapter_bytes(adapter)
        low_rank = is_low_rank(adapter)
        st.markdown("**The adapter**" if low_rank else "**The model**")
        st.caption(f"Weights as safetensors with tokenizer and manifest, {size(n_bytes)}.")
        if n_bytes <= MOST_DOWNLOADED_BYTES:
            st.download_button(
                "Download as ZIP", data=lambda: pack_adapter(context.workspace, adapter.id), file_name=f"adapter-{adapter.id}.zip",
                mime="application/zip", icon=":material/folder_zip:", on_click="ignore", **asks(context.workspace, pack_adapter),
            )  # fmt: skip
        st.caption("Or take it from its folder:")
        st.code(str(weights_folder(adapter)), language=None, wrap_lines=True)
        if low_rank:
            st.divider()
            _offer_merge(context, adapter)


def _offer_merge(context: DatasetContext, adapter: Artifact) -> None:
    st.markdown("**Merged into its base**")
    st.caption(
        f"One model that needs no PEFT, {size(merged_bytes(adapter))} or so, written on the machine of this app."
    )
    named = st.text_input(
        "Folder", value=str(merged_folder(context.workspace, adapter)), key=f"merge_into_{adapter.id}", label_visibility="collapsed",
        placeholder="A new folder, or a file that ends in .zip",
    )  # fmt: skip
    target = Path((named or "").strip() or merged_folder(context.workspace, adapter)).expanduser()
    if not target.is_absolute():
        st.error("Name the whole path of the folder, from the root on.", icon=":material/error:")
        return
    try:
        check_merge_target(context.workspace, target)
    except CurationError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if is_merged(adapter, target):
        st.success("The merged model is in this folder.", icon=":material/check:")
        return
    problem = merge_problem(adapter, target)
    asked = asks(context.workspace, merge_elsewhere, disabled=bool(problem))
    pressed = st.button("Merge", icon=":material/merge:", key=f"merge_{adapter.id}", **asked)
    if pressed and not problem:
        with st.spinner("Merging …", show_time=True):
            try:
                merge_elsewhere(context.workspace, adapter, target)
            except CurationError as error:
                problem = str(error)
        if not problem:
            st.rerun()
    if problem:
        st.error(plain(problem), icon=":material/error:")


def _offer_deletion(context: DatasetContext, adapter: Artifact) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        st.caption(
            "Deletes the weights, curves and answers for good. The rows, the selection and the job stay, so that it can "
            "be made again; votes come back with it."
        )
        if st.button(
            "Delete this run",
            type="primary",
            icon=":material/delete:",
            key=f"delete_{adapter.id}",
            **asks(context.workspace, delete_adapter),
        ):
            with errors_in_place():
                delete_adapter(context.workspace, adapter.id)
                forget(PICKER.parameter)
                st.toast("The run is deleted.", icon=":material/delete:")
                st.rerun()


def _go(query: dict[str, str], context: DatasetContext) -> None:
    st.query_params.from_dict({"dataset": context.dataset_id} | query)
    st.rerun()
