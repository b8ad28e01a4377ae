"""Batches of rows that a model wrote: what became of them, why rows were filtered, and accepting all that passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tamis.actions.decisions import decision_snapshot, own_messages
from tamis.actions.roles import needs
from tamis.compute.augment.marks import GroupMark
from tamis.compute.augment.types import JudgedRow
from tamis.errors import ArtifactMissing, InvalidOptions, UnknownName
from tamis.filters import FILTERS
from tamis.reprs import HtmlFacts
from tamis.store.artifacts.batches import batches_of, passed_rows, read_batch, read_provenance, require_batch
from tamis.store.artifacts.examinations import KIND as EXAMINATION
from tamis.store.artifacts.examinations import read_examination, read_groups
from tamis.store.artifacts.proposals import read_proposals
from tamis.store.artifacts.store import Artifact
from tamis.store.review.decisions import decide_many
from tamis.store.review.types import BulkChoice, DecisionEvent
from tamis.store.workspace import Workspace
from tamis.types import Int64s

__all__ = [
    "BatchFunnel", "GroupMark", "JudgedRow", "accept_passed", "batch_funnel", "judged_rows", "examination_groups",
    "examination_rows", "find_examination", "list_batches", "provenance_rows", "rows_with_reason",
]  # fmt: skip
ADDITIONS = "additions"  # the method of proposals that are made of a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFunnel(HtmlFacts):
    """What became of a batch: jobs, drafts that could be read, problems and reasons by kind, and decisions so far.

    ``left_after`` says how many drafts were left after each filter that took some, in their order. ``by_group`` are passed
    rows by the group of their parents.
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
    decided = decision_snapshot(workspace, dataset_id).by_row
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
