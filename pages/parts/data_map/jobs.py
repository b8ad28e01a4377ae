"""What the map still waits for: the jobs that make vectors and the layout, or a button that starts them."""

from __future__ import annotations

import streamlit as st

from pages.shared import address
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from tamis.actions.jobs import active_jobs
from tamis.actions.pipeline import MAP_STEPS, submit_steps
from tamis.errors import CurationError


def show_missing_map(context: DatasetContext) -> None:
    """Instead of the map while there are no vectors."""
    job = _under_way(context, "embed")
    if job:
        st.info(
            "The map appears as soon as the rows are embedded. The table below works already.",
            title="Embedding is under way",
            icon=":material/hourglass_top:",
        )
        link_to("job_list", f"Job {job}")
        return
    st.info(
        "A map needs vectors: embed the rows, group them and lay them out. The table below works already.",
        title="Not embedded yet",
        icon=":material/scatter_plot:",
    )
    st.button(
        "Embed, cluster and map",
        type="primary",
        icon=":material/play_arrow:",
        on_click=_start,
        args=(context, MAP_STEPS),
        **asks(context.workspace, submit_steps),
    )


def show_layout_note(context: DatasetContext) -> None:
    """Which layout this is while it is only the principal components."""
    layout = context.view.layout
    if layout is None or layout.kind != "embeddings":
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if _under_way(context, "embed"):
            st.caption(
                ":material/hourglass_top: A first look by the words of the rows; it gets better as jobs end."
            )
            return
        job = _under_way(context, "project")
        if job:
            st.caption(
                ":material/hourglass_top: PCA for now; UMAP replaces it when its job ends.", width="content"
            )
            link_to("job_list", f"Job {job}")
            return
        st.caption("PCA for now; UMAP separates groups better.", width="content")
        st.button(
            "Run UMAP",
            icon=":material/play_arrow:",
            type="tertiary",
            on_click=_start,
            args=(context, MAP_STEPS[-1:]),
            **asks(context.workspace, submit_steps),
        )


def _under_way(context: DatasetContext, step: str) -> str:
    jobs = active_jobs(context.workspace, dataset_id=context.dataset_id, step=step)
    return jobs[-1].job_id if jobs else ""


def _start(context: DatasetContext, steps: tuple[str, ...]) -> None:
    try:
        submit_steps(context.workspace, context.dataset_id, steps)
    except CurationError as error:
        address.say_later(str(error))
