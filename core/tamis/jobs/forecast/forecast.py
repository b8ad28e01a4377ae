"""What a run will take, and what stands in its way, before it is submitted: one answer from all that can be known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from tamis import __version__
from tamis.errors import CurationError
from tamis.jobs.backends import Backend, Backends, backend_row
from tamis.jobs.folder import JobFolder
from tamis.jobs.forecast.checks import PARTS_AND_RESULT, Check, cores, machine_checks
from tamis.jobs.forecast.llm import ModelsForecast, forecast_models
from tamis.jobs.forecast.measured import (
    MeasuredForecast,
    dataset_rows,
    earlier_runs,
    forecast_from_runs,
    training_rates,
)
from tamis.jobs.model import JobSpec, Resources
from tamis.jobs.scheduler.queue import pending_results
from tamis.jobs.strangers_tokenizer import with_tokenizer_of
from tamis.models.adapters import BUNDLED_LLM
from tamis.registry import Table, parse_options
from tamis.reprs import HtmlFacts
from tamis.steps import STEPS
from tamis.steps.finetune.forecast import TrainingForecast
from tamis.steps.finetune.options import FinetuneOptions
from tamis.steps.plan import Plan, plan_step
from tamis.steps.spec import Step, StepForecast, StepOptions
from tamis.store.database.choices import read_choices
from tamis.store.workspace import Workspace
from tamis.types import JSON

PLACEHOLDER = "JOB"
_MARKS = {True: "ok:", None: "not known:", False: "in the way:"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(HtmlFacts):
    """What a run will take; a number is None where there is nothing to go by.

    ``rows`` are those that it reads, ``tokens`` those that are read in one pass of a training, or read and written by
    language models. ``detail`` is what the step itself says, ``models`` what asking language models about a few rows said.
    """

    step: str
    rows: int | None
    tokens: int | None
    seconds: float | None
    memory_gb: float | None
    disk_gb: float | None
    cost: float | None
    already_done: bool
    checks: tuple[Check, ...]
    detail: StepForecast | None = None
    models: ModelsForecast | None = None

    def shown_facts(self) -> dict[str, object]:
        """The numbers that there are, then every check by its name."""
        # A dataclass with slots is another class than the one that super() knows.
        known = HtmlFacts.shown_facts(self)
        checks = {one.name: f"{_MARKS[one.ok]} {one.message} {one.next_step}" for one in self.checks}
        return {
            name: value for name, value in known.items() if value is not None and name != "checks"
        } | checks

    @property
    def ok(self) -> bool:
        """Whether nothing is known to stand in the way."""
        return not self.obstacles

    @property
    def obstacles(self) -> tuple[Check, ...]:
        """What stands in the way, each with what to do about it."""
        return tuple(check for check in self.checks if check.ok is False)


def forecast(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    *,
    backend: str = "local",
    resources: Resources | None = None,
    in_detail: bool = True,
    ask_rows: int = 0,
    problem: str = "",
    backends: Mapping[str, Backend] | None = None,
    steps: Table[Step] = STEPS,
) -> Forecast:
    """Look at everything that can be known before submitting, without starting anything.

    ``in_detail`` reads the rows for what the step itself says of them; with ``ask_rows`` the language models are asked
    about so many of them now. ``problem`` says why an input cannot be had. Raises UnknownName and InvalidOptions; what
    else is wrong is a check.
    """
    parsed = parse_options(steps[step].options, options)
    allowed = resources or Resources()
    place = (Backends(workspace.settings) if backends is None else backends)[backend]
    plan, detail, inputs = None, None, Check("inputs", False, problem)
    if not problem:
        plan, detail, inputs = _planned(workspace, dataset_id, step, options, steps, in_detail=in_detail)
    models = None
    if ask_rows:
        models = forecast_models(workspace.artifacts, dataset_id, step, options, n_sample=ask_rows)
    measured = _expected(workspace, dataset_id, parsed, step=step, backend=backend, workers=allowed.workers)
    measured = _with_models(_with_training(workspace, dataset_id, measured, parsed, detail), models)
    checks = machine_checks(
        measured, parsed, place, name=backend, resources=allowed, workspace=workspace.path, settings=workspace.settings
    )  # fmt: skip
    return Forecast(
        step=step,
        rows=dataset_rows(workspace.artifacts, dataset_id) if detail is None else detail.n_rows,
        tokens=_tokens(detail, models),
        seconds=measured.seconds,
        memory_gb=measured.memory_gb,
        disk_gb=None if measured.output_gb is None else measured.output_gb * PARTS_AND_RESULT,
        cost=None if models is None else models.cost,
        already_done=plan is not None and _is_made(workspace, plan),
        checks=(inputs, *checks),
        detail=detail,
        models=models,
    )


def step_forecast(workspace: Workspace, plan: Plan, **known: object) -> StepForecast | None:
    """What the step itself says of a run; None for a step that says nothing, and while an input is still being made.

    ``known`` spares it what is known already. Raises InvalidOptions for a request that the inputs cannot meet, and
    LimitReached for a tokenizer of which a server has enough.
    """
    if plan.waits_for or not plan.step.forecast:
        return None
    inputs = {
        role: workspace.artifacts.get(plan.dataset_id, plan.input_kinds[role], identifier)
        for role, identifier in plan.inputs.items()
    }
    look: Callable[..., StepForecast] = plan.step.load_forecast()
    if "lengths" in known:
        return look(inputs, plan.options, workspace.artifacts, **known)
    model = getattr(plan.options, "model", BUNDLED_LLM)
    return with_tokenizer_of(workspace, model, look, inputs, plan.options, workspace.artifacts)


def training_seconds(
    workspace: Workspace, dataset_id: str, options: FinetuneOptions, training: TrainingForecast
) -> float | None:
    """From the speed of finished trainings of the same model with the same recipe; None without one."""
    rates = training_rates(workspace, dataset_id, options.model, options.recipe)
    return training.n_tokens_in_all / median(rates) if rates else None


def submission_script(backend: Backend, workspace: Path, step: str, resources: Resources) -> str:
    """The command or script that a job of this step would run, with ``JOB`` where its id will stand."""
    spec = JobSpec(
        job_id=PLACEHOLDER,
        dataset_id=PLACEHOLDER,
        step=step,
        options={},
        inputs={},
        input_kinds={},
        makes=PLACEHOLDER,
        artifact_id=PLACEHOLDER,
        format_version=1,
        resources=resources,
        attempt=1,
        tamis_version=__version__,
        submitted_at="",
    )
    return backend.preview(JobFolder.of(workspace, PLACEHOLDER), spec)


def _expected(
    workspace: Workspace, dataset_id: str, options: StepOptions, *, step: str, backend: str, workers: int
) -> MeasuredForecast:
    """What earlier runs like this one took, for as many rows as the dataset has."""
    runs = earlier_runs(workspace, step, options, backend=backend)
    shared = backend_row(backend).shares_machine
    n_rows = dataset_rows(workspace.artifacts, dataset_id)
    return forecast_from_runs(runs, n_rows, workers=min(workers, cores()) if shared else workers)


def _planned(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    steps: Table[Step],
    *,
    in_detail: bool,
) -> tuple[Plan | None, StepForecast | None, Check]:
    """The plan, what its step says of it, and whether its inputs will do."""
    plan, detail = None, None
    try:
        pending = pending_results(workspace.database, dataset_id)
        choices = read_choices(workspace.database, dataset_id)
        plan = plan_step(
            workspace.artifacts, dataset_id, step, options, pending=pending, choices=choices, steps=steps
        )
        detail = step_forecast(workspace, plan) if in_detail else None
    except CurationError as error:
        return plan, None, Check("inputs", False, str(error))
    text = "Everything it reads is there."
    if plan.waits_for:
        text = f"It starts after {len(plan.waits_for)} job(s) whose results it reads."
    return plan, detail, Check("inputs", True, text)


def _is_made(workspace: Workspace, plan: Plan) -> bool:
    return workspace.artifacts.find_whole(plan.dataset_id, plan.step.makes, plan.artifact_id) is not None


def _tokens(detail: StepForecast | None, models: ModelsForecast | None) -> int | None:
    if models is not None and models.roles:
        return models.n_tokens
    return None if detail is None else detail.n_tokens


def _with_training(
    workspace: Workspace,
    dataset_id: str,
    measured: MeasuredForecast,
    options: StepOptions,
    detail: StepForecast | None,
) -> MeasuredForecast:
    """The time by the tokens that will be read, where earlier trainings of the kind were measured."""
    if not isinstance(detail, TrainingForecast) or not isinstance(options, FinetuneOptions):
        return measured
    seconds = training_seconds(workspace, dataset_id, options, detail)
    return measured if seconds is None else replace(measured, seconds=seconds)


def _with_models(measured: MeasuredForecast, models: ModelsForecast | None) -> MeasuredForecast:
    if models is None or not models.roles:
        return measured
    return replace(measured, seconds=models.load_s + models.seconds)
