"""All selections of a comparison are trained alike and measured on rows that none of them holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tamis.actions.finetune_grid import TrainingGrid, grid_runs, held_out_by_all, submit_training_grid
from tamis.errors import ArtifactMissing, InvalidOptions
from tamis.jobs.job_table import list_jobs
from tamis.steps.compare.training import ALL_CLUSTERS, method_losses
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.readers import read_cluster_ids, read_selected_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.database.database import Database
from tamis.store.workspace import open_workspace
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline, run_step

QUICK = {
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "num_train_epochs": 1,
    "max_length": 200,
}


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Path, str, list[Artifact]]:
    workspace = tmp_path / "workspace"
    dataset_id = import_file(workspace, alpaca_file(tmp_path))
    run_pipeline(workspace, dataset_id)
    made = [
        run_step(workspace, dataset_id, "select", {"method": method, "seed": seed, "budget": budget})
        for method, seed, budget in (("random", 1, 8), ("random", 2, 8), ("kmq", 1, 12))
    ]
    return workspace, dataset_id, made


def grid(made: list[Artifact], **more: object) -> TrainingGrid:
    options = {"model": "smollm2", "recipe_options": QUICK, "n_generate": 0}
    return TrainingGrid(selections=tuple(one.id for one in made), **({"options": options} | more))


def test_held_out_rows_are_in_no_selection(prepared: tuple[Path, str, list[Artifact]]) -> None:
    workspace, dataset_id, made = prepared
    store = ArtifactStore(workspace)
    done = submit_training_grid(open_workspace(workspace), dataset_id, grid(made, n_held_out=10, n_seeds=2))
    assert len(done) == 6
    (held_out,) = {one.job.inputs["held_out"] for one in done}
    rows = read_frozen(store.get(dataset_id, "rows", held_out))
    assert len(rows) == 10
    for selection in made:
        assert not np.isin(rows, read_selected_ids(selection)).any()


def test_all_runs_differ_by_rows_and_seed_alone(prepared: tuple[Path, str, list[Artifact]]) -> None:
    workspace, dataset_id, made = prepared
    requests = grid_runs(ArtifactStore(workspace), dataset_id, grid(made, n_seeds=2, first_seed=5))
    assert [(one["selection"], one["seed"]) for one in requests] == [
        (selection.id, seed) for selection in made for seed in (5, 6)
    ]
    rest = [
        {name: value for name, value in one.items() if name not in ("selection", "seed")} for one in requests
    ]
    assert all(one == rest[0] for one in rest)
    # Twelve rows, the most of the three, in batches of four: as many steps for the smaller ones.
    assert rest[0]["recipe_options"]["max_steps"] == 3


def test_asking_again_queues_nothing_twice(prepared: tuple[Path, str, list[Artifact]]) -> None:
    workspace, dataset_id, made = prepared
    first = submit_training_grid(open_workspace(workspace), dataset_id, grid(made))
    again = submit_training_grid(open_workspace(workspace), dataset_id, grid(made))
    assert [one.job.job_id for one in first] == [one.job.job_id for one in again]
    assert all(one.attached for one in again)


def test_what_cannot_be_compared_is_refused_before_anything_is_queued(
    prepared: tuple[Path, str, list[Artifact]],
) -> None:
    workspace, dataset_id, made = prepared
    database = Database(workspace)
    everything = run_step(workspace, dataset_id, "select", {"method": "random", "budget": 40})
    for wanted, error, said in (
        (grid(made[:1]), InvalidOptions, "2 or more"),
        (grid(made, n_seeds=25), InvalidOptions, "not 75"),
        (grid([*made, everything]), InvalidOptions, "none is left"),
        (TrainingGrid(selections=(made[0].id, "feed")), ArtifactMissing, "feed"),
    ):
        with pytest.raises(error, match=said):
            submit_training_grid(open_workspace(workspace), dataset_id, wanted)
    assert list_jobs(database, dataset_id=dataset_id, step="finetune") == []


def test_rows_left_over_are_drawn_without_repetition() -> None:
    picked = [np.array([0, 1]), np.array([1, 5])]
    rng = np.random.default_rng(0)
    assert held_out_by_all(6, picked, 99, rng).tolist() == [2, 3, 4]
    assert len(held_out_by_all(6, picked, 2, rng)) == 2


def test_the_grid_trains_the_tiny_model_and_its_losses_are_compared(
    prepared: tuple[Path, str, list[Artifact]], tmp_path: Path
) -> None:
    pytest.importorskip("trl")
    from tests.core.llms.conftest import build_model

    workspace, dataset_id, made = prepared
    store = ArtifactStore(workspace)
    model = build_model(tmp_path / "tiny")
    recipe = QUICK | {"learning_rate": 1e-2, "lora_r": 2, "bf16": "off", "use_cpu": True}
    wanted = grid(
        made, n_held_out=6, options={"model": str(model), "recipe_options": recipe, "n_generate": 0}
    )
    submitted = submit_training_grid(open_workspace(workspace), dataset_id, wanted)
    runs = []
    for one in submitted:
        pointers = {role: one.job.inputs[role] for role in ("selection", "held_out")}
        runs.append(run_step(workspace, dataset_id, "finetune", one.job.options | pointers))
    assert [run.id for run in runs] == [one.job.artifact_id for one in submitted]
    assert {run.summary["n_steps"] for run in runs} == {3}
    clustering = store.list(dataset_id, "clustering")[0]
    clusters = dict(enumerate(read_cluster_ids(clustering).tolist()))
    losses = method_losses([runs[:2], runs[2:]], clusters)
    whole = {one.method: one for one in losses if one.cluster_id == ALL_CLUSTERS}
    expected = (runs[0].summary["loss"] + runs[1].summary["loss"]) / 2
    assert whole[0].loss == pytest.approx(expected, rel=1e-5)
    assert (whole[0].n_runs, whole[1].n_runs, whole[0].n_rows) == (2, 1, 6)
    assert whole[0].low <= whole[0].loss <= whole[0].high
    assert np.isnan(whole[1].low)
    assert whole[0].base_loss == pytest.approx(whole[1].base_loss)
    parts = [one for one in losses if one.method == 1 and one.cluster_id != ALL_CLUSTERS]
    assert sum(one.n_rows for one in parts) == 6
    mean = sum(one.loss * one.n_rows for one in parts) / 6
    assert mean == pytest.approx(whole[1].loss, rel=1e-5)
