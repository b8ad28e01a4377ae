"""The sieve on the map: a switch, what it is drawn from, and keeping what it shows as a selection."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pages.shared import address
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.planned import plan_of
from pages.shared.identity import asks
from pages.shared.map.sieve import setting_of, sieve_of
from pages.shared.navigation import link_to
from pages.shared.plain_text import plain
from pages.shared.runs.job_watch import FOLLOWED
from tamis.actions.map_tiles import MapTiles
from tamis.actions.read_rows import Scope
from tamis.actions.sieve import request_at, usual_request
from tamis.actions.submit import PlannedRun, submit
from tamis.errors import CurationError
from tamis.selectors import SELECTORS
from tamis.types import JSON

SWITCH = "sieve"
_KEPT = "sieve_kept"  # the job of what was kept last, by dataset


def choose_sieve(context: DatasetContext) -> None:
    """The switch, and the way to what was kept."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.toggle(
            "Sieve", key=SWITCH, bind="query-params", persist_state="session",
            help="Drag a budget under the map: rows that would be picked stay lit, the others fade.",
        )  # fmt: skip
        kept = st.session_state.get(_KEPT, {}).get(context.dataset_id)
        if st.session_state[SWITCH] and kept:
            link_to("selection", "Open what you kept", query={"dataset": context.dataset_id, FOLLOWED: kept})


def sieve_under_map(
    context: DatasetContext, opened: MapTiles, scope: Scope
) -> tuple[dict[str, JSON] | None, PlannedRun | None]:
    """What the map is given to draw it, and the selection that it cuts; says why not where it cannot be drawn."""
    if not st.session_state.get(SWITCH):
        return None, None
    try:
        planned = plan_of(context, "select", usual_request(context, scope))
        return sieve_of(context, opened, planned, keep=asks(context.workspace, submit)), planned
    except CurationError as error:
        st.caption(f":material/filter_alt_off: {plain(str(error))}")
        return None, None


def keep_sifted(context: DatasetContext, planned: PlannedRun, event: Any) -> None:  # noqa: ANN401 - what a hand has sent
    """Make the selection that the sieve shows."""
    if not event:
        return
    exact = planned.plan.options.model_dump(mode="json")
    try:
        request = request_at(exact, setting_of(exact, context.n_rows, event))
        done = submit(context.workspace, context.dataset_id, "select", request)
    except CurationError as error:
        address.say_later(str(error))
        return
    st.session_state[_KEPT] = st.session_state.get(_KEPT, {}) | {context.dataset_id: done.job.job_id}
    method = SELECTORS[exact["method"]].title
    st.toast(
        f"{method}: made before, and active again."
        if done.already_done
        else f"{method}: being made. It is the active selection when its job ends.",
        icon=":material/filter_alt:",
    )
