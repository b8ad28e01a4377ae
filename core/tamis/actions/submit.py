"""One way to ask for a run: what the request points at is frozen, the result is named, and the job is queued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tamis.actions.roles import needs
from tamis.errors import ArtifactMissing, CurationError
from tamis.jobs.model import Job
from tamis.jobs.scheduler import queue
from tamis.jobs.scheduler.queue import Submission
from tamis.models.endpoints import check_use
from tamis.registry import Table, parse_options
from tamis.steps import STEPS
from tamis.steps.plan import Plan, active, newest, plan_step
from tamis.steps.reach import allowed_options
from tamis.steps.resolve_decisions import CURRENT, find_decisions, respected_by
from tamis.steps.resolve_rows import ACTIVE, NEWEST, freeze, look_at, no_selection
from tamis.steps.resolve_targets import freeze_target, reads_target, score_for
from tamis.steps.select.options import COLUMN, SelectOptions, check_weighting, own_quality, own_scores
from tamis.steps.spec import AS_IMPORTED, Step, as_recorded
from tamis.store.artifacts.choices import CHOSEN_KINDS, KIND_OF, Standing
from tamis.store.database.choices import has_choice, note_choice, read_choices
from tamis.store.names import name_dataset
from tamis.store.sequence import next_number
from tamis.store.workspace import Workspace
from tamis.types import JSON

__all__ = [
    "AS_IMPORTED",
    "CURRENT",
    "HERE",
    "LOCAL",
    "PlannedRun",
    "RunTarget",
    "Submission",
    "check_options",
    "freeze_pointers",
    "lacking_for_target",
    "placed_request",
    "plan_run",
    "repeat",
    "submit",
]

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class RunTarget:
    """Where a job runs, what it may use (``Resources`` by name), and its place in the queue: highest first."""

    backend: str = LOCAL
    resources: Mapping[str, JSON] = field(default_factory=dict)
    priority: int = 0


HERE: RunTarget = RunTarget()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """A request made exact: ``options`` point at artifacts alone, and ``artifact_id`` is what the result will be called."""

    dataset_id: str
    step: str
    options: Mapping[str, JSON]
    plan: Plan
    is_made: bool

    @property
    def artifact_id(self) -> str:
        """The id of the result; the same request always has the same."""
        return self.plan.artifact_id


@dataclass(frozen=True, slots=True)
class Repeat:
    """The request that a job came from, with the exact inputs it read."""

    dataset_id: str
    step: str
    options: Mapping[str, JSON]
    target: RunTarget


def check_options(workspace: Workspace, step: str, options: Mapping[str, JSON]) -> None:
    """Raise InvalidOptions for options that cannot be, ForbiddenPath for a file or a model that who asks may not name, NotAllowed
    for a key that is not theirs to use.
    """
    kind = STEPS[step].options
    parsed = parse_options(kind, allowed_options(workspace, kind, options))
    check_use(parsed.model_dump(mode="json"), workspace.actor.asker())


def freeze_pointers(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    *,
    steps: Table[Step] = STEPS,
) -> dict[str, JSON]:
    """The options with every pointer as the id of an artifact, by what the step's options declare to be one.

    Rows may be ``tag:NAME``, ``scope:SCOPE`` or ``selection:ID``, those that augment writes from ``wrong:EXAMINATION`` and
    ``missing:TARGET`` too; decisions ``current`` or ``none``, and where a selection
    is read and nothing is said, those it was made with; a selection may be ``active`` or ``newest``; targets are named with
    their shares. A quality or a cost
    that is a column (``column:NAME``) becomes scores; where no quality is named, it is the one that a person made active.
    Raises InvalidOptions for a set of rows that is none or empty, ArtifactMissing, and ForbiddenPath for a file or a model that
    who asks may not name.
    """
    values = allowed_options(workspace, steps[step].options, options)
    if step == "augment":
        from tamis.actions.augment_parents import (
            with_missing_examples,  # not before: it loads what targets read
        )

        values = with_missing_examples(workspace, dataset_id, values)
    asks = "quality" in steps[step].options.model_fields and values.get("quality") is None
    if asks and not own_quality(values):
        values |= _active_quality(workspace, dataset_id)
    _take_columns(workspace, dataset_id, values)
    _check_odds(workspace, dataset_id, values)
    for name, kind in steps[step].options.POINTERS.items():
        if values.get(name):
            values[name] = _frozen(workspace, dataset_id, kind, values[name])
    if reads_target(step, values) and not values.get("target"):
        values["target"] = freeze_target(workspace, dataset_id, "")
    for name, kind in steps[step].options.POINTERS.items():
        if kind == "decisions":
            values[name] = _decisions(workspace, dataset_id, values, name)
    return values


def _frozen(workspace: Workspace, dataset_id: str, kind: str, named: JSON) -> JSON:
    """What a pointer to something of a kind stands for, as an artifact's id."""
    if kind == "rows":
        return _frozen_rows(workspace, dataset_id, named)
    if kind == "target":
        return freeze_target(workspace, dataset_id, str(named))
    return _selections(workspace, dataset_id, named) if kind == "selection" else named


