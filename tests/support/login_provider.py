"""A small OpenID provider on this machine: real metadata, codes, PKCE and signed tokens, and a page on which one says who one is."""

from __future__ import annotations

import base64
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, CLIENT_SECRET = "tamis", "a-client-secret-of-this-test"
PEOPLE = ("vic", "ann", "ben", "cas", "mallory", "zed")


# What is wrong with the token of "ann:expired".
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1_500_000_000, "iat": 1_499_999_000},
    "for another": {"aud": "another-app"},
    "for another, by us": {"aud": "another-app", "azp": CLIENT},
    "of another": {"iss": "http://127.0.0.1:9"},
    "of another login": {"nonce": "of-another-login"},
    "without a nonce": {"nonce": None},
}
WRONG = (*WRONG_CLAIMS, "signed by another", "unsigned")


class _Provider(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.key = RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig", "alg": "RS256"})
        self.other_key = RSAKey.generate_key(2048, parameters={"kid": "1", "use": "sig", "alg": "RS256"})
        self.asked: dict[str, dict[str, str]] = {}  # by code, what was asked for and by whom

    def metadata(self) -> dict[str, Any]:
        made = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        # The addresses would have to be https in the world.
        OpenIDProviderMetadata({**made, "issuer": "https://p"} | {
            name: value.replace("http:", "https:") for name, value in made.items() if isinstance(value, str) and name != "issuer"
        }).validate()  # fmt: skip
        return made

    def token(self, sent: dict[str, str], client: str) -> dict[str, str] | None:
        asked = self.asked.pop(sent.get("code", ""), None)
        if asked is None or client != f"{CLIENT}:{CLIENT_SECRET}":
            return None
        if create_s256_code_challenge(sent.get("code_verifier", "")) != asked.get("code_challenge"):
            return None
        now = int(time.time())
        who, _, wrong = asked["who"].partition(":")
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": who, "iat": now, "exp": now + 600, "nonce": asked["nonce"],
            "email": f"{who}@example.org", "email_verified": who != "mallory",
        }  # fmt: skip
        claims |= WRONG_CLAIMS.get(wrong, {})
        key = self.other_key if wrong == "signed by another" else self.key
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)
        if wrong == "unsigned":
            signed = f"{_packed({'alg': 'none'})}.{_packed(claims)}."
        return {"access_token": secrets.token_hex(8), "token_type": "Bearer", "id_token": signed}


class _Handler(BaseHTTPRequestHandler):
    server: _Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query))
        if parts.path == "/.well-known/openid-configuration":
            self._answer(json.dumps(self.server.metadata()))
        elif parts.path == "/jwks":
            self._answer(json.dumps({"keys": [self.server.key.as_dict(private=False)]}))
        elif parts.path == "/authorize" and "who" in asked:
            code = secrets.token_hex(8)
            self.server.asked[code] = asked
            self.send_response(302)
            self.send_header(
                "Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            )
            self.end_headers()
        elif parts.path == "/authorize":
            links = [f'<p><a href="{html.escape(self.path)}&amp;who={who}">{who}</a></p>' for who in PEOPLE]
            self._answer("".join(links), "text/html")
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        sent = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        client = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        token = self.server.token(sent, client)
        self._answer(json.dumps(token or {"error": "invalid_grant"}), status=200 if token else 400)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _answer(self, text: str, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())


def _packed(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@contextmanager
def login_provider() -> Iterator[str]:
    """Its address, while the block runs."""
    server = _Provider()
    threading.Thread(target=server.serve_forever, name="login provider", daemon=True).start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
