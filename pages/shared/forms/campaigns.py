"""Campaigns: where each stands, what it waits for, how to go on with it, and the form that starts one."""

from __future__ import annotations

import streamlit as st

from pages.shared.forms.options_form import Form, draw_options
from pages.shared.frame import errors_in_place
from pages.shared.identity import asks
from pages.shared.navigation import link_to
from pages.shared.plain_text import plain
from pages.shared.server import reviewer_name
from pages.shared.wording import percent
from tamis.actions.briefs import read_brief, suggest_rules
from tamis.actions.campaigns import (
    CAMPAIGNS,
    Campaign,
    go_on,
    list_campaigns,
    moves_table,
    plan_campaign,
    resume_campaign,
    revise_brief,
    show_campaign,
    start_campaign,
    stop_campaign,
)
from tamis.actions.datasets import dataset_names
from tamis.store.workspace import Workspace

ICONS = {
    "running": ":material/sync:",
    "waiting": ":material/person:",
    "stopped": ":material/pause:",
    "failed": ":material/error:",
    "done": ":material/check:",
}
FIGURES = (
    "round", "move", "state", "accuracy", "n_wrong", "n_drafts", "n_passed", "stopped_by", "n_accepted", "n_dropped",
    "n_added", "n_train", "eval_loss", "pair_accuracy", "share_wrong", "eta",
)  # fmt: skip


def campaigns_of(workspace: Workspace, dataset_id: str = "") -> list[Campaign]:
    """Every campaign, or those that began with a dataset or stand at it now, newest first."""
    found = list_campaigns(workspace)
    return [one for one in found if not dataset_id or dataset_id in (one.dataset_id, one.dataset_now)]


def show_campaigns(workspace: Workspace, dataset_id: str = "", *, offered: bool = True) -> None:
    """Campaigns, of all datasets or of one: state, story and buttons; then, where it is ``offered``, the form that starts one.

    Of one dataset, what does not end yet says in a line what is to be done, above what the page is about.
    """
    for one in campaigns_of(workspace, dataset_id):
        with errors_in_place():
            if dataset_id and one.state != "done":
                _show_line(workspace, one)
            else:
                _show_folded(workspace, one)
    if offered:
        offer_campaign(workspace, dataset_id)


def offer_campaign(workspace: Workspace, dataset_id: str = "") -> None:
    """The form that starts one, behind a button."""
    with st.popover("Start a campaign", icon=":material/cycle:"), errors_in_place():
        _show_start(workspace, dataset_id)


def _show_line(workspace: Workspace, one: Campaign) -> None:
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                f"{ICONS[one.state]} **{plain(one.campaign_id)}** · {plain(one.said)}", width="stretch"
            )
            show_way_on(workspace, one)
            _show_buttons(workspace, one)
        waits_for_words = one.state == "waiting" and not one.n_asked
        with st.expander("Its moves", expanded=waits_for_words, key=f"folded_{one.campaign_id}"):
            _show_moves(workspace, one)


def _show_folded(workspace: Workspace, one: Campaign) -> None:
    label = f"{ICONS[one.state]} {plain(one.campaign_id)} · {plain(one.said)}"
    with st.expander(label, expanded=one.state in ("waiting", "failed")):
        _show_moves(workspace, one)
        with st.container(horizontal=True, vertical_alignment="center"):
            show_way_on(workspace, one)
            _show_buttons(workspace, one)


def _show_moves(workspace: Workspace, one: Campaign) -> None:
    """What was done with its figures, what that took, and the brief where it waits for one."""
    lines = moves_table(show_campaign(workspace, one.campaign_id))
    names = [name for name in FIGURES if any(name in line for line in lines)]
    st.dataframe(
        [{name: line.get(name) for name in names} for line in lines],
        hide_index=True,
        key=f"moves_{one.campaign_id}",
    )
    cost = f", cost {one.cost:,.2f}" if one.cost else ""
    st.caption(f"{one.title}: {one.questions:,} questions to the teacher, {one.tokens:,} tokens{cost}.")
    if one.state == "waiting" and not one.n_asked:
        _show_brief(workspace, one)


def show_way_on(workspace: Workspace, one: Campaign) -> None:
    """The link to what is to be done next: rows in Review, the job under way, or the version that came of it."""
    if one.waits_in and one.n_asked:
        link_to("review", f"Review {one.n_waiting:,}", query={"dataset": one.waits_in})
    elif one.state == "running" and one.job_id:
        link_to("job_list", "Its job", icon=":material/progress_activity:", query={"job": one.job_id})
    elif one.state == "done" and one.dataset_now != one.dataset_id:
        names = dataset_names(workspace)
        if one.dataset_now in names:
            shown = plain(names[one.dataset_now])
            link_to("overview", f"Open {shown}", query={"dataset": one.dataset_now})


def _show_buttons(workspace: Workspace, one: Campaign) -> None:
    key = one.campaign_id
    if one.state == "waiting" and st.button(
        "Go on as decided", icon=":material/skip_next:", key=f"skip_{key}", **asks(workspace, go_on)
    ):
        go_on(workspace, key, with_what_is_decided=True)
        st.rerun()
    if one.state in ("waiting", "running") and st.button(
        "Stop", icon=":material/pause:", key=f"stop_{key}", **asks(workspace, stop_campaign)
    ):
        stop_campaign(workspace, key, reviewer=reviewer_name(workspace))
        st.rerun()
    if one.state in ("stopped", "failed") and st.button(
        "Resume", icon=":material/play_arrow:", key=f"resume_{key}", **asks(workspace, resume_campaign)
    ):
        resume_campaign(workspace, key)
        st.rerun()


def _show_brief(workspace: Workspace, one: Campaign) -> None:
    """The versions with what people said of their rows, and the box in which the next one is written."""
    found = read_brief(workspace, one.campaign_id)
    for version in found.versions:
        st.caption(
            f"Version {version.version}: {version.n_accepted:,} of {version.n_decided:,} accepted "
            f"({percent(version.low)} to {percent(version.high)})."
        )
    text = st.text_area("Rules for new rows", value=found.text, key=f"brief_{one.campaign_id}", height=140)
    with st.container(horizontal=True):
        if st.button("Save and go on", key=f"save_{one.campaign_id}", **asks(workspace, revise_brief)):
            revise_brief(workspace, one.campaign_id, text)
            st.rerun()
        if st.button("Suggest rules", key=f"suggest_{one.campaign_id}", **asks(workspace, suggest_rules)):
            st.code("\n".join(suggest_rules(workspace, one.campaign_id)), language=None, wrap_lines=True)


def _show_start(workspace: Workspace, dataset_id: str) -> None:
    names = dataset_names(workspace)
    if not names:
        st.caption("Import a dataset first: a campaign needs one.")
        return
    kind = st.selectbox(
        "Campaign", list(CAMPAIGNS), format_func=lambda one: CAMPAIGNS[one].title, key="campaign_kind"
    )
    st.caption(CAMPAIGNS[kind].summary)
    chosen = dataset_id or st.selectbox(
        "Dataset", list(names), format_func=names.__getitem__, key="campaign_dataset"
    )
    with st.expander("Options", icon=":material/tune:"):
        options = draw_options(CAMPAIGNS[kind].options, Form(name=f"campaign_{kind}"))
    planned = " → ".join(one.name for one in plan_campaign(kind, options, chosen)[:8])
    st.caption(f"{planned} …")
    if st.button("Start", type="primary", key="campaign_start", **asks(workspace, start_campaign)):
        start_campaign(workspace, chosen, kind, options, reviewer=reviewer_name(workspace))
        st.rerun()