def plan_run(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    *,
    steps: Table[Step] = STEPS,
) -> PlannedRun:
    """Freeze the pointers, choose the inputs, jobs under way included, and name the result; nothing is queued.

    Raises UnknownName, InvalidOptions, and ArtifactMissing naming the step to run first.
    """
    dataset_id, exact = placed_request(workspace, dataset_id, step, options, steps)
    exact |= _planned_similarities(workspace, dataset_id, step, exact)
    pending = queue.pending_results(workspace.database, dataset_id)
    choices = read_choices(workspace.database, dataset_id)
    plan = plan_step(
        workspace.artifacts, dataset_id, step, exact, pending=pending, choices=choices, steps=steps
    )
    made = workspace.artifacts.find_whole(dataset_id, plan.step.makes, plan.artifact_id) is not None
    return PlannedRun(dataset_id=dataset_id, step=step, options=exact, plan=plan, is_made=made)


@needs("curator")
def submit(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    options: Mapping[str, JSON],
    *,
    target: RunTarget = HERE,
    standing: Standing | None = "asked",
    steps: Table[Step] = STEPS,
) -> Submission:
    """Queue a step, or find the job or the artifact that is already what it would make.

    What a person asks for is the active one of its kind from then on; what a run asks for stays ``inside`` it, and what is
    there to be looked at with another ``beside`` that (``ArtifactChoices``); None notes nothing, for what was there before. A step that makes a dataset gives it the name in its
    options. What a selection for a target still lacks, scores towards it and the embeddings that they read, is queued
    ``first``. Raises UnknownName, InvalidOptions and ArtifactMissing before anything is queued.
    """
    dataset_id, exact = placed_request(workspace, dataset_id, step, options, steps)
    exact, first = _score_first(workspace, dataset_id, step, exact, target=target, standing=standing)
    if step == "select" and exact.get("cost"):
        _check_costs(workspace, dataset_id, exact)
    if steps[step].makes == "examples" and exact.get("name"):
        name_dataset(workspace.database, dataset_id, str(exact["name"]))
    done = queue.submit(
        workspace, dataset_id, step, exact, backend=target.backend, resources=target.resources, priority=target.priority,
        for_a_run=standing != "asked", steps=steps,
    )  # fmt: skip
    if standing is not None:
        _note(workspace, done, standing)
    return replace(done, first=tuple(first))


def placed_request(
    workspace: Workspace, dataset_id: str, step: str, options: Mapping[str, JSON], steps: Table[Step] = STEPS
) -> tuple[str, dict[str, JSON]]:
    """The dataset that a request is about, or makes, and its exact options. Raises as ``freeze_pointers``."""
    exact = freeze_pointers(workspace, dataset_id, step, options, steps=steps)
    return (
        steps[step].load_place()(workspace, dataset_id, exact, options)
        if steps[step].place
        else (dataset_id, exact)
    )


