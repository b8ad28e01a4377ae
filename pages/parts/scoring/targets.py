"""Targets: what a dataset is wanted for, listed, made and deleted."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of, plain
from pages.shared.wording import ago
from tamis.actions.artifact_names import names_in_view
from tamis.actions.read_rows import Scope, describe_scope
from tamis.actions.targets import (
    TargetEntry,
    TargetExample,
    TargetSource,
    add_target,
    delete_target,
    list_targets,
    plan_target_deletion,
)
from tamis.actions.uploads import store_upload
from tamis.scorers import SCORERS
from tamis.selectors import SELECTORS

TARGETS = "targets"
TYPED, FILE, ROWS, TASK = "Typed examples", "A file", "Rows of this dataset", "An evaluation task"


def show_targets(context: DatasetContext) -> None:
    """The targets that there are, and the form that makes one."""
    st.caption(
        "A target is what the dataset is wanted for, said by examples. Rows are scored by how near they come to it, a selection "
        "takes those in turn, and what no row comes near is named."
    )
    listed = list_targets(context.workspace, context.dataset_id)
    if listed:
        _show_list(context, listed)
    asked = bool(st.query_params.get("scope"))  # rows that the map handed over
    with st.expander("Make a target", icon=":material/add:", expanded=asked or not listed):
        _show_form(context)


def _show_list(context: DatasetContext, listed: tuple[TargetEntry, ...]) -> None:
    table = pd.DataFrame(
        {
            "name": [one.name for one in listed],
            "n_examples": [one.n_examples for one in listed],
            "n_judging": [one.n_judging for one in listed],
            "source": [one.source for one in listed],
            "made": [ago(one.artifact.manifest.created_at) for one in listed],
        }
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "name": st.column_config.TextColumn("Target", width="medium"),
            "n_examples": number("Examples", width=90, format="localized"),
            "n_judging": number("Judge only", width=90, format="localized"),
            "source": st.column_config.TextColumn("Made of", width="medium"),
            "made": st.column_config.TextColumn("Made", width=110),
        },
        alt="The targets of this dataset",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        here = {"dataset": context.dataset_id}
        if st.button("Score rows towards one", icon=":material/speed:"):
            go_to("scoring", here | {"scorer": SCORERS["target_embedding"].title})
        if st.button("Select for one", icon=":material/filter_alt:"):
            go_to("selection", here | {"view": "new", "select_method": SELECTORS["target_round_robin"].title})
        _offer_deletion(context, listed)


def _offer_deletion(context: DatasetContext, listed: tuple[TargetEntry, ...]) -> None:
    with st.popover("Delete a target", icon=":material/delete:"):
        name = st.selectbox("Target", [one.name for one in listed], key="delete_which_target")
        plan = plan_target_deletion(context.workspace, context.dataset_id, str(name))
        st.caption(plain(plan.obstacle) if plan.obstacle else "For good; nothing was made from it.")
        pressed = st.button(
            "Delete it",
            key="delete_target",
            icon=":material/delete:",
            **asks(context.workspace, delete_target, disabled=bool(plan.obstacle)),
        )
    if pressed:
        with errors_in_place():
            delete_target(context.workspace, context.dataset_id, str(name))
            st.rerun()


def _show_form(context: DatasetContext) -> None:
    kind = st.segmented_control(
        "Made of",
        [TYPED, FILE, ROWS, TASK],
        default=ROWS if st.query_params.get("scope") else TYPED,
        required=True,
        key="target_kind",
        label_visibility="collapsed",
    )
    with st.form("target", border=False):
        name = st.text_input("Name", max_chars=80, placeholder="maths", key="target_name")
        source, file = TargetSource(), None
        if kind == FILE:
            file = st.file_uploader("Examples in any format that can be imported", key="target_file")
        else:
            source = _SOURCES[kind](context)
        split = st.checkbox(
            "Set half of it aside to judge by", key="target_split",
            help="Half of the examples, by a hash of their prompts, steer no score and no selection, so that a comparison can be judged on them.",
        )  # fmt: skip
        pressed = st.form_submit_button(
            "Make the target", type="primary", icon=":material/add:", **asks(context.workspace, add_target)
        )
    if not pressed:
        return
    with errors_in_place():
        if file is not None:
            source = TargetSource(file=str(store_upload(context.workspace, file.name, file)))
        made = add_target(context.workspace, context.dataset_id, name, source, split=split)
        st.toast(
            f"{plain(name)}: {count_of(int(made.summary['n_examples']), 'example')}.", icon=":material/check:"
        )
        st.rerun()


def _typed(context: DatasetContext) -> TargetSource:  # noqa: ARG001 - every source is asked alike
    text = st.text_area(
        "Examples, one a line", key="target_typed", height=120,
        placeholder="A train leaves at 9:40 and arrives at 13:05. How long does it take?",
    )  # fmt: skip
    return TargetSource(examples=[TargetExample(line.strip()) for line in text.splitlines() if line.strip()])


def _task(context: DatasetContext) -> TargetSource:  # noqa: ARG001
    task = st.text_input(
        "Task of the lm-evaluation-harness", key="target_task", placeholder="gsm8k",
        help="Its validation rows where it has them, else those that it is scored by; their data must be on this machine, or the hub be reachable.",
    )  # fmt: skip
    return TargetSource(task=task.strip())


def _rows(context: DatasetContext) -> TargetSource:
    names = names_in_view(context.view, "selection")
    scope = st.query_params.get("scope", "")
    labels = (
        {f"scope:{scope}": f"Filter: {describe_scope(Scope.from_url(scope), context.names.names, names)}"}
        if scope
        else {}
    )
    labels |= {f"tag:{tag}": f"Tag: {tag} ({len(rows):,})" for tag, rows in context.tags.rows.items()}
    labels |= {f"selection:{one.id}": f"Selection: {names[one.id]}" for one in context.view.selections}
    if not labels:
        st.caption(
            "There is no tag and no selection yet: filter rows on the map, and make a target of them there."
        )
        return TargetSource()
    chosen = st.selectbox("Rows", list(labels), format_func=labels.__getitem__, key="target_rows")
    kind, _, value = str(chosen).partition(":")
    made = {"tag": TargetSource(tag=value), "selection": TargetSource(selection=value)}
    return made.get(kind, TargetSource(scope=value))


_SOURCES = {TYPED: _typed, ROWS: _rows, TASK: _task}
