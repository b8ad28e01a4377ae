"""One question to a process of its own: JSON goes in, one line of JSON comes out, and with the asker the process ends.

A model that is too large or too slow for this machine ends that process alone. ``answer_request`` is its side of it.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import orjson

from tamis.errors import CurationError
from tamis.jobs.backends import process_environment
from tamis.jobs.causes import exit_text, offer_to_be_killed_first
from tamis.settings import source_folder
from tamis.types import JSON

T = TypeVar("T")
LIMIT_S = 600.0
GRACE_S = 10  # after which the process ends itself, should nobody be left to end it


class AskedProcess(Generic[T]):
    """The process that answers; leaving the context ends it, whatever it was doing, and leaves no zombie.

    ``read`` makes what was wanted of the answer, ``what`` is the subject of sentences about it (The estimate).
    """

    def __init__(
        self,
        request: Mapping[str, JSON],
        read: Callable[[Any], T],
        *,
        what: str,
        limit_s: float,
        command: Sequence[str],
    ) -> None:
        self._read, self._what, self._limit_s = read, what, limit_s
        self._started = time.monotonic()
        # Files and not pipes: a full pipe would stop the process until somebody reads it.
        self._said, self._log = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        with tempfile.TemporaryFile() as asked:
            asked.write(orjson.dumps({**request, "limit_s": limit_s}))
            asked.seek(0)
            self._process = subprocess.Popen(
                list(command),
                stdin=asked,
                stdout=self._said,
                stderr=self._log,
                cwd=source_folder(),
                env={**os.environ, **process_environment(0)},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def progress(self) -> dict[str, JSON]:
        """What it said last of how far it is; empty before it said anything."""
        return next((one["progress"] for one in reversed(self._lines()) if "progress" in one), {})

    def wait(self, seconds: float) -> T | None:
        """The answer, None while it is not there after so many seconds.

        Raises CurationError with what the process said, when the time limit is over, and when the process died.
        """
        left = self._limit_s - (time.monotonic() - self._started)
        try:
            code = self._process.wait(max(0.0, min(seconds, left)))
        except subprocess.TimeoutExpired:
            if left > seconds:
                return None
            self.end()
            raise CurationError(
                f"{self._what} was not done within {self._limit_s:g} s and was stopped. The model may be too slow to load "
                "or to answer here: run the step on another machine, or choose a smaller model."
            ) from None
        return self._answer(code)

    def end(self) -> None:
        """End the process and what it started, and take note of its end."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._said.close()
        self._log.close()

    def _answer(self, code: int) -> T:
        lines = self._lines()
        answer = lines[-1] if lines else {}
        if "error" in answer:
            raise CurationError(str(answer["error"]))
        if code or "found" not in answer:
            raise CurationError(self._loss(code, _text(self._log)))
        return self._read(answer["found"])

    def _lines(self) -> list[dict[str, Any]]:
        """The lines that are ours; what libraries print is none, and neither is a line half written."""
        found: list[dict[str, Any]] = []
        for line in _text(self._said).splitlines():
            try:
                said = orjson.loads(line)
            except orjson.JSONDecodeError:
                said = None
            found.append(said if isinstance(said, dict) else {})
        return found

    def _loss(self, code: int, log: str) -> str:
        if code == -signal.SIGKILL:
            return (
                f"{self._what} was killed, most likely because memory ran out while the model was loaded. Nothing else was "
                "harmed: choose a smaller model or another dtype, or run the step where there is more memory."
            )
        last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
        text = f" It said last: {last[:300]}" if last else ""
        return f"{self._what} failed: {exit_text(code)}.{text}"


def answer_request(answer: Callable[[dict[str, Any]], JSON]) -> int:
    """Answer the request on standard input; returns the exit code, 0 also for an error that was said."""
    request = orjson.loads(sys.stdin.buffer.read())
    offer_to_be_killed_first()
    signal.alarm(math.ceil(request["limit_s"]) + GRACE_S)
    try:
        say(found=answer(request))
    except CurationError as error:
        say(error=str(error))
    return 0


def say(**line: JSON) -> None:
    """Write a line: ``found``, ``error``, or ``progress`` while it goes on."""
    sys.stdout.buffer.write(b"\n" + orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def _text(file: Any) -> str:  # noqa: ANN401 - what tempfile makes has no type of its own
    # The process writes through the same open file: its place in it stays where it is.
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", "replace")
