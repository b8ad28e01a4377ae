"""Rows to train on: what the review's decisions make of them, and which rows earlier runs held out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tamis.actions.roles import needs
from tamis.actions.runs import Run, list_runs
from tamis.compute.apply import Applied, apply_decisions
from tamis.errors import InvalidOptions
from tamis.store.artifacts.frozen_rows import freeze_rows, read_frozen
from tamis.store.review import decisions
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

__all__ = [
    "Applied", "apply_in_force", "frozen_rows", "hold_out_again", "runs_with_held_out",
    "smoke_test",
    "verdicts_in_force",
]  # fmt: skip

STEP = "finetune"
SMOKE_STEPS = 2
HELD_OUT_ROWS = "held_out_rows.npy"


def verdicts_in_force(workspace: Workspace, dataset_id: str) -> Mapping[int, str]:
    """What is decided about rows, by example id: keep, drop or replace."""
    state = decisions.decision_state(workspace.database, dataset_id)
    return {row: one.verdict for row, one in state.decided.items()}


def frozen_rows(workspace: Workspace, dataset_id: str, identifier: str) -> Int64s | None:
    """Sorted ids of frozen rows, such as those of an earlier run; None when they are not there."""
    artifact = workspace.artifacts.find(dataset_id, "rows", identifier)
    return None if artifact is None else read_frozen(artifact)


def apply_in_force(workspace: Workspace, dataset_id: str, rows: Int64s) -> Applied | None:
    """The rows that the decisions of now leave, and the conversations that they correct; None while nothing is decided."""
    decided = decisions.decision_state(workspace.database, dataset_id).decided
    return apply_decisions(rows, decided) if decided else None


def smoke_test(options: Mapping[str, JSON]) -> dict[str, JSON]:
    """The same run in small: two steps, four held-out rows, two answers, no tasks. It shows that all of it works here, and its
    speed is what the time of the next ones is told from.
    """
    recipe = options.get("recipe_options")
    return {
        **options,
        "recipe_options": {**(recipe if isinstance(recipe, Mapping) else {}), "max_steps": SMOKE_STEPS},
        "max_held_out": 4,
        "n_generate": 2 if options.get("n_generate", 2) else 0,
        "lm_eval_tasks": [],
    }


def runs_with_held_out(workspace: Workspace, dataset_id: str) -> list[Run]:
    """Finished fine-tunings whose held-out rows another one can hold out again, newest first."""
    runs = list_runs(workspace, dataset_id, STEP)
    return [run for run in runs if run.artifact is not None and run.number("n_held_out") > 0]


@needs("curator")
def hold_out_again(workspace: Workspace, dataset_id: str, run: Run) -> str:
    """The id of frozen rows: those that a finished run held out; raises InvalidOptions when it held out none."""
    if run.artifact is None:
        raise InvalidOptions(
            f"Run {run.run_id} is not finished, so what it holds out is not known: choose another."
        )
    rows: Int64s = np.load(run.artifact.file(HELD_OUT_ROWS), allow_pickle=False)
    return freeze_rows(workspace.artifacts, dataset_id, rows, f"run:{run.run_id}").id
