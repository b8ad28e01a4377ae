"""What waits for the person who asks, of one dataset: proposals to decide, additions to look at, campaigns that stand still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tamis.actions.augmenting import additions_waiting
from tamis.actions.campaigns import states_under_way
from tamis.actions.decisions import decision_revision
from tamis.actions.proposals import list_proposals, proposal_columns
from tamis.actions.teams import decided_as_seen, rows_of_reviewer
from tamis.compute.clear.review_order import ORDERS, choose_kinds
from tamis.store.artifacts.batches import every_batch
from tamis.store.workspace import Workspace

__all__ = ["Waiting", "state_of", "what_waits"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of the newest proposals that would change and are undecided, written rows that passed, and campaigns of all
    datasets that wait for people.
    """

    n_proposals: int
    n_additions: int
    n_campaigns: int


def what_waits(workspace: Workspace, dataset_id: str, reviewer: str = "") -> Waiting:
    """Counted as who asks may see it: of the rows assigned to this person, and of shared ones by own decisions alone."""
    additions = additions_waiting(workspace).get(dataset_id)
    return Waiting(
        n_proposals=_open_proposals(workspace, dataset_id, reviewer),
        n_additions=additions.n_waiting if additions is not None else 0,
        n_campaigns=sum(state == "waiting" for state, _ in states_under_way(workspace).values()),
    )


def state_of(workspace: Workspace, dataset_id: str) -> tuple[str | int, ...]:
    """What the counts depend on, read in a few queries: while it is the same, they are."""
    newest = next(iter(list_proposals(workspace, dataset_id)), None)
    batches = [
        examples.manifest.dataset_id
        for target, examples in every_batch(workspace.artifacts)
        if target.dataset_id == dataset_id
    ]
    revisions = [decision_revision(workspace, one) for one in (dataset_id, *batches)]
    under_way = [f"{one}:{state}:{n}" for one, (state, n) in states_under_way(workspace).items()]
    return (newest.id if newest is not None else "", *batches, *revisions, *under_way)


def _open_proposals(workspace: Workspace, dataset_id: str, reviewer: str) -> int:
    newest = next(iter(list_proposals(workspace, dataset_id)), None)
    if newest is None:
        return 0
    columns = proposal_columns(newest)
    kinds = choose_kinds(columns, next(iter(ORDERS)))
    rows = columns.rows[np.isin(columns.kinds.astype(str), list(kinds))]
    share = rows_of_reviewer(workspace, dataset_id, newest.id, reviewer)
    mine = rows if share is None else rows[np.isin(rows, share)]
    return int(decided_as_seen(workspace, dataset_id).open_rows(mine).sum())
