"""What became of the rows of a dataset in a version made from it, and who decided it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import orjson

from tamis.errors import InvalidOptions
from tamis.store.artifacts.readers import EXAMPLES, read_example_rows, read_examples
from tamis.store.artifacts.store import Artifact, ArtifactStore
from tamis.store.artifacts.versions import ancestor_ids, parent_of, read_parent_ids, versions
from tamis.store.review.frozen_decisions import KIND, FrozenDecision, read_frozen_decisions
from tamis.types import Int64s, Message

ChangeKind: TypeAlias = Literal["corrected", "edited", "dropped", "added"]
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class RowDiff:
    """One row that differs: its example id in either dataset, NOWHERE where it is missing, and who decided it, if known.

    ``corrected``: the text is a proposal that somebody approved, or a rule or file brought; ``edited``: somebody wrote
    it.
    """

    kind: ChangeKind
    old_id: int
    new_id: int
    decision: FrozenDecision | None


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """The rows that differ, in the order of the dataset that both come from (``base_id``), and how many are alike."""

    old_id: str
    new_id: str
    base_id: str
    rows: tuple[RowDiff, ...]
    n_kept: int

    def of(self, kind: str) -> tuple[RowDiff, ...]:
        """The rows of one kind."""
        return tuple(row for row in self.rows if row.kind == kind)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of every kind."""
        return {kind: len(self.of(kind)) for kind in CHANGE_KINDS}


def diff_versions(store: ArtifactStore, old_id: str, new_id: str) -> VersionDiff:
    """Compare two datasets of one family row by row: usually a version with what it was made from.

    Rows are the same where they come from the same row of the newest dataset that both were made from (or are). Rows
    are ``added`` where only the old one lost them, or where they came from a batch. Raises InvalidOptions for datasets that have no such common
    ancestor, DatasetMissing, and ArtifactMissing where a dataset between them was deleted.
    """
    base_id = _common_ancestor(store, old_id, new_id)
    old, new = store.examples(old_id), store.examples(new_id)
    old_base, new_base = ancestor_ids(store, old, base_id), ancestor_ids(store, new, base_id)
    there = np.flatnonzero(old_base != NOWHERE), np.flatnonzero(new_base != NOWHERE)
    both, in_old, in_new = np.intersect1d(
        old_base[there[0]], new_base[there[1]], assume_unique=True, return_indices=True
    )
    in_old, in_new = there[0][in_old], there[1][in_new]
    differs = _hashes(old)[in_old] != _hashes(new)[in_new]
    decided = _decided(store, old, base_id) | _decided(store, new, base_id)
    changes = [
        (int(base), RowDiff(_how(decided.get(int(base))), int(a), int(b), decided.get(int(base))))
        for base, a, b in zip(both[differs], in_old[differs], in_new[differs], strict=True)
    ]
    for row in np.flatnonzero(~np.isin(old_base, both)).tolist():
        base = int(old_base[row])
        changes.append((base, RowDiff("dropped", row, NOWHERE, decided.get(base))))
    for row in np.flatnonzero(~np.isin(new_base, both)).tolist():
        base = int(new_base[row])
        changes.append((base, RowDiff("added", NOWHERE, row, decided.get(base))))
    # What came from a batch is in no row of the base, and comes last.
    rows = tuple(row for _, row in sorted(changes, key=lambda pair: (pair[0] == NOWHERE, pair[0])))
    return VersionDiff(old_id, new_id, base_id, rows, len(both) - int(differs.sum()))


def unchanged_rows(store: ArtifactStore, examples: Artifact, ancestor: str) -> Int64s:
    """For each row the row of an ancestor that it is word for word, shape (n,); NOWHERE for changed and added ones.

    Raises InvalidOptions for a dataset that is no ancestor, and ArtifactMissing where one between them was deleted.
    """
    before = ancestor_ids(store, examples, ancestor)
    there = np.flatnonzero(before != NOWHERE)
    differs = _hashes(examples)[there] != _hashes(store.examples(ancestor))[before[there]]
    before[there[differs]] = NOWHERE
    return before


def comparable(store: ArtifactStore, dataset_id: str) -> list[str]:
    """The datasets that this one was made from and that are still there, its parent first."""
    line = versions(store, dataset_id)[:-1]
    there = set(store.dataset_ids())
    return [one for one in reversed(line) if one in there]


def read_conversations(examples: Artifact, ids: Int64s) -> dict[int, tuple[Message, ...]]:
    """The conversations of some rows; only what holds them is read."""
    if not len(ids):
        return {}
    wanted = np.unique(ids)
    table = read_example_rows(examples.file(EXAMPLES), wanted, ["messages"])
    texts = [orjson.loads(str(text)) for text in table["messages"].to_pylist()]
    return dict(zip(wanted.tolist(), map(tuple, texts), strict=True))


def _common_ancestor(store: ArtifactStore, old_id: str, new_id: str) -> str:
    """The newest dataset that both were made from or are."""
    for one in (old_id, new_id):
        store.examples(one)  # a name that is wrong is said as such
    mine = versions(store, old_id)
    shared = [one for one in versions(store, new_id) if one in mine]
    if not shared:
        raise InvalidOptions(
            f"{new_id!r} and {old_id!r} come from no common dataset, so their rows cannot be matched. Compare a "
            "version with a dataset that it was made from."
        )
    return shared[-1]


def _hashes(examples: Artifact) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.array(read_examples(examples, ["content_hash"])["content_hash"].to_pylist(), dtype=object)


def _decided(store: ArtifactStore, examples: Artifact, base_id: str) -> dict[int, FrozenDecision]:
    """By row of the ancestor, the last decision that changed it on the way to this dataset."""
    steps: list[tuple[Int64s, Mapping[int, FrozenDecision]]] = []
    current = examples
    while current.manifest.dataset_id != base_id:
        parent = parent_of(current)
        assert parent is not None  # base_id is an ancestor
        frozen = store.find(parent.dataset_id, KIND, parent.decisions)
        steps.append((read_parent_ids(current), read_frozen_decisions(frozen) if frozen is not None else {}))
        current = store.get(parent.dataset_id, "examples", parent.examples)
    base = np.arange(int(current.summary["n_examples"]), dtype=np.int64)
    by_row: dict[int, FrozenDecision] = {}
    for parents, decisions in reversed(steps):
        for row, decision in decisions.items():
            if decision.verdict != "keep" and base[row] != NOWHERE:
                by_row[int(base[row])] = decision
        base = np.where(parents == NOWHERE, NOWHERE, base[parents])
    return by_row


def _how(decision: FrozenDecision | None) -> ChangeKind:
    return "corrected" if decision is not None and decision.via in ("approve", "rule") else "edited"
