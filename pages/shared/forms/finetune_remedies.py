"""What can be done about a run that failed: change its options, or let it need less memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.run_target import RunPlace
from pages.shared.runs.finetune_runs import STEP
from pages.shared.runs.job_watch import CLONED, start_job
from pages.shared.runs.runs import Run
from tamis.jobs.model import ErrorKind, Job
from tamis.steps import STEPS
from tamis.types import JSON

BATCH, ACCUMULATED = "per_device_train_batch_size", "gradient_accumulation_steps"


def offer_remedies(context: DatasetContext, run: Run, job: Job) -> None:
    """Buttons for what fits the reason."""
    smaller = smaller_batch(job.options) if ran_out_of_memory(job) else None
    if smaller is not None:
        halved = smaller["recipe_options"][BATCH]
        words = (
            "The same rows per step, computed in more and smaller batches, so the result stays comparable."
        )
        if st.button(f"Run with batches of {halved}", icon=":material/compress:", help=words):
            pointers = {role: job.inputs[role] for role in STEPS[STEP].options.POINTERS if role in job.inputs}
            place = RunPlace(job.backend, job.resources.model_dump(exclude_defaults=True), job.priority)
            start_job(context.workspace, context.dataset_id, STEP, {**smaller, **pointers}, place=place)
    if st.button("Change the options", icon=":material/tune:"):
        st.query_params.from_dict({"dataset": context.dataset_id, CLONED: job.job_id})
        st.rerun()


def ran_out_of_memory(job: Job) -> bool:
    """Whether it was memory, said by the system or by the recipe."""
    return job.error_kind is ErrorKind.OUT_OF_MEMORY or "memory" in job.reason.lower()


def smaller_batch(options: Mapping[str, Any]) -> dict[str, JSON] | None:
    """The options with half the rows computed together and as many rows per step; None when it is one row already."""
    recipe = dict(options.get("recipe_options") or {})
    batch = int(recipe.get(BATCH, 1))
    if batch < 2:
        return None
    rows_per_step = batch * int(recipe.get(ACCUMULATED, 1))
    recipe[BATCH] = batch // 2
    recipe[ACCUMULATED] = -(-rows_per_step // recipe[BATCH])
    return {**options, "recipe_options": recipe}
