"""The one workspace of this server: settings, stores and the thread that keeps jobs moving."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from tamis.actions.bootstrap import bootstrap_sample
from tamis.errors import CurationError
from tamis.jobs.scheduler.ticker import Ticker
from tamis.settings import Settings
from tamis.store.artifacts.store import ArtifactStore
from tamis.store.database.database import Database

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Shared by every session and thread; holds nothing of any one person."""

    settings: Settings
    path: Path
    store: ArtifactStore
    database: Database
    ticker: Ticker


@st.cache_resource(show_spinner=False)
def open_workspace() -> Workspace:
    """Open the workspace once per server, start the ticker, and begin with the sample data when it is empty."""
    settings = Settings()
    path = settings.workspace.expanduser().resolve()
    store, database = ArtifactStore(path), Database(path)
    ticker = Ticker(database, store, settings)
    ticker.start()
    try:
        bootstrap_sample(database, store, settings)
    except CurationError as error:
        # Without the sample data the app is as useful as before.
        logger.warning("The sample data could not be imported: %s", error)
    return Workspace(settings, path, store, database, ticker)
