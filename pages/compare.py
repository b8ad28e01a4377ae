"""Compare: selections of one dataset beside each other, at one budget, with intervals and a report to keep."""

from __future__ import annotations

from core.jobs.model import JobState
from core.steps.comparison import read_comparison
from pages.shared.compare_form import show_comparison_form
from pages.shared.compare_picker import NEW, choose_view, open_comparison, pick_comparison
from pages.shared.compare_results import show_comparison
from pages.shared.compare_training import show_training
from pages.shared.frame import open_page
from pages.shared.job_watch import followed_job, show_jobs_in_place
from pages.shared.lens import open_lens

with open_page("Compare", activity=False) as dataset:
    lens = open_lens(dataset)
    followed = followed_job(dataset.workspace, "compare", dataset.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        open_comparison(followed.artifact_id)
    view = choose_view(lens)
    show_jobs_in_place(dataset.workspace, followed)
    if view == NEW:
        show_comparison_form(lens)
    else:
        comparison = pick_comparison(lens)
        show_comparison(lens, dataset.name, comparison)
        show_training(lens, read_comparison(comparison))
