"""Deleting a refinement, finished or ended before, once it is said what goes and what stays."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.parts.refinement.picker import PARAMETER
from pages.parts.refinement.runs import STEP
from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.plain_text import count_of
from pages.shared.runs.runs import Run
from pages.shared.wording import size
from tamis.actions.delete_refinement import (
    DeletionPlan,
    delete_refinement,
    plan_deletion,
)
from tamis.jobs import job_table
from tamis.jobs.scheduler.queue import delete as delete_job
from tamis.store.artifacts.refinements import ADAPTER
from tamis.store.artifacts.store import Artifact


def offer_deletion(context: DatasetContext, run: Run, chain: Sequence[Artifact]) -> None:
    """The popover that asks again; ``chain`` are the rounds that are there."""
    with st.popover("Delete", icon=":material/delete:"):
        plan = plan_deletion(context.workspace.artifacts, context.dataset_id, run.artifact, chain)
        for said in say_plan(plan):
            st.markdown(said)
        st.caption(
            "For good: nothing of it goes to the trash. Decisions, tags and what was fine-tuned on its rows stay."
            + (" Its job stays too, so that it can be made again." if run.artifact is not None else "")
        )
        if st.button(
            "Delete this refinement", type="primary", icon=":material/delete:", key=f"delete_{run.run_id}"
        ):
            with errors_in_place():
                delete_refinement(context.workspace, plan)
                if run.artifact is None:
                    _forget_jobs(context, run)
                st.query_params.pop(PARAMETER, None)
                st.toast("The refinement is deleted.", icon=":material/delete:")
                st.rerun()


def say_plan(plan: DeletionPlan) -> list[str]:
    """What goes and what stays, a line each."""
    n_bytes = sum(
        path.stat().st_size for one in plan.artifacts for path in one.path.rglob("*") if path.is_file()
    )
    trained = any((one.path / ADAPTER).is_dir() for one in plan.rounds)
    what = " with round models, answers and scores" if trained else " with answers and scores"
    parts = [count_of(len(plan.rounds), "round") + what] if plan.rounds else []
    parts += [count_of(len(plan.selections), "selection")] if plan.selections else []
    parts += ["its weights and flags"] if plan.refinement is not None else []
    said = [
        f"**Goes:** {', '.join(parts)} ({size(n_bytes)})."
        if parts
        else "**Goes:** its job; there is nothing else."
    ]
    kept = []
    if plan.kept_rounds:
        kept.append(
            f"{count_of(len(plan.kept_rounds), 'round')} that another refinement or model is built on"
        )
    if plan.kept_selections:
        kept.append(
            f"{count_of(len(plan.kept_selections), 'selection')} that others share or something was made from"
        )
    return [*said, f"**Stays:** {', '.join(kept)}."] if kept else said


def _forget_jobs(context: DatasetContext, run: Run) -> None:
    """Without a result the jobs are all that is left of it."""
    database = context.workspace.database
    for job in job_table.list_jobs(database, dataset_id=context.dataset_id, step=STEP):
        if job.artifact_id == run.run_id and job.state.final:
            delete_job(context.workspace, job.job_id)
