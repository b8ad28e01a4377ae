"""What is decided now, without the texts: kept by revision, so that a key press costs no more than it must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from tamis.store.database.database import Database
from tamis.store.review.decisions import (
    Decision,
    ReviewProgress,
    decided_rows,
    decision_revision,
    decision_state,
    review_progress,
)
from tamis.types import Bools, Int64s


@dataclass(frozen=True, slots=True)
class DecisionInForce:
    """One row's decision in force."""

    event_id: int
    verdict: str
    via: str
    reviewer: str


@dataclass(frozen=True, slots=True)
class DecisionSnapshot:
    """All decisions in force by row, and the rows on which a stale decision waits, at one revision."""

    revision: int
    by_row: Mapping[int, DecisionInForce]
    conflicts: tuple[int, ...]

    def seen_event(self, row: int) -> int:
        """The decision that somebody who looks at the row now sees; 0 for none."""
        found = self.by_row.get(row)
        return found.event_id if found else 0

    def open_rows(self, rows: Int64s) -> Bools:
        """Which of these rows wait for a decision, shape as ``rows``."""
        ids = np.fromiter(self.by_row, dtype=np.int64, count=len(self.by_row))
        waiting: Bools = ~np.isin(rows, ids)
        return waiting


def decided_now(context: DatasetContext) -> DecisionSnapshot:
    """The decisions in force at this moment; not to be written to."""
    revision = decision_revision(context.workspace.database, context.dataset_id)
    return _decided(
        str(context.workspace.path), context.dataset_id, revision, _database=context.workspace.database
    )


def progress_now(context: DatasetContext, rows: Int64s, queue_key: str, reviewer: str) -> ReviewProgress:
    """How far the review of these rows is, with the pace of one reviewer."""
    return _progress(
        (str(context.workspace.path), context.dataset_id, queue_key, reviewer),
        decision_revision(context.workspace.database, context.dataset_id),
        _database=context.workspace.database,
        _rows=rows,
    )


def conflicts_of(context: DatasetContext, row: int) -> list[Decision]:
    """The stale decisions that wait on a row, with their texts."""
    state = decision_state(context.workspace.database, context.dataset_id)
    return [conflict for conflict in state.conflicts if conflict.example_id == row]


@st.cache_resource(max_entries=8, show_spinner=False)
def _decided(workspace: str, dataset_id: str, revision: int, *, _database: Database) -> DecisionSnapshot:
    replayed = decided_rows(_database, dataset_id)
    by_row = {
        row: DecisionInForce(held.event_id, held.verdict, held.via, held.reviewer)
        for row, held in replayed.in_force.items()
    }
    return DecisionSnapshot(
        revision, by_row, tuple(dict.fromkeys(row.example_id for row in replayed.conflicts))
    )


# A pace grows old, so it is not kept for long although no decision comes in.
@st.cache_data(max_entries=32, ttl=30.0, show_spinner=False)
def _progress(
    about: tuple[str, str, str, str], revision: int, *, _database: Database, _rows: Int64s
) -> ReviewProgress:
    _, dataset_id, _, reviewer = about
    return review_progress(_database, dataset_id, _rows, reviewer=reviewer or None)
