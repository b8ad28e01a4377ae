"""The forecast of a language-model run in a process of its own: a model too large for this machine ends that one alone.

``python -m tamis.jobs.forecast.process`` is that process: a request as JSON comes in, one line of JSON goes out.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from tamis.errors import CurationError
from tamis.jobs.backends import process_environment
from tamis.jobs.causes import exit_text, offer_to_be_killed_first
from tamis.jobs.forecast.llm import SAMPLE_ROWS, ModelsForecast, RoleForecast, forecast_models
from tamis.settings import source_folder
from tamis.store.artifacts.store import ArtifactStore
from tamis.types import JSON

MODULE = "tamis.jobs.forecast.process"
LIMIT_S = 600.0
GRACE_S = 10  # after which the process ends itself, should nobody be left to end it


class ForecastProcess:
    """The process that estimates; leaving the context ends it, whatever it was doing, and leaves no zombie."""

    def __init__(
        self,
        workspace: Path,
        dataset_id: str,
        step: str,
        values: Mapping[str, JSON],
        *,
        n_sample: int = SAMPLE_ROWS,
        limit_s: float = LIMIT_S,
        command: Sequence[str] = (sys.executable, "-m", MODULE),
    ) -> None:
        self._limit_s = limit_s
        self._started = time.monotonic()
        # Files and not pipes: a full pipe would stop the process until somebody reads it.
        self._said, self._log = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        with tempfile.TemporaryFile() as asked:
            asked.write(
                orjson.dumps(
                    {
                        "workspace": str(workspace),
                        "dataset_id": dataset_id,
                        "step": step,
                        "values": dict(values),
                        "n_sample": n_sample,
                        "limit_s": limit_s,
                    }
                )
            )
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

    def wait(self, seconds: float) -> ModelsForecast | None:
        """The estimate, None while it is not there after so many seconds.

        Raises CurationError with what the step said, when the time limit is over, and when the process died.
        """
        left = self._limit_s - (time.monotonic() - self._started)
        try:
            code = self._process.wait(max(0.0, min(seconds, left)))
        except subprocess.TimeoutExpired:
            if left > seconds:
                return None
            self.end()
            raise CurationError(
                f"The estimate was not done within {self._limit_s:g} s and was stopped. The model may be too slow to load "
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

    def _answer(self, code: int) -> ModelsForecast:
        lines = _text(self._said).splitlines()
        try:
            answer: dict[str, Any] = orjson.loads(lines[-1]) if lines else {}
        except orjson.JSONDecodeError:
            answer = {}
        if "error" in answer:
            raise CurationError(str(answer["error"]))
        if code or "found" not in answer:
            raise CurationError(_loss(code, _text(self._log)))
        forecast = answer["found"]
        roles = tuple(RoleForecast(**role) for role in forecast.pop("roles"))
        return ModelsForecast(**forecast, roles=roles)


def _text(file: Any) -> str:  # noqa: ANN401 - what tempfile makes has no type of its own
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


def _loss(code: int, log: str) -> str:
    if code == -signal.SIGKILL:
        return (
            "The estimate was killed, most likely because memory ran out while the model was loaded. Nothing else was "
            "harmed: choose a smaller model or another dtype, or run the step where there is more memory."
        )
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    text = f" It said last: {last[:300]}" if last else ""
    return f"The estimate failed: {exit_text(code)}.{text}"


def main() -> int:
    """Answer the request on standard input; returns the exit code, 0 also for an error that was said."""
    request = orjson.loads(sys.stdin.buffer.read())
    offer_to_be_killed_first()
    signal.alarm(math.ceil(request["limit_s"]) + GRACE_S)
    try:
        models = forecast_models(
            ArtifactStore(Path(request["workspace"])),
            request["dataset_id"],
            request["step"],
            request["values"],
            n_sample=request["n_sample"],
        )
        answer: dict[str, JSON] = {"found": asdict(models)}
    except CurationError as error:
        answer = {"error": str(error)}
    sys.stdout.buffer.write(b"\n" + orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
