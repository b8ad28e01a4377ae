"""How long a referee would take here: one model loaded, two steps trained and a few rows measured, by the clock."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.actions.referee import RANDOM_EACH, RefereeRequest, methods_of, prepare_referee
from tamis.actions.roles import needs
from tamis.compute.referee.claims import SCHEMES
from tamis.compute.referee.token_steps import steps_of_budget
from tamis.recipes import RECIPES, SftOptions
from tamis.registry import parse_options
from tamis.steps.base_model import base_model_folder
from tamis.steps.finetune.rows import training_records, write_training_file
from tamis.store.workspace import Workspace

TIMED_STEPS, TIMED_ROWS = 2, 16


@dataclass(frozen=True, slots=True)
class RefereeEstimate:
    """Seconds of one training with its measuring, and how many there are at the first look and at the last.

    ``load_seconds``, ``step_seconds`` and ``row_seconds`` are what was timed: a model, a step, a held-out row.
    """

    training_seconds: float
    load_seconds: float
    step_seconds: float
    row_seconds: float
    n_steps: int
    n_held_out: int
    n_families: int
    n_pool: int
    n_first: int
    n_most: int

    @property
    def text(self) -> str:
        """A sentence or two for a terminal or a page."""
        return (
            f"One training takes about {self.training_seconds:,.0f} s here ({self.n_steps:,} {'step' if self.n_steps == 1 else 'steps'} of {self.step_seconds:.1f} s, "
            f"{self.n_held_out:,} held-out rows of {self.n_families:,} families measured). {self.n_first:,} trainings to the first "
            f"look: about {_duration(self.n_first * self.training_seconds)}; {self.n_most:,} at most: about "
            f"{_duration(self.n_most * self.training_seconds)}. Selecting is not counted."
        )


@needs("curator", writes=False)
def estimate_referee(workspace: Workspace, dataset_id: str, request: RefereeRequest) -> RefereeEstimate:
    """Time a step of this very training in this process; nothing is queued, and rows are held out as the run will do it.

    Raises InvalidOptions, UnknownName and ModelMissing.
    """
    from tamis.recipes.token_budget import BudgetRequest, train_and_measure

    names, plan = methods_of(request), prepare_referee(workspace, dataset_id, request)
    recipe = parse_options(RECIPES[request.recipe].options, dict(request.recipe_options))
    assert isinstance(recipe, SftOptions)
    examples = workspace.artifacts.examples(dataset_id)
    rng = np.random.default_rng(request.seed)
    drawn = np.sort(rng.permutation(plan.split.pool)[: 2 * TIMED_STEPS * request.step_tokens // 8])
    some = np.sort(rng.permutation(plan.split.held_out)[:TIMED_ROWS])
    with tempfile.TemporaryDirectory(prefix=".referee-", dir=workspace.path) as name:
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
    n_steps = steps_of_budget(request.budget_tokens, request.step_tokens)
    step, row = timed.train_seconds / timed.n_steps, timed.measure_seconds / len(some)
    n_held_out, each = len(plan.split.held_out), len(names) - 1 + RANDOM_EACH
    return RefereeEstimate(
        training_seconds=timed.load_seconds + n_steps * step + n_held_out * row,
        load_seconds=timed.load_seconds, step_seconds=step, row_seconds=row,
        n_steps=n_steps, n_held_out=n_held_out, n_families=plan.split.n_families, n_pool=len(plan.split.pool),
        n_first=min(SCHEMES) * each + 1, n_most=request.max_seeds * each + 1,
    )  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
