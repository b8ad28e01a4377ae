"""Who asks: the gate says it to whatever stands behind it, by a header that nobody else can write.

A page asks ``current_actor``, a route of the app's own ``guard``. The header carries a secret of this process, so that one
that comes from outside means nothing, also where no gate stands before the app.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypedDict, get_args
from urllib.parse import quote, unquote

import streamlit as st

from tamis.actions.accounts import find_actor
from tamis.actions.roles import why_not
from tamis.errors import NotAllowed
from tamis.settings import settings_now
from tamis.store.actor import Actor, Via
from tamis.store.workspace import Workspace

Scope = MutableMapping[str, Any]
_HEADER = "x-tamis-account"
_SECRET = secrets.token_hex(16)


def mark(scope: Scope, account: str, via: Via, login: str = "") -> Scope:
    """The request with who asks, instead of what it said about that itself; ``login`` tells one coming in from another."""
    others = [(name, value) for name, value in scope["headers"] if name.lower() != _HEADER.encode()]
    said = f"{_SECRET} {via} {quote(account)} {quote(login)}".encode()
    return {**scope, "headers": [*others, (_HEADER.encode(), said)]}


def guard(scope: Mapping[str, Any]) -> Actor:
    """Who asks for one of the app's own routes, and what that may do: ``open_server().for_actor(guard(scope))``.

    Raises NotAllowed for a request that came past the gate, and for an account without a role.
    """
    said = dict(scope["headers"]).get(_HEADER.encode(), b"").decode("latin-1")
    return _actor(said)


def current_actor() -> Actor:
    """Who looks at the page that is drawn now; raises NotAllowed for an account without a role."""
    return _actor(str(st.context.headers.get(_HEADER) or ""))


class Greyed(TypedDict):
    """What a button, a menu or a field is drawn with."""

    disabled: bool
    help: str | None


def asks(
    workspace: Workspace, action: Callable[..., object], *, disabled: bool = False, words: str | None = None
) -> Greyed:
    """``disabled`` and ``help`` of what calls an action: greyed, with the reason, where who looks at the page may not do it.

    The action itself refuses it in any case; this only says so before.
    """
    reason = why_not(action, workspace)
    return Greyed(disabled=disabled or bool(reason), help=reason or words)


def _actor(said: str) -> Actor:
    account, via, login = _read(said)
    settings = settings_now()
    if settings.accounts is None:
        return Actor(via=via, login=login)
    if via not in ("login", "proxy"):
        raise NotAllowed(
            "Nobody is logged in, and this server has accounts. Start it by tamis serve, and log in."
        )
    return find_actor(settings, account, via, login)


def _read(said: str) -> tuple[str, Via, str]:
    """The account, the way it came and by which login; whoever is at the machine where no gate has said anything."""
    secret, *rest = said.split(" ")
    if len(rest) != 3 or not hmac.compare_digest(secret.encode(), _SECRET.encode()):
        return "", "machine", ""
    return unquote(rest[1]), next(one for one in get_args(Via) if one == rest[0]), unquote(rest[2])
