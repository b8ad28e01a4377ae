"""Cluster worth: what more of each cluster does to a model's loss, and which mixture of them promises most."""

from __future__ import annotations

from pages.parts.worth.form import show_worth_form
from pages.parts.worth.results import PICKER, pick_worth, show_all_worths, show_worth, worth_artifacts
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import job_under_way
from pages.shared.runs.picker import asks_for_new, open_run
from tamis.actions.jobs import JobState

with open_page("Cluster worth", activity=False) as dataset:
    context = open_dataset_context(dataset)
    followed = job_under_way(dataset.workspace, "worth", dataset.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        open_run(PICKER, followed.artifact_id)
    found = worth_artifacts(context)
    new = asks_for_new(PICKER, have_runs=bool(found))
    show_jobs_in_place(dataset.workspace, followed)
    if new:
        show_worth_form(context)
    else:
        show_worth(context, pick_worth(found))
    show_all_worths(context)
