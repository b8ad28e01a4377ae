"""What a fine-tuning changed, token by token: the loss of a row under the base model and under the tuned one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tamis.actions.learned_tokens import LearnedRow, learned_tokens
from tamis.actions.runs import Run, find_run
from tamis.errors import CurationError
from tamis.models.adapters import WEIGHTS
from tamis.steps.base_model import base_model_folder
from tamis.store.workspace import Workspace

STEP = "finetune"


@dataclass(frozen=True, slots=True)
class RowLosses:
    """A row as a run read it, and for each of its pieces the negative log-likelihood in nats under both models.

    A piece of several tokens has their sum. NaN stands for the first token, before which nothing is, and for what is
    longer than a row may be.
    """

    learned: LearnedRow
    run_id: str
    base: tuple[float, ...]
    tuned: tuple[float, ...]

    @property
    def means(self) -> tuple[float, float]:
        """Mean loss of a learned token under base and tuned model; NaN where none is learned."""
        places = [
            i for i, one in enumerate(self.learned.tokens) if one.weight and math.isfinite(self.base[i])
        ]
        n_tokens = sum(len(self.learned.tokens[i].ids) for i in places)
        if not n_tokens:
            return math.nan, math.nan
        base, tuned = (sum(one[i] for i in places) / n_tokens for one in (self.base, self.tuned))
        return base, tuned

    @property
    def text(self) -> str:
        """A sentence on it."""
        if self.learned.reason or math.isnan(self.means[0]):
            return self.learned.text
        base, tuned = self.means
        return f"Row {self.learned.row}: mean loss of a learned token {base:.3f} before, {tuned:.3f} after the run."


def token_losses(workspace: Workspace, dataset_id: str, row: int, *, run_id: str = "") -> RowLosses:
    """The losses of a row under both models of a finished fine-tuning, the newest where none is named; loads both.

    The row is read with the run's own options, as it is corrected now where the run heeded corrections. Raises UnknownName,
    CurationError for a run that is not finished, ModelMissing, and InvalidOptions for a row that is not there.
    """
    run = find_run(workspace, dataset_id, STEP, run_id)
    if run.artifact is None:
        raise CurationError(
            f"The run {run.run_id} has not finished, so there is no tuned model. Wait for it."
        )
    given = run.options
    learned = learned_tokens(
        workspace, dataset_id, row, model=str(given["model"]), recipe=str(given["recipe"]),
        recipe_options=given.get("recipe_options") or {}, decided="decisions" in run.artifact.manifest.inputs,
    )  # fmt: skip
    folders = base_model_folder(str(given["model"]), workspace.path), run.artifact.path / WEIGHTS
    base, tuned = (_losses(folder, learned, run) for folder in folders)
    return RowLosses(learned, run.run_id, base, tuned)


def _losses(folder: Path, learned: LearnedRow, run: Run) -> tuple[float, ...]:
    from tamis.llms import TransformersOptions
    from tamis.llms.local import LocalModel

    ids = [token for one in learned.tokens for token in one.ids][: learned.limit]
    if len(ids) < 2:
        return (math.nan,) * len(learned.tokens)
    cpu = bool((run.options.get("recipe_options") or {}).get("use_cpu"))
    options = TransformersOptions(model=str(folder), device="cpu" if cpu else "auto")
    logs = LocalModel(options, lambda: folder, str(folder)).token_logs([ids])[0]
    return tuple(_of_pieces(learned, [math.nan, *(-logs).tolist()]))


def _of_pieces(learned: LearnedRow, losses: list[float]) -> Iterable[float]:
    start = 0
    for one in learned.tokens:
        own = losses[start : start + len(one.ids)]
        yield float(np.sum(own)) if len(own) == len(one.ids) else math.nan
        start += len(one.ids)
