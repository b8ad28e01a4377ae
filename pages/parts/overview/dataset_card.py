"""One dataset of the overview: what it is, what to do next, and its name and deletion out of the way in a menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from pages.shared.frame import errors_in_place, open_dataset
from pages.shared.identity import asks
from pages.shared.navigation import go_to, link_to
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import ago
from tamis.actions.augmenting import batch_of
from tamis.actions.datasets import (
    dataset_formats,
    dataset_names,
    delete_dataset,
    plan_dataset_deletion,
    rename_dataset,
)
from tamis.actions.pipeline import (
    MISSING,
    UNDER_WAY,
    Stage,
    StageState,
    next_stage,
    submit_missing,
    submit_stage,
)
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.versions import parent_of
from tamis.store.workspace import Workspace


def show_dataset_head(
    workspace: Workspace,
    dataset_id: str,
    name: str,
    stages: Sequence[Stage],
    *,
    n_exports: int,
    is_open: bool,
) -> None:
    """One line: name, figures, and the buttons."""
    examples = stages[0].made[0] if stages[0].made else None
    # Words that need a second line take it below themselves, not from the buttons.
    said, pressed = st.columns([0.55, 0.45], vertical_alignment="center", gap="small")
    with said, st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(plain(name), anchor=False, width="content")
        facts = _parent_of(workspace, examples) + say_dataset(examples) if examples else "Being imported"
        st.caption(
            facts if is_open or examples is None else f"{facts} · {say_steps(stages)}", width="content"
        )
    if examples is None:
        return
    with (
        pressed,
        st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", gap="small"),
    ):
        _show_action(workspace, dataset_id, stages, n_exports=n_exports, is_open=is_open)
        if not is_open:
            st.button(
                "", icon=":material/query_stats:", key=f"open_{dataset_id}", on_click=open_dataset,
                args=(dataset_id,), help="Show below what this dataset is made of",
            )  # fmt: skip
        _show_menu(workspace, dataset_id, name, examples)


def say_dataset(examples: Artifact) -> str:
    """Rows, rejected lines, formats and age in one line."""
    summary = examples.summary
    parts = [count_of(int(summary["n_examples"]), "row")]
    if summary["n_rejected"]:
        parts.append(f"{count_of(int(summary['n_rejected']), 'line')} rejected")
    if len(summary["files"]) > 1:
        parts.append(count_of(len(summary["files"]), "file"))
    formats = dataset_formats(examples)
    parts.append(formats[0] if len(formats) == 1 else count_of(len(formats), "format"))
    how = "written" if batch_of(examples) else "imported" if parent_of(examples) is None else "made"
    parts.append(f"{how} {ago(examples.manifest.created_at)}")
    return plain(" · ".join(parts))


def say_steps(stages: Sequence[Stage]) -> str:
    """How far it is, where the steps themselves are not drawn."""
    return (
        f"{sum(stage.state is StageState.DONE for stage in stages)} of {count_of(len(stages), 'step')} done"
    )


def _parent_of(workspace: Workspace, examples: Artifact) -> str:
    """What a version was made from or a batch adds to, before all else that is said; empty for an imported dataset."""
    parent, names = parent_of(examples), dataset_names(workspace)
    if batch_of(examples):
        return f"Additions to {plain(names.get(batch_of(examples), 'a dataset that was deleted'))} · "
    if parent is None:
        return ""
    return f"Version of {plain(names.get(parent.dataset_id, 'a dataset that was deleted'))} · "


def _show_action(
    workspace: Workspace, dataset_id: str, stages: Sequence[Stage], *, n_exports: int, is_open: bool
) -> None:
    """The one next thing, as the primary button of the open dataset; beside it all the rest, or the map."""
    here = {"dataset": dataset_id}
    missing = [stage for stage in stages if stage.state in MISSING and stage.row.runs]
    upcoming = next_stage(stages)
    has_map = bool(stages[1].made)
    if upcoming is not None and len(missing) > 1:
        if st.button(
            "Run all steps",
            key=f"all_{dataset_id}",
            icon=":material/fast_forward:",
            **asks(workspace, submit_missing),
        ):
            _start(workspace, dataset_id, None)
    elif has_map and (upcoming is not None or any(stage.state in UNDER_WAY for stage in stages)):
        link_to("data_map", "Open the map", query=here)
    if upcoming is not None and upcoming.state is StageState.FAILED:
        return  # the failure below has the button that goes on
    if upcoming is not None and upcoming.row.runs:
        if st.button(
            f"Next: {upcoming.row.verb}",
            key=f"next_{dataset_id}",
            type=_weight(is_open),
            icon=":material/play_arrow:",
            **asks(workspace, submit_stage),
        ):
            _start(workspace, dataset_id, upcoming)
    elif upcoming is None and not any(stage.state in UNDER_WAY for stage in stages):
        _show_finished(dataset_id, n_exports=n_exports, is_open=is_open)


def _weight(is_primary: bool) -> Literal["primary", "secondary"]:
    return "primary" if is_primary else "secondary"


def _show_finished(dataset_id: str, *, n_exports: int, is_open: bool) -> None:
    """Everything is computed: look at it, then take it along."""
    here = {"dataset": dataset_id}
    look = st.button(
        "Open the map", key=f"map_{dataset_id}", icon=":material/scatter_plot:",
        type=_weight(is_open and n_exports > 0),
    )  # fmt: skip
    export = st.button(
        "Export" if n_exports else "Next: Export",
        key=f"export_{dataset_id}",
        icon=":material/download:",
        type=_weight(is_open and not n_exports),
    )
    if export:
        go_to("export_data", here)
    if look:
        go_to("data_map", here)


def _start(workspace: Workspace, dataset_id: str, stage: Stage | None) -> None:
    with errors_in_place():
        if stage is None:
            submit_missing(workspace, dataset_id)
        else:
            submit_stage(workspace, dataset_id, stage.row)
        st.rerun()


def _show_menu(workspace: Workspace, dataset_id: str, name: str, examples: Artifact) -> None:
    with st.popover("", icon=":material/more_horiz:", help="Rename, rejected lines, delete"):
        with st.form(f"rename_form_{dataset_id}", border=False):
            given = st.text_input("Name", value=name, key=f"rename_{dataset_id}", max_chars=200)
            if st.form_submit_button("Rename", icon=":material/edit:", **asks(workspace, rename_dataset)):
                with errors_in_place():
                    rename_dataset(workspace, dataset_id, given)
                    st.rerun()
        rejected = int(examples.summary["n_rejected"])
        label = f"{count_of(rejected, 'rejected line')}" if rejected else "How it was imported"
        link_to("import_data", label, icon=":material/rule:", query={"imported": dataset_id})
        st.caption(f"Id `{dataset_id}`")
        _show_deletion(workspace, dataset_id, name)


def _show_deletion(workspace: Workspace, dataset_id: str, name: str) -> None:
    with st.expander("Delete", icon=":material/delete:", type="compact"):
        plan = plan_dataset_deletion(workspace, dataset_id)
        if plan.obstacle:
            st.caption(plain(plan.obstacle))
            return
        st.caption(
            "Moves the dataset and everything computed from it into the trash, from where it can be put back."
        )
        typed = st.text_input(f"Type {plain(name)} to confirm", key=f"confirm_{dataset_id}", placeholder=name)
        asked = asks(workspace, delete_dataset, disabled=typed.strip() != name.strip())
        if st.button("Delete", key=f"delete_{dataset_id}", **asked):
            with errors_in_place():
                delete_dataset(workspace, dataset_id)
                st.query_params.clear()
                st.toast(f"{plain(name)} is in the trash at the end of this page.", icon=":material/delete:")
                st.rerun()
