"""From a request (dataset, step, options) to a plan: exact inputs, the artifact's name, and which jobs to wait for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.errors import ArtifactMissing
from core.registry import parse_options
from core.steps import STEPS
from core.steps.context import Need
from core.steps.spec import Step, StepOptions
from core.store.artifacts import ArtifactStore, artifact_id
from core.types import JSON


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can fill a need: a finished artifact, or one that a job under way will make."""

    kind: str
    artifact_id: str
    options: Mapping[str, JSON]
    created_at: str
    job_id: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request made exact; the same plan always names the same artifact."""

    dataset_id: str
    step: Step
    options: StepOptions
    inputs: dict[str, str]
    input_kinds: dict[str, str]
    artifact_id: str
    waits_for: tuple[str, ...]


def plan_step(
    store: ArtifactStore,
    dataset_id: str,
    step_name: str,
    values: Mapping[str, JSON],
    *,
    pending: Iterable[Candidate] = (),
) -> Plan:
    """Resolve a request against finished artifacts and jobs under way.

    Raises UnknownName for the step, InvalidOptions for its options, ArtifactMissing naming the step to run first.
    """
    step = STEPS[step_name]
    assert isinstance(step, Step)
    options = parse_options(step.options, values)
    candidates = _finished(store, dataset_id) + list(pending)
    chosen = {need.role: _choose(need, candidates, dataset_id) for need in options.needs()}
    inputs = {role: candidate.artifact_id for role, candidate in chosen.items() if candidate is not None}
    return Plan(
        dataset_id=dataset_id,
        step=step,
        options=options,
        inputs=inputs,
        input_kinds={role: c.kind for role, c in chosen.items() if c is not None},
        artifact_id=artifact_id(
            step.makes,
            options={"step": step_name} | options.identity(),
            inputs=inputs,
            format_version=step.format_version,
        ),
        waits_for=tuple(sorted({c.job_id for c in chosen.values() if c is not None and c.job_id})),
    )


def _finished(store: ArtifactStore, dataset_id: str) -> list[Candidate]:
    return [
        Candidate(a.kind, a.id, a.manifest.options, a.manifest.created_at) for a in store.list(dataset_id)
    ]


def _choose(need: Need, candidates: list[Candidate], dataset_id: str) -> Candidate | None:
    fitting = [c for c in candidates if c.kind == need.kind and _fits(need, c)]
    if fitting:
        return max(fitting, key=lambda c: (c.created_at, c.artifact_id))
    if need.optional and not need.chosen:
        return None
    raise ArtifactMissing(_missing_message(need, dataset_id))


def _fits(need: Need, candidate: Candidate) -> bool:
    if need.chosen:
        return candidate.artifact_id == need.chosen
    return all(candidate.options.get(key) == value for key, value in (need.where or {}).items())


def _missing_message(need: Need, dataset_id: str) -> str:
    if need.chosen:
        return f"Dataset {dataset_id!r} has no {need.kind} {need.chosen!r}; leave it out to use the newest one."
    makers = [name for name in STEPS if getattr(STEPS[name], "makes", "") == need.kind]
    narrowed = "".join(f" --{key} {value}" for key, value in (need.where or {}).items())
    return (
        f"Dataset {dataset_id!r} has no {need.kind} yet. "
        f"Run {makers[0]!r} first: tamis run {makers[0]} --dataset {dataset_id}{narrowed}."
        if makers
        else f"Dataset {dataset_id!r} has no {need.kind}: import it again."
    )
