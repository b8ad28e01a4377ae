"""What can be done with a refinement: its rows after any round, more rounds, controls at the same budget, a variation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from pages.parts.refinement.again import offer_more_rounds
from pages.parts.refinement.delete import offer_deletion
from pages.parts.refinement.facts import Course, selection_after
from pages.parts.refinement.picker import PARAMETER
from pages.parts.refinement.runs import control_of
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.navigation import go_to
from pages.shared.plain_text import count_of
from pages.shared.runs.job_watch import CLONED
from pages.shared.runs.runs import Run
from tamis.jobs.scheduler.queue import submit
from tamis.selectors import SELECTORS
from tamis.steps.refine.texts import read_corrections
from tamis.steps.select.options import NO_QUALITY
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.artifacts.store import Artifact
from tamis.store.rows.scope import ALL_ROWS
from tamis.types import JSON

STATIC_METHODS = ("kmq", "random", "km_random")


def show_actions(context: DatasetContext, run: Run, course: Course) -> None:
    """One row of buttons, first what is done with the rows of one round."""
    assert run.artifact is not None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        number = _choose_round(run)
        selection = selection_after(context.workspace.artifacts, run, number)
        _offer_rows(context, selection)
        offer_more_rounds(context, run, course)
        if control_of(run) == "none" and selection is not None:
            _offer_controls(context, run, selection)
        if run.job is not None and st.button("Clone and change", icon=":material/content_copy:"):
            st.query_params.from_dict({"dataset": context.dataset_id, CLONED: run.job.job_id})
            st.rerun()
        offer_deletion(context, run, course.chain)
    if selection is None:
        st.warning(
            f"The selection after round {number} was deleted. Clone the refinement to make it again: rounds that are "
            "still there are not computed twice.",
            icon=":material/link_off:",
        )


def control_requests(context: DatasetContext, run: Run, selection: Artifact) -> list[dict[str, JSON]]:
    """Options of the static selections of the same size from the same rows."""
    inputs = run.inputs
    quality = str(run.options.get("quality", NO_QUALITY)) if "scores" in inputs else NO_QUALITY
    shared: dict[str, JSON] = {
        "budget": int(selection.summary["n_selected"]),
        "unit": "rows",
        "seed": int(run.options.get("seed", 42)),
        **{role: inputs[role] for role in ("within", "pinned") if role in inputs},
        **_left_out(context, inputs),
    }
    found = []
    for method in STATIC_METHODS:
        values = shared | {"method": method, "quality": NO_QUALITY}
        if SELECTORS[method].uses("clustering"):
            values["clustering"] = inputs["clustering"]
        if quality != NO_QUALITY and SELECTORS[method].uses("quality"):
            values |= {"quality": quality, "scores": inputs["scores"]}
        found.append(values)
    return found


def _left_out(context: DatasetContext, inputs: Mapping[str, str]) -> dict[str, JSON]:
    """Rows that may not be picked: those named, and those that a decision dropped."""
    store = context.workspace.artifacts
    rows = np.zeros(0, dtype=np.int64)
    if "excluded" in inputs:
        rows = read_frozen(store.get(context.dataset_id, "rows", inputs["excluded"]))
    if "decisions" in inputs:
        given = {
            "examples": context.view.examples,
            "decisions": store.get(context.dataset_id, "decisions", inputs["decisions"]),
        }
        rows = np.union1d(rows, read_corrections(given).dropped)
    if not len(rows):
        return {}
    return {"excluded": freeze_rows(store, context.dataset_id, rows, "left out of a refinement").id}


def _choose_round(run: Run) -> int:
    n_rounds = int(run.summary["n_rounds"])
    return int(
        st.selectbox(
            "Rows after", range(n_rounds, 0, -1), key=f"after_{run.run_id[:6]}", bind="query-params", width=170, label_visibility="collapsed",
            format_func="After round {}".format,
            help="Every round leaves a subset of its own.",
        )
    )  # fmt: skip


def _offer_rows(context: DatasetContext, selection: Artifact | None) -> None:
    here, gone = {"dataset": context.dataset_id}, selection is None
    identifier = selection.id if selection is not None else ""
    n_rows = count_of(int(selection.summary["n_selected"]), "row") if selection is not None else "rows"
    if st.button(f"Export {n_rows}", icon=":material/download:", disabled=gone, key="export_round"):
        go_to("export_data", here | {"rows": "selection", "selection": identifier})
    if st.button("Fine-tune on these", icon=":material/model_training:", disabled=gone, key="finetune_round"):
        go_to("finetuning", here | {"view": "new", "rows": "selection", "selection": identifier})
    if st.button("On the map", icon=":material/scatter_plot:", disabled=gone, key="map_of_round"):
        go_to("data_map", here | {"scope": ALL_ROWS.and_where("selected", True, identifier).to_url()})


def _offer_controls(context: DatasetContext, run: Run, selection: Artifact) -> None:
    words = (
        "Draws static kMQ, random and kM-random at the same size from the same rows, and opens the comparison. Is the "
        "refinement any better than not refining?"
    )
    if not st.button("Compare with controls", icon=":material/compare:", help=words):
        return
    with errors_in_place():
        workspace = context.workspace
        made = [
            submit(workspace, context.dataset_id, "select", values).job.artifact_id
            for values in control_requests(context, run, selection)
        ]
        values: dict[str, JSON] = {
            "selections": [selection.id, *made],
            "clustering": run.inputs["clustering"],
        }
        if "scores" in run.inputs:
            values |= {"quality": str(run.options.get("quality")), "scores": run.inputs["scores"]}
        job = submit(workspace, context.dataset_id, "compare", values).job
        st.query_params.pop(PARAMETER, None)
        go_to("compare", {"dataset": context.dataset_id, "job": job.job_id})
