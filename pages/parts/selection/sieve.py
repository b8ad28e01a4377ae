"""The sieve in the form of a selection: what is dragged is shown at once, and where it is let go the form takes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from pages.shared import queries
from pages.shared.address import say_later
from pages.shared.dataset_context import DatasetContext
from pages.shared.forms.options_form import Form
from pages.shared.map.map_view import show_map_view
from pages.shared.map.sieve import setting_of, sieve_of
from tamis.actions.dataset_context import through_clustering
from tamis.actions.map_colours import paint_column
from tamis.actions.map_picture import MapContent
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.sieve import Setting, request_at
from tamis.actions.submit import PlannedRun
from tamis.errors import CurationError
from tamis.types import JSON

KEY = "select_sieve"
HEIGHT = 380
_MOVED = ("weighting", "spread_temperature", "temperature", "cluster_shares")


def show_sieve(context: DatasetContext, planned: PlannedRun, *, form: Form) -> None:
    """The map with what the form would pick lit, and the sieve under it; nothing where there is no map."""
    if context.view.layout is None:
        return
    seen = through_clustering(context, planned.plan.inputs.get("clustering", ""))
    opened = queries.open_map(seen)
    colour = "cluster" if seen.view.clustering is not None else "source"
    column = queries.map_column(seen, opened, colour)
    content = MapContent(
        column=column,
        painted=paint_column(seen, colour, colour, column, ALL_ROWS),
        height=HEIGHT,
        sieve=sieve_of(seen, opened, planned),
    )
    let_go = partial(_let_go, planned, form, context.n_rows)
    show_map_view(seen, opened, content, key=KEY, callbacks={"sieve": let_go})


def _let_go(planned: PlannedRun, form: Form, n_rows: int) -> None:
    state: Any = st.session_state.get(KEY)
    said: JSON = state.get("sieve") if state else None
    if not said:
        return
    exact = planned.plan.options.model_dump(mode="json")
    try:
        setting = setting_of(exact, n_rows, said)
    except CurationError as error:
        say_later(str(error))
        return
    _fill(form, exact, setting)


def _fill(form: Form, exact: Mapping[str, JSON], setting: Setting) -> None:
    """Put what was dragged into the widgets of the form."""
    unit, asked = exact["unit"], request_at(exact, setting)
    st.session_state[f"{form.key('budget')}_{unit}"] = float(asked["budget"])
    own = Form(name=f"{form.name}_{exact['method']}", suffix=form.suffix)
    before, now = exact["method_options"], asked["method_options"]
    for name in _MOVED:
        if now.get(name) != before.get(name):
            st.session_state[own.key(name)] = now[name]
