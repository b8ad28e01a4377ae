"""Without the token of the server nothing of any dataset is seen: no page, no socket, no file; with it everything works."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pages.shared.navigation import APP_PAGES
from pages.shared.token_gate import TokenGate
from tamis.cli.main import run
from tests.e2e.conftest import ROOT, browser, context, free_port, page, serving
from tests.pages.page_workspace import alpaca_file, import_file, run_pipeline

__all__ = ["browser", "context", "page"]  # fixtures
TOKEN = "a-token-of-this-test"
NAME = "Very private questions"
PATHS = (
    "/", "/overview", "/data_map", "/export_data", "/_stcore/host-config", "/_stcore/metrics", "/_stcore/script-health-check",
    "/media/0123.json", "/_stcore/upload_file/s/f", "/component/x/index.html", "/static/js/index.js", "/app/static/x",
    "//evil.example/", "/..%2f..%2fetc/passwd",
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
    asyncio.run(gate(scope, None, send))  # type: ignore[arg-type]
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


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A server with a token over a workspace, the address it printed, and a dataset's id."""
    folder = tmp_path_factory.mktemp("access")
    dataset_id = import_file(folder / "workspace", alpaca_file(folder), NAME)
    run_pipeline(folder / "workspace", dataset_id)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "tamis.cli",
        "--workspace",
        str(folder / "workspace"),
        "serve",
        "--port",
        str(port),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "core")}
    environment.pop("TAMIS_TOKEN", None)
    with serving(command, port, folder / "workspace", cwd=ROOT, environment=environment) as server:
        printed = (folder / f"server-{port}.log").read_text("utf-8")
        (whole,) = re.findall(rf"{server.url}/\?token=\S+", printed)
        processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert whole.partition("token=")[2] not in processes
        yield server.url, whole, dataset_id


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_without_the_token_sees_nothing_and_with_it_everything(
    address: tuple[str, str, str], page: Page
) -> None:
    url, whole, dataset_id = address
    for path in PATHS[:6]:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url + path)
        assert refused.value.code == 403
        assert NAME not in refused.value.read().decode()
    page.goto(f"{url}/overview")
    expect(page.get_by_role("heading", name="This Tamis asks for its token")).to_be_visible()
    page.get_by_label("Token").fill(whole.partition("token=")[2])
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text(NAME).first).to_be_visible(timeout=60_000)
    assert "token=" not in page.url
    troubles: list[str] = []
    page.on(
        "console",
        lambda message: troubles.append(message.text) if "Content Security" in message.text else None,
    )
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((url, "data:", "blob:")) else troubles.append(request.url)
        ),
    )
    for one in APP_PAGES:
        page.goto(f"{url}/{one.name}?dataset={dataset_id}")
        expect(page.get_by_role("heading", level=1, name=one.title)).to_be_visible(timeout=60_000)
    assert not troubles
