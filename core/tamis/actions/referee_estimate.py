"""How long a referee would take here: one step of its training timed."""

from __future__ import annotations

from dataclasses import dataclass

from tamis.actions.proxy_timing import time_in_words, time_training
from tamis.actions.referee import (
    RANDOM_EACH,
    RefereeRequest,
    draw_for_referee,
    judged_title,
    methods_of,
    steered,
    with_target,
)
from tamis.actions.roles import needs
from tamis.compute.referee.claims import SCHEMES
from tamis.store.workspace import Workspace


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
    text: str


@needs("curator", writes=False)
def estimate_referee(workspace: Workspace, dataset_id: str, request: RefereeRequest) -> RefereeEstimate:
    """Time a step of this very training in this process, on rows held out as the run will do it; nothing is queued or kept.

    Raises InvalidOptions, UnknownName, ModelMissing, and MissingExtra without the harness that tasks are asked with.
    """
    if request.lm_eval_tasks:
        from tamis.steps.finetune.harness import Harness  # not before: a workspace is opened without it

        Harness(request.lm_eval_tasks, workspace.settings.task_folders)
    request = with_target(workspace, dataset_id, request)
    names, drawn = methods_of(request), draw_for_referee(workspace, dataset_id, request)
    timed = time_training(workspace, dataset_id, request, drawn.split)
    each = len(names) - 1 + RANDOM_EACH
    first, most = min(SCHEMES) * each + 1, request.max_seeds * each + 1
    return RefereeEstimate(
        training_seconds=timed.seconds,
        load_seconds=timed.load_seconds, step_seconds=timed.step_seconds, row_seconds=timed.row_seconds,
        n_steps=timed.n_steps, n_held_out=timed.n_held_out, n_families=timed.n_families, n_pool=len(drawn.split.pool),
        n_first=first, n_most=most,
        text=(
            f"{timed.text} {first:,} trainings to the first look: about {time_in_words(first * timed.seconds)}; {most:,} at most: "
            f"about {time_in_words(most * timed.seconds)}. Selecting is not counted."
            + "".join(f" {one}" for one in (*_say_steered(request), *drawn.told))
        ),
    )  # fmt: skip


def _say_steered(request: RefereeRequest) -> list[str]:
    return [f"{judged_title(name)} selects towards {request.target}." for name in steered(request)]
