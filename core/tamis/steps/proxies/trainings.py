"""All trainings of a study: those that are not there are made here or by whatever processes the job has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tamis.compute.text.row_families import link_rows
from tamis.recipes import SftOptions
from tamis.steps.base_model import base_model_folder
from tamis.steps.chunks import InThisProcess
from tamis.steps.context import StepContext
from tamis.steps.execute import Task
from tamis.steps.finetune.company import row_families, row_prompts
from tamis.steps.proxies.judged import JudgedExamples, say_judged, target_tokens
from tamis.steps.proxies.options import ProxyOptions
from tamis.steps.proxies.preparation import most_tokens
from tamis.steps.proxies.training import KIND, TrainingWork
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.types import Int64s


def make_trainings(context: StepContext, wanted: Sequence[Task]) -> list[Artifact]:
    """Have every training made that is not there, each once, and return one for each that is wanted.

    Each is an artifact of its own, so that a study that was stopped goes on from those that are there.
    """
    store = ArtifactStore(context.workspace)
    tasks = tuple({task.artifact_id: task for task in wanted}.values())
    missing = [
        i for i, t in enumerate(tasks) if store.find_whole(context.dataset_id, KIND, t.artifact_id) is None
    ]
    done = len(tasks) - len(missing)
    here = isinstance(context.parallel, InThisProcess)
    reporter = _OneOfAll(context, done, len(tasks)) if here else None

    def landed(number: int | None) -> None:
        nonlocal done
        done += number is not None
        if reporter is not None:
            reporter.done = done
        context.progress("train", done, len(tasks), f"{done:,} of {len(tasks):,} trainings")

    landed(None)
    if missing:
        work = TrainingWork(context.workspace.absolute(), tasks, reporter)
        context.parallel.run(work, missing, landed)
    return [store.get(context.dataset_id, KIND, task.artifact_id) for task in wanted]


class _OneOfAll:
    """Says of a training's own progress which of all trainings it is; raises when the job is cancelled."""

    def __init__(self, context: StepContext, done: int, total: int) -> None:
        self._context, self.done, self._total = context, done, total

    def progress(self, stage: str, done: int, total: int, message: str = "") -> None:
        """The part of one training as a part of all."""
        words = f"{self.done:,} of {self._total:,} trainings; {stage} {done:,} of {total:,}"
        self._context.progress("train", self.done, self._total, words)

    def metric(self, name: str, value: float, position: float) -> None:
        """Nothing is drawn of one training."""


def held_out_families(examples: Artifact, rows: Int64s) -> Int64s:
    """A number for each held-out row, the same for those that belong together."""
    links = link_rows(
        row_prompts(examples, rows, {}), row_families(examples, rows, {}), np.random.default_rng(0)
    )
    return links.groups()


def say_measured_on(
    context: StepContext, options: ProxyOptions, base: Artifact, judged: JudgedExamples
) -> list[str]:
    """What of its targets a study is not measured on, by the model as it is, ``base``, and the options of its training."""
    recipe = options.chosen_options("recipe")
    assert isinstance(recipe, SftOptions)
    limit = most_tokens(base_model_folder(options.model, context.workspace), recipe)
    return say_judged(judged, target_tokens(base)[1], limit)
