"""The preview promises exactly what the job then does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.steps.plan import Plan, plan_step
from tamis.steps.select.forecast import SelectionForecast, forecast_selection
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import read_cluster_ids, read_selection
from tamis.store.artifacts.store import ArtifactStore
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step


@pytest.fixture
def made(tmp_path: Path) -> tuple[ArtifactStore, str]:
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)
    return ArtifactStore(workspace), dataset_id


def plan_selection(store: ArtifactStore, dataset_id: str, values: dict) -> Plan:
    return plan_step(store, dataset_id, "select", values)


def is_made(store: ArtifactStore, plan: Plan) -> bool:
    return store.find(plan.dataset_id, "selection", plan.artifact_id) is not None


def preview_selection(store: ArtifactStore, plan: Plan) -> SelectionForecast:
    found = {
        role: store.get(plan.dataset_id, plan.input_kinds[role], one) for role, one in plan.inputs.items()
    }
    return forecast_selection(found, plan.options, store)


@pytest.mark.parametrize(
    "values",
    [
        {"budget": 13},
        {"budget": 0.3, "unit": "fraction", "method_options": {"quota": "equal"}},
        {"budget": 7, "quality": "none", "seed": 1},
        {"budget": 9, "method": "random"},
        {"budget": 120, "unit": "tokens"},
        {"budget": 1000},
    ],
)
def test_the_preview_is_what_the_job_picks(made: tuple[ArtifactStore, str], values: dict) -> None:
    store, dataset_id = made
    clustering = store.list(dataset_id, "clustering")[0]
    plan = plan_selection(store, dataset_id, values)
    preview = preview_selection(store, plan)
    assert not is_made(store, plan)
    selection = run_step(store.workspace, dataset_id, "select", values)
    assert selection.id == plan.artifact_id
    rows = read_selection(selection)["example_id"].to_numpy()
    expected = np.bincount(read_cluster_ids(clustering)[rows], minlength=4)
    assert preview.picked.tolist() == expected[preview.cluster_id].tolist()
    assert preview.n_picked == len(rows)
    assert is_made(store, plan_selection(store, dataset_id, values))


def test_rows_that_may_not_be_picked_show_as_a_shortfall(made: tuple[ArtifactStore, str]) -> None:
    store, dataset_id = made
    within = freeze_rows(store, dataset_id, np.arange(6), "first six").id
    preview = preview_selection(store, plan_selection(store, dataset_id, {"budget": 10, "within": within}))
    assert (preview.n_available, preview.n_picked, preview.shortfall) == (6, 6, 4)


def test_a_budget_that_is_no_fraction_is_refused_with_its_value(made: tuple[ArtifactStore, str]) -> None:
    store, dataset_id = made
    with pytest.raises(InvalidOptions, match="1.5 is no fraction"):
        preview_selection(store, plan_selection(store, dataset_id, {"budget": 1.5, "unit": "fraction"}))


def test_without_clusters_the_step_to_run_is_named(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    with pytest.raises(ArtifactMissing, match="Run 'cluster' first"):
        plan_selection(ArtifactStore(workspace), dataset_id, {"budget": 10})
