"""Blind votes between the answers of a fine-tuned model and its base: in which order, on which side, and who wins."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from tamis.actions.roles import needs
from tamis.compute.compare.win_rate import Winner, WinRate, win_rate, win_rates, win_verdicts
from tamis.store.database import votes
from tamis.store.database.votes import Side, Vote
from tamis.store.workspace import Workspace
from tamis.types import Int64s

__all__ = [
    "EVERY", "Side", "Vote", "WinRate", "Winner", "left_is", "list_votes", "record_vote", "vote_order", "vote_rates",
    "vote_winners", "win_verdicts", "withdraw_vote",
]  # fmt: skip

EVERY = -2  # stands for all clusters where one is named by its id


def vote_order(adapter_id: str, reviewer: str, rows: Sequence[int]) -> list[int]:
    """The rows in an order that is random and stays the same for this reviewer."""
    return sorted(rows, key=lambda row: _digest(adapter_id, reviewer, row, "order"))


def left_is(adapter_id: str, reviewer: str, row: int) -> Side:
    """Whose answer stands on the left: random by row, and the same whenever it is asked."""
    return "tuned" if _digest(adapter_id, reviewer, row, "side")[0] & 1 else "base"


@needs("reviewer")
def record_vote(
    workspace: Workspace,
    dataset_id: str,
    adapter_id: str,
    row: int,
    winner: Winner,
    reviewer: str,
    *,
    left_was: Side = "base",
) -> Vote:
    """Vote; a later vote of the same reviewer about the same row takes its place. Raises InvalidOptions."""
    return votes.vote(workspace.database, dataset_id, adapter_id, row, winner, reviewer, left_was=left_was)


@needs("reviewer")
def withdraw_vote(workspace: Workspace, dataset_id: str, adapter_id: str, reviewer: str) -> Vote | None:
    """Take back this reviewer's latest vote in force and return it; None when there is none."""
    return votes.undo_vote(workspace.database, dataset_id, adapter_id, reviewer)


def list_votes(
    workspace: Workspace, dataset_id: str, adapter_id: str, *, reviewer: str | None = None
) -> list[Vote]:
    """Votes in force about an adapter, one per row and reviewer, oldest first; of one reviewer when named."""
    return votes.votes(workspace.database, dataset_id, adapter_id, reviewer=reviewer)


def vote_winners(workspace: Workspace, dataset_id: str, adapter_id: str) -> dict[int, Winner]:
    """The winner of every row that somebody voted on; where reviewers differ, the one with more votes, else a tie."""
    return votes.winners(workspace.database, dataset_id, adapter_id)


def vote_rates(rows: Int64s, clusters: Int64s, chosen: Mapping[int, Winner], groups: Int64s) -> list[WinRate]:
    """Win rate of the tuned model over all votes about ``rows`` (n,), then per cluster (n,) where there are several.

    Rows of one of ``groups`` (n,), as ``held_out_groups`` of an evaluation has them, count once.
    """
    voted = np.array([int(row) in chosen for row in rows], dtype=np.bool_)
    winners = [chosen[int(row)] for row in rows[voted]]
    by_cluster = win_rates(winners, clusters[voted], groups=groups[voted])
    whole = win_rate(winners, EVERY, groups=groups[voted])
    return [whole, *(by_cluster if len(by_cluster) > 1 else [])]


def _digest(adapter_id: str, reviewer: str, row: int, purpose: str) -> bytes:
    return hashlib.blake2b(f"{adapter_id}\n{reviewer}\n{row}\n{purpose}".encode(), digest_size=8).digest()
