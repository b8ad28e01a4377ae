"""Without the token of the server nothing of any dataset is seen: no page, no socket, no file; with it everything works."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from pages.serving.token_gate import SameOrigin, TokenGate
from tamis.cli import serve
from tamis.cli.main import run
from tamis.cli.session import Session

TOKEN = "a-token-of-this-test"
PATHS = (
    "/", "/overview", "/data_map", "/export_data", "/_stcore/host-config", "/_stcore/metrics", "/_stcore/script-health-check",
    "/media/0123.json", "/_stcore/upload_file/s/f", "/component/x/index.html", "/static/js/index.js", "/app/static/x",
    "/api/decide", "/tamis/map/0123/tiles/0", "/tamis/js/0123/map.js", "//evil.example/", "/..%2f..%2fetc/passwd",
)  # fmt: skip


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"secret"})


def _ask(
    gate: TokenGate, path: str = "/", query: str = "", cookie: str = "", kind: str = "http"
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"cookie", cookie.encode())] if cookie else []
    scope = {"type": kind, "path": path, "query_string": query.encode(), "headers": headers, "scheme": "http"}
    # Nothing in it waits, so it ends at the first step; the browser of other tests may have this thread's loop.
    with pytest.raises(StopIteration):
        gate(scope, None, send).send(None)  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "query", ["", "token=", "token=wrong", "token=%00", "tokens=" + TOKEN, "Token=" + TOKEN]
)
def test_nothing_is_answered_without_the_token(path: str, query: str) -> None:
    sent = _ask(TokenGate(_inner, TOKEN), path, query)
    assert sent[0]["status"] == 403
    assert b"secret" not in sent[1]["body"]


@pytest.mark.parametrize(
    "cookie", ["", "tamis=1", "tamis_0=" + TOKEN, "\x00", "a=b; ;;; =", "tamis_" + "0" * 8 + "=" + "0" * 64]
)
def test_no_socket_is_opened_without_the_cookie(cookie: str) -> None:
    (sent,) = _ask(TokenGate(_inner, TOKEN), "/_stcore/stream", "token=" + TOKEN, cookie, kind="websocket")
    assert sent["type"] == "websocket.close"


def test_the_token_becomes_a_cookie_and_leaves_the_address() -> None:
    gate = TokenGate(_inner, TOKEN)
    sent = _ask(gate, "//evil.example/x", f"dataset=a%20b&token={TOKEN}&empty=")
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 303
    assert headers[b"location"] == b"/evil.example/x?dataset=a+b&empty="
    assert b"HttpOnly" in headers[b"set-cookie"]
    assert TOKEN.encode() not in headers[b"set-cookie"]
    cookie = headers[b"set-cookie"].decode().split(";")[0]
    assert _ask(gate, "/", cookie=cookie)[1]["body"] == b"secret"
    # Of another server on the same machine.
    assert _ask(TokenGate(_inner, "other"), "/", cookie=cookie)[0]["status"] == 403


def test_health_alone_is_open_and_every_answer_forbids_what_comes_from_elsewhere() -> None:
    for gate in (TokenGate(_inner, TOKEN), TokenGate(_inner)):
        sent = _ask(gate, "/_stcore/health")
        assert sent[0]["status"] == 200
        policy = dict(sent[0]["headers"])[b"content-security-policy"].decode()
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http:" not in policy


def _through(
    origin: str | None,
    host: str,
    *,
    kind: str = "http",
    here_only: bool = False,
    fetched: tuple[str, ...] = (),
) -> bool:
    """Whether a request gets to what stands behind the outermost gate; ``fetched`` is its site, mode and destination."""
    reached: list[str] = []
    sent: list[dict[str, Any]] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", host.encode())] + ([] if origin is None else [(b"origin", origin.encode("latin-1"))])
    headers += [
        (b"sec-fetch-" + name, value.encode())
        for name, value in zip((b"site", b"mode", b"dest"), fetched, strict=False)
    ]
    scope = {"type": kind, "path": "/", "query_string": b"", "headers": headers, "scheme": "http"}
    with pytest.raises(StopIteration):
        SameOrigin(inner, here_only=here_only)(scope, None, send).send(None)  # type: ignore[arg-type]
    if not reached:
        assert sent[0].get("status") == 403 or sent[0]["type"] == "websocket.close"
    return bool(reached)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:9999", "http://localhost:8501", "http://0.0.0.0:8501", "https://evil.example", "null", "",
        "http://127.0.0.1:8501.evil.example", "http://127.0.0.1:8501@evil.example", "http://[", "127.0.0.1:8501",
    ],
)  # fmt: skip
def test_a_page_of_another_origin_is_answered_nothing(origin: str, kind: str) -> None:
    # Cookies are sent to every port of a machine, so the one of this server comes with what those pages ask.
    assert not _through(origin, "127.0.0.1:8501", kind=kind)
    for own in (None, "http://127.0.0.1:8501", "https://127.0.0.1:8501"):
        assert _through(own, "127.0.0.1:8501", kind=kind)
    assert _through("https://tamis.example", "Tamis.example", kind=kind)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "part", ["image", "script", "style", "iframe", "object", "video", "empty", "document"]
)
def test_a_page_of_another_origin_shows_nothing_of_it_as_its_own_part(part: str, site: str) -> None:
    # Of a picture, a script or a frame browsers name no origin; they say what it is for.
    mode = "navigate" if part in ("iframe", "object") else "no-cors"
    assert not _through(None, "127.0.0.1:8501", fetched=(site, mode, part))
    assert _through(None, "127.0.0.1:8501", fetched=("same-origin", mode, part))
    # A link that is followed, as from a provider that has asked who it is.
    assert _through(None, "127.0.0.1:8501", fetched=(site, "navigate", "document"))


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_without_a_token_the_server_answers_to_names_of_this_machine_alone(kind: str) -> None:
    for host in (
        "evil.example",
        "evil.example:8501",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "192.0.2.7",
        "[",
    ):
        assert not _through(None, host, kind=kind, here_only=True)
        # What a name leads to that was made to lead here: to the browser it is one origin.
        assert not _through(f"http://{host}", host, kind=kind, here_only=True)
    for host in (
        "localhost",
        "localhost:8501",
        "127.0.0.1:8501",
        "[::1]:8501",
        "tamis.localhost:8501",
        "127.8.9.1",
    ):
        assert _through(f"http://{host}", host, kind=kind, here_only=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org"])
def test_everybody_is_let_in_on_this_machine_alone(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--workspace", str(tmp_path), "serve", "--host", host, "--no-token"]) != 0
    assert "--no-token would let everybody on the network in" in capsys.readouterr().err


def test_no_report_shows_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAMIS_TOKEN", TOKEN)
    assert run(["--workspace", str(tmp_path), "doctor"]) == 0
    assert TOKEN not in capsys.readouterr().out


def test_a_browser_that_is_started_is_not_told_the_token_by_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    is_open = threading.Event()

    def note(address: str) -> None:
        page = Path(address.removeprefix("file://"))
        opened.extend([address, page.read_text(), oct(page.stat().st_mode & 0o777)])
        is_open.set()

    class App:
        def __init__(self, command: list[str], env: dict[str, str]) -> None:
            self.command, self.token = command, env["TAMIS_TOKEN"]
            started.append(self)

        def poll(self) -> None:
            return None

        def wait(self) -> int:
            is_open.wait(10)
            return 0

        terminate = poll

    started: list[App] = []
    monkeypatch.setenv("TAMIS_TOKEN", "a-token-of-the-operator")
    monkeypatch.setattr(serve.subprocess, "Popen", App)
    monkeypatch.setattr(serve.webbrowser, "open", note)
    monkeypatch.setattr(serve, "_is_taken", lambda host, port: bool(started))
    session = Session(folder=str(tmp_path / "workspace"))
    assert serve.run_app(session, "127.0.0.1", 8599, page="data_map?dataset=x", browser=True) == 0
    (app,), (address, page, mode) = started, opened
    assert app.token == "a-token-of-the-operator"
    assert app.token not in " ".join([*app.command, address])
    assert "TAMIS_TOKEN" not in os.environ  # of this process, whose jobs inherit the rest
    assert mode == "0o600"
    assert "data_map?dataset=x&amp;token=a-token-of-the-operator" in page
    assert not Path(address.removeprefix("file://")).exists()
