"""The folder of one job: the only channel between a worker and everyone else, and the one place that knows its paths."""

from __future__ import annotations

import math
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import BaseModel, ValidationError

from tamis.errors import InvalidOptions, UnreadableFile
from tamis.jobs.model import JobResult, JobSpec, Progress, read_progress

JOBS_FOLDER = "jobs"
LARGEST_FILE_BYTES = 4_000_000  # a spec or a report is a few KB; anything longer was not written by a worker
LOG_TAIL_BYTES = 8_000
RESERVE_BYTES = 65_536
_ID = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One point of a curve; ``value`` may be NaN."""

    name: str
    value: float
    position: float


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Every path of a job, and tolerant readers: a missing, half-written or foreign file reads as absent."""

    path: Path

    @classmethod
    def of(cls, workspace: Path, job_id: str) -> JobFolder:
        """The folder of a job of a workspace, whether or not it exists; raises InvalidOptions for what is no id."""
        if not _ID.fullmatch(job_id):
            raise InvalidOptions(f"{job_id[:100]!r} is no id of a job.")
        return cls(workspace / JOBS_FOLDER / job_id)

    @property
    def workspace(self) -> Path:
        """The workspace this folder is in."""
        return self.path.parent.parent

    @property
    def spec_path(self) -> Path:
        """What to do; written before the worker starts."""
        return self.path / "spec.json"

    @property
    def progress_path(self) -> Path:
        """How far the worker is; replaced about once a second."""
        return self.path / "progress.json"

    @property
    def metrics_path(self) -> Path:
        """Points of curves, one JSON object a line, appended."""
        return self.path / "metrics.jsonl"

    @property
    def log_path(self) -> Path:
        """Everything the worker printed, over all attempts."""
        return self.path / "log.txt"

    @property
    def result_path(self) -> Path:
        """How it ended; written last."""
        return self.path / "result.json"

    @property
    def cancel_path(self) -> Path:
        """Its existence asks the worker to stop."""
        return self.path / "cancel"

    @property
    def lock_path(self) -> Path:
        """Held by the worker while it lives, so that one job never has two."""
        return self.path / "worker.lock"

    @property
    def reserve_path(self) -> Path:
        """Space kept so that a worker on a full disk can still say so."""
        return self.path / "reserve"

    def prepare(self, spec: JobSpec) -> None:
        """Make the folder ready for an attempt: what the last attempt said is removed, its log and curves stay."""
        self.path.mkdir(parents=True, exist_ok=True)
        for stale in (self.result_path, self.progress_path, self.cancel_path, *self.path.glob(".*.aside")):
            stale.unlink(missing_ok=True)
        self.write(self.spec_path, spec)

    def remove(self) -> None:
        """Delete the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def read_spec(self) -> JobSpec:
        """What to do; raises UnreadableFile saying why it cannot be read."""
        try:
            return JobSpec.model_validate_json(_read(self.spec_path))
        except OSError as error:
            raise UnreadableFile(
                f"{self.spec_path}: {error.strerror or error}. Submit the job again."
            ) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UnreadableFile(
                f"{self.spec_path} is no job specification ({where or 'content'}: {first['msg']}). "
                "Submit the job again."
            ) from error

    def read_progress(self, attempt: int) -> Progress | None:
        """The last report of that attempt; None when there is none or it cannot be read."""
        try:
            progress = read_progress(_read(self.progress_path))
        except OSError:
            return None
        return progress if progress is not None and progress.attempt == attempt else None

    def read_result(self, attempt: int) -> JobResult | None:
        """How that attempt ended; None when it has not, or the file cannot be read."""
        try:
            result = JobResult.model_validate_json(_read(self.result_path))
        except (OSError, ValidationError):
            return None
        return result if result.attempt == attempt else None

    def write(self, path: Path, content: BaseModel) -> None:
        """Replace one of the files in one step, so that a reader sees the old or the new content and never half.

        Not synced to the disk, unlike an artifact: after a power cut a job starts again from its row and its parts.
        """
        aside = path.with_name(f".{path.name}.{os.getpid()}.aside")
        aside.write_bytes(content.model_dump_json(indent=1).encode())
        aside.replace(path)

    def request_cancel(self) -> None:
        """Ask the worker to stop; harmless when it has ended or never started."""
        if self.path.is_dir():
            self.cancel_path.touch()

    def add_metric(self, name: str, value: float, position: float) -> None:
        """Append a point; one write, so that a reader or a kill leaves at most the last line half-written."""
        line = orjson.dumps({"name": name, "value": value, "position": position}) + b"\n"
        descriptor = os.open(self.metrics_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def read_metrics(self) -> dict[str, list[MetricPoint]]:
        """Every curve by name, sorted by position; of two points at one position (a resumed job) the later counts."""
        try:
            lines = self.metrics_path.read_bytes().splitlines()
        except OSError:
            return {}
        curves: dict[str, dict[float, MetricPoint]] = {}
        for line in lines:
            point = _metric(line)
            if point is not None:
                curves.setdefault(point.name, {})[point.position] = point
        return {name: [points[at] for at in sorted(points)] for name, points in curves.items()}

    def log_from(self, offset: int = 0, *, limit_bytes: int = 1_000_000) -> tuple[str, int]:
        """Log text from a byte offset and the offset to go on from; bytes that are no UTF-8 are replaced."""
        try:
            with self.log_path.open("rb") as stream:
                stream.seek(offset)
                content = stream.read(limit_bytes)
        except OSError:
            return "", offset
        return content.decode("utf-8", errors="replace"), offset + len(content)

    def log_tail(self, *, limit_bytes: int = LOG_TAIL_BYTES) -> str:
        """The last lines of the log; of a line that a progress bar rewrote, only its last state."""
        try:
            start = max(0, self.log_path.stat().st_size - limit_bytes)
        except OSError:
            return ""
        text, _ = self.log_from(start, limit_bytes=limit_bytes)
        lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
        if start > 0:
            lines = lines[1:] or lines
        return "\n".join(lines).replace("\x00", "").strip("\n")


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(LARGEST_FILE_BYTES + 1)
    return content if len(content) <= LARGEST_FILE_BYTES else b""


def _metric(line: bytes) -> MetricPoint | None:
    try:
        values = orjson.loads(line)
        value = values["value"]
        return MetricPoint(
            str(values["name"]), math.nan if value is None else float(value), float(values["position"])
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
