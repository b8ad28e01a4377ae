"""A filled form as an exact request: what it points at frozen, its inputs chosen, its result named; or what it lacks."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import streamlit as st

from pages.shared.dataset_context import DatasetContext
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from tamis.actions.decisions import decision_revision
from tamis.actions.pipeline import MISSING, stages, submit_missing
from tamis.actions.submit import PlannedRun, freeze_pointers, plan_run
from tamis.types import JSON

CLUSTERING_STAGE = "cluster"


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


def lacks_clusters(context: DatasetContext) -> bool:
    """Whether clusters are not there and not under way either; a form waits for those that are."""
    made = next(
        one for one in stages(context.workspace, context.dataset_id) if one.row.name == CLUSTERING_STAGE
    )
    return context.view.clustering is None and made.state in MISSING


def offer_clusters(context: DatasetContext) -> None:
    """A step that is not taken yet is no error: say it, and have it taken here; the tray of the bar shows it run."""
    workspace = context.workspace
    st.info("This dataset has no clusters yet, and this method picks by them.", icon=":material/info:")
    if st.button(
        "Embed and cluster first", icon=":material/fast_forward:", key="make_clusters", **asks(workspace, submit_missing)
    ):  # fmt: skip
        with errors_in_place():
            submit_missing(workspace, context.dataset_id, until=CLUSTERING_STAGE)
            st.rerun()
