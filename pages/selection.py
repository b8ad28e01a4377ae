"""Selection: pick a diverse subset of exactly the budget given, and see what was picked beside a random pick."""

from __future__ import annotations

from pages.parts.selection.picker import (
    NEW,
    choose_view,
    open_selection,
    pick_selection,
)
from pages.parts.selection.results import show_results
from pages.shared.dataset_context import open_dataset_context
from pages.shared.forms.selection_form import show_selection_form
from pages.shared.frame import open_page
from pages.shared.runs.job_watch import followed_job, show_jobs_in_place
from tamis.jobs.model import JobState

with open_page("Selection", activity=False) as dataset:
    context = open_dataset_context(dataset)
    followed = followed_job(dataset.workspace, "select", dataset.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        open_selection(followed.artifact_id)
    view = choose_view(context)
    show_jobs_in_place(dataset.workspace, followed)
    if view == NEW:
        show_selection_form(context)
    else:
        show_results(*pick_selection(dataset, context))
