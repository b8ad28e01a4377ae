"""Batches of rows that a model wrote: what became of them, why rows were filtered, and accepting all that passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tamis.actions.decisions import decision_snapshot, own_messages
from tamis.actions.roles import needs
from tamis.actions.teams import decided_as_seen
from tamis.compute.augment.marks import GroupMark
from tamis.compute.augment.types import JudgedRow
from tamis.errors import ArtifactMissing, InvalidOptions, UnknownName
from tamis.filters import FILTERS
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.batches import (
    additions_to,
    batches_of,
    every_batch,
    passed_rows,
    read_batch,
    read_provenance,
    require_batch,
)
from tamis.store.artifacts.examinations import KIND as EXAMINATION
from tamis.store.artifacts.examinations import read_examination, read_groups
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.artifacts.readers import read_rejects
from tamis.store.artifacts.store import Artifact
from tamis.store.review.decisions import decide_many
from tamis.store.review.types import BulkChoice, DecisionEvent
from tamis.store.workspace import Workspace
from tamis.types import JSON, Int64s

__all__ = [
    "AdditionsWaiting", "BatchFunnel", "BatchGroup", "BatchProblem", "GroupMark", "JudgedRow", "accept_passed",
    "additions_waiting", "batch_funnel", "batch_groups", "batch_of", "batch_problems", "examination_groups",
    "examination_rows", "find_examination", "group_records", "judged_rows", "list_batches", "provenance_rows", "rows_with_reason",
]  # fmt: skip
ADDITIONS = "additions"  # the method of proposals that are made of a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFunnel(HtmlFacts):
    """What became of a batch: jobs, drafts that could be read, problems and reasons by kind, and decisions so far.

    ``left_after`` says how many drafts were left after each filter that took some, in their order. ``by_group`` are passed
    rows by the group of their parents. Decisions are counted as who asks may know them: of rows shared with others, own ones.
    """

    dataset_id: str
    adds_to: str
    stopped_by: str
    n_jobs: int
    n_drafts: int
    n_passed: int
    problems: Mapping[str, int]
    reasons: Mapping[str, int]
    left_after: Mapping[str, int]
    n_accepted: int
    n_dropped: int
    n_waiting: int
    by_group: Mapping[str, int]
    questions: int
    tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchGroup(HtmlFacts):
    """A group of parents: how many drafts were written from it, how many passed and how many of all were accepted, beside
    how often the examined model is right there; ``mark`` is None where none was examined.
    """

    group: str
    n_drafts: int
    n_passed: int
    n_accepted: int
    mark: GroupMark | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionsWaiting(HtmlFacts):
    """Rows of all batches of a dataset that passed their filters, and how many of these wait for who asks."""

    n_waiting: int
    n_passed: int
    newest: str  # the batch to look at first: the newest in which some wait


@dataclass(frozen=True, slots=True)
class BatchProblem:
    """A job that gave no row: its number from 1, the kind of problem, what is said of it, and the raw answer."""

    job: int
    kind: str
    said: str
    raw: str


def list_batches(workspace: Workspace, dataset_id: str) -> list[BatchFunnel]:
    """What became of every batch that adds to a dataset, oldest first."""
    workspace.artifacts.examples(dataset_id)  # a name that is wrong is said as such
    return [
        batch_funnel(workspace, one.manifest.dataset_id)
        for one in batches_of(workspace.artifacts, dataset_id)
    ]


def batch_funnel(workspace: Workspace, dataset_id: str) -> BatchFunnel:
    """What became of a batch; raises InvalidOptions for a dataset that is none, DatasetMissing."""
    examples = workspace.artifacts.examples(dataset_id)
    target, summary = require_batch(examples), examples.summary
    provenance = read_provenance(examples)
    passed = provenance["passed"].to_numpy().astype(np.bool_)
    groups = np.array(provenance["group"].to_pylist(), dtype=object)[passed]
    decided = decided_as_seen(workspace, dataset_id).by_row
    verdicts = Counter(one.verdict for one in decided.values())
    reasons: dict[str, int] = dict(summary["reasons"])
    left, left_after = int(summary["n_drafts"]), {}
    for name in (name for name in FILTERS if name in reasons):
        left -= reasons[name]
        left_after[name] = left
    return BatchFunnel(
        dataset_id=dataset_id,
        adds_to=target.dataset_id,
        stopped_by=str(summary["stopped_by"]),
        n_jobs=int(summary["n_jobs"]),
        n_drafts=int(summary["n_drafts"]),
        n_passed=int(summary["n_passed"]),
        problems=dict(summary["reject_reasons"]),
        reasons=reasons,
        left_after=left_after,
        n_accepted=verdicts["keep"] + verdicts["replace"],
        n_dropped=verdicts["drop"],
        n_waiting=int((~np.isin(np.flatnonzero(passed), list(decided))).sum()),
        by_group=dict(sorted(Counter(groups.tolist()).items())),
        questions=int(summary["questions"]),
        tokens=int(summary["prompt_tokens"]) + int(summary["completion_tokens"]),
        cost=summary["cost"],
    )


def batch_of(examples: Artifact) -> str:
    """The dataset that a batch adds to; "" for a dataset that is none."""
    target = additions_to(examples)
    return "" if target is None else target.dataset_id


def batch_groups(workspace: Workspace, dataset_id: str) -> list[BatchGroup]:
    """Drafts of a batch by the group of their parents, the least accurate first, those without an accuracy last.

    Raises InvalidOptions for a dataset that is no batch.
    """
    examples = workspace.artifacts.examples(dataset_id)
    target = require_batch(examples)
    table = read_provenance(examples)
    groups = [str(one or "") for one in table["group"].to_pylist()]
    passed = table["passed"].to_pylist()
    decided = decided_as_seen(workspace, dataset_id).by_row
    taken = {row for row, one in decided.items() if one.verdict in ("keep", "replace")}
    named = str(examples.manifest.options.get("examination") or "")
    examination = workspace.artifacts.find(target.dataset_id, EXAMINATION, named) if named else None
    marks = {} if examination is None else {one.group: one for one in read_groups(examination)}
    made = [
        BatchGroup(
            group=name,
            n_drafts=len(rows),
            n_passed=sum(bool(passed[row]) for row in rows),
            n_accepted=sum(row in taken for row in rows),
            mark=marks.get(name),
        )
        for name in sorted({*groups, *marks})
        for rows in [[row for row, group in enumerate(groups) if group == name]]
    ]
    return sorted(made, key=lambda one: (one.mark is None, one.mark.accuracy if one.mark else 0.0, one.group))


def group_records(groups: Sequence[BatchGroup]) -> list[dict[str, JSON]]:
    """Groups for a program, flat: accuracy and its interval are null where none was examined."""
    names = ("accuracy", "low", "high")
    return [
        {"group": one.group, "n_drafts": one.n_drafts, "n_passed": one.n_passed, "n_accepted": one.n_accepted}
        | {name: None if one.mark is None or not one.mark.n else getattr(one.mark, name) for name in names}
        for one in groups
    ]


def additions_waiting(workspace: Workspace) -> dict[str, AdditionsWaiting]:
    """By dataset, the rows of its batches that passed, and how many wait for a decision; datasets without any are left out."""
    found: dict[str, AdditionsWaiting] = {}
    for target, examples in every_batch(workspace.artifacts):
        batch = examples.manifest.dataset_id
        decided = decided_as_seen(workspace, batch).by_row
        passed = passed_rows(examples)
        n_waiting = int((~np.isin(passed, list(decided))).sum())
        before = found.get(target.dataset_id)
        found[target.dataset_id] = AdditionsWaiting(
            n_waiting=n_waiting + (before.n_waiting if before else 0),
            n_passed=len(passed) + (before.n_passed if before else 0),
            newest=batch if n_waiting or before is None else before.newest,
        )
    return {dataset_id: one for dataset_id, one in found.items() if one.n_waiting}


def batch_problems(workspace: Workspace, dataset_id: str, *, most: int = 100) -> list[BatchProblem]:
    """The first jobs of a batch that gave no row, each with its answer; raises InvalidOptions for a dataset that is none."""
    examples = workspace.artifacts.examples(dataset_id)
    require_batch(examples)
    lines = read_rejects(examples).slice(0, most).to_pylist()
    return [BatchProblem(one["line"], *_parted(one["reason"]), one["raw"] or "") for one in lines]


def _parted(reason: str) -> tuple[str, str]:
    kind, _, said = reason.partition(": ")
    return kind, said


def rows_with_reason(workspace: Workspace, dataset_id: str, name: str) -> Int64s:
    """Ids of the rows of a batch that a filter has something against; raises UnknownName for no filter."""
    if name not in FILTERS:
        raise UnknownName(FILTERS.kind, name, FILTERS)
    reasons = read_provenance(workspace.artifacts.examples(dataset_id))["reasons"].to_pylist()
    rows = [
        place for place, several in enumerate(reasons) if any(one["filter"] == name for one in several or ())
    ]
    return np.array(rows, dtype=np.int64)


def judged_rows(workspace: Workspace, dataset_id: str) -> list[JudgedRow]:
    """Every row of a batch with where it comes from and what speaks against it, in order."""
    return read_batch(workspace.artifacts.examples(dataset_id))


def provenance_rows(examples: Artifact) -> pa.Table:
    """Where every row of a batch comes from and what speaks against it."""
    return read_provenance(examples)


@needs("curator")
def accept_passed(workspace: Workspace, dataset_id: str, *, reviewer: str) -> DecisionEvent:
    """Keep every row of a batch that passed its filters and that nobody decided about, as one event, undone as one.

    Where proposals were made of the batch, the newest ones say what passed. Raises InvalidOptions when no such row waits.
    """
    examples = workspace.artifacts.examples(dataset_id)
    require_batch(examples)
    passed, proposals_id = _passed(workspace, examples)
    if not len(passed):
        raise InvalidOptions(
            f"No row of {dataset_id!r} passed its filters. Take rows by hand in Review, propose additions with other filters, or "
            f"read the reasons: tamis batches show --dataset {dataset_id}."
        )
    decided = decision_snapshot(workspace, dataset_id)
    rows = passed[decided.open_rows(passed)]
    if not len(rows):
        raise InvalidOptions(
            f"No row of {dataset_id!r} that passed waits for a decision: {len(passed):,} passed, all are decided. Look at the "
            f"others by hand: tamis review --dataset {dataset_id}."
        )
    choices = [
        BulkChoice(int(row), "keep", None, own, decided.seen_event(int(row)))
        for row, own in zip(rows, own_messages(workspace, dataset_id, rows), strict=True)
    ]
    rule = f"accept all that passed the filters ({len(rows):,} of {len(passed):,})"
    return decide_many(
        workspace.database, dataset_id, choices, rule=rule, proposals_id=proposals_id, reviewer=reviewer
    )


def _passed(workspace: Workspace, examples: Artifact) -> tuple[Int64s, str]:
    """Rows that passed, and the proposals that say so; "" where the batch itself does."""
    made = workspace.artifacts.list(examples.manifest.dataset_id, "proposals")
    proposals = next((one for one in made if one.summary.get("method") == ADDITIONS), None)
    if proposals is None:
        return passed_rows(examples), ""
    table = read_proposals(proposals, ["example_id", "action"])
    is_add = np.array([action == "add" for action in table["action"].to_pylist()], dtype=np.bool_)
    ids: Int64s = table["example_id"].to_numpy()[is_add]
    return ids, proposals.id


def find_examination(workspace: Workspace, dataset_id: str, examination: str = "") -> Artifact:
    """An examination by its id, or the newest; raises ArtifactMissing naming the step to run."""
    if examination:
        return workspace.artifacts.get(dataset_id, EXAMINATION, examination)
    made = workspace.artifacts.list(dataset_id, EXAMINATION)
    if not made:
        raise ArtifactMissing(
            f"Dataset {dataset_id!r} has no examination yet: tamis run examine --dataset {dataset_id}."
        )
    return made[0]


def examination_rows(examination: Artifact) -> pa.Table:
    """A line per row that was asked: example_id, answer, mark, value, group, why."""
    return read_examination(examination)


def examination_groups(examination: Artifact) -> list[GroupMark]:
    """Accuracy of every group with its interval."""
    return read_groups(examination)
