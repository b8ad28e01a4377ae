"""Every selection of a comparison trained with one recipe, one set of held-out rows and the same steps, at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson

from tamis.actions.forecast import Forecast, forecast
from tamis.actions.roles import needs
from tamis.actions.runs import Run, list_runs
from tamis.actions.submit import HERE, RunTarget, Submission, submit
from tamis.errors import InvalidOptions
from tamis.recipes import RECIPES, SftOptions
from tamis.registry import parse_options
from tamis.steps.compare.comparison import Comparison
from tamis.steps.compare.training import ALL_CLUSTERS, MethodLoss, method_losses
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.spec import AS_IMPORTED
from tamis.store.artifacts.frozen_rows import freeze_rows
from tamis.store.artifacts.readers import count_examples, read_selected_ids
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.row_sets import union
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

__all__ = [
    "ALL_CLUSTERS", "MAX_GRID_RUNS", "MethodLoss", "TrainingGrid", "grid_forecasts", "grid_runs", "held_out_by_all", "method_losses", "n_left",
    "runs_of_methods", "submit_training_grid", "training_grids",
]  # fmt: skip

MAX_GRID_RUNS = 72
LABEL = "held out by all"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingGrid:
    """What is trained: each of the selections with each of the seeds.

    ``options`` are those of finetune (model, recipe, recipe_options, n_generate, ...); which rows, which are held out
    and the seed are the grid's own. ``n_held_out`` rows, at most, are drawn among those that no selection picked.
    """

    selections: tuple[str, ...]
    n_held_out: int = 200
    n_seeds: int = 1
    first_seed: int = 42
    clustering: str = ""
    options: Mapping[str, JSON] = field(default_factory=dict)


def held_out_by_all(
    n_rows: int, selections: Sequence[Int64s], n_held_out: int, rng: np.random.Generator
) -> Int64s:
    """Sorted ids of at most ``n_held_out`` rows that are in none of the selections; raises InvalidOptions for none."""
    picked = np.zeros(n_rows, dtype=np.bool_)
    for rows in selections:
        picked[rows] = True
    left = np.flatnonzero(~picked)
    if not len(left):
        raise InvalidOptions(
            f"All {n_rows:,} rows are in one of these selections, so none is left to compare the trained models on: "
            "compare fewer selections or smaller ones."
        )
    return np.sort(rng.permutation(left)[:n_held_out]).astype(np.int64)


def grid_runs(store: ArtifactStore, dataset_id: str, grid: TrainingGrid) -> list[dict[str, JSON]]:
    """The options of every run, ``held_out`` left open; raises InvalidOptions and ArtifactMissing.

    All make as many steps as the largest selection needs for its epochs, so that a larger one is no advantage.
    """
    selections = [store.get(dataset_id, "selection", one) for one in dict.fromkeys(grid.selections)]
    n_runs = len(selections) * grid.n_seeds
    if len(selections) < 2 or not grid.n_seeds >= 1 or n_runs > MAX_GRID_RUNS:
        raise InvalidOptions(
            f"{len(selections)} selections with {grid.n_seeds} seeds: train 2 or more selections in at most {MAX_GRID_RUNS} "
            f"runs, not {n_runs}."
        )
    asked = parse_options(FinetuneOptions, {**grid.options, "held_out_fraction": 0.1})
    recipe = {**asked.recipe_options, "max_steps": _steps(asked, selections)}
    shared: dict[str, JSON] = {**grid.options, "recipe_options": recipe}
    if grid.clustering:
        shared["clustering"] = grid.clustering
    seeds = [grid.first_seed + i for i in range(grid.n_seeds)]
    return [{**shared, "selection": one.id, "seed": seed} for one in selections for seed in seeds]


@needs("curator")
def submit_training_grid(
    workspace: Workspace,
    dataset_id: str,
    grid: TrainingGrid,
    *,
    target: RunTarget = HERE,
) -> tuple[Submission, ...]:
    """Queue every run that is not there yet, in the order of ``grid_runs``.

    Raises InvalidOptions, UnknownName and ArtifactMissing before anything is queued.
    """
    requests = _runs_on_the_same_rows(workspace, dataset_id, grid)
    return tuple(submit(workspace, dataset_id, "finetune", values, target=target) for values in requests)


def grid_forecasts(
    workspace: Workspace, dataset_id: str, grid: TrainingGrid, *, target: RunTarget = HERE
) -> dict[str, Forecast]:
    """What a run of each selection would take, by the selection's id: its seeds take alike. Nothing is started.

    Raises InvalidOptions, UnknownName and ArtifactMissing.
    """
    first: dict[str, dict[str, JSON]] = {}
    for values in _runs_on_the_same_rows(workspace, dataset_id, grid):
        first.setdefault(values["selection"], values)
    return {
        one: forecast(workspace, dataset_id, "finetune", values, target=target)
        for one, values in first.items()
    }


def _runs_on_the_same_rows(
    workspace: Workspace, dataset_id: str, grid: TrainingGrid
) -> list[dict[str, JSON]]:
    """``grid_runs``, with the rows that all hold out."""
    requests = grid_runs(workspace.artifacts, dataset_id, grid)
    examples = workspace.artifacts.examples(dataset_id)
    picked = [
        read_selected_ids(workspace.artifacts.get(dataset_id, "selection", one)) for one in grid.selections
    ]
    rng = np.random.default_rng(grid.first_seed)
    held_out = held_out_by_all(count_examples(examples), picked, grid.n_held_out, rng)
    frozen = freeze_rows(workspace.artifacts, dataset_id, held_out, LABEL).id
    # As imported: held-out rows that a decision changed for one of them would be other rows than for the rest.
    shared: dict[str, JSON] = {"held_out": frozen, "decisions": AS_IMPORTED}
    return [values | shared for values in requests]


def training_grids(workspace: Workspace, dataset_id: str, comparison: Comparison) -> dict[str, list[Run]]:
    """Runs over the compared selections that can be held beside each other, by what they share: held-out rows, model and
    recipe.
    """
    compared = {one.id for one in comparison.selections}
    grids: dict[str, list[Run]] = {}
    for run in list_runs(workspace, dataset_id, "finetune"):
        if run.inputs.get("selection") in compared and run.inputs.get("held_out"):
            shared = [run.options.get(name) for name in ("model", "recipe", "recipe_options")]
            key = orjson.dumps([run.inputs["held_out"], *shared], option=orjson.OPT_SORT_KEYS).decode()
            grids.setdefault(key, []).append(run)
    return {key: runs for key, runs in grids.items() if len({run.inputs["selection"] for run in runs}) > 1}


def runs_of_methods(comparison: Comparison, runs: Sequence[Run]) -> list[list[Run]]:
    """The finished runs of each method, over all its seeds."""
    by_selection: dict[str, list[Run]] = {}
    for run in runs:
        if run.artifact is not None:
            by_selection.setdefault(run.inputs["selection"], []).append(run)
    return [
        [run for i in method.selections for run in by_selection.get(comparison.selections[i].id, [])]
        for method in comparison.methods
    ]


def n_left(store: ArtifactStore, dataset_id: str, selections: Sequence[str]) -> int:
    """How many rows no selection picked."""
    rows: Int64s = np.empty(0, dtype=np.int64)
    for one in selections:
        rows = union(rows, read_selected_ids(store.get(dataset_id, "selection", one)))
    return count_examples(store.examples(dataset_id)) - len(rows)


def _steps(asked: FinetuneOptions, selections: Sequence[Artifact]) -> int:
    options = asked.chosen_options("recipe")
    assert isinstance(options, SftOptions) and asked.recipe in RECIPES
    if options.max_steps > 0:
        return options.max_steps
    most = max(int(one.summary["n_selected"]) for one in selections)
    per_step = options.per_device_train_batch_size * options.gradient_accumulation_steps
    return max(1, math.ceil(math.ceil(most / per_step) * options.num_train_epochs))
