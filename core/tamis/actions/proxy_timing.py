"""How long one training of a study takes here: a model loaded, two steps trained and a few rows measured, by the clock."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.actions.proxy_pool import ProxyRequest
from tamis.compute.referee.token_steps import steps_of_budget
from tamis.recipes import RECIPES, SftOptions
from tamis.registry import parse_options
from tamis.steps.base_model import base_model_folder
from tamis.steps.finetune.rows import training_records, write_training_file
from tamis.steps.proxies.preparation import PoolSplit
from tamis.store.workspace import Workspace

TIMED_STEPS, TIMED_ROWS = 2, 16


@dataclass(frozen=True, slots=True)
class TrainingTime:
    """Seconds that were timed: of a model, a step and a held-out row; and what one training has of them."""

    load_seconds: float
    step_seconds: float
    row_seconds: float
    n_steps: int
    n_held_out: int
    n_families: int

    @property
    def seconds(self) -> float:
        """Of one training with its measuring."""
        return self.load_seconds + self.n_steps * self.step_seconds + self.n_held_out * self.row_seconds

    @property
    def text(self) -> str:
        """A sentence for a terminal or a page."""
        steps = f"{self.n_steps:,} {'step' if self.n_steps == 1 else 'steps'} of {self.step_seconds:.1f} s"
        return (
            f"One training takes about {self.seconds:,.0f} s here ({steps}, {self.n_held_out:,} held-out rows of "
            f"{self.n_families:,} families measured)."
        )


def time_training(
    workspace: Workspace, dataset_id: str, request: ProxyRequest, split: PoolSplit
) -> TrainingTime:
    """Time a step of this very training in this process; raises ModelMissing."""
    from tamis.recipes.token_budget import BudgetRequest, train_and_measure

    recipe = parse_options(RECIPES[request.recipe].options, dict(request.recipe_options))
    assert isinstance(recipe, SftOptions)
    examples = workspace.artifacts.examples(dataset_id)
    rng = np.random.default_rng(request.seed)
    drawn = np.sort(rng.permutation(split.pool)[: 2 * TIMED_STEPS * request.step_tokens // 8])
    some = np.sort(rng.permutation(split.held_out)[:TIMED_ROWS])
    # Not in the workspace, which may be one that can only be looked at; the folder is its owner's alone.
    with tempfile.TemporaryDirectory(prefix="tamis-timing-") as name:
        files = [Path(name) / one for one in ("train.jsonl", "held_out.jsonl")]
        for file, rows in zip(files, (drawn, some), strict=True):
            write_training_file(file, training_records(examples, rows, {}))
        timed = train_and_measure(
            BudgetRequest(
                model=base_model_folder(request.model, workspace.path), train_file=files[0], held_out_file=files[1],
                budget_tokens=TIMED_STEPS * request.step_tokens, step_tokens=request.step_tokens,
                count="response" if request.count == "response" else "all", seed=request.seed,
                on_progress=lambda stage, done, total: None,
            ),
            recipe,
        )  # fmt: skip
    return TrainingTime(
        load_seconds=timed.load_seconds, step_seconds=timed.train_seconds / timed.n_steps,
        row_seconds=timed.measure_seconds / len(some), n_steps=steps_of_budget(request.budget_tokens, request.step_tokens),
        n_held_out=len(split.held_out), n_families=split.n_families,
    )  # fmt: skip


def time_in_words(seconds: float) -> str:
    """Seconds, minutes or hours, as one says them."""
    if seconds < 90:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
