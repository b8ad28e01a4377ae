"""Campaigns that want somebody or are under way, in a line each, with the way to what is to be done."""

from __future__ import annotations

import streamlit as st

from pages.shared.forms.campaigns import ICONS, show_way_on
from pages.shared.navigation import link_to
from pages.shared.plain_text import plain
from tamis.actions.campaigns import CampaignState, list_campaigns
from tamis.actions.datasets import dataset_names
from tamis.store.workspace import Workspace

SHOWN: tuple[CampaignState, ...] = ("waiting", "failed", "running")  # those that want somebody first


def say_campaigns(workspace: Workspace) -> None:
    """A line for each campaign that waits for people, cannot go on, or runs: where it stands, and where to go."""
    found = list_campaigns(workspace, states=SHOWN)
    names = dataset_names(workspace) if found else {}
    for one in sorted(found, key=lambda one: SHOWN.index(one.state)):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{ICONS[one.state]} **{plain(one.title)}** · {plain(one.said)}", width="stretch")
            show_way_on(workspace, one)
            if one.dataset_id in names:
                link_to("augment", "Campaign", icon=":material/cycle:", query={"dataset": one.dataset_id})
            else:
                link_to("job_list", "Campaigns")
