"""Which rows a run learns from: a selection, a tag, a filter or everything, with or without the decisions of the review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.export_scope import choose_rows, show_counts
from pages.shared.plain_text import count_of
from pages.shared.runs.finetune_runs import finetune_runs, run_titles
from pages.shared.runs.job_watch import Start
from pages.shared.runs.runs import Run
from tamis.compute.apply import apply_decisions
from tamis.steps.resolve_rows import freeze
from tamis.store.artifacts.frozen_decisions import freeze_decisions
from tamis.store.artifacts.frozen_rows import read_frozen
from tamis.store.artifacts.store import Artifact
from tamis.store.review.decisions import decision_revision, decision_state
from tamis.store.review.types import Decision
from tamis.types import JSON, Int64s

DRAWN_ANEW = ""
HELD_OUT_ROWS = "held_out_rows.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTraining:
    """Rows to learn from once decisions were applied, and how to point at them when the run is submitted."""

    rows: Int64s
    selection: str = ""
    pointer: str = ""  # tag:NAME, scope:SCOPE or the id of frozen rows; frozen when the run is submitted
    decided: bool = False

    @property
    def values(self) -> dict[str, JSON]:
        """What the step is told now; a tag or filter is left out, because nothing is frozen before it is needed."""
        return {"selection": self.selection} if self.selection else {}

    def freeze(self, context: DatasetContext) -> dict[str, JSON]:
        """Pointers to rows and decisions as they are now; raises InvalidOptions for a scope without rows."""
        workspace, values = context.workspace, self.values
        if self.pointer:
            values["within"] = freeze(workspace, context.dataset_id, self.pointer)
        if self.decided:
            frozen = freeze_decisions(workspace, context.dataset_id)
            values |= {"decisions": frozen.id} if frozen is not None else {}
        return values


def choose_training_rows(context: DatasetContext, start: Start) -> ChosenTraining:
    """Draw the choice of rows and of decisions."""
    same = _offer_same(context, start)
    if same is not None:
        rows, selection, pointer = read_frozen(same), str(start.values.get("selection") or ""), same.id
    else:
        chosen = choose_rows(context)
        rows, selection = chosen.rows, chosen.selection
        pointer = f"tag:{chosen.tag}" if chosen.tag else f"scope:{chosen.scope}" if chosen.scope else ""
    decided = decided_rows(context)
    applied = False
    if decided:
        outcome = apply_decisions(rows, decided)
        said = f"{count_of(outcome.n_dropped, 'row')} dropped, {len(outcome.replaced):,} corrected"
        applied = st.toggle(
            f"Apply the decisions of the review ({said})", value=True, key="finetune_decided", bind="query-params",
            persist_state="session",
        )  # fmt: skip
        rows = outcome.rows if applied else rows
    show_counts(context, rows)
    return ChosenTraining(rows=rows, selection=selection, pointer=pointer, decided=applied)


def choose_held_out(context: DatasetContext) -> Run | None:
    """Whether the rows of an earlier run are held out again, so that the two can be compared; None for new ones."""
    earlier = {
        run.run_id: run
        for run in finetune_runs(context.workspace, context.dataset_id)
        if run.artifact is not None and run.number("n_held_out") > 0
    }
    if not earlier:
        return None
    titles = run_titles(context, list(earlier.values()))
    chosen = st.selectbox(
        "Held-out rows", [DRAWN_ANEW, *earlier], key="finetune_held_out", bind="query-params", persist_state="session",
        format_func=lambda one: f"Same as {titles[one]}" if one else "Drawn for this run",
        help="The same held-out rows make two runs comparable; none of them is trained on.",
    )  # fmt: skip
    return earlier.get(str(chosen))


def held_out_rows(run: Run) -> Int64s:
    """Sorted ids of the rows that a finished run held out."""
    assert run.artifact is not None
    ids: Int64s = np.load(run.artifact.file(HELD_OUT_ROWS), allow_pickle=False)
    return ids


def decided_rows(context: DatasetContext) -> Mapping[int, Decision]:
    """The decisions in force."""
    revision = decision_revision(context.workspace.database, context.dataset_id)
    return _decided(
        str(context.workspace.path), context.dataset_id, revision, _database=context.workspace.database
    )


def _offer_same(context: DatasetContext, start: Start) -> Artifact | None:
    """The frozen rows of the run that is cloned: a tag may have changed since."""
    frozen = context.workspace.artifacts.find(
        context.dataset_id, "rows", str(start.values.get("within") or "")
    )
    if frozen is None:
        return None
    same = st.toggle(
        f"Exactly the rows of the cloned run ({int(frozen.summary['n_rows']):,})", value=True,
        key=f"finetune_same_{start.suffix}",
    )  # fmt: skip
    return frozen if same else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _decided(workspace: str, dataset_id: str, revision: int, *, _database: Any) -> Mapping[int, Decision]:  # noqa: ANN401 - the database
    # Replaying the log costs time that grows with it; a revision is replayed once.
    return decision_state(_database, dataset_id).decided
