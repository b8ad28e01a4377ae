"""Where people have accounts nobody else comes in: not by a header of their own, not by a cookie of another server."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from pages.serving import account_gate
from pages.serving.account_gate import AccountGate
from pages.serving.token_gate import TokenGate
from pages.shared.identity import guard
from tamis.cli.main import run
from tamis.errors import NotAllowed
from tamis.settings import Settings
from tests.attacks.test_access import PATHS

SECRET = "a-cookie-secret-of-this-test"
ORIGIN = "http://tamis.example"


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "accounts.toml"
    path.write_text('[accounts]\n"ann@example.org" = "reviewer"\n"héloïse" = "curator"\n')
    monkeypatch.setenv("TAMIS_ACCOUNTS", str(path))
    monkeypatch.setattr(account_gate, "get_cookie_secret", lambda: SECRET)
    monkeypatch.setattr(account_gate, "get_origin_from_redirect_uri", lambda: ORIGIN)
    auth = {"client_id": "tamis", "other": {"client_id": "tamis-there"}}
    monkeypatch.setattr(
        account_gate, "get_secrets_auth_section", lambda: SimpleNamespace(to_dict=lambda: auth)
    )
    return path


class _Inner:
    """The app behind the gate: keeps whom it believes to be asked by."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"secret"})


def _ask(
    settings: Settings,
    path: str = "/",
    *,
    peer: str = "127.0.0.1",
    headers: list[tuple[bytes, bytes]] | None = None,
    kind: str = "http",
) -> tuple[list[dict[str, Any]], _Inner]:
    inner, sent = _Inner(), []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": kind, "path": path, "query_string": b"", "headers": headers or [], "scheme": "http", "client": (peer, 5),
    }  # fmt: skip
    with pytest.raises(StopIteration):  # nothing in it waits
        AccountGate(inner, settings)(scope, None, send).send(None)  # type: ignore[arg-type]
    return sent, inner


def _by_proxy(accounts: Path) -> Settings:
    return Settings(
        accounts=accounts, proxy_header="X-Forwarded-User", proxy_addresses=["10.0.0.5", "192.168.7.0/24"]
    )


def _cookie(
    claims: dict[str, Any], secret: str = SECRET, name: str = "_streamlit_user"
) -> tuple[bytes, bytes]:
    signed = create_signed_value(secret, name, json.dumps(claims)).decode()
    return b"cookie", f"_streamlit_user={signed}".encode()


CLAIMS = {
    "email": "ann@example.org",
    "email_verified": True,
    "origin": ORIGIN,
    "is_logged_in": True,
    "sub": "1",
    "aud": "tamis",
    "provider": "default",
}


@pytest.mark.parametrize("path", PATHS)
def test_without_a_login_nothing_is_answered(path: str, accounts: Path) -> None:
    for settings in (Settings(accounts=accounts), _by_proxy(accounts)):
        sent, inner = _ask(settings, path)
        assert sent[0]["status"] == 403
        assert not inner.asked
        (closed,), inner = _ask(settings, path, kind="websocket")
        assert closed["type"] == "websocket.close"
        assert not inner.asked


@pytest.mark.parametrize(
    "said", [{}, {"aud": ["tamis", "another-app"]}, {"aud": "tamis-there", "provider": "other"}]
)
def test_a_login_comes_in_as_its_account(said: dict[str, Any], accounts: Path) -> None:
    sent, inner = _ask(Settings(accounts=accounts), headers=[_cookie(CLAIMS | said)])
    assert sent[0]["status"] == 200
    actor = guard(inner.asked[0])
    assert (actor.account, actor.role, actor.via) == ("ann@example.org", "reviewer", "login")


@pytest.mark.parametrize(
    "cookie",
    [
        _cookie(CLAIMS, secret="another-server-s-secret"),
        _cookie(CLAIMS, name="_streamlit_user_tokens"),
        _cookie(CLAIMS | {"origin": "http://other.example"}),
        _cookie(CLAIMS | {"is_logged_in": False}),
        _cookie(CLAIMS | {"aud": "another-app", "azp": "tamis"}),
        _cookie(CLAIMS | {"aud": ["another-app"]}),
        _cookie(CLAIMS | {"provider": "other"}),
        _cookie(CLAIMS | {"provider": "client_id"}),
        _cookie({name: value for name, value in CLAIMS.items() if name != "aud"}),
        _cookie(CLAIMS | {"email_verified": False}),
        _cookie({name: value for name, value in CLAIMS.items() if name != "email_verified"}),
        _cookie(CLAIMS | {"email": "zed@example.org"}),
        _cookie(CLAIMS | {"email": ["ann@example.org"]}),
        (b"cookie", b"_streamlit_user=" + json.dumps(CLAIMS).encode()),
        (b"cookie", b"_streamlit_user=\xff\xfe; ;;="),
    ],
)
def test_no_other_cookie_does(cookie: tuple[bytes, bytes], accounts: Path) -> None:
    sent, inner = _ask(Settings(accounts=accounts), headers=[cookie])
    assert sent[0]["status"] == 403
    assert not inner.asked


