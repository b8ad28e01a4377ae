"""From a request (dataset, step, options) to a plan: exact inputs, the artifact's name, and which jobs to wait for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tamis.errors import ArtifactMissing
from tamis.registry import Table, parse_options
from tamis.steps import STEPS
from tamis.steps.spec import Need, Step, StepOptions
from tamis.store.artifacts.choices import NO_CHOICES, ArtifactChoices
from tamis.store.artifacts.store import ArtifactStore, artifact_id
from tamis.store.artifacts.targets import KIND as TARGET
from tamis.store.artifacts.targets import no_target
from tamis.types import JSON


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can fill a need: a finished artifact, or one that a job under way will make."""

    kind: str
    artifact_id: str
    options: Mapping[str, JSON]
    sequence: int
    created_at: str
    job_id: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


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
    choices: ArtifactChoices = NO_CHOICES,
    steps: Table[Step] = STEPS,
) -> Plan:
    """Resolve a request against finished artifacts and jobs under way: what is not named is what a person chose last.

    Raises UnknownName for the step, InvalidOptions for its options, ArtifactMissing naming the step to run first.
    """
    step = steps[step_name]
    assert isinstance(step, Step)
    options = parse_options(step.options, values)
    needs = options.needs()
    # Jobs under way first: one that ends in between is then found twice, and never missed.
    candidates = [one for one in (pending if needs else ()) if not _is_there(store, dataset_id, one)]
    # What a job under way makes although it is there is damaged, so it is waited for.
    made_anew = {(one.kind, one.artifact_id) for one in candidates}
    finished = _finished(store, dataset_id, {need.kind for need in needs})
    candidates += [one for one in finished if (one.kind, one.artifact_id) not in made_anew]
    chosen: dict[str, Candidate | None] = {}
    for need in needs:
        chosen[need.role] = _choose(_narrowed(need, chosen), candidates, choices, dataset_id, steps)
    inputs = {role: candidate.artifact_id for role, candidate in chosen.items() if candidate is not None}
    return Plan(
        dataset_id=dataset_id,
        step=step,
        options=options,
        inputs=inputs,
        input_kinds={role: c.kind for role, c in chosen.items() if c is not None},
        artifact_id=name_result(step, options, inputs),
        waits_for=tuple(sorted({c.job_id for c in chosen.values() if c is not None and c.job_id})),
    )


def _is_there(store: ArtifactStore, dataset_id: str, pending: Candidate) -> bool:
    """Whether what a job will make is there already, whole: nothing has to wait for it; what is damaged is waited for."""
    return store.find_whole(dataset_id, pending.kind, pending.artifact_id) is not None


def name_result(step: Step, options: StepOptions, inputs: Mapping[str, str]) -> str:
    """The id of the artifact that a step makes with these options from these inputs."""
    return artifact_id(
        step.makes,
        options={"step": step.name} | options.identity() | options.meaning(),
        inputs=inputs,
        format_version=step.format_version,
    )


def newest(
    store: ArtifactStore,
    dataset_id: str,
    kind: str,
    pending: Iterable[Candidate] = (),
    choices: ArtifactChoices = NO_CHOICES,
) -> Candidate | None:
    """The newest artifact of a kind that is no run's own, one that a job under way will make included; None for none."""
    return max(_able(store, dataset_id, kind, pending, choices), key=_age, default=None)


def active(
    store: ArtifactStore,
    dataset_id: str,
    kind: str,
    pending: Iterable[Candidate] = (),
    choices: ArtifactChoices = NO_CHOICES,
) -> Candidate | None:
    """The artifact of a kind that a person chose last, one that a job under way will make included; else the newest."""
    able = _able(store, dataset_id, kind, pending, choices)
    return max(able, key=lambda one: _chosen(one, choices), default=None)


def _able(
    store: ArtifactStore, dataset_id: str, kind: str, pending: Iterable[Candidate], choices: ArtifactChoices
) -> list[Candidate]:
    candidates = [one for one in pending if one.kind == kind] + _finished(store, dataset_id, (kind,))
    return [one for one in candidates if not choices.is_apart(one.artifact_id, one.options)]


def _age(candidate: Candidate) -> tuple[int, str, str]:
    return candidate.sequence, candidate.created_at, candidate.artifact_id


def _chosen(candidate: Candidate, choices: ArtifactChoices) -> tuple[tuple[bool, int], tuple[int, str, str]]:
    return choices.rank(candidate.artifact_id, candidate.sequence, candidate.options), _age(candidate)


def _finished(store: ArtifactStore, dataset_id: str, kinds: Iterable[str]) -> list[Candidate]:
    return [
        Candidate(a.kind, a.id, a.manifest.options, a.sequence, a.asked_at, inputs=a.manifest.inputs)
        for kind in sorted(kinds)
        for a in store.list(dataset_id, kind)
    ]


def _choose(
    need: Need, candidates: list[Candidate], choices: ArtifactChoices, dataset_id: str, steps: Table[Step]
) -> Candidate | None:
    fitting = [c for c in candidates if c.kind == need.kind and _fits(need, c, choices)]
    if fitting:
        return max(fitting, key=lambda one: _chosen(one, choices))
    if need.optional and not need.chosen:
        return None
    raise ArtifactMissing(_missing_message(need, dataset_id, steps))


def _narrowed(need: Need, chosen: Mapping[str, Candidate | None]) -> Need:
    """The need for exactly what another input was made from, where that is known and nobody chose."""
    reader = chosen.get(need.read_by)
    made_from = reader.inputs.get(need.role, "") if reader is not None else ""
    return replace(need, chosen=made_from) if made_from and not need.chosen else need


def _fits(need: Need, candidate: Candidate, choices: ArtifactChoices) -> bool:
    if need.chosen:
        return candidate.artifact_id == need.chosen
    if choices.is_apart(candidate.artifact_id, candidate.options):
        return False
    return all(candidate.options.get(key) == value for key, value in (need.where or {}).items())


def _missing_message(need: Need, dataset_id: str, steps: Table[Step]) -> str:
    if need.chosen:
        return (
            f"Dataset {dataset_id!r} has no {need.kind} {need.chosen!r}; leave it out to use the newest one."
        )
    if need.kind == TARGET:
        return no_target(dataset_id)
    makers = [name for name, step in steps.items() if step.makes == need.kind]
    where = need.where or {}
    narrowed = "".join(f" --{key} {value}" for key, value in where.items())
    which = " with " + ", ".join(f"{key} {value!r}" for key, value in where.items()) if where else ""
    return (
        f"Dataset {dataset_id!r} has no {need.kind}{which} yet. "
        f"Run {makers[0]!r} first: tamis run {makers[0]} --dataset {dataset_id}{narrowed}."
        if makers
        else f"Dataset {dataset_id!r} has no {need.kind}: import it again."
    )
