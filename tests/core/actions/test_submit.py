"""Submitting freezes what is pointed at, by what the options declare, and doing it twice changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.actions.active import activate
from tamis.actions.decisions import decide_rows
from tamis.actions.submit import freeze_pointers, plan_run, repeat, submit
from tamis.actions.tags import add_tag
from tamis.actions.training import frozen_rows
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.registry import Table
from tamis.steps import STEPS
from tamis.steps.import_file.identify import plan_import
from tamis.store.names import dataset_names
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_pipeline, run_step


def test_rows_by_tag_or_selection_become_frozen_rows(workspace: Workspace, dataset_id: str) -> None:
    selection = run_pipeline(workspace.path, dataset_id)
    add_tag(workspace, dataset_id, "odd", [1, 3], "kim")
    values = {"within": "tag:odd", "excluded": f"selection:{selection.id}", "budget": 2}
    exact = freeze_pointers(workspace, dataset_id, "select", values)
    assert frozen_rows(workspace, dataset_id, exact["within"]).tolist() == [1, 3]
    assert len(frozen_rows(workspace, dataset_id, exact["excluded"])) == 10
    assert exact["budget"] == 2
    assert freeze_pointers(workspace, dataset_id, "select", exact) == exact
    with pytest.raises(InvalidOptions, match="tag:NAME"):
        freeze_pointers(workspace, dataset_id, "select", {"within": "label:odd"})


def test_decisions_are_those_of_now_none_or_those_of_the_selection(
    workspace: Workspace, dataset_id: str
) -> None:
    run_pipeline(workspace.path, dataset_id)
    decide_rows(workspace, dataset_id, np.array([3]), "drop", reviewer="kim")
    now = freeze_pointers(workspace, dataset_id, "finetune", {"decisions": "current"})["decisions"]
    assert workspace.artifacts.get(dataset_id, "decisions", now).summary["n_drop"] == 1
    refined = {"rounds": 1, "budget": 4, "control": "km_random", "decisions": now}
    run = run_step(workspace.path, dataset_id, "refine", refined)
    (kept,) = run.summary["selections"]
    activate(workspace, dataset_id, kept)  # a round's selection is the refinement's own until then
    made = freeze_pointers(workspace, dataset_id, "finetune", {"selection": "newest"})
    assert made["decisions"] == now
    assert workspace.artifacts.get(dataset_id, "selection", made["selection"]).summary["n_selected"] == 4
    plain = freeze_pointers(workspace, dataset_id, "finetune", made | {"decisions": "none"})
    assert (
        plain["decisions"] == "none" == freeze_pointers(workspace, dataset_id, "finetune", plain)["decisions"]
    )
    planned = plan_run(workspace, dataset_id, "finetune", plain | {"held_out_fraction": 0})
    assert "decisions" not in planned.plan.inputs


def test_the_newest_selection_may_be_one_that_a_job_will_make(workspace: Workspace, dataset_id: str) -> None:
    with pytest.raises(ArtifactMissing, match="no selection yet"):
        freeze_pointers(workspace, dataset_id, "finetune", {"selection": "newest"})
    run_pipeline(workspace.path, dataset_id)
    queued = submit(workspace, dataset_id, "select", {"budget": 7}).job
    assert freeze_pointers(workspace, dataset_id, "finetune", {"selection": "newest"})["selection"] == (
        queued.artifact_id
    )
    compared = freeze_pointers(workspace, dataset_id, "compare", {"selections": ["newest", "abc"]})
    assert compared["selections"] == [queued.artifact_id, "abc"]


def test_a_planned_run_has_the_name_of_its_result_and_says_whether_it_is_there(
    workspace: Workspace, dataset_id: str
) -> None:
    made = run_pipeline(workspace.path, dataset_id)
    assert plan_run(workspace, dataset_id, "select", {"budget": 10}).is_made
    planned = plan_run(workspace, dataset_id, "select", {"budget": 11})
    assert not planned.is_made and planned.artifact_id != made.id
    assert submit(workspace, dataset_id, "select", planned.options).job.artifact_id == planned.artifact_id


def test_a_job_is_repeated_with_its_exact_inputs_where_it_ran(workspace: Workspace, dataset_id: str) -> None:
    run_pipeline(workspace.path, dataset_id)
    add_tag(workspace, dataset_id, "odd", [1, 3], "kim")
    job = submit(workspace, dataset_id, "select", {"budget": 2, "within": "tag:odd"}).job
    add_tag(workspace, dataset_id, "odd", [5], "kim")
    again = repeat(job)
    assert submit(workspace, dataset_id, again.step, again.options, target=again.target).attached


def test_every_pointer_names_a_kind_and_a_field(workspace: Workspace) -> None:
    steps: Table = STEPS
    kinds = {"rows", "decisions", "target", *(step.makes for step in steps.values())}
    for step in steps.values():
        assert set(step.options.POINTERS) <= set(step.options.model_fields), step.name
        assert set(step.options.POINTERS.values()) <= kinds, step.name


def test_a_dataset_that_a_step_makes_gets_the_name_it_was_asked_for(
    workspace: Workspace, dataset_id: str, tmp_path: Path
) -> None:
    again = plan_import([str(tmp_path / "questions.jsonl")], name="Questions").options
    submit(workspace, dataset_id, "import", again | {"name": "Called otherwise"})
    assert dataset_names(workspace)[dataset_id] == "Called otherwise"
