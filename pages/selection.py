"""Selection: pick a diverse subset of exactly the budget given, and see what was picked beside a random pick."""

from __future__ import annotations

from pages.parts.selection.picker import PICKER, asks_for_form, pick_selection
from pages.parts.selection.results import show_results
from pages.parts.selection.sieve import show_sieve
from pages.shared.dataset_context import open_dataset_context
from pages.shared.forms.selection_form import show_selection_form
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import followed_job
from pages.shared.runs.picker import open_run
from tamis.actions.jobs import JobState

with open_page("Selection", activity=False) as dataset:
    context = open_dataset_context(dataset)
    followed = followed_job(dataset.workspace, "select", dataset.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        open_run(PICKER, followed.artifact_id)
    new = asks_for_form(context)
    show_jobs_in_place(dataset.workspace, followed)
    if new:
        show_selection_form(context, show_sieve)
    else:
        show_results(*pick_selection(context))
