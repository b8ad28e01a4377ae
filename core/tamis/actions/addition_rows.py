"""What stands beside a written row while somebody decides about it: its parents, a student's wrong answer, what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tamis.compute.augment.types import JudgedRow, ParentRow, Reason
from tamis.registry import parse_options
from tamis.steps.augment.material import given_parents, read_parents
from tamis.steps.augment.options import AugmentOptions
from tamis.steps.examine.step import ALL
from tamis.store.artifacts.batches import additions_to, read_batch
from tamis.store.artifacts.store import Artifact
from tamis.store.workspace import Workspace

__all__ = ["ALL_ROWS_GROUP", "RowBesideParents", "Additions", "ParentRow", "Reason", "open_additions"]
ALL_ROWS_GROUP = ALL  # the group of every row where an examination has no groups


@dataclass(frozen=True, slots=True)
class RowBesideParents:
    """A written row with the rows that it was written from; ``numbers`` are what was measured of it on the way, by name:
    the share of equal answers, of votes, and the like. ``texts`` are what it came with, such as a document.
    """

    judged: JudgedRow
    parents: tuple[ParentRow, ...]
    numbers: dict[str, float]
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Additions:
    """The rows of a batch, read once, and where their parents are; those of a dataset that was deleted are not known."""

    rows: Sequence[JudgedRow]
    options: AugmentOptions
    given: dict[int, ParentRow]
    parent: Artifact | None
    workspace: Workspace

    def of(self, rows: Sequence[int]) -> list[RowBesideParents]:
        """These rows with what stands beside them."""
        ids = sorted({one for row in rows for one in self.rows[row].row.provenance.parent_ids})
        known = dict(self.given)
        real = [one for one in ids if one >= 0]
        if self.parent is not None and real:
            found = read_parents(self.workspace.artifacts, self.parent, self.options, real)
            known |= {one.example_id: one for one in found}
        return [_addition(self.rows[row], known) for row in rows]


def open_additions(workspace: Workspace, dataset_id: str) -> Additions | None:
    """The written rows of a batch; None for a dataset that is none."""
    examples = workspace.artifacts.examples(dataset_id)
    target = additions_to(examples)
    if target is None:
        return None
    options = parse_options(AugmentOptions, examples.manifest.options)
    given = {one.example_id: one for one in given_parents(options)}
    parent = workspace.artifacts.find(target.dataset_id, "examples", target.examples)
    return Additions(read_batch(examples), options, given, parent, workspace)


def _addition(judged: JudgedRow, known: dict[int, ParentRow]) -> RowBesideParents:
    meta = judged.row.meta
    numbers = {
        name: float(value)
        for name, value in meta.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    texts = {name: value for name, value in meta.items() if isinstance(value, str) and value.strip()}
    parents = tuple(known[one] for one in judged.row.provenance.parent_ids if one in known)
    return RowBesideParents(judged, parents, numbers, texts)
