"""Names of clusters by a language model: asked for in one job, looked at beside the names of now, taken or left."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import address
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.finetune_adapters import draw_llm_model
from pages.shared.forms.llm_forecast import show_models_forecast
from pages.shared.forms.options_form import Form, draw_options
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.plain_text import count_of, plain
from pages.shared.queries import levels_of_clusters
from pages.shared.runs.job_box import show_job_box
from pages.shared.runs.job_watch import start_job
from pages.shared.server import reviewer_name
from tamis.actions.cluster_levels import ClusterGroup, rename_group
from tamis.actions.clusters import list_model_names, newest_names, take_names, undo_rename
from tamis.actions.jobs import active_jobs
from tamis.actions.roles import why_not
from tamis.actions.submit import check_options, submit
from tamis.errors import CurationError
from tamis.llms import LLMS
from tamis.steps.name_clusters.options import NamingOptions
from tamis.store.artifacts.store import Artifact

STEP = "name_clusters"
ASKED = ("llm", "exemplars", "siblings")


def show_naming(context: DatasetContext) -> None:
    """The button that opens the names."""
    if st.button(
        "Names", icon=":material/label:", type="tertiary", key="clusters_names",
        help="Let a language model name the clusters, look at its names, and take them or leave them.",
    ):  # fmt: skip
        _dialog(context)


@st.dialog("Names of clusters", width="large")
def _dialog(context: DatasetContext) -> None:
    clustering = context.view.require("clustering")
    under_way = active_jobs(context.workspace, dataset_id=context.dataset_id, step=STEP)
    if under_way:
        show_job_box(context.workspace, under_way[-1])
    names = newest_names(context.workspace, clustering)
    if names is None:
        st.caption(
            "Names are made of keywords until a model is asked. It reads the keywords, some typical rows and the nearest "
            "clusters, and its names are yours to take, edit and undo."
        )
        _show_form(context)
    else:
        _show_names(context, clustering, names)
        with st.expander("Ask again, or another model", icon=":material/label:"):
            _show_form(context)
    _show_groups(context)


def _show_groups(context: DatasetContext) -> None:
    """What the map shows from far away, each name to be written over."""
    groups = [one for level in levels_of_clusters(context) for one in level]
    if not groups:
        return
    st.markdown(
        "**Groups above the clusters**, named from far away. Write over a name, or empty it to turn it back."
    )
    key = f"group_names_{context.names.revision}"
    refused = why_not(rename_group, context.workspace)
    st.data_editor(
        pd.DataFrame(
            [
                {
                    "name": one.name,
                    "by_hand": (one.level, one.number) in context.names.renamed_groups,
                    "clusters": " · ".join(context.cluster_name(i) for i in one.clusters),
                }
                for one in groups
            ]
        ),
        hide_index=True,
        height=min(300, 36 * (len(groups) + 1)),
        disabled=["by_hand", "clusters"] if not refused else True,
        column_config={
            "name": st.column_config.TextColumn("Name", max_chars=200),
            "by_hand": st.column_config.CheckboxColumn("By hand", width="small"),
            "clusters": "Clusters",
        },
        key=key,
        on_change=_rename_groups,
        args=(context, groups, key),
    )
    if refused:
        st.caption(refused)


def _rename_groups(context: DatasetContext, groups: Sequence[ClusterGroup], key: str) -> None:
    with errors_in_place():
        for at, changed in st.session_state[key]["edited_rows"].items():
            one = groups[int(at)]
            rename_group(
                context, one.level, one.number, changed.get("name") or "", reviewer_name(context.workspace)
            )


def _show_names(context: DatasetContext, clustering: Artifact, names: Artifact) -> None:
    lines = list_model_names(context.workspace, clustering, names)
    unread = sum(not one.name for one in lines)
    model = LLMS[str(names.summary["llm"])].title
    said = f"{count_of(len(lines) - unread, 'cluster')} named by {plain(model)}"
    if unread:
        said += (
            f"; {unread:,} replies held no name that tells a cluster from the others, and keep their keywords"
        )
    st.markdown(said + ".")
    st.dataframe(
        pd.DataFrame(
            [
                {"number": one.cluster_id, "now": one.now, "name": one.name or "–", "by_hand": one.renamed}
                for one in lines
            ]
        ),
        hide_index=True,
        height=min(400, 36 * (len(lines) + 1)),
        column_config={
            "number": st.column_config.NumberColumn("Cluster", width="small"),
            "now": "Name now",
            "name": "By the model",
            "by_hand": st.column_config.CheckboxColumn("By hand, stays", width="small"),
        },
        alt="Names of now and by the model",
    )
    taken = context.names.taken == names.id
    with st.container(horizontal=True, gap="small"):
        if taken:
            st.button(
                "Back to the names before", icon=":material/undo:", key="names_back", on_click=_go_back,
                args=(context, clustering), **asks(context.workspace, undo_rename),
            )  # fmt: skip
        st.button(
            "In use" if taken else "Take these names", type="primary", icon=":material/check:", key="names_take",
            on_click=_take, args=(context, clustering, names), **asks(context.workspace, take_names, disabled=taken),
        )  # fmt: skip


def _show_form(context: DatasetContext) -> None:
    skipped = [name for name in NamingOptions.model_fields if name not in ASKED]
    form = Form(name="name", skip=skipped, instead={"llm_options.model": partial(draw_llm_model, context)})
    values = draw_options(NamingOptions, form) | {"clustering": context.view.require("clustering").id}
    problem = ""
    try:
        check_options(context.workspace, STEP, values)
    except CurationError as error:
        problem = str(error)
        st.error(plain(problem), icon=":material/error:")
    if not problem and not why_not(submit, context.workspace):
        show_models_forecast(context, STEP, values)
    n_clusters = int(context.view.require("clustering").summary["n_clusters"])
    if st.button(
        f"Name {count_of(n_clusters, 'cluster')}", icon=":material/label:", key="start_naming",
        **asks(context.workspace, submit, disabled=bool(problem)),
    ):  # fmt: skip
        start_job(context.workspace, context.dataset_id, STEP, values)


def _take(context: DatasetContext, clustering: Artifact, names: Artifact) -> None:
    with errors_in_place():
        take_names(context.workspace, clustering, reviewer_name(context.workspace), names.id)
        address.say_later("Names taken; those given by hand stay.")


def _go_back(context: DatasetContext, clustering: Artifact) -> None:
    with errors_in_place():
        undo_rename(context.workspace, clustering, reviewer_name(context.workspace))
