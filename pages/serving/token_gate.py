"""Who may come in: every request shows the token of this server, once in the address and from then on by a cookie.

As Jupyter does: whoever started the server sees the address with the token, and nobody else does. The gate stands before
everything that Streamlit answers, its web socket, media and uploads included. It also says to the browser what a page
may load: only what comes from here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from streamlit.web.server.server_util import is_allowed_origin

from pages.shared.identity import Scope, mark

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PARAMETER = "token"
OPEN_PATHS = frozenset({"/_stcore/health"})  # says "ok", and nothing about anybody's data
# Streamlit's own scripts and styles are partly inline, and Plotly compiles functions; nothing comes from elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss: data: blob:; "
    "worker-src 'self' blob:; child-src 'self' blob:; frame-src 'self' data: blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
ASKING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Tamis</title>
<style>body{font:16px system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem;color:#17211f}
input{font:inherit;padding:.4rem .6rem;width:22rem;max-width:100%} button{font:inherit;padding:.4rem .9rem}</style>
<h1>This Tamis asks for its token</h1>
<p>Whoever started it sees the whole address in the terminal, with <code>?token=</code> at its end. Open that, or paste the token:</p>
<form method="get"><input name="token" type="password" autofocus autocomplete="off" aria-label="Token"> <button>Open</button></form>
"""


class SameOrigin:
    """ASGI middleware: nothing is answered to what a page of another origin asks, whatever cookies its browser sends along.

    Cookies know no ports, so a page of anybody's server on this machine would else speak for whoever looks at it. With
    ``here_only`` (``--no-token``) the server answers to names of this machine alone: anybody can have a name of their own
    lead here, and the browser would take this server for that page's own.
    """

    def __init__(self, app: Application, *, here_only: bool = False) -> None:
        self._app, self._here_only = app, here_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse one request, or let it through."""
        problem = self._problem(scope) if scope["type"] in ("http", "websocket") else ""
        if not problem:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "another origin"})
        else:
            await answer(send, 403, problem.encode(), [(b"content-type", b"text/plain; charset=utf-8")])

    def _problem(self, scope: Scope) -> str:
        headers = {
            key: value.decode("latin-1") for key, value in scope["headers"] if key in (b"host", b"origin")
        }
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if self._here_only and not _is_of_this_machine(host):
            return "This server was started for this machine alone. Open it as localhost, or start it without --no-token."
        if origin is None and _is_part_of_another_page(scope):
            return "This is asked by a page of another origin, as a part of itself, which may not."
        if origin is None or _netloc(origin) == host.lower() or is_allowed_origin(origin):
            return ""
        return "This is asked by a page of another origin, which may not (Streamlit's server.corsAllowedOrigins lists others)."


def _is_part_of_another_page(scope: Scope) -> bool:
    """Whether a page elsewhere has it loaded as its picture, script or frame: browsers say so, and name no origin then.

    A link that is followed there is none of it.
    """
    told = {key: value for key, value in scope["headers"] if key.startswith(b"sec-fetch-")}
    is_followed = told.get(b"sec-fetch-mode") == b"navigate" and told.get(b"sec-fetch-dest") == b"document"
    return told.get(b"sec-fetch-site") in (b"cross-site", b"same-site") and not is_followed


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_of_this_machine(host: str) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        return name == "localhost" or name.endswith(".localhost") or ip_address(name).is_loopback
    except ValueError:
        return False


class TokenGate:
    """ASGI middleware. Without a token everybody comes in, and only the headers are added."""

    def __init__(self, app: Application, token: str = "") -> None:
        self._app, self._token = app, token
        # The cookie is no token: who reads it in a browser's store cannot make an address of it. Its name differs between
        # servers, because browsers send one machine's cookies to all of its ports.
        self._session = hashlib.sha256(b"tamis session " + token.encode()).hexdigest()
        self._cookie = f"tamis_{self._session[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._may_enter(scope):
            await self._app(
                mark(scope, "", "token" if self._token else "machine"), receive, with_headers(send)
            )
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "token missing"})
        elif self._knows_token(scope):
            await self._let_in(scope, send)
        else:
            await answer(send, 403, ASKING.encode(), [(b"content-type", b"text/html; charset=utf-8")])

    def _may_enter(self, scope: Scope) -> bool:
        if not self._token or scope["path"] in OPEN_PATHS:
            return True
        return hmac.compare_digest(cookies_of(scope).get(self._cookie, "").encode(), self._session.encode())

    def _knows_token(self, scope: Scope) -> bool:
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get(PARAMETER, "")
        return hmac.compare_digest(given.encode(), self._token.encode())

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """Give the cookie, and go on to the same address without the token, which no history then keeps."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        rest = urlencode([(name, value) for name, value in pairs if name != PARAMETER])
        # A path that begins with two slashes would name another host.
        path = "/" + scope["path"].lstrip("/")
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{self._cookie}={self._session}; Path=/; HttpOnly; SameSite=Lax{secure}"
        target = path + (f"?{rest}" if rest else "")
        headers = [(b"location", target.encode("latin-1", "ignore")), (b"set-cookie", cookie.encode())]
        await answer(send, 303, b"", headers)


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies of a request by name; none where they cannot be read."""
    header = b"; ".join(value for key, value in scope["headers"] if key == b"cookie").decode("latin-1")
    try:
        return {name: found.value for name, found in SimpleCookie(header).items()}
    except CookieError:
        return {}


async def answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Answer in place of the app; nobody keeps it."""
    sent = [*HEADERS, (b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})


def with_headers(send: Send) -> Send:
    """Add to every answer what a browser may do with it."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending
