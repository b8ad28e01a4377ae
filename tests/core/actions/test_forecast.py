"""One forecast of a run: rows, tokens, time and what stands in its way, with what to do about it."""

from __future__ import annotations

import numpy as np

from tamis.actions.decisions import decide_rows
from tamis.actions.forecast import RoundsForecast, TrainingForecast, forecast, forecast_detail
from tamis.actions.submit import RunTarget, plan_run
from tamis.store.workspace import Workspace
from tests.pages.fine_tuned import write_adapter
from tests.pages.page_workspace import run_pipeline


def test_a_training_is_forecast_as_it_will_divide_its_rows(workspace: Workspace, dataset_id: str) -> None:
    run_pipeline(workspace.path, dataset_id)
    decide_rows(workspace, dataset_id, np.array([3]), "drop", reviewer="kim")
    found = forecast(workspace, dataset_id, "finetune", {"decisions": "current", "model": "smollm2"})
    detail = found.detail
    assert isinstance(detail, TrainingForecast)
    assert (detail.n_train, detail.n_held_out) == (35, 4)
    assert (found.rows, found.tokens) == (35, detail.n_tokens)
    assert found.seconds is None and not found.already_done
    write_adapter(workspace.path, dataset_id)
    timed = forecast(workspace, dataset_id, "finetune", {"decisions": "current", "model": "smollm2"})
    # 4,000 tokens took 20 seconds.
    assert timed.seconds is not None
    assert np.isclose(timed.seconds, detail.n_tokens_in_all / 200)


def test_what_stands_in_the_way_says_what_to_do(workspace: Workspace, dataset_id: str) -> None:
    found = forecast(workspace, dataset_id, "cluster", {}, target=RunTarget("local", {"workers": 1000}))
    named = {check.name: check for check in found.obstacles}
    assert not found.ok and "Run 'embed' first" in named["inputs"].message
    assert "or choose a cluster" in named["workers"].next_step
    missing = forecast(workspace, dataset_id, "select", {"within": "tag:nothing"})
    assert "nothing" in missing.obstacles[0].message


def test_the_rows_of_a_selection_are_known_before_it_is_made(workspace: Workspace, dataset_id: str) -> None:
    run_pipeline(workspace.path, dataset_id)
    found = forecast(workspace, dataset_id, "select", {"budget": 10})
    assert found.already_done and found.rows == 40
    refused = forecast(
        workspace, dataset_id, "finetune", {"held_out_fraction": 0.5, "within": "selection:nothing"}
    )
    assert refused.obstacles and refused.detail is None


def test_rounds_that_the_pool_cannot_fill_are_counted(workspace: Workspace, dataset_id: str) -> None:
    run_pipeline(workspace.path, dataset_id)
    planned = plan_run(workspace, dataset_id, "refine", {"rounds": 3, "budget": 60})
    found = forecast_detail(workspace, planned)
    assert isinstance(found, RoundsForecast)
    assert found.adds.tolist() == [20, 20, 0] and found.n_unspent == 20
    assert found.selected.tolist() == [20, 40, 40]
    assert found.trains is not None and found.trains.tolist() == [20, 40, 0]
    static = plan_run(workspace, dataset_id, "refine", {"rounds": 2, "budget": 8, "control": "random"})
    kept = forecast_detail(workspace, static)
    assert isinstance(kept, RoundsForecast) and kept.trains is None and kept.n_next == 4
