"""What campaigns wait for, in a line each, with the way there."""

from __future__ import annotations

import streamlit as st

from pages.shared.navigation import link_to
from pages.shared.plain_text import plain
from tamis.actions.campaigns import list_campaigns
from tamis.store.workspace import Workspace


def say_waiting(workspace: Workspace) -> None:
    """A line for each campaign that waits for people: for rows in Review, for its brief in Jobs."""
    for one in list_campaigns(workspace, states=("waiting",)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/person: **{plain(one.title)}** · {plain(one.said)}", width="stretch")
            if one.n_asked:
                link_to("review", "Review", query={"dataset": one.waits_in})
            else:
                link_to("job_list", "Campaigns")
