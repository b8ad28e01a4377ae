"""The active selection, clustering, layout and scores of a dataset: shown beside every page, changed by hand alone."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.shared.identity import asks
from pages.shared.navigation import link_to, rail_head
from pages.shared.plain_text import count_of, plain
from pages.shared.server import reviewer_name
from tamis.actions.active import LAYOUT, activate, look_at
from tamis.actions.artifact_names import names_in_view
from tamis.actions.dataset_context import DatasetContext
from tamis.actions.what_waits import Waiting, state_of, what_waits
from tamis.store.artifacts.store import Artifact
from tamis.store.artifacts.view import DatasetView
from tamis.store.workspace import Workspace

ACTIVE = "active"  # what the address calls the active selection
FIELD_CHARS = 20
_KNOWN = "active_known"
_PICKED = "active_selection"
_OTHERS = {"clustering": "Clusters", LAYOUT: "Map", "scores": "Score"}


def show_active(workspace: Workspace, dataset_id: str) -> str:
    """Draw in the sidebar what is active, with menus to change it; returns the selection that the page goes by, or "".

    The address names it, so that a link shows what its sender saw. Where another has become the active one since, by this
    person's doing here or elsewhere, the address follows.
    """
    view = look_at(workspace, dataset_id)
    selection = _show_selection(workspace, view)
    _show_others(workspace, view)
    _show_waiting(workspace, dataset_id)
    return selection


def _show_waiting(workspace: Workspace, dataset_id: str) -> None:
    """What waits for this person, each with the way to it; nothing where nothing does."""
    who = (reviewer_name(workspace), workspace.actor.account, workspace.actor.role)
    as_of = (str(workspace.path), state_of(workspace, dataset_id))
    waiting, query = _waiting(dataset_id, who, as_of, _workspace=workspace), {"dataset": dataset_id}
    with rail_head().container(gap="xxsmall"):
        if waiting.n_proposals:
            link_to("review", f"{waiting.n_proposals:,} to decide", query=query)
        if waiting.n_additions:
            link_to("augment", count_of(waiting.n_additions, "addition"), query=query)
        if waiting.n_campaigns:
            link_to("job_list", count_of(waiting.n_campaigns, "campaign"), icon=":material/cycle:")


def say_in_view(name: str, context: DatasetContext, selection_id: str) -> str:
    """A dataset and the selection that a page goes by, in one line: ``Sample · kMQ · 100 rows · by alignment``."""
    selection = names_in_view(context.view, "selection").get(selection_id, "no selection yet")
    return f"{name} · {selection}"


# Every run of every page asks; what is decided is part of the question, and who shares which rows is as old as a minute.
@st.cache_data(max_entries=64, ttl=60, show_spinner=False)
def _waiting(
    dataset_id: str,
    who: tuple[str, str, str],
    as_of: tuple[str, tuple[str | int, ...]],
    *,
    _workspace: Workspace,
) -> Waiting:
    return what_waits(_workspace, dataset_id, who[0])


def listed_selections(context: DatasetContext, parameter: str) -> list[Artifact]:
    """The selections of a dataset, and the one that the address names though a run drew it for itself."""
    asked, listed = st.query_params.get(parameter, ""), list(context.view.selections)
    known = {one.id for one in listed}
    named = [one for one in context.view.artifacts if one.kind == "selection" and one.id == asked]
    return [*(one for one in named if one.id not in known), *listed]


def offer_to_keep(context: DatasetContext, selection: Artifact, *, key: str) -> None:
    """A button that keeps a selection which a comparison or a refinement drew; greyed where it is kept."""
    kept = any(one.id == selection.id for one in context.view.selections)
    words = "It becomes one of the dataset's selections, and the active one: map, fine-tuning and export go by it."
    label = "Kept as selection" if kept else "Keep as selection"
    st.button(
        label, icon=":material/bookmark_added:" if kept else ":material/bookmark_add:", key=key, **asks(context.workspace, activate, disabled=kept, words=words),
        on_click=make_active, args=(context.workspace, context.dataset_id, selection.id),
    )  # fmt: skip


def offer_to_activate(context: DatasetContext, artifact: Artifact, *, is_active: bool, key: str) -> None:
    """A button that makes an artifact the active one of its kind; greyed where it is."""
    st.button(
        "Active" if is_active else "Make active", icon=":material/check_circle:" if is_active else ":material/radio_button_unchecked:",
        key=key, **asks(context.workspace, activate, disabled=is_active, words="Every page, command and method takes the active one unless another is named."),
        on_click=make_active, args=(context.workspace, context.dataset_id, artifact.id),
    )  # fmt: skip


def _show_selection(workspace: Workspace, view: DatasetView) -> str:
    by_id = {one.id: one for one in view.artifacts if one.kind == "selection"}
    active = view.selection.id if view.selection is not None else ""
    shown = _shown(view.dataset_id, active, by_id)
    listed = [one.id for one in view.selections if one.id != shown]
    if not shown:
        return ""
    names = names_in_view(view, "selection")
    st.session_state[_PICKED] = shown
    rail_head().selectbox(
        "Active selection", [shown, *listed], format_func=names.__getitem__, key=_PICKED,
        on_change=_picked, args=(workspace, view.dataset_id, _PICKED),
        **asks(workspace, activate, words="What the map marks, and what fine-tuning and export take unless you choose otherwise there."),
    )  # fmt: skip
    if len(names[shown]) > FIELD_CHARS:  # what the field has no room for
        rail_head().caption(plain(names[shown]))
    if active and shown != active:
        rail_head().caption(f"This link shows another than the active one, {plain(names[active])}.")
        rail_head().button(
            "Make it the active one", key="activate_shown", on_click=make_active, args=(workspace, view.dataset_id, shown), **asks(workspace, activate),
        )  # fmt: skip
    return shown


def _shown(dataset_id: str, active: str, known: Mapping[str, Artifact]) -> str:
    """The selection in the address while nothing else has become active since it was looked at."""
    seen: dict[str, str] = st.session_state.setdefault(_KNOWN, {})
    changed = seen.get(dataset_id, active) != active
    seen[dataset_id] = active
    asked = st.query_params.get(ACTIVE, "")
    shown = asked if asked in known and not changed else active
    if asked != shown:
        _write(shown)
    return shown


def _show_others(workspace: Workspace, view: DatasetView) -> None:
    menus = {kind: found for kind in _OTHERS if len(found := _choices(view, kind)) > 1}
    if not menus:
        return
    with rail_head().popover(
        "Also active", icon=":material/tune:", width="stretch", help="The active clusters, map and score"
    ):
        for kind, names in menus.items():
            key = f"active_{kind}"
            st.session_state[key] = _current(view, kind)
            st.selectbox(
                _OTHERS[kind], list(names), format_func=names.__getitem__, key=key, on_change=_picked,
                args=(workspace, view.dataset_id, key), **asks(workspace, activate),
            )  # fmt: skip


def _choices(view: DatasetView, kind: str) -> dict[str, str]:
    """What can be active of a kind, by id with its name."""
    if kind == "scores":
        names = names_in_view(view, kind)
        return {one.id: names[one.id] for one in view.scores.values()}
    if kind != LAYOUT:
        return names_in_view(view, kind)
    embeddings = names_in_view(view, "embeddings")
    return names_in_view(view, "projection") | {one: f"PCA of {name}" for one, name in embeddings.items()}


def _current(view: DatasetView, kind: str) -> str:
    artifact = view.scores.get(view.score) if kind == "scores" else getattr(view, kind)
    return artifact.id if artifact is not None else ""


def _picked(workspace: Workspace, dataset_id: str, key: str) -> None:
    make_active(workspace, dataset_id, st.session_state[key])


def make_active(workspace: Workspace, dataset_id: str, artifact_id: str) -> None:
    """Make an artifact the active one of its kind, and have the address follow; from a callback."""
    made = activate(workspace, dataset_id, artifact_id)
    if made.kind == "selection":
        st.session_state.setdefault(_KNOWN, {})[dataset_id] = made.id
        _write(made.id)
        # A page that has another one open goes on with the one that was chosen.
        st.query_params.pop("selection", None)


def _write(selection: str) -> None:
    if selection:
        st.query_params[ACTIVE] = selection
    elif ACTIVE in st.query_params:
        del st.query_params[ACTIVE]
