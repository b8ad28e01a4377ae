"""Compare: selections of one dataset beside each other, at one budget, with intervals and a report to keep."""

from __future__ import annotations

from pages.parts.compare.form import show_comparison_form
from pages.parts.compare.picker import PICKER, comparisons, pick_comparison
from pages.parts.compare.pruning import asks_for_pruning, show_pruning
from pages.parts.compare.results import show_comparison
from pages.parts.compare.training import show_training
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import followed_job
from pages.shared.runs.picker import asks_for_new, open_run
from tamis.actions.comparisons import read_comparison
from tamis.actions.jobs import JobState

with open_page("Compare", activity=False) as dataset:
    context = open_dataset_context(dataset)
    if asks_for_pruning():
        show_pruning(context)
    else:
        followed = followed_job(dataset.workspace, "compare", dataset.dataset_id)
        if followed is not None and followed.state is JobState.SUCCEEDED:
            open_run(PICKER, followed.artifact_id)
        found = comparisons(context)
        new = asks_for_new(PICKER, have_runs=bool(found))
        show_jobs_in_place(dataset.workspace, followed)
        if new:
            show_comparison_form(context)
        else:
            comparison = pick_comparison(context, found)
            show_comparison(context, dataset.name, comparison)
            show_training(context, read_comparison(comparison))
