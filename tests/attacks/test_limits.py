"""What a browser may send and what it is told: uploads have limits, and what breaks shows neither code nor paths."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config
from streamlit.elements import exception as shown
from streamlit.proto.Exception_pb2 import Exception as Shown
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.web.server.starlette.starlette_routes import create_upload_routes

from pages.parts.import_data import sources
from tamis.settings import app_folder
from tests.test_security_document import ROOT

CONFIGURED: dict[str, Any] = tomllib.loads((app_folder() / ".streamlit" / "config.toml").read_text("utf-8"))
DOCUMENT = (ROOT / "SECURITY.md").read_text("utf-8")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """Streamlit's own route of uploads, with a limit of one megabyte and a session that is open."""
    real = config.get_option
    changed = {"server.maxUploadSize": 1, "server.enableXsrfProtection": False}
    monkeypatch.setattr(config, "get_option", lambda name: changed[name] if name in changed else real(name))
    runtime = SimpleNamespace(is_active_session=lambda _: True)
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    return TestClient(Starlette(routes=create_upload_routes(runtime, manager, "")))  # type: ignore[arg-type]


def test_an_upload_that_is_too_large_is_refused_before_it_is_held(client: TestClient) -> None:
    address = "/_stcore/upload_file/session/file"
    assert client.put(address, files={"a.jsonl": b"x" * 1000}).status_code == 204
    assert client.put(address, files={"a.jsonl": b"x" * 3_000_000}).status_code == 413

    def chunks() -> Iterator[bytes]:  # without saying how long it is
        yield b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 100_000

    unsaid = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.put(address, content=chunks(), headers=unsaid).status_code == 413


def test_the_limits_of_uploads_are_those_that_are_promised() -> None:
    size = CONFIGURED["server"]["maxUploadSize"]
    assert (
        f"At most {sources.MOST_UPLOADS} files are uploaded at once; an upload has at most {size:,} MB"
        in DOCUMENT
    )


def test_more_files_than_that_are_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    given = [SimpleNamespace(file_id=str(i), name=f"{i}.jsonl") for i in range(sources.MOST_UPLOADS + 1)]
    drawn = SimpleNamespace(
        file_uploader=lambda *_, **__: given, caption=lambda _: None, error=lambda text, **_: said.append(text), session_state={}
    )  # fmt: skip
    monkeypatch.setattr(sources, "st", drawn)
    monkeypatch.setattr(sources, "asks", lambda *_, **__: {})
    monkeypatch.setattr(sources, "store_upload", lambda *_: pytest.fail("it was stored"))
    assert sources._uploaded(None) == []  # type: ignore[arg-type]
    assert "101 files are more than 100 at once" in said[0]


def test_what_no_page_catches_reaches_the_browser_without_its_words_and_its_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = config.get_option
    told = CONFIGURED["client"]["showErrorDetails"]
    monkeypatch.setattr(
        config, "get_option", lambda name: told if name == "client.showErrorDetails" else real(name)
    )
    try:
        raise OSError("/srv/secret/place cannot be read")
    except OSError as error:
        sent = Shown()
        shown.marshall(sent, error, apply_show_error_details=True)
    assert not sent.stack_trace
    text = str(sent)
    assert "secret" not in text and "test_limits" not in text and "Traceback" not in text
