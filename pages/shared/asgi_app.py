"""The app as a server runs it: the pages behind the gate. ``tamis serve`` starts it; see tamis.cli.app_process."""

from __future__ import annotations

import os
import sys

import streamlit as st
from starlette.middleware import Middleware
from streamlit.auth_util import is_authlib_installed, validate_auth_credentials
from streamlit.errors import StreamlitAuthError

from pages.shared.account_gate import AccountGate, providers
from pages.shared.plain_text import plain
from pages.shared.token_gate import TokenGate
from tamis.actions.accounts import read_accounts
from tamis.errors import CurationError, InvalidOptions, MissingExtra
from tamis.settings import Settings, app_folder

TOKEN = "TAMIS_TOKEN"  # of this one server; left out of the environment that jobs inherit


def main(host: str, port: int) -> None:
    """Serve until stopped."""
    settings = Settings()
    token = os.environ.pop(TOKEN, "")
    gate = Middleware(TokenGate, token=token)
    if settings.accounts is not None:
        gate = Middleware(AccountGate, settings=settings)
        # Who asks is told by the connection itself: no header may say that it came from the proxy's address.
        os.environ["FORWARDED_ALLOW_IPS"] = ""
    app = st.App(app_folder() / "app.py", middleware=[gate], on_script_error=say_error)
    try:
        check_accounts(settings)
    except CurationError as error:
        sys.exit(str(error))
    # The welcome would show the address without its token.
    app.run(config={"server.address": host, "server.port": port, "logger.hideWelcomeMessage": True})


def say_error(error: Exception) -> bool:
    """What a button was refused, said in place of the page; True for what is said here."""
    if isinstance(error, CurationError):
        st.error(plain(str(error)), icon=":material/error:")
        return True
    return False


def check_accounts(settings: Settings) -> None:
    """Raise CurationError for accounts with which nobody could come in."""
    if settings.accounts is None:
        return
    read_accounts(settings.accounts)
    if settings.proxy_header:
        return
    if not is_authlib_installed():
        raise MissingExtra("Logging in by OpenID Connect", "accounts")
    try:
        for name in providers() or ["default"]:
            validate_auth_credentials(name)
    except StreamlitAuthError as error:
        raise InvalidOptions(
            "TAMIS_ACCOUNTS is set, so people log in: write [auth] (redirect_uri, cookie_secret, client_id, client_secret, "
            "server_metadata_url) into Streamlit's secrets.toml (STREAMLIT_SECRETS_FILES names another file), or let a proxy "
            f"name them (TAMIS_PROXY_HEADER). {error}"
        ) from error
