"""A filled form as an exact request: what it points at frozen, its inputs chosen, its result named."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from tamis.actions.decisions import decision_revision
from tamis.actions.submit import PlannedRun, freeze_pointers, plan_run
from tamis.types import JSON


def plan_of(context: DatasetContext, step: str, values: Mapping[str, JSON]) -> PlannedRun:
    """The request of a form; raises CurationError that says what is wrong with it."""
    revisions = (context.tags.revision, decision_revision(context.workspace, context.dataset_id))
    coded = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
    exact = _frozen(context.key, revisions, step, coded, _context=context)
    return plan_run(context.workspace, context.dataset_id, step, exact)


@st.cache_data(max_entries=64, show_spinner=False)
def _frozen(
    key: str, revisions: tuple[int, int], step: str, coded: str, *, _context: DatasetContext
) -> dict[str, JSON]:
    # Filters and the log of decisions are read once for each state of them.
    return freeze_pointers(_context.workspace, _context.dataset_id, step, orjson.loads(coded))
