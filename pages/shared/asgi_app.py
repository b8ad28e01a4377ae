"""The app as a server runs it: the pages behind the gate. ``tamis serve`` starts it; see tamis.cli.app_process."""

from __future__ import annotations

import os

import streamlit as st
from starlette.middleware import Middleware

from pages.shared.token_gate import TokenGate
from tamis.settings import app_folder

TOKEN = "TAMIS_TOKEN"  # of this one server; left out of the environment that jobs inherit


def main(host: str, port: int) -> None:
    """Serve until stopped."""
    gate = Middleware(TokenGate, token=os.environ.pop(TOKEN, ""))
    app = st.App(app_folder() / "app.py", middleware=[gate])
    # The welcome would show the address without its token.
    app.run(config={"server.address": host, "server.port": port, "logger.hideWelcomeMessage": True})
