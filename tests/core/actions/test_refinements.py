"""Refinements by their verbs: their history, more rounds, controls, and what goes when one is deleted."""

from __future__ import annotations

import numpy as np
import pytest

from tamis.actions.delete_refinement import ROUND, delete_refinement, plan_deletion
from tamis.actions.jobs import get_job
from tamis.actions.refinement_history import picked_rows, read_history, round_table, shared_picks
from tamis.actions.refinements import (
    budget_rows,
    cluster_factor,
    compare_with_controls,
    continue_refinement,
    continued_options,
    n_rounds_asked,
    rounds_so_far,
    rows_per_round,
    selection_after,
)
from tamis.actions.runs import Run, list_runs
from tamis.store.workspace import Workspace
from tests.pages.page_workspace import run_pipeline, run_step

STATIC = {"rounds": 2, "budget": 6, "control": "km_random"}  # asks no model


@pytest.fixture
def run(workspace: Workspace, dataset_id: str) -> Run:
    run_pipeline(workspace.path, dataset_id)
    run_step(workspace.path, dataset_id, "refine", STATIC)
    return list_runs(workspace, dataset_id, "refine")[0]


def test_the_history_adds_up_to_the_budget(workspace: Workspace, run: Run) -> None:
    rounds = rounds_so_far(workspace, run)
    history = read_history(run.artifact, rounds)
    assert history is not None and history.n_rounds == 2
    assert history.total("budget").sum() == 6 == picked_rows(rounds).num_rows
    assert history.of_round(0, "weight").sum() == pytest.approx(1)
    assert np.allclose(history.change(), 1) and history.movers() == ([], [])
    assert history.fallen() == 0 and set(history.set_by_hand().ravel()) == {""}
    assert [line["selected"] for line in round_table(rounds)] == [3, 6]
    found = shared_picks(rounds, rounds[:1], np.zeros(40, dtype=np.int64), same_seed=True)
    assert (found.n_mine, found.n_theirs, found.n_both) == (6, 3, 3)
    # Of one seed, three rows in the first round are the same three rows: that is no likeness of two runs.
    assert (found.expected, found.by_own_luck) == (3, pytest.approx(6 * 3 / 40))
    apart = shared_picks(rounds, rounds[:1], np.zeros(40, dtype=np.int64), same_seed=False)
    assert apart.expected == apart.by_own_luck
    assert read_history(None, []) is None
    live = read_history(None, rounds[:1])
    assert live is not None and live.n_rounds == 1 and live.artifact_id == rounds[0].id


def test_more_rounds_go_on_where_a_run_stands(workspace: Workspace, dataset_id: str, run: Run) -> None:
    assert (rows_per_round(run), n_rounds_asked(workspace, run), budget_rows(workspace, run)) == (3, 2, 6)
    done = continue_refinement(workspace, dataset_id, run, rounds=2)
    job = get_job(workspace, done.job.job_id)
    assert job.inputs["continue_from"] == run.run_id and job.inputs["clustering"] == run.inputs["clustering"]
    assert (job.options["rounds"], job.options["budget"]) == (2, 6)
    newest = list_runs(workspace, dataset_id, "refine")[0]
    assert (n_rounds_asked(workspace, newest), budget_rows(workspace, newest)) == (4, 12)
    # What the earlier run finished is what the new one begins with.
    assert [one.id for one in rounds_so_far(workspace, newest)] == [
        one.id for one in rounds_so_far(workspace, run)
    ]


def test_controls_are_drawn_at_the_same_size_and_compared(
    workspace: Workspace, dataset_id: str, run: Run
) -> None:
    selection = selection_after(workspace, run, 1)
    assert selection is not None and selection.summary["n_selected"] == 3
    assert selection_after(workspace, run, 3) is None
    comparison = compare_with_controls(workspace, dataset_id, run, selection).job
    assert len(comparison.options["selections"]) == 4 and selection.id in comparison.options["selections"]
    asked = [get_job(workspace, one).options for one in comparison.waits_for]
    assert {one["method"] for one in asked} == {"kmq", "random", "km_random"}
    assert {one["budget"] for one in asked} == {3}


def test_what_something_was_built_on_stays_when_a_refinement_goes(
    workspace: Workspace, dataset_id: str, run: Run
) -> None:
    longer = continued_options(run) | {"rounds": 1, "budget": 2}
    run_step(workspace.path, dataset_id, "refine", longer)
    newest = list_runs(workspace, dataset_id, "refine")[0]
    going = plan_deletion(workspace, dataset_id, run)
    assert not going.of(ROUND) and len(going.kept_of(ROUND)) == 2 and len(going.kept_of("selection")) == 2
    gone = delete_refinement(workspace, dataset_id, newest)
    assert [one.summary["round"] for one in gone.of(ROUND)] == [3] and gone.n_bytes == 0
    assert len(delete_refinement(workspace, dataset_id, run).of(ROUND)) == 2
    assert not workspace.artifacts.list(dataset_id, "refinement_round")
    assert not workspace.artifacts.list(dataset_id, "refinement")


def test_leaving_out_wins_over_pinning_and_pinning_over_a_factor() -> None:
    assert cluster_factor(pinned=True, excluded=True, factor=2.0) == "excluded"
    assert cluster_factor(pinned=True, excluded=False, factor=2.0) == "pinned"
    assert cluster_factor(pinned=False, excluded=False, factor=0.0) == "excluded"
    assert cluster_factor(pinned=False, excluded=False, factor=2.0) == 2.0
    assert cluster_factor(pinned=False, excluded=False, factor=1.0) is None
