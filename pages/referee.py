"""Referee: which way of selecting makes a better model at equal tokens, and whether that can be told at all."""

from __future__ import annotations

from pages.parts.referee.form import show_referee_form
from pages.parts.referee.results import PICKER, pick_referee, referees, show_all_runs, show_ruling
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import job_under_way
from pages.shared.runs.picker import asks_for_new, open_run
from tamis.actions.jobs import JobState

with open_page("Referee", activity=False) as dataset:
    context = open_dataset_context(dataset)
    followed = job_under_way(dataset.workspace, "referee", dataset.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        open_run(PICKER, followed.artifact_id)
    found = referees(context)
    new = asks_for_new(PICKER, have_runs=bool(found))
    show_jobs_in_place(dataset.workspace, followed)
    if new:
        show_referee_form(context)
    else:
        show_ruling(context, pick_referee(found))
    show_all_runs(context)