@pytest.mark.parametrize("text", ["[accounts", '[accounts]\n"ann@example.org" = "root"', "\udcff"])
def test_while_the_file_of_accounts_cannot_be_read_nobody_comes_in(accounts: Path, text: str) -> None:
    accounts.write_bytes(text.encode("utf-8", "surrogateescape"))
    named = [(b"x-forwarded-user", b"ann@example.org")]
    for settings, headers in ((Settings(accounts=accounts), [_cookie(CLAIMS)]), (_by_proxy(accounts), named)):
        sent, inner = _ask(settings, peer="10.0.0.5", headers=headers)
        assert sent[0]["status"] == 403
        assert b"Tell the operator" in sent[1]["body"]
        assert str(accounts).encode() not in sent[1]["body"]
        (closed,), _ = _ask(settings, peer="10.0.0.5", headers=headers, kind="websocket")
        assert closed["type"] == "websocket.close"
        assert not inner.asked


def test_who_is_refused_is_told_once(accounts: Path) -> None:
    told: list[tuple[str, str]] = []
    gate = AccountGate(
        _Inner(), Settings(accounts=accounts), refused=lambda account, via: told.append((account, via))
    )

    async def send(message: dict[str, Any]) -> None:
        """Nobody reads it."""

    cookie = _cookie(CLAIMS | {"email": "zed@example.org"})
    for _ in range(3):
        scope = {"type": "http", "path": "/", "query_string": b"", "headers": [cookie], "scheme": "http"}
        with pytest.raises(StopIteration):
            gate(scope, None, send).send(None)  # type: ignore[arg-type]
    assert told == [("zed@example.org", "login")]


def test_a_proxy_is_believed_at_its_address_alone(accounts: Path) -> None:
    named = [(b"x-forwarded-user", b"ann@example.org")]
    for peer in ("10.0.0.5", "192.168.7.200"):
        _, inner = _ask(_by_proxy(accounts), peer=peer, headers=named)
        assert guard(inner.asked[0]).account == "ann@example.org"
    for peer, headers in (
        ("127.0.0.1", named),
        ("10.0.0.6", named),
        ("", named),
        ("10.0.0.6", [*named, (b"x-forwarded-for", b"10.0.0.5"), (b"x-real-ip", b"10.0.0.5")]),
        ("10.0.0.5", [*named, (b"x-forwarded-user", b"zed")]),
        ("10.0.0.5", [(b"x-forwarded-user", b"zed@example.org")]),
        ("10.0.0.5", [(b"x-forwarded-user", b"")]),
        ("10.0.0.5", []),
    ):
        sent, inner = _ask(_by_proxy(accounts), peer=peer, headers=headers)
        assert sent[0]["status"] == 403, (peer, headers)
        assert not inner.asked


def test_nobody_says_of_themselves_who_they_are(accounts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = (b"x-tamis-account", b"0" * 32 + b" login ann@example.org")
    with pytest.raises(NotAllowed):
        guard({"headers": [forged]})
    # Behind the gate of the token too, and by whatever spelling.
    inner, sent = _Inner(), []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": "/",
        "query_string": b"",
        "headers": [forged, (b"X-Tamis-Account", forged[1])],
    }
    with pytest.raises(StopIteration):
        TokenGate(inner)(scope, None, send).send(None)  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        guard(inner.asked[0])
    assert sum(name.lower() == b"x-tamis-account" for name, _ in inner.asked[0]["headers"]) == 1
    monkeypatch.delenv("TAMIS_ACCOUNTS")
    assert guard(inner.asked[0]).account == ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TAMIS_PROXY_HEADER": "X-User"}, "TAMIS_PROXY_ADDRESSES"),
        ({"TAMIS_PROXY_HEADER": "X-User", "TAMIS_PROXY_ADDRESSES": '["10.0.0.5"]'}, "needs TAMIS_ACCOUNTS"),
        ({"TAMIS_PROXY_ADDRESSES": '["the proxy"]'}, "TAMIS_PROXY_ADDRESSES"),
        ({"TAMIS_ACCOUNTS": "accounts.toml"}, "nothing says how"),
        ({"TAMIS_ACCOUNTS": "accounts.toml", "TAMIS_LOGIN": "login.toml"}, "lacks client_id"),
        ({"TAMIS_ACCOUNTS": "accounts.toml", "TAMIS_LOGIN": "short.toml"}, "could be forged"),
        ({"TAMIS_ACCOUNTS": "none.toml", "TAMIS_LOGIN": "login.toml"}, "cannot be read"),
    ],
)
def test_half_a_way_in_is_refused_at_the_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str],
    said: str,
) -> None:
    auth = '[auth]\nredirect_uri = "http://h/oauth2callback"\ncookie_secret = "SECRET"\n'
    for name, text in {
        "accounts": "",
        "login": auth.replace("SECRET", "0" * 40),
        "short": auth + 'client_id = "a"\nclient_secret = "b"\nserver_metadata_url = "http://p"\n',
    }.items():
        (tmp_path / f"{name}.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert run(["--workspace", str(tmp_path), "serve", "--host", "0.0.0.0"]) != 0
    assert said in capsys.readouterr().err
