"""What a run will take, and what stands in its way: one question, whoever asks it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tamis.actions.submit import HERE, PlannedRun, RunTarget, freeze_pointers
from tamis.errors import CurationError, ForbiddenPath, UnreadableFile
from tamis.jobs.backends import Backend, Backends, backend_row
from tamis.jobs.forecast import forecast as jobs_forecast
from tamis.jobs.forecast import llm
from tamis.jobs.forecast.checks import Check, duration_text
from tamis.jobs.forecast.forecast import Forecast, submission_script, training_seconds
from tamis.jobs.forecast.llm import ASKING_STEPS, SAMPLE_ROWS, ModelsForecast
from tamis.jobs.forecast.process import LIMIT_S, ForecastProcess
from tamis.jobs.forecast.requirements import missing_packages
from tamis.jobs.model import Resources
from tamis.jobs.strangers_tokenizer import with_tokenizer_of
from tamis.models.endpoints import check_use
from tamis.recipes import SftOptions
from tamis.registry import Table, parse_options
from tamis.steps import STEPS
from tamis.steps.finetune.forecast import (
    BY_CHARACTERS,
    BY_ENCODER,
    BY_MODEL,
    GUESSED,
    Lengths,
    TrainingForecast,
    count_training,
    tokenizer_file,
    window_of,
)
from tamis.steps.finetune.forecast import row_lengths as count_rows
from tamis.steps.reach import allowed_model
from tamis.steps.refine.forecast import RoundsForecast
from tamis.steps.select.forecast import SelectionForecast
from tamis.steps.spec import Step, StepForecast
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import open_view
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

__all__ = [
    "ASKING_STEPS", "BY_CHARACTERS", "BY_ENCODER", "BY_MODEL", "GUESSED", "LIMIT_S", "SAMPLE_ROWS", "Check", "Forecast", "ForecastProcess", "Lengths",
    "ModelsForecast", "RoundsForecast", "SelectionForecast", "TrainingForecast", "duration_text", "forecast", "forecast_detail",
    "forecast_models", "missing_packages", "model_folder", "row_lengths", "submission_text", "training_forecast",
    "training_seconds",
]  # fmt: skip


def forecast(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    *,
    target: RunTarget = HERE,
    in_detail: bool = True,
    ask_rows: int = 0,
    backends: Mapping[str, Backend] | None = None,
    steps: Table[Step] = STEPS,
) -> Forecast:
    """Rows, tokens, time, memory, disk and cost of a run as far as they can be known, and what stands in its way.

    Nothing is started and no model is imported, unless ``ask_rows`` has language models asked about so many rows now.
    ``in_detail`` reads the rows for what the step itself says of them. Raises UnknownName, InvalidOptions, ForbiddenPath, and
    NotAllowed for a key that is not theirs to use; what else is wrong is an obstacle that says what to do.
    """
    problem = ""
    exact: Mapping[str, JSON] = options
    try:
        exact = freeze_pointers(workspace, dataset_id, step, options, steps=steps)
    except (ForbiddenPath, UnreadableFile):
        raise  # what may not be named is not looked at either
    except CurationError as error:
        problem = str(error)
    if ask_rows:
        _check_keys(workspace, step, exact, steps)
    allowed = parse_options(backend_row(target.backend).options, target.resources)
    assert isinstance(allowed, Resources)
    return jobs_forecast.forecast(
        workspace, dataset_id, step, exact, backend=target.backend, resources=allowed, in_detail=in_detail, ask_rows=ask_rows,
        backends=backends, steps=steps, problem=problem,
    )  # fmt: skip


def forecast_detail(
    workspace: Workspace, planned: PlannedRun, *, lengths: Lengths | None = None
) -> StepForecast | None:
    """What the step itself says of a planned run; None for a step that says nothing, and while an input is being made.

    ``lengths`` of the rows spare a training counting them. Raises InvalidOptions for a request that its inputs cannot
    meet.
    """
    known = {} if lengths is None else {"lengths": lengths}
    return jobs_forecast.step_forecast(workspace, planned.plan, **known)


def row_lengths(workspace: Workspace, dataset_id: str, rows: Int64s, model: str) -> Lengths:
    """Tokens of these rows, or of a sample of them, as a model would count them; raises LimitReached for a tokenizer of which
    a server has enough.
    """
    view = open_view(workspace.artifacts, dataset_id)
    asked = (view.examples, rows, _tokenizer(workspace, model), view.embeddings)
    return with_tokenizer_of(workspace, model, _counted, *asked)


def _counted(
    examples: Artifact, rows: Int64s, tokenizer: Path | None, embeddings: Artifact | None
) -> Lengths:
    return count_rows(examples, rows, tokenizer=tokenizer, embeddings=embeddings)


def model_folder(workspace: Workspace, model: str) -> str:
    """The tokenizer that would count for a model; empty while it is not on this machine, or may not be named by who asks."""
    return str(_tokenizer(workspace, model) or "")


def _tokenizer(workspace: Workspace, model: str) -> Path | None:
    try:
        return tokenizer_file(allowed_model(workspace, model), workspace.path)
    except (ForbiddenPath, UnreadableFile):
        return None


def training_forecast(
    workspace: Workspace, recipe: SftOptions, model: str, lengths: Lengths, *, n_train: int
) -> TrainingForecast:
    """What a training with a recipe on ``n_train`` rows of these lengths would read; nothing is held out."""
    window = window_of(allowed_model(workspace, model), workspace.path)
    return count_training(lengths, recipe, n_train=n_train, n_held_out=0, window=window)


def forecast_models(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    *,
    n_sample: int = SAMPLE_ROWS,
) -> ModelsForecast:
    """What the language models of a run will take, from asking them about a few of its rows here and now.

    ``ForecastProcess`` does the same in a process of its own. Raises InvalidOptions for a step that asks none, NotAllowed for a key
    that is not theirs to use.
    """
    exact = freeze_pointers(workspace, dataset_id, step, options)
    _check_keys(workspace, step, exact, STEPS)
    return llm.forecast_models(workspace.artifacts, dataset_id, step, exact, n_sample=n_sample)


def _check_keys(workspace: Workspace, step: str, options: Mapping[str, JSON], steps: Table[Step]) -> None:
    parsed = parse_options(steps[step].options, options)
    check_use(parsed.model_dump(mode="json"), workspace.actor.asker())


def submission_text(
    workspace: Workspace, step: str, target: RunTarget, backends: Mapping[str, Backend] | None = None
) -> str:
    """The command or script that a job of this step would run on its backend, with ``JOB`` where its id will stand."""
    chosen = Backends(workspace.settings) if backends is None else backends
    allowed = parse_options(backend_row(target.backend).options, target.resources)
    assert isinstance(allowed, Resources)
    return submission_script(chosen[target.backend], workspace.path, step, allowed)
