"""The map in the colours of what each round made of each cluster, played round by round; two rounds or two runs beside each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from pages.parts.refinement.history import history_of
from pages.shared import address, queries
from pages.shared.dataset_context import DatasetContext
from pages.shared.map.map_view import cluster_labels, show_map_view
from pages.shared.navigation import go_to, link_to
from tamis.actions.artifact_names import name_runs
from tamis.actions.dataset_context import through_clustering
from tamis.actions.map_picture import MapContent
from tamis.actions.map_rounds import CHANGE, flagged_group, map_rounds
from tamis.actions.map_tiles import MapTiles
from tamis.actions.read_rows import ALL_ROWS
from tamis.actions.refinement_history import RefinementHistory
from tamis.actions.refinements import STEP, rounds_so_far
from tamis.actions.runs import Run, list_runs
from tamis.errors import CurationError

HEIGHT_PX, BESIDE_PX = 640, 560
ALONE, ANOTHER = "", "rounds"
_LEAVES = "rounds_map_leaves"  # where a click on the map leads: page and address


def show_map(context: DatasetContext, run: Run, history: RefinementHistory) -> None:
    """The map with its rounds, and another one beside it if wanted."""
    if context.view.layout is None:
        st.caption("There is no map of this dataset yet.")
        link_to("data_map", "Make one", query={"dataset": context.dataset_id})
        return
    if leaves := st.session_state.pop(_LEAVES, None):
        page, query = leaves
        go_to(page, {"dataset": context.dataset_id, **query})
    beside = _choose_beside(context, run)
    group = f"rounds {run.run_id} {beside}" if beside else ""
    if not beside:
        _show_rounds(context, run, history, place="", group=group, linked=False)
    else:
        left, right = st.columns(2, gap="small")
        other = run if beside == ANOTHER else _others(context, run)[beside]
        with left:
            _show_rounds(context, run, history, place="", group=group, linked=beside != ANOTHER)
        with right:
            theirs = through_clustering(context, other.inputs.get("clustering", ""))
            chain = rounds_so_far(context.workspace, other)
            if (their_history := history_of(theirs, other, chain)) is not None:
                _show_rounds(
                    theirs, other, their_history, place="beside", group=group, linked=beside != ANOTHER
                )
    st.caption(
        "Dots are picked rows, rings are flagged ones. Point at a row for the curve of its cluster's weight; click a flag to "
        "review the rows that the round flagged there. Space plays, [ and ] go round by round."
    )


def _choose_beside(context: DatasetContext, run: Run) -> str:
    others = _others(context, run)
    names = {ALONE: "Nothing", ANOTHER: "Another round of this one"} | name_runs(
        context.workspace, list(others.values())
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Beside it", width="content")
        chosen = st.selectbox(
            "Beside it", [ALONE, ANOTHER, *others], format_func=lambda one: names.get(one, one),
            key=f"map_beside_{run.run_id[:6]}", bind="query-params", label_visibility="collapsed", width=380,
        )  # fmt: skip
    return str(chosen or ALONE)


def _others(context: DatasetContext, run: Run) -> dict[str, Run]:
    return {
        one.run_id: one
        for one in list_runs(context.workspace, context.dataset_id, STEP)
        if one.run_id != run.run_id and one.artifact is not None
    }


def _show_rounds(
    context: DatasetContext, run: Run, history: RefinementHistory, *, place: str, group: str, linked: bool
) -> None:
    assert run.artifact is not None
    key = f"rounds_map_{run.run_id}_{place}"
    opened = queries.open_map(context)
    at, mode = _asked(run, place, history)
    dark = st.context.theme.type == "dark"
    rounds = map_rounds(context, opened, run.artifact, history, at=at, mode=mode, dark=dark, linked=linked)
    content = MapContent(
        column=rounds.column,
        painted=rounds.painted,
        labels=_labels(context, history),
        rounds=rounds,
        group=group,
        height=BESIDE_PX if group else HEIGHT_PX,
    )
    callbacks: dict[str, Callable[[], None]] = {
        "round": partial(_keep_round, run, place, key),
        "flagged": partial(_review, history, key),
        "open": partial(_open_row, opened, key),
    }
    if place or group:
        st.markdown(f"**{name_runs(context.workspace, [run])[run.run_id]}**")
    show_map_view(context, opened, content, key=key, callbacks=callbacks)


def _labels(context: DatasetContext, history: RefinementHistory) -> Any:  # noqa: ANN401
    """Names of clusters, those that moved most first."""
    up, down = history.movers()
    moved = [i for i in [*up, *down] if i >= 0]
    others = [int(i) for i in history.cluster_ids if i >= 0 and int(i) not in moved]
    ordered = [*moved, *others]
    return cluster_labels(context, {i: float(len(ordered) - place) for place, i in enumerate(ordered)})


def _parameter(run: Run, place: str) -> str:
    return f"{place or 'map'}_round_{run.run_id[:6]}"


def _asked(run: Run, place: str, history: RefinementHistory) -> tuple[int, str]:
    """The round and the mode in the address: the last round and the change since the start if there is none."""
    number, _, mode = st.query_params.get(_parameter(run, place), "").partition(".")
    usual = max(0, history.n_rounds - 1) if place == "beside" else history.n_rounds
    return int(number) if number.isascii() and number.isdigit() and len(number) < 6 else usual, mode or CHANGE


def _said(key: str, event: str) -> dict[str, Any]:
    state: Any = st.session_state.get(key)
    said = state.get(event) if state else None
    return said if isinstance(said, dict) else {}


def _keep_round(run: Run, place: str, key: str) -> None:
    said = _said(key, "round")
    if isinstance(said.get("at"), int):
        st.query_params[_parameter(run, place)] = f"{said['at']}.{str(said.get('mode', ''))[:12]}"


def _review(history: RefinementHistory, key: str) -> None:
    said = _said(key, "flagged")
    if not (isinstance(said.get("round"), int) and isinstance(said.get("cluster"), int)):
        return
    rows = flagged_group(history, said["round"], said["cluster"])
    try:
        scope = ALL_ROWS.and_where("rows", rows.tolist()).to_url()
        st.session_state[_LEAVES] = ("review", {"view": "new", "scope": scope})
    except CurationError as error:
        address.say_later(str(error))


def _open_row(opened: MapTiles, key: str) -> None:
    place = _said(key, "open").get("place")
    if isinstance(place, int) and 0 <= place < opened.n_placed:
        st.session_state[_LEAVES] = ("data_map", {"row": str(int(opened.tiles.order[place]))})