def repeat(job: Job) -> Repeat:
    """What to submit to run a job again as it was: its options, the inputs it read, and where it ran."""
    pointers = STEPS[job.step].options.POINTERS if job.step in STEPS else {}
    exact = {role: job.inputs[role] for role in pointers if role in job.inputs}
    target = RunTarget(job.backend, job.resources.model_dump(exclude_defaults=True), job.priority)
    options = as_recorded(STEPS[job.step].options, job.options) if job.step in STEPS else job.options
    return Repeat(job.dataset_id, job.step, {**options, **exact}, target)


def _planned_similarities(
    workspace: Workspace, dataset_id: str, step: str, exact: Mapping[str, JSON]
) -> dict[str, JSON]:
    """The scores towards its target, or of its method's own, that a selection would read, where they are there or under way."""
    if step != "select":
        return {}
    own = own_scores(exact)
    if not own and (not reads_target(step, exact) or exact.get("similarities")):
        return {}
    planned = plan_run(workspace, dataset_id, "score", own or score_for(exact))
    pending = {one.artifact_id for one in queue.pending_results(workspace.database, dataset_id)}
    if planned.is_made or planned.artifact_id in pending:
        return {"scores" if own else "similarities": planned.artifact_id}
    if own:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no length in tokens yet: it is counted first when the selection is run."
        )
    raise ArtifactMissing(
        f"Dataset {dataset_id!r} has no scores towards this target yet: they are made first when the selection is run, or "
        f"by: tamis run score --dataset {dataset_id} --scorer {score_for(exact)['scorer']} --target NAME."
    )


def lacking_for_target(workspace: Workspace, dataset_id: str, options: Mapping[str, JSON]) -> tuple[str, ...]:
    """What a selection for a target has made first when it is submitted, in words; nothing for one that can be planned, or
    that cannot be made at all.
    """
    try:
        exact = freeze_pointers(workspace, dataset_id, "select", options)
        if not reads_target("select", exact) and not own_scores(exact):
            return ()
        parse_options(SelectOptions, exact).needs()
    except CurationError:
        return ()
    with suppress(ArtifactMissing):
        _planned_similarities(workspace, dataset_id, "select", exact)
        return ()
    if own_scores(exact):
        return ("the length of every response in tokens",)
    try:
        plan_run(workspace, dataset_id, "score", score_for(exact))
    except ArtifactMissing:
        return ("embeddings", "scores towards the target")
    return ("scores towards the target",)


def _score_first(
    workspace: Workspace,
    dataset_id: str,
    step: str,
    exact: dict[str, JSON],
    *,
    target: RunTarget,
    standing: Standing | None,
) -> tuple[dict[str, JSON], list[Job]]:
    """The options with the scores towards the target, or a method's own, and the jobs that make what of them is missing."""
    if step == "select" and own_scores(exact):
        parse_options(SelectOptions, exact).needs()
        # What a method reads of itself is not what a person made active.
        inside: Standing | None = None if standing is None else "inside"
        own = submit(workspace, dataset_id, "score", own_scores(exact), target=target, standing=inside)
        return exact | {"scores": own.job.artifact_id}, [] if own.already_done else [own.job]
    if step != "select" or not reads_target(step, exact) or exact.get("similarities"):
        return exact, []
    parse_options(SelectOptions, exact).needs()  # what cannot be is said before anything is queued
    asked, made = score_for(exact), []
    try:
        plan_run(workspace, dataset_id, "score", asked)
    except ArtifactMissing:
        made.append(submit(workspace, dataset_id, "embed", {}, target=target, standing=standing))
    made.append(submit(workspace, dataset_id, "score", asked, target=target, standing=standing))
    first = [one.job for one in made if not one.already_done]
    return exact | {"similarities": made[-1].job.artifact_id}, first


def _check_odds(workspace: Workspace, dataset_id: str, values: Mapping[str, JSON]) -> None:
    """Refuse odds in proportion to scores of a file that nobody declared never to be negative, before anything is queued."""
    weighting = str((values.get("method_options") or values).get("weighting") or "")
    quality = str(values.get("quality") or "")
    if weighting != "linear" or not quality or values.get("continue_from"):
        return
    scores = look_at(workspace, dataset_id).scores.get(quality)
    if scores is not None:
        check_weighting(weighting, quality, scores.manifest.options)


