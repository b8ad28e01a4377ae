"""The app as a server runs it: the pages behind the gate. ``tamis serve`` starts it; see tamis.cli.app_process."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
import threading
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit.auth_util import is_authlib_installed

from pages.serving.account_gate import AccountGate
from pages.serving.routes import ROUTES
from pages.serving.token_gate import SameOrigin, TokenGate
from pages.shared.map.routes import map_routes
from pages.shared.plain_text import plain
from pages.shared.server import open_server
from tamis.actions.audit import record_login
from tamis.errors import CurationError, MissingExtra
from tamis.settings import Settings, app_folder
from tamis.store.actor import Actor, Via

TOKEN = "TAMIS_TOKEN"  # of this one server; left out of the environment that jobs inherit


def main(host: str, port: int) -> None:
    """Serve until stopped."""
    settings = Settings()
    token = os.environ.pop(TOKEN, "")
    # The welcome would show the address without its token.
    config: dict[str, Any] = {"server.address": host, "server.port": port, "logger.hideWelcomeMessage": True}
    gate = Middleware(TokenGate, token=token)
    if settings.accounts is not None:
        gate = Middleware(AccountGate, settings=settings, refused=note_refused)
        # Who asks is told by the connection itself: no header may say that it came from the proxy's address.
        os.environ["FORWARDED_ALLOW_IPS"] = ""
    if settings.login is not None:
        if not is_authlib_installed():
            sys.exit(str(MissingExtra("Logging in by OpenID Connect", "accounts")))
        config["secrets.files"] = [str(settings.login)]
    routes = [*ROUTES, *map_routes()]
    keep_what_is_loaded()
    outer = Middleware(SameOrigin, here_only=not token and settings.accounts is None)
    st.App(app_folder() / "app.py", routes=routes, middleware=[outer, gate], on_script_error=say_error).run(
        config=config
    )


def keep_what_is_loaded() -> None:
    """Have what is loaded by now left out where garbage is looked for, which Streamlit asks for after every run of a page.

    Looking through all of it takes a tenth of a second, in which no page is drawn. Charts and tables are of the first
    page that anybody opens.
    """
    for library in ("altair", "pandas"):
        importlib.import_module(library)
    gc.freeze()
    atexit.register(gc.unfreeze)  # DuckDB counts what is left at the end, and says so


def note_refused(account: str, via: Via) -> None:
    """Have the audit log say who was refused; in a thread, because everybody's requests wait for the gate."""
    actor = Actor(account, "viewer", via)
    threading.Thread(
        target=lambda: record_login(open_server().workspace, actor, "login refused"),
        name="refusal",
        daemon=True,
    ).start()


def say_error(error: Exception) -> bool:
    """What a button was refused, said in place of the page; True for what is said here."""
    if isinstance(error, CurationError):
        st.error(plain(str(error)), icon=":material/error:")
        return True
    return False
