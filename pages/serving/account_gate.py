"""Who may come in where people have accounts: by OpenID Connect, or named by a proxy that stands before the server.

Stands where the gate of the token stands, before everything that Streamlit answers. A login is Streamlit's own (its routes,
its signed cookie, ``[auth]`` of its secrets.toml); but nothing is answered before it, not even an empty page.
"""

from __future__ import annotations

import hashlib
import html
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from urllib.parse import parse_qsl, quote

from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri, get_secrets_auth_section
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from pages.serving.token_gate import OPEN_PATHS, Application, Receive, Send, answer, cookies_of, with_headers
from pages.shared.identity import Scope, mark
from tamis.actions.accounts import account_of_claims, find_actor, read_accounts
from tamis.errors import CurationError, NotAllowed
from tamis.settings import Settings
from tamis.store.actor import Via

logger = logging.getLogger(__name__)
LOGIN = "/login"
MOST_TOLD = 1000
NOBODY_YET = "Nobody is logged in."
LOGIN_PATHS = OPEN_PATHS | {"/auth/login", "/auth/logout", "/oauth2callback"}
Identify = Callable[[Scope], str]
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Tamis</title>
<style>body{{font:16px system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem;color:#17211f}}
a{{color:#0f766e}}</style><h1>{title}</h1>{text}
"""


class AccountGate:
    """ASGI middleware. ``refused`` is told once of each account that has no role here, and by which way it came."""

    def __init__(
        self,
        app: Application,
        settings: Settings,
        refused: Callable[[str, Via], None] = lambda account, via: None,
    ) -> None:
        self._app, self._settings, self._refused = app, settings, refused
        self._told: set[str] = set()
        self._identify: Identify = (
            _named_by_proxy(settings) if settings.proxy_header else _logged_in(settings)
        )
        self._via: Via = "proxy" if settings.proxy_header else "login"
        self._open = OPEN_PATHS if settings.proxy_header else LOGIN_PATHS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it through with who asks."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        account, problem = self._who(scope)
        if not problem or scope["path"] in self._open:
            await self._app(mark(scope, account, self._via, self._login(scope)), receive, with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not logged in"})
        elif scope["path"] == LOGIN and self._via == "login":
            await answer(send, 303, b"", [(b"location", _provider_address(scope).encode())])
        else:
            page = self._page(problem, is_known=bool(account)).encode()
            await answer(send, 403, page, [(b"content-type", b"text/html; charset=utf-8")])

    def _login(self, scope: Scope) -> str:
        """One login from another: by the cookie; a proxy does not say, so by the day."""
        if self._via == "proxy":
            return f"{datetime.now(UTC):%Y-%m-%d}"
        return hashlib.sha256(cookies_of(scope).get(USER_COOKIE_NAME, "").encode()).hexdigest()[:16]

    def _who(self, scope: Scope) -> tuple[str, str]:
        """Whose a request is, and why that account does not come in; the latter is empty when it does."""
        account = ""
        try:
            account = self._identify(scope)
            if account:
                find_actor(self._settings, account, self._via)
                return account, ""
        except NotAllowed as error:
            # Some at most: whoever can name accounts to this server must not fill its memory.
            if account not in self._told and len(self._told) < MOST_TOLD:
                self._told.add(account)
                self._refused(account, self._via)
            return account, str(error)
        except CurationError as error:  # the file says who may come in; while it cannot be read, nobody does
            logger.warning("Nobody comes in: %s", error)
            return (
                "",
                "The file of accounts cannot be read. Tell the operator; what is wrong stands in the log.",
            )
        return "", NOBODY_YET

    def _page(self, problem: str, *, is_known: bool) -> str:
        if self._via == "proxy":
            text = f"<p>{html.escape(problem)} This server is entered through the proxy that knows who you are.</p>"
            return _PAGE.format(title="This Tamis has accounts", text=text)
        if is_known:
            text = f'<p>{html.escape(problem)}</p><p><a href="/auth/logout">Log out</a></p>'
            return _PAGE.format(title="No way in", text=text)
        if problem != NOBODY_YET:
            return _PAGE.format(title="No way in", text=f"<p>{html.escape(problem)}</p>")
        links = "".join(
            f'<p><a href="{LOGIN}?with={quote(name)}">Log in{html.escape(f" with {name}" if name != "default" else "")}</a></p>'
            for name in providers()
        )
        return _PAGE.format(title="Who are you?", text=links)


def providers() -> list[str]:
    """The names of the providers in ``[auth]``; ``default`` is the one without a name."""
    section = get_secrets_auth_section().to_dict()
    named = [name for name, value in section.items() if isinstance(value, dict) and "client_id" in value]
    return [*(["default"] if "client_id" in section else []), *named]


def _provider_address(scope: Scope) -> str:
    asked = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("with", "")
    known = providers()
    return generate_login_redirect_url(asked if asked in known else known[0])


def _named_by_proxy(settings: Settings) -> Identify:
    header = settings.proxy_header.lower().encode("latin-1")
    networks = [ip_network(one, strict=False) for one in settings.proxy_addresses]

    def identify(scope: Scope) -> str:
        peer = (scope.get("client") or ("",))[0]
        try:
            is_proxy = any(ip_address(peer) in network for network in networks)
        except ValueError:
            return ""
        named = [value for name, value in scope["headers"] if name.lower() == header]
        # Two of them: one is somebody else's.
        return named[0].decode("latin-1").strip() if is_proxy and len(named) == 1 else ""

    return identify


def _logged_in(settings: Settings) -> Identify:
    def identify(scope: Scope) -> str:
        claims = _claims(cookies_of(scope))
        assert settings.accounts is not None
        return account_of_claims(claims, read_accounts(settings.accounts).claim) if claims else ""

    return identify


def _claims(cookies: dict[str, str]) -> dict[str, object]:
    """What the provider said of whoever logged in, by the cookie that Streamlit signed; empty for none."""

    def read(name: str) -> bytes | None:
        raw = cookies.get(name)
        return None if raw is None else decode_signed_value(get_cookie_secret(), name, raw.encode("latin-1"))

    signed = get_cookie_with_chunks(read, USER_COOKIE_NAME)
    if signed is None:
        return {}
    claims: dict[str, object] = json.loads(signed)
    is_ours = claims.get("origin") == get_origin_from_redirect_uri() and claims.get("is_logged_in") is True
    return claims if is_ours and _is_for_us(claims) else {}


def _is_for_us(claims: dict[str, object]) -> bool:
    """Whether the provider said it to this app: the library takes a token for another one that names this as its asker."""
    section = get_secrets_auth_section().to_dict()
    asked = claims.get("provider")
    own = section if asked == "default" else section.get(str(asked))
    client = own.get("client_id") if isinstance(own, dict) else None
    audience = claims.get("aud")
    return bool(client) and client in (audience if isinstance(audience, list) else [audience])