def _take_columns(workspace: Workspace, dataset_id: str, values: Mapping[str, JSON]) -> None:
    """Make scores of a column that is named as a quality or a cost."""
    from tamis.actions.given_scores import take_column  # not before: it loads all that scores rows

    named = [str(values.get("cost") or "")]
    named += [] if values.get("scores") else [str(values.get("quality") or "")]
    for column in (one for one in named if one.startswith(COLUMN)):
        take_column(workspace.artifacts, dataset_id, column.removeprefix(COLUMN))


def _note(workspace: Workspace, done: Submission, standing: Standing) -> None:
    """Note what the result is to people; what was there before a run drew it, too, stays what it was."""
    job, database = done.job, workspace.database
    kind = KIND_OF.get(job.kind, job.kind)
    if kind not in CHOSEN_KINDS:
        return
    was_there = done.already_done or done.attached
    if standing in ("inside", "beside") and (
        was_there or has_choice(database, job.dataset_id, job.artifact_id)
    ):
        return
    note_choice(database, job.dataset_id, kind, job.artifact_id, standing, next_number(workspace.path))


def _active_quality(workspace: Workspace, dataset_id: str) -> dict[str, JSON]:
    """The score that a person made active, as a quality; nothing where nobody did."""
    activated = read_choices(workspace.database, dataset_id).activated.get("scores", ())
    there = (workspace.artifacts.find(dataset_id, "scores", one) for one in activated)
    scores = next((one for one in there if one is not None), None)
    return {} if scores is None else {"quality": str(scores.manifest.options["scorer"])}


def _check_costs(workspace: Workspace, dataset_id: str, exact: Mapping[str, JSON]) -> None:
    """Refuse costs that are none before anything is queued, where all that is read is there."""
    from tamis.steps.select.step import make_problem

    pending = queue.pending_results(workspace.database, dataset_id)
    plan = plan_step(workspace.artifacts, dataset_id, "select", exact, pending=pending)
    if plan.waits_for or not isinstance(plan.options, SelectOptions):
        return
    inputs = {
        role: workspace.artifacts.get(dataset_id, plan.input_kinds[role], identifier)
        for role, identifier in plan.inputs.items()
    }
    make_problem(inputs, plan.options, int(inputs["examples"].summary["n_examples"]))


def _frozen_rows(workspace: Workspace, dataset_id: str, named: JSON) -> JSON:
    """The id of frozen rows, or a list of them for several sets."""
    if isinstance(named, str):
        return freeze(workspace, dataset_id, named)
    assert isinstance(named, Sequence)
    return [freeze(workspace, dataset_id, str(one)) for one in named]


def _selections(workspace: Workspace, dataset_id: str, named: JSON) -> JSON:
    if isinstance(named, str):
        return _selection_called(workspace, dataset_id, named) if named in (NEWEST, ACTIVE) else named
    assert isinstance(named, Sequence)
    return [_selections(workspace, dataset_id, one) for one in named]


def _selection_called(workspace: Workspace, dataset_id: str, word: str) -> str:
    pending = queue.pending_results(workspace.database, dataset_id)
    choices = read_choices(workspace.database, dataset_id)
    find = active if word == ACTIVE else newest
    candidate = find(workspace.artifacts, dataset_id, "selection", pending, choices)
    if candidate is None:
        has_own = bool(workspace.artifacts.list(dataset_id, "selection"))
        raise ArtifactMissing(no_selection(dataset_id, has_own=has_own))
    return candidate.artifact_id


def _decisions(workspace: Workspace, dataset_id: str, values: Mapping[str, JSON], name: str) -> str:
    pointer, selection = str(values.get(name) or ""), str(values.get("selection") or "")
    if pointer == AS_IMPORTED:
        return pointer
    if not pointer and selection:
        # As an export does: the texts that the selection was made from.
        made = workspace.artifacts.find(dataset_id, "selection", selection)
        return respected_by(made) if made is not None else ""
    decisions = find_decisions(workspace, dataset_id, pointer)
    return decisions.id if decisions is not None else ""
