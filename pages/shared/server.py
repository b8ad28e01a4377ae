"""What this server keeps between runs of its pages: the workspace and the thread that keeps jobs moving."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import streamlit as st

from tamis.actions.bootstrap import bootstrap_sample
from tamis.actions.jobs import Ticker, keep_jobs_moving
from tamis.errors import CurationError
from tamis.store.workspace import Workspace, open_workspace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """Shared by every session and thread; holds nothing of any one person."""

    workspace: Workspace
    ticker: Ticker


@st.cache_resource(show_spinner=False)
def open_server() -> Server:
    """Open the workspace once per server, start the ticker, and begin with the sample data when it is empty."""
    workspace = open_workspace()
    ticker = keep_jobs_moving(workspace)
    try:
        bootstrap_sample(workspace)
    except CurationError as error:
        # Without the sample data the app is as useful as before.
        logger.warning("The sample data could not be imported: %s", error)
    return Server(workspace, ticker)
