"""Ray's job submission API over plain HTTP, so that the machine that submits needs no Ray."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

import orjson

from tamis.errors import CurationError
from tamis.jobs.backends.outage import Outage

QUICK_S = 5.0
SUBMIT_S = 30.0  # the first submission to a head that has just started takes several seconds
PAUSE_S = 15.0
MOST_BYTES = 50_000_000  # of an answer, whoever gives it
_VERSION = "/api/version"
_WANTS_TOKEN = "Unauthorized: Missing authentication token"  # in Ray's words, which its version is not told without either
LOOPBACK = ("127.0.0.1", "localhost", "::1")
JSONObject = dict[str, Any]


class Refused(CurationError):
    """The API understood the request and said no; ``status`` is the HTTP status, ``said`` its own words."""

    def __init__(self, status: int, text: str, said: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.said = said


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect leads to a login page, and would carry the token there."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


class RayClient:
    """The jobs of one cluster. Every call raises NoAnswer when it does not answer, and Refused when it says no."""

    def __init__(self, address: str, *, token: str = "", pause_s: float = PAUSE_S) -> None:
        self.address = address.rstrip("/")
        self.outage = Outage(pause_s=pause_s)
        self._token = token
        self._is_ray = False  # until it has said so
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if urlsplit(self.address).hostname in LOOPBACK:
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def version(self) -> str:
        """The version of Ray there."""
        return str(self._json("GET", _VERSION).get("ray_version", ""))

    def submit(self, request: JSONObject) -> None:
        """Start a job; once, however often it is called with the same submission_id."""
        try:
            self._json("POST", "/api/jobs/", request, timeout_s=SUBMIT_S)
        except Refused as error:
            # A repeated submission is refused like any bad request, and nothing but the words tells them apart.
            if "already exists" not in str(error):
                raise

    def job(self, submission_id: str) -> JSONObject | None:
        """What is known of a job; None when it is unknown."""
        try:
            return self._json("GET", f"/api/jobs/{quote(submission_id)}")
        except Refused as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def jobs(self) -> list[JSONObject]:
        """Everything the cluster knows of jobs that were submitted."""
        listed = self._answer("GET", "/api/jobs/")
        if not isinstance(listed, list):
            raise self._foreign()
        return [job for job in listed if isinstance(job, dict) and job.get("submission_id")]

    def stop(self, submission_id: str) -> None:
        """SIGTERM, and SIGKILL three seconds later; harmless for a job that has ended or is unknown."""
        try:
            self._json("POST", f"/api/jobs/{quote(submission_id)}/stop", {})
        except Refused as error:
            if error.status != http.client.NOT_FOUND:
                raise

    def log(self, submission_id: str) -> str:
        """The output of a job that did not go into a file of its own; empty for one that is unknown."""
        try:
            return str(self._json("GET", f"/api/jobs/{quote(submission_id)}/logs").get("logs", ""))
        except Refused:
            return ""

    def _require_ray(self) -> None:
        """Ask for the version without the token, before that goes to whatever listens at the address.

        Ray tells its version, or that it wants a token.
        """
        if self._is_ray:
            return
        try:
            told = self._answer("GET", _VERSION, with_token=False)
            self._is_ray = isinstance(told, dict) and bool(told.get("ray_version"))
        except Refused as error:
            self._is_ray = error.status == http.client.UNAUTHORIZED and error.said.strip() == _WANTS_TOKEN
        if not self._is_ray:
            raise self._foreign()

    def _json(
        self, method: str, path: str, body: JSONObject | None = None, *, timeout_s: float = QUICK_S
    ) -> JSONObject:
        parsed = self._answer(method, path, body, timeout_s=timeout_s)
        if not isinstance(parsed, dict):
            raise self._foreign()
        return parsed

    def _answer(
        self,
        method: str,
        path: str,
        body: JSONObject | None = None,
        *,
        timeout_s: float = QUICK_S,
        with_token: bool = True,
    ) -> object:
        self.outage.check()
        headers = {"Content-Type": "application/json"}
        if self._token and with_token:
            self._require_ray()
            headers["Authorization"] = f"Bearer {self._token}"
        content = None if body is None else orjson.dumps(body)
        request = urllib.request.Request(self.address + path, content, headers, method=method)
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                parsed: object = orjson.loads(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from None
        except orjson.JSONDecodeError:
            raise self._foreign() from None
        except (OSError, http.client.HTTPException) as error:
            self._is_ray = False  # another program may listen there when something answers again
            raise self.outage.begin(self._silence(error)) from None
        self.outage.end()
        return parsed

    def _refusal(self, error: urllib.error.HTTPError) -> CurationError:
        with error:
            text = error.read(MOST_BYTES).decode("utf-8", errors="replace")
        if error.code in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            given = "no token was given" if not self._token else "it does not accept the token that was given"
            return Refused(
                error.code,
                f"Ray at {self.address} wants a token and {given} (HTTP {error.code}). Set RAY_AUTH_TOKEN, or "
                "RAY_AUTH_TOKEN_PATH to a file that holds it, and start Tamis again.",
                text,
            )
        if error.code in (502, 503, 504):
            return self.outage.begin(
                f"Ray at {self.address} does not answer: HTTP {error.code} from what is before it."
            )
        if 300 <= error.code < 400:
            return self._foreign()
        lines = [line.strip() for line in text.splitlines() if line.strip(" .")]
        # Of a traceback, the last line says what was wrong.
        message = (lines[-1] if lines else str(error.reason))[:500]
        return Refused(error.code, f"Ray at {self.address} said HTTP {error.code}: {message}")

    def _foreign(self) -> CurationError:
        return CurationError(
            f"What answers at {self.address} is not the dashboard of a Ray cluster. Set TAMIS_RAY_ADDRESS to the "
            "dashboard's address, usually port 8265 of the head node."
        )

    def _silence(self, error: Exception) -> str:
        why = getattr(error, "reason", error)
        message = getattr(why, "strerror", None) or str(why) or type(why).__name__
        return f"Ray at {self.address} does not answer ({message})."


def token_from_environment() -> str:
    """The token as Ray itself looks for it: RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token; empty without."""
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError:
        return ""
