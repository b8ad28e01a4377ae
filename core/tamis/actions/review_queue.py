"""The queue of a review: which proposals wait in which order, and who looks at which of them now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tamis.actions.dataset_context import DatasetContext
from tamis.actions.decisions import DecisionSnapshot
from tamis.actions.proposals import proposal_columns
from tamis.actions.read_rows import cluster_of, matching
from tamis.actions.roles import needs
from tamis.compute.clear.review_order import (
    ORDERS,
    SAMPLE,
    ProposalColumns,
    choose_kinds,
    count_kinds,
    order_rows,
    waiting_rows,
)
from tamis.store.artifacts.store import Artifact
from tamis.store.review.claims import Claim, claim, claim_ahead, claimed, release_reviewer
from tamis.store.rows.scope import ALL_ROWS, Scope
from tamis.store.workspace import Workspace
from tamis.types import Int64s

ORDER_TITLES: Mapping[str, tuple[str, str]] = {name: (o.title, o.summary) for name, o in ORDERS.items()}
UNBIASED = SAMPLE  # the order whose decisions say something about all rows


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The rows to review in order, whether they are decided or not."""

    proposals: Artifact
    columns: ProposalColumns
    order: str
    kinds: tuple[str, ...]
    scope: Scope
    rows: Int64s

    @property
    def is_usual(self) -> bool:
        """Whether the kinds are those that nobody had to ask for."""
        return self.kinds == choose_kinds(self.columns, self.order)

    @property
    def kind_counts(self) -> dict[str, int]:
        """How many proposals of each kind there are, in this queue or not, what changes something first."""
        return count_kinds(self.columns)

    def place(self, row: int) -> int | None:
        """Where a row stands in the queue, from 0; None outside it."""
        at = np.flatnonzero(self.rows == row)
        return int(at[0]) if len(at) else None

    def onward(self, row: int, *, forward: bool = True) -> Int64s:
        """The rows behind one, or before it, nearest first, decided ones included."""
        at = self.place(row) or 0
        return self.rows[at + 1 :] if forward else self.rows[:at][::-1]


def open_queue(
    context: DatasetContext,
    proposals: Artifact,
    *,
    order: str = "",
    kinds: Sequence[str] = (),
    scope: Scope = ALL_ROWS,
    columns: ProposalColumns | None = None,
) -> ReviewQueue:
    """The queue in an order of ORDERS (by confidence unless named), of the kinds asked for (by default all that change
    something), of the rows in scope.
    """
    known = proposal_columns(proposals) if columns is None else columns
    named = order if order in ORDERS else next(iter(ORDERS))
    chosen = choose_kinds(known, named, kinds)
    within = matching(context, scope) if scope.conditions else None
    rows = order_rows(known, named, chosen, cluster_of(context), within)
    rows.flags.writeable = False
    return ReviewQueue(proposals, known, named, chosen, scope, rows)


def next_rows(
    queue: ReviewQueue, decided: DecisionSnapshot, *, after: int | None = None, skipped: Collection[int] = ()
) -> Int64s:
    """The rows that wait for a decision in the order in which they come, behind ``after`` and those skipped last."""
    return waiting_rows(queue.rows, decided.open_rows(queue.rows), after, skipped)


@needs("reviewer")
def hold_row(
    workspace: Workspace,
    dataset_id: str,
    rows: Sequence[int],
    session: str,
    *,
    reviewer: str,
    since: int | None = None,
    ended: Collection[str] = (),
) -> int | None:
    """Hold the first of these rows that no other living session has, for two minutes; None when all are taken.

    A session holds one row. Rows decided after the revision ``since`` are passed over; what ``ended`` sessions of the
    same reviewer hold is taken over.
    """
    return claim(workspace.database, dataset_id, rows, session, reviewer=reviewer, since=since, ended=ended)


@needs("reviewer")
def hold_ahead(
    workspace: Workspace,
    dataset_id: str,
    rows: Sequence[int],
    count: int,
    session: str,
    *,
    reviewer: str,
    since: int | None = None,
    ended: Collection[str] = (),
) -> list[int]:
    """Hold the first ``count`` of these rows that nobody else holds, beside the one that the session looks at.

    They take the place of those held ahead before; the rest is as for ``hold_row``.
    """
    return claim_ahead(
        workspace.database, dataset_id, rows, count, session, reviewer=reviewer, since=since, ended=ended
    )


def held_rows(workspace: Workspace, dataset_id: str) -> Mapping[int, Claim]:
    """Who holds which row now."""
    return claimed(workspace.database, dataset_id)


@needs("reviewer")
def release_other_sessions(workspace: Workspace, dataset_id: str, reviewer: str, session: str) -> int:
    """Give up the rows that other sessions of a reviewer hold; returns how many there were."""
    return release_reviewer(workspace.database, dataset_id, reviewer, session)
