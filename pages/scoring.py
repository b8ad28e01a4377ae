"""Scores: give every row a number, see how it is spread, and read the rows at both ends."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.parts.scoring.coverage import show_coverage
from pages.parts.scoring.form import show_score_form
from pages.parts.scoring.from_file import FROM_FILE, show_score_file
from pages.parts.scoring.results import show_score, show_score_table
from pages.parts.scoring.stats import in_groups
from pages.parts.scoring.targets import TARGETS, show_targets
from pages.shared.dataset_context import open_dataset_context
from pages.shared.frame import open_page
from pages.shared.runs.job_box import show_jobs_in_place
from pages.shared.runs.job_watch import cloned_defaults, followed_job, stop_following
from tamis.actions.jobs import JobState
from tamis.actions.scores import can_score_again
from tamis.scorers import SCORERS, TARGET_SCORERS, scorer_title

ASKED = "scorer"


def choose_score(titles: Mapping[str, str], first: str) -> str:
    """One of them, which the address may name as commands and links do, or by its title."""
    known = {name.casefold(): name for name in titles} | {
        title.casefold(): name for name, title in titles.items()
    }
    asked = st.query_params.get(ASKED, "").casefold()
    st.session_state[ASKED] = known.get(asked, first)
    return str(
        st.selectbox("Score", list(titles), format_func=titles.__getitem__, key=ASKED, on_change=_keep)
    )


def _keep() -> None:
    st.query_params[ASKED] = st.session_state[ASKED]


with open_page("Scores", activity=False) as dataset:
    context = open_dataset_context(dataset)
    followed = followed_job(dataset.workspace, "score", dataset.dataset_id)
    if followed is not None and followed.state is JobState.SUCCEEDED:
        stop_following()
        st.toast("The score is there.", icon=":material/check:")
        followed = None
    show_jobs_in_place(dataset.workspace, followed)
    show_score_table(context)
    start = cloned_defaults(dataset.workspace, "score")
    first = start.values.get("scorer") or next(
        (one for one in SCORERS if one in context.view.scores), next(iter(SCORERS))
    )
    first = first if start.values.get("scorer") else context.view.active_score or first
    titles = {one: scorer_title(one) for one in in_groups(context)} | {
        FROM_FILE: "From a file",
        TARGETS: "Targets",
    }
    name = choose_score(titles, first)
    if name in SCORERS:
        st.caption(SCORERS[name].summary)
        if SCORERS[name].suits:
            st.caption(f":material/straighten: **Which model it suits.** {SCORERS[name].suits}")
    if name == FROM_FILE:
        show_score_file(context)
    elif name == TARGETS:
        show_targets(context)
    elif name in context.view.scores:
        if can_score_again(context, name):
            label = f"Compute {titles[name].lower()} again"
            with st.expander(label, icon=":material/tune:", expanded=bool(start.values)):
                show_score_form(context, name, start)
        if name in TARGET_SCORERS:
            show_coverage(context, context.view.scores[name])
        show_score(context, name)
    else:
        with st.container(border=True):
            st.subheader(f"{titles[name]} is not computed yet", anchor=False)
            show_score_form(context, name, start)
