"""The plan of an artifact that was made before, from what is recorded of it: the very one, and nothing that is like it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tamis.errors import CurationError
from tamis.formats.layout import HUB_PREFIX
from tamis.jobs import job_table
from tamis.jobs.scheduler.queue import pending_results
from tamis.registry import parse_options
from tamis.steps import STEPS
from tamis.steps.import_file.identify import file_hash
from tamis.steps.import_file.options import ImportOptions, SourceFile
from tamis.steps.plan import Plan, name_result
from tamis.steps.spec import Step, as_recorded
from tamis.store.artifacts.store import Manifest
from tamis.store.names import names_of_all
from tamis.store.workspace import Workspace
from tamis.types import JSON

BACKUP = "take it from a backup (tamis restore)"


def maker_of(workspace: Workspace, named: tuple[str, str, str], recorded: Manifest | None) -> str:
    """The step that makes an artifact (dataset, kind, id) by its manifest, else by its job; "" where no step is known."""
    known = [recorded.step] if recorded is not None else []
    known += [job.step for job in job_table.jobs_for_artifact(workspace.database, *named)]
    return next((step for step in known if step in STEPS and STEPS[step].makes == named[1]), "")


def plan_again(workspace: Workspace, named: tuple[str, str, str], recorded: Manifest | None) -> Plan:
    """The plan whose result has this name (dataset, kind, id), from the job that made it or its manifest.

    Raises CurationError in one sentence: where nothing is recorded that makes this very artifact, where an input is gone or
    damaged and no job makes it, and where a file that was imported is gone, another one by now, or of a hub.
    """
    what = f"{named[1]} {named[2]} of {named[0]!r}"
    plan = next(_recorded_plans(workspace, named, recorded), None)
    if plan is None:
        raise CurationError(
            f"{what} cannot be computed again: what made it is not known to this edition any more; {BACKUP}."
        )
    _require_inputs(workspace, plan, what)
    return plan


def plan_of_manifest(workspace: Workspace, recorded: Manifest) -> Plan:
    """The plan by what a manifest says alone. Raises CurationError for options that this edition does not take."""
    step = STEPS[recorded.step]
    return _exact_plan(workspace, recorded.dataset_id, step, _options_of(recorded), recorded.inputs)


def _recorded_plans(
    workspace: Workspace, named: tuple[str, str, str], recorded: Manifest | None
) -> Iterator[Plan]:
    """The plans by which the artifact has its name, that of the newest job first."""
    dataset_id, kind, identifier = named
    requests: list[tuple[str, Mapping[str, JSON], Mapping[str, str]]] = [
        (job.step, job.options, job.inputs) for job in job_table.jobs_for_artifact(workspace.database, *named)
    ]
    if recorded is not None:
        requests.append((recorded.step, _options_of(recorded), recorded.inputs))
    for name, options, inputs in requests:
        if name not in STEPS or STEPS[name].makes != kind:
            continue
        try:
            plan = _exact_plan(workspace, dataset_id, STEPS[name], options, inputs)
        except CurationError:
            continue  # options that this edition does not take, or that were damaged
        if plan.artifact_id == identifier:
            yield plan


def _exact_plan(
    workspace: Workspace, dataset_id: str, step: Step, options: Mapping[str, JSON], inputs: Mapping[str, str]
) -> Plan:
    values = as_recorded(step.options, options)
    asked = {name: _pointed_at(name, inputs) for name in step.options.POINTERS if not values.get(name)}
    values |= {name: value for name, value in asked.items() if value is not None}
    parsed = parse_options(step.options, values)
    if "name" in step.options.model_fields and step.makes == "examples":  # what people call it by now
        called = names_of_all(workspace.database).get(dataset_id)
        parsed = parsed.model_copy(update={"name": called}) if called else parsed
    if isinstance(parsed, ImportOptions):
        parsed = parsed.model_copy(update={"files": tuple(_moved(workspace, one) for one in parsed.files)})
    kinds = {need.role: need.kind for need in parsed.needs()}
    under_way = {one.artifact_id: one.job_id for one in pending_results(workspace.database, dataset_id)}
    return Plan(
        dataset_id=dataset_id,
        step=step,
        options=parsed,
        inputs=dict(inputs),
        input_kinds={role: kinds.get(role, role) for role in inputs},
        artifact_id=name_result(step, parsed, inputs),
        waits_for=tuple(sorted({under_way[one] for one in inputs.values() if one in under_way})),
    )


def _pointed_at(name: str, inputs: Mapping[str, str]) -> JSON:
    """What an option named that is known by its inputs alone: one, or several in their order; None for nothing."""
    several = [one for role, one in sorted(inputs.items()) if re.fullmatch(rf"{name[:-1]}_\d+", role)]
    return inputs.get(name) or several or None


def _options_of(recorded: Manifest) -> dict[str, JSON]:
    """The options of a manifest, with what names nothing and is told by its summary alone."""
    options = dict(recorded.options)
    if recorded.step == "import":
        known = SourceFile.model_fields
        files = [file for file in recorded.summary.get("files") or () if isinstance(file, dict)]
        options["files"] = [{key: value for key, value in file.items() if key in known} for file in files]
    if recorded.kind == "examples":
        options.setdefault("name", str(recorded.summary.get("name") or recorded.dataset_id))
    return options


def _moved(workspace: Workspace, file: SourceFile) -> SourceFile:
    """The file where it is now: an upload lies in the workspace, which may be elsewhere by now."""
    path = Path(file.path)
    here = workspace.path / "uploads" / path.parent.name / path.name
    return file if path.exists() or not here.is_file() else file.model_copy(update={"path": str(here)})


def _require_inputs(workspace: Workspace, plan: Plan, what: str) -> None:
    store = workspace.artifacts
    under_way = {one.artifact_id for one in pending_results(workspace.database, plan.dataset_id)}
    for role, identifier in plan.inputs.items():
        kind = plan.input_kinds[role]
        if identifier in under_way or store.find_whole(plan.dataset_id, kind, identifier) is not None:
            continue
        state = "is damaged" if store.damage_of(plan.dataset_id, kind, identifier) else "is gone"
        raise CurationError(
            f"{what} is made from {kind} {identifier}, which {state} and has to be there first: once that is made again, "
            f"tamis doctor --verify --recompute; or {BACKUP}."
        )
    if isinstance(plan.options, ImportOptions):
        for file in plan.options.files:
            if state := _unlike(file):
                raise CurationError(
                    f"{what} was imported from {file.path}, which {state}: bring back the file as it was, or {BACKUP}, or "
                    "import again what there is, as a dataset of its own."
                )


def _unlike(file: SourceFile) -> str:
    """Why a file is not known to be the one that was imported; "" for the very same."""
    path = Path(file.path)
    if file.path.startswith(HUB_PREFIX):
        return "is of a hub and may be another one there by now"
    if not path.exists():
        return "is not there"
    return "" if file_hash(path) == file.content_hash else "is another file by now"
