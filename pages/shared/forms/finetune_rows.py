"""Which rows a run learns from: a selection, a tag, a filter or everything, with or without the decisions of the review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.export_scope import choose_rows, show_counts
from pages.shared.plain_text import count_of
from pages.shared.runs.finetune_runs import finetune_titles
from pages.shared.runs.job_watch import FormDefaults
from tamis.actions.decisions import decision_revision
from tamis.actions.runs import Run
from tamis.actions.submit import AS_IMPORTED, CURRENT
from tamis.actions.teams import decides_blind
from tamis.actions.training import Applied, apply_in_force, frozen_rows, runs_with_held_out, verdicts_in_force
from tamis.types import JSON, Int64s

DRAWN_ANEW = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTraining:
    """Rows to learn from once decisions were applied, and the options of the step that point at them."""

    rows: Int64s
    values: Mapping[str, JSON] = field(default_factory=dict)


def choose_training_rows(context: DatasetContext, start: FormDefaults) -> ChosenTraining:
    """Draw the choice of rows and of decisions."""
    same = _offer_same(context, start)
    values: dict[str, JSON] = {}
    if same is not None:
        rows = same
        values = {name: start.values.get(name) for name in ("selection", "within")}
    else:
        chosen = choose_rows(context)
        rows = chosen.rows
        pointer = f"tag:{chosen.tag}" if chosen.tag else f"scope:{chosen.scope}" if chosen.scope else ""
        values = {"selection": chosen.selection, "within": pointer}
    outcome = decided(context, rows)
    values["decisions"] = AS_IMPORTED
    if outcome is not None and st.toggle(
        f"Apply the decisions of the review ({say_decided(outcome)})", value=True, key="finetune_decided",
        bind="query-params", persist_state="session",
    ):  # fmt: skip
        rows, values["decisions"] = outcome.rows, CURRENT
    show_counts(context, rows)
    return ChosenTraining(rows=rows, values={name: value for name, value in values.items() if value})


def choose_held_out(context: DatasetContext) -> Run | None:
    """Whether the rows of an earlier run are held out again, so that the two can be compared; None for new ones."""
    earlier = {run.run_id: run for run in runs_with_held_out(context.workspace, context.dataset_id)}
    if not earlier:
        return None
    titles = finetune_titles(context)
    chosen = st.selectbox(
        "Held-out rows", [DRAWN_ANEW, *earlier], key="finetune_held_out", bind="query-params", persist_state="session",
        format_func=lambda one: f"Same as {titles[one]}" if one else "Drawn for this run",
        help="The same held-out rows make two runs comparable; none of them is trained on.",
    )  # fmt: skip
    return earlier.get(str(chosen))


def decided(context: DatasetContext, rows: Int64s) -> Applied | None:
    """What the decisions in force make of some rows; None while nothing is decided, and for who shares rows with others."""
    if decides_blind(context.workspace, context.dataset_id):
        return None
    revision = decision_revision(context.workspace, context.dataset_id)
    return _applied(f"{context.key}:{revision}:{hash(rows.tobytes())}", _context=context, _rows=rows)


def verdicts(context: DatasetContext) -> Mapping[int, str]:
    """What is decided about rows, by example id; nothing for who shares rows with others."""
    if decides_blind(context.workspace, context.dataset_id):
        return {}
    revision = decision_revision(context.workspace, context.dataset_id)
    return _verdicts(f"{context.key}:{revision}", _context=context)


def say_decided(outcome: Applied) -> str:
    """What decisions do to some rows, in words."""
    return f"{count_of(outcome.n_dropped, 'row')} dropped, {len(outcome.replaced):,} corrected"


def _offer_same(context: DatasetContext, start: FormDefaults) -> Int64s | None:
    """The frozen rows of the run that is cloned: a tag may have changed since."""
    rows = frozen_rows(context.workspace, context.dataset_id, str(start.values.get("within") or ""))
    if rows is None:
        return None
    same = st.toggle(
        f"Exactly the rows of the cloned run ({len(rows):,})", value=True, key=f"finetune_same_{start.suffix}"
    )
    return rows if same else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _applied(key: str, *, _context: DatasetContext, _rows: Int64s) -> Applied | None:
    # Replaying the log costs time that grows with it; a revision is replayed once.
    return apply_in_force(_context.workspace, _context.dataset_id, _rows)


@st.cache_resource(max_entries=16, show_spinner=False)
def _verdicts(key: str, *, _context: DatasetContext) -> Mapping[int, str]:
    return verdicts_in_force(_context.workspace, _context.dataset_id)
