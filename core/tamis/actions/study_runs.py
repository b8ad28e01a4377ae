"""Every run of a study of trainings, a referee or what clusters are worth, that was ever asked for."""

from __future__ import annotations

from dataclasses import dataclass

from tamis.actions.runs import list_runs
from tamis.store.workspace import Workspace


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One line of the list of all such runs of a dataset, with its answer or the state of its job."""

    artifact_id: str
    created_at: str
    state: str
    text: str


def study_runs(workspace: Workspace, dataset_id: str, step: str) -> list[StudyRun]:
    """The runs of a step, newest first: one repeated until it pleases shows here."""
    return [
        StudyRun(
            run.run_id, run.created_at, str(run.state),
            str(run.artifact.summary["sentence"]) if run.artifact is not None else f"{run.state}",
        )
        for run in list_runs(workspace, dataset_id, step)
    ]  # fmt: skip
