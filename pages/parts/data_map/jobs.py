"""What the map still waits for: the jobs that make vectors and the layout, or a button that starts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.shared import address
from pages.shared.dataset_context import DatasetContext
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from tamis.actions.jobs import active_jobs
from tamis.actions.pipeline import MAP_STEPS, submit_steps
from tamis.errors import CurationError

TRUSTED = 0.85  # of trustworthiness and continuity


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
    if layout is not None and "faithfulness" in layout.summary:
        _say_faithfulness(layout.summary["faithfulness"], str(layout.summary.get("computed_by", "")))
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


def _say_faithfulness(found: Mapping[str, Any], computed_by: str) -> None:
    """How far the picture can be believed, in two numbers and a sentence."""
    together, kept = float(found["trustworthiness"]), float(found["continuity"])
    st.caption(
        f"Trustworthiness {together:.2f}, continuity {kept:.2f}: {_words_for(together, kept)}.",
        help=f"Trustworthiness falls where rows lie together that do not belong together, continuity where rows that belong "
        f"together lie apart. 1 is without loss, a random picture has about 0.5. Over the {found['neighbours']} nearest of "
        f"{found['n_rows']:,} rows." + (f" Computed by {computed_by}." if computed_by else ""),
    )


def _words_for(together: float, kept: float) -> str:
    near = (
        "neighbours here are mostly neighbours" if together >= TRUSTED else "neighbours here may be strangers"
    )
    apart = "few are torn apart" if kept >= TRUSTED else "many are torn apart"
    return f"{near}, {apart}"


def _under_way(context: DatasetContext, step: str) -> str:
    jobs = active_jobs(context.workspace, dataset_id=context.dataset_id, step=step)
    return jobs[-1].job_id if jobs else ""


def _start(context: DatasetContext, steps: tuple[str, ...]) -> None:
    try:
        submit_steps(context.workspace, context.dataset_id, steps)
    except CurationError as error:
        address.say_later(str(error))
